//! A function's arguments and results from the best source that the file has.

use crate::image::{Function, Image};
use crate::signature::{Signature, Signatures};

/// The sources of one image, opened.
pub struct Descriptions<'i> {
    dwarf: Option<Signatures<'i>>,
}

impl<'i> Descriptions<'i> {
    /// Opens what `image` has.
    #[must_use]
    pub fn of(image: &'i Image) -> Descriptions<'i> {
        Descriptions { dwarf: image.dwarf_signatures() }
    }

    /// What the function takes and gives; `None` if nothing describes it.
    #[must_use]
    pub fn signature(&self, function: &Function) -> Option<Signature> {
        let found = self.dwarf.as_ref()?.at(function.entry(), function.name(), function.is_assembly())?;
        // The assembler describes its functions as if they took and gave nothing.
        let silent = function.is_assembly() && found.args.is_empty() && found.rets.is_empty();
        (!silent).then_some(found)
    }
}
