//! Runs as text: lines for people, in bpftrace's form where bpftrace has one.

use std::io::{self, Write};

use event::stream::{Decoder, Item, Output};

use super::pages::Pages;
use super::{Layout, Options};
use crate::{Format, Look, maps, run};

const TEXT: Format = Format::Text(Look { color: false, width: None });

/// Makes the layout of text.
#[must_use]
pub fn text(options: Options) -> Box<dyn Layout> {
    Box::new(Text(Pages::new(options)))
}

struct Text(Pages);

impl Layout for Text {
    fn output(&mut self, output: &Output, decoder: &Decoder, out: &mut dyn Write) -> io::Result<()> {
        self.0.show(output, decoder, TEXT, out)
    }

    fn item(&mut self, item: &Item<'_>, decoder: &Decoder, out: &mut dyn Write) -> io::Result<()> {
        match item {
            Item::Map(map) => maps::show(map, decoder.names(), TEXT, out),
            Item::Maps(left) => maps::show_rest(left, decoder.names(), TEXT, out),
            _ => Ok(()),
        }
    }

    fn frame(&mut self, item: &Item<'_>, _: &mut dyn Write) -> io::Result<Option<String>> {
        let mut text = Vec::new();
        match item {
            Item::Attached(attached) => run::show_attached(attached, TEXT, &mut text)?,
            Item::Summary(summary) => run::show_summary(summary, TEXT, &mut text)?,
            _ => {}
        }
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    fn pause(&mut self, decoder: &Decoder, out: &mut dyn Write) -> io::Result<()> {
        self.0.calls.pause(decoder.names(), out)
    }

    fn shows_beginnings(&self) -> bool {
        self.0.calls.wants_beginnings()
    }

    fn fit(&mut self, columns: Option<usize>) {
        self.0.calls.fit(columns);
    }
}
