//! Calls on a stack: a line for people, an object for programs.

use event::go::Frame;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::text::visible;

/// `main.handle main.go:33`.
pub(crate) fn place(frame: &Frame) -> String {
    let file = frame.file.as_ref().map(|file| file.rsplit_once('/').map_or(file.as_str(), |(_, name)| name));
    let line = frame.line.map_or_else(String::new, |line| format!(":{line}"));
    let at = file.map_or_else(String::new, |file| format!("  {}{line}", visible(file)));
    format!("{}{at}{}", visible(&frame.func), if frame.inlined { " (inlined)" } else { "" })
}

/// The frames of a stack as objects.
pub(crate) struct Frames<'a>(pub &'a [Frame]);

impl Serialize for Frames<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(Placed))
    }
}

/// The JSON object `frame`.
struct Placed<'a>(&'a Frame);

impl Serialize for Placed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(4))?;
        map.serialize_entry("func", &self.0.func)?;
        map.serialize_entry("file", &self.0.file)?;
        map.serialize_entry("line", &self.0.line)?;
        map.serialize_entry("inlined", &self.0.inlined)?;
        map.end()
    }
}
