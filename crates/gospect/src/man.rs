//! `gospect man`: the manual page, made from the table.
//!
//! In the macros of man(7), which groff and mandoc both know.

use std::io::Write;

use crate::Run;
use crate::failure::Failure;
use crate::help;
use crate::table::{COMMANDS, Command, GLOBAL};

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    Ok(run.out.write_all(page().as_bytes())?)
}

fn page() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(".TH GOSPECT 1 \"\" \"gospect {version}\" \"User Commands\"\n");
    page += ".SH NAME\ngospect \\- show what a running, unmodified Go program is doing, from outside\n";
    page += ".SH SYNOPSIS\n.B gospect\n.I COMMAND\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n";
    page += ".SH DESCRIPTION\n";
    page += &text(help::DESCRIPTION);
    page += ".SH OPTIONS OF EVERY COMMAND\n";
    GLOBAL.iter().for_each(|flag| page += &tagged(&help::row(flag)));
    page += ".SH COMMANDS\n";
    COMMANDS.iter().for_each(|one| page += &command(one));
    page += ".SH EXIT STATUS\n";
    help::EXITS.iter().for_each(|(status, what)| page += &tagged(&(status.to_string(), (*what).to_owned())));
    page += ".SH ENVIRONMENT\n";
    help::ENVIRONMENT.iter().for_each(|(name, what)| page += &tagged(&((*name).to_owned(), (*what).to_owned())));
    page += ".SH SEE ALSO\nbpftrace(8), perf(1)\n";
    page
}

fn command(command: &Command) -> String {
    let mut section = format!(".SS gospect {}\n", escaped(&help::usage(command)));
    section += &text(&format!("{}.\n\n{}", command.brief, command.about));
    for word in command.words {
        section += &tagged(&(word.usage.to_owned(), word.brief.to_owned()));
    }
    command.flags.iter().copied().flatten().for_each(|flag| section += &tagged(&help::row(flag)));
    if !command.examples.is_empty() {
        section += ".PP\nExamples:\n";
        command.examples.iter().for_each(|(line, what)| section += &tagged(&((*line).to_owned(), (*what).to_owned())));
    }
    if !command.exits.is_empty() {
        section += ".PP\nExit status:\n";
        command.exits.iter().for_each(|(status, what)| section += &tagged(&(status.to_string(), (*what).to_owned())));
    }
    section
}

/// A word, and below it what it is.
fn tagged((word, what): &(String, String)) -> String {
    format!(".TP\n.B {}\n{}\n", escaped(word.trim_start()), line(what))
}

/// Paragraphs flow; what stands in stays as it is.
fn text(text: &str) -> String {
    let mut out = String::new();
    let mut kept = false;
    for raw in text.trim_end().lines() {
        let keep = raw.starts_with(' ');
        out += match (kept, keep) {
            (false, true) => ".RS 0\n.nf\n",
            (true, false) => ".fi\n.RE\n",
            _ => "",
        };
        kept = keep;
        out += &if raw.is_empty() { ".PP\n".to_owned() } else { line(raw) + "\n" };
    }
    if kept { out + ".fi\n.RE\n" } else { out }
}

/// A line of text: what would be a request at its beginning is none.
fn line(text: &str) -> String {
    let escaped = escaped(text);
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}

/// Without anything that roff takes for its own. A quote is a typographic one to it, and a dash a hyphen.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('`', "\\(ga")
        .replace('"', "\\(dq")
        .replace('…', "\\&...")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn nothing_in_a_text_is_a_request() {
        expect![[r"
            \&.TH `a'\e
            \&...and
            .PP
            .RS 0
            .nf
              x  \-y
            .fi
            .RE
            \(aqz\(aq
        "]]
        .assert_eq(&text(".TH `a'\\\n…and\n\n  x  -y\n'z'\n").replace("\\(ga", "`").replace("a\\(aq", "a'"));
    }

    #[test]
    fn every_request_is_one_that_man_knows_and_all_that_begins_ends() {
        let page = page();
        let requests = page.lines().filter(|line| line.starts_with(['.', '\'']));
        let (mut kept, mut indented) = (0, 0);
        for request in requests {
            match request.split(' ').next().unwrap() {
                ".TH" | ".SH" | ".SS" | ".TP" | ".PP" | ".B" | ".I" => {}
                ".nf" => kept += 1,
                ".fi" => kept -= 1,
                ".RS" => indented += 1,
                ".RE" => indented -= 1,
                other => panic!("{other}"),
            }
            assert!((0..=1).contains(&kept) && (0..=1).contains(&indented), "{request}");
        }
        assert_eq!((kept, indented), (0, 0));
        for command in COMMANDS {
            assert!(page.contains(&format!("\n.SS gospect {}", command.name)));
            for flag in command.all_flags() {
                assert!(page.contains(&escaped(&format!("--{}", flag.long))), "{}", flag.long);
            }
        }
    }
}
