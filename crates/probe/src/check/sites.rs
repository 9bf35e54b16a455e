//! What runs where: sites, groups and events of a plan.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use gobin::VAddr;
use gobin::insn::Class;
use gobin::sites::Sites;

use plan::{
    Also, BinaryNo, Entry, Event, Exit, FuncNo, Function, Group, GroupNo, Kept, On, Over, Plan, PointNo, Run, SaveNo,
    Site, Syscall, SyscallEvent, VariantNo,
};

use plan::target::{Inlined, SystemCalls};

use super::resolve::{Place, Placement, Resolved};
use super::unders::Marked;

/// The rows of functions: number and name, by executable, address and the executable's own number.
pub(super) type Rows = BTreeMap<(BinaryNo, VAddr, u32), (FuncNo, String)>;

/// What was chosen for a clause at a place.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    /// What runs there.
    pub plain: VariantNo,
    /// What runs where it jumps to another function instead of returning.
    pub jump: VariantNo,
    /// What runs where it ends, if it was inlined and that is seen.
    pub end: Option<VariantNo>,
    /// It needs the call to be paired.
    pub frames: bool,
    /// It records a panic.
    pub panics: bool,
}

/// What runs, by place.
#[derive(Default)]
pub(super) struct Runs {
    functions: BTreeMap<FuncNo, OfFunction>,
    events: Vec<(On, Vec<(usize, Run)>)>,
}

/// What runs in a function. Runs carry their clause, by which they are sorted.
#[derive(Default)]
struct OfFunction {
    sites: Option<Rc<Sites>>,
    entry: Vec<(usize, Run)>,
    exit: Vec<(usize, Run)>,
    jump: Vec<(usize, Run)>,
    here: BTreeMap<u32, Here>,
    syscalls: Option<Syscalls>,
    native_return: bool,
    frames: bool,
    marks: u8,
    panics: bool,
    inlined: Option<Inlined>,
}

/// What runs where system calls are made, and where they are answered.
struct Syscalls {
    calls: Rc<SystemCalls>,
    enter: Vec<(usize, Run)>,
    exit: Vec<(usize, Run)>,
}

/// What runs at one instruction.
#[derive(Default)]
struct Here {
    runs: Vec<(usize, Run)>,
    class: Option<Class>,
}

/// Numbers the functions: as an earlier plan has numbered those of the same name, the others behind all of its.
pub(super) fn number(rows: &mut Rows, before: &[Function]) {
    let mut known: HashMap<(BinaryNo, &str), Vec<FuncNo>> = HashMap::new();
    for (function, number) in before.iter().zip(0..before.len() as u32).rev() {
        known.entry((function.binary, &function.name)).or_default().push(FuncNo(number));
    }
    let mut next = before.len() as u32;
    for ((binary, ..), (number, name)) in rows {
        let same = known.get_mut(&(*binary, name.as_str())).and_then(Vec::pop);
        *number = same.unwrap_or(FuncNo(next));
        next += u32::from(same.is_none());
    }
}

impl Runs {
    /// A function's calls are watched for what others ask.
    pub(super) fn mark(&mut self, row: FuncNo, marked: Marked) {
        let function = self.functions.entry(row).or_default();
        function.marks |= 1 << marked.under;
        function.sites.get_or_insert(marked.sites);
    }

    pub(super) fn add(&mut self, row: Option<FuncNo>, placement: &Placement, chosen: Chosen) {
        let run = |variant| (placement.clause, Run { variant, point: placement.point });
        match (&placement.place, row) {
            (Place::Function { sites, ret, .. }, Some(row)) => {
                let function = self.functions.entry(row).or_default();
                // Of an inlined call only who asks for its end has looked for that.
                let has_ends = |sites: &Rc<Sites>| sites.returns.is_ok();
                if function.sites.as_ref().is_none_or(|known| !has_ends(known) && sites.as_ref().is_some_and(has_ends))
                {
                    function.sites = sites.clone();
                }
                function.inlined = placement.place.function().and_then(|found| found.inlined.clone());
                function.frames |= chosen.frames;
                function.panics |= chosen.panics;
                if *ret {
                    function.exit.push(run(chosen.plain));
                    function.jump.push(run(chosen.jump));
                    function.native_return |= sites.is_none();
                } else {
                    function.entry.push(run(chosen.plain));
                    function.exit.extend(chosen.end.map(run));
                }
            }
            (Place::Code { offset, class, .. }, Some(row)) => {
                let here = self.functions.entry(row).or_default().here.entry(*offset).or_default();
                here.runs.push(run(chosen.plain));
                here.class = *class;
            }
            (Place::Syscall { calls, event, .. }, Some(row)) => {
                let of = &mut self.functions.entry(row).or_default().syscalls;
                let (enter, exit) = (Vec::new(), Vec::new());
                let of = of.get_or_insert_with(|| Syscalls { calls: calls.clone(), enter, exit });
                match event {
                    SyscallEvent::Enter => of.enter.push(run(chosen.plain)),
                    SyscallEvent::Exit => of.exit.push(run(chosen.plain)),
                }
            }
            (Place::Event(on), _) => match self.events.iter_mut().find(|(known, _)| known == on) {
                Some((_, runs)) => runs.push(run(chosen.plain)),
                None => self.events.push((on.clone(), vec![run(chosen.plain)])),
            },
            _ => {}
        }
    }
}

/// Groups by what they run, each once.
#[derive(Default)]
struct Groups {
    all: Vec<Group>,
    known: HashMap<Group, GroupNo>,
}

impl Groups {
    fn add(&mut self, mut runs: Vec<(usize, Run)>) -> Option<GroupNo> {
        runs.sort_by_key(|(clause, run)| (*clause, run.point));
        let group = Group { runs: runs.into_iter().map(|(_, run)| run).collect() };
        if group.runs.is_empty() {
            return None;
        }
        let all = &mut self.all;
        Some(*self.known.entry(group).or_insert_with_key(|group| {
            all.push(group.clone());
            GroupNo(u32::try_from(all.len() - 1).unwrap_or(u32::MAX))
        }))
    }
}

/// Fills the functions, sites, groups and events of a plan.
pub(super) fn lay_out(
    runs: Runs,
    saves: &BTreeMap<FuncNo, Vec<Kept>>,
    rows: &Rows,
    resolved: &Resolved<'_>,
    plan: &mut Plan,
) {
    // Those of an earlier plan that are not among ours are in `plan.functions` already.
    let mut groups = Groups::default();
    let mut functions = runs.functions;
    let mut names: HashMap<&str, BTreeSet<BinaryNo>> = HashMap::new();
    rows.iter().for_each(|((binary, ..), (_, name))| _ = names.entry(name).or_default().insert(*binary));
    for ((binary, entry, _), (row, name)) in rows {
        let mut of = functions.remove(row).unwrap_or_default();
        let kept = saves.get(row).filter(|kept| !kept.is_empty());
        of.frames |= kept.is_some();
        let elsewhere = names.get(name.as_str()).is_some_and(|binaries| binaries.len() > 1);
        let (binary, entry, name) = (*binary, *entry, name.clone());
        let function = Function {
            binary,
            name,
            entry,
            frames: of.frames,
            marks: of.marks,
            panics: of.panics,
            elsewhere,
            inlined: of.inlined.take(),
        };
        match plan.functions.get_mut(row.index()) {
            Some(place) => *place = function,
            None => plan.functions.push(function),
        }
        let save = kept.map(|kept| keep(kept, &mut plan.saves));
        let target = resolved.binaries[binary.index()].target;
        let syscalls = of.syscalls.take().map(|of| syscall_sites(*row, of, &mut groups)).unwrap_or_default();
        let own = sites_of(*row, entry, of, save, &mut groups);
        for site in own.into_iter().chain(syscalls) {
            plan.sites.push(Site { file: target.file_offset(site.at).unwrap_or_default(), ..site });
        }
    }
    share_places(plan);
    for (on, runs) in runs.events {
        plan.events.extend(groups.add(runs).map(|group| Event { on, group }));
    }
    plan.groups = groups.all;
}

/// Where calls that were inlined begin or end at an instruction that is probed anyway, its site runs what is theirs, too.
fn share_places(plan: &mut Plan) {
    let mut known: HashMap<(BinaryNo, VAddr), usize> = HashMap::new();
    let mut sites: Vec<Site> = Vec::with_capacity(plan.sites.len());
    // First what can only be where it is.
    let is_inlined = |site: &Site| plan.functions[site.function.index()].inlined.is_some();
    let (mut others, own): (Vec<Site>, Vec<Site>) = std::mem::take(&mut plan.sites).into_iter().partition(is_inlined);
    let level = |site: &Site| plan.functions[site.function.index()].inlined.as_ref().map_or(0, |of| of.level);
    others.sort_by_key(level);
    for site in own.into_iter().chain(others) {
        let function = &plan.functions[site.function.index()];
        let at = (function.binary, site.at);
        let shared = known.get(&at).filter(|_| is_inlined(&site) && !site.native_return);
        let Some(&n) = shared else {
            if !site.native_return {
                known.insert(at, sites.len());
            }
            sites.push(site);
            continue;
        };
        if let Some(Entry { group: Some(group), sp_adjust, .. }) = site.entry {
            sites[n].also.push(Also { function: site.function, sp_adjust, group });
        }
        if let Some(Exit { group: Some(group), .. }) = site.exit {
            sites[n].over.insert(0, Over { function: site.function, group });
        }
    }
    sites.sort_by_key(|site| (site.function, site.offset, site.native_return, site.at));
    plan.sites = sites;
}

/// The number of a list of kept values.
fn keep(kept: &[Kept], all: &mut Vec<Vec<Kept>>) -> SaveNo {
    let known = all.iter().position(|known| known == kept);
    let at = known.unwrap_or_else(|| {
        all.push(kept.to_vec());
        all.len() - 1
    });
    SaveNo(u32::try_from(at).unwrap_or(u32::MAX))
}

/// A site where nothing happens.
fn empty_site(function: FuncNo, at: VAddr) -> Site {
    Site {
        function,
        offset: 0,
        at,
        file: gobin::FileOff(0),
        class: None,
        entry: None,
        exit: None,
        here: None,
        syscall: None,
        also: Vec::new(),
        over: Vec::new(),
        native_return: false,
    }
}

/// Where system calls are made, and, if anybody asks, answered.
fn syscall_sites(row: FuncNo, of: Syscalls, groups: &mut Groups) -> Vec<Site> {
    let class = Some(gobin::syscalls::SystemCalls::CLASS);
    let (enter, exit) = (groups.add(of.enter), groups.add(of.exit));
    let keeps = exit.is_some();
    let site = |at, here, event| {
        let syscall = Some(Syscall { event, keeps });
        Site { class, here, syscall, ..empty_site(row, at) }
    };
    let mut sites: Vec<Site> = of.calls.calls.iter().map(|&at| site(at, enter, SyscallEvent::Enter)).collect();
    sites.extend(keeps.then(|| site(of.calls.answered, exit, SyscallEvent::Exit)));
    sites
}

/// The sites of one function, by offset, a native return last.
fn sites_of(row: FuncNo, start: VAddr, of: OfFunction, save: Option<SaveNo>, groups: &mut Groups) -> Vec<Site> {
    let mut sites: BTreeMap<u32, Site> = BTreeMap::new();
    let empty = |offset| Site { offset, ..empty_site(row, start.plus(u64::from(offset))) };
    let entry = groups.add(of.entry);
    if entry.is_some() || of.frames || of.marks != 0 {
        let (offset, class, entry) = entry_site(of.sites.as_deref(), entry, save);
        let site = sites.entry(offset).or_insert_with(|| empty(offset));
        (site.class, site.entry) = (class, Some(entry));
    }
    let mut native = None;
    let (exit, jump) = (groups.add(of.exit), groups.add(of.jump));
    if of.native_return {
        native = Some(Site { exit: Some(Exit { group: exit, tail: false }), native_return: true, ..empty(0) });
    } else if let Some(found) = of.sites.as_deref().filter(|_| exit.is_some() || of.marks != 0) {
        for exits in found.returns.iter().flatten() {
            let site = sites.entry(exits.offset).or_insert_with(|| empty(exits.offset));
            (site.class, site.exit) = (Some(exits.class), Some(Exit { group: exit, tail: false }));
        }
        for jumps in &found.tail_jumps {
            let site = sites.entry(jumps.offset).or_insert_with(|| empty(jumps.offset));
            (site.class, site.exit) = (jumps.class.ok(), Some(Exit { group: jump, tail: true }));
        }
    }
    for (offset, here) in of.here {
        let site = sites.entry(offset).or_insert_with(|| empty(offset));
        (site.class, site.here) = (here.class.or(site.class), groups.add(here.runs));
    }
    sites.into_values().chain(native).collect()
}

fn entry_site(sites: Option<&Sites>, group: Option<GroupNo>, saves: Option<SaveNo>) -> (u32, Option<Class>, Entry) {
    let found = sites.and_then(|sites| sites.entry.as_ref().ok());
    let restored = sites.and_then(|sites| sites.restored);
    match found {
        Some(site) => {
            let (sp_adjust, loop_head) = (site.sp_adjust, site.loop_head);
            (site.offset, Some(site.class), Entry { group, sp_adjust, loop_head, saves, restored })
        }
        None => (0, None, Entry { group, sp_adjust: 0, loop_head: false, saves, restored }),
    }
}

/// How many functions each attach point got sites in.
pub(super) fn count_attached(plan: &mut Plan) {
    let mut attached: BTreeMap<PointNo, BTreeSet<FuncNo>> = BTreeMap::new();
    for site in &plan.sites {
        let groups = [site.entry.as_ref().and_then(|e| e.group), site.exit.as_ref().and_then(|e| e.group), site.here];
        for group in groups.into_iter().flatten() {
            for run in &plan.groups[group.index()].runs {
                attached.entry(run.point).or_default().insert(site.function);
            }
        }
        for also in &site.also {
            for run in &plan.groups[also.group.index()].runs {
                attached.entry(run.point).or_default().insert(also.function);
            }
        }
    }
    for (point, rows) in attached {
        plan.points[point.index()].attached = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    }
}
