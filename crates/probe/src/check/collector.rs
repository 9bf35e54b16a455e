//! `gc:EVENT`: what the garbage collector does, as calls of functions of the runtime, one for each event.
//!
//! A cycle begins where the world is stopped for the end of the sweep before it: `gcStart` itself is also called when
//! there turns out to be nothing to do. It ends with the call of `gcSweep`, while the world still stands, so nobody who
//! waits for the cycle has gone on by then.

use std::borrow::Cow;

use crate::ast::{Attach, AttachPoint, BinaryOp, Clause, Code, Expr, ExprKind, Script, Span, Spanned, User};
use crate::diagnostic::Diagnostic;

use super::resolve::no_such_event;

/// For what the world is stopped where a cycle begins (proc.go, `stwReason`).
// +rtype 1.21- const runtime.stwGCSweepTerm = 2
const SWEEP_TERMINATION: u64 = 2;

/// Each event, the function that is called then, and what it is called for if that matters.
const EVENTS: [(&str, &str, Option<u64>); 4] = [
    ("start", "runtime.stopTheWorldWithSema", Some(SWEEP_TERMINATION)),
    ("end", "runtime.gcSweep", None),
    ("stw_start", "runtime.stopTheWorldWithSema", None),
    ("stw_end", "runtime.startTheWorldWithSema", None),
];

/// The script with calls in place of the collector's events, each in a clause of its own.
pub(super) fn as_calls<'s>(script: &'s Script, messages: &mut Vec<Diagnostic>) -> Cow<'s, Script> {
    let is_one = |point: &AttachPoint| matches!(point.attach, Attach::Collector(_));
    if !script.clauses.iter().any(|clause| clause.points.iter().any(is_one)) {
        return Cow::Borrowed(script);
    }
    let mut clauses = Vec::new();
    for clause in &script.clauses {
        let (events, others): (Vec<AttachPoint>, Vec<AttachPoint>) = clause.points.iter().cloned().partition(is_one);
        clauses.extend((!others.is_empty()).then(|| Clause { points: others, ..clause.clone() }));
        clauses.extend(events.iter().map(|point| call(clause, point, messages)));
    }
    Cow::Owned(Script { clauses, ..script.clone() })
}

/// The clause for one of its points.
fn call(clause: &Clause, point: &AttachPoint, messages: &mut Vec<Diagnostic>) -> Clause {
    let (attach, reason) = match &point.attach {
        Attach::Collector(event) => function(event, messages),
        other => (other.clone(), None),
    };
    let wanted = reason.map(|reason| is_for(reason, point.span));
    let predicate = match (wanted, clause.predicate.clone()) {
        (Some(left), Some(right)) => Some(binary(BinaryOp::LogicalAnd, left, right)),
        (wanted, own) => wanted.or(own),
    };
    Clause { points: vec![AttachPoint { attach, span: point.span }], predicate, ..clause.clone() }
}

/// What stands for an event.
fn function(event: &Spanned<String>, messages: &mut Vec<Diagnostic>) -> (Attach, Option<u64>) {
    let Some((_, name, reason)) = EVENTS.iter().find(|(known, ..)| *known == event.value) else {
        messages.push(no_such_event("the collector has", event, || EVENTS.iter().map(|(name, ..)| *name)));
        return (Attach::Bad, None);
    };
    let code = Code::Function { pattern: (*name).to_owned(), signature: None, offset: None };
    let binary = Spanned { value: String::new(), span: event.span };
    let code = Spanned { value: code, span: event.span };
    (Attach::User(User { binary, code, ret: false, short: true, inlined: false }), *reason)
}

/// `arg0 & 255 == REASON`: a byte, with whatever stands above it in the register.
fn is_for(reason: u64, span: Span) -> Expr {
    let expr = |kind| Expr { kind, span };
    let byte = binary(BinaryOp::And, expr(ExprKind::Word("arg0".to_owned())), expr(ExprKind::Int(0xff)));
    binary(BinaryOp::Eq, byte, expr(ExprKind::Int(reason)))
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    Expr { kind: ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, span }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use plan::Source;

    use super::*;
    use crate::parse;

    fn check(text: &str, want: Expect) {
        let (script, mut messages) = parse::parse(&Source { name: String::new(), text: text.to_owned() });
        want.assert_eq(&as_calls(&script, &mut messages).to_string());
        assert!(messages.is_empty(), "{messages:?}");
    }

    #[test]
    fn each_event_is_a_call_in_a_clause_of_its_own() {
        check(
            "gc:start, go:main.f, gc:end /goid == 7/ { @ = count(); }",
            expect![[r#"
            go:main.f /(goid == 7)/ {
              @ = count();
            }
            go:runtime.stopTheWorldWithSema /(((arg0 & 255) == 2) && (goid == 7))/ {
              @ = count();
            }
            go:runtime.gcSweep /(goid == 7)/ {
              @ = count();
            }
        "#]],
        );
        check(
            "gc:start { @ = count(); } gc:stw_end { exit(); }",
            expect![[r#"
            go:runtime.stopTheWorldWithSema /((arg0 & 255) == 2)/ {
              @ = count();
            }
            go:runtime.startTheWorldWithSema {
              exit();
            }
        "#]],
        );
    }
}
