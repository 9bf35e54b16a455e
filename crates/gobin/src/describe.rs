//! A function's arguments and results from the best source that the file has: DWARF; without it, for methods the
//! runtime's own types, and for all other functions the words that tracebacks print.

mod declared;
mod runtime;

use crate::image::{Function, Image};
use crate::signature::{Signature, Signatures};

pub use declared::Declarations;
use runtime::Runtime;

/// The sources of one image, opened.
pub enum Descriptions<'i> {
    /// It has DWARF.
    Dwarf(Signatures<'i>),
    /// It has only what the runtime needs.
    Runtime(Runtime<'i>),
}

impl<'i> Descriptions<'i> {
    /// Opens what `image` has.
    #[must_use]
    pub fn of(image: &'i Image) -> Descriptions<'i> {
        match image.dwarf_signatures() {
            Some(signatures) => Descriptions::Dwarf(signatures),
            None => Descriptions::Runtime(Runtime::of(image)),
        }
    }

    /// What the function takes and gives; `None` if nothing describes it.
    #[must_use]
    pub fn signature(&self, function: &Function) -> Option<Signature> {
        self.described(function, true)
    }

    /// The same for showing it only: places may be left [`Place::Unknown`], which saves much of the work.
    ///
    /// [`Place::Unknown`]: crate::abi::Place::Unknown
    #[must_use]
    pub fn outline(&self, function: &Function) -> Option<Signature> {
        self.described(function, false)
    }

    fn described(&self, function: &Function, places: bool) -> Option<Signature> {
        match self {
            Descriptions::Dwarf(signatures) => {
                let found = signatures.at(&function.compiled())?;
                // The assembler describes its functions as if they took and gave nothing.
                let silent = function.is_assembly() && found.args.is_empty() && found.rets.is_empty();
                (!silent).then_some(found)
            }
            Descriptions::Runtime(runtime) => runtime.signature(function, places),
        }
    }
}
