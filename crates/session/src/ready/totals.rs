//! What `gospect states --summary` and `--tree` run: one addition in a map for each change of a goroutine's state, and one
//! for each goroutine that is created.

use std::fmt;

use event::totals::By;
use gobin::pattern::Pattern;

use super::{States, predicate};

/// What goroutines wait for that are stopped: part of that is no wait to the runtime, and so has no reason.
const STOPPED: &str = "preempted";

/// What to gather, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// What times are told apart by; nothing if times are not wanted.
    pub times: Option<By>,
    /// Who creates whom, too.
    pub tree: bool,
    /// Which goroutines, and of times by reason or state which rows.
    pub only: States,
}

impl Totals {
    /// What changes of states must be for their times to count.
    fn changes(&self) -> Option<String> {
        let is_stopped = |reason: &String| Pattern::new(reason).matches(STOPPED);
        let reasons = if self.only.reasons.iter().any(is_stopped) { Vec::new() } else { self.only.reasons.clone() };
        States { reasons, ..self.only.goroutines() }.conditions()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.times.map_or(Ok(()), |by| times(by, &predicate(self.changes().as_deref()), f))?;
        if self.tree {
            let only = predicate(self.only.goroutines().conditions().as_deref());
            f.write_str("let @created = hash(65536);\n")?;
            writeln!(f, "goroutine:create{only} {{ @created[startfunc, args.startfunc] = count(); }}")?;
        }
        Ok(())
    }
}

fn times(by: By, only: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // Times from runnable to running mean nothing of a reason to wait.
    let has_latencies = by != By::Reason;
    // Of goroutines there may be many; room is taken only for those that come.
    let (head, room) = match by {
        By::Function => ("args.startfunc", 1 << 16),
        By::Goid => ("pid, args.goid, args.startfunc", 1 << 18),
        By::Reason | By::State => ("", 1 << 12),
    };
    let between = if head.is_empty() { "" } else { ", " };
    writeln!(f, "let @time = hash({room});")?;
    if has_latencies {
        writeln!(f, "let @latency = hash({room});")?;
    }
    writeln!(f, "goroutine:state{only} {{\n    $spent = args.spent;")?;
    writeln!(f, "    @time[{head}{between}args.from, args.to, args.reason] = stats($spent);")?;
    if has_latencies {
        let of = if head.is_empty() { String::new() } else { format!("[{head}]") };
        let ran = "args.from == \"runnable\" && args.to == \"running\"";
        writeln!(f, "    if ({ran}) {{ @latency{of} = quantiles($spent); }}")?;
    }
    f.write_str("}\n")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(by: By, want: Expect) {
        want.assert_eq(&Totals { times: Some(by), ..Totals::default() }.to_string());
    }

    #[test]
    fn who_creates_whom_is_counted_where_it_happens() {
        expect![[r#"
            let @created = hash(65536);
            goroutine:create { @created[startfunc, args.startfunc] = count(); }
        "#]]
        .assert_eq(&Totals { tree: true, ..Totals::default() }.to_string());
    }

    #[test]
    fn only_some_goroutines_and_only_some_waits_count() {
        let only = States {
            goids: vec![7],
            functions: vec!["net/http.*".into()],
            reasons: vec!["chan *".into(), "select".into()],
            ..States::default()
        };
        let of = |only: &States| Totals { times: Some(By::Reason), tree: true, only: only.clone() }.to_string();
        expect![[r#"
            let @time = hash(4096);
            goroutine:state /(args.goid == 7 && (args.reason == "chan *" || args.reason == "select") && args.startfunc == "net/http.*")/ {
                $spent = args.spent;
                @time[args.from, args.to, args.reason] = stats($spent);
            }
            let @created = hash(65536);
            goroutine:create /(args.goid == 7 && args.startfunc == "net/http.*")/ { @created[startfunc, args.startfunc] = count(); }
        "#]].assert_eq(&of(&only));
        // The wait of what is stopped begins before it has a reason.
        expect![[r#"
            let @time = hash(4096);
            goroutine:state {
                $spent = args.spent;
                @time[args.from, args.to, args.reason] = stats($spent);
            }
            let @created = hash(65536);
            goroutine:create { @created[startfunc, args.startfunc] = count(); }
        "#]]
        .assert_eq(&of(&States { reasons: vec!["pre*".into()], ..States::default() }));
    }

    #[test]
    fn a_change_is_one_addition_by_what_is_asked_for() {
        check(
            By::Function,
            expect![[r#"
                let @time = hash(65536);
                let @latency = hash(65536);
                goroutine:state {
                    $spent = args.spent;
                    @time[args.startfunc, args.from, args.to, args.reason] = stats($spent);
                    if (args.from == "runnable" && args.to == "running") { @latency[args.startfunc] = quantiles($spent); }
                }
            "#]],
        );
        check(
            By::Goid,
            expect![[r#"
                let @time = hash(262144);
                let @latency = hash(262144);
                goroutine:state {
                    $spent = args.spent;
                    @time[pid, args.goid, args.startfunc, args.from, args.to, args.reason] = stats($spent);
                    if (args.from == "runnable" && args.to == "running") { @latency[pid, args.goid, args.startfunc] = quantiles($spent); }
                }
            "#]],
        );
    }

    #[test]
    fn where_only_states_or_reasons_are_asked_for_nothing_else_is_a_key() {
        check(
            By::State,
            expect![[r#"
                let @time = hash(4096);
                let @latency = hash(4096);
                goroutine:state {
                    $spent = args.spent;
                    @time[args.from, args.to, args.reason] = stats($spent);
                    if (args.from == "runnable" && args.to == "running") { @latency = quantiles($spent); }
                }
            "#]],
        );
        check(
            By::Reason,
            expect![[r#"
                let @time = hash(4096);
                goroutine:state {
                    $spent = args.spent;
                    @time[args.from, args.to, args.reason] = stats($spent);
                }
            "#]],
        );
    }
}
