//! The tracers that are compared, one row each; a table of rows for each question.
//!
//! In `args`, `{pid}` is the process, `{path}` its program, `{func}` the function, and `{returns}` a list of bpftrace's
//! probes on each of its returns, by address.

/// Who traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Nobody.
    Nothing,
    /// The release build of this tree.
    Gospect,
    /// The one in PATH.
    Bpftrace,
    /// The one in PATH, else installed for this.
    Dlv,
}

/// How a tracer says that its probes are in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// By an empty line.
    EmptyLine,
    /// By a line "ready".
    Word,
    /// Not at all: the function is called until a call is seen.
    Seen,
}

/// One tracer at one task.
pub struct Row {
    /// What stands in the table.
    pub name: &'static str,
    /// Who.
    pub tool: Tool,
    /// With which arguments.
    pub args: &'static [&'static str],
    /// When its probes are in place.
    pub ready: Ready,
    /// How many events a line of its output stands for.
    pub seen: fn(&str) -> u64,
    /// How many events a call is.
    pub events: u64,
}

/// What all others are held against; the first of each table.
const NOTHING: Row = Row { name: "nothing", tool: Tool::Nothing, args: &[], ready: Ready::Seen, seen: none, events: 0 };

/// The calls of a function.
pub const CALLS: &[Row] = &[
    NOTHING,
    Row {
        name: "gospect run: count of calls",
        tool: Tool::Gospect,
        args: &["run", "--max-overhead", "off", "--ready-fd", "1", "-p", "{pid}", "-e", "go:{func} { @ = count() }"],
        ready: Ready::EmptyLine,
        seen: total,
        events: 1,
    },
    Row {
        name: "gospect run: each call printed, with its argument",
        tool: Tool::Gospect,
        args: &[
            "run",
            "--max-overhead",
            "off",
            "--ready-fd",
            "1",
            "-p",
            "{pid}",
            "-e",
            "go:{func} { printf(\"E %d %d\\n\", goid, args.n) }",
        ],
        ready: Ready::EmptyLine,
        seen: printed,
        events: 1,
    },
    Row {
        name: "gospect run: each call and each return printed",
        tool: Tool::Gospect,
        args: &[
            "run",
            "--max-overhead",
            "off",
            "--ready-fd",
            "1",
            "-p",
            "{pid}",
            "-e",
            "go:{func} { printf(\"E %d %d\\n\", goid, args.n) } goret:{func} { printf(\"R %d %d\\n\", goid, rets.0) }",
        ],
        ready: Ready::EmptyLine,
        seen: printed,
        events: 2,
    },
    Row {
        name: "gospect run: histogram of durations by function",
        tool: Tool::Gospect,
        args: &[
            "run",
            "--max-overhead",
            "off",
            "--ready-fd",
            "1",
            "-p",
            "{pid}",
            "-e",
            "goret:{func} { @[func] = hist(elapsed) }",
        ],
        ready: Ready::EmptyLine,
        seen: bars,
        events: 1,
    },
    Row {
        name: "gospect trace: each call with argument, result and duration",
        tool: Tool::Gospect,
        args: &["trace", "--max-overhead", "off", "--ready-fd", "1", "-p", "{pid}", "{func}"],
        ready: Ready::EmptyLine,
        seen: told,
        events: 1,
    },
    BPFTRACE_COUNTS,
    Row {
        name: "bpftrace: count of calls and of returns, by address",
        tool: Tool::Bpftrace,
        args: &[
            "-e",
            "uprobe:{path}:{func} { @ = count(); } {returns} { @ = count(); } interval:ms:200 { printf(\"ready\\n\"); }",
        ],
        ready: Ready::Word,
        seen: total,
        events: 2,
    },
    Row {
        name: "bpftrace: each call printed, with its register",
        tool: Tool::Bpftrace,
        args: &[
            "-e",
            "uprobe:{path}:{func} { printf(\"E %d %d\\n\", tid, reg(\"ax\")); } interval:ms:200 { printf(\"ready\\n\"); }",
        ],
        ready: Ready::Word,
        seen: printed,
        events: 1,
    },
    Row {
        name: "bpftrace: each call and, by uretprobe, each return printed",
        tool: Tool::Bpftrace,
        args: &[
            "-e",
            "uprobe:{path}:{func} { printf(\"E %d %d\\n\", tid, reg(\"ax\")); } \
             uretprobe:{path}:{func} { printf(\"R %d %d\\n\", tid, retval); } interval:ms:200 { printf(\"ready\\n\"); }",
        ],
        ready: Ready::Word,
        seen: printed,
        events: 2,
    },
    Row {
        name: "dlv trace: each call printed",
        tool: Tool::Dlv,
        args: &["trace", "-p", "{pid}", "^{func}$"],
        ready: Ready::Seen,
        seen: traced,
        events: 1,
    },
];

/// What becomes of goroutines, and how long the calls of the function take in which each request is answered.
pub const GOROUTINES: &[Row] = &[
    NOTHING,
    Row {
        name: "gospect states --summary, within the usual budget of 25%: times by state and start function, by turns",
        tool: Tool::Gospect,
        args: &["states", "--summary", "--ready-fd", "1", "-p", "{pid}"],
        ready: Ready::EmptyLine,
        seen: none,
        events: 0,
    },
    Row {
        name: "gospect states --summary: the same all the time",
        tool: Tool::Gospect,
        args: &["states", "--summary", "--max-overhead", "off", "--ready-fd", "1", "-p", "{pid}"],
        ready: Ready::EmptyLine,
        seen: none,
        events: 0,
    },
    Row {
        name: "gospect states: a line for each change",
        tool: Tool::Gospect,
        args: &["states", "--max-overhead", "off", "--ready-fd", "1", "-p", "{pid}"],
        ready: Ready::EmptyLine,
        seen: none,
        events: 0,
    },
    Row {
        name: "gospect hist: durations of the handler",
        tool: Tool::Gospect,
        args: &["hist", "--max-overhead", "off", "--ready-fd", "1", "-p", "{pid}", "{func}"],
        ready: Ready::EmptyLine,
        seen: bars,
        events: 1,
    },
    Row {
        name: "gospect trace: each call of the handler, with all that its pointer leads to",
        tool: Tool::Gospect,
        args: &["trace", "--max-overhead", "off", "--ready-fd", "1", "-p", "{pid}", "{func}"],
        ready: Ready::EmptyLine,
        seen: handled,
        events: 1,
    },
    BPFTRACE_COUNTS,
    Row {
        name: "bpftrace: times in states by goroutine, at the first byte of runtime.casgstatus",
        tool: Tool::Bpftrace,
        args: &[
            "-e",
            "uprobe:{path}:runtime.casgstatus { $g = reg(\"ax\"); if (@since[$g]) { @ns[$g, reg(\"bx\")] = sum(nsecs - @since[$g]); } \
             @since[$g] = nsecs; } interval:ms:200 { printf(\"ready\\n\"); }",
        ],
        ready: Ready::Word,
        seen: none,
        events: 0,
    },
    Row {
        name: "bpftrace: a line for each change, at the first byte of runtime.casgstatus",
        tool: Tool::Bpftrace,
        args: &[
            "-e",
            "uprobe:{path}:runtime.casgstatus { printf(\"E %d %d %d\\n\", tid, reg(\"ax\"), reg(\"cx\")); } \
             interval:ms:200 { printf(\"ready\\n\"); }",
        ],
        ready: Ready::Word,
        seen: none,
        events: 0,
    },
];

/// The row whose cost per call is the unit of the others'.
pub const BPFTRACE_COUNTS: Row = Row {
    name: "bpftrace: count of calls, at the first byte",
    tool: Tool::Bpftrace,
    args: &["-e", "uprobe:{path}:{func} { @ = count(); } interval:ms:200 { printf(\"ready\\n\"); }"],
    ready: Ready::Word,
    seen: total,
    events: 1,
};

/// How many events a line of any tracer owns up to having lost: `Lost 16 events`, or `16 records of go:main.f came faster
/// than they could be shown, and are lost`.
pub fn lost(line: &str) -> u64 {
    let number = match line.strip_prefix("Lost ") {
        Some(rest) => rest.strip_suffix(" events"),
        None => line.strip_suffix(", and are lost").and_then(|rest| rest.split(' ').next()),
    };
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
fn told(line: &str) -> u64 {
    u64::from(line.contains("  main.") && line.contains(") = "))
}

/// `21:00:47.123456  42     main.main.func1(c=&gin.Context{…})  1.2µs`
fn handled(line: &str) -> u64 {
    u64::from(line.contains("  main.main.func1("))
}

/// Of delve.
fn traced(line: &str) -> u64 {
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
        let own = "20 records of go:main.* came faster than they could be shown, and are lost";
        assert_eq!(["Lost 16 events", own, "Lost", "7 hits, 0 printed"].map(lost), [16, 20, 0, 0]);
        let call = "21:00:47.123456  42     main.hit(n=1) = 7  1.2µs";
        assert_eq!([call, "TIME             GOID   CALL", "7 hits, 7 printed"].map(told), [1, 0, 0]);
        assert_eq!(["> goroutine(18): main.hit(5)", ">> goroutine(18): => (6)"].map(traced), [1, 0]);
    }
}
