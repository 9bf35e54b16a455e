//! Every page of help, whole.

use super::*;
use expect_test::expect;

/// As it is typed behind `gospect help`.
fn page(name: &str) -> String {
    named(OsStr::new(name)).unwrap()
}

#[test]
fn pages_fit_any_terminal() {
    for topic in TOPICS {
        for line in page(topic.name).lines() {
            assert!(line.chars().count() <= PAGE && !line.ends_with(' '), "{}: {line}", topic.name);
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}

#[test]
fn the_page_of_the_language_is_the_reference() {
    expect_test::expect_file!["language.txt"].assert_eq(&page("language"));
}

#[test]
fn the_exit_status_of_everything() {
    expect![[r#"
        EXIT STATUS

        0  done; also when the reader of the output went away
        1  there was nothing: no process, no function that matched
        2  the command line or the text of a script is wrong
        3  the system, or a file, did not let us

        GOSPECT DEMO

          2  the command line is wrong
          3  probing is not permitted, there is no Go, or it cannot build the service

        GOSPECT PS

          1  no Go process was found
          2  the command line is wrong
          3  /proc cannot be read, or the output not written

        GOSPECT DOCTOR

          2
              the command line is wrong
          3
              probes cannot work here as gospect is run now, or the output was not
              written

        GOSPECT INFO

          2  the command line is wrong
          3  TARGET cannot be read, or is no Go program; or the output not written

        GOSPECT LIST

          1  no function matched
          2  the command line is wrong
          3  TARGET cannot be read, or is no Go program; or the output not written

        GOSPECT EXPLAIN

          1  no function matched
          2  the command line is wrong
          3  TARGET cannot be read, or is no Go program; or the output not written

        GOSPECT RUN

          1  no function matched
          2  the command line or the script is wrong
          3  the system does not let us; what exit() was given, if the script calls it

        GOSPECT STATES

          1
              TARGET is no Go program; with --snapshot, no process runs it or no
              goroutine is meant
          2
              the command line is wrong
          3
              the system does not let us

        GOSPECT TRACE

          1  no function matched
          2  the command line or the condition is wrong
          3  the system does not let us

        GOSPECT HIST

          1  no function matched
          2  the command line, the condition, KEY or VALUE is wrong
          3  the system does not let us

        GOSPECT BENCH

          2  the command line is wrong
          3  not permitted, or no amd64 machine; or the output not written

        GOSPECT COMPLETIONS

          2  there is no script for this shell

        GOSPECT MAN

          2  the command line is wrong

        GOSPECT HELP

          2  there is no such command or topic
    "#]]
    .assert_eq(&page("exit-status"));
}

#[test]
fn the_help_of_everything() {
    let pages = COMMANDS.iter().map(|c| format!("=== gospect {} --help\n{}", c.name, of(c)));
    let text = [format!("=== gospect --help\n{}", overview())].into_iter().chain(pages).collect::<String>();
    expect![[r#"
        === gospect --help
        Show what a running, unmodified Go program is doing, from outside

        Usage: gospect COMMAND [OPTIONS] [ARGUMENTS]

        Commands:
          demo         Build a small Go service, and show what gospect says of it
          ps           Show the Go processes that are running
          doctor       Show what works on this machine, and how to get what does not
          info         Show what a program is, and what gospect can do with it
          list         Show functions, their signatures, and where they can be probed
          explain      Show what a probe on a function does, instruction by instruction
          run          Run a script of probes on a program, without stopping or changing it
          states       Show what becomes of goroutines: each change of state, why and for how long
          trace        Show each call of functions: arguments, results, duration
          hist         Show how long calls of functions take, as distributions
          bench        Measure what probes cost on this machine
          completions  Write what completes gospect's command lines in a shell
          man          Write the manual page
          help         Show help: of gospect, of a command, or on a topic

        Topics of help:
          language     The probe language; `gospect help language WORD` for a word or a section of it
          probes       Where scripts can look: the kinds of probes
          targets      How to say which programs and processes are meant
          values       How arguments and results are shown, and what is left out
          budget       What probes cost, and what keeps it small
          json         What --json writes: the objects and their fields
          exit-status  What the exit status of gospect means

        Options of every command:
              --json         Write JSON, one object per line, as docs/json.md describes it
          -o, --output FILE  Write to FILE instead of standard output
              --color WHEN   Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help         Show help
          -V, --version      Show the version

        `gospect help COMMAND` shows all about a command, `gospect help TOPIC` about something else.
        === gospect demo --help
        Build a small Go service, and show what gospect says of it

        Usage: gospect demo [OPTIONS]

        Builds a service with the `go` that is installed, 1.21 or newer, starts it on a free port of
        127.0.0.1 with a client that asks it for something a hundred times a second, and runs other commands
        on it, each for a few seconds: what is run stands above what it says. At the end there are commands
        to try by hand.

        The service answers with Fibonacci numbers, waits for a slow database, for a mutex and for workers
        behind a channel, panics and recovers, and leaks goroutines. It is made with gin; where gin's
        modules cannot be had, its twin with net/http alone is built, which is said. What was built is kept
        in $XDG_CACHE_HOME/gospect, else ~/.cache/gospect. Everything ends with gospect. Under sudo the
        service is built and run by the user who called it.

        Exit statuses other than those below are those of the command that was run last.

        Options:
              --serve        Only start the service and leave it running until Ctrl-C
              --json         Write JSON, one object per line, as docs/json.md describes it
          -o, --output FILE  Write to FILE instead of standard output
              --color WHEN   Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help         Show help
          -V, --version      Show the version

        Examples:
          sudo gospect demo     a tour of half a minute
          gospect demo --serve  something to try commands on, which needs no rights

        Exit status:
          0  done; also when the reader of the output went away
          2  the command line is wrong
          3  probing is not permitted, there is no Go, or it cannot build the service
        === gospect ps --help
        Show the Go processes that are running

        Usage: gospect ps [OPTIONS]

        For each: its PID, user, container and pod (where there are any), Go version, main module, whether
        the symbol table was stripped (gospect does not need it), and whether gospect could trace it as it
        is run now, or else why not.

        Processes of other users are seen as root or with CAP_SYS_PTRACE only; how many were not seen, and
        whose they are, is said on standard error.

        Options:
              --user NAME     Take every Go process of this user, by name or number
              --cgroup PATH   Take every Go process in this control group: path, or name (web.service)
              --container ID  Take every Go process in this container: start of its id, name, or pod uid
              --json          Write JSON, one object per line, as docs/json.md describes it
          -o, --output FILE   Write to FILE instead of standard output
              --color WHEN    Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help          Show help
          -V, --version       Show the version

        Examples:
          sudo gospect ps                                     all of this machine, containers too
          gospect ps --json | jq -r 'select(.traceable).pid'  the PIDs of what can be traced

        Exit status:
          0  done; also when the reader of the output went away
          1  no Go process was found
          2  the command line is wrong
          3  /proc cannot be read, or the output not written
        === gospect doctor --help
        Show what works on this machine, and how to get what does not

        Usage: gospect doctor [OPTIONS]

        Looks at the kernel, at the rights that gospect has and at what else may be in the way of probes,
        tries what can be tried, and says for each whether it is as it should be; where it is not, how to
        get it. By each way of attaching it puts probes into a process of its own, which have to see every
        call, and says what a hit costs. Without rights it says what is not known for want of them. What
        another command is refused names the line here that explains it.

        Options:
              --json         Write JSON, one object per line, as docs/json.md describes it
          -o, --output FILE  Write to FILE instead of standard output
              --color WHEN   Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help         Show help
          -V, --version      Show the version

        Examples:
          gospect doctor                                         as the user who would trace
          gospect doctor --json | jq -r 'select(.ok | not).fix'  what to do

        Exit status:
          0  done; also when the reader of the output went away
          2  the command line is wrong
          3  probes cannot work here as gospect is run now, or the output was not written
        === gospect info --help
        Show what a program is, and what gospect can do with it

        Usage: gospect info [OPTIONS] TARGET

        Go version, modules, how it was built, what is stripped and where the runtime's own tables stand;
        how many functions it has; what gospect can do with it and what not, and why; the build settings.

        Arguments:
          TARGET  The path of a program, or -p PID in its place

        Options:
          -p, --pid PID       Take the program of this process as TARGET
              --container ID  Take every Go process in this container: start of its id, name, or pod uid
              --json          Write JSON, one object per line, as docs/json.md describes it
          -o, --output FILE   Write to FILE instead of standard output
              --color WHEN    Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help          Show help
          -V, --version       Show the version

        Examples:
          gospect info ./app                        a program's file
          sudo gospect info -p 4242                 the program of a process, in a container too
          gospect info ./app --json | jq '.cannot'  what is missing, for scripts

        Exit status:
          0  done; also when the reader of the output went away
          2  the command line is wrong
          3  TARGET cannot be read, or is no Go program; or the output not written
        === gospect list --help
        Show functions, their signatures, and where they can be probed

        Usage: gospect list [OPTIONS] TARGET [PATTERN...]

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
        lines are shortened to its width.

        Arguments:
          TARGET        The path of a program, or -p PID in its place
          [PATTERN...]  Functions to show; without any, all

        Options:
          -p, --pid PID       Take the program of this process as TARGET
              --container ID  Take every Go process in this container: start of its id, name, or pod uid
              --inlined       Also show each place where a function was inlined
              --sites         Show every place for a probe, not only how many
              --by-name       Sort by name instead of by address
              --json          Write JSON, one object per line, as docs/json.md describes it
          -o, --output FILE   Write to FILE instead of standard output
              --color WHEN    Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help          Show help
          -V, --version       Show the version

        Examples:
          gospect list ./app 'main.*'                                       everything in package main
          gospect list ./app 'main.(*Store).*'                              the methods of a type
          gospect list ./app | fzf                                          look for one
          gospect list -p 4242 '*.ServeHTTP' --sites                        every site of all HTTP handlers
          gospect list ./app main.clamp --inlined                           where inlined code went
          gospect list ./app --json | jq -r 'select(.return_sites>9).name'  for scripts

        Exit status:
          0  done; also when the reader of the output went away
          1  no function matched
          2  the command line is wrong
          3  TARGET cannot be read, or is no Go program; or the output not written
        === gospect explain --help
        Show what a probe on a function does, instruction by instruction

        Usage: gospect explain [OPTIONS] TARGET FUNC

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
        need single quotes in a shell: 'main.(*Store).Get'.

        Arguments:
          TARGET  The path of a program, or -p PID in its place
          FUNC    The function, or an address in it such as 0x4a1c20

        Options:
          -p, --pid PID       Take the program of this process as TARGET
              --container ID  Take every Go process in this container: start of its id, name, or pod uid
              --json          Write JSON, one object per line, as docs/json.md describes it
          -o, --output FILE   Write to FILE instead of standard output
              --color WHEN    Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help          Show help
          -V, --version       Show the version

        Examples:
          gospect explain ./app main.main                   from the file
          gospect explain ./app 0x4a1c20                    whatever function has code there
          sudo gospect explain -p 4242 'main.(*Store).Get'  from a process, live bytes included

        Exit status:
          0  done; also when the reader of the output went away
          1  no function matched
          2  the command line is wrong
          3  TARGET cannot be read, or is no Go program; or the output not written
        === gospect run --help
        Run a script of probes on a program, without stopping or changing it

        Usage: gospect run [OPTIONS] [SCRIPT] [ARGS...] [-- COMMAND...]

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
        ends it quietly with 0.

        Arguments:
          [SCRIPT]         The script's file, unless -e is there
          [ARGS...]        What $1, $2 and so on mean in the script
          [-- COMMAND...]  The command to start, with probes in place before it begins

        Options:
          -e, --text TEXT        Take TEXT as the script
          -t, --target PATH      Take this program as target: every process that runs it, now and later
          -c, --command CMD      Start CMD, split at blanks, as -- COMMAND does
          -p, --pid PID          Probe the program of this process, and count only it; of several, each
              --all              Take every Go process of the user who runs gospect, or who called sudo
              --user NAME        Take every Go process of this user, by name or number
              --cgroup PATH      Take every Go process in this control group: path, or name (web.service)
              --container ID     Take every Go process in this container: start of its id, name, or pod uid
              --as-root          Start COMMAND as root, not as the user who called sudo
              --duration TIME    End after TIME, such as 10, 1.5s, 200ms or 1h30m
          -n, --number N         End after N units of output
              --max-overhead N%  Take probes out that cost more than N% of a CPU, 25% if not given, or off
              --rate N/s         Act on no more than N hits a second of each user probe
              --sample 1/N       Act on one in N hits of user probes, by chance
          -q, --quiet            Do not say on standard error how it went
              --ready-fd N       Write a line to file descriptor N when the probes are in place
              --engine ENGINE    Attach probes by this engine: kernel, by uprobes
              --way WAY          Attach by the best way that the kernel has, or by tracefs
          -f, --format FORMAT    Write text, or JSON as --json does
          -B, --buffer MODE      Write output at once (line, none) or in large pieces (full)
              --entry            Show when calls begin, too
              --graph            Show calls within calls of the same goroutine, as they happen
              --max-depth N      As --graph, and leave out calls within N others
              --depth N          Follow up to N pointers one behind the other (0 to 16) instead of 2
              --strlen BYTES     Take and show so many bytes of a string (1 to 4000)
              --capture BYTES    Take up to so many bytes of a call (512 to 16000) instead of 2048
              --opaque TYPE      Leave values of TYPE alone, but for fields behind a colon: main.Req:ID,User
              --follow TYPE      Look into values of TYPE that are left alone as a rule: net/http.Server
              --width N          Show each value in about N columns (20 to 9999), not a terminal's line
              --full             Show all of each value, on a terminal too
              --redact GLOB      Do not show values with names like GLOB, nor passwords and tokens
              --no-redact        Show passwords, tokens and the like, too
          -l, --list             Take SCRIPT for attach points, show what they match, and run nothing
          -d, --emit STAGE       Show the script as ast, plan, bpf or schema, and run nothing
              --json             Write JSON, one object per line, as docs/json.md describes it
          -o, --output FILE      Write to FILE instead of standard output
              --color WHEN       Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help             Show help
          -V, --version          Show the version

        Examples:
          sudo gospect run -p 4242 -e 'go:main.Handle { @[goid] = count() }'  calls by goroutine
          sudo gospect run -t ./app -e 'go:main.f { @[args.n] = count() }'    by an argument
          sudo gospect run latency.bt -- ./app -v                             start a program

        Exit status:
          0  done; also when the reader of the output went away
          1  no function matched
          2  the command line or the script is wrong
          3  the system does not let us; what exit() was given, if the script calls it
        === gospect states --help
        Show what becomes of goroutines: each change of state, why and for how long

        Usage: gospect states [OPTIONS] TARGET [-- COMMAND...]

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
        command to start. It ends as `gospect run` does, whose language it is written in.

        Arguments:
          TARGET           The path of a program, or -p PID in its place
          [-- COMMAND...]  The command to start, with probes in place before it begins, instead of TARGET

        Options:
          -p, --pid PID          Probe the program of this process, and count only it; of several, each
              --all              Take every Go process of the user who runs gospect, or who called sudo
              --user NAME        Take every Go process of this user, by name or number
              --cgroup PATH      Take every Go process in this control group: path, or name (web.service)
              --container ID     Take every Go process in this container: start of its id, name, or pod uid
              --goid N           Only goroutine N; may be given several times, as may the next three
              --state STATE      Only changes into STATE: runnable, running, syscall, waiting, dead
              --reason GLOB      Only waits for reasons like GLOB, their beginnings and ends: 'chan *'
              --func GLOB        Only goroutines that began with functions like GLOB
              --min TIME         Only changes out of a state that took TIME or longer: 1ms
              --parent           Show which goroutine started it, and where its `go` statement is
              --summary          Show at the end how long goroutines were in which state, instead of lines
              --by KEY           Tell times of --summary apart by func (as usual), goid, reason or state
              --tree             Show at the end who created whom, by start function
              --snapshot         Show what all goroutines are doing now, without a probe
              --each             With --snapshot: show each goroutine, not how many do the same
              --stack[=N]        With --snapshot: show the calls that they are in, up to N if N is given
              --as-root          Start COMMAND as root, not as the user who called sudo
              --duration TIME    End after TIME, such as 10, 1.5s, 200ms or 1h30m
          -n, --number N         End after N units of output
              --max-overhead N%  Take probes out that cost more than N% of a CPU, 25% if not given, or off
          -q, --quiet            Do not say on standard error how it went
              --ready-fd N       Write a line to file descriptor N when the probes are in place
              --engine ENGINE    Attach probes by this engine: kernel, by uprobes
              --way WAY          Attach by the best way that the kernel has, or by tracefs
              --show-program     Write the script that it would run, for `gospect run -`, and run nothing
              --json             Write JSON, one object per line, as docs/json.md describes it
          -o, --output FILE      Write to FILE instead of standard output
              --color WHEN       Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help             Show help
          -V, --version          Show the version

        Examples:
          sudo gospect states -p 4242                           every change of every goroutine
          sudo gospect states ./app --func 'main.*' --min 10ms  of its own, what takes long
          sudo gospect states ./app --reason '*Mutex*'          waits for locks
          sudo gospect states -p 4242 --snapshot --stack        what they are doing now, by stack
          sudo gospect states --parent -- ./app                 from the first one on, with who started it
          sudo gospect states ./app --summary --duration 10     where goroutines spend ten seconds

        Exit status:
          0  done; also when the reader of the output went away
          1  TARGET is no Go program; with --snapshot, no process runs it or no goroutine is meant
          2  the command line is wrong
          3  the system does not let us
        === gospect trace --help
        Show each call of functions: arguments, results, duration

        Usage: gospect trace [OPTIONS] TARGET FUNC... [-- COMMAND...]

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

        It ends as `gospect run` does, whose language it is written in.

        Arguments:
          TARGET           The path of a program, or -p PID in its place
          FUNC...          Functions to trace
          [-- COMMAND...]  The command to start, with probes in place before it begins, instead of TARGET

        Options:
          -p, --pid PID          Probe the program of this process, and count only it; of several, each
              --all              Take every Go process of the user who runs gospect, or who called sudo
              --user NAME        Take every Go process of this user, by name or number
              --cgroup PATH      Take every Go process in this control group: path, or name (web.service)
              --container ID     Take every Go process in this container: start of its id, name, or pod uid
          -x, --except PATTERN   Leave out functions that match PATTERN; may be given several times
              --if CONDITION     Only calls for which it is true: 'args.n > 10 && elapsed > 1ms'
              --only-under FUNC  Only calls while FUNC is open on the goroutine; may be given several times
              --inlined          Also show calls that were inlined, without results
              --stack[=N]        Show who called, up to N frames if N is given
              --entry            Show when calls begin, too
              --graph            Show calls within calls of the same goroutine, as they happen
              --max-depth N      As --graph, and leave out calls within N others
              --depth N          Follow up to N pointers one behind the other (0 to 16) instead of 2
              --strlen BYTES     Take and show so many bytes of a string (1 to 4000)
              --capture BYTES    Take up to so many bytes of a call (512 to 16000) instead of 2048
              --opaque TYPE      Leave values of TYPE alone, but for fields behind a colon: main.Req:ID,User
              --follow TYPE      Look into values of TYPE that are left alone as a rule: net/http.Server
              --width N          Show each value in about N columns (20 to 9999), not a terminal's line
              --full             Show all of each value, on a terminal too
              --redact GLOB      Do not show values with names like GLOB, nor passwords and tokens
              --no-redact        Show passwords, tokens and the like, too
              --as-root          Start COMMAND as root, not as the user who called sudo
              --duration TIME    End after TIME, such as 10, 1.5s, 200ms or 1h30m
          -n, --number N         End after N units of output
              --max-overhead N%  Take probes out that cost more than N% of a CPU, 25% if not given, or off
              --rate N/s         Act on no more than N hits a second of each user probe
              --sample 1/N       Act on one in N hits of user probes, by chance
          -q, --quiet            Do not say on standard error how it went
              --ready-fd N       Write a line to file descriptor N when the probes are in place
              --engine ENGINE    Attach probes by this engine: kernel, by uprobes
              --way WAY          Attach by the best way that the kernel has, or by tracefs
              --show-program     Write the script that it would run, for `gospect run -`, and run nothing
              --json             Write JSON, one object per line, as docs/json.md describes it
          -o, --output FILE      Write to FILE instead of standard output
              --color WHEN       Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help             Show help
          -V, --version          Show the version

        Examples:
          sudo gospect trace -p 4242 main.Handle                   each call of a function
          sudo gospect trace ./app 'main.*' -x '*.func*'           of a package, without its closures
          sudo gospect trace ./app main.Get --if 'elapsed > 10ms'  only slow ones
          sudo gospect trace ./app 'main.*' --only-under main.Get  what that calls
          sudo gospect trace ./stripped 'main.Fib(n int) int'      where no DWARF says the types

        Exit status:
          0  done; also when the reader of the output went away
          1  no function matched
          2  the command line or the condition is wrong
          3  the system does not let us
        === gospect hist --help
        Show how long calls of functions take, as distributions

        Usage: gospect hist [OPTIONS] TARGET FUNC... [-- COMMAND...]

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

        It ends as `gospect run` does, whose language it is written in; -n counts what --live shows.

        Arguments:
          TARGET           The path of a program, or -p PID in its place
          FUNC...          Functions to measure
          [-- COMMAND...]  The command to start, with probes in place before it begins, instead of TARGET

        Options:
          -p, --pid PID          Probe the program of this process, and count only it; of several, each
              --all              Take every Go process of the user who runs gospect, or who called sudo
              --user NAME        Take every Go process of this user, by name or number
              --cgroup PATH      Take every Go process in this control group: path, or name (web.service)
              --container ID     Take every Go process in this container: start of its id, name, or pod uid
          -x, --except PATTERN   Leave out functions that match PATTERN; may be given several times
              --if CONDITION     Only calls for which it is true: 'args.n > 10 && elapsed > 1ms'
              --only-under FUNC  Only calls while FUNC is open on the goroutine; may be given several times
              --by KEY           Tell calls apart by KEY, each given: goid, caller, args.n, rets.0
              --of VALUE         Take VALUE, such as args.n or 'len(args.buf)', instead of the duration
              --lhist A,B,STEP   Show buckets of equal width from A to B: 0,10ms,500us
              --unit UNIT        Show durations in ns, us, ms or s instead of what fits each
              --live             Show it again every second
              --as-root          Start COMMAND as root, not as the user who called sudo
              --duration TIME    End after TIME, such as 10, 1.5s, 200ms or 1h30m
          -n, --number N         End after N units of output
              --max-overhead N%  Take probes out that cost more than N% of a CPU, 25% if not given, or off
              --rate N/s         Act on no more than N hits a second of each user probe
              --sample 1/N       Act on one in N hits of user probes, by chance
          -q, --quiet            Do not say on standard error how it went
              --ready-fd N       Write a line to file descriptor N when the probes are in place
              --engine ENGINE    Attach probes by this engine: kernel, by uprobes
              --way WAY          Attach by the best way that the kernel has, or by tracefs
              --show-program     Write the script that it would run, for `gospect run -`, and run nothing
              --json             Write JSON, one object per line, as docs/json.md describes it
          -o, --output FILE      Write to FILE instead of standard output
              --color WHEN       Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help             Show help
          -V, --version          Show the version

        Examples:
          sudo gospect hist -p 4242 main.Handle --duration 10       ten seconds of a handler
          sudo gospect hist ./app 'main.*' --live                   a package, again every second
          sudo gospect hist ./app main.Get --by caller --if failed  calls that went wrong, by caller
          sudo gospect hist ./app main.Write --of 'len(args.b)'     sizes instead of durations

        Exit status:
          0  done; also when the reader of the output went away
          1  no function matched
          2  the command line, the condition, KEY or VALUE is wrong
          3  the system does not let us
        === gospect bench --help
        Measure what probes cost on this machine

        Usage: gospect bench [OPTIONS]

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
        at least 3. Times change with what else the machine does, ratios hardly.

        Options:
              --seconds N      Measure for about N seconds, from 1 to 50, instead of 30
              --quick          Measure for about 8 seconds
              --vs TOOL        Also measure what a count costs with bpftrace, which must be installed
              --engine ENGINE  Attach probes by this engine: kernel, by uprobes
              --way WAY        Attach by the best way that the kernel has, or by tracefs
              --json           Write JSON, one object per line, as docs/json.md describes it
          -o, --output FILE    Write to FILE instead of standard output
              --color WHEN     Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help           Show help
          -V, --version        Show the version

        Examples:
          sudo gospect bench                                          half a minute
          sudo gospect bench --quick --vs bpftrace                    beside bpftrace's count
          sudo gospect bench --json | jq -c 'select(.body=="count")'  for scripts

        Exit status:
          0  done; also when the reader of the output went away
          2  the command line is wrong
          3  not permitted, or no amd64 machine; or the output not written
        === gospect completions --help
        Write what completes gospect's command lines in a shell

        Usage: gospect completions [OPTIONS] SHELL [-- WORDS...]

        Writes a script that the shell reads; how is said in its first lines. With it TAB completes
        commands, options and their words, PIDs of Go programs behind -p, and functions of TARGET, quoted as
        they have to be: of large programs first packages, then the functions of one. Behind --reason it
        offers why goroutines of TARGET may wait.

        With WORDS it says what could stand in place of the last of them, which is what the scripts ask.

        Arguments:
          SHELL          bash, zsh or fish
          [-- WORDS...]  The words of a command line behind gospect; for bash, the line

        Options:
          -o, --output FILE  Write to FILE instead of standard output
              --color WHEN   Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help         Show help
          -V, --version      Show the version

        Examples:
          source <(gospect completions bash)                                 for this shell
          gospect completions fish >~/.config/fish/completions/gospect.fish  for all of fish

        Exit status:
          0  done; also when the reader of the output went away
          2  there is no script for this shell
        === gospect man --help
        Write the manual page

        Usage: gospect man [OPTIONS]

        All that `gospect help` says of gospect and its commands, as a page for man(1).

        Options:
          -o, --output FILE  Write to FILE instead of standard output
              --color WHEN   Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help         Show help
          -V, --version      Show the version

        Examples:
          gospect man | man -l -                          read it
          gospect man >~/.local/share/man/man1/gospect.1  have it as `man gospect`

        Exit status:
          0  done; also when the reader of the output went away
          2  the command line is wrong
        === gospect help --help
        Show help: of gospect, of a command, or on a topic

        Usage: gospect help [OPTIONS] [COMMAND|TOPIC] [WORD]

        Arguments:
          [COMMAND|TOPIC]  One of the commands, or language, probes, exit-status
          [WORD]           Behind language: a word of it, or a section's title

        Options:
          -o, --output FILE  Write to FILE instead of standard output
              --color WHEN   Use colours: auto (on a terminal, unless NO_COLOR is set), always or never
          -h, --help         Show help
          -V, --version      Show the version

        Examples:
          gospect help ps               the same as gospect ps --help
          gospect help language | less  the reference of the probe language
          gospect help language hist    one word of it

        Exit status:
          0  done; also when the reader of the output went away
          2  there is no such command or topic
    "#]]
    .assert_eq(&text);
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH && !line.ends_with(' '), "{line}");
    }
}
