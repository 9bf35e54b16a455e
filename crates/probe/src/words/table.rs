//! The rows.

use super::{Action, Aggregation, Form, Function, Meaning, Param, Params, Places, Probe, Row, Value};
use plan::Word;

const FIRST: &str = "0.1";

/// Kinds of probes.
pub const PROBES: &[Probe] = &[
    Probe {
        names: &["go"],
        usage: "go:FUNC",
        doc: "Where a call of a Go function of the target begins. FUNC is a name as Go prints it, or has `*` for any \
              characters. Arguments are `args.NAME`.",
        example: "go:main.(*Server).Serve",
        since: FIRST,
        form: Form::Short { ret: false },
    },
    Probe {
        names: &["goret"],
        usage: "goret:FUNC",
        doc: "Where a call of a Go function of the target returns: a probe on each of its return instructions. Results \
              are `ret` and `rets.NAME`, the duration is `elapsed`. Calls that end by a panic do not return.",
        example: "goret:main.(*Server).Serve",
        since: FIRST,
        form: Form::Short { ret: true },
    },
    Probe {
        names: &["inlined"],
        usage: "inlined:FUNC",
        doc: "Where a call of a Go function begins that the compiler replaced by the function's code, so that `go` does \
              not see it. Arguments are `args.NAME` where DWARF says where they are at that instruction; results \
              there are none, and only what `call()` records has a duration. Of each such place one instruction is probed that runs once for each call; \
              where none is certain to, the place is skipped, with the reason.",
        example: "inlined:main.fib",
        since: FIRST,
        form: Form::Inlined,
    },
    Probe {
        names: &["uprobe", "u"],
        usage: "uprobe:BIN:FUNC",
        doc: "The same as `go` for the executable BIN; the target if BIN is empty. BIN need not be a Go program. \
              `FUNC+OFF` and `0xADDR` are single instructions.",
        example: "uprobe:/usr/bin/app:main.handle",
        since: FIRST,
        form: Form::User { ret: false },
    },
    Probe {
        names: &["uretprobe", "ur"],
        usage: "uretprobe:BIN:FUNC",
        doc: "The same as `goret` for the executable BIN. No return address is ever changed in a Go program. In another \
              program it is the kernel's uretprobe.",
        example: "uretprobe:/usr/bin/app:main.handle",
        since: FIRST,
        form: Form::User { ret: true },
    },
    Probe {
        names: &["goroutine"],
        usage: "goroutine:EVENT",
        doc: "What the Go runtime of the target does with goroutines. `create` has `args.goid`, `parent`, `startfunc` \
              and `gopc` (where the `go` statement is), and so has `exit`. `state` has besides these the states \
              `from` and `to`, `reason` (why it waits, or has waited), `for` (nanoseconds in the state that it \
              leaves) and `spent` (how many of these lie within the run, 0 if nobody saw it enter that state). \
              `park`, it begins to wait, has `reason`; `ready`, it has waited and may run, has `reason`, `for`, and \
              `by`: the goroutine that saw to that, 0 if it was the runtime itself (a timer, the network). \
              Names of states are those of Go's own traces: `\"runnable\"`, \
              `\"running\"`, `\"syscall\"`, `\"waiting\"`, `\"preempted\"`, `\"copystack\"` (its stack grows or shrinks), \
              `\"dead\"`; reasons are those of its stack traces: `\"chan receive\"`. `args` are about the goroutine \
              that is concerned, words such as `goid` and `startfunc` about the one whose code runs here: in \
              `create` that is the parent.",
        example: "goroutine:state",
        since: FIRST,
        form: Form::Goroutine,
    },
    Probe {
        names: &["gc"],
        usage: "gc:EVENT",
        doc: "What the garbage collector of the target does. `start` and `end` are those of its cycles: a cycle begins \
              when the world has to stop for it, and ends, while the world is stopped again, when all is marked and \
              the sweep begins. `stw_start` and `stw_end` are where the world begins to stop and where it goes on, \
              whatever for. `goid` is the goroutine on whose behalf it happens. They are calls of functions of the \
              runtime, which `gospect run --emit=plan` names.",
        example: "gc:start",
        since: FIRST,
        form: Form::Collector,
    },
    Probe {
        names: &["syscall"],
        usage: "syscall:EVENT",
        doc: "The system calls of the target's Go code: `enter` where the kernel is asked, `exit` where it has answered. \
              Both have `args.goid`, the goroutine that asks or on whose behalf the runtime does (0 if there is none), \
              and `args.nr`, the number of the system call; `exit` has `args.ret`, what the kernel said (an error is \
              negative: -2 is ENOENT), and `elapsed`. What goes through Go's packages `syscall`, `golang.org/x/sys`, \
              `os` and `net` is seen, but for what cannot fail (`Getpid`), and how the runtime polls the network; what the \
              runtime does otherwise (futex, mmap, nanosleep) and what C does is not, \
              `tracepoint:raw_syscalls:sys_enter` has all. For amd64.",
        example: "syscall:enter",
        since: FIRST,
        form: Form::Syscall,
    },
    Probe {
        names: &["tracepoint", "t"],
        usage: "tracepoint:CATEGORY:NAME",
        doc: "A tracepoint of the kernel. Its fields are `args.FIELD`. `*` in a name stands for any characters.",
        example: "tracepoint:sched:sched_process_exit",
        since: FIRST,
        form: Form::Tracepoint,
    },
    Probe {
        names: &["interval", "i"],
        usage: "interval:UNIT:N",
        doc: "Again and again on one CPU, every N `s`, `ms` or `us`, or N times a second (`hz`).",
        example: "interval:s:1",
        since: FIRST,
        form: Form::Interval,
    },
    Probe {
        names: &["profile", "p"],
        usage: "profile:UNIT:N",
        doc: "The same on every CPU, in whatever runs there.",
        example: "profile:hz:99",
        since: FIRST,
        form: Form::Profile,
    },
    Probe {
        names: &["BEGIN", "begin"],
        usage: "BEGIN",
        doc: "Once, before anything is attached.",
        example: "BEGIN",
        since: FIRST,
        form: Form::Begin,
    },
    Probe {
        names: &["END", "end"],
        usage: "END",
        doc: "Once, when everything is detached.",
        example: "END",
        since: FIRST,
        form: Form::End,
    },
];

const NONE: Params = Params { of: &[], least: 0, more: false };

const fn exactly(of: &'static [Param]) -> Params {
    Params { of, least: of.len(), more: false }
}

const fn at_least(least: usize, of: &'static [Param]) -> Params {
    Params { of, least, more: false }
}

const fn value(name: &'static str, places: Places, value: Value, example: &'static str, doc: &'static str) -> Row {
    let (since, meaning) = (FIRST, Meaning::Value(value));
    Row { name, usage: name, doc, example, since, places, params: NONE, meaning }
}

const fn called(
    (name, usage): (&'static str, &'static str),
    params: Params,
    meaning: Meaning,
    example: &'static str,
    doc: &'static str,
) -> Row {
    Row { name, usage, doc, example, since: FIRST, places: Places::Everywhere, params, meaning }
}

const fn within(row: Row, places: Places) -> Row {
    Row { places, ..row }
}

/// Everything else.
pub const ROWS: &[Row] = &[
    value(
        "args",
        Places::Arguments,
        Value::Args,
        "go:main.handle { printf(\"%s %d\\n\", args.r.Name, args.n); }",
        "What a Go function was called with, by name: `args.n`, and on into it, `args.r.ID`, `args.r.Tags[0]`, \
         `*args.p`. Pointers are followed. Fields of tracepoints and runtime events are read the same way. In a \
         return they are what the call began with, as far as they are integers and texts, of which 64 bytes are kept.",
    ),
    value(
        "ret",
        Places::GoReturns,
        Value::Ret,
        "goret:main.fib { @[ret] = count(); }",
        "The only result of a Go function.",
    ),
    value(
        "rets",
        Places::GoReturns,
        Value::Rets,
        "goret:main.handle /rets.err != nil/ { @errors = count(); }",
        "The results of a Go function, by name or number: `rets.err`, `rets.1`.",
    ),
    value(
        "failed",
        Places::GoReturns,
        Value::Failed,
        "goret:main.handle { @errors[func] = sum(failed); }",
        "1 if the last result of type error is not nil, else 0; also 0 where no result is an error. Where the \
         executable does not describe the function's results it is not readable.",
    ),
    value(
        "elapsed",
        Places::Ends,
        Value::Word(Word::Elapsed),
        "goret:main.handle { @ns[func] = hist(elapsed); }",
        "Nanoseconds since this very call began, on whatever threads it ran; in `syscall:exit` since the kernel was asked.",
    ),
    value(
        "goid",
        Places::Goroutines,
        Value::Word(Word::Goid),
        "go:main.handle { @start[goid] = nsecs; }",
        "The goroutine whose code runs; 0 if none does.",
    ),
    value(
        "parent_goid",
        Places::Goroutines,
        Value::Word(Word::ParentGoid),
        "go:main.handle { @[parent_goid] = count(); }",
        "The goroutine that started it.",
    ),
    value(
        "gostate",
        Places::Goroutines,
        Value::Word(Word::GoState),
        "profile:hz:99 { @[gostate] = count(); }",
        "Its state; compares with texts such as `\"running\"`, in which `*` stands for any characters.",
    ),
    value(
        "waitreason",
        Places::Goroutines,
        Value::Word(Word::WaitReason),
        "tracepoint:sched:sched_switch { @[waitreason] = count(); }",
        "Why it waits, or last waited; compares with texts such as `\"chan receive\"` or `\"chan *\"`.",
    ),
    value(
        "startfunc",
        Places::Goroutines,
        Value::Word(Word::StartFunc),
        "go:main.handle { @[startfunc] = count(); }",
        "The function that it began with; compares with names and patterns such as `\"main.*\"`. A wrapper that Go makes for a `go` statement is shown as \
         the function that it calls.",
    ),
    value(
        "func",
        Places::User,
        Value::Word(Word::Func),
        "go:main.* { @calls[func] = count(); }",
        "The function that the probe is in; compares with names.",
    ),
    value(
        "probe",
        Places::Everywhere,
        Value::Word(Word::Probe),
        "go:main.* { @[probe] = count(); }",
        "What fired, as it would be written for it alone.",
    ),
    value(
        "ustack",
        Places::Programs,
        Value::Word(Word::UStack),
        "go:main.handle { @[ustack] = count(); }",
        "The stack of the program, up to 32 frames, and with them functions that were inlined and a caller whose frame is \
         not complete yet. Functions of programs that a probe of the script is in have names, others are addresses.",
    ),
    value(
        "caller",
        Places::GoCalls,
        Value::Word(Word::Caller),
        "go:main.fib { @[caller] = count(); }",
        "The instruction that called, shown as the function that it is in.",
    ),
    value(
        "nsecs",
        Places::Everywhere,
        Value::Word(Word::Nsecs),
        "go:main.handle { @start[goid] = nsecs; }",
        "Nanoseconds since the machine was started, suspension included.",
    ),
    value("pid", Places::Everywhere, Value::Word(Word::Pid), "go:main.fib { @[pid] = count(); }", "The process."),
    value(
        "tid",
        Places::Everywhere,
        Value::Word(Word::Tid),
        "go:main.fib { @[tid] = count(); }",
        "The thread. Goroutines move from one to another, so what a call of Go code leaves for its return goes by `goid`.",
    ),
    value("cpu", Places::Everywhere, Value::Word(Word::Cpu), "go:main.fib { @[cpu] = count(); }", "The CPU."),
    value(
        "comm",
        Places::Everywhere,
        Value::Word(Word::Comm),
        "go:main.fib { @[comm] = count(); }",
        "The thread's name, as the kernel has it.",
    ),
    value(
        "retval",
        Places::Returns,
        Value::RetVal,
        "uretprobe:/bin/app:main.fib { printf(\"%d\\n\", retval); }",
        "The register that a function's first integer result is in.",
    ),
    value(
        "argN",
        Places::Entries,
        Value::Arg,
        "uprobe:/bin/app:main.fib { printf(\"%d\\n\", arg0); }",
        "The register that integer argument number N, from 0, is in: in Go's order for Go functions, where a string \
         takes two and a slice three; in C's for others.",
    ),
    value(
        "sargN",
        Places::Entries,
        Value::StackArg,
        "uprobe:/bin/app:main.fib { printf(\"%d\\n\", sarg0); }",
        "Word number N, from 0, of the arguments on the stack.",
    ),
    value(
        "nil",
        Places::Everywhere,
        Value::Nil,
        "go:main.handle /args.r != nil/ { @ = count(); }",
        "Compares with pointers, slices, maps, channels, functions and interfaces.",
    ),
    value("true", Places::Everywhere, Value::Bool(true), "BEGIN { @on = true; }", "1."),
    value("false", Places::Everywhere, Value::Bool(false), "BEGIN { @on = false; }", "0."),
    called(
        ("str", "str(TEXT [, LENGTH])"),
        at_least(1, &[Param::Value, Param::Int]),
        Meaning::Function(Function::Str),
        "go:main.handle { printf(\"%s %s\\n\", str(args.s), str(reg(\"ax\"), 8)); }",
        "The text of a Go string or `[]byte`; of an address: that many bytes, or up to a zero. At most 256 bytes are \
         kept, or LENGTH where that is a number.",
    ),
    called(
        ("buf", "buf(DATA [, LENGTH])"),
        at_least(1, &[Param::Value, Param::Int]),
        Meaning::Function(Function::Buf),
        "go:main.handle { printf(\"%r\\n\", buf(args.s)); }",
        "The same as bytes, shown as hexadecimal (`%r`, `%rx`).",
    ),
    called(
        ("hex", "hex(INT)"),
        exactly(&[Param::Int]),
        Meaning::Function(Function::Hex),
        "go:main.fib { @[hex(args.n)] = count(); }",
        "The same number, shown as hexadecimal.",
    ),
    called(
        ("len", "len(VALUE)"),
        exactly(&[Param::Value]),
        Meaning::Function(Function::Len),
        "go:main.handle { @bytes = hist(len(args.s)); }",
        "The length of a string, slice, array, map or channel of Go. Of a nil map it is not readable.",
    ),
    within(
        called(
            ("reg", "reg(\"NAME\")"),
            exactly(&[Param::Text]),
            Meaning::Function(Function::Reg),
            "go:main.fib { printf(\"%d\\n\", reg(\"ax\")); }",
            "A register of the machine, by the kernel's name or the assembler's.",
        ),
        Places::User,
    ),
    called(
        ("ksym", "ksym(ADDRESS)"),
        exactly(&[Param::Int]),
        Meaning::Function(Function::Ksym),
        "BEGIN { print(ksym(0)); }",
        "The same number, shown as the function of the kernel that has this address, if the kernel tells who has \
         (`/proc/kallsyms`).",
    ),
    within(
        called(
            ("usym", "usym(ADDRESS)"),
            exactly(&[Param::Int]),
            Meaning::Function(Function::Usym),
            "go:main.handle { @[usym(reg(\"ip\"))] = count(); }",
            "The same number, shown as the function of the program that has this address.",
        ),
        Places::Programs,
    ),
    within(
        called(
            ("ustack", "ustack([FRAMES])"),
            at_least(0, &[Param::Number]),
            Meaning::Function(Function::UStack),
            "go:main.handle { @[ustack(3)] = count(); }",
            "The same, up to FRAMES frames.",
        ),
        Places::Programs,
    ),
    called(
        ("strftime", "strftime(\"FORMAT\", NSECS)"),
        exactly(&[Param::Text, Param::Int]),
        Meaning::Function(Function::Strftime),
        "go:main.handle { printf(\"%s\\n\", strftime(\"%H:%M:%S\", nsecs)); }",
        "A time of `nsecs`, shown as FORMAT says; `%f` are microseconds.",
    ),
    called(
        ("strncmp", "strncmp(TEXT, TEXT, LENGTH)"),
        exactly(&[Param::Str, Param::Str, Param::Number]),
        Meaning::Function(Function::Strncmp),
        "go:main.fib /strncmp(comm, \"app\", 3) == 0/ { @ = count(); }",
        "0 if the first LENGTH bytes are the same, else 1.",
    ),
    within(
        called(
            ("under", "under(\"FUNC\")"),
            exactly(&[Param::Text]),
            Meaning::Function(Function::Under),
            "go:main.fib /under(\"main.handle\")/ { @ = count(); }",
            "1 while a call of FUNC is open on this goroutine, FUNC's own beginnings and returns included, else 0. FUNC may \
             be a pattern: any of its functions. Calls that were open before the probes were in place are not known, so \
             nothing is under them; nor are calls that were inlined. The code of another goroutine that FUNC starts is \
             not under it.",
        ),
        Places::GoCode,
    ),
    called(
        ("printf", "printf(\"FORMAT\", VALUE, …)"),
        Params { of: &[Param::Text], least: 1, more: true },
        Meaning::Action(Action::Printf),
        "go:main.fib { printf(\"%d %s\\n\", args.n, comm); }",
        "Prints values as FORMAT says; whole values of Go with `%v`.",
    ),
    called(
        ("print", "print(VALUE [, TOP [, DIVISOR]])"),
        at_least(1, &[Param::Value, Param::Number, Param::Number]),
        Meaning::Action(Action::Print),
        "interval:s:1 { print(@calls, 5); } go:main.* { @calls[func] = count(); }",
        "Prints a value on a line of its own, of Go whole unless it is a number or a text, or an entry of a map. Of a \
         whole map the entries sorted by value, only the \
         TOP largest, divided by DIVISOR.",
    ),
    called(
        ("clear", "clear(@MAP)"),
        exactly(&[Param::Map]),
        Meaning::Action(Action::Clear),
        "interval:s:1 { clear(@calls); } go:main.* { @calls[func] = count(); }",
        "Removes all entries of a map.",
    ),
    called(
        ("zero", "zero(@MAP)"),
        exactly(&[Param::Map]),
        Meaning::Action(Action::Zero),
        "interval:s:1 { zero(@calls); } go:main.* { @calls[func] = count(); }",
        "Sets all values of a map to 0.",
    ),
    called(
        ("delete", "delete(@MAP[KEY])"),
        Params { of: &[Param::Entry], least: 1, more: true },
        Meaning::Action(Action::Delete),
        "go:main.fib { @start[goid] = nsecs; } goret:main.fib { delete(@start[goid]); }",
        "Removes an entry of a map; also written `delete(@MAP, KEY)`.",
    ),
    called(
        ("exit", "exit([STATUS])"),
        at_least(0, &[Param::Int]),
        Meaning::Action(Action::Exit),
        "interval:s:10 { exit(); }",
        "Ends everything, with this exit status.",
    ),
    called(
        ("time", "time([\"FORMAT\"])"),
        at_least(0, &[Param::Text]),
        Meaning::Action(Action::Time),
        "interval:s:1 { time(\"%H:%M:%S\\n\"); }",
        "Prints the time of the day as FORMAT says, `%H:%M:%S` and a new line without one.",
    ),
    called(
        ("call", "call([STACK])"),
        at_least(0, &[Param::Value]),
        Meaning::Action(Action::Call),
        "goret:main.fib /args.n > 1 && elapsed > 1ms/ { call(); }",
        "Records a call of a Go function with its arguments, results and all that their pointers lead to, once. In a \
         return the arguments are recorded where the call begins, and what of the condition can be known there is asked \
         there; a call whose return the clause does not record is taken back. Calls that end otherwise, by a panic or \
         with their goroutine, are told as such. Where a call begins only that is recorded. With `ustack` or `ustack(N)` \
         the stack that called is recorded, too.",
    ),
    called(
        ("event", "event([args.parent])"),
        at_least(0, &[Param::Value]),
        Meaning::Action(Action::Event),
        "goroutine:state /args.for > 1ms/ { event(); }",
        "Records a change of a goroutine's state as `gospect states` shows it: in `goroutine:EVENT` only. With \
         `args.parent` the goroutine that started it and the place of that `go` statement are recorded, too.",
    ),
    called(
        ("count", "count()"),
        NONE,
        Meaning::Aggregation(Aggregation::Count),
        "go:main.* { @calls[func] = count(); }",
        "How often it was assigned.",
    ),
    called(
        ("sum", "sum(INT)"),
        exactly(&[Param::Int]),
        Meaning::Aggregation(Aggregation::Sum),
        "go:main.fib { @ = sum(args.n); }",
        "The sum.",
    ),
    called(
        ("avg", "avg(INT)"),
        exactly(&[Param::Int]),
        Meaning::Aggregation(Aggregation::Avg),
        "goret:main.fib { @ = avg(elapsed); }",
        "The mean.",
    ),
    called(
        ("min", "min(INT)"),
        exactly(&[Param::Int]),
        Meaning::Aggregation(Aggregation::Min),
        "goret:main.fib { @ = min(elapsed); }",
        "The smallest.",
    ),
    called(
        ("max", "max(INT)"),
        exactly(&[Param::Int]),
        Meaning::Aggregation(Aggregation::Max),
        "goret:main.fib { @ = max(elapsed); }",
        "The largest.",
    ),
    called(
        ("stats", "stats(INT)"),
        exactly(&[Param::Int]),
        Meaning::Aggregation(Aggregation::Stats),
        "goret:main.fib { @ = stats(elapsed); }",
        "Count, mean and sum.",
    ),
    called(
        ("hist", "hist(INT [, K])"),
        at_least(1, &[Param::Int, Param::Number]),
        Meaning::Aggregation(Aggregation::Hist),
        "goret:main.fib { @ns = hist(elapsed); }",
        "A histogram by powers of two, or with K, from 1 to 5, by 2 to the power of K steps for each.",
    ),
    called(
        ("lhist", "lhist(INT, MIN, MAX, STEP)"),
        exactly(&[Param::Int, Param::Number, Param::Number, Param::Number]),
        Meaning::Aggregation(Aggregation::LinearHist),
        "go:main.fib { @n = lhist(args.n, 0, 100, 10); }",
        "A histogram by equal steps, with what lies below MIN and from MAX on.",
    ),
    called(
        ("quantiles", "quantiles(INT)"),
        exactly(&[Param::Int]),
        Meaning::Aggregation(Aggregation::Quantiles),
        "goret:main.fib { @ns[func] = quantiles(elapsed); }",
        "The median, p90, p99, p99.9 and the largest, each at most 6.25 % too large or small.",
    ),
];
