//! Every flag that can be typed, each once, whichever commands have it.

use std::ffi::OsStr;
use std::time::Duration;

use event::totals::By;
use session::run::{EngineName, Opaque, Stage};
use ui::call::View;
use ui::hist::Unit;
use ui::sink::Open;

use crate::bench;
use crate::typed::{self, Color, Typed, Width};

/// A flag.
pub struct Flag {
    /// Its long name, without dashes.
    pub long: &'static str,
    /// Its one-letter name.
    pub short: Option<char>,
    /// What it takes.
    pub value: Value,
    /// What several of it mean.
    pub several: Several,
    /// Whether its value may begin with `-`, as a number below zero does.
    pub may_be_negative: bool,
    /// What it does: imperative, no full stop.
    pub brief: &'static str,
    keep: Keep,
}

/// What becomes of a flag that was typed.
enum Keep {
    /// It was.
    Switch(fn(&mut Typed)),
    /// With this value; an error says what is wrong with it.
    Value(fn(&mut Typed, &OsStr) -> Result<(), String>),
}

/// What it means that a flag is given several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Several {
    /// The last one counts, so that one can be added to a line that has it already.
    Last,
    /// Each counts.
    Each,
    /// Nothing: one of them would be left out that says what is to be looked at.
    Never,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    None,
    /// Anything; how help calls it.
    Any(&'static str),
    /// Anything, behind `=`, or nothing; how help calls it.
    Maybe(&'static str),
    /// One of these words; how help calls them.
    OneOf(&'static str, &'static [&'static str]),
}

impl Flag {
    /// A flag that takes nothing.
    const fn switch(long: &'static str, brief: &'static str, keep: fn(&mut Typed)) -> Flag {
        let keep = Keep::Switch(keep);
        Flag { long, short: None, value: Value::None, several: Several::Last, may_be_negative: false, brief, keep }
    }

    /// A flag that takes a value.
    const fn taking(
        long: &'static str,
        value: Value,
        brief: &'static str,
        keep: fn(&mut Typed, &OsStr) -> Result<(), String>,
    ) -> Flag {
        let keep = Keep::Value(keep);
        Flag { long, short: None, value, several: Several::Last, may_be_negative: false, brief, keep }
    }

    const fn short(self, short: char) -> Flag {
        Flag { short: Some(short), ..self }
    }

    const fn several(self, several: Several) -> Flag {
        Flag { several, ..self }
    }

    const fn negative(self) -> Flag {
        Flag { may_be_negative: true, ..self }
    }

    /// Keeps what was typed; a flag without a value has an empty one.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn keep(&self, typed: &mut Typed, value: &OsStr) -> Result<(), String> {
        match self.keep {
            Keep::Switch(keep) => {
                keep(typed);
                Ok(())
            }
            Keep::Value(keep) => keep(typed, value),
        }
    }
}

/// The flag that asks for JSON.
pub const JSON: &str = "json";

/// The flags of every command.
pub const GLOBAL: &[&Flag] = &[
    &Flag::switch(JSON, "Write JSON, one object per line, as docs/json.md describes it", |typed| typed.json = true),
    &Flag::taking("output", Value::Any("FILE"), "Write to FILE instead of standard output", |typed, value| {
        typed.output = Some(typed::path(value)?);
        Ok(())
    })
    .short('o'),
    &Flag::taking(
        "color",
        Value::OneOf("WHEN", Color::WORDS),
        "Use colours: auto (on a terminal, unless NO_COLOR is set), always or never",
        |typed, value| {
            typed.color = Color::of(value).ok_or("it is not one of the words")?;
            Ok(())
        },
    ),
    &Flag::switch("help", "Show help", |typed| typed.help = true).short('h'),
    &Flag::switch("version", "Show the version", |typed| typed.version = true).short('V'),
];

/// The process to look at, for commands that have a `TARGET`.
pub const PID: Flag =
    Flag::taking("pid", Value::Any("PID"), "Take the program of this process as TARGET", |typed, value| {
        typed.pids.push(typed::pid(value)?);
        Ok(())
    })
    .short('p')
    .several(Several::Each);

/// Also show calls that were inlined.
pub(super) const INLINED_CALLS: Flag = Flag { brief: "Also show calls that were inlined, without results", ..INLINED };

/// Also show where functions were inlined.
pub(super) const INLINED: Flag =
    Flag::switch("inlined", "Also show each place where a function was inlined", |typed| typed.inlined = true);

/// Show every site.
pub(super) const SITES: Flag =
    Flag::switch("sites", "Show every place for a probe, not only how many", |typed| typed.sites = true);

/// Sort by name.
pub(super) const BY_NAME: Flag =
    Flag::switch("by-name", "Sort by name instead of by address", |typed| typed.by_name = true);

/// The text of a script.
pub(super) const TEXT: Flag = Flag::taking("text", Value::Any("TEXT"), "Take TEXT as the script", |typed, value| {
    typed.run.text = Some(value.to_str().ok_or("it is not valid UTF-8")?.to_owned());
    Ok(())
})
.short('e')
.several(Several::Never);

/// The process whose hits count.
pub(super) const ONLY: Flag =
    Flag { brief: "Probe the program of this process, and count only it; of several, each", ..PID };

/// The program that scripts are about.
pub(super) const TARGET_PATH: Flag = Flag::taking(
    "target",
    Value::Any("PATH"),
    "Take this program as target: every process that runs it, now and later",
    |typed, value| {
        typed.run.target = Some(value.into());
        Ok(())
    },
)
.short('t')
.several(Several::Never);

/// The command to start, in one word.
pub(super) const COMMAND: Flag =
    Flag::taking("command", Value::Any("CMD"), "Start CMD, split at blanks, as -- COMMAND does", |typed, value| {
        typed.run.command = typed::split(value.to_str().ok_or("it is not valid UTF-8")?)?;
        Ok(())
    })
    .short('c')
    .several(Several::Never);

/// Every process of a user.
pub(super) const ALL: Flag =
    Flag::switch("all", "Take every Go process of the user who runs gospect, or who called sudo", |typed| {
        typed.choice.all = true
    });

/// Every process of a named user.
pub(super) const USER: Flag = Flag::taking(
    "user",
    Value::Any("NAME"),
    "Take every Go process of this user, by name or number",
    |typed, value| {
        typed.choice.user = Some(typed::text(value)?);
        Ok(())
    },
)
.several(Several::Never);

/// Every process of a control group.
pub(super) const CGROUP: Flag = Flag::taking(
    "cgroup",
    Value::Any("PATH"),
    "Take every Go process in this control group: path, or name (web.service)",
    |typed, value| {
        typed.choice.cgroup = Some(typed::text(value)?);
        Ok(())
    },
)
.several(Several::Never);

/// Every process of a container.
pub(super) const CONTAINER: Flag = Flag::taking(
    "container",
    Value::Any("ID"),
    "Take every Go process in this container: start of its id, name, or pod uid",
    |typed, value| {
        typed.choice.container = Some(typed::text(value)?);
        Ok(())
    },
)
.several(Several::Never);

/// Do not leave root behind.
pub(super) const AS_ROOT: Flag =
    Flag::switch("as-root", "Start COMMAND as root, not as the user who called sudo", |typed| typed.run.as_root = true);

/// The output formats of runs; text is the first.
const FORMATS: [(&str, Open); 2] = [("text", ui::sink::text), ("json", ui::sink::json)];

const FORMAT_NAMES: [&str; 2] = names(FORMATS);

const fn names<const N: usize>(rows: [(&'static str, Open); N]) -> [&'static str; N] {
    let (mut names, mut n) = ([""; N], 0);
    while n < N {
        names[n] = rows[n].0;
        n += 1;
    }
    names
}

/// How the output of a run is laid out.
pub fn layout(typed: &Typed) -> Open {
    let (_, layout) = FORMATS[typed.run.format];
    if typed.json { ui::sink::json } else { layout }
}

/// bpftrace's way to ask for JSON.
pub(super) const FORMAT: Flag = Flag::taking(
    "format",
    Value::OneOf("FORMAT", &FORMAT_NAMES),
    "Write text, or JSON as --json does",
    |typed, value| {
        typed.json = value == "json";
        typed.run.format = FORMATS.iter().position(|(name, _)| value == *name).filter(|_| !typed.json).unwrap_or(0);
        Ok(())
    },
)
.short('f');

/// How long output may wait.
pub(super) const BUFFER: Flag = Flag::taking(
    "buffer",
    Value::OneOf("MODE", &["line", "full", "none"]),
    "Write output at once (line, none) or in large pieces (full)",
    |typed, value| {
        typed.run.buffered = value == "full";
        Ok(())
    },
)
.short('B');

/// Show what attach points match.
pub(super) const LIST: Flag =
    Flag::switch("list", "Take SCRIPT for attach points, show what they match, and run nothing", |typed| {
        typed.run.list = true
    })
    .short('l');

/// Show a stage of compilation.
pub(super) const EMIT: Flag = Flag::taking(
    "emit",
    Value::OneOf("STAGE", &["ast", "plan", "bpf", "schema"]),
    "Show the script as ast, plan, bpf or schema, and run nothing",
    |typed, value| {
        typed.run.emit = Some(match value.to_str() {
            Some("ast") => Stage::Ast,
            Some("plan") => Stage::Plan,
            Some("schema") => Stage::Schema,
            _ => Stage::Bpf,
        });
        Ok(())
    },
)
.short('d');

/// Which engine attaches.
pub(super) const ENGINE: Flag = Flag::taking(
    "engine",
    Value::OneOf("ENGINE", &EngineName::NAMES),
    "Attach probes by this engine: kernel, by uprobes",
    |typed, value| {
        typed.run.engine.name = value.to_str().and_then(EngineName::of).unwrap_or_default();
        Ok(())
    },
);

/// How to attach.
pub(super) const WAY: Flag = Flag::taking(
    "way",
    Value::OneOf("WAY", &["best", "tracefs"]),
    "Attach by the best way that the kernel has, or by tracefs",
    |typed, value| {
        typed.run.engine.by_tracefs = value == "tracefs";
        Ok(())
    },
);

/// Say when probes are in place.
pub(super) const READY: Flag = Flag::taking(
    "ready-fd",
    Value::Any("N"),
    "Write a line to file descriptor N when the probes are in place",
    |typed, value| {
        typed.run.ready = Some(typed::number(value)?);
        Ok(())
    },
);

/// End after a time.
pub(super) const DURATION: Flag =
    Flag::taking("duration", Value::Any("TIME"), "End after TIME, such as 10, 1.5s, 200ms or 1h30m", |typed, value| {
        typed.run.duration = Some(typed::duration(value)?);
        Ok(())
    });

/// End after so much output.
pub(super) const NUMBER: Flag =
    Flag::taking("number", Value::Any("N"), "End after N units of output", |typed, value| {
        typed.run.printed = Some(typed::number(value)?);
        Ok(())
    })
    .short('n');

/// What probes may cost.
pub(super) const OVERHEAD: Flag = Flag::taking(
    "max-overhead",
    Value::Any("N%"),
    "Take probes out that cost more than N% of a CPU, 25% if not given, or off",
    |typed, value| {
        typed.run.overhead = typed::overhead(value)?;
        Ok(())
    },
);

/// How many hits of a probe count in a second.
pub(super) const RATE: Flag = Flag::taking(
    "rate",
    Value::Any("N/s"),
    "Act on no more than N hits a second of each user probe",
    |typed, value| {
        typed.run.restraint.rate = Some(typed::rate(value)?);
        Ok(())
    },
);

/// Which share of hits counts.
pub(super) const SAMPLE: Flag =
    Flag::taking("sample", Value::Any("1/N"), "Act on one in N hits of user probes, by chance", |typed, value| {
        typed.run.restraint.sample = Some(typed::sample(value)?);
        Ok(())
    });

/// No notes.
pub(super) const QUIET: Flag =
    Flag::switch("quiet", "Do not say on standard error how it went", |typed| typed.run.quiet = true).short('q');

/// Functions to leave out.
pub(super) const EXCEPT: Flag = Flag::taking(
    "except",
    Value::Any("PATTERN"),
    "Leave out functions that match PATTERN; may be given several times",
    |typed, value| {
        typed.trace.except.push(typed::text(value)?);
        Ok(())
    },
)
.short('x')
.several(Several::Each);

/// Which goroutines.
pub(super) const GOID: Flag = Flag::taking(
    "goid",
    Value::Any("N"),
    "Only goroutine N; may be given several times, as may the next three",
    |typed, value| {
        typed.states.goids.push(typed::number(value)?);
        Ok(())
    },
)
.several(Several::Each);

/// Which changes.
pub(super) const STATE: Flag = Flag::taking(
    "state",
    Value::Any("STATE"),
    "Only changes into STATE: runnable, running, syscall, waiting, dead",
    |typed, value| {
        typed.states.states.push(typed::text(value)?.to_lowercase());
        Ok(())
    },
)
.several(Several::Each);

/// Why.
pub(super) const REASON: Flag = Flag::taking(
    "reason",
    Value::Any("GLOB"),
    "Only waits for reasons like GLOB, their beginnings and ends: 'chan *'",
    |typed, value| {
        typed.states.reasons.push(typed::text(value)?);
        Ok(())
    },
)
.several(Several::Each);

/// Of what.
pub(super) const BEGAN: Flag =
    Flag::taking("func", Value::Any("GLOB"), "Only goroutines that began with functions like GLOB", |typed, value| {
        typed.states.functions.push(typed::text(value)?);
        Ok(())
    })
    .several(Several::Each);

/// How long.
pub(super) const LEAST: Flag = Flag::taking(
    "min",
    Value::Any("TIME"),
    "Only changes out of a state that took TIME or longer: 1ms",
    |typed, value| {
        typed.states.least = u64::try_from(typed::duration(value)?.as_nanos()).ok();
        Ok(())
    },
);

/// Who started goroutines.
pub(super) const PARENT: Flag =
    Flag::switch("parent", "Show which goroutine started it, and where its `go` statement is", |typed| {
        typed.states.parent = true
    });

/// Which calls.
pub(super) const IF: Flag = Flag::taking(
    "if",
    Value::Any("CONDITION"),
    "Only calls for which it is true: 'args.n > 10 && elapsed > 1ms'",
    |typed, value| {
        typed.trace.condition = Some(typed::text(value)?);
        Ok(())
    },
)
.negative()
.several(Several::Never);

/// Starts of calls too.
pub(super) const STARTS: Flag =
    Flag::switch("entry", "Show when calls begin, too", |typed| typed.run.view = View::Both);

/// Calls within calls.
pub(super) const GRAPH: Flag =
    Flag::switch("graph", "Show calls within calls of the same goroutine, as they happen", |typed| {
        typed.run.view = View::Graph { depth: typed.run.view.depth() }
    });

/// The same, not all of them.
pub(super) const NESTED: Flag =
    Flag::taking("max-depth", Value::Any("N"), "As --graph, and leave out calls within N others", |typed, value| {
        typed.run.view = View::Graph { depth: Some(typed::number::<u32>(value)? as usize) };
        Ok(())
    });

/// How far pointers are followed.
pub(super) const DEPTH: Flag = Flag::taking(
    "depth",
    Value::Any("N"),
    "Follow up to N pointers one behind the other (0 to 16) instead of 2",
    |typed, value| {
        typed.run.values.depth = typed::within(value, 0..=16)?;
        Ok(())
    },
);

/// How much of a string.
pub(super) const STRLEN: Flag = Flag::taking(
    "strlen",
    Value::Any("BYTES"),
    "Take and show so many bytes of a string (1 to 4000)",
    |typed, value| {
        typed.run.values.strlen = typed::within(value, 1..=4000)?;
        Ok(())
    },
);

/// How much of a value is shown.
pub(super) const WIDTH: Flag = Flag::taking(
    "width",
    Value::Any("N"),
    "Show each value in about N columns (20 to 9999), not a terminal's line",
    |typed, value| {
        typed.run.width = Width::Columns(typed::within::<u16>(value, 20..=9999)?.into());
        Ok(())
    },
);

/// All of it.
pub(super) const FULL: Flag =
    Flag::switch("full", "Show all of each value, on a terminal too", |typed| typed.run.width = Width::All);

/// How much of a call.
pub(super) const CAPTURE: Flag = Flag::taking(
    "capture",
    Value::Any("BYTES"),
    "Take up to so many bytes of a call (512 to 16000) instead of 2048",
    |typed, value| {
        typed.run.values.bytes = typed::within(value, 512..=16_000)?;
        Ok(())
    },
);

/// What nobody wants to see.
pub(super) const OPAQUE: Flag = Flag::taking(
    "opaque",
    Value::Any("TYPE"),
    "Leave values of TYPE alone, but for fields behind a colon: main.Req:ID,User",
    |typed, value| {
        typed.run.values.opaque.push(Opaque::typed(&typed::text(value)?));
        Ok(())
    },
)
.several(Several::Each);

/// What somebody wants to see after all.
pub(super) const FOLLOW: Flag = Flag::taking(
    "follow",
    Value::Any("TYPE"),
    "Look into values of TYPE that are left alone as a rule: net/http.Server",
    |typed, value| {
        typed.run.values.opaque.push(Opaque::followed(&typed::text(value)?));
        Ok(())
    },
)
.several(Several::Each);

/// More secrets.
pub(super) const REDACT: Flag = Flag::taking(
    "redact",
    Value::Any("GLOB"),
    "Do not show values with names like GLOB, nor passwords and tokens",
    |typed, value| {
        typed.run.values.secrets.push(typed::text(value)?);
        Ok(())
    },
)
.several(Several::Each);

/// No secrets.
pub(super) const NO_REDACT: Flag =
    Flag::switch("no-redact", "Show passwords, tokens and the like, too", |typed| typed.run.values.secrets.clear());

/// Which calls, by what called them.
pub(super) const ONLY_UNDER: Flag = Flag::taking(
    "only-under",
    Value::Any("FUNC"),
    "Only calls while FUNC is open on the goroutine; may be given several times",
    |typed, value| {
        typed.trace.only_under.push(typed::text(value)?);
        Ok(())
    },
)
.several(Several::Each);

/// Who called.
pub(super) const STACK: Flag =
    Flag::taking("stack", Value::Maybe("N"), "Show who called, up to N frames if N is given", |typed, value| {
        typed.trace.stack = Some(if value.is_empty() { 0 } else { typed::within(value, 1..=32)? });
        Ok(())
    });

/// Not what becomes of goroutines, but what they are doing.
pub(super) const SNAPSHOT: Flag =
    Flag::switch("snapshot", "Show what all goroutines are doing now, without a probe", |typed| {
        typed.snapshot.now = true
    });

/// Each of them.
pub(super) const EACH: Flag =
    Flag::switch("each", "With --snapshot: show each goroutine, not how many do the same", |typed| {
        typed.snapshot.each = true
    });

/// Their calls.
pub(super) const CALLS: Flag = Flag::taking(
    "stack",
    Value::Maybe("N"),
    "With --snapshot: show the calls that they are in, up to N if N is given",
    |typed, value| {
        typed.snapshot.stack = Some(if value.is_empty() { 0 } else { typed::within(value, 1..=1000)? });
        Ok(())
    },
);

/// What calls are told apart by.
pub(super) const BY: Flag = Flag::taking(
    "by",
    Value::Any("KEY"),
    "Tell calls apart by KEY, each given: goid, caller, args.n, rets.0",
    |typed, value| {
        typed.hist.hist.by.push(typed::text(value)?);
        Ok(())
    },
)
.negative()
.several(Several::Each);

/// What is counted.
pub(super) const OF: Flag = Flag::taking(
    "of",
    Value::Any("VALUE"),
    "Take VALUE, such as args.n or 'len(args.buf)', instead of the duration",
    |typed, value| {
        typed.hist.hist.of = Some(typed::text(value)?);
        Ok(())
    },
)
.negative();

/// Buckets of equal width.
pub(super) const LINEAR: Flag = Flag::taking(
    "lhist",
    Value::Any("A,B,STEP"),
    "Show buckets of equal width from A to B: 0,10ms,500us",
    |typed, value| {
        typed.hist.hist.linear = Some(typed::bounds(value)?);
        Ok(())
    },
)
.negative();

/// The unit of durations.
pub(super) const UNIT: Flag = Flag::taking(
    "unit",
    Value::OneOf("UNIT", Unit::WORDS),
    "Show durations in ns, us, ms or s instead of what fits each",
    |typed, value| {
        typed.hist.unit = value.to_str().and_then(Unit::of).ok_or("it is not one of the words")?;
        Ok(())
    },
);

/// Shown while it runs.
pub(super) const LIVE: Flag = Flag::switch("live", "Show it again every second", |typed| typed.hist.hist.live = true);

/// Times instead of changes.
pub(super) const SUMMARY: Flag =
    Flag::switch("summary", "Show at the end how long goroutines were in which state, instead of lines", |typed| {
        typed.summary = true
    });

/// Who creates whom instead of changes.
pub(super) const TREE: Flag =
    Flag::switch("tree", "Show at the end who created whom, by start function", |typed| typed.tree = true);

/// What times are told apart by.
pub(super) const TIMES_BY: Flag = Flag::taking(
    "by",
    Value::OneOf("KEY", By::WORDS),
    "Tell times of --summary apart by func (as usual), goid, reason or state",
    |typed, value| {
        typed.times_by = Some(value.to_str().and_then(By::of).ok_or("it is not one of the words")?);
        Ok(())
    },
);

/// The program instead of running it.
pub(super) const SHOW_PROGRAM: Flag =
    Flag::switch("show-program", "Write the script that it would run, for `gospect run -`, and run nothing", |typed| {
        typed.show_program = true
    });

/// Measure for a time.
pub(super) const SECONDS: Flag = Flag::taking(
    "seconds",
    Value::Any("N"),
    "Measure for about N seconds, from 1 to 50, instead of 30",
    |typed, value| {
        let seconds: u32 = typed::number(value)?;
        typed.bench.time = Some(Duration::from_secs(seconds.into()));
        if (1..=50).contains(&seconds) { Ok(()) } else { Err("it is not from 1 to 50".to_owned()) }
    },
);

/// Measure for a short time.
pub(super) const QUICK: Flag =
    Flag::switch("quick", "Measure for about 8 seconds", |typed| typed.bench.time = Some(bench::QUICK));

/// Leave the service running.
pub(super) const SERVE: Flag =
    Flag::switch("serve", "Only start the service and leave it running until Ctrl-C", |typed| typed.serve = true);

/// Measure another tool beside it.
pub(super) const VERSUS: Flag = Flag::taking(
    "vs",
    Value::OneOf("TOOL", &["bpftrace"]),
    "Also measure what a count costs with bpftrace, which must be installed",
    |typed, _| {
        typed.bench.bpftrace = true;
        Ok(())
    },
);
