//! The texts of ready-made programs: what `gospect states`, `gospect trace` and `gospect hist` run, as anybody could have typed it for `gospect run`.

mod totals;

use std::fmt;

use probe::ast::quoted;

pub use totals::Totals;

/// What to trace, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Names or patterns of functions; at least one.
    pub functions: Vec<String>,
    /// Patterns of functions that are left out.
    pub except: Vec<String>,
    /// Calls that were inlined, too.
    pub inlined: bool,
    /// Which calls, as an expression of the language.
    pub condition: Option<String>,
    /// Only what is called while one of these is open on the same goroutine.
    pub only_under: Vec<String>,
    /// Who called, up to so many frames; 0 for as many as there are.
    pub stack: Option<u32>,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&calls(&self.functions, self.inlined, &self.except, self.conditions().as_deref()))?;
        match self.stack {
            None => f.write_str(" { call(); }\n"),
            Some(0) => f.write_str(" { call(ustack); }\n"),
            Some(frames) => writeln!(f, " {{ call(ustack({frames})); }}"),
        }
    }
}

impl Trace {
    /// All that a call must be.
    #[must_use]
    pub fn conditions(&self) -> Option<String> {
        let under: Vec<String> = self.only_under.iter().map(|name| format!("under({name:?})")).collect();
        match (under.as_slice(), &self.condition) {
            ([], condition) => condition.clone(),
            (under, None) => Some(under.join(" || ")),
            ([under], Some(condition)) => Some(format!("{under} && ({condition})")),
            (under, Some(condition)) => Some(format!("({}) && ({condition})", under.join(" || "))),
        }
    }
}

/// Where calls of functions end, those that were inlined too if that is asked for, and which of them count.
fn calls(functions: &[String], inlined: bool, except: &[String], condition: Option<&str>) -> String {
    let returns = functions.iter().map(|name| format!("goret:{}", quoted(name)));
    let inlined = functions.iter().filter(|_| inlined).map(|name| format!("inlined:{}", quoted(name)));
    let left_out = except.iter().map(|name| format!("!{}", quoted(name)));
    let all: Vec<String> = returns.chain(inlined).chain(left_out).collect();
    all.join(", ") + &predicate(condition)
}

/// A condition behind attach points.
fn predicate(condition: Option<&str>) -> String {
    match condition {
        // In parentheses, since a condition ends with a slash.
        Some(condition) if condition.contains('/') => format!(" /({condition})/"),
        Some(condition) => format!(" /{condition}/"),
        None => String::new(),
    }
}

/// What distributions to make, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hist {
    /// As of [`Trace`].
    pub functions: Vec<String>,
    /// As of [`Trace`].
    pub except: Vec<String>,
    /// As [`Trace::conditions`] says.
    pub condition: Option<String>,
    /// What calls are told apart by, as expressions.
    pub by: Vec<String>,
    /// The expression whose values are counted; the duration without one.
    pub of: Option<String>,
    /// Bounds and width of buckets, as the arguments of `lhist`.
    pub linear: Option<String>,
    /// Shown again every second.
    pub live: bool,
}

impl fmt::Display for Hist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {{", calls(&self.functions, false, &self.except, self.condition.as_deref()))?;
        // Once each, so that what is wrong with one is said once, and all maps get the same duration.
        let (of, value) = self.of.as_ref().map_or(("$took", "elapsed"), |value| ("$of", value));
        writeln!(f, "    {of} = {value};")?;
        self.by.iter().zip(1..).try_for_each(|(expr, n)| writeln!(f, "    $by{n} = {expr};"))?;
        let by = (1..=self.by.len()).map(|n| format!("$by{n}"));
        let key = ["func".to_owned()].into_iter().chain(by).collect::<Vec<_>>().join(", ");
        writeln!(f, "    @values[{key}] = quantiles({of});")?;
        if let Some(linear) = &self.linear {
            writeln!(f, "    @bars[{key}] = lhist({of}, {linear});")?;
        }
        writeln!(f, "    @total[{key}] = stats({of});")?;
        writeln!(f, "    @max[{key}] = max({of});")?;
        writeln!(f, "    if (failed) {{ @errors[{key}] = count(); }}")?;
        f.write_str("}\n")?;
        if self.live {
            let bars = if self.linear.is_some() { " print(@bars);" } else { "" };
            writeln!(f, "interval:s:1 {{ print(@total); print(@max); print(@errors);{bars} print(@values); }}")?;
        }
        Ok(())
    }
}

/// Which changes of goroutines' states to show, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// Of these goroutines; of all if there is none, as with the others.
    pub goids: Vec<u64>,
    /// Into these states.
    pub states: Vec<String>,
    /// Because of these waits, which begin or end; patterns.
    pub reasons: Vec<String>,
    /// Of goroutines that began with these functions; patterns.
    pub functions: Vec<String>,
    /// Out of a state that took as long, in nanoseconds.
    pub least: Option<u64>,
    /// With who started the goroutine, and where.
    pub parent: bool,
}

impl fmt::Display for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.parent { "args.parent" } else { "" };
        writeln!(f, "goroutine:state{} {{ event({what}); }}", predicate(self.conditions().as_deref()))
    }
}

impl States {
    /// Of what it says which goroutines are meant.
    #[must_use]
    pub fn goroutines(&self) -> States {
        States { goids: self.goids.clone(), functions: self.functions.clone(), ..States::default() }
    }

    /// All that a change must be.
    #[must_use]
    pub fn conditions(&self) -> Option<String> {
        let least = self.least.map(|least| format!("args.for >= {}", time(least)));
        let all = [
            one_of("args.goid", &self.goids),
            one_of("args.to", &self.states),
            one_of("args.reason", &self.reasons),
            one_of("args.startfunc", &self.functions),
            least.into_iter().collect(),
        ];
        let all: Vec<Vec<String>> = all.into_iter().filter(|one| !one.is_empty()).collect();
        let joined = |one: &Vec<String>| match one.as_slice() {
            // Alone, alternatives need no parentheses.
            alternatives if all.len() == 1 || alternatives.len() == 1 => alternatives.join(" || "),
            alternatives => format!("({})", alternatives.join(" || ")),
        };
        (!all.is_empty()).then(|| all.iter().map(joined).collect::<Vec<_>>().join(" && "))
    }
}

/// That a field is one of several, each alternative.
fn one_of<T: fmt::Debug>(field: &str, alternatives: &[T]) -> Vec<String> {
    alternatives.iter().map(|one| format!("{field} == {one:?}")).collect()
}

/// Nanoseconds in the greatest unit of which they are a whole number.
fn time(nanos: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    let unit = units.into_iter().find(|(unit, _)| nanos > 0 && nanos.is_multiple_of(*unit));
    unit.map_or_else(|| nanos.to_string(), |(unit, name)| format!("{}{name}", nanos / unit))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(trace: &Trace, want: Expect) {
        want.assert_eq(&trace.to_string());
    }

    fn of(functions: &[&str]) -> Trace {
        Trace { functions: functions.iter().map(ToString::to_string).collect(), ..Trace::default() }
    }

    #[test]
    fn a_trace_is_a_clause_on_ends_of_calls() {
        check(
            &Trace { except: vec!["*.func*".into()], ..of(&["main.*", "net/http.(*conn).serve"]) },
            expect![[r#"
            goret:main.*, goret:net/http.(*conn).serve, !*.func* { call(); }
        "#]],
        );
    }

    #[test]
    fn what_was_inlined_stands_beside_what_returns() {
        check(
            &Trace { inlined: true, ..of(&["main.f", "a b"]) },
            expect![[r#"
            goret:main.f, goret:"a b", inlined:main.f, inlined:"a b" { call(); }
        "#]],
        );
    }

    #[test]
    fn a_distribution_is_kept_in_maps_by_function_and_whatever_is_asked_for() {
        let hist = Hist { functions: vec!["main.f".into()], ..Hist::default() };
        expect![[r#"
            goret:main.f {
                $took = elapsed;
                @values[func] = quantiles($took);
                @total[func] = stats($took);
                @max[func] = max($took);
                if (failed) { @errors[func] = count(); }
            }
        "#]]
        .assert_eq(&hist.to_string());
        let (by, of) = (vec!["goid".into(), "args.n".into()], Some("len(args.b)".into()));
        let hist = Hist { by, of, linear: Some("0, 100, 10".into()), live: true, ..hist };
        expect![[r#"
            goret:main.f {
                $of = len(args.b);
                $by1 = goid;
                $by2 = args.n;
                @values[func, $by1, $by2] = quantiles($of);
                @bars[func, $by1, $by2] = lhist($of, 0, 100, 10);
                @total[func, $by1, $by2] = stats($of);
                @max[func, $by1, $by2] = max($of);
                if (failed) { @errors[func, $by1, $by2] = count(); }
            }
            interval:s:1 { print(@total); print(@max); print(@errors); print(@bars); print(@values); }
        "#]]
        .assert_eq(&hist.to_string());
    }

    #[test]
    fn names_that_would_end_an_attach_point_are_quoted() {
        check(
            &of(&["main.Map[int,string]", "a b"]),
            expect![[r#"
            goret:"main.Map[int,string]", goret:"a b" { call(); }
        "#]],
        );
    }

    #[test]
    fn what_calls_must_be_under_is_a_condition_besides_the_other_one() {
        let under = |names: &[&str], condition: Option<&str>| Trace {
            only_under: names.iter().map(ToString::to_string).collect(),
            condition: condition.map(str::to_owned),
            ..of(&["main.*"])
        };
        check(
            &under(&["main.f", "net/http.*"], None),
            expect![[r#"
            goret:main.* /(under("main.f") || under("net/http.*"))/ { call(); }
        "#]],
        );
        check(
            &under(&["main.f"], Some("ret > 1 || ret < 0")),
            expect![[r#"
            goret:main.* /under("main.f") && (ret > 1 || ret < 0)/ { call(); }
        "#]],
        );
        check(
            &under(&["main.f", "main.g"], Some("ret")),
            expect![[r#"
            goret:main.* /(under("main.f") || under("main.g")) && (ret)/ { call(); }
        "#]],
        );
    }

    #[test]
    fn changes_of_states_are_an_event_with_all_that_they_must_be() {
        let check = |states: States, want: Expect| want.assert_eq(&states.to_string());
        check(
            States { parent: true, ..States::default() },
            expect![[r#"
            goroutine:state { event(args.parent); }
        "#]],
        );
        let both = States { goids: vec![7, 9], ..States::default() };
        check(
            both.clone(),
            expect![[r#"
            goroutine:state /args.goid == 7 || args.goid == 9/ { event(); }
        "#]],
        );
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let (states, reasons, functions) = (names(&["waiting", "dead"]), names(&["chan *"]), names(&["net/http.*"]));
        check(
            States { states, reasons, functions, least: Some(1_500_000), ..both },
            expect![[r#"
            goroutine:state /((args.goid == 7 || args.goid == 9) && (args.to == "waiting" || args.to == "dead") && args.reason == "chan *" && args.startfunc == "net/http.*" && args.for >= 1500us)/ { event(); }
        "#]],
        );
    }

    #[test]
    fn conditions_with_slashes_do_not_end_early() {
        check(
            &Trace { condition: Some("args.n / 2 > 1".into()), ..of(&["main.f"]) },
            expect![[r#"
            goret:main.f /(args.n / 2 > 1)/ { call(); }
        "#]],
        );
    }
}
