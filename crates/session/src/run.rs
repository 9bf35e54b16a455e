//! A script from its text to its output: opens what it names, compiles it, puts its probes in place, does what its
//! records ask for until something ends it, takes everything out again, and tells how it went.
//!
//! ```text
//! Script ── Script::compile ──► Compiled ── Compiled::run(Show) ──► Ended
//! ```
//!
//! Nothing is printed: what there is to show is given to a [`Show`] as values, in the order in which it happened.

mod before;
pub mod bench;
mod budget;
mod calls;
mod lasting;
mod live;
mod maps;
mod met;
mod names;
mod newcomers;
mod remains;
mod tally;
mod watch;
mod wild;
mod world;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

pub use codegen::Restraint;
use codegen::{Captures, Options, TooHeavy};
use event::calls::Key;
use event::goroutine::Told;
use event::run::{Attached, Load, Summary};
use event::totals::{Goroutines, Lasting};
use event::{Names, Row, Snapshot, Value};
use kernel::Pid;
use kernel::engine::{Engine, Feature, Numbers};
pub use plan::capture::Opaque;
use plan::world::World;
use plan::{GroupNo, Plan, Source};
use probe::Diagnostic;
use program::{Caps, Program};

use crate::refusal::{Class, Refusal};
use crate::subject::Subject;
pub use calls::{Call, Values};
use world::{Answers, Executable, Executables};

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// What to call the text in messages; nothing if it was typed.
    pub name: String,
    /// The text.
    pub text: String,
    /// `$1` and so on.
    pub params: Vec<String>,
    /// What `go:` and an empty file name mean, and whose hits count.
    pub subject: Option<Subject>,
    /// What to start once the probes are in place. Without a subject its program is the target, and only its hits count.
    pub command: Vec<OsString>,
    /// Start it as root, even if somebody else has become root to run us.
    pub as_root: bool,
    /// Attach by tracefs even where the kernel has something better.
    pub by_tracefs: bool,
    /// How much of values is read.
    pub values: Values,
    /// What is held back of user probes.
    pub restraint: Restraint,
}

/// When a run, or a part of it, ends by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// After that long.
    pub duration: Option<Duration>,
    /// After so many units of output.
    pub printed: Option<u64>,
    /// How much of a CPU the probes may take before some are taken out; nothing for as much as they like.
    pub overhead: Option<f64>,
}

/// A stage of compilation, as text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// What was read.
    Ast,
    /// What it means.
    Plan,
    /// Instructions, maps and sites.
    Bpf,
    /// What comes back.
    Schema,
}

/// Why there was no run, or no more of it.
#[derive(Debug)]
pub enum Stopped {
    /// The text is wrong.
    Text(Wrong),
    /// Something else refused.
    Refused(Refusal),
    /// Whoever shows could not.
    Show(io::Error),
}

/// What is wrong with a text.
#[derive(Debug)]
pub struct Wrong {
    /// The diagnostics, to be shown as they are.
    pub shown: String,
    /// The same, one by one, for whoever has made the text out of something else.
    pub mistakes: Vec<Mistake>,
    /// What kind of failure it is.
    pub class: Class,
}

/// One thing that is wrong with a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// What it is: a sentence in lower case without full stop.
    pub sentence: String,
    /// Where, in bytes.
    pub at: Range<usize>,
    /// What helps.
    pub help: Vec<String>,
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Stopped {
        Stopped::Refused(refusal)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Stopped {
        Stopped::Show(error)
    }
}

impl From<kernel::engine::Error> for Stopped {
    fn from(error: kernel::engine::Error) -> Stopped {
        Stopped::Refused(Refusal::from(&error))
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stopped::Text(wrong) => f.write_str(&wrong.shown),
            Stopped::Refused(refusal) => refusal.fmt(f),
            Stopped::Show(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Stopped {}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// What `exit()` was given; 0 if something else ended it.
    pub status: i64,
}

/// Whoever shows what a script puts out. The first error ends the run.
pub trait Show {
    /// The probes are in place.
    ///
    /// # Errors
    /// The writer's, as of all others.
    fn attached(&mut self, attached: &Attached) -> io::Result<()>;
    /// Another program, or another build of one, came while the run went on.
    ///
    /// # Errors
    /// The writer's.
    fn program(&mut self, program: &event::run::Program) -> io::Result<()>;
    /// `printf`
    ///
    /// # Errors
    /// The writer's.
    fn printf(&mut self, form: &event::Format, args: &[Value], names: &dyn Names) -> io::Result<()>;
    /// `print` of a value
    ///
    /// # Errors
    /// The writer's.
    fn value(&mut self, value: &Value, names: &dyn Names) -> io::Result<()>;
    /// `time`
    ///
    /// # Errors
    /// The writer's.
    fn time(&mut self, form: &str, boot: u64, names: &dyn Names) -> io::Result<()>;
    /// `call()`: a call has ended, or, where that is all that was asked for, begins.
    ///
    /// # Errors
    /// The writer's.
    fn call(&mut self, call: &Call<'_>, names: &dyn Names) -> io::Result<()>;
    /// A call begins whose end will be shown, if that is wanted.
    ///
    /// # Errors
    /// The writer's.
    fn begins(&mut self, call: &Call<'_>, names: &dyn Names) -> io::Result<()>;
    /// A call that began has ended, and a condition does not want it: it will not be shown.
    ///
    /// # Errors
    /// The writer's.
    fn drops(&mut self, call: Key, boot: u64, names: &dyn Names) -> io::Result<()>;
    /// Whether [`Show::begins`] is wanted.
    fn wants_beginnings(&self) -> bool;
    /// `event()`: a goroutine has changed its state.
    ///
    /// # Errors
    /// The writer's.
    fn state(&mut self, told: &Told, names: &dyn Names) -> io::Result<()>;
    /// `print` of a map
    ///
    /// # Errors
    /// The writer's.
    fn map(&mut self, map: &Snapshot, names: &dyn Names) -> io::Result<()>;
    /// Whether [`Show::goroutines`] is wanted.
    fn wants_goroutines(&self) -> bool {
        false
    }
    /// The goroutines that there were when the run began, and the states that they are in when it ends, or their process,
    /// where goroutines are watched. Comes before [`Show::rest`].
    ///
    /// # Errors
    /// The writer's.
    fn goroutines(&mut self, _: &Goroutines) -> io::Result<()> {
        Ok(())
    }
    /// Where goroutines are watched by turns: the states in which one of these has ended, and whether goroutines are gone
    /// now that another one begins.
    fn turn(&mut self, _: &[(Lasting, bool)]) {}
    /// The maps that are left at the end
    ///
    /// # Errors
    /// The writer's.
    fn rest(&mut self, maps: &[Snapshot], names: &dyn Names) -> io::Result<()>;
    /// There is nothing more for the moment.
    ///
    /// # Errors
    /// The writer's.
    fn pause(&mut self, names: &dyn Names) -> io::Result<()>;
    /// There is nothing more of this kind: all of it has to be where it belongs.
    ///
    /// # Errors
    /// The writer's.
    fn finish(&mut self) -> io::Result<()>;
    /// Everything is taken out.
    ///
    /// # Errors
    /// The writer's.
    fn summary(&mut self, summary: &Summary) -> io::Result<()>;
    /// Something could not be shown: from now on shows elsewhere, first what is `kept` from before.
    fn rescue(&mut self, kept: bool);
    /// Whether [`Show::load`] is wanted.
    fn wants_load(&self) -> bool {
        false
    }
    /// What the probes cost now, several times a second.
    ///
    /// # Errors
    /// The writer's.
    fn load(&mut self, _: &Load) -> io::Result<()> {
        Ok(())
    }
    /// Something that is no result, in a sentence.
    fn note(&mut self, note: &str);
}

/// A script that can be run.
pub struct Compiled {
    script: Script,
    executables: Executables,
    /// Of the plan, by their numbers there, as places in `executables`.
    binaries: Vec<usize>,
    plan: Plan,
    captures: Captures,
    program: Program,
    engine: Engine,
    /// By which numbers its programs know processes.
    numbers: Numbers,
    /// Warnings about the text, as they are shown.
    pub warnings: String,
}

/// A plan and what it was made of.
struct Planned {
    executables: Executables,
    meaning: Meaning,
}

/// A script's meaning in a world.
struct Meaning {
    plan: Plan,
    captures: Captures,
    /// As they are shown.
    warnings: String,
}

impl Script {
    /// Makes programs of it, for the kernel that we run on.
    ///
    /// # Errors
    /// What is wrong with the text, with the files that it names, or with our privileges.
    pub fn compile(self) -> Result<Compiled, Stopped> {
        let engine = self.engine();
        let planned = self.plan(&engine, self.opened()?, None)?;
        Ok(Compiled::new(self, planned, engine?, None)?)
    }

    /// The same for other executables, so that it can run beside what was compiled before: numbers and maps are that one's.
    fn compile_after(self, before: &Compiled, executables: Executables) -> Result<Compiled, Stopped> {
        let engine = self.engine();
        let planned = self.plan(&engine, executables, Some(before))?;
        Ok(Compiled::new(self, planned, engine?, Some(&before.program))?)
    }

    fn engine(&self) -> Result<Engine, kernel::engine::Error> {
        Engine::open().map(|engine| if self.by_tracefs { engine.without_links() } else { engine })
    }

    /// The executables that it is about, as they are now.
    fn opened(&self) -> Result<Executables, Refusal> {
        Executables::open(self.subject.as_ref(), self.command.first(), &probe::parse(&self.source()).0)
    }

    /// A stage of its compilation as text. Without the privilege to ask the kernel what it can do, programs are those
    /// for the oldest one that gospect runs on.
    ///
    /// # Errors
    /// As [`Script::compile`].
    pub fn stage(self, stage: Stage) -> Result<String, Stopped> {
        if stage == Stage::Ast {
            let (script, messages) = probe::parse(&self.source());
            self.judge(&messages)?;
            return Ok(script.to_string());
        }
        let engine = self.engine();
        let Meaning { plan, captures, .. } = self.plan(&engine, self.opened()?, None)?.meaning;
        if stage == Stage::Plan {
            return Ok(plan.to_string());
        }
        let caps = engine.as_ref().map_or(Caps::linux_5_10(), Engine::caps);
        let program = emit((&plan, &captures), caps, Numbers::default(), self.restraint, None)?;
        Ok(match stage {
            Stage::Schema => program.schema.to_string(),
            _ => program.to_string(),
        })
    }

    /// What attach points, given as the text, mean: one line for each probe. Nothing is attached.
    ///
    /// # Errors
    /// As [`Script::compile`].
    pub fn list(mut self) -> Result<String, Stopped> {
        self.text.push_str(" { }");
        let plan = self.plan(&Engine::open(), self.opened()?, None)?.meaning.plan;
        let group = |group: GroupNo| plan.groups.get(group.index()).map_or(&[][..], |group| &group.runs);
        let probes = plan.sites.iter().flat_map(|site| {
            let (entry, exit) = (site.entry.as_ref(), site.exit.as_ref());
            let groups = [entry.and_then(|e| e.group), exit.and_then(|e| e.group), site.here];
            let groups = groups.into_iter().flatten().map(|group| (site.function, group));
            let also = site.also.iter().map(|also| (also.function, also.group));
            // Where those end that were inlined is known by where they begin.
            let runs = groups.chain(also).flat_map(|(function, of)| group(of).iter().map(move |run| (function, run)));
            runs.map(|(function, run)| u64::from(run.point.0) << 32 | u64::from(function.0))
        });
        let probes: BTreeSet<u64> = probes.collect();
        let others = plan.points.iter().filter(|point| point.matched == 0);
        let others = others.map(|point| format!("{}{}", point.prefix, point.suffix));
        let lines = probes.into_iter().filter_map(|probe| plan.probe_name(probe)).chain(others);
        Ok(lines.map(|line| line + "\n").collect())
    }

    fn lacks_target(&self) -> bool {
        self.subject.is_none() && self.command.is_empty()
    }

    fn source(&self) -> Source {
        Source { name: self.name.clone(), text: self.text.clone() }
    }

    fn plan(
        &self,
        engine: &Result<Engine, kernel::engine::Error>,
        executables: Executables,
        before: Option<&Compiled>,
    ) -> Result<Planned, Stopped> {
        let source = self.source();
        let (mut script, messages) = probe::parse(&source);
        wild::expand(&mut script, engine.as_ref().ok());
        let (limits, kernel) = (self.values.limits(), engine.as_ref().map_err(ToString::to_string));
        let answers = Answers::new(&executables, kernel, limits, before);
        let checked = self.check(&script, messages, &answers);
        let meaning = checked.map_err(|stopped| match stopped {
            Stopped::Text(wrong) if self.lacks_target() && executables.lacks_target() => {
                Stopped::Text(Wrong { class: Class::Usage, ..wrong })
            }
            // What is wrong with the text may be that we were not allowed to look.
            Stopped::Text(wrong) => match (answers.refused(), engine) {
                (None, _) => Stopped::Text(wrong),
                (Some(refusal), Ok(_)) => {
                    let (shown, class) = (wrong.shown + &refusal.hint_line(), Class::Refused);
                    Stopped::Text(Wrong { shown, class, ..wrong })
                }
                (Some(_), Err(error)) => Refusal::from(error).into(),
            },
            stopped => stopped,
        })?;
        drop(answers);
        self.restrains_something(&meaning.plan)?;
        Ok(Planned { executables, meaning })
    }

    /// A limit that has nothing to limit was meant for something else.
    fn restrains_something(&self, plan: &Plan) -> Result<(), Refusal> {
        let applies = plan.bodies.iter().any(|body| Restraint::applies(body.prelude));
        match self.restraint.any() && !applies {
            false => Ok(()),
            true => {
                let why = "`--rate` and `--sample` hold back hits of functions, and the script has no probe on any";
                let hint = "they apply to go:, goret:, uprobe: and uretprobe:; `interval` and `profile` have a rate of their own";
                Err(Refusal { class: Class::Usage, ..Refusal::refused(why).hint(hint) })
            }
        }
    }

    /// What it means in a world.
    fn check(
        &self,
        script: &probe::ast::Script,
        messages: Vec<Diagnostic>,
        world: &dyn World,
    ) -> Result<Meaning, Stopped> {
        let mut checked = probe::check(script, messages, &self.source(), &self.params, world);
        let captures = checked.plan.as_ref().map(|plan| Captures::of(plan, world)).unwrap_or_default();
        let heavy = checked.plan.as_ref().and_then(|plan| codegen::too_heavy(plan, &captures));
        checked.messages.extend(heavy.map(|heavy| Diagnostic::error(heavy.at, heavy.why).help(TooHeavy::HELP)));
        let warnings = self.judge(&checked.messages)?;
        let plan = checked.plan.ok_or_else(|| Refusal::refused("the script means nothing"))?;
        Ok(Meaning { plan, captures, warnings })
    }

    /// The messages as they are shown, if none of them is an error.
    fn judge(&self, messages: &[Diagnostic]) -> Result<String, Stopped> {
        let shown = probe::render(messages, &self.source());
        let errors = || messages.iter().filter(|message| message.is_error());
        let class = match errors().all(|message| message.severity == probe::Severity::NothingMatched) {
            _ if errors().next().is_none() => return Ok(shown),
            true => Class::NothingMatched,
            false => Class::Usage,
        };
        let mistake = |message: &Diagnostic| Mistake {
            sentence: message.message.clone(),
            at: message.span.range(),
            help: message.help.clone(),
        };
        Err(Stopped::Text(Wrong { shown, mistakes: errors().map(mistake).collect(), class }))
    }
}

fn emit(
    (plan, captures): (&Plan, &Captures),
    caps: Caps,
    numbers: Numbers,
    restraint: Restraint,
    before: Option<&Program>,
) -> Result<Program, Refusal> {
    let refuse = |refused: codegen::Refused| Refusal::refused(format!("this script cannot be compiled: {refused}"));
    let options = Options { walk: numbers.walk.is_some(), restraint, ..Options::default() };
    if let Some(before) = before {
        let ring = before.maps.get(before.tables.ring).map_or(options.ring, |ring| ring.entries.on(1));
        return codegen::emit_after(plan, captures, caps, &Options { ring, ..options }, before.schema.clone())
            .map_err(refuse);
    }
    let program = codegen::emit(plan, captures, caps, &options).map_err(refuse)?;
    let ring = ring(&program, caps);
    if ring == options.ring {
        Ok(program)
    } else {
        codegen::emit(plan, captures, caps, &Options { ring, ..options }).map_err(refuse)
    }
}

/// Whether hits of a process can be told from those of others.
fn reached(numbers: Numbers, pid: Pid) -> Result<(), Refusal> {
    if numbers.reach(pid) {
        return Ok(());
    }
    let sentence = format!(
        "PID {pid} lives in another pid namespace than gospect, and its number there cannot be found: the kernel does not \
         tell its structures (/sys/kernel/btf/vmlinux), or forbids to read them"
    );
    Err(Refusal::refused(sentence).hint("run gospect on the host, or in the pid namespace of the process"))
}

/// Records that may come while nobody reads: 300 000 a second, for a twentieth of one.
const AWAY: usize = 15_000;
/// Bytes of a record of a call, which few exceed: what does not fit is no longer followed.
const USUAL_CALL: usize = 2048;
/// No ring is larger.
const LARGEST_RING: usize = 32 << 20;

/// Bytes of a ring that holds what comes while nobody reads. Where rings are locked memory it stays small.
fn ring(program: &Program, caps: Caps) -> u32 {
    let usual = Options::default().ring;
    if !caps.has(Feature::MemcgAccounting) {
        return usual;
    }
    let payload = |row: &Row| match row {
        Row::Printf { args, .. } | Row::PrintValue(args) => args.size(),
        Row::Call(_) => USUAL_CALL,
        Row::State { .. } => event::schema::state::SIZE_WITH_PARENT,
        _ => 0,
    };
    let largest = program.schema.rows().iter().map(payload).max().unwrap_or(0);
    let wanted = (largest * AWAY).min(LARGEST_RING).next_power_of_two();
    u32::try_from(wanted).unwrap_or(usual).max(usual)
}

impl Compiled {
    fn new(script: Script, planned: Planned, engine: Engine, before: Option<&Program>) -> Result<Compiled, Refusal> {
        let Planned { executables, meaning: Meaning { plan, captures, warnings } } = planned;
        let numbers = Numbers::find(&engine);
        if !numbers.own && !script.command.is_empty() {
            let why = "its number is not known: /proc is that of another pid namespace than gospect's";
            let name = script.command.first().map(|name| name.display().to_string()).unwrap_or_default();
            return Err(Refusal::refused(format!("{name} cannot be traced from its start, {why}"))
                .hint("start it first, and name it by -p; or mount a /proc of gospect's own"));
        }
        if let Some(Subject::Processes(pids)) = &script.subject {
            pids.iter().try_for_each(|pid| reached(numbers, *pid))?;
        }
        let program = emit((&plan, &captures), engine.caps(), numbers, script.restraint, before)?;
        let found = plan.binaries.iter().map(|binary| executables.find(&binary.path));
        let binaries = found.collect::<Result<_, _>>().map_err(Refusal::refused)?;
        Ok(Compiled { script, executables, binaries, plan, captures, program, engine, numbers, warnings })
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Errors
    /// What kept it from running, or from showing what it has to show. Everything is taken out by then.
    pub fn run(&self, limits: Limits, show: &mut dyn Show) -> Result<Ended, Stopped> {
        live::run(self, limits, show)
    }

    /// An executable by its number in the plan.
    fn binary(&self, number: u32) -> Option<&Executable> {
        self.executables.list.get(*self.binaries.get(number as usize)?).map(Rc::as_ref)
    }

    /// Whether something is probed that is no target.
    fn has_libraries(&self) -> bool {
        self.binaries.iter().any(|&at| at >= self.executables.targets().len())
    }

    /// The executables by their numbers in the plan.
    fn binaries(&self) -> Vec<&Executable> {
        self.binaries.iter().filter_map(|&at| self.executables.list.get(at)).map(Rc::as_ref).collect()
    }
}
