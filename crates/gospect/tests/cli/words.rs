//! Every row of the table of words, run on the program that the reference speaks of: each has a script whose answer is
//! known to the last character. A row without one fails the test.
//!
//! The rows are taken from the reference itself, as users see it. Most scripts run together, in one run of gospect, and
//! are told apart by the names of their maps.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use expect_test::expect;
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};

use crate::run::{WAYS, permitted};
use crate::running::{Scratch, open_to_all};
use crate::{Ran, gospect};

/// A row by the way it is written in the reference, a script, and its answer: the maps with which the script's lines
/// begin, or all that is printed.
type Row = (&'static str, &'static str, &'static str);

/// What runs together. `COMM`, `PID` and `CPU` in answers stand for what the program has.
const TOGETHER: &[Row] = &[
    ("go:FUNC", "go:main.fib { @go = count(); }", "@go: 5"),
    ("goret:FUNC", "goret:main.handle { @goret = count(); }", "@goret: 3"),
    ("inlined:FUNC", "inlined:fmt.Println { @inlined = count(); }", "@inlined: 2"),
    ("uprobe:BIN:FUNC", "uprobe:PATH:main.fib, u::main.nap { @uprobe = count(); }", "@uprobe: 6"),
    ("uretprobe:BIN:FUNC", "uretprobe:PATH:main.fib, ur::main.nap { @uretprobe = count(); }", "@uretprobe: 6"),
    (
        "tracepoint:CATEGORY:NAME",
        r#"tracepoint:syscalls:sys_enter_getppid /comm == "COMM"/ { @tracepoint[args.__syscall_nr] = count(); }"#,
        "@tracepoint[NR]: 1",
    ),
    (
        "goroutine:EVENT",
        r#"goroutine:create /args.startfunc == "main.worker"/ { @goroutine[args.parent, args.startfunc] = count(); }"#,
        "@goroutine[1, main.worker]: 1",
    ),
    ("BEGIN", "BEGIN { @begin[pid != 0] = count(); }", "@begin[1]: 1"),
    ("END", "END { @end = count(); }", "@end: 1"),
    (
        "args",
        "go:main.handle /args.r != 0/ { @args[args.r.ID, args.r.Name, args.r.Tags[1], args.n] = count(); }",
        "@args[7, seven, b, 3]: 1\n@args[8, eight, d, 40]: 1",
    ),
    ("ret", "goret:main.fib { @ret[ret] = count(); }", "@ret[2]: 1\n@ret[3]: 1\n@ret[5]: 1\n@ret[1]: 2"),
    (
        "rets",
        "goret:main.handle { @rets[rets.count, rets.1 != nil] = count(); }",
        "@rets[0, 1]: 1\n@rets[8, 0]: 1\n@rets[50, 0]: 1",
    ),
    // It sleeps for two milliseconds.
    ("elapsed", "goret:main.nap { @elapsed[elapsed >= 2ms] = count(); }", "@elapsed[1]: 1"),
    ("goid", "go:main.fib { @goid[goid] = count(); }", "@goid[1]: 5"),
    ("parent_goid", "go:main.woken { @parent_goid[parent_goid] = count(); }", "@parent_goid[1]: 3"),
    ("gostate", r#"go:main.woken /gostate == "running"/ { @gostate[gostate] = count(); }"#, "@gostate[running]: 3"),
    ("waitreason", "go:main.woken { @waitreason[waitreason] = count(); }", "@waitreason[chan receive]: 3"),
    ("startfunc", "go:main.woken { @startfunc[startfunc] = count(); }", "@startfunc[main.worker]: 3"),
    ("func", "go:main.*oken, go:main.fib { @func[func] = count(); }", "@func[main.woken]: 3\n@func[main.fib]: 5"),
    ("probe", "go:main.*oken { @probe[probe] = count(); }", "@probe[go:main.woken]: 3"),
    (
        "ustack",
        "go:main.fib { @ustack[ustack] = count(); }",
        "@ustack[\n    main.fib+6\n    main.main+OFF\n    runtime.main+OFF\n    runtime.goexit+OFF\n]: 5",
    ),
    ("nsecs", "go:main.nap { @t = nsecs; } goret:main.nap { @nsecs[nsecs - @t >= 2ms] = count(); }", "@nsecs[1]: 1"),
    ("pid", "go:main.fib { @pid[pid] = count(); }", "@pid[PID]: 5"),
    // The program keeps to its first thread, and to one CPU.
    ("tid", "go:main.fib { @tid[tid] = count(); }", "@tid[PID]: 5"),
    ("cpu", "go:main.fib { @cpu[cpu] = count(); }", "@cpu[CPU]: 5"),
    ("comm", "go:main.fib { @comm[comm] = count(); }", "@comm[COMM]: 5"),
    ("retval", "uretprobe::main.fib /retval == 5/ { @retval[retval] = count(); }", "@retval[5]: 1"),
    (
        "argN",
        "go:main.handle { @argN[arg2, arg3] = count(); }",
        "@argN[0, 18446744073709551615]: 1\n@argN[5, 3]: 1\n@argN[10, 40]: 1",
    ),
    ("sargN", "go:main.onStack { @sargN[sarg0, sarg1] = count(); }", "@sargN[11, 12]: 1"),
    ("nil", "go:main.handle { @nil[args.r == nil] = count(); }", "@nil[1]: 1\n@nil[0]: 2"),
    ("true", "BEGIN { @true = true; }", "@true: 1"),
    ("false", "BEGIN { @false = false; }", "@false: 0"),
    (
        "str(TEXT [, LENGTH])",
        r#"go:main.handle /args.n > 0/ { @str[str(args.s), str(args.s, 4), str(reg("bx"), 3)] = count(); }"#,
        "@str[hello, hell, hel]: 1\n@str[tschüß\\x00\t, tsch, tsc]: 1",
    ),
    ("hex(INT)", "go:main.fib { @hex[hex(args.n * 16)] = sum(args.n); }", HEX),
    ("len(VALUE)", "go:main.handle { @len[len(args.s)] = count(); }", "@len[0]: 1\n@len[5]: 1\n@len[10]: 1"),
    (
        "reg(\"NAME\")",
        "go:main.handle /reg(\"bx\") == 0/ { @reg[reg(\"di\")] = count(); }",
        "@reg[18446744073709551615]: 1",
    ),
    ("usym(ADDRESS)", "go:main.fib { @usym[usym(reg(\"ip\"))] = count(); }", "@usym[main.fib+6]: 5"),
    (
        "ustack([FRAMES])",
        "go:main.fib { @frames[ustack(2)] = count(); }",
        "@frames[\n    main.fib+6\n    main.main+OFF\n]: 5",
    ),
    (
        "strncmp(TEXT, TEXT, LENGTH)",
        "go:main.handle { @strncmp[strncmp(str(args.s), \"help\", 3)] = count(); }",
        "@strncmp[0]: 1\n@strncmp[1]: 2",
    ),
    (
        "delete(@MAP[KEY])",
        "go:main.fib { @delete[args.n] = args.n; } goret:main.fib /ret > 1/ { delete(@delete[ret]); delete(@delete, 4); }",
        "@delete[1]: 1",
    ),
    ("count()", "go:main.fib { @count = count(); }", "@count: 5"),
    ("sum(INT)", "go:main.fib { @sum = sum(args.n); }", "@sum: 15"),
    ("avg(INT)", "go:main.fib { @avg = avg(args.n * 10 + 1); }", "@avg: 31"),
    ("min(INT)", "go:main.handle { @min = min(args.n); }", "@min: -1"),
    ("max(INT)", "go:main.handle { @max = max(args.n); }", "@max: 40"),
    ("stats(INT)", "go:main.fib { @stats = stats(args.n); }", "@stats: count 5, average 3, total 15"),
    (
        "hist(INT [, K])",
        "go:main.fib { @hist = hist(args.n); @histk = hist(args.n * 100, 1); }",
        "\
@hist:
[1]                    1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[4, 8)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
@histk:
[96, 128)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[128, 192)             0 |                                                    |
[192, 256)             1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[256, 384)             1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[384, 512)             2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|",
    ),
    (
        "lhist(INT, MIN, MAX, STEP)",
        "go:main.fib { @lhist = lhist(args.n * 10, 20, 40, 10); }",
        "\
@lhist:
(..., 20)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[20, 30)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[30, 40)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[40, ...)              2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|",
    ),
    (
        "quantiles(INT)",
        "go:main.fib { @quantiles = quantiles(args.n); }",
        "@quantiles: count 5, p50 3, p90 5, p99 5, p99.9 5, max 5",
    ),
];

const HEX: &str = "@hex[0x10]: 1\n@hex[0x20]: 2\n@hex[0x30]: 3\n@hex[0x40]: 4\n@hex[0x50]: 5";

/// What prints: each in a run of its own, with all that it prints.
const ALONE: &[Row] = &[
    (
        "syscall:EVENT",
        r#"syscall:enter /args.nr == 204/ { printf("%d\n", args.goid); } syscall:exit /args.nr == 204/ { print(args.ret > 0); }"#,
        "1\n1",
    ),
    ("gc:EVENT", r#"gc:start { printf("begins\n"); } gc:end { printf("ends\n"); }"#, "begins\nends"),
    (
        "buf(DATA [, LENGTH])",
        r#"go:main.handle /args.n == 40/ { printf("%r %rx %rh\n", buf(args.s), buf(args.s, 2), buf(args.s, 3)); }"#,
        r"tsch\xc3\xbc\xc3\x9f\x00\x09 \x74\x73 74 73 63",
    ),
    (
        "printf(\"FORMAT\", VALUE, …)",
        r#"go:main.fib { printf("%d %5s|%-5s|%x\n", args.n, "a", "b", args.n + 9); }"#,
        PRINTF,
    ),
    (
        "print(VALUE [, TOP [, DIVISOR]])",
        "go:main.fib { @top[args.n] = args.n * 1000; } END { print(@top, 2, 10); print((7, \"x\")); print(@top[1]); clear(@top); }",
        "@top[4]: 400\n@top[5]: 500\n(7, x)\n1000",
    ),
    (
        "clear(@MAP)",
        "go:main.fib { @clear[args.n] = 1; } END { print(@clear, 1); clear(@clear); print(@clear); }",
        "@clear[5]: 1",
    ),
    (
        "zero(@MAP)",
        "go:main.fib /args.n < 3/ { @zero[args.n] = args.n; } END { zero(@zero); }",
        "\n@zero[1]: 0\n@zero[2]: 0",
    ),
    ("failed", "goret:main.handle { @failed[failed] = count(); }", "\n@failed[1]: 1\n@failed[0]: 2\n(exit status 0)"),
    (
        "under(\"FUNC\")",
        r#"go:main.grown { @under[under("main.fib")] = count(); }"#,
        "\n@under[1]: 5\n@under[0]: 6\n(exit status 0)",
    ),
    (
        "caller",
        "go:main.grown { @caller[caller] = count(); }",
        "\n@caller[main.onStack+OFF]: 1\n@caller[main.handle+OFF]: 2\n@caller[main.woken+OFF]: 3\n@caller[main.fib+OFF]: 5\n(exit status 0)",
    ),
    (
        "exit([STATUS])",
        "BEGIN { printf(\"once\\n\"); exit(7); } END { printf(\"end\\n\"); }",
        "once\nend\n(exit status 7)",
    ),
    ("interval:UNIT:N", "interval:ms:5 { @n++; if (@n == 3) { printf(\"third\\n\"); clear(@n); exit(3); } }", THIRD),
    ("profile:UNIT:N", "profile:hz:99 { exit(3); }", "(exit status 3)"),
];

const PRINTF: &str = "1     a|b    |a\n2     a|b    |b\n3     a|b    |c\n4     a|b    |d\n5     a|b    |e";
const THIRD: &str = "third\n(exit status 3)";

/// The program, under a name that no other has: tests run at the same time.
fn program(scratch: &Scratch, letter: char) -> Result<PathBuf, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "no Go fixtures for this machine".into() })?;
    let path = build(&Fixture::new("reference", "1.26", Variant::Plain).on(arch))?;
    Ok(scratch.copy(&path, &format!("ref{}{letter}", std::process::id())))
}

/// What gospect shows, without what the program itself prints; and what that is.
fn run(script: &str, program: &std::path::Path, way: &str) -> (Ran, Vec<String>) {
    let mut ran = gospect(&["run", "-q", "--way", way, "-e", script, "--", program.to_str().unwrap()]);
    let is_own = |line: &&str| ["cpu ", "parent "].iter().any(|word| line.starts_with(word));
    let own = ran.stdout.lines().filter(is_own).map(str::to_owned).collect();
    ran.stdout = ran.stdout.lines().filter(|line| !is_own(line)).map(|line| format!("{line}\n")).collect();
    (ran, own)
}

/// `main.main+OFF`, but for the function that the probe itself is in: offsets of calls are the compiler's business.
fn without_offsets(line: &str) -> String {
    match line.rsplit_once('+') {
        Some((function, _)) if line.starts_with("    ") && function.trim() != "main.fib" => format!("{function}+OFF"),
        _ => match line.split_once('+') {
            Some((function, rest)) if line.starts_with("@caller[") => {
                format!("{function}+OFF{}", &rest[rest.find(']').unwrap_or(0)..])
            }
            _ => line.to_owned(),
        },
    }
}

/// The lines of all maps whose names a script has.
fn answer(stdout: &str, script: &str) -> String {
    let mut mine = false;
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let names: BTreeSet<&str> =
        script.split('@').skip(1).map(|rest| &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())]).collect();
    let of_script = |line: &str| {
        if let Some(rest) = line.strip_prefix('@') {
            mine = names.contains(&rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())]);
        }
        mine && !line.is_empty()
    };
    let mut of_script = of_script;
    let lines = stdout.lines().filter(|line| of_script(line)).map(without_offsets);
    // A helper of a row: when it began.
    lines.filter(|line| !line.starts_with("@t: ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_row_without_output_of_its_own_gives_its_answer() {
    let scratch = Scratch::new();
    let path = need!(program(&scratch, 'a'));
    let comm = path.file_name().unwrap().to_str().unwrap();
    let filled = |text: &str| text.replace("PATH", path.to_str().unwrap()).replace("COMM", comm);
    let script: String = TOGETHER.iter().map(|(_, script, _)| filled(script) + "\n").collect();
    let nr = if cfg!(target_arch = "x86_64") { "110" } else { "173" };
    for way in WAYS {
        let (ran, own) = run(&format!("{script} go:main.main {{ @main = pid; }}"), &path, way);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{way} {script}");
        let pid = ran.stdout.lines().find_map(|line| line.strip_prefix("@main: ")).unwrap();
        let cpu = &own[0]["cpu ".len()..];
        for (row, script, expected) in TOGETHER {
            let expected = filled(expected).replace("PID", pid).replace("CPU", cpu).replace("NR", nr);
            assert_eq!(answer(&ran.stdout, script), expected, "{way} {row}: {script}");
        }
    }
}

#[test]
fn a_text_that_a_call_began_with_is_kept_in_a_map_until_it_returns() {
    let scratch = Scratch::new();
    let path = need!(program(&scratch, 'k'));
    // What the checker advises where a return asks for such a text.
    let script = "go:main.handle { @s[goid] = str(args.s); } \
                  goret:main.handle { @got[rets.count, @s[goid]] = count(); delete(@s[goid]); }";
    let [best, tracefs] = WAYS.map(|way| run(script, &path, way).0.seen());
    expect_test::expect![[r#"

        @got[0, ]: 1
        @got[8, hello]: 1
        @got[50, tschüß\x00	]: 1
        (exit status 0)"#]]
    .assert_eq(&best);
    assert_eq!(best, tracefs);
}

#[test]
fn every_row_with_output_gives_it() {
    let scratch = Scratch::new();
    let path = need!(program(&scratch, 'b'));
    for (row, script, expected) in ALONE {
        let (ran, _) = run(script, &path, "best");
        let expected = match expected.contains("(exit status") {
            true => (*expected).to_owned(),
            false => format!("{expected}\n(exit status 0)"),
        };
        let seen: Vec<String> = ran.seen().split('\n').map(without_offsets).collect();
        assert_eq!(seen.join("\n"), expected, "{row}: {script}");
    }
}

#[test]
fn a_script_can_be_a_command() {
    need!(permitted());
    let scratch = Scratch::new();
    let (script, gospect) = (scratch.0.join("first.bt"), PathBuf::from(env!("CARGO_BIN_EXE_gospect")));
    let text =
        "#!/usr/bin/env -S gospect run -q\n// A remark.\nBEGIN { printf(\"%s %d %d\\n\", str($1), $2, $#); exit(); }\n";
    std::fs::write(&script, text).unwrap();
    open_to_all(&script);
    let path = format!("{}:{}", gospect.parent().unwrap().display(), std::env::var("PATH").unwrap());
    // By a shell, since another test may fork while this one has the file open for writing.
    let line = format!("{} one 2", script.display());
    let ran = Command::new("sh").args(["-c", &line]).env("PATH", path).output().unwrap();
    assert_eq!(Ran::of(ran).seen(), "one 2 2\n(exit status 0)");
}

#[test]
fn what_is_not_to_be_seen_is_written_as_go_does_wherever_it_is_shown() {
    let scratch = Scratch::new();
    let path = need!(program(&scratch, 'c'));
    let script = r#"go:main.handle /args.n == 40/ { printf("%s|\n", str(args.s)); print(args.s); }"#;
    let (ran, _) = run(script, &path, "best");
    expect![[r#"
        tschüß\x00	|
        tschüß\x00	
    "#]]
    .assert_eq(&ran.stdout);
}

#[test]
fn times_are_those_of_the_day() {
    let scratch = Scratch::new();
    let path = need!(program(&scratch, 'c'));
    let script = r#"go:main.nap { printf("%s\n", strftime("%s", nsecs)); time("%s %%\n"); time(); }"#;
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let before = now();
    let (ran, _) = run(script, &path, "best");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let [strftime, time, of_day] = lines[..] else { panic!("{}", ran.seen()) };
    let times = [strftime, time.strip_suffix(" %").unwrap()].map(|time| time.parse::<u64>().unwrap());
    assert!(times.iter().all(|time| (before..=now()).contains(time)), "{}", ran.seen());
    let second = of_day.rsplit(':').next().unwrap().parse::<u64>().unwrap();
    assert!((before..=now()).any(|time| time % 60 == second), "{}", ran.seen());
}

#[test]
fn an_address_of_the_kernel_has_its_function() {
    need!(permitted());
    let symbols = std::fs::read_to_string("/proc/kallsyms").unwrap();
    let line = symbols.lines().find(|line| line.ends_with(" T schedule")).unwrap_or_default();
    let address = line.split(' ').next().unwrap_or_default().trim_start_matches('0');
    // A kernel may keep its addresses to itself.
    let (address, expected) = match address {
        "" => ("10", "0x10\n0x11\n0x10"),
        address => (address, "schedule\nschedule\n0x10"),
    };
    let script = format!("BEGIN {{ print(ksym(0x{address})); print(ksym(0x{address} + 1)); print(ksym(16)); exit() }}");
    assert_eq!(gospect(&["run", "-q", "-e", &script]).seen(), format!("{expected}\n(exit status 0)"));
}

/// The rows of the last two tests, and of those of `gospect trace`.
const OTHERS: [&str; 5] =
    ["strftime(\"FORMAT\", NSECS)", "time([\"FORMAT\"])", "ksym(ADDRESS)", "call([STACK])", "event([args.parent])"];

#[test]
fn every_row_of_the_reference_is_tested() {
    let reference = session::reference::whole();
    let rows = reference.lines().filter_map(|line| line.strip_prefix("### `")?.split('`').next());
    let rows: BTreeSet<&str> = rows.collect();
    let tested = TOGETHER.iter().chain(ALONE).map(|(row, _, _)| *row);
    let tested: BTreeSet<&str> = tested.chain(OTHERS).collect();
    assert_eq!(rows.difference(&tested).collect::<Vec<_>>(), <[&&str; 0]>::default(), "rows without a test");
    assert_eq!(tested.difference(&rows).collect::<Vec<_>>(), <[&&str; 0]>::default(), "tests of no row");
}
