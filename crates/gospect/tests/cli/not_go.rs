//! Programs that are no Go programs: functions by their symbol tables, and real uretprobes.

use std::process::Command;

use expect_test::expect;
use gospect_fixtures::{Missing, Variant, need};

use crate::gospect;
use crate::run::{WAYS, counter_path, permitted};
use crate::running::Scratch;

const SOURCE: &str = "
#include <stdio.h>
__attribute__((noinline)) int twice(int n) { return 2 * n; }
int main(void) {
    int sum = 0;
    for (int n = 1; n <= 4; n++) sum += twice(n);
    printf(\"sum %d\\n\", sum);
}
";

/// A program in C, stripped but for what others could call.
fn program(scratch: &Scratch) -> Result<String, Missing> {
    permitted()?;
    let (source, path) = (scratch.0.join("twice.c"), scratch.0.join("twice"));
    std::fs::write(&source, SOURCE).unwrap();
    let cc = Command::new("cc").args(["-O1", "-rdynamic", "-s", "-o"]).arg(&path).arg(&source).status();
    match cc {
        Ok(status) if status.success() => Ok(path.to_str().unwrap().to_owned()),
        _ => Err(Missing { why: "there is no C compiler in PATH (cc)".to_owned() }),
    }
}

#[test]
fn calls_and_returns_of_c_are_seen_with_what_they_pass() {
    let scratch = Scratch::new();
    let path = need!(program(&scratch));
    let script = format!(
        "uprobe:{path}:twice {{ @call[arg0] = count(); }} uretprobe:{path}:twice {{ @ret[retval] = count(); }}"
    );
    for way in WAYS {
        expect![[r#"
            sum 20

            @call[1]: 1
            @call[2]: 1
            @call[3]: 1
            @call[4]: 1
            @ret[2]: 1
            @ret[4]: 1
            @ret[6]: 1
            @ret[8]: 1
            (exit status 0)"#]]
        .assert_eq(&gospect(&["run", "-q", "--way", way, "-e", &script, "--", &path]).seen());
    }
    let listed = gospect(&["run", "-l", "-t", &path, "uprobe::twi*"]).seen();
    expect![[r#"
        uprobe::twice
        (exit status 0)"#]]
    .assert_eq(&listed);
}

#[test]
fn functions_that_only_go_would_have_are_missing_with_the_reason() {
    let scratch = Scratch::new();
    let path = need!(program(&scratch));
    expect![[r#"
        error: there is no function `main.work`
         --> 1:4
          |
        1 | go:main.work { @ = count(); }
          |    ^^^^^^^^^
          = help: this is no Go program: only functions of its symbol tables have names
        (exit status 1)"#]]
    .assert_eq(&gospect(&["run", "-t", &path, "-e", "go:main.work { @ = count(); }"]).seen());
}

#[test]
fn a_go_program_of_which_the_functions_cannot_be_read_gets_no_real_uretprobe() {
    let path = need!(counter_path(Variant::Plain));
    let mut bytes = std::fs::read(&path).unwrap();
    // The function table of Go 1.20 and later, then as Go 1.16 wrote it.
    let table = bytes.windows(8).position(|at| at == [0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8]).unwrap();
    bytes[table] = 0xfa;
    let scratch = Scratch::new();
    let old = scratch.0.join("old");
    std::fs::write(&old, bytes).unwrap();
    let ran = gospect(&["run", "-e", &format!("uretprobe:{}:main.hit {{ @ = count() }}", old.display())]);
    assert_eq!(ran.status, 1, "{}", ran.seen());
    assert!(ran.stderr.contains("cannot be read"), "{}", ran.stderr);
}
