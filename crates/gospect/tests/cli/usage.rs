//! What every command has in common: help, mistakes, and where output goes.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use expect_test::{Expect, expect};

use crate::{Ran, command, gospect};

fn check(args: &[&str], expect: Expect) {
    expect.assert_eq(&gospect(args).seen());
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("gospect-usage-{}-{name}", std::process::id()))
}

#[test]
fn nothing_typed_shows_the_commands_and_is_a_mistake() {
    let ran = gospect(&[]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert_eq!(ran.stderr, gospect(&["--help"]).stdout);
}

#[test]
fn help_is_the_same_in_all_its_spellings() {
    let help = gospect(&["ps", "--help"]);
    assert_eq!((help.status, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.starts_with("Show the Go processes that are running\n"));
    for spelling in [["ps", "-h"], ["-h", "ps"], ["help", "ps"]] {
        assert_eq!(gospect(&spelling).stdout, help.stdout, "{spelling:?}");
    }
    assert_eq!(gospect(&["help"]).stdout, gospect(&["-h"]).stdout);
}

#[test]
fn a_word_of_the_language_has_help_of_its_own() {
    check(
        &["help", "language", "elapsed"],
        expect![[r#"
              elapsed

                Nanoseconds since this very call began, on whatever threads it ran; in
                `syscall:exit` since the kernel was asked. Means something where a call of a
                Go function returns, `goret:FUNC`, and in `syscall:exit`. Since 0.1.

                  goret:main.handle { @ns[func] = hist(elapsed); }
            (exit status 0)"#]],
    );
    let all = gospect(&["help", "language"]).stdout;
    assert!(all.contains(gospect(&["help", "language", "elapsed"]).stdout.trim_end()));
    assert!(all.ends_with(&gospect(&["help", "language", "Limits"]).stdout));
    assert!(all.contains(&gospect(&["help", "probes"]).stdout));
}

#[test]
fn the_version_is_shown() {
    let version = format!("gospect {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(gospect(&["--version"]).stdout, version);
    assert_eq!(gospect(&["ps", "-V"]).stdout, version);
}

#[test]
fn a_mistake_is_one_sentence_and_a_hint() {
    check(
        &["hlep"],
        expect![[r#"
        gospect: unknown command `hlep`
        hint: did you mean `help`?
        (exit status 2)"#]],
    );
    check(
        &["help", "pss"],
        expect![[r#"
            gospect: unknown command or topic `pss`
            hint: did you mean `ps`?
            (exit status 2)"#]],
    );
    check(
        &["help", "langauge"],
        expect![[r#"
            gospect: unknown command or topic `langauge`
            hint: did you mean `language`?
            (exit status 2)"#]],
    );
    check(
        &["help", "lang"],
        expect![[r#"
        gospect: unknown command or topic `lang`
        hint: did you mean `language`?
        (exit status 2)"#]],
    );
    check(
        &["help", "hsit"],
        expect![[r#"
        gospect: unknown command or topic `hsit`
        hint: did you mean `hist`?
        (exit status 2)"#]],
    );
    check(
        &["help", "exit", "--color", "never"],
        expect![[r#"
        gospect: unknown command or topic `exit`
        hint: did you mean `exit-status`?
        (exit status 2)"#]],
    );
    check(
        &["completions", "zsh", "--json"],
        expect![[r#"
        gospect: what `gospect completions` writes is a text, and no JSON
        hint: leave `--json` out
        (exit status 2)"#]],
    );
    check(
        &["states", "--min", "1h30", "./app"],
        expect![[r#"
        gospect: `1h30` cannot be the value of `--min`: `30` in it has no unit: one of ns, us, ms, s, m, h and d
        hint: `gospect help states` shows what can be typed
        (exit status 2)"#]],
    );
    check(
        &["help", "ps", "hist"],
        expect![[r#"
        gospect: `hist` is one argument too many
        hint: `gospect help help` shows what can be typed
        (exit status 2)"#]],
    );
    check(
        &["help", "language", "hisst"],
        expect![[r#"
        gospect: the probe language has no `hisst`
        hint: did you mean `hist`?
        (exit status 2)"#]],
    );
    check(
        &["help", "language", "xyzzy"],
        expect![[r#"
        gospect: the probe language has no `xyzzy`
        hint: `gospect help language` shows all of it
        (exit status 2)"#]],
    );
    check(
        &["help", "xyzzy"],
        expect![[r#"
            gospect: unknown command or topic `xyzzy`
            hint: `gospect help` lists commands and topics
            (exit status 2)"#]],
    );
    check(
        &["ps", "--jsn"],
        expect![[r#"
        gospect: unknown option `--jsn`
        hint: did you mean `--json`?
        (exit status 2)"#]],
    );
    check(
        &["ps", "--color", "\x1b[31mred"],
        expect![[r#"
            gospect: `\x1b[31mred` cannot be the value of `--color`
            hint: it takes `auto`, `always`, `never`
            (exit status 2)"#]],
    );
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = Ran::of(command(&["help"]).stdout(writer).stderr(Stdio::piped()).output().unwrap());
    assert_eq!(ran.seen(), "(exit status 0)");
}

#[test]
fn a_full_disk_is_one_sentence() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ran = Ran::of(command(&["help"]).stdout(full).stderr(Stdio::piped()).output().unwrap());
    expect![[r#"
        gospect: standard output cannot be written to: No space left on device (os error 28)
        (exit status 3)"#]]
    .assert_eq(&ran.seen());
    check(
        &["help", "-o", "/dev/full"],
        expect![[r#"
        gospect: /dev/full cannot be written to: No space left on device (os error 28)
        (exit status 3)"#]],
    );
}

#[test]
fn output_goes_to_the_file_that_was_named() {
    let path = scratch("file");
    fs::write(&path, "what was there before, and longer than help is. ".repeat(100)).unwrap();
    let ran = gospect(&["help", "ps", "-o", path.to_str().unwrap()]);
    assert_eq!(ran.seen(), "(exit status 0)");
    assert_eq!(fs::read_to_string(&path).unwrap(), gospect(&["help", "ps"]).stdout);
    fs::remove_file(&path).unwrap();
    gospect(&["help", "-o", path.to_str().unwrap()]);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7133,
        0,
        "nobody else writes to it, nobody runs it"
    );
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_file_that_cannot_be_created_is_named() {
    check(
        &["help", "-o", "/nonexistent/file"],
        expect![[r#"
        gospect: /nonexistent/file cannot be created: No such file or directory (os error 2)
        (exit status 3)"#]],
    );
    check(
        &["help", "-o", "/tmp"],
        expect![[r#"
            gospect: /tmp cannot be written to: Is a directory (os error 21)
            (exit status 3)"#]],
    );
}
