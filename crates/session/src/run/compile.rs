//! A script from its text to programs: opens what it names, checks it, emits code for the engine.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use codegen::{Captures, Options, Restraint, TooHeavy};
use engine::{Engine, Feature, Pid, Program};
use event::Row;
use event::stream::Sink;
use plan::GroupNo;
use plan::world::World;
use plan::{Plan, Source};
use probe::Diagnostic;
use program::{Caps, EngineNeeds};

use super::executables::Executables;
use super::script::{Ended, Limits, Mistake, Script, Stage, Stopped, Wrong};
use super::world::Answers;
use super::{run_loop, tracepoints};
use crate::executable::Executable;
use crate::machine::{EngineChoice, Machine};
use crate::refusal::{Class, Refusal};
use crate::subject::Subject;

/// A script that is ready to run.
pub struct Prepared {
    pub(super) compiled: Compiled,
    pub(super) engine: Box<dyn Engine>,
    pub(super) machine: Machine,
    /// Warnings about the text, as they are shown.
    pub warnings: String,
}

impl Prepared {
    /// The same with programs that do nothing at the sites of functions, and no others.
    pub(super) fn emptied(mut self) -> Result<Prepared, Refusal> {
        let emptied = Arc::make_mut(&mut self.compiled.program).empty();
        emptied.map_err(|error| Refusal::refused(format!("a program that does nothing cannot be made: {error}")))?;
        Ok(self)
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Errors
    /// What kept it from running, or from showing what it has to show. All probes are detached by then.
    pub fn run(self, limits: Limits, sink: &mut dyn Sink) -> Result<Ended, Stopped> {
        run_loop::run(self, limits, sink)
    }
}

/// What one compilation made of a script.
pub(super) struct Compiled {
    pub script: Rc<Script>,
    pub executables: Executables,
    /// The executables of the plan: their places in `executables`.
    binaries: Vec<usize>,
    pub plan: Plan,
    pub captures: Captures,
    pub program: Arc<Program>,
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

/// An engine that could be opened, or why it could not.
type Opened = Result<Box<dyn Engine>, engine::Error>;

fn borrowed(engine: &Opened) -> Result<&dyn Engine, &engine::Error> {
    engine.as_ref().map(AsRef::as_ref)
}

/// What programs may use, and what they do for the engine.
fn abilities(engine: &dyn Engine) -> (Caps, EngineNeeds) {
    let capabilities = engine.capabilities();
    (capabilities.caps, capabilities.needs)
}

impl Script {
    /// Makes programs of it, for the machine that gospect runs on.
    ///
    /// # Errors
    /// What is wrong with the text, with the files that it names, or with our privileges.
    pub fn compile(self) -> Result<Prepared, Stopped> {
        self.compile_on(Machine::this())
    }

    /// The same for any machine.
    pub(crate) fn compile_on(self, machine: Machine) -> Result<Prepared, Stopped> {
        let engine = machine.engine(self.engine);
        let planned = self.plan(borrowed(&engine), self.opened(&machine)?, None)?;
        let (engine, warnings) = (engine?, planned.meaning.warnings.clone());
        let compiled = Compiled::new(Rc::new(self), planned, engine.as_ref(), None)?;
        Ok(Prepared { compiled, engine, machine, warnings })
    }

    /// The executables that it is about, as they are now.
    pub(super) fn opened(&self, machine: &Machine) -> Result<Executables, Refusal> {
        let (tree, _) = probe::parse(&self.source());
        Executables::open(self.subject.as_ref(), self.command.first(), &tree, machine)
    }

    /// A stage of its compilation as text. Without the privilege to ask the kernel what it can do, programs are those
    /// for the oldest kernel that gospect runs on.
    ///
    /// # Errors
    /// As [`Script::compile`].
    pub fn stage(self, stage: Stage) -> Result<String, Stopped> {
        if stage == Stage::Ast {
            let (script, messages) = probe::parse(&self.source());
            self.judge(&messages)?;
            return Ok(script.to_string());
        }
        let machine = Machine::this();
        let engine = machine.engine(self.engine);
        let Meaning { plan, captures, .. } = self.plan(borrowed(&engine), self.opened(&machine)?, None)?.meaning;
        if stage == Stage::Plan {
            return Ok(plan.to_string());
        }
        let caps = engine.as_ref().map_or(Caps::linux_5_10(), |engine| engine.capabilities().caps);
        let program = emit((&plan, &captures), (caps, EngineNeeds::of_kernel(caps)), self.restraint, None)?;
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
        let machine = Machine::this();
        let engine = machine.engine(EngineChoice::default());
        let plan = self.plan(borrowed(&engine), self.opened(&machine)?, None)?.meaning.plan;
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

    pub(super) fn source(&self) -> Source {
        Source { name: self.name.clone(), text: self.text.clone() }
    }

    fn plan(
        &self,
        engine: Result<&dyn Engine, &engine::Error>,
        executables: Executables,
        before: Option<&Compiled>,
    ) -> Result<Planned, Stopped> {
        let source = self.source();
        let (mut script, messages) = probe::parse(&source);
        tracepoints::expand(&mut script, engine.ok());
        let (limits, kernel) = (self.values.limits(), engine.map_err(ToString::to_string));
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

    /// Finds out what it means in a world.
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
    (caps, engine): (Caps, EngineNeeds),
    restraint: Restraint,
    before: Option<&Program>,
) -> Result<Program, Refusal> {
    let refuse = |refused: codegen::Refused| Refusal::refused(format!("this script cannot be compiled: {refused}"));
    let options = Options { ring: Options::RING, engine, restraint };
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

/// Refuses a process whose hits cannot be told from those of other processes.
pub(super) fn identify(engine: &dyn Engine, pid: Pid) -> Result<(), Refusal> {
    if engine.can_identify(pid) {
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
    let usual = Options::RING;
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
    fn new(
        script: Rc<Script>,
        planned: Planned,
        engine: &dyn Engine,
        before: Option<&Program>,
    ) -> Result<Compiled, Refusal> {
        let Planned { executables, meaning: Meaning { plan, captures, .. } } = planned;
        if !engine.capabilities().knows_pids && !script.command.is_empty() {
            let why = "its number is not known: /proc is that of another pid namespace than gospect's";
            let name = script.command.first().map(|name| name.display().to_string()).unwrap_or_default();
            return Err(Refusal::refused(format!("{name} cannot be traced from its start, {why}"))
                .hint("start it first, and name it by -p; or mount a /proc of gospect's own"));
        }
        if let Some(Subject::Processes(pids)) = &script.subject {
            pids.iter().try_for_each(|pid| identify(engine, *pid))?;
        }
        let program = Arc::new(emit((&plan, &captures), abilities(engine), script.restraint, before)?);
        let found = plan.binaries.iter().map(|binary| executables.find(&binary.path));
        let binaries = found.collect::<Result<_, _>>().map_err(Refusal::refused)?;
        Ok(Compiled { script, executables, binaries, plan, captures, program })
    }

    /// Compiles the same script for other executables, so that its programs can run beside those of this compilation:
    /// numbers and maps stay the same.
    pub fn again(&self, executables: Executables, engine: &dyn Engine) -> Result<Compiled, Stopped> {
        let planned = self.script.plan(Ok(engine), executables, Some(self))?;
        Ok(Compiled::new(self.script.clone(), planned, engine, Some(&self.program))?)
    }

    /// An executable by its number in the plan.
    pub fn binary(&self, number: u32) -> Option<&Executable> {
        self.executables.list.get(*self.binaries.get(number as usize)?).map(Rc::as_ref)
    }

    /// The executables of the plan, as places in [`Compiled::executables`].
    pub fn places(&self) -> &[usize] {
        &self.binaries
    }

    /// Whether something is probed that is no target.
    pub fn has_libraries(&self) -> bool {
        self.binaries.iter().any(|&at| at >= self.executables.targets().len())
    }

    /// The executables by their numbers in the plan.
    pub fn binaries(&self) -> Vec<&Executable> {
        self.binaries.iter().filter_map(|&at| self.executables.list.get(at)).map(Rc::as_ref).collect()
    }
}
