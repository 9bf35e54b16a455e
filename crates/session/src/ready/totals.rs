//! What `gospect states --summary` runs: one addition in a map for each change of a goroutine's state.

use std::fmt;

use event::totals::By;

/// What to gather, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// What times are told apart by.
    pub by: By,
    /// Which changes count, as an expression of the language.
    pub condition: Option<String>,
}

impl Totals {
    /// Whether times from runnable to running mean something in a row of it.
    fn has_latencies(&self) -> bool {
        self.by != By::Reason
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Of goroutines there may be many; room is taken only for those that come.
        let (head, room) = match self.by {
            By::Function => ("args.startfunc", 1 << 16),
            By::Goid => ("pid, args.goid, args.startfunc", 1 << 18),
            By::Reason | By::State => ("", 1 << 12),
        };
        let between = if head.is_empty() { "" } else { ", " };
        writeln!(f, "let @time = hash({room});")?;
        if self.has_latencies() {
            writeln!(f, "let @latency = hash({room});")?;
        }
        f.write_str("goroutine:state")?;
        self.condition.iter().try_for_each(|condition| write!(f, " /{condition}/"))?;
        f.write_str(" {\n    $spent = args.spent;\n")?;
        writeln!(f, "    @time[{head}{between}args.from, args.to, args.reason] = stats($spent);")?;
        if self.has_latencies() {
            let of = if head.is_empty() { String::new() } else { format!("[{head}]") };
            let ran = "args.from == \"runnable\" && args.to == \"running\"";
            writeln!(f, "    if ({ran}) {{ @latency{of} = quantiles($spent); }}")?;
        }
        f.write_str("}\n")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(by: By, condition: Option<&str>, want: Expect) {
        want.assert_eq(&Totals { by, condition: condition.map(str::to_owned) }.to_string());
    }

    #[test]
    fn a_change_is_one_addition_by_what_is_asked_for() {
        check(
            By::Function,
            None,
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
            Some("args.goid == 7"),
            expect![[r#"
                let @time = hash(262144);
                let @latency = hash(262144);
                goroutine:state /args.goid == 7/ {
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
            None,
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
            None,
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
