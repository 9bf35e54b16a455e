//! Runs as JSON: an object for each item, as docs/json.md describes them.

use std::io::{self, Write};

use event::stream::{Decoder, Item, Output};

use super::pages::Pages;
use super::{Layout, Options};
use crate::{Format, maps, run};

/// Makes the layout of JSON.
#[must_use]
pub fn json(options: Options) -> Box<dyn Layout> {
    Box::new(Json(Pages::new(options)))
}

struct Json(Pages);

impl Layout for Json {
    fn output(&mut self, output: &Output, decoder: &Decoder, out: &mut dyn Write) -> io::Result<()> {
        self.0.show(output, decoder, Format::Json, out)
    }

    fn item(&mut self, item: &Item<'_>, decoder: &Decoder, out: &mut dyn Write) -> io::Result<()> {
        match item {
            Item::Program(program) => run::show_program(program, out),
            Item::Map(map) => maps::show(map, decoder.names(), Format::Json, out),
            Item::Maps(left) => maps::show_rest(left, decoder.names(), Format::Json, out),
            _ => Ok(()),
        }
    }

    fn frame(&mut self, item: &Item<'_>, out: &mut dyn Write) -> io::Result<Option<String>> {
        match item {
            Item::Attached(attached) => run::show_attached(attached, Format::Json, out)?,
            Item::Summary(summary) => run::show_summary(summary, Format::Json, out)?,
            _ => {}
        }
        Ok(None)
    }

    fn shows_beginnings(&self) -> bool {
        self.0.calls.wants_beginnings()
    }
}
