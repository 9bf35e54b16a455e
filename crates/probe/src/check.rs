//! A tree to a plan: names to functions and places, types for everything, and all that is wrong, at once.
//!
//! 1. Attach points are resolved ([`resolve`]) to places: calls and returns of functions, instructions, events.
//! 2. A clause's places are sorted into *classes*: those where everything that it reads of arguments and results has
//!    the same types. A class is what becomes a body; its members, which may keep the values in other registers,
//!    become variants. A function that lacks what a clause reads is left out, if its name came from a pattern.
//! 3. One place of each class is gone through until the types of maps and variables stand still ([`types`]).
//! 4. Functions are numbered, and each class is gone through a last time, for the plan and for what does not fit.
//! 5. Sites get what runs on them.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use plan::Source;

use crate::ast::{self, Clause, ExprKind as Ast, MapDecl, Script, Span};
use crate::diagnostic::{self, Diagnostic};
use plan::limits;
use plan::target::{Found, Runtime};
use plan::world::World;
use plan::{
    Access, Body, BodyNo, FuncNo, Function, Kept, Map, MapValue, Needs, On, Plan, PointNo, Prelude, RecordedCalls,
    Recording, Skipped, StmtKind, Type, Variant, VariantNo,
};

mod calls;
mod collector;
mod expr;
mod path;
mod resolve;
mod scope;
mod sites;
mod stmts;
#[cfg(test)]
mod tests;
mod types;
mod unders;
mod values;

use path::Reached;
use resolve::{Place, Placement, Resolved};
use scope::{Request, Scope, Setting, Shared, Strings, answer};
use types::{Holding, INT, MapTypes, Sure};
use unders::{Marked, Unders};

/// Types are learnt in fewer rounds than there are maps, but nobody writes that.
const MOST_ROUNDS: usize = 12;

/// What became of a text.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The plan, if nothing is wrong.
    pub plan: Option<Plan>,
    /// What is wrong, or worth telling, in the order of the text.
    pub messages: Vec<Diagnostic>,
}

/// Reads and checks a text; `params` are `$1` and so on.
#[must_use]
pub fn compile(source: &Source, params: &[String], world: &dyn World) -> Checked {
    let (script, messages) = crate::parse(source);
    check(&script, messages, source, params, world)
}

/// Checks a tree that was read with these messages.
#[must_use]
pub fn check(
    script: &Script,
    messages: Vec<Diagnostic>,
    source: &Source,
    params: &[String],
    world: &dyn World,
) -> Checked {
    let mut messages = messages;
    let script = &*collector::as_calls(script, &mut messages);
    let mut split = calls::split(script);
    let script = &*split.script;
    let mut resolved = resolve::resolve(script, &source.text, world);
    messages.append(&mut resolved.messages);
    messages.append(&mut split.messages);
    resolve::add_beginnings(&mut resolved, &split.of, split.own);
    split.panics.into_iter().for_each(|clause| resolve::add_panics(&mut resolved, script, clause));
    let shared = Shared {
        text: &source.text,
        params,
        maps: MapTypes::default(),
        strings: Strings::default(),
        unders: Unders::default(),
        functions: HashMap::new(),
        probes: HashMap::new(),
        last: false,
    };
    let (of, own) = (split.of.as_slice(), split.own);
    let mut checker = Checker { script, source, world, resolved, shared, classes: Vec::new(), messages, of, own };
    checker.maps();
    checker.classify();
    checker.learn();
    checker.leave_misfits();
    let plan = checker.plan();
    let mut messages = checker.messages;
    diagnostic::sort(&mut messages);
    let wrong = messages.iter().any(Diagnostic::is_error);
    if !wrong && plan.sites.is_empty() && plan.events.is_empty() {
        messages.push(Diagnostic::error(Span::default(), "there is no probe in this script"));
        return Checked { plan: None, messages };
    }
    Checked { plan: (!wrong).then_some(plan), messages }
}

struct Checker<'s, 'w> {
    script: &'s Script,
    source: &'s Source,
    world: &'w dyn World,
    resolved: Resolved<'w>,
    shared: Shared<'s>,
    classes: Vec<Class<'s, 'w>>,
    messages: Vec<Diagnostic>,
    /// For each clause behind those of the text the one whose calls' beginnings it records.
    of: &'s [usize],
    /// How many clauses the text has.
    own: usize,
}

/// A clause at the places where all that it reads has the same types.
struct Class<'s, 'w> {
    clause: usize,
    setting: Setting<'w>,
    requests: Vec<(Request<'s>, String)>,
    types: Vec<Type>,
    /// Calls must be paired with their returns.
    frames: bool,
    /// None if no function has what the clause reads; then it is gone through all the same, for what else is wrong.
    members: Vec<Member>,
}

/// One of those places.
struct Member {
    placement: usize,
    /// What its setting adds to what the class knows: where everything is.
    reached: Vec<Reached>,
}

/// A clause whose places are being sorted.
struct Sorting<'w> {
    /// What kept functions out, by placement.
    misfits: Vec<(usize, Vec<Diagnostic>)>,
    /// The first of them.
    misfit: Option<Setting<'w>>,
    taken: usize,
}

impl<'s, 'w> Checker<'s, 'w> {
    // Maps.

    /// Names maps in the order of the text, and reads their declarations.
    fn maps(&mut self) {
        for decl in &self.script.maps {
            self.declare(decl);
        }
        let mut names = Vec::new();
        for clause in &self.script.clauses {
            clause.predicate.iter().for_each(|e| map_names(e, &mut names));
            map_names_in(&clause.body, &mut names);
        }
        for (name, span) in names {
            self.shared.maps.add(name, span);
        }
    }

    fn declare(&mut self, decl: &MapDecl) {
        const KINDS: [&str; 4] = ["hash", "lruhash", "percpuhash", "percpulruhash"];
        let kind = decl.kind.value.as_str();
        if self.shared.maps.find(&decl.name.value).is_some() {
            self.messages.push(Diagnostic::error(decl.name.span, format!("`{}` is declared twice", decl.name.value)));
        }
        if !KINDS.contains(&kind) {
            let near = crate::words::near(kind, KINDS.into_iter());
            let help = near.unwrap_or_else(|| format!("there are {}", crate::words::listed(KINDS.into_iter())));
            let message = Diagnostic::error(decl.kind.span, format!("there is no kind of map called `{kind}`"));
            self.messages.push(message.help(help));
        } else if kind.contains("lru") {
            let message = Diagnostic::error(decl.kind.span, "maps do not forget entries by themselves here");
            self.messages.push(message.help("`hash(N)` keeps the first N and counts the others"));
        }
        let map = self.shared.maps.add(&decl.name.value, decl.name.span);
        match decl.capacity.as_ref().map(|e| (number(e), e.span)) {
            Some((Some(n @ 1..), _)) if n <= u64::from(limits::MOST_ENTRIES) => {
                self.shared.maps.rows[map].capacity = u32::try_from(n).unwrap_or(u32::MAX);
            }
            Some((_, span)) => {
                let message = format!("a map holds 1 to {} entries", limits::MOST_ENTRIES);
                self.messages.push(Diagnostic::error(span, message));
            }
            None => {
                let message = Diagnostic::error(decl.span, "how many entries?");
                self.messages.push(message.help(format!("`let {} = hash(10000);`", decl.name.value)));
            }
        }
    }

    // Classes.

    fn classify(&mut self) {
        let clauses = self.script.clauses.len();
        let mut by_clause: Vec<Vec<usize>> = vec![Vec::new(); clauses];
        for (i, placement) in self.resolved.placements.iter().enumerate() {
            by_clause[placement.clause].push(i);
        }
        let runtimes = self.resolved.binaries.iter().map(|_| Rc::new(OnceCell::new())).collect::<Vec<_>>();
        let target = Rc::new(OnceCell::new());
        let mut left_out = Vec::new();
        for (clause, placements) in by_clause.into_iter().enumerate() {
            let mut sorting = Sorting { misfits: Vec::new(), misfit: None, taken: 0 };
            for placement in placements {
                let setting = self.setting(placement, &runtimes, &target);
                self.sort(clause, placement, setting, &mut sorting);
            }
            if sorting.taken == 0 {
                self.nowhere(clause, sorting.misfit.take());
            }
            left_out.extend(self.left_out(sorting));
        }
        self.leave_out(left_out);
        for (n, &of) in self.of.iter().enumerate() {
            self.only_both(of, self.own + n);
        }
        self.panics_for_calls();
    }

    /// Panics are recorded for calls that are paired with their ends, and for nothing else.
    fn panics_for_calls(&mut self) {
        let ends = |setting: &Setting<'_>| setting.prelude == Prelude::GoReturn || setting.ends;
        let pairs = |class: &Class<'_, '_>| ends(&class.setting) && !class.members.is_empty();
        if self.classes.iter().any(pairs) {
            return;
        }
        let Resolved { placements, points, .. } = &self.resolved;
        let is_ours = |member: &Member| points[placements[member.placement].point.index()].ours;
        self.classes.iter_mut().for_each(|class| class.members.retain(|member| !is_ours(member)));
    }

    /// Of a clause and the one that records the beginnings of its calls, each runs only where the other one does.
    fn only_both(&mut self, one: usize, other: usize) {
        let placements = &self.resolved.placements;
        let place = |member: &Member| {
            let place = &placements[member.placement].place;
            Some((place.binary()?, place.function()?.index))
        };
        let of = |clause: usize| -> BTreeSet<_> {
            let classes = self.classes.iter().filter(|class| class.clause == clause);
            classes.flat_map(|class| &class.members).filter_map(place).collect()
        };
        let both = &of(one) & &of(other);
        for class in self.classes.iter_mut().filter(|class| [one, other].contains(&class.clause)) {
            class.members.retain(|member| place(member).is_some_and(|place| both.contains(&place)));
        }
    }

    /// A clause that runs nowhere: whatever it assigns to counts as assigned.
    fn nowhere(&mut self, clause: usize, setting: Option<Setting<'w>>) {
        let mut names = Vec::new();
        map_names_in(&self.script.clauses[clause].body, &mut names);
        for (name, span) in names {
            let map = self.shared.maps.add(name, span);
            self.shared.maps.rows[map].assigned = true;
        }
        if let Some(setting) = setting {
            let (requests, types, members) = (Vec::new(), Vec::new(), Vec::new());
            self.classes.push(Class { clause, setting, requests, types, frames: false, members });
        }
    }

    fn setting(
        &self,
        placement: usize,
        runtimes: &[Rc<OnceCell<Runtime>>],
        target: &Rc<OnceCell<Runtime>>,
    ) -> Setting<'w> {
        let place = &self.resolved.placements[placement].place;
        let go = || (0u32..).zip(&self.resolved.binaries).filter(|(_, b)| b.target.is_go());
        let named =
            |no: u32| Some((no, self.resolved.binaries.get(no as usize)?.target, runtimes[no as usize].clone()));
        let binary = match place.binary() {
            Some(no) => named(no.0),
            // Goroutines elsewhere are those of the target, or of the only Go program that is named.
            None => {
                let all_named = || self.world.targets().len() < 2;
                match (go().next(), go().nth(1)) {
                    (Some((no, _)), None) if all_named() => named(no),
                    (None, _) => match self.world.binary("") {
                        Ok(binary) if binary.is_go() => {
                            Some((self.resolved.binaries.len() as u32, binary, target.clone()))
                        }
                        _ => None,
                    },
                    _ => None,
                }
            }
        };
        let fields = match place {
            Place::Event(On::Tracepoint { category, name }) => {
                self.resolved.tracepoints.get(&(category.clone(), name.clone())).cloned()
            }
            _ => None,
        };
        Setting {
            prelude: place.prelude(&self.resolved.binaries),
            arch: self.world.arch(),
            binary,
            one_of_many: place.binary().is_none() && (self.world.targets().len() > 1 || go().nth(1).is_some()),
            function: place.function().cloned(),
            fields,
            implied: self.resolved.placements[placement].clause >= self.own,
            ends: place.is_seen_to_end(),
        }
    }

    /// Puts one place of a clause into a class.
    fn sort(&mut self, clause: usize, placement: usize, setting: Setting<'w>, sorting: &mut Sorting<'w>) {
        let binary = setting.binary.as_ref().map(|b| b.0);
        let alike = |class: &&mut Class<'s, 'w>| {
            class.clause == clause
                && class.setting.prelude == setting.prelude
                && class.setting.ends == setting.ends
                && class.setting.binary.as_ref().map(|b| b.0) == binary
        };
        let place = self.resolved.placements[placement].place.clone();
        if !matches!(setting.prelude, Prelude::Tracepoint) {
            for class in self.classes.iter_mut().filter(alike) {
                if class.frames && unpairable(&place).is_some() {
                    continue;
                }
                if let Some(reached) = same_types(class, &setting) {
                    class.members.push(Member { placement, reached });
                    sorting.taken += 1;
                    return;
                }
            }
        }
        let mut done = lower(&self.script.clauses[clause], &setting, &mut self.shared);
        if done.needs.frames
            && let Some(why) = unpairable(&place)
        {
            let span = self.resolved.points[self.resolved.placements[placement].point.index()].span;
            done.misfits.push(Diagnostic::error(span, why));
        }
        if !done.misfits.is_empty() {
            sorting.misfits.push((placement, done.misfits));
            sorting.misfit.get_or_insert(setting);
            return;
        }
        sorting.taken += 1;
        let types = done.reached.iter().map(|r| r.ty.clone()).collect();
        let members = vec![Member { placement, reached: done.reached }];
        let frames = done.needs.frames;
        self.classes.push(Class { clause, setting, requests: done.requests, types, frames, members });
    }

    /// Which functions are left out, and why; an error where none is left, or the text named the function itself.
    fn left_out(&mut self, sorting: Sorting<'w>) -> Vec<(PointNo, Skipped)> {
        let named = |p: &Placement| self.resolved.points[p.point.index()].matched <= 1;
        let mut left_out = Vec::new();
        let mut errors = Vec::new();
        for (i, (placement, misfits)) in sorting.misfits.into_iter().enumerate() {
            let placement = &self.resolved.placements[placement];
            if named(placement) || sorting.taken == 0 && i == 0 {
                errors.extend(misfits);
            } else if let (Some(function), Some(why)) = (placement.place.function(), misfits.first()) {
                let skipped = Skipped { function: function.name.clone(), why: why.message.clone() };
                left_out.push((placement.point, skipped));
            }
        }
        if sorting.taken == 0 && !left_out.is_empty() && !errors.is_empty() {
            let others = left_out.len();
            let note = if others == 1 {
                "it is no better with the other function that matches".to_owned()
            } else {
                format!("it is no better with the {others} other functions that match")
            };
            if let Some(last) = errors.last_mut() {
                last.help.push(note);
            }
        }
        self.messages.extend(errors);
        left_out
    }

    fn leave_out(&mut self, left_out: Vec<(PointNo, Skipped)>) {
        for (point, skipped) in left_out {
            self.resolved.points[point.index()].skipped.push(skipped);
        }
    }

    // Types.

    /// Goes through all classes until nothing new is learnt.
    fn learn(&mut self) {
        for _ in 0..MOST_ROUNDS {
            self.shared.maps.changed = false;
            for class in &self.classes {
                lower(&self.script.clauses[class.clause], &class.setting, &mut self.shared);
            }
            if !self.shared.maps.changed {
                break;
            }
        }
        for row in &mut self.shared.maps.rows {
            if let Some(Holding::Plain(slot)) = &mut row.value
                && slot.sure != Sure::Known
            {
                (slot.ty, slot.sure) = (INT, Sure::Known);
            }
            for part in row.key.iter_mut().flatten().filter(|part| part.sure != Sure::Known) {
                (part.ty, part.sure) = (INT, Sure::Known);
            }
        }
        self.shared.last = true;
    }

    /// A condition that makes no sense for some functions, though it does for others: those that a pattern matches are left
    /// out.
    fn leave_misfits(&mut self) {
        let mut misfits = Vec::new();
        for class in &self.classes {
            let condition = self.script.clauses[class.clause].predicate.as_ref();
            misfits.push(condition.and_then(|condition| misfit(condition, &class.setting, &mut self.shared)));
        }
        let sound = self.classes.iter().zip(&misfits).filter(|(class, why)| why.is_none() && !class.members.is_empty());
        let sound: BTreeSet<usize> = sound.map(|(class, _)| class.clause).collect();
        let resolved = &self.resolved;
        let mut left_out = Vec::new();
        for (class, why) in self.classes.iter_mut().zip(misfits) {
            let Some(why) = why.filter(|_| sound.contains(&class.clause)) else { continue };
            class.members.retain(|member| {
                let placement = &resolved.placements[member.placement];
                let Some(function) = placement.place.function() else { return true };
                let named = resolved.points[placement.point.index()].matched <= 1;
                left_out.extend(
                    (!named).then(|| (placement.point, Skipped { function: function.name.clone(), why: why.clone() })),
                );
                named
            });
        }
        if left_out.is_empty() {
            return;
        }
        for (n, &of) in self.of.iter().enumerate() {
            self.only_both(of, self.own + n);
        }
        self.classes.retain(|class| !class.members.is_empty() || !sound.contains(&class.clause));
        self.leave_out(left_out);
    }

    // The plan.

    fn plan(&mut self) -> Plan {
        let marked = unders::find(&self.shared.unders, &self.resolved, &mut self.messages);
        let rows = self.number_functions(&marked);
        let mut plan = self.empty_plan();
        let mut variants: HashMap<Variant, VariantNo> = HashMap::new();
        let mut runs = sites::Runs::default();
        let classes = std::mem::take(&mut self.classes);
        let mut clauses: HashMap<usize, usize> = HashMap::new();
        classes.iter().for_each(|class| *clauses.entry(class.clause).or_default() += 1);
        let mut saves: BTreeMap<FuncNo, Vec<Kept>> = BTreeMap::new();
        let mut recorded = calls::RecordedFunctions::default();
        for class in &classes {
            let Some((body, needs)) = self.body(class, clauses[&class.clause] > 1) else { continue };
            merge(&mut plan.needs, needs);
            let (prelude, records) = (body.prelude, body.records());
            let number = BodyNo(u32::try_from(plan.bodies.len()).unwrap_or(u32::MAX));
            let end = class.setting.ends.then(|| end_of_inlined(&body));
            plan.bodies.push(body);
            let end = end.map(|body| {
                plan.bodies.push(body);
                let body = BodyNo(number.0 + 1);
                intern(Variant { body, accesses: Vec::new(), jump: false }, &mut variants, &mut plan.variants)
            });
            for member in &class.members {
                let placement = &self.resolved.placements[member.placement];
                let row = placement.place.function().and_then(|f| row_of(&rows, placement, f));
                let kept = row.map(|row| saves.entry(row).or_default());
                let accesses = places(&member.reached, prelude, kept);
                let at_jump = accesses.iter().zip(&member.reached).map(|(access, r)| match r.of_args {
                    true => access.clone(),
                    false => Access::Unreadable,
                });
                let at_jump = at_jump.collect();
                let jump = Variant { body: number, accesses: at_jump, jump: records == Some(Recording::Return) };
                let plain = Variant { body: number, accesses, jump: false };
                if let (Some(row), Some(recording)) = (row, records) {
                    self.record(class, member.placement, row, recording, &mut recorded);
                }
                let placement = &self.resolved.placements[member.placement];
                let plain = intern(plain, &mut variants, &mut plan.variants);
                let has_jumps = matches!(&placement.place, Place::Function { sites: Some(sites), ret: true, .. } if !sites.tail_jumps.is_empty());
                let jump = if has_jumps { intern(jump, &mut variants, &mut plan.variants) } else { plain };
                let frames = needs.frames && (prelude == Prelude::GoReturn || end.is_some());
                let panics = self.resolved.points[placement.point.index()].ours;
                runs.add(row, placement, sites::Chosen { plain, jump, end, frames, panics });
            }
        }
        for marked in marked {
            rows.get(&marked.key()).into_iter().for_each(|row| runs.mark(row.0, marked.clone()));
        }
        plan.unders = self.shared.unders.all();
        plan.needs.frames |= !plan.unders.is_empty();
        self.too_many_saves(&saves, &rows);
        sites::lay_out(runs, &saves, &rows, &self.resolved, &mut plan);
        self.finish_maps(&mut plan);
        plan.strings = std::mem::take(&mut self.shared.strings.all);
        plan.points = std::mem::take(&mut self.resolved.points);
        sites::count_attached(&mut plan);
        self.runtimes(&mut plan);
        plan.recorded = recorded.requests();
        plan
    }

    /// A function's calls are recorded by a clause; no other one does so.
    fn record(
        &mut self,
        class: &Class<'s, 'w>,
        placement: usize,
        row: FuncNo,
        recording: Recording,
        recorded: &mut calls::RecordedFunctions,
    ) {
        let placement = &self.resolved.placements[placement];
        let Some(found) = placement.place.function() else { return };
        let of = class.clause.checked_sub(self.own).and_then(|n| self.of.get(n));
        let clause = of.copied().unwrap_or(class.clause);
        let alone = recording == Recording::Start;
        let calls = RecordedCalls { index: found.index, point: placement.point, alone };
        if !recorded.add(row, clause, calls) {
            let span = self.resolved.points[placement.point.index()].span;
            let message = format!("calls of `{}` are recorded by another clause already", found.name);
            let help = "each call is recorded once; `call()` in a return records where it begins, too";
            self.messages.push(Diagnostic::error(span, message).help(help));
        }
    }

    fn empty_plan(&self) -> Plan {
        let binary = |b: &resolve::Binary<'_>| plan::Binary {
            path: b.path.clone(),
            go: b.target.is_go(),
            runtime: None,
            start: b.target.start(),
        };
        Plan {
            arch: self.world.arch(),
            source: self.source.clone(),
            strings: Vec::new(),
            maps: Vec::new(),
            points: Vec::new(),
            binaries: self.resolved.binaries.iter().map(binary).collect(),
            functions: self.before().to_vec(),
            sites: Vec::new(),
            bodies: Vec::new(),
            variants: Vec::new(),
            groups: Vec::new(),
            unders: Vec::new(),
            saves: Vec::new(),
            events: Vec::new(),
            needs: Needs::default(),
            recorded: BTreeMap::new(),
            values: self.world.captured(),
        }
    }

    /// The functions that have numbers already.
    fn before(&self) -> &[Function] {
        self.world.numbered().map_or(&[], |numbered| numbered.functions)
    }

    /// The rows of all functions that some class has, or asks about: by executable, then by address.
    fn number_functions(&mut self, marked: &[Marked]) -> sites::Rows {
        let marked = marked.iter().map(|marked| (marked.key(), (FuncNo(0), marked.found.name.clone())));
        let mut rows: sites::Rows = marked.collect();
        let members = self.classes.iter().flat_map(|class| &class.members);
        for member in members {
            let place = &self.resolved.placements[member.placement].place;
            if let (Some(binary), Some(found)) = (place.binary(), place.function()) {
                rows.insert((binary, found.entry, found.index), (FuncNo(0), found.name.clone()));
            }
        }
        sites::number(&mut rows, self.before());
        for row in rows.values() {
            self.shared.functions.entry(row.1.clone()).or_default().push(row.0);
        }
        for class in &self.classes {
            for member in &class.members {
                let placement = &self.resolved.placements[member.placement];
                let row = placement.place.function().and_then(|f| row_of(&rows, placement, f));
                let point = &self.resolved.points[placement.point.index()];
                let function = placement.place.function().filter(|_| point.names_functions());
                let function = function.map_or("", |f| f.name.as_str());
                let name = format!("{}{function}{}", point.prefix, point.suffix);
                let number = u64::from(placement.point.0) << 32 | u64::from(row.map_or(u32::MAX, |row| row.0));
                self.shared.probes.entry(name).or_default().push(number);
            }
        }
        rows
    }

    /// A class's code, with all that is wrong with it told.
    fn body(&mut self, class: &Class<'s, 'w>, several: bool) -> Option<(Body, Needs)> {
        let clause = &self.script.clauses[class.clause];
        let done = lower(clause, &class.setting, &mut self.shared);
        let wrong = done.messages.iter().any(Diagnostic::is_error);
        let place = class.setting.function.as_ref().filter(|_| several);
        let place = place.map(|function| format!("so it is in `{}`", function.name));
        self.messages.extend(done.messages.into_iter().map(|message| message.maybe_help(place.clone())));
        if wrong || class.members.is_empty() {
            return None;
        }
        let body = Body {
            clause: u32::try_from(class.clause).unwrap_or(u32::MAX),
            prelude: class.setting.prelude,
            vars: done.vars,
            accesses: done.accesses,
            predicate: done.predicate,
            code: done.code,
            span: clause.span,
        };
        self.within_limits(&body, clause);
        Some((body, done.needs))
    }

    fn within_limits(&mut self, body: &Body, clause: &Clause) {
        let span = clause.points.first().map_or(clause.span, |p| p.span);
        let mut refuse = |message: String, help: &str| {
            self.messages.push(Diagnostic::error(span, message).help(help));
        };
        let parts = body.parts();
        if parts > limits::PARTS {
            let message = format!("this does {parts} things, the kernel takes about {}", limits::PARTS);
            refuse(message, "what `unroll` repeats counts each time");
        }
        if body.vars.len() > limits::VARS {
            let message = format!("this has {} variables, the kernel has room for {}", body.vars.len(), limits::VARS);
            refuse(message, "a variable may be used again, maps hold any number of values");
        }
        let waiting = body.most_waiting();
        if waiting > limits::WAITING {
            let message = format!(
                "an expression here keeps {waiting} values at once, the kernel has room for {}",
                limits::WAITING
            );
            refuse(message, "variables can hold its parts");
        }
    }

    fn too_many_saves(&mut self, saves: &BTreeMap<FuncNo, Vec<Kept>>, rows: &sites::Rows) {
        let most = saves.iter().max_by_key(|(_, kept)| kept.len());
        let Some((row, kept)) = most.filter(|(_, kept)| kept.len() > limits::SAVES) else { return };
        let name = rows.values().find(|r| r.0 == *row).map_or("", |r| r.1.as_str());
        let message = format!(
            "returns of `{name}` want {} values of the call's beginning, at most {} are kept",
            kept.len(),
            limits::SAVES
        );
        let returns = self.script.clauses.iter().flat_map(|c| &c.points);
        let span = returns.filter(|p| matches!(&p.attach, ast::Attach::User(u) if u.ret)).map(|p| p.span).next();
        let help = "keep others in maps where the call begins: `@x[goid] = …`";
        self.messages.push(Diagnostic::error(span.unwrap_or_default(), message).help(help));
    }

    fn finish_maps(&mut self, plan: &mut Plan) {
        for row in std::mem::take(&mut self.shared.maps.rows) {
            let value = match row.value {
                Some(Holding::Plain(slot)) => MapValue::Plain(slot.ty),
                Some(Holding::Aggregate(value)) => value,
                None => MapValue::Plain(INT),
            };
            let key = row.key.unwrap_or_default().into_iter().map(|slot| slot.ty).collect();
            plan.maps.push(Map { name: row.name, key, value, capacity: row.capacity, span: row.first });
        }
    }

    fn runtimes(&self, plan: &mut Plan) {
        let Needs { frames, goid, g_of_thread, goroutines, .. } = plan.needs;
        if !(frames || goid || g_of_thread || goroutines) {
            return;
        }
        for (binary, known) in plan.binaries.iter_mut().zip(&self.resolved.binaries) {
            binary.runtime = binary.go.then(|| known.target.runtime());
        }
        // Whose goroutines are asked for in tracepoints need not be named anywhere.
        if g_of_thread
            && plan.binaries.iter().all(|binary| !binary.go)
            && let Ok(target) = self.world.binary("")
        {
            let (runtime, start) = (Some(target.runtime()), target.start());
            plan.binaries.push(plan::Binary { path: String::new(), go: true, runtime, start });
        }
    }
}

/// What going through a clause at one place gives.
struct Done<'s> {
    vars: Vec<plan::Var>,
    accesses: Vec<plan::Accessed>,
    predicate: Option<plan::Expr>,
    code: Vec<plan::Stmt>,
    requests: Vec<(Request<'s>, String)>,
    reached: Vec<Reached>,
    needs: Needs,
    messages: Vec<Diagnostic>,
    misfits: Vec<Diagnostic>,
}

/// What runs where calls end whose beginning a body records: they were inlined, so there are no results.
fn end_of_inlined(begins: &Body) -> Body {
    let kind = StmtKind::Call { recording: Recording::End, stack: 0 };
    let pos = begins.code.first().map(|stmt| stmt.pos);
    Body {
        prelude: Prelude::GoReturn,
        vars: Vec::new(),
        accesses: Vec::new(),
        predicate: None,
        code: pos.map(|pos| plan::Stmt { kind, pos }).into_iter().collect(),
        ..begins.clone()
    }
}

/// Goes through a clause, again until its variables have types.
fn lower<'s>(clause: &'s Clause, setting: &Setting<'_>, shared: &mut Shared<'s>) -> Done<'s> {
    let mut vars = Vec::new();
    for round in 0.. {
        let mut scope = Scope::new(shared, setting, std::mem::take(&mut vars));
        if round == 0 {
            scope.needs.goroutines |= matches!(setting.prelude, Prelude::Goroutine(_));
        }
        let goroutines = matches!(setting.prelude, Prelude::Goroutine(_));
        let predicate = clause.predicate.as_ref().and_then(|e| scope.condition(e));
        let code = scope.block(&clause.body);
        if scope.vars_changed && round < MOST_ROUNDS {
            vars = scope.vars;
            continue;
        }
        let accesses = scope.accessed();
        let Scope { vars, requests, reached, mut needs, messages, misfits, .. } = scope;
        needs.goroutines = goroutines;
        let vars = vars.into_iter().map(|(var, _)| var).collect();
        return Done { vars, accesses, predicate, code, requests, reached, needs, messages, misfits };
    }
    unreachable!("the loop ends after MOST_ROUNDS")
}

/// What is wrong with a condition at a place.
fn misfit<'s>(condition: &'s ast::Expr, setting: &Setting<'_>, shared: &mut Shared<'s>) -> Option<String> {
    let mut scope = Scope::new(shared, setting, Vec::new());
    scope.condition(condition);
    scope.messages.into_iter().find(Diagnostic::is_error).map(|wrong| wrong.message)
}

/// Where a function has all that a class reads, if it has it in the same types.
fn same_types(class: &Class<'_, '_>, setting: &Setting<'_>) -> Option<Vec<Reached>> {
    let answers = class.requests.iter().map(|(request, _)| answer(setting, request).ok());
    let reached = answers.collect::<Option<Vec<Reached>>>()?;
    reached.iter().map(|r| &r.ty).eq(&class.types).then_some(reached)
}

/// Why the calls of a function cannot be paired with their returns.
fn unpairable(place: &Place) -> Option<String> {
    let Place::Function { found, sites: Some(sites), .. } = place else { return None };
    let why = match &sites.entry {
        Ok(entry) if entry.sp_adjust <= limits::FRAME => return None,
        Ok(_) => "its frame is too large".to_owned(),
        Err(why) => why.to_string(),
    };
    Some(format!("where calls of `{}` begin is not seen: {why}", found.name))
}

/// Where a variant reads everything. What a return wants of the call's beginning is kept in `kept`.
fn places(reached: &[Reached], prelude: Prelude, kept: Option<&mut Vec<Kept>>) -> Vec<Access> {
    let mut none = Vec::new();
    let kept = kept.unwrap_or(&mut none);
    let mut word_of = |value: Kept| {
        let at = kept.iter().position(|known| *known == value).unwrap_or_else(|| {
            kept.push(value);
            kept.len() - 1
        });
        kept.iter().take(at).map(Kept::words).sum()
    };
    let mut one = |reached: &Reached| match reached.access.clone() {
        other if !reached.of_args || prelude != Prelude::GoReturn => other,
        Access::Int(value) => Access::Saved(word_of(Kept::Int(value))),
        Access::Str { data, len, most } => Access::SavedText(word_of(Kept::Text { data, len, most })),
        other => other,
    };
    reached.iter().map(&mut one).collect()
}

fn row_of(rows: &sites::Rows, placement: &Placement, found: &Found) -> Option<FuncNo> {
    let binary = placement.place.binary()?;
    rows.get(&(binary, found.entry, found.index)).map(|row| row.0)
}

fn intern(variant: Variant, known: &mut HashMap<Variant, VariantNo>, all: &mut Vec<Variant>) -> VariantNo {
    *known.entry(variant).or_insert_with_key(|variant| {
        all.push(variant.clone());
        VariantNo(u32::try_from(all.len() - 1).unwrap_or(u32::MAX))
    })
}

fn merge(all: &mut Needs, more: Needs) {
    all.frames |= more.frames;
    all.goid |= more.goid;
    all.g_of_thread |= more.g_of_thread;
    all.goroutines |= more.goroutines;
    all.stacks |= more.stacks;
}

/// A number that needs no probe to be computed.
fn number(e: &ast::Expr) -> Option<u64> {
    match &e.kind {
        Ast::Int(n) => Some(*n),
        Ast::Binary { op, left, right } => {
            let (a, b) = (number(left)?, number(right)?);
            match op {
                ast::BinaryOp::Mul => a.checked_mul(b),
                ast::BinaryOp::Add => a.checked_add(b),
                ast::BinaryOp::Sub => a.checked_sub(b),
                ast::BinaryOp::Shl => u32::try_from(b).ok().and_then(|b| a.checked_shl(b)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn map_names_in<'a>(block: &'a ast::Block, names: &mut Vec<(&'a str, Span)>) {
    use ast::StmtKind::{Assign, Block, Expr, If, Return, Unroll};
    for stmt in &block.stmts {
        match &stmt.kind {
            Expr(e) => map_names(e, names),
            Assign { to, value, .. } => {
                map_names(to, names);
                map_names(value, names);
            }
            If { cond, then, otherwise } => {
                map_names(cond, names);
                map_names_in(then, names);
                otherwise.iter().for_each(|block| map_names_in(block, names));
            }
            Unroll { times, body } => {
                map_names(times, names);
                map_names_in(body, names);
            }
            Block(inner) => map_names_in(inner, names),
            Return => {}
        }
    }
}

fn map_names<'a>(e: &'a ast::Expr, names: &mut Vec<(&'a str, Span)>) {
    match &e.kind {
        Ast::Map { name, key } => {
            names.push((&name.value, name.span));
            key.iter().for_each(|part| map_names(part, names));
        }
        Ast::Call { args, .. } | Ast::Tuple(args) => args.iter().for_each(|arg| map_names(arg, names)),
        Ast::Field { of, .. } | Ast::Unary { of, .. } | Ast::Cast { of, .. } | Ast::Step { of, .. } => {
            map_names(of, names);
        }
        Ast::Index { of: a, index: b } | Ast::Binary { left: a, right: b, .. } => {
            map_names(a, names);
            map_names(b, names);
        }
        Ast::Ternary { cond, then, otherwise } => {
            [cond, then, otherwise].into_iter().for_each(|e| map_names(e, names));
        }
        _ => {}
    }
}
