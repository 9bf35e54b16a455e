//! What text and JSON share: each kind of output has a module that shows it in both.

use std::io::{self, Write};

use event::calls::Finished;
use event::stream::{Decoder, Output};

use super::Options;
use crate::call::{Page, Shown};
use crate::{Format, printf, state};

/// Pages of calls and of goroutines' states.
pub(super) struct Pages {
    pub calls: Page,
    states: state::Page,
}

impl Pages {
    /// Nothing yet.
    pub fn new(options: Options) -> Pages {
        let mut calls = Page::new(options.view, options.style);
        if options.several {
            calls.of_several();
        }
        Pages { calls, states: state::Page::default() }
    }

    /// Shows what a record says.
    pub fn show(&mut self, output: &Output, decoder: &Decoder, to: Format, out: &mut dyn Write) -> io::Result<()> {
        let (style, names) = (self.calls.style(), decoder.names());
        match output {
            Output::Printf { format, args, whole } => match decoder.format(*format) {
                Some(format) => printf::printf(format, args, style, &decoder.named(whole), to, out),
                None => Ok(()),
            },
            Output::Value { value, whole } => printf::value(value, style, &decoder.named(whole), to, out),
            Output::Time { form, boot } => printf::time(decoder.form(*form), *boot, names, to, out),
            Output::Begins(key) => match decoder.open(*key) {
                Some(begun) => self.call(&begun, decoder, |calls, shown| calls.begins(shown, names, to, out)),
                None => Ok(()),
            },
            Output::Ends(ended) => self.call(ended, decoder, |calls, shown| calls.ends(shown, names, to, out)),
            Output::Drops(key, boot) => self.calls.drops(*key, *boot, names, out),
            Output::State(change) => self.states.show(change, names, to, out),
        }
    }

    /// Shows a call with its values, if they can be read.
    fn call(
        &mut self,
        call: &Finished,
        decoder: &Decoder,
        show: impl FnOnce(&mut Page, &Shown<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some((told, types)) = decoder.values(call) else { return Ok(()) };
        let (ts, style) = (decoder.moment(call.started).unix, self.calls.style());
        show(&mut self.calls, &Shown { call, told: &told, types, ts, style })
    }
}
