//! The tracers under comparison, one row each.
//!
//! In scripts and arguments, `{path}` is the program, `{func}` the function, and `{returns}` a list of bpftrace's probes on
//! each of its returns, by address.

use crate::bed::{self, Stream};

/// A tracer and its script or arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Nothing,
    /// `gospect run` of this tree, without a budget.
    Script(&'static str),
    /// Another command of gospect with arguments, without a budget.
    Gospect(&'static str, &'static [&'static str]),
    /// The same within the usual budget.
    GospectInBudget(&'static str, &'static [&'static str]),
    /// The bpftrace in PATH.
    Bpftrace(&'static str),
    /// `dlv trace`, which prints each call.
    Dlv,
}

/// One tracer at one task.
pub struct Row {
    /// Its name in the table.
    pub name: &'static str,
    pub tool: Tool,
    /// The number of events in a line of output.
    pub seen: fn(&str) -> u64,
    /// Events of one call.
    pub events: u64,
}

/// Events in the output of a tracer.
pub struct Events {
    row: &'static Row,
    pub seen: u64,
    /// Lost, according to bpftrace.
    pub lost: u64,
}

impl Events {
    pub fn new(row: &'static Row) -> Events {
        Events { row, seen: 0, lost: 0 }
    }

    pub fn take(&mut self, stream: Stream, line: &str) -> bool {
        let events = (self.row.seen)(line);
        self.seen += events;
        self.lost += lost(line);
        match self.row.tool {
            Tool::Bpftrace(_) => line == "ready",
            // Delve does not report its probes attached, so the first call shown counts.
            Tool::Dlv => events > 0,
            _ => bed::is_attached(self, stream, line),
        }
    }
}

/// The base of all ratios; the first row of each table.
const NOTHING: Row = Row { name: "nothing", tool: Tool::Nothing, seen: none, events: 0 };

/// The row with the unit of cost.
pub const BPFTRACE_COUNTS: Row = Row {
    name: "bpftrace: count of calls, at the first byte",
    tool: Tool::Bpftrace("uprobe:{path}:{func} { @ = count(); }"),
    seen: total,
    events: 1,
};

/// The calls of a function.
pub const CALLS: &[Row] = &[
    NOTHING,
    Row {
        name: "gospect run: count of calls",
        tool: Tool::Script("go:{func} { @ = count() }"),
        seen: total,
        events: 1,
    },
    Row {
        name: "gospect run: each call printed, with its argument",
        tool: Tool::Script("go:{func} { printf(\"E %d %d\\n\", goid, args.n) }"),
        seen: printed,
        events: 1,
    },
    Row {
        name: "gospect run: each call and each return printed",
        tool: Tool::Script(
            "go:{func} { printf(\"E %d %d\\n\", goid, args.n) } goret:{func} { printf(\"R %d %d\\n\", goid, rets.0) }",
        ),
        seen: printed,
        events: 2,
    },
    Row {
        name: "gospect run: histogram of durations by function",
        tool: Tool::Script("goret:{func} { @[func] = hist(elapsed) }"),
        seen: bars,
        events: 1,
    },
    Row {
        name: "gospect trace: each call with argument, result and duration",
        tool: Tool::Gospect("trace", &["{func}"]),
        seen: is_call,
        events: 1,
    },
    BPFTRACE_COUNTS,
    Row {
        name: "bpftrace: count of calls and of returns, by address",
        tool: Tool::Bpftrace("uprobe:{path}:{func} { @ = count(); } {returns} { @ = count(); }"),
        seen: total,
        events: 2,
    },
    Row {
        name: "bpftrace: each call printed, with its register",
        tool: Tool::Bpftrace("uprobe:{path}:{func} { printf(\"E %d %d\\n\", tid, reg(\"ax\")); }"),
        seen: printed,
        events: 1,
    },
    Row {
        name: "bpftrace: each call and, by uretprobe, each return printed",
        tool: Tool::Bpftrace(
            "uprobe:{path}:{func} { printf(\"E %d %d\\n\", tid, reg(\"ax\")); } \
             uretprobe:{path}:{func} { printf(\"R %d %d\\n\", tid, retval); }",
        ),
        seen: printed,
        events: 2,
    },
    Row { name: "dlv trace: each call printed", tool: Tool::Dlv, seen: is_delve_call, events: 1 },
];

/// Goroutine states, and durations of the function that answers each request.
pub const GOROUTINES: &[Row] = &[
    NOTHING,
    Row {
        name: "gospect states --summary, within the usual budget of 25%: times by state and start function, by turns",
        tool: Tool::GospectInBudget("states", &["--summary"]),
        seen: none,
        events: 0,
    },
    Row {
        name: "gospect states --summary: the same all the time",
        tool: Tool::Gospect("states", &["--summary"]),
        seen: none,
        events: 0,
    },
    Row { name: "gospect states: a line for each change", tool: Tool::Gospect("states", &[]), seen: none, events: 0 },
    Row {
        name: "gospect hist: durations of the handler",
        tool: Tool::Gospect("hist", &["{func}"]),
        seen: bars,
        events: 1,
    },
    Row {
        name: "gospect trace: each call of the handler, with all that its pointer leads to",
        tool: Tool::Gospect("trace", &["{func}"]),
        seen: is_handler_call,
        events: 1,
    },
    BPFTRACE_COUNTS,
    Row {
        name: "bpftrace: times in states by goroutine, at the first byte of runtime.casgstatus",
        tool: Tool::Bpftrace(
            "uprobe:{path}:runtime.casgstatus { $g = reg(\"ax\"); if (@since[$g]) { @ns[$g, reg(\"bx\")] = sum(nsecs - @since[$g]); } \
             @since[$g] = nsecs; }",
        ),
        seen: none,
        events: 0,
    },
    Row {
        name: "bpftrace: a line for each change, at the first byte of runtime.casgstatus",
        tool: Tool::Bpftrace(
            "uprobe:{path}:runtime.casgstatus { printf(\"E %d %d %d\\n\", tid, reg(\"ax\"), reg(\"cx\")); }",
        ),
        seen: none,
        events: 0,
    },
];

/// bpftrace's `Lost 16 events`. Lost records of gospect are in its summary.
fn lost(line: &str) -> u64 {
    let number = line.strip_prefix("Lost ").and_then(|rest| rest.strip_suffix(" events"));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn none(_: &str) -> u64 {
    0
}

/// `@: 42`
fn total(line: &str) -> u64 {
    line.strip_prefix("@: ").and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// `E 7 42`, `R 7 42`
fn printed(line: &str) -> u64 {
    u64::from(line.starts_with("E ") || line.starts_with("R "))
}

/// `[512, 1K)             42 |@@@@     |`
fn bars(line: &str) -> u64 {
    let count =
        line.strip_suffix('|').and_then(|line| line.split([')', ']']).nth(1)).and_then(|rest| rest.split('|').next());
    count.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// `> goroutine(18): main.hit(5)`
fn is_call(line: &str) -> u64 {
    u64::from(line.contains("  main.") && line.contains(") = "))
}

/// `21:00:47.123456  42     main.main.func1(c=&gin.Context{…})  1.2µs`
fn is_handler_call(line: &str) -> u64 {
    u64::from(line.contains("  main.main.func1("))
}

/// A line of delve.
fn is_delve_call(line: &str) -> u64 {
    u64::from(line.starts_with("> goroutine("))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_in_what_tracers_write() {
        assert_eq!(["@: 42", "@: ", "E 1 2", ""].map(total), [42, 0, 0, 0]);
        assert_eq!(["E 1 2", "R 1 2", "ready", ""].map(printed), [1, 1, 0, 0]);
        let line = "[1K, 2K)             17 |@@@@@@@@@@@                                         |";
        assert_eq!([line, "@[main.hit]:", "[0]  3 |@ |"].map(bars), [17, 0, 3]);
        assert_eq!(["Lost 16 events", "Lost", "7 hits, 0 printed"].map(lost), [16, 0, 0]);
        let call = "21:00:47.123456  42     main.hit(n=1) = 7  1.2µs";
        assert_eq!([call, "TIME             GOID   CALL", "7 hits, 7 printed"].map(is_call), [1, 0, 0]);
        assert_eq!(["> goroutine(18): main.hit(5)", ">> goroutine(18): => (6)"].map(is_delve_call), [1, 0]);
    }
}
