//! Words of bpftrace that are not there are refused with what comes nearest.

use super::run;
use crate::words::{FOREIGN_WORDS, ROWS};
use expect_test::expect;

#[test]
fn each_foreign_word_is_refused_with_what_comes_nearest() {
    for (name, instead) in FOREIGN_WORDS {
        for text in [format!("BEGIN {{ print({name}); }}"), format!("BEGIN {{ print({name}(1)); }}")] {
            let (checked, told) = run(&text, &[]);
            assert!(checked.plan.is_none() && told.contains(&format!("= help: {instead}\n")), "{told}");
        }
        assert!(ROWS.iter().all(|row| row.name != name), "{name} is there");
    }
}

#[test]
fn what_is_refused_is_shown_where_it_stands() {
    let (_, told) = run("tracepoint:sched:sched_switch /uid == 0/ { @[kstack] = count(); system(\"ls\"); }", &[]);
    expect![[r#"
        error: there is no word `uid`
         --> 1:32
          |
        1 | tracepoint:sched:sched_switch /uid == 0/ { @[kstack] = count(); system("ls"); }
          |                                ^^^
          = help: `pid` and `comm` tell processes apart

        error: there is no word `kstack`
         --> 1:46
          |
        1 | tracepoint:sched:sched_switch /uid == 0/ { @[kstack] = count(); system("ls"); }
          |                                              ^^^^^^
          = help: `ustack` is the program's stack

        error: there is no function `system`
         --> 1:65
          |
        1 | tracepoint:sched:sched_switch /uid == 0/ { @[kstack] = count(); system("ls"); }
          |                                                                 ^^^^^^
          = help: scripts print and run nothing: what reads their output can
    "#]]
    .assert_eq(&told);
}
