//! Calls within calls, as they happen: a goroutine's calls stand inside of one another, indented.
//!
//! ```text
//! TIME             GOID   CALL
//! 21:00:47.123456  42     main.Handle(s="hello") {
//! 21:00:47.123459  42       main.parse(s="hello") = 5  1.2µs
//! 21:00:47.123462  7      main.tick() {
//! 21:00:47.123470  42     } main.Handle = (13, nil)  14µs
//! ```
//!
//! Nothing waits for the outermost call to end. Only the latest call of a goroutine is held back for a moment: if it ends
//! before anything else happens there, it is one line. Closing lines name their call, since lines of other goroutines may
//! stand in between. Takes texts and gives lines; what time it is, others say.

use std::collections::HashMap;
use std::fmt::Write;

use event::calls::Key;

/// The calls that are open, by goroutine.
#[derive(Debug, Default)]
pub struct Graph {
    /// Calls within so many others are left out.
    depth: Option<usize>,
    goroutines: HashMap<(u32, u64), Vec<Open>>,
}

#[derive(Debug)]
struct Open {
    id: u64,
    function: String,
    /// What its first line says, and when it began, until that line is written.
    held: Option<(String, u64)>,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When that was, in nanoseconds since boot.
    pub time: u64,
    /// In which process.
    pub pid: u32,
    /// On which goroutine.
    pub goid: u64,
    /// What happened, indented.
    pub text: String,
}

impl Graph {
    /// Leaves out what is within so many other calls.
    #[must_use]
    pub fn new(depth: Option<usize>) -> Graph {
        Graph { depth, goroutines: HashMap::new() }
    }

    /// A call begins: its function, and how its first line reads.
    pub fn begins(&mut self, key: Key, time: u64, function: &str, head: &str, lines: &mut Vec<Line>) {
        let depth = self.depth;
        let stack = self.goroutines.entry((key.pid, key.goid)).or_default();
        // What is left out opens nothing.
        if depth.is_none_or(|most| stack.len() < most) {
            release(stack, (key.pid, key.goid), depth, lines);
        }
        stack.push(Open { id: key.id, function: function.to_owned(), held: Some((head.to_owned(), time)) });
    }

    /// A call ends: what is to be said of that, with its duration. Gives back whether it was known to be open.
    pub fn ends(&mut self, key: Key, time: u64, tail: &str, lines: &mut Vec<Line>) -> bool {
        let depth = self.depth;
        let Some(stack) = self.goroutines.get_mut(&(key.pid, key.goid)) else { return false };
        let Some(at) = stack.iter().rposition(|open| open.id == key.id) else { return false };
        // Whatever began inside of it has ended, too.
        while stack.len() > at + 1 {
            close(stack, (key.pid, key.goid), time, "  end not seen", depth, lines);
        }
        close(stack, (key.pid, key.goid), time, tail, depth, lines);
        if stack.is_empty() {
            self.goroutines.remove(&(key.pid, key.goid));
        }
        true
    }

    /// A call ends that nobody wants. If nothing was said of it yet, nothing is.
    pub fn drops(&mut self, key: Key, time: u64, lines: &mut Vec<Line>) {
        let Some(stack) = self.goroutines.get_mut(&(key.pid, key.goid)) else { return };
        if stack.pop_if(|open| open.id == key.id && open.held.is_some()).is_none() {
            self.ends(key, time, "  left out by the condition", lines);
        } else if stack.is_empty() {
            self.goroutines.remove(&(key.pid, key.goid));
        }
    }

    /// Writes the first lines of calls that began before that moment and go on.
    pub fn release(&mut self, before: u64, lines: &mut Vec<Line>) {
        let from = lines.len();
        for (of, stack) in &mut self.goroutines {
            let due = |open: &Open| open.held.as_ref().is_some_and(|(_, time)| *time < before);
            if stack.last().is_some_and(due) {
                release(stack, *of, self.depth, lines);
            }
        }
        lines.get_mut(from..).unwrap_or_default().sort_by_key(|line| (line.time, line.pid, line.goid));
    }
}

/// Writes the first line of the latest call, if that was not done yet.
fn release(stack: &mut [Open], (pid, goid): (u32, u64), most: Option<usize>, lines: &mut Vec<Line>) {
    let depth = stack.len().saturating_sub(1);
    let Some((head, time)) = stack.last_mut().and_then(|open| open.held.take()) else { return };
    if most.is_none_or(|most| depth < most) {
        lines.push(Line { time, pid, goid, text: format!("{}{head} {{", indent(depth)) });
    }
}

/// Ends the latest call.
fn close(
    stack: &mut Vec<Open>,
    (pid, goid): (u32, u64),
    time: u64,
    tail: &str,
    most: Option<usize>,
    lines: &mut Vec<Line>,
) {
    let Some(Open { function, held, .. }) = stack.pop() else { return };
    let depth = stack.len();
    if most.is_some_and(|most| depth >= most) {
        return;
    }
    let mut text = indent(depth);
    // Writing to a String does not fail.
    let (time, _) = match held {
        Some((head, began)) => (began, write!(text, "{head}{tail}")),
        None => (time, write!(text, "}} {function}{tail}")),
    };
    lines.push(Line { time, pid, goid, text });
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth.min(64))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// Steps such as `1 begin f`, `1 end`, `1 end f`, `1 drop f`, `wait`: the goroutine, and the call that ends if not the latest.
    fn check(depth: Option<usize>, steps: &str, expect: Expect) {
        let (mut graph, mut lines, mut names) = (Graph::new(depth), vec![], vec![]);
        for (time, step) in steps.split(", ").enumerate() {
            let words: Vec<&str> = step.split(' ').collect();
            let goid = words[0].parse().unwrap_or(0);
            let id = |names: &[(u64, String)], name: Option<&&str>| {
                let at = names.iter().rposition(|(of, n)| *of == goid && name.is_none_or(|name| n == name));
                at.map_or(999, |at| at as u64)
            };
            match words[1..] {
                ["begin", name] => {
                    names.push((goid, name.to_owned()));
                    let key = Key { pid: 1, goid, id: id(&names, Some(&name)) };
                    graph.begins(key, time as u64, name, &format!("{name}(n={time})"), &mut lines);
                }
                ["end", name] => {
                    let id = id(&names, Some(&name));
                    let known = graph.ends(Key { pid: 1, goid, id }, time as u64, " = 1  2µs", &mut lines);
                    assert_eq!(known, id != 999);
                }
                ["drop", name] => {
                    let id = id(&names, Some(&name));
                    graph.drops(Key { pid: 1, goid, id }, time as u64, &mut lines);
                }
                _ => graph.release(time as u64, &mut lines),
            }
        }
        let lines: String = lines.iter().map(|l| format!("{:<2} {:<2} {}\n", l.time, l.goid, l.text)).collect();
        expect.assert_eq(&lines);
    }

    #[test]
    fn calls_stand_inside_of_one_another() {
        check(
            None,
            "1 begin a, 1 begin b, 1 begin c, 1 end c, 1 end b, 1 begin d, 1 end d, 1 end a",
            expect![[r#"
                0  1  a(n=0) {
                1  1    b(n=1) {
                2  1      c(n=2) = 1  2µs
                4  1    } b = 1  2µs
                5  1    d(n=5) = 1  2µs
                7  1  } a = 1  2µs
            "#]],
        );
    }

    #[test]
    fn goroutines_take_turns() {
        check(
            None,
            "1 begin a, 2 begin x, 1 begin b, 2 end x, 1 end b, 1 end a",
            expect![[r#"
                0  1  a(n=0) {
                1  2  x(n=1) = 1  2µs
                2  1    b(n=2) = 1  2µs
                5  1  } a = 1  2µs
            "#]],
        );
    }

    #[test]
    fn a_call_that_goes_on_is_seen_after_a_moment() {
        check(
            None,
            "1 begin a, 2 begin x, wait, wait, 1 end a, 2 end x",
            expect![[r#"
                0  1  a(n=0) {
                1  2  x(n=1) {
                4  1  } a = 1  2µs
                5  2  } x = 1  2µs
            "#]],
        );
    }

    #[test]
    fn what_is_too_deep_is_left_out() {
        check(
            Some(1),
            "1 begin a, 1 begin b, 1 begin c, 1 end c, 1 end b, wait, 1 end a",
            expect![[r#"
                0  1  a(n=0) {
                6  1  } a = 1  2µs
            "#]],
        );
    }

    #[test]
    fn calls_that_a_condition_leaves_out_do_not_stay_open() {
        check(
            None,
            "1 begin a, 1 drop a, 1 begin b, 1 begin c, 1 end c, 1 drop b, 2 drop zz, 1 begin d, 1 end d",
            expect![[r#"
                2  1  b(n=2) {
                3  1    c(n=3) = 1  2µs
                5  1  } b  left out by the condition
                7  1  d(n=7) = 1  2µs
            "#]],
        );
    }

    #[test]
    fn lost_ends_and_unknown_calls() {
        check(
            None,
            "1 begin a, 1 begin b, 1 begin c, 1 end a, 1 end zz, 2 end zz, 1 begin d, 1 end d",
            expect![[r#"
                0  1  a(n=0) {
                1  1    b(n=1) {
                2  1      c(n=2)  end not seen
                3  1    } b  end not seen
                3  1  } a = 1  2µs
                6  1  d(n=6) = 1  2µs
            "#]],
        );
    }
}
