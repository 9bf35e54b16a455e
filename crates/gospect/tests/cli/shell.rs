//! `gospect completions` in real shells, and `gospect man` by a real roff.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use expect_test::{Expect, expect};
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};

use crate::running::Scratch;
use crate::{Ran, gospect};

/// A program of which functions are completed, as `./app` in the directory.
fn app(scratch: &Scratch) -> Result<(), Missing> {
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    scratch.copy(&build(&Fixture::new("server", "1.26", Variant::Plain).on(arch))?, "app");
    Ok(())
}

fn shell(name: &str) -> Result<(), Missing> {
    let there = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_ok_and(|status| status.success()) {
        Ok(())
    } else {
        Err(Missing { why: format!("there is no {name}") })
    }
}

/// With the built gospect in PATH.
fn with_gospect(name: &str, scratch: &Scratch) -> Command {
    let dir = PathBuf::from(env!("CARGO_BIN_EXE_gospect")).parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(name);
    command.current_dir(&scratch.0).env("PATH", format!("{}:{path}", dir.display())).stdin(Stdio::null());
    command
}

/// What bash would offer for a line, as its own completion calls the function.
fn bash(scratch: &Scratch, line: &str) -> String {
    let script = r#"
        source <(gospect completions bash)
        compopt() { echo "compopt $*"; }
        COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(gospect) COMP_CWORD=0
        _gospect
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let ran = Ran::of(with_gospect("bash", scratch).args(["--norc", "-c", script, "bash", line]).output().unwrap());
    assert_eq!(ran.stderr, "", "{line}");
    ran.stdout
}

#[test]
fn bash_is_told_functions_of_the_target_as_they_have_to_be_quoted() {
    let scratch = Scratch::new();
    need!(shell("bash"));
    need!(app(&scratch));
    let check = |line: &str, expect: Expect| expect.assert_eq(&bash(&scratch, line));
    check("gospect tr", expect![["trace\n"]]);
    check(
        r"gospect trace ./app main.\(\*st",
        expect![[r#"
            main.\(\*store\).ServeHTTP
            main.\(\*store\).get
            main.\(\*store\).list
            main.\(\*store\).put
        "#]],
    );
    check("gospect hist ./app main.fibonacci 'main.(*store).g", expect![["main.(*store).get\n"]]);
    check(
        "gospect list ./app net/",
        expect![[r#"
            compopt -o nospace
            net/http.
            net/http/internal.
            net/http/internal/ascii.
            net/http/internal/httpcommon.
            net/netip.
            net/textproto.
            net/url.
        "#]],
    );
    check("gospect trace ./app main.main -x main.fib", expect![["main.fibonacci\n"]]);
    assert_eq!(bash(&scratch, "gospect trace ./not-there ma"), "\n");
}

#[test]
fn bash_is_told_what_states_may_be_chosen_by() {
    let scratch = Scratch::new();
    need!(shell("bash"));
    need!(app(&scratch));
    let check = |line: &str, expect: Expect| expect.assert_eq(&bash(&scratch, line));
    check(
        "gospect states ./app --state w",
        expect![[r#"
        waiting
    "#]],
    );
    check(
        "gospect states ./app --reason chan",
        expect![[r#"
        chan\ receive\ \(nil\ chan\)
        chan\ send\ \(nil\ chan\)
        chan\ receive
        chan\ send
        chan\ receive\ \(durable\)
        chan\ send\ \(durable\)
    "#]],
    );
    check(
        "gospect states ./app --snapshot --reason 'sync.R",
        expect![[r#"
        sync.RWMutex.RLock
        sync.RWMutex.Lock
    "#]],
    );
    check(
        r"gospect states ./app --func main.\(\*store\).g",
        expect![[r#"
        main.\(\*store\).get
    "#]],
    );
    check(
        "gospect states ./app --func=main.fib",
        expect![[r#"
            main.fibonacci
        "#]],
    );
    // Of no target nothing is known.
    assert_eq!(bash(&scratch, "gospect states --reason chan"), "\n");
}

#[test]
fn keys_on_a_terminal_become_a_command() {
    let scratch = Scratch::new();
    need!(shell("bash"));
    need!(shell("script"));
    need!(app(&scratch));
    let typed = concat!(
        "source <(gospect completions bash)\n",
        "gospect list ./app 'main.(*store).g\t | cut -d' ' -f1 >one\n",
        "gospect list ./app main.\\(\\*store\\).p\t | cut -d' ' -f1 >two\n",
        "exit\n"
    );
    let mut script = with_gospect("script", &scratch);
    script.args(["-qec", "bash --norc --noprofile -i", "/dev/null"]).env("INPUTRC", "/dev/null").env("TERM", "dumb");
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    let read = |name: &str| std::fs::read_to_string(scratch.0.join(name)).unwrap_or_default();
    assert_eq!(
        (read("one"), read("two")),
        ("main.(*store).get\n".to_owned(), "main.(*store).put\n".to_owned()),
        "{}",
        ran.stdout
    );
}

#[test]
fn zsh_takes_the_script_and_is_told_the_same() {
    need!(shell("zsh"));
    let scratch = Scratch::new();
    need!(app(&scratch));
    let script = r#"
        compdef() { :; }
        _files() { echo files }
        compadd() { echo "compadd ${@[1,-2]} (${(P)@[-1]})" }
        source <(gospect completions zsh)
        words=(gospect trace ./app "'main.(*store).g") CURRENT=4 PREFIX='main.(*store).g'
        _gospect
        words=(gospect list ./app net/) CURRENT=4 PREFIX=net/
        _gospect
        words=(gospect info "") CURRENT=3 PREFIX=
        _gospect
    "#;
    let ran = Ran::of(with_gospect("zsh", &scratch).args(["-f", "-c", script]).output().unwrap());
    expect![[r#"
        compadd -l -d whole_shown -a (main.(*store).get)
        compadd -S  -l -d begun_shown -a (net/http. net/http/internal. net/http/internal/ascii. net/http/internal/httpcommon. net/netip. net/textproto. net/url.)
        files
        (exit status 0)"#]]
    .assert_eq(&ran.seen());
}

#[test]
fn fish_takes_the_script_and_offers_what_it_is_told() {
    need!(shell("fish"));
    let scratch = Scratch::new();
    need!(app(&scratch));
    let script = r#"
        gospect completions fish | source
        complete -C 'gospect trace ./app main.\(\*st'
        complete -C 'gospect info ./a'
        complete -C 'gospect ps --col'
    "#;
    let mut fish = with_gospect("fish", &scratch);
    let ran = Ran::of(fish.env("HOME", &scratch.0).args(["--no-config", "-c", script]).output().unwrap());
    expect![[r#"
        main.(*store).get
        main.(*store).list
        main.(*store).put
        main.(*store).ServeHTTP
        ./app
        --color	Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
        (exit status 0)"#]]
    .assert_eq(&ran.seen());
}

#[test]
fn a_shell_without_a_script_is_refused() {
    expect![[r"
        gospect: there are no completions for `tcsh`
        hint: it is one of `bash`, `zsh`, `fish`
        (exit status 2)"]]
    .assert_eq(&gospect(&["completions", "tcsh"]).seen());
}

#[test]
fn the_manual_page_is_read_without_a_warning() {
    need!(shell("groff"));
    let page = gospect(&["man"]);
    assert_eq!((page.status, page.stderr.as_str()), (0, ""));
    let mut groff = Command::new("groff");
    groff.args(["-man", "-Tutf8", "-ww", "-Kutf8", "-P-cbou", "-rLL=120n"]);
    let mut child = groff.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(page.stdout.as_bytes()).unwrap();
    let read = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((read.status, read.stderr.as_str()), (0, ""));
    assert!(read.stdout.contains("gospect trace [OPTIONS] TARGET FUNC..."), "{}", read.stdout);
    assert!(read.stdout.contains("--max-overhead N%"), "{}", read.stdout);
}
