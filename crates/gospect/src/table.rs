//! Every command, flag and word that can be typed, each on one row.
//!
//! Parser, help, usage errors, and whatever else tells about the command line are made from these rows and from
//! nothing else, so that they cannot disagree.

mod flags;

use std::ffi::OsStr;

use self::flags::{
    ALL, AS_ROOT, BEGAN, BUFFER, BY, BY_NAME, CALLS, CAPTURE, CGROUP, COMMAND, CONTAINER, DEPTH, DURATION, EACH, EMIT,
    ENGINE, EXCEPT, FOLLOW, FORMAT, FULL, GOID, GRAPH, IF, INLINED, INLINED_CALLS, LEAST, LINEAR, LIST, LIVE, NESTED,
    NO_REDACT, NUMBER, OF, ONLY, ONLY_UNDER, OPAQUE, OVERHEAD, PARENT, QUICK, QUIET, RATE, READY, REASON, REDACT,
    SAMPLE, SECONDS, SERVE, SHOW_PROGRAM, SITES, SNAPSHOT, STACK, STARTS, STATE, STRLEN, SUMMARY, TARGET_PATH, TEXT,
    TIMES_BY, TREE, UNIT, USER, VERSUS, WAY, WIDTH,
};
pub use self::flags::{Flag, GLOBAL, JSON, PID, Several, Value, layout};
use crate::failure::{NOTHING, REFUSED, USAGE};

/// A command.
pub struct Command {
    /// What is typed.
    pub name: &'static str,
    /// What it does: imperative, no full stop.
    pub brief: &'static str,
    /// The rest of what there is to say, in lines of at most [`crate::help::WIDTH`] characters.
    pub about: &'static str,
    /// What is typed without a flag.
    pub words: &'static [Word],
    /// Whether it takes a command behind `--`.
    pub starts: bool,
    /// Whether what it writes is there as JSON, too.
    pub json: bool,
    /// Its own flags, in groups; those of [`GLOBAL`] come on top.
    pub flags: &'static [&'static [&'static Flag]],
    /// Commands to try, each with what it does.
    pub examples: &'static [(&'static str, &'static str)],
    /// Exit statuses other than 0, with what they mean here.
    pub exits: &'static [(u8, &'static str)],
    /// The module that does it.
    pub action: Action,
}

/// The modules that do commands. Rows name them, and [`crate::main`] calls them: help, manual page and completions are made
/// from the table, so the table does not know them.
#[allow(missing_docs, reason = "modules of the same names describe themselves")]
#[derive(Clone, Copy)]
pub enum Action {
    Demo,
    Ps,
    Doctor,
    Info,
    List,
    Explain,
    Run,
    States,
    Trace,
    Hist,
    Bench,
    Complete,
    Man,
    Help,
}

/// Something that is typed without a flag.
pub struct Word {
    /// As usage shows it, such as `[PATTERN...]`.
    pub usage: &'static str,
    /// What it is.
    pub brief: &'static str,
    /// How many of it there may be.
    pub most: usize,
}

/// Exit statuses of the commands that read one program.
const READS: &[(u8, &str)] = &[
    (NOTHING, "no function matched"),
    (USAGE, "the command line is wrong"),
    (REFUSED, "TARGET cannot be read, or is no Go program; or the output not written"),
];

/// The processes that a run is about, where TARGET names none.
const TARGETS: &[&Flag] = &[&ONLY, &ALL, &USER, &CGROUP, &CONTAINER];

/// How values are captured and shown.
const VALUES: &[&Flag] = &[&DEPTH, &STRLEN, &CAPTURE, &OPAQUE, &FOLLOW, &WIDTH, &FULL, &REDACT, &NO_REDACT];

/// How probes are put in place, what they may cost and when they go.
const RUNS: &[&Flag] = &[&AS_ROOT, &DURATION, &NUMBER, &OVERHEAD, &RATE, &SAMPLE, &QUIET, &READY, &ENGINE, &WAY];

/// The program to look at.
pub const TARGET: Word = Word { usage: "TARGET", brief: "The path of a program, or -p PID in its place", most: 1 };

/// All commands, in the order of the overview.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "demo",
        brief: "Build a small Go service, and show what gospect says of it",
        about: "\
Builds a service with the `go` that is installed, 1.21 or newer, starts it on a free port of
127.0.0.1 with a client that asks it for something a hundred times a second, and runs other commands
on it, each for a few seconds: what is run stands above what it says. At the end there are commands
to try by hand.

The service answers with Fibonacci numbers, waits for a slow database, for a mutex and for workers
behind a channel, panics and recovers, and leaks goroutines. It is made with gin; where gin's
modules cannot be had, its twin with net/http alone is built, which is said. What was built is kept
in $XDG_CACHE_HOME/gospect, else ~/.cache/gospect. Everything ends with gospect. Under sudo the
service is built and run by the user who called it.

Exit statuses other than those below are those of the command that was run last.",
        words: &[],
        starts: false,
        json: true,
        flags: &[&[&SERVE]],
        examples: &[
            ("sudo gospect demo", "a tour of half a minute"),
            ("gospect demo --serve", "something to try commands on, which needs no rights"),
        ],
        exits: &[
            (USAGE, "the command line is wrong"),
            (REFUSED, "probing is not permitted, there is no Go, or it cannot build the service"),
        ],
        action: Action::Demo,
    },
    Command {
        name: "ps",
        brief: "Show the Go processes that are running",
        about: "\
For each: its PID, user, container and pod (where there are any), Go version, main module, whether
the symbol table was stripped (gospect does not need it), and whether gospect could trace it as it
is run now, or else why not.

Processes of other users are seen as root or with CAP_SYS_PTRACE only; how many were not seen, and
whose they are, is said on standard error.",
        words: &[],
        starts: false,
        json: true,
        flags: &[&[&USER, &CGROUP, &CONTAINER]],
        examples: &[
            ("sudo gospect ps", "all of this machine, containers too"),
            ("gospect ps --json | jq -r 'select(.traceable).pid'", "the PIDs of what can be traced"),
        ],
        exits: &[
            (NOTHING, "no Go process was found"),
            (USAGE, "the command line is wrong"),
            (REFUSED, "/proc cannot be read, or the output not written"),
        ],
        action: Action::Ps,
    },
    Command {
        name: "doctor",
        brief: "Show what works on this machine, and how to get what does not",
        about: "\
Looks at the kernel, at the rights that gospect has and at what else may be in the way of probes,
tries what can be tried, and says for each whether it is as it should be; where it is not, how to
get it. By each way of attaching it puts probes into a process of its own, which have to see every
call, and says what a hit costs. Without rights it says what is not known for want of them. What
another command is refused names the line here that explains it.",
        words: &[],
        starts: false,
        json: true,
        flags: &[],
        examples: &[
            ("gospect doctor", "as the user who would trace"),
            ("gospect doctor --json | jq -r 'select(.ok | not).fix'", "what to do"),
        ],
        exits: &[
            (USAGE, "the command line is wrong"),
            (REFUSED, "probes cannot work here as gospect is run now, or the output was not written"),
        ],
        action: Action::Doctor,
    },
    Command {
        name: "info",
        brief: "Show what a program is, and what gospect can do with it",
        about: "\
Go version, modules, how it was built, what is stripped and where the runtime's own tables stand;
how many functions it has; what gospect can do with it and what not, and why; the build settings.",
        words: &[TARGET],
        starts: false,
        json: true,
        flags: &[&[&PID, &CONTAINER]],
        examples: &[
            ("gospect info ./app", "a program's file"),
            ("sudo gospect info -p 4242", "the program of a process, in a container too"),
            ("gospect info ./app --json | jq '.cannot'", "what is missing, for scripts"),
        ],
        exits: &[
            (USAGE, "the command line is wrong"),
            (REFUSED, "TARGET cannot be read, or is no Go program; or the output not written"),
        ],
        action: Action::Info,
    },
    Command {
        name: "list",
        brief: "Show functions, their signatures, and where they can be probed",
        about: "\
One line per function, in the order of their addresses: name, Go signature, file:line, and where a
probe would sit. Without DWARF, methods have types but no names, and of other functions only the
words that tracebacks print are known; their results are `?`. In a signature `…` stands for
arguments that the file does not describe, `…?` for some, or perhaps none, at an unknown position.

A PATTERN is a name as Go prints it, and has to match all of a function's name. `*` stands for any
characters, dots and slashes too; a receiver's star and everything else stand for themselves:

  main.*                     package main: functions, methods, closures
  net/http.(*conn).serve     one method, its receiver as a stack trace has it
  *.ServeHTTP                all methods and functions of that name
  main.Map[...]              a generic function, with whatever type arguments

The shell takes * ( ) [ ] for its own, so put patterns in single quotes.

Of each function it says where calls are seen (entry+0xa: behind the stack check) and how many
return instructions there are. The entry is `emulated` where one trap is enough, or `stepped` where
the kernel has to run the instruction apart, which is many times dearer. Files of Go itself and of
the module cache are shown without the directories above them; --json has whole paths. On a terminal
lines are shortened to its width.",
        words: &[
            TARGET,
            Word { usage: "[PATTERN...]", brief: "Functions to show; without any, all", most: usize::MAX },
        ],
        starts: false,
        json: true,
        flags: &[&[&PID, &CONTAINER, &INLINED, &SITES, &BY_NAME]],
        examples: &[
            ("gospect list ./app 'main.*'", "everything in package main"),
            ("gospect list ./app 'main.(*Store).*'", "the methods of a type"),
            ("gospect list ./app | fzf", "look for one"),
            ("gospect list -p 4242 '*.ServeHTTP' --sites", "every site of all HTTP handlers"),
            ("gospect list ./app main.clamp --inlined", "where inlined code went"),
            ("gospect list ./app --json | jq -r 'select(.return_sites>9).name'", "for scripts"),
        ],
        exits: READS,
        action: Action::List,
    },
    Command {
        name: "explain",
        brief: "Show what a probe on a function does, instruction by instruction",
        about: "\
The function's machine code with its source lines; in it the stack check, the place of the entry
probe and of every return probe with what each costs; where each argument is at entry and each
result at return, `rax?` being a guess. Of a process (-p) the bytes in its memory are compared with
the file's, so that a probe that is in place is seen; if the loader moved the program, the
addresses in the process stand behind those of the file.

`Lost when the stack has just grown` is an argument that the function does not use: when it is
entered with too little stack, which happens a few times in the life of a goroutine, the registers
that it uses are saved and the others are not, so that the probe sees garbage there.

FUNC is a name as `gospect list` shows it, a pattern that only one name matches, or an address in
the function, as the file counts them or the process. Names with parentheses, brackets or stars
need single quotes in a shell: 'main.(*Store).Get'.",
        words: &[TARGET, Word { usage: "FUNC", brief: "The function, or an address in it such as 0x4a1c20", most: 1 }],
        starts: false,
        json: true,
        flags: &[&[&PID, &CONTAINER]],
        examples: &[
            ("gospect explain ./app main.main", "from the file"),
            ("gospect explain ./app 0x4a1c20", "whatever function has code there"),
            ("sudo gospect explain -p 4242 'main.(*Store).Get'", "from a process, live bytes included"),
        ],
        exits: READS,
        action: Action::Explain,
    },
    Command {
        name: "run",
        brief: "Run a script of probes on a program, without stopping or changing it",
        about: "\
The language is bpftrace's, with words for Go: `goid`, arguments and results by name. A SCRIPT is a
file, or - for standard input; with -e the text is on the command line and all words are ARGS.

The target is what `go:FUNC`, `goret:FUNC` and an empty file name in `uprobe::FUNC` mean: the
program of each -p PID or of COMMAND, of which only those processes count, or of --target PATH, of
which all processes count; or the Go programs of a group of processes, those that run when it begins
and those that come later: --all, --user, --cgroup, --container, which may be combined.

A uretprobe on a Go function is a probe on each of its return instructions; return addresses are
never touched.

Under sudo COMMAND is started as the user who called it, with that user's groups and home, and only
gospect is root; --as-root starts it as root.

A function whose probes take more than --max-overhead of one CPU for three seconds loses them, and
the others go on; it is said, and the summary names it. --rate and --sample hold back what user
probes (go:, goret:, uprobe:, uretprobe:) would do at hits, behind their conditions, and count it;
where calls are paired with their returns both are held back, or none. They spare work, not hits.

It ends with Ctrl-C, when the script calls exit(), when the process or COMMAND ends, and after
--duration or -n. Then the probes are taken out, END runs and the maps that are left are shown.
Where output can no longer be written, as on a full disk, the same happens with exit status 3, and
what had no room is on standard output, or on standard error if it was that. A reader that goes away
ends it quietly with 0.",
        words: &[
            Word { usage: "[SCRIPT]", brief: "The script's file, unless -e is there", most: 1 },
            Word { usage: "[ARGS...]", brief: "What $1, $2 and so on mean in the script", most: usize::MAX },
            Word {
                usage: "[-- COMMAND...]",
                brief: "The command to start, with probes in place before it begins",
                most: 0,
            },
        ],
        starts: true,
        json: true,
        flags: &[
            &[&TEXT, &TARGET_PATH, &COMMAND],
            TARGETS,
            RUNS,
            &[&FORMAT, &BUFFER, &STARTS, &GRAPH, &NESTED],
            VALUES,
            &[&LIST, &EMIT],
        ],
        examples: &[
            ("sudo gospect run -p 4242 -e 'go:main.Handle { @[goid] = count() }'", "calls by goroutine"),
            ("sudo gospect run -t ./app -e 'go:main.f { @[args.n] = count() }'", "by an argument"),
            ("sudo gospect run latency.bt -- ./app -v", "start a program"),
        ],
        exits: &[
            (NOTHING, "no function matched"),
            (USAGE, "the command line or the script is wrong"),
            (REFUSED, "the system does not let us; what exit() was given, if the script calls it"),
        ],
        action: Action::Run,
    },
    Command {
        name: "states",
        brief: "Show what becomes of goroutines: each change of state, why and for how long",
        about: "\
One line for each time that a goroutine leaves a state and enters another one: when, the state that
it enters with Go's number for it, the goroutine, the thread (PID) and the process (TGID) where that
happened, how long it was in the state that it leaves (FOR), why it waits or has waited, and the
function that it began with. `-` is what nobody saw: goroutines that are older than the probes have
been in their states for longer than that; for --min they count from then on.

States are `runnable`, `running`, `syscall`, `waiting`, `preempted` (waits until it may go on),
`copystack` (its stack grows or shrinks) and `dead`; reasons are those of Go's stack traces. That
the collector looks at the stack of a goroutine which runs on is no wait.

With --summary the kernel adds up how long goroutines are in which state, without a record for each
change, and at the end (or at Ctrl-C) that is shown: by start function, or by what --by says, time
running, runnable, in system calls and waiting for each reason, how often that began, and how long
goroutines that could run waited for their turn. What a goroutine was in before the run does not
count, and what has not ended by then counts until then. Where that would cost more than
--max-overhead allows it is done by turns, with rests between them; it is said, and so is at the end
for how long it watched. Counts and times are of the turns.

--goid and --func choose goroutines for --summary and --tree, too: no others count, but that those
which created them are named. --state chooses rows of --summary --by state, --reason those of
--summary --by reason; shares are of what is shown.

--tree shows who created whom: below each function that goroutines began with those whose goroutines
they started, how many were there before the run, and how many are new. A parent that was over
before is known by the function that has the `go` statement.

With --snapshot it shows instead what all goroutines are doing now, read from the memory of the
process while that goes on: how many do the same (state, reason, function that they began with; and
with --stack, calls that they are in), and how long the longest has been waiting, at least (SINCE).
That is known where the collector has come by since. --goid, --state, --reason, --func and --min
choose among them as they are now. The runtime's own are left out unless --goid or --func names
them. No probe is needed, and no right but to read the process's memory.

TARGET is a program's path, for every process that runs it, now and later; or -p PID, or behind -- a
command to start. It ends as `gospect run` does, whose language it is written in.",
        words: &[
            TARGET,
            Word {
                usage: "[-- COMMAND...]",
                brief: "The command to start, with probes in place before it begins, instead of TARGET",
                most: 0,
            },
        ],
        starts: true,
        json: true,
        flags: &[
            TARGETS,
            &[&GOID, &STATE, &REASON, &BEGAN, &LEAST, &PARENT, &SUMMARY, &TIMES_BY, &TREE],
            &[&SNAPSHOT, &EACH, &CALLS],
            &[&AS_ROOT, &DURATION, &NUMBER, &OVERHEAD, &QUIET, &READY, &ENGINE, &WAY],
            &[&SHOW_PROGRAM],
        ],
        examples: &[
            ("sudo gospect states -p 4242", "every change of every goroutine"),
            ("sudo gospect states ./app --func 'main.*' --min 10ms", "of its own, what takes long"),
            ("sudo gospect states ./app --reason '*Mutex*'", "waits for locks"),
            ("sudo gospect states -p 4242 --snapshot --stack", "what they are doing now, by stack"),
            ("sudo gospect states --parent -- ./app", "from the first one on, with who started it"),
            ("sudo gospect states ./app --summary --duration 10", "where goroutines spend ten seconds"),
        ],
        exits: &[
            (NOTHING, "TARGET is no Go program; with --snapshot, no process runs it or no goroutine is meant"),
            (USAGE, "the command line is wrong"),
            (REFUSED, "the system does not let us"),
        ],
        action: Action::States,
    },
    Command {
        name: "trace",
        brief: "Show each call of functions: arguments, results, duration",
        about: "\
One line for each call that has ended: when, on which goroutine, the function with its arguments as
Go would write them, its results, and how long it took. Calls of several processes have a PID, too.

FUNC is a name as `gospect list` shows it, or a pattern in which `*` stands for any characters; as
many as you like, each in single quotes. TARGET is a program's path, for every process that runs
it, now and later; or -p PID, or behind -- a command to start.

Without DWARF the types of what methods take and give are mostly known, of other functions only raw
words: `arg0=0x2a?`. A signature behind the name says what they are: 'main.Fib(n int) int'.
A call that the compiler replaced by the function's code is not seen, which is said at the start;
--inlined shows those too, where an instruction is certain to run once for each of them, with their
durations where one is certain to run when they have ended.

CONDITION is an expression of the probe language, see `gospect help language`, and is evaluated in
the kernel: `args.n > 10`, `rets.err != nil`, `elapsed > 1ms`, `goid == 7`. With --only-under a call
counts only while one of FUNC is open on its goroutine; FUNC itself is shown if it is among the
functions to trace. Calls of FUNC that were open before the probes were in place do not count.

On a terminal a value that is longer than a line is shown from afar: `URL: &url.URL{…}`. Files,
pipes and JSON have all of it, as --full shows it.

It ends as `gospect run` does, whose language it is written in.",
        words: &[
            TARGET,
            Word { usage: "FUNC...", brief: "Functions to trace", most: usize::MAX },
            Word {
                usage: "[-- COMMAND...]",
                brief: "The command to start, with probes in place before it begins, instead of TARGET",
                most: 0,
            },
        ],
        starts: true,
        json: true,
        flags: &[
            TARGETS,
            &[&EXCEPT, &IF, &ONLY_UNDER, &INLINED_CALLS, &STACK, &STARTS, &GRAPH, &NESTED],
            VALUES,
            RUNS,
            &[&SHOW_PROGRAM],
        ],
        examples: &[
            ("sudo gospect trace -p 4242 main.Handle", "each call of a function"),
            ("sudo gospect trace ./app 'main.*' -x '*.func*'", "of a package, without its closures"),
            ("sudo gospect trace ./app main.Get --if 'elapsed > 10ms'", "only slow ones"),
            ("sudo gospect trace ./app 'main.*' --only-under main.Get", "what that calls"),
            ("sudo gospect trace ./stripped 'main.Fib(n int) int'", "where no DWARF says the types"),
        ],
        exits: &[
            (NOTHING, "no function matched"),
            (USAGE, "the command line or the condition is wrong"),
            (REFUSED, "the system does not let us"),
        ],
        action: Action::Trace,
    },
    Command {
        name: "hist",
        brief: "Show how long calls of functions take, as distributions",
        about: "\
For each function a histogram of durations, and below it how many calls returned, how many a second,
the mean, what half, 90, 99 and 99.9 of a hundred do not exceed, and the longest; how many calls
failed, that is, returned an error that is not nil, and how many a panic ended, which have no
duration. All is counted in the kernel, so that calls cost no more than their two probes.

Buckets are powers of two of nanoseconds, shown with three digits. Percentiles are at most 6.25 %
too high. Durations near what probing itself takes are marked with `~`: they may be anything less.
With more than five rows only those with the greatest sums get a histogram, all stand in the table.

FUNC, TARGET and CONDITION are those of `gospect trace`. KEY and VALUE are expressions of the probe
language that are integers or have a name where a call returns, see `gospect help language`. Calls
that do not return have no KEY: they are in no row then, which is said below the rows.

It ends as `gospect run` does, whose language it is written in; -n counts what --live shows.",
        words: &[
            TARGET,
            Word { usage: "FUNC...", brief: "Functions to measure", most: usize::MAX },
            Word {
                usage: "[-- COMMAND...]",
                brief: "The command to start, with probes in place before it begins, instead of TARGET",
                most: 0,
            },
        ],
        starts: true,
        json: true,
        flags: &[TARGETS, &[&EXCEPT, &IF, &ONLY_UNDER, &BY, &OF, &LINEAR, &UNIT, &LIVE], RUNS, &[&SHOW_PROGRAM]],
        examples: &[
            ("sudo gospect hist -p 4242 main.Handle --duration 10", "ten seconds of a handler"),
            ("sudo gospect hist ./app 'main.*' --live", "a package, again every second"),
            ("sudo gospect hist ./app main.Get --by caller --if failed", "calls that went wrong, by caller"),
            ("sudo gospect hist ./app main.Write --of 'len(args.b)'", "sizes instead of durations"),
        ],
        exits: &[
            (NOTHING, "no function matched"),
            (USAGE, "the command line, the condition, KEY or VALUE is wrong"),
            (REFUSED, "the system does not let us"),
        ],
        action: Action::Hist,
    },
    Command {
        name: "bench",
        brief: "Measure what probes cost on this machine",
        about: "\
It takes a program of its own along to be probed, so neither Go nor a target is needed, and runs on
it what `gospect run` would run. What is measured, and in which order it is shown:

  hits    What one hit costs: CPU time of the thread that is hit, and how many times that of an
          empty probe on an emulated site. SITE is `emulated` where the kernel does itself what the
          instruction under the probe does, as at most entries of Go functions, or `stepped` where
          the processor has to run it apart, as at returns on amd64. BODY is
            empty   a program that ends at once, without anything of gospect's
            count   @ = count()
            event4  printf() of the goroutine and four arguments
            hist    @[goid] = hist(elapsed), the mean of a call's entry and its return
            words   call() where a call begins, with an int and a string; on emulated sites alone,
                    as the next two
            struct  the same with a pointer to a struct of 1 KiB and 7 pointers to strings in it
            handler the same with a context with two values, a request of a string, a slice, a map
                    and an error, and a []byte
  sites   How long it takes to put probes in place and to take them out again, at 1, 1 000 and
          10 000 functions, which stand close together in memory
  events  How many events of event4 go through the ring, read and thrown away, and how many are
          written to a file as text; the program waits for the reader, so none should be lost

All kinds of hits are measured in turns; each figure is the median of at least 5 rounds, of sites
at least 3. Times change with what else the machine does, ratios hardly.",
        words: &[],
        starts: false,
        json: true,
        flags: &[&[&SECONDS, &QUICK, &VERSUS, &ENGINE, &WAY]],
        examples: &[
            ("sudo gospect bench", "half a minute"),
            ("sudo gospect bench --quick --vs bpftrace", "beside bpftrace's count"),
            ("sudo gospect bench --json | jq -c 'select(.body==\"count\")'", "for scripts"),
        ],
        exits: &[
            (USAGE, "the command line is wrong"),
            (REFUSED, "not permitted, or no amd64 machine; or the output not written"),
        ],
        action: Action::Bench,
    },
    Command {
        name: "completions",
        brief: "Write what completes gospect's command lines in a shell",
        about: "\
Writes a script that the shell reads; how is said in its first lines. With it TAB completes
commands, options and their words, PIDs of Go programs behind -p, and functions of TARGET, quoted as
they have to be: of large programs first packages, then the functions of one. Behind --reason it
offers why goroutines of TARGET may wait.

With WORDS it says what could stand in place of the last of them, which is what the scripts ask.",
        words: &[
            Word { usage: "SHELL", brief: "bash, zsh or fish", most: 1 },
            Word {
                usage: "[-- WORDS...]",
                brief: "The words of a command line behind gospect; for bash, the line",
                most: 0,
            },
        ],
        starts: true,
        json: false,
        flags: &[],
        examples: &[
            ("source <(gospect completions bash)", "for this shell"),
            ("gospect completions fish >~/.config/fish/completions/gospect.fish", "for all of fish"),
        ],
        exits: &[(USAGE, "there is no script for this shell")],
        action: Action::Complete,
    },
    Command {
        name: "man",
        brief: "Write the manual page",
        about: "\
All that `gospect help` says of gospect and its commands, as a page for man(1).",
        words: &[],
        starts: false,
        json: false,
        flags: &[],
        examples: &[
            ("gospect man | man -l -", "read it"),
            ("gospect man >~/.local/share/man/man1/gospect.1", "have it as `man gospect`"),
        ],
        exits: &[(USAGE, "the command line is wrong")],
        action: Action::Man,
    },
    Command {
        name: "help",
        brief: "Show help: of gospect, of a command, or on a topic",
        about: "",
        words: &[
            Word { usage: "[COMMAND|TOPIC]", brief: "One of the commands, or language, probes, exit-status", most: 1 },
            Word { usage: "[WORD]", brief: "Behind language: a word of it, or a section's title", most: 1 },
        ],
        starts: false,
        json: false,
        flags: &[],
        examples: &[
            ("gospect help ps", "the same as gospect ps --help"),
            ("gospect help language | less", "the reference of the probe language"),
            ("gospect help language hist", "one word of it"),
        ],
        exits: &[(USAGE, "there is no such command or topic")],
        action: Action::Help,
    },
];

impl Command {
    /// The command of this name.
    #[must_use]
    pub fn named(name: &OsStr) -> Option<&'static Command> {
        COMMANDS.iter().find(|c| c.name == name)
    }

    /// Its own flags.
    pub fn own_flags(&self) -> impl Iterator<Item = &'static Flag> + use<> {
        self.flags.iter().flat_map(|group| group.iter().copied())
    }

    /// Its flags and those of every command, but for `--json` where that would mean nothing.
    pub fn all_flags(&self) -> impl Iterator<Item = &'static Flag> + use<> {
        let json = self.json;
        self.own_flags().chain(GLOBAL.iter().copied().filter(move |flag| json || flag.long != JSON))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn briefs_are_short_sentences_without_a_full_stop() {
        let flags = COMMANDS.iter().flat_map(Command::all_flags).chain([&PID]).map(|f| f.brief);
        for brief in COMMANDS.iter().map(|c| c.brief).chain(flags) {
            assert!(brief.starts_with(char::is_uppercase) && !brief.ends_with('.'), "{brief}");
        }
    }

    #[test]
    fn no_name_is_there_twice() {
        for command in COMMANDS {
            let mut names: Vec<String> = command.all_flags().map(|f| f.long.to_owned()).collect();
            names.extend(command.all_flags().filter_map(|f| f.short).map(String::from));
            names.sort();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "{}", command.name);
        }
    }
}
