//! How a run with probes began and ended: the first and the last line of its JSON, and the same in words.

use std::io::{self, Write};

use event::run::{
    Attached, Budgeted, Cause, Detached, Full, Inlined, Load, Lost, Program, Reason, Summary, Turns, Unread,
};

use crate::hist::Unit;
use crate::text::visible;
use crate::{Format, json_line};

/// Shows a program that came while others were probed already.
///
/// # Errors
/// The writer's.
pub fn show_program(program: &Program, out: &mut dyn Write) -> io::Result<()> {
    json_line(out, program)
}

/// The same in a sentence.
#[must_use]
pub fn program(program: &Program) -> String {
    let Program { path, why, .. } = program;
    match (program.pid.filter(|_| !program.replaces), why) {
        (None, None) => format!("{path} was replaced, its new file is probed too"),
        (None, Some(why)) => format!("{path} was replaced, and its new file is not probed: {why}"),
        (Some(pid), None) => format!("PID {pid} runs a further program, {path}, which is probed too"),
        (Some(pid), Some(why)) => format!("PID {pid} runs a further program, {path}, which is not probed: {why}"),
    }
}

/// Says that the probes are in place.
///
/// # Errors
/// The writer's.
pub fn show_attached(attached: &Attached, format: Format, out: &mut dyn Write) -> io::Result<()> {
    if format == Format::Json {
        return json_line(out, attached);
    }
    let Attached { matched, attached: n, sites, skipped, .. } = attached;
    let of = if n == matched { String::new() } else { format!(" of {matched}") };
    writeln!(out, "attached {n}{of} probe{} at {sites} site{}", s(*matched), s(*sites))?;
    reasons("skipped", skipped, out)?;
    inlined(attached, out)
}

/// So many functions that were inlined are named.
const FUNCTIONS: u64 = 3;
/// And so many places of each.
const PLACES: usize = 3;

/// Where calls are not seen, since they were inlined.
fn inlined(attached: &Attached, out: &mut dyn Write) -> io::Result<()> {
    let Attached { inlined, inlined_functions: functions, inlined_places: places, .. } = attached;
    if *places == 0 {
        return Ok(());
    }
    if *functions > FUNCTIONS || (inlined.len() as u64) < *places {
        writeln!(
            out,
            "{functions} of the functions that match were inlined, in {places} places, where their calls are not seen"
        )?;
    } else {
        for of in inlined.chunk_by(|a, b| a.func == b.func) {
            let one = |of: &Inlined| format!("into {} at {}", visible(&of.at.into), line(&of.at));
            let shown: Vec<String> = of.iter().take(PLACES).map(one).collect();
            let more = match of.len().saturating_sub(PLACES) {
                0 => String::new(),
                more => format!(", and in {more} more place{}", s(more as u64)),
            };
            writeln!(out, "{}: inlined {}{more}", visible(&of[0].func), shown.join(", "))?;
        }
    }
    writeln!(out, "hint: `gospect trace --inlined`, or `inlined:FUNC` in a script, shows the calls there")
}

/// `main.go:33`
#[must_use]
pub fn line(at: &event::go::Inlined) -> String {
    format!("{}:{}", visible(at.file.rsplit('/').next().unwrap_or_default()), at.line)
}

/// Says how it went.
///
/// # Errors
/// The writer's.
pub fn show_summary(summary: &Summary, format: Format, out: &mut dyn Write) -> io::Result<()> {
    if format == Format::Json {
        return json_line(out, summary);
    }
    let rest = [
        (summary.filtered, "filtered"),
        (summary.limited, "over the limit"),
        (summary.open, "still open"),
        (summary.unwound, "unwound by panics"),
        (summary.goexit, "ended with their goroutine"),
        (summary.calls_detached, "open when their function was detached"),
        (summary.lost, "lost"),
        (summary.missed, "missed by the kernel"),
    ];
    let rest: String = rest.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}")).collect();
    writeln!(out, "{} hit{}, {} printed{rest}", summary.hits, s(summary.hits), summary.printed)?;
    let detached = summary.detached.iter().map(|Detached { func, why, hits, .. }| Reason {
        func: format!("{func} after {hits} hit{}", s(*hits)),
        why: why.clone(),
    });
    reasons("detached", &detached.collect::<Vec<_>>(), out)?;
    if let Some(cause) = summary.ended_by {
        writeln!(out, "ended {}", ended(cause))?;
    }
    match summary.exit {
        Some(status) => writeln!(out, "the command exited with status {status}"),
        None => Ok(()),
    }
}

fn ended(cause: Cause) -> &'static str {
    match cause {
        Cause::Exit => "by exit()",
        Cause::Interrupt => "by Ctrl-C (SIGINT)",
        Cause::Terminate => "by SIGTERM",
        Cause::HangUp => "by SIGHUP",
        Cause::Duration => "by --duration",
        Cause::Printed => "by -n",
        Cause::Command => "with the command",
        Cause::Process => "with the process",
        Cause::Output => "because something could not be written",
    }
}

/// What the probes cost now, in one short line.
#[must_use]
pub fn load(load: &Load) -> String {
    let hits = load.hits.round();
    let share = load.share.map(|share| format!(", {:.1}% of a CPU", share * 100.0)).unwrap_or_default();
    let limit = load.limit.filter(|_| load.share.is_some());
    let limit = limit.map(|limit| format!(" of {} allowed", Budgeted(limit))).unwrap_or_default();
    format!("{hits} hits/s{share}{limit}")
}

/// What went wrong underway, a sentence each; nothing if nothing did.
#[must_use]
pub fn troubles(summary: &Summary) -> Vec<String> {
    let counted = [
        (summary.no_scratch, "hits found no memory to work in"),
        (summary.damaged, "records or entries could not be understood"),
        (
            summary.unpaired,
            "returns whose calls were not seen: they began before the probes were in place, or found no room",
        ),
        (summary.unended, "calls ended without being seen"),
        (summary.foreign, "hits were on a stack that is no goroutine's: their calls are not paired"),
        (summary.no_g, "hits were where no goroutine is: their calls are not paired"),
    ];
    let counted = counted.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    let counted = summary.turns.iter().map(turns).chain(counted);
    let lost = summary.lost_by.iter().map(lost);
    unread(&summary.unreadable_by).into_iter().chain(counted).chain(lost).chain(summary.full.iter().map(full)).collect()
}

/// By probe where one can never read some; all others together.
fn unread(all: &[Unread]) -> Vec<String> {
    let others: u64 = all.iter().filter(|one| one.why.is_none()).map(|one| one.values).sum();
    let never = all.iter().filter_map(|Unread { probe, values, why }| {
        Some(format!(
            "{values} value{} of {} could not be read: {}",
            s(*values),
            visible(probe),
            visible(why.as_ref()?)
        ))
    });
    let others = (others > 0).then(|| {
        let values = s(others);
        format!(
            "{others} value{values} could not be read: a pointer to them was nil or led nowhere, an index was beyond the end, \
             or the memory was not there"
        )
    });
    never.chain(others).collect()
}

fn turns(turns: &Turns) -> String {
    let [watched, all] = [turns.watched_ns, turns.of_ns].map(|ns| Unit::Fitting.show(ns.into()));
    let (n, s) = (turns.turns, s(turns.turns));
    format!("goroutines were watched for {watched} of {all}, in {n} turn{s}: counts and times are of that")
}

fn lost(lost: &Lost) -> String {
    let Lost { probe, records } = lost;
    format!("{records} records of {} came faster than they could be shown, and are lost", visible(probe))
}

fn full(full: &Full) -> String {
    let Full { map, times } = full;
    match map.as_str() {
        Full::CALLS => format!("{times} calls found no room to be remembered until they return"),
        Full::PROCESSES => format!("{times} processes found no room to be known by: their hits do not count"),
        Full::GOROUTINES => format!(
            "{times} changes of goroutines found no room to be kept: the next one has no duration, and may be told twice"
        ),
        Full::SYSCALLS => {
            format!("{times} system calls found no room to be remembered until they are answered: they have no `exit`")
        }
        Full::STACKS => format!("{times} stacks found no room to be kept: where they are shown they are empty"),
        map => format!("{} is full: {times} times there was no room for a new key", visible(map)),
    }
}

/// How many reasons are given in words; JSON has them all.
const SHOWN: usize = 10;

fn reasons(what: &str, reasons: &[Reason], out: &mut dyn Write) -> io::Result<()> {
    for Reason { func, why } in reasons.iter().take(SHOWN) {
        writeln!(out, "{what} {}: {}", visible(func), visible(why))?;
    }
    match reasons.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "{what} {more} more; --json names them all"),
    }
}

const fn s(n: u64) -> &'static str {
    if n == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Look;
    use expect_test::{Expect, expect};

    fn check(show: impl Fn(Format, &mut dyn Write) -> io::Result<()>, expect: Expect) {
        let mut out = Vec::new();
        show(Format::Text(Look::default()), &mut out).unwrap();
        show(Format::Json, &mut out).unwrap();
        expect.assert_eq(&String::from_utf8(out).unwrap());
    }

    fn reason(func: &str) -> Reason {
        Reason { func: func.to_owned(), why: "it does not decode to its end".to_owned() }
    }

    fn unreadable(probe: &str, values: u64, why: Option<&str>) -> Unread {
        Unread { probe: probe.to_owned(), values, why: why.map(str::to_owned) }
    }

    #[test]
    fn the_start_says_what_is_in_place_and_what_is_not() {
        let all = Attached { matched: 1, attached: 1, sites: 3, ts: 1_700_000_000_000_000_000, ..Attached::default() };
        check(
            |format, out| show_attached(&all, format, out),
            expect![[r#"
                attached 1 probe at 3 sites
                {"type":"attached","matched":1,"attached":1,"sites":3,"skipped":[],"inlined":[],"inlined_functions":0,"inlined_places":0,"ts":1700000000000000000}
            "#]],
        );
        let some = Attached {
            matched: 3,
            attached: 2,
            sites: 1,
            skipped: vec![reason("main.f")],
            ts: 5,
            ..Attached::default()
        };
        check(
            |format, out| show_attached(&some, format, out),
            expect![[r#"
                attached 2 of 3 probes at 1 site
                skipped main.f: it does not decode to its end
                {"type":"attached","matched":3,"attached":2,"sites":1,"skipped":[{"func":"main.f","why":"it does not decode to its end"}],"inlined":[],"inlined_functions":0,"inlined_places":0,"ts":5}
            "#]],
        );
    }

    fn place(func: &str, line: u32) -> Inlined {
        let at = event::go::Inlined { into: "main.main.func1".to_owned(), file: "/src/app/main.go".to_owned(), line };
        Inlined { func: func.to_owned(), at }
    }

    #[test]
    fn the_start_says_where_calls_are_not_seen() {
        let of = |inlined: Vec<Inlined>, functions: u64, places: u64| {
            let (inlined_functions, inlined_places) = (functions, places);
            Attached {
                matched: 1,
                attached: 1,
                sites: 1,
                inlined,
                inlined_functions,
                inlined_places,
                ..Attached::default()
            }
        };
        let two = vec![place("main.Fibonacci", 33), place("main.clamp", 7)];
        check(
            |format, out| show_attached(&of(two.clone(), 2, 2), format, out),
            expect![[r#"
            attached 1 probe at 1 site
            main.Fibonacci: inlined into main.main.func1 at main.go:33
            main.clamp: inlined into main.main.func1 at main.go:7
            hint: `gospect trace --inlined`, or `inlined:FUNC` in a script, shows the calls there
            {"type":"attached","matched":1,"attached":1,"sites":1,"skipped":[],"inlined":[{"func":"main.Fibonacci","into":"main.main.func1","file":"/src/app/main.go","line":33},{"func":"main.clamp","into":"main.main.func1","file":"/src/app/main.go","line":7}],"inlined_functions":2,"inlined_places":2,"ts":0}
        "#]],
        );
        let text = |attached: &Attached| {
            let mut out = Vec::new();
            show_attached(attached, Format::Text(Look::default()), &mut out).unwrap();
            String::from_utf8(out).unwrap().lines().nth(1).unwrap().to_owned()
        };
        let many = (1..=5).map(|line| place("main.clamp", line)).collect();
        expect!["main.clamp: inlined into main.main.func1 at main.go:1, into main.main.func1 at main.go:2, into main.main.func1 at main.go:3, and in 2 more places"].assert_eq(&text(&of(many, 1, 5)));
        expect!["20000 of the functions that match were inlined, in 90000 places, where their calls are not seen"]
            .assert_eq(&text(&of(two, 20_000, 90_000)));
    }

    #[test]
    fn many_reasons_are_counted() {
        let skipped: Vec<Reason> = (0..12).map(|n| reason(&format!("main.f{n}"))).collect();
        let attached = Attached { matched: 12, skipped, ts: 5, ..Attached::default() };
        let mut out = Vec::new();
        show_attached(&attached, Format::Text(Look::default()), &mut out).unwrap();
        let lines = String::from_utf8(out).unwrap().lines().skip(10).collect::<Vec<_>>().join("\n");
        expect![[r#"
            skipped main.f9: it does not decode to its end
            skipped 2 more; --json names them all"#]]
        .assert_eq(&lines);
    }

    #[test]
    fn the_end_says_how_it_went() {
        let quiet = Summary { matched: 1, attached: 1, firings: 7, hits: 1, printed: 1, ..Summary::default() };
        let quiet = Summary { ended_by: Some(Cause::Exit), ..quiet };
        check(
            |format, out| show_summary(&quiet, format, out),
            expect![[r#"
                1 hit, 1 printed
                ended by exit()
                {"type":"summary","matched":1,"attached":1,"skipped":[],"firings":7,"hits":1,"printed":1,"filtered":0,"limited":0,"open":0,"unwound":0,"goexit":0,"unwound_by":[],"switched":0,"lost":0,"lost_by":[],"missed":0,"unpaired":0,"unended":0,"foreign":0,"no_g":0,"unreadable":0,"unreadable_by":[],"no_scratch":0,"damaged":0,"full":[],"detached":[],"calls_detached":0,"turns":null,"exit":null,"ended_by":"exit"}
            "#]],
        );
        let all = Summary {
            matched: 4,
            counted: std::time::Duration::ZERO,
            turns: Some(Turns { turns: 7, watched_ns: 1_750_000_000, of_ns: 12_000_000_000 }),
            attached: 3,
            skipped: vec![reason("main.f")],
            firings: 900,
            hits: 800,
            printed: 600,
            filtered: 100,
            limited: 50,
            open: 30,
            unwound: 13,
            goexit: 12,
            unwound_by: vec![event::run::Unwound { func: "main.f".into(), unwound: 13, goexit: 12 }],
            switched: 11,
            lost: 20,
            lost_by: vec![Lost { probe: "go:main.*".into(), records: 20 }],
            missed: 10,
            unpaired: 9,
            unended: 8,
            foreign: 7,
            no_g: 6,
            unreadable: 5,
            unreadable_by: vec![unreadable("go:main.*", 5, None)],
            no_scratch: 4,
            damaged: 3,
            full: vec![Full { map: Full::CALLS.into(), times: 2 }, Full { map: "@by_name".into(), times: 1 }],
            detached: vec![Detached {
                func: "main.hot".into(),
                why: "it cost more than allowed".into(),
                hits: 700,
                overhead: 312,
            }],
            calls_detached: 2,
            exit: Some(3),
            ended_by: Some(Cause::Command),
            measured: vec![],
        };
        check(
            |format, out| show_summary(&all, format, out),
            expect![[r#"
                800 hits, 600 printed, 100 filtered, 50 over the limit, 30 still open, 13 unwound by panics, 12 ended with their goroutine, 2 open when their function was detached, 20 lost, 10 missed by the kernel
                detached main.hot after 700 hits: it cost more than allowed
                ended with the command
                the command exited with status 3
                {"type":"summary","matched":4,"attached":3,"skipped":[{"func":"main.f","why":"it does not decode to its end"}],"firings":900,"hits":800,"printed":600,"filtered":100,"limited":50,"open":30,"unwound":13,"goexit":12,"unwound_by":[{"func":"main.f","unwound":13,"goexit":12}],"switched":11,"lost":20,"lost_by":[{"probe":"go:main.*","records":20}],"missed":10,"unpaired":9,"unended":8,"foreign":7,"no_g":6,"unreadable":5,"unreadable_by":[{"probe":"go:main.*","values":5,"why":null}],"no_scratch":4,"damaged":3,"full":[{"map":"calls","times":2},{"map":"@by_name","times":1}],"detached":[{"func":"main.hot","why":"it cost more than allowed","hits":700,"overhead":312}],"calls_detached":2,"turns":{"turns":7,"watched_ns":1750000000,"of_ns":12000000000},"exit":3,"ended_by":"command"}
            "#]],
        );
    }

    #[test]
    fn the_end_says_what_ended_it() {
        let all = [
            Cause::Exit,
            Cause::Interrupt,
            Cause::Terminate,
            Cause::HangUp,
            Cause::Duration,
            Cause::Printed,
            Cause::Command,
            Cause::Process,
            Cause::Output,
        ];
        let said = all.map(|cause| {
            let summary = Summary { ended_by: Some(cause), ..Summary::default() };
            let mut out = Vec::new();
            show_summary(&summary, Format::Text(Look::default()), &mut out).unwrap();
            show_summary(&summary, Format::Json, &mut out).unwrap();
            let out = String::from_utf8(out).unwrap();
            let (_, field) = out.trim_end().rsplit_once(",\"ended_by\":").unwrap();
            format!("{field} {}\n", out.lines().nth(1).unwrap())
        });
        expect![[r#"
            "exit"} ended by exit()
            "SIGINT"} ended by Ctrl-C (SIGINT)
            "SIGTERM"} ended by SIGTERM
            "SIGHUP"} ended by SIGHUP
            "duration"} ended by --duration
            "printed"} ended by -n
            "command"} ended with the command
            "process"} ended with the process
            "output"} ended because something could not be written
        "#]]
        .assert_eq(&said.concat());
    }

    #[test]
    fn the_cost_is_told_as_far_as_it_is_known() {
        let all = [(None, Some(0.25)), (Some(0.123_4), Some(0.25)), (Some(3.0), None)];
        let all = all.map(|(share, limit)| load(&Load { hits: 12_345.6, share, limit }));
        expect![[r#"
            12346 hits/s
            12346 hits/s, 12.3% of a CPU of 25% allowed
            12346 hits/s, 300.0% of a CPU"#]]
        .assert_eq(&all.join("\n"));
    }

    #[test]
    fn what_went_wrong_is_a_sentence_each() {
        assert_eq!(troubles(&Summary::default()), Vec::<String>::new());
        let all = Summary {
            unpaired: 9,
            unended: 8,
            foreign: 7,
            no_g: 6,
            unreadable: 8,
            unreadable_by: vec![
                unreadable("go:main.*", 1, None),
                unreadable("goret:main.f", 3, Some("nothing says what it returns")),
                unreadable("go:main.g", 4, None),
            ],
            no_scratch: 4,
            damaged: 3,
            full: [(Full::CALLS, 2), (Full::PROCESSES, 4), (Full::STACKS, 5), ("@n", 1)]
                .map(|(map, times)| Full { map: map.into(), times })
                .to_vec(),
            ..Summary::default()
        };
        expect![[r#"
            3 values of goret:main.f could not be read: nothing says what it returns
            5 values could not be read: a pointer to them was nil or led nowhere, an index was beyond the end, or the memory was not there
            4 hits found no memory to work in
            3 records or entries could not be understood
            9 returns whose calls were not seen: they began before the probes were in place, or found no room
            8 calls ended without being seen
            7 hits were on a stack that is no goroutine's: their calls are not paired
            6 hits were where no goroutine is: their calls are not paired
            2 calls found no room to be remembered until they return
            4 processes found no room to be known by: their hits do not count
            5 stacks found no room to be kept: where they are shown they are empty
            @n is full: 1 times there was no room for a new key"#]]
        .assert_eq(&troubles(&all).join("\n"));
    }
}
