//! The texts of ready-made programs: what `gospect trace` runs, as anybody could have typed it for `gospect run`.

use std::fmt;

use probe::ast::quoted;

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
        let places = self.functions.iter().map(|name| format!("goret:{}", quoted(name)));
        let inlined = self.functions.iter().filter(|_| self.inlined).map(|name| format!("inlined:{}", quoted(name)));
        let left_out = self.except.iter().map(|name| format!("!{}", quoted(name)));
        let all: Vec<String> = places.chain(inlined).chain(left_out).collect();
        f.write_str(&all.join(", "))?;
        match self.conditions() {
            // In parentheses, since a condition ends with a slash.
            Some(condition) if condition.contains('/') => write!(f, " /({condition})/")?,
            Some(condition) => write!(f, " /{condition}/")?,
            None => {}
        }
        match self.stack {
            None => f.write_str(" { call(); }\n"),
            Some(0) => f.write_str(" { call(ustack); }\n"),
            Some(frames) => writeln!(f, " {{ call(ustack({frames})); }}"),
        }
    }
}

impl Trace {
    /// All that a call must be.
    fn conditions(&self) -> Option<String> {
        let under: Vec<String> = self.only_under.iter().map(|name| format!("under({name:?})")).collect();
        match (under.as_slice(), &self.condition) {
            ([], condition) => condition.clone(),
            (under, None) => Some(under.join(" || ")),
            ([under], Some(condition)) => Some(format!("{under} && ({condition})")),
            (under, Some(condition)) => Some(format!("({}) && ({condition})", under.join(" || "))),
        }
    }
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
    fn conditions_with_slashes_do_not_end_early() {
        check(
            &Trace { condition: Some("args.n / 2 > 1".into()), ..of(&["main.f"]) },
            expect![[r#"
            goret:main.f /(args.n / 2 > 1)/ { call(); }
        "#]],
        );
    }
}
