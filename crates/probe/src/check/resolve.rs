//! Attach points to functions, instructions and events: what each led to, what was left out, and why.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use gobin::declare;
use gobin::insn::Class;
use gobin::pattern::Pattern;
use gobin::sites::{Exit, Refusal, Sites};

use crate::ast::{Attach, AttachPoint, Clock, Code, Script, Span, Spanned, User};
use crate::diagnostic::Diagnostic;
use crate::words;
use plan::target::{Found, InlinedPlaces, Scheduler, SystemCalls, Target};
use plan::world::{Field, World};
use plan::{BinaryNo, GoroutineEvent, On, Period, Point, PointNo, Prelude, Skipped, SyscallEvent};

use super::calls;

/// An executable that the text names.
pub(super) struct Binary<'w> {
    /// As the text names it.
    pub path: String,
    /// Who answers for it.
    pub target: &'w dyn Target,
}

/// One clause at one place.
#[derive(Clone)]
pub(super) struct Placement {
    /// Which clause.
    pub clause: usize,
    /// On whose behalf.
    pub point: PointNo,
    /// Where.
    pub place: Place,
}

/// Where a clause runs.
#[derive(Clone)]
pub(super) enum Place {
    /// Calls or ends of calls of a function.
    Function { binary: BinaryNo, found: Found, sites: Option<Rc<Sites>>, ret: bool },
    /// An instruction.
    Code { binary: BinaryNo, found: Found, offset: u32, class: Option<Class> },
    /// System calls, with the function through which they go.
    Syscall { binary: BinaryNo, found: Found, calls: Rc<SystemCalls>, event: SyscallEvent },
    /// Whatever needs no site.
    Event(On),
}

/// All attach points of a text, resolved.
#[derive(Default)]
pub(super) struct Resolved<'w> {
    pub binaries: Vec<Binary<'w>>,
    pub points: Vec<Point>,
    pub placements: Vec<Placement>,
    /// The records of the tracepoints that are used.
    pub tracepoints: HashMap<(String, String), Rc<Vec<Field>>>,
    pub messages: Vec<Diagnostic>,
}

struct Resolver<'w> {
    world: &'w dyn World,
    out: Resolved<'w>,
    /// What was found out about executables that cannot be had, so that it is said once for each place.
    missing: BTreeMap<String, String>,
    sites: HashMap<(BinaryNo, u32), Option<Rc<Sites>>>,
    /// A clause runs once at a place, however many of its attach points lead there.
    taken: HashSet<(usize, BinaryNo, u32, Option<u32>, bool)>,
    /// The clause records whole calls.
    records: bool,
    /// Names whose functions some attach point is about, and whose inlined calls.
    named: [HashSet<String>; 2],
    /// What the clause leaves out, and whether that was ever anything.
    except: Vec<(Pattern, Span, bool)>,
    /// The same of all clauses so far: of one that became two both have it.
    left_out: Vec<(Pattern, Span, bool)>,
    text: &'w str,
}

/// Finds out what all attach points of a script mean.
pub(super) fn resolve<'w>(script: &Script, text: &'w str, world: &'w dyn World) -> Resolved<'w> {
    let mut resolver = Resolver {
        world,
        out: Resolved::default(),
        missing: BTreeMap::new(),
        sites: HashMap::new(),
        taken: HashSet::new(),
        records: false,
        named: [false, true].map(|inlined| named(script, inlined)),
        except: Vec::new(),
        left_out: Vec::new(),
        text,
    };
    for path in world.numbered().into_iter().flat_map(|numbered| numbered.binaries) {
        resolver.binary(&Spanned { value: path, span: Span::default() });
    }
    for (clause, of) in script.clauses.iter().enumerate() {
        resolver.records = calls::records(&of.body).is_some();
        let except = of.except.iter().map(|name| (Pattern::new(&name.value), name.span, false));
        resolver.except = except.collect();
        for point in &of.points {
            resolver.point(clause, point);
        }
        let except = std::mem::take(&mut resolver.except);
        resolver.left_out.extend(except);
    }
    resolver.tell_needless();
    resolver.tell_taken();
    resolver.out
}

/// Puts the clauses that record where calls begin where those are whose calls they are: clause `own` + *n* belongs to
/// clause `of[n]`.
pub(super) fn add_beginnings(resolved: &mut Resolved<'_>, of: &[usize], own: usize) {
    for (n, &origin) in of.iter().enumerate() {
        let beginning = |placement: &Placement| match &placement.place {
            Place::Function { binary, found, sites, ret: true } if placement.clause == origin => {
                let (found, sites) = (found.clone(), sites.clone());
                let place = Place::Function { binary: *binary, found, sites, ret: false };
                Some(Placement { clause: own + n, point: placement.point, place })
            }
            _ => None,
        };
        let beginnings: Vec<Placement> = resolved.placements.iter().filter_map(beginning).collect();
        resolved.placements.extend(beginnings);
    }
}

/// Puts the clause that records panics where they begin in programs whose calls are recorded by one of the others: what
/// ends calls is told with them. Where a clause of the text has that place, there is nothing to do.
pub(super) fn add_panics(resolved: &mut Resolved<'_>, script: &Script, clause: usize) {
    let records = |placement: &&Placement| {
        script.clauses.get(placement.clause).is_some_and(|clause| calls::records(&clause.body).is_some())
    };
    let recorded: BTreeSet<BinaryNo> =
        resolved.placements.iter().filter(records).filter_map(|placement| placement.place.binary()).collect();
    let taken: BTreeSet<(BinaryNo, u32)> = (resolved.placements.iter().filter(records))
        .filter_map(|placement| Some((placement.place.binary()?, placement.place.function()?.index)))
        .collect();
    // One in every plan, so that one of a program that comes later has as many.
    let point = PointNo(u32::try_from(resolved.points.len()).unwrap_or(u32::MAX));
    resolved.points.push(Point::ours(clause));
    for binary in recorded {
        let target = resolved.binaries[binary.index()].target;
        let begin = target.matching(&Pattern::new(plan::target::PANIC)).pop().filter(|_| target.is_go());
        let Some(found) = begin.filter(|found| !taken.contains(&(binary, found.index))) else { continue };
        let Some(sites) = target.sites(&found).filter(|sites| sites.entry.is_ok()) else { continue };
        let place = Place::Function { binary, found, sites: Some(Rc::new(sites)), ret: false };
        resolved.placements.push(Placement { clause, point, place });
    }
}

/// The names that attach points have, either of functions, or of what was inlined.
fn named(script: &Script, inlined: bool) -> HashSet<String> {
    let points = script.clauses.iter().flat_map(|clause| &clause.points);
    let name = |point: &AttachPoint| match &point.attach {
        Attach::User(User { code: Spanned { value: Code::Function { pattern, .. }, .. }, inlined: of, .. }) => {
            (*of == inlined).then(|| pattern.clone())
        }
        _ => None,
    };
    points.filter_map(name).collect()
}

impl Place {
    /// What a body runs on there.
    pub(super) fn prelude(&self, binaries: &[Binary<'_>]) -> Prelude {
        let go = |binary: &BinaryNo| binaries.get(binary.index()).is_some_and(|b| b.target.is_go());
        match self {
            Place::Function { found, .. } if found.inlined.is_some() => Prelude::GoInlined,
            Place::Function { binary, ret, .. } => match (go(binary), ret) {
                (true, false) => Prelude::GoEntry,
                (true, true) => Prelude::GoReturn,
                (false, false) => Prelude::NativeCode,
                (false, true) => Prelude::NativeReturn,
            },
            Place::Code { binary, .. } => {
                if go(binary) {
                    Prelude::GoCode
                } else {
                    Prelude::NativeCode
                }
            }
            Place::Syscall { event, .. } => Prelude::Syscall(*event),
            Place::Event(On::Begin | On::End) => Prelude::Once,
            Place::Event(On::Interval { .. }) => Prelude::Interval,
            Place::Event(On::Profile { .. }) => Prelude::Profile,
            Place::Event(On::Tracepoint { .. }) => Prelude::Tracepoint,
            Place::Event(On::Goroutine { event, .. }) => Prelude::Goroutine(*event),
        }
    }

    /// Whether calls were inlined here that are recorded, and are seen to end.
    pub(super) fn is_seen_to_end(&self) -> bool {
        matches!(self, Place::Function { found, sites: Some(sites), .. } if found.inlined.is_some() && sites.returns.is_ok())
    }

    /// The executable, if it is in one.
    pub(super) fn binary(&self) -> Option<BinaryNo> {
        match self {
            Place::Function { binary, .. } | Place::Code { binary, .. } | Place::Syscall { binary, .. } => {
                Some(*binary)
            }
            Place::Event(On::Goroutine { binary, .. }) => Some(*binary),
            Place::Event(_) => None,
        }
    }

    /// The function, if it is in one.
    pub(super) fn function(&self) -> Option<&Found> {
        match self {
            Place::Function { found, .. } | Place::Code { found, .. } | Place::Syscall { found, .. } => Some(found),
            Place::Event(_) => None,
        }
    }
}

impl<'w> Resolver<'w> {
    fn say(&mut self, message: Diagnostic) {
        self.out.messages.push(message);
    }

    fn point(&mut self, clause: usize, point: &AttachPoint) {
        let no = PointNo(u32::try_from(self.out.points.len()).unwrap_or(u32::MAX));
        self.out.points.push(Point {
            text: self.text.get(point.span.range()).unwrap_or_default().to_owned(),
            prefix: prefix(&point.attach),
            suffix: suffix(&point.attach),
            clause: u32::try_from(clause).unwrap_or(u32::MAX),
            matched: 0,
            attached: 0,
            skipped: Vec::new(),
            ours: false,
            notes: Vec::new(),
            inlined: InlinedPlaces::default(),
            span: point.span,
        });
        let events: Vec<On> = match &point.attach {
            Attach::Begin => vec![On::Begin],
            Attach::End => vec![On::End],
            Attach::Interval(clock) => self.interval(clock).into_iter().collect(),
            Attach::Profile(clock) => self.profile(clock).into_iter().collect(),
            Attach::Tracepoint { category, name } => self.tracepoint(category, name).into_iter().collect(),
            Attach::Goroutine(event) => self.goroutine(event),
            Attach::Syscall(event) => {
                self.syscall(clause, no, event);
                Vec::new()
            }
            Attach::User(user) => {
                self.user(clause, no, user);
                Vec::new()
            }
            // Calls stand in place of the collector's events by now.
            Attach::Collector(_) | Attach::Bad => Vec::new(),
        };
        let known = |on: &On| {
            let same = |p: &Placement| p.clause == clause && matches!(&p.place, Place::Event(known) if known == on);
            self.out.placements.iter().any(same)
        };
        let new: Vec<On> = events.into_iter().filter(|on| !known(on)).collect();
        new.into_iter().for_each(|on| self.place(clause, no, Place::Event(on)));
    }

    fn interval(&mut self, clock: &Clock) -> Option<On> {
        self.nanos(clock).map(|period_ns| On::Interval { period_ns })
    }

    fn profile(&mut self, clock: &Clock) -> Option<On> {
        if clock.unit.value == "hz" {
            return Some(On::Profile { period: Period::Hz(clock.count.value) });
        }
        self.nanos(clock).map(|nanos| On::Profile { period: Period::Nanos(nanos) })
    }

    fn nanos(&mut self, clock: &Clock) -> Option<u64> {
        let count = clock.count.value;
        let nanos = match clock.unit.value.as_str() {
            "s" => count.checked_mul(1_000_000_000),
            "ms" => count.checked_mul(1_000_000),
            "us" => count.checked_mul(1_000),
            "ns" => Some(count),
            _ => Some(1_000_000_000 / count.max(1)),
        };
        let fits = nanos.filter(|n| (1_000..1 << 62).contains(n));
        if fits.is_none() {
            let message = Diagnostic::error(clock.count.span, "no clock ticks at this rate");
            self.say(message.help("the shortest period is a microsecond"));
        }
        fits
    }

    fn tracepoint(&mut self, category: &Spanned<String>, name: &Spanned<String>) -> Option<On> {
        let key = (category.value.clone(), name.value.clone());
        if !self.out.tracepoints.contains_key(&key) {
            match self.world.tracepoint(&category.value, &name.value) {
                Ok(fields) => _ = self.out.tracepoints.insert(key, Rc::new(fields)),
                Err(why) => {
                    self.say(Diagnostic::nothing_matched(category.span.to(name.span), why));
                    return None;
                }
            }
        }
        Some(On::Tracepoint { category: category.value.clone(), name: name.value.clone() })
    }

    fn goroutine(&mut self, event: &Spanned<String>) -> Vec<On> {
        const EVENTS: [(&str, GoroutineEvent); 5] = [
            ("create", GoroutineEvent::Create),
            ("state", GoroutineEvent::State),
            ("exit", GoroutineEvent::Exit),
            ("park", GoroutineEvent::Park),
            ("ready", GoroutineEvent::Ready),
        ];
        let Some((_, which)) = EVENTS.iter().find(|(name, _)| *name == event.value) else {
            self.say(no_such_event("goroutines have", event, || EVENTS.iter().map(|(name, _)| *name)));
            return Vec::new();
        };
        let targets = self.world.targets();
        targets.into_iter().filter_map(|target| self.goroutine_of(target, event, *which)).collect()
    }

    fn goroutine_of(&mut self, target: String, event: &Spanned<String>, which: GoroutineEvent) -> Option<On> {
        let path = Spanned { value: target, span: event.span };
        let binary = self.binary(&path)?;
        if !self.target(binary).is_go() {
            let message = "the target is no Go program, it has no goroutines";
            self.say(Diagnostic::nothing_matched(event.span, message));
            return None;
        }
        if let Err(why) = Scheduler::of(&self.target(binary).runtime()) {
            self.say(Diagnostic::error(event.span, format!("goroutines cannot be watched: {why}")));
            return None;
        }
        Some(On::Goroutine { binary, event: which })
    }

    fn syscall(&mut self, clause: usize, point: PointNo, event: &Spanned<String>) {
        const EVENTS: [(&str, SyscallEvent); 2] = [("enter", SyscallEvent::Enter), ("exit", SyscallEvent::Exit)];
        let Some((_, which)) = EVENTS.iter().find(|(name, _)| *name == event.value) else {
            return self.say(no_such_event("system calls have", event, || EVENTS.iter().map(|(name, _)| *name)));
        };
        for target in self.world.targets() {
            let path = Spanned { value: target, span: event.span };
            let Some(binary) = self.binary(&path) else { continue };
            match self.target(binary).system_calls() {
                Ok(calls) => self.syscall_in(clause, point, binary, calls, *which),
                Err(why) => self.say(Diagnostic::error(event.span, format!("system calls cannot be watched: {why}"))),
            }
        }
    }

    fn syscall_in(&mut self, clause: usize, point: PointNo, binary: BinaryNo, calls: SystemCalls, event: SyscallEvent) {
        let found = calls.through.clone();
        if self.taken.insert((clause, binary, found.index, None, event == SyscallEvent::Exit)) {
            self.out.points[point.index()].matched += 1;
            self.place(clause, point, Place::Syscall { binary, found, calls: Rc::new(calls), event });
        }
    }

    /// An instruction has one probe: where system calls are seen no other code can be asked for.
    fn tell_taken(&mut self) {
        let places = || self.out.placements.iter();
        let mut wrong = Vec::new();
        for (binary, calls) in places().filter_map(|p| match &p.place {
            Place::Syscall { binary, calls, .. } => Some((binary, calls)),
            _ => None,
        }) {
            let taken = |place: &Place| match place {
                Place::Code { binary: of, found, offset, .. } => {
                    of == binary && calls.places().any(|at| at == found.entry.plus(u64::from(*offset)))
                }
                _ => false,
            };
            wrong.extend(places().filter(|p| taken(&p.place)).map(|p| p.point));
        }
        wrong.sort_unstable();
        wrong.dedup();
        for point in wrong {
            let span = self.out.points[point.index()].span;
            self.say(Diagnostic::error(span, "`syscall:enter` or `syscall:exit` has its probe on this instruction"));
        }
    }

    fn target(&self, binary: BinaryNo) -> &'w dyn Target {
        self.out.binaries[binary.index()].target
    }

    fn binary(&mut self, path: &Spanned<String>) -> Option<BinaryNo> {
        let known = self.out.binaries.iter().position(|b| b.path == path.value);
        if let Some(known) = known {
            return Some(BinaryNo(u32::try_from(known).ok()?));
        }
        let answer = match self.missing.get(&path.value) {
            Some(why) => Err(why.clone()),
            None => self.world.binary(&path.value),
        };
        match answer {
            Ok(target) => Some(self.opened(&path.value, target)),
            Err(why) => {
                self.missing.insert(path.value.clone(), why.clone());
                self.say(Diagnostic::nothing_matched(path.span, why));
                None
            }
        }
    }

    /// One file is one executable, whatever it is called.
    fn opened(&mut self, path: &str, target: &'w dyn Target) -> BinaryNo {
        let binaries = &mut self.out.binaries;
        let known = binaries.iter().position(|known| std::ptr::addr_eq(known.target, target));
        let at = known.unwrap_or_else(|| {
            binaries.push(Binary { path: path.to_owned(), target });
            binaries.len() - 1
        });
        BinaryNo(u32::try_from(at).unwrap_or(u32::MAX))
    }

    fn user(&mut self, clause: usize, point: PointNo, user: &User) {
        let is_named = user.binary.span.start != user.binary.span.end;
        let span = if is_named { user.binary.span } else { user.code.span };
        let paths = if user.binary.value.is_empty() { self.world.targets() } else { vec![user.binary.value.clone()] };
        let paths = paths.into_iter().map(|value| Spanned { value, span });
        let mut binaries: Vec<BinaryNo> = paths.filter_map(|path| self.binary(&path)).collect();
        if let Code::Function { pattern, .. } = &user.code.value {
            self.those_with(point, pattern, user.inlined, &mut binaries);
        }
        let among_others = binaries.len() > 1;
        binaries.into_iter().for_each(|binary| self.user_in(clause, point, binary, user, among_others));
    }

    /// Of several executables only those that have such a function; one if none has, to say so.
    fn those_with(&mut self, point: PointNo, pattern: &str, inlined: bool, binaries: &mut Vec<BinaryNo>) {
        let wanted = Pattern::new(pattern);
        let has = |binary: &BinaryNo| match inlined {
            true => self.target(*binary).inlined(&wanted).places > 0,
            false => !self.target(*binary).matching(&wanted).is_empty(),
        };
        let (with, without): (Vec<BinaryNo>, Vec<BinaryNo>) = binaries.iter().partition(|binary| has(binary));
        if with.is_empty() {
            return binaries.truncate(1);
        }
        let lacks = |binary: BinaryNo| format!("{} has no {pattern}", self.out.binaries[binary.index()].path);
        let notes: Vec<String> = without.into_iter().map(lacks).collect();
        self.out.points[point.index()].notes.extend(notes);
        *binaries = with;
    }

    fn user_in(&mut self, clause: usize, point: PointNo, binary: BinaryNo, user: &User, among_others: bool) {
        match &user.code.value {
            Code::Address(at) => self.address(clause, point, binary, *at, user),
            Code::Function { pattern, .. } if user.inlined => {
                let found = self.inlined(point, binary, pattern, user.code.span);
                let several = found.len() > 1 || among_others || self.named[0].contains(pattern);
                found.into_iter().for_each(|found| self.function(clause, point, binary, found, user, several));
            }
            Code::Function { pattern, signature, offset } => {
                let found = self.functions(point, binary, pattern, user.code.span);
                if let Some(signature) = signature {
                    self.declare(binary, pattern, &found, signature);
                }
                let several = found.len() > 1 || among_others;
                for function in found {
                    match offset {
                        Some(offset) if *offset > 0 => {
                            self.code(clause, point, binary, function, *offset, user, several);
                        }
                        _ => self.function(clause, point, binary, function, user, several),
                    }
                }
            }
        }
    }

    /// The functions that a pattern matches; says so if there are none.
    fn functions(&mut self, point: PointNo, binary: BinaryNo, text: &str, span: Span) -> Vec<Found> {
        let target = self.target(binary);
        let pattern = Pattern::new(text);
        let mut found = exact_first(target.matching(&pattern), text);
        let matched = found.len();
        found.retain(|function| !self.is_left_out(&function.name));
        if found.is_empty() && matched > 0 {
            let all = if matched == 1 { "it is".to_owned() } else { format!("all its {matched} functions are") };
            self.say(Diagnostic::nothing_matched(span, format!("nothing is left of `{text}`: {all} left out")));
            return found;
        }
        let inlined = target.inlined(&pattern);
        match (found.is_empty(), self.named[1].contains(text)) {
            (true, true) if inlined.places > 0 => {}
            (true, _) => self.say(no_function(target, text, Some(&inlined), span)),
            (false, true) => {}
            (false, false) => self.out.points[point.index()].inlined = inlined,
        }
        self.out.points[point.index()].matched += u32::try_from(found.len()).unwrap_or(u32::MAX);
        found
    }

    /// Takes what the text says that a function takes and gives.
    fn declare(&mut self, binary: BinaryNo, pattern: &str, found: &[Found], signature: &Spanned<String>) {
        if !Pattern::new(pattern).is_literal() {
            let message = format!("a signature is that of one function, and `{pattern}` may be several");
            return self.say(Diagnostic::error(signature.span, message).help("leave it out, or name the function"));
        }
        let declare =
            |declaration| found.iter().try_for_each(|function| self.target(binary).declare(function, &declaration));
        if let Err(wrong) = declare::parse(&signature.value).and_then(declare) {
            let (start, len) = (signature.span.start as usize, signature.value.len());
            // Where the text has escapes the places differ.
            let span = match signature.span.range().len() == len {
                true => Span::new(start + wrong.at.start, start + wrong.at.end),
                false => signature.span,
            };
            self.say(Diagnostic::error(span, wrong.why).maybe_help(wrong.help));
        }
    }

    /// Where functions that a pattern matches were inlined; says so if that is nowhere.
    fn inlined(&mut self, point: PointNo, binary: BinaryNo, text: &str, span: Span) -> Vec<Found> {
        let target = self.target(binary);
        let pattern = Pattern::new(text);
        let mut found = exact_first(target.instances(&pattern), text);
        found.retain(|function| !self.is_left_out(&function.name));
        self.out.points[point.index()].matched += u32::try_from(found.len()).unwrap_or(u32::MAX);
        if !found.is_empty() {
            return found;
        }
        match (target.matching(&pattern).is_empty(), self.named[0].contains(text)) {
            (true, true) => {}
            (true, false) => self.say(no_function(target, text, None, span)),
            (false, true) => self.out.points[point.index()].notes.push(format!("{text} is inlined nowhere")),
            (false, false) => {
                let message = Diagnostic::nothing_matched(span, format!("`{text}` is inlined nowhere"));
                self.say(message.help(format!("`go:{text}` sees its calls")));
            }
        }
        found
    }

    fn is_left_out(&mut self, name: &str) -> bool {
        let mut any = false;
        for (pattern, _, used) in &mut self.except {
            let matches = pattern.matches(name);
            *used |= matches;
            any |= matches;
        }
        any
    }

    /// What a clause leaves out and never had may be misspelt.
    fn tell_needless(&mut self) {
        let all = std::mem::take(&mut self.left_out);
        let used: HashSet<Span> = all.iter().filter(|(.., used)| *used).map(|(_, span, _)| *span).collect();
        let mut told = HashSet::new();
        for (pattern, span, _) in all {
            if !used.contains(&span) && told.insert(span) {
                let message = format!("no function is left out by `!{}`", pattern.text());
                self.say(Diagnostic::warning(span, message));
            }
        }
    }

    fn skip(&mut self, point: PointNo, function: &Found, why: impl Into<String>, several: bool, span: Span) {
        let why = why.into();
        if !several {
            self.say(Diagnostic::nothing_matched(span, format!("`{}` cannot be probed here: {why}", function.name)));
        }
        self.out.points[point.index()].skipped.push(Skipped { function: function.name.clone(), why });
    }

    fn function(&mut self, clause: usize, point: PointNo, binary: BinaryNo, found: Found, user: &User, several: bool) {
        let mut sites = self.sites(binary, &found);
        if found.inlined.is_some() && !self.records {
            // Where such calls end is asked only for those that are recorded.
            sites = sites.map(|sites| Rc::new(Sites { returns: Err(Refusal::EndsUnseen), ..Sites::clone(&sites) }));
        }
        if let Some(why) = sites.as_ref().and_then(|sites| unprobeable(sites, user.ret, self.records)) {
            let why = found.inlined.as_ref().map_or(why.clone(), |of| format!("{of}: {why}"));
            self.skip(point, &found, why, several, user.code.span);
            return;
        }
        if self.taken.insert((clause, binary, found.index, None, user.ret)) {
            let place = Place::Function { binary, found, sites, ret: user.ret };
            self.place(clause, point, place);
        } else {
            let why = "another attach point of the same clause has it already";
            self.out.points[point.index()].skipped.push(Skipped { function: found.name, why: why.to_owned() });
        }
    }

    fn place(&mut self, clause: usize, point: PointNo, place: Place) {
        self.out.placements.push(Placement { clause, point, place });
    }

    fn sites(&mut self, binary: BinaryNo, found: &Found) -> Option<Rc<Sites>> {
        let target = self.target(binary);
        let known = self.sites.entry((binary, found.index));
        known.or_insert_with(|| target.sites(found).map(Rc::new)).clone()
    }

    fn address(&mut self, clause: usize, point: PointNo, binary: BinaryNo, at: u64, user: &User) {
        let target = self.target(binary);
        let at = gobin::VAddr(at);
        let found = target.function_at(at);
        let Some((found, offset)) = found.and_then(|found| Some((at.since(found.entry)?, found))).map(|(n, f)| (f, n))
        else {
            self.say(Diagnostic::nothing_matched(user.code.span, format!("no function of the program contains {at}")));
            return;
        };
        self.out.points[point.index()].matched = 1;
        if offset == 0 {
            self.function(clause, point, binary, found, user, false);
        } else {
            self.code(clause, point, binary, found, offset, user, false);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one call passes what the attach point says on")]
    fn code(
        &mut self,
        clause: usize,
        point: PointNo,
        binary: BinaryNo,
        found: Found,
        offset: u64,
        user: &User,
        several: bool,
    ) {
        if user.ret {
            let message = "an instruction does not return; the whole function does";
            self.say(Diagnostic::error(user.code.span, message).help("leave the offset out, or write `uprobe`"));
            return;
        }
        match self.target(binary).instruction(&found, offset) {
            Err(why) => self.skip(point, &found, format!("+{offset:#x}: {why}"), several, user.code.span),
            Ok(class) => {
                let offset = u32::try_from(offset).unwrap_or(u32::MAX);
                if self.taken.insert((clause, binary, found.index, Some(offset), false)) {
                    self.place(clause, point, Place::Code { binary, found, offset, class });
                }
            }
        }
    }
}

/// Why names are not found that are in the sources.
const NO_GO: &str = "this is no Go program: only functions of its symbol tables have names";

/// What to say of a name or pattern that no function has.
pub(super) fn no_function(target: &dyn Target, text: &str, inlined: Option<&InlinedPlaces>, span: Span) -> Diagnostic {
    if let Some((of, first)) = inlined.and_then(|of| Some((of, of.first.first()?))) {
        let message = format!("`{text}` is inlined wherever it is called, there is no function to probe");
        let into = match of.places {
            1 => format!("it is {first}"),
            places => format!("there are {places} places, one is {first}"),
        };
        let there = format!("`inlined:{text}` sees its calls there; for `gospect trace` that is --inlined");
        return Diagnostic::nothing_matched(span, message).help(into).help(there);
    }
    let message = match Pattern::new(text).is_literal() {
        true => format!("there is no function `{text}`"),
        false => format!("no function matches `{text}`"),
    };
    let near: Vec<String> = target.suggest(text).iter().map(|name| format!("`{name}`")).collect();
    let near = (!near.is_empty()).then(|| format!("did you mean {}?", near.join(" or ")));
    let no_go = (!target.is_go()).then(|| NO_GO.to_owned());
    Diagnostic::nothing_matched(span, message).maybe_help(near.or(no_go))
}

/// What `probe` shows before the name of a function, or all of it.
fn prefix(attach: &Attach) -> String {
    match attach {
        Attach::User(user) => match (user.short, user.ret) {
            _ if user.inlined => "inlined:".to_owned(),
            (true, false) => "go:".to_owned(),
            (true, true) => "goret:".to_owned(),
            (false, false) => format!("uprobe:{}:", user.binary.value),
            (false, true) => format!("uretprobe:{}:", user.binary.value),
        },
        other => other.to_string(),
    }
}

fn suffix(attach: &Attach) -> String {
    match attach {
        Attach::User(User { code: Spanned { value: Code::Function { offset: Some(offset), .. }, .. }, .. }) => {
            format!("+{offset:#x}")
        }
        _ => String::new(),
    }
}

/// What to say of an event that nobody knows; `names` are those that there are, `whose` says of what: `goroutines have`.
pub(super) fn no_such_event<I: Iterator<Item = &'static str>>(
    whose: &str,
    event: &Spanned<String>,
    names: impl Fn() -> I,
) -> Diagnostic {
    let help = words::near(&event.value, names()).unwrap_or_else(|| format!("there are {}", words::listed(names())));
    Diagnostic::error(event.span, format!("{whose} no event `{}`", event.value)).help(help)
}

/// Those that are called exactly what was typed, if there are such: `main.(*T).M` matches others by its star.
pub(super) fn exact_first(found: Vec<Found>, text: &str) -> Vec<Found> {
    if found.iter().any(|f| f.name == text) {
        return found.into_iter().filter(|f| f.name == text).collect();
    }
    found
}

/// Why a function gets no probe on its calls, or on their ends. Whoever records calls also learns of those that end
/// without a return.
pub(super) fn unprobeable(sites: &Sites, ret: bool, records: bool) -> Option<String> {
    if !ret || records && sites.returns == Err(Refusal::NeverReturns) {
        return sites.entry.as_ref().err().map(ToString::to_string);
    }
    let refused = |exit: &Exit| exit.class.err().map(|why| format!("it leaves at +{:#x}, where {why}", exit.offset));
    let returns = sites.returns.as_ref().err().map(ToString::to_string);
    returns.or_else(|| sites.tail_jumps.iter().find_map(refused))
}
