//! What works on a machine: what `gospect doctor` shows.

use std::io::{self, Write};

use serde::Serialize;

use crate::text::visible;
use crate::{Format, json_line};

/// A thing that probes need, or are better with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "check")]
pub struct Check<'a> {
    /// Its name, one word.
    pub name: &'a str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// How it is, in words.
    pub detail: &'a str,
    /// How to get it, where it is not.
    pub fix: Option<&'a str>,
}

/// Shows checks, what would help below each that is not as it should be.
///
/// # Errors
/// The writer's.
pub fn show(checks: &[Check<'_>], format: Format, out: &mut dyn Write) -> io::Result<()> {
    let look = match format {
        Format::Json => return checks.iter().try_for_each(|check| json_line(out, check)),
        Format::Text(look) => look,
    };
    let widest = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    for check in checks {
        let (word, colour) = if check.ok { ("ok", "\x1b[32m") } else { ("no", "\x1b[31m") };
        let (on, off) = if look.color { (colour, "\x1b[0m") } else { ("", "") };
        writeln!(out, "{on}{word}{off}  {:widest$}  {}", check.name, visible(check.detail))?;
        if let Some(fix) = check.fix {
            writeln!(out, "{:indent$}to get it: {}", "", visible(fix), indent = widest + 6)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::Look;

    #[test]
    fn what_is_not_as_it_should_be_has_a_second_line() {
        let good = Check { name: "kernel", ok: true, detail: "Linux 6.18", fix: None };
        let bad = Check { name: "rights", ok: false, detail: "none\x1b[2J", fix: Some("run as root") };
        let mut out = Vec::new();
        show(&[good, bad], Format::Text(Look::default()), &mut out).unwrap();
        show(&[bad], Format::Text(Look { color: true, ..Look::default() }), &mut out).unwrap();
        show(&[good], Format::Json, &mut out).unwrap();
        expect![[r#"
            ok  kernel  Linux 6.18
            no  rights  none\x1b[2J
                        to get it: run as root
            [31mno[0m  rights  none\x1b[2J
                        to get it: run as root
            {"type":"check","name":"kernel","ok":true,"detail":"Linux 6.18","fix":null}
        "#]]
        .assert_eq(&String::from_utf8(out).unwrap());
    }
}
