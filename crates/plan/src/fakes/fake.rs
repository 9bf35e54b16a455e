//! A world made of a few lines of text, for tests.
//!
//! One Go program and one that is none. Functions are declared as Go would, types are those of [`STRUCTS`]; places of
//! arguments are worked out by the same rules as for real programs.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use gobin::abi::{self, Abi, Shape, Shapes};
use gobin::generic::Instantiation;
use gobin::insn::{ArgumentRegisters, Class, Prologue};
use gobin::instance::{Endless, Point, Unclear};
use gobin::maps::Maps;
use gobin::pattern::{self, Pattern};
use gobin::signature::{Arg, Gaps, PlacedBy, Signature, Source};
use gobin::sites::{Entry, Exit, Refusal, Restored, Return, Sites, Written};
use gobin::types::{self, Kind, Type, TypeRef, TypeSource};
use gobin::{Arch, FileOff, VAddr};

use super::{
    DynamicType, FIELDS, Field, FieldForm, Found, Hook, HookKind, Inlined, InlinedPlaces, Runtime, Start, SystemCalls,
    Target, World,
};

/// Name, arguments and results, and what is special about it.
const FUNCTIONS: &[(&str, &str, &str, Special)] = &[
    ("main.main", "", "", Special::None),
    ("main.fib", "n int", "~r0 int", Special::None),
    ("main.handle", "r *main.Req; s string; n int", "count int; err error", Special::Grows),
    ("main.small", "n int8; ok bool; p *int; xs []int", "~r0 uint16", Special::None),
    ("main.other", "s string; n uint32", "", Special::None),
    ("main.floats", "f float64; n int", "~r0 float64", Special::None),
    (
        "main.many",
        "a string; b []byte; e error; m map[string]int; c chan int; f func(); arr [3]int32",
        "",
        Special::None,
    ),
    ("main.wide", "w main.Wide; n int", "", Special::None),
    ("main.swapped", "n int; s string; r *main.Req", "", Special::None),
    ("main.forward", "n int", "~r0 int", Special::Jumps),
    ("main.forever", "n int", "", Special::NeverReturns),
    ("main.asm", "", "", Special::Assembly),
    ("main.undescribed", "?", "", Special::None),
    ("main.(*Server).Serve", "s *main.Server; addr string; n int", "~r0 error", Special::None),
    ("main.(*Server).Close", "s *main.Server", "", Special::None),
    ("net/http.(*conn).serve", "c *main.Server; n int", "", Special::None),
    ("main.Map[...]", "n int", "~r0 int", Special::Generic),
    ("main.worker", "", "", Special::None),
    ("runtime.stopTheWorldWithSema", "reason uint8", "", Special::None),
    ("runtime.gcSweep", "", "", Special::None),
    ("main.Map[...].func1", "n int", "~r0 int", Special::Keeps),
];

/// Structs: name, size, fields with offsets; embedded fields have a star.
const STRUCTS: &[(&str, u64, &str)] = &[
    (
        "main.Req",
        88,
        "ID int 0; Name string 8; Tags []string 24; Next *main.Req 48; Small uint8 56; User *main.User 64; F float64 72",
    ),
    ("main.User", 48, "Name string 0; *main.Base main.Base 16; *Link *main.Link 40"),
    ("main.Base", 24, "Key int64 0; Pair [2]int32 8; Err error 0"),
    ("main.Link", 16, "Deep int 8"),
    ("main.Server", 24, "Addr string 0; Conns map[string]int 16"),
    ("main.Wide", 80, "A int 0; B [9]int 8"),
];

/// What interfaces hold by their first word: types, and an itab of each of the last two.
const DYNAMIC: &[(u64, &str, bool)] = &[
    (0x50_0000, "int", false),
    (0x50_0040, "string", false),
    (0x50_0080, "main.Req", false),
    (0x50_00c0, "*main.Req", true),
    (0x50_1000, "main.Req", false),
    (0x50_1040, "*main.Req", true),
];

/// The places by which goroutines and threads are watched.
const WATCHED: [(HookKind, &str); 7] = [
    (HookKind::Status, "runtime.casgstatus"),
    (HookKind::PreemptScan, "runtime.casGToPreemptScan"),
    (HookKind::FromPreempted, "runtime.casGFromPreempted"),
    (HookKind::SyscallEnter, "runtime.reentersyscall"),
    (HookKind::SyscallExit, "runtime.exitsyscall"),
    (HookKind::ThreadStart, "runtime.minit"),
    (HookKind::ThreadEnd, "runtime.unminitSignals"),
];

/// Where pairing sees what returns do not show.
const HOOKED: [(HookKind, &str); 5] = [
    (HookKind::Recovery, "runtime.recovery"),
    (HookKind::GoroutineEnd, "runtime.gdestroy"),
    (HookKind::Goexit, "runtime.Goexit"),
    (HookKind::CoroutineEnd, "runtime.coroswitch_m"),
    (HookKind::CopyStack, "runtime.copystack"),
];

/// What is special about a function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    None,
    /// It needs more stack at times, and then only its first argument comes back.
    Grows,
    Jumps,
    NeverReturns,
    Assembly,
    /// What it takes and gives depends on type arguments.
    Generic,
    /// It is a closure in such a function.
    Keeps,
}

/// The dictionaries of generic functions, and what arguments and results are with them.
const DICTIONARIES: [(u64, &str); 2] = [(0x48_0000, "*main.Req"), (0x48_0008, "map[string]int")];

/// A world of two programs.
pub(crate) struct Fake {
    go: Program,
    native: Program,
    arch: Arch,
}

/// One of them.
struct Program {
    arch: Arch,
    go: bool,
    /// Which of the places that pairing needs its runtime has.
    hooks: &'static [HookKind],
    functions: Vec<(&'static str, &'static str, &'static str, Special)>,
    names: RefCell<Vec<String>>,
    /// A kind of hook that its runtime lacks.
    without: Option<HookKind>,
    maps: Maps,
}

impl Fake {
    pub(crate) fn new(arch: Arch) -> Fake {
        let program = |go, functions: &[_]| {
            let (hooks, functions) = (&[HookKind::CopyStack][..], functions.to_vec());
            Program {
                arch,
                go,
                hooks,
                functions,
                names: RefCell::default(),
                without: None,
                maps: Maps::Swiss { split: false },
            }
        };
        let native = [("malloc", "", "", Special::None), ("free", "", "", Special::None)];
        Fake { go: program(true, FUNCTIONS), native: program(false, &native), arch }
    }
}

impl Fake {
    /// The same with all hooks of the runtime.
    #[allow(dead_code, reason = "not everybody who takes this file in asks for it")]
    pub(crate) fn hooked(arch: Arch) -> Fake {
        use HookKind::{CopyStack, CoroutineEnd, Goexit, GoroutineEnd, Recovery};
        const ALL: &[HookKind] = &[Recovery, GoroutineEnd, Goexit, CoroutineEnd, CopyStack];
        Fake::with_hooks(arch, ALL)
    }

    /// The same with these of them.
    #[allow(dead_code, reason = "not everybody who takes this file in asks for it")]
    pub(crate) fn with_hooks(arch: Arch, hooks: &'static [HookKind]) -> Fake {
        let fake = Fake::new(arch);
        Fake { go: Program { hooks, ..fake.go }, ..fake }
    }

    /// The same with maps of another layout.
    #[allow(dead_code, reason = "not everybody who takes this file in asks for it")]
    pub(crate) fn with_maps(mut self, maps: Maps) -> Fake {
        self.go.maps = maps;
        self
    }

    /// The same with a runtime that lacks a hook.
    #[allow(dead_code, reason = "not everybody who takes this file in asks for it")]
    pub(crate) fn without(mut self, hook: HookKind) -> Fake {
        self.go.without = Some(hook);
        self
    }
}

impl World for Fake {
    fn arch(&self) -> Arch {
        self.arch
    }

    fn binary(&self, path: &str) -> Result<&dyn Target, String> {
        match path {
            "" | "/bin/app" => Ok(&self.go),
            "/lib/libc.so.6" => Ok(&self.native),
            _ => Err(format!("{path} cannot be opened: No such file or directory (os error 2)")),
        }
    }

    fn tracepoint(&self, category: &str, name: &str) -> Result<Vec<Field>, String> {
        let field = |name: &str, type_name: &str, offset, bytes, form, signed| Field {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            offset,
            bytes,
            form,
            signed,
        };
        match (category, name) {
            ("sched", "sched_switch") => Ok(vec![
                field("prev_comm", "char[16]", 8, 16, Some(FieldForm::Chars), false),
                field("prev_pid", "pid_t", 24, 4, Some(FieldForm::Int), true),
                field("prev_state", "long", 32, 8, Some(FieldForm::Int), true),
            ]),
            ("sched", "sched_process_exit") => Ok(vec![field("pid", "pid_t", 24, 4, Some(FieldForm::Int), true)]),
            ("sched", "sched_process_exec") => Ok(vec![
                field("filename", "__data_loc char[]", 8, 4, Some(FieldForm::DataLoc), false),
                field("mask", "cpumask_t", 16, 128, None, false),
            ]),
            _ => Err(format!("the kernel has no tracepoint {category}:{name}")),
        }
    }
}

/// Numbers from here on are of places where functions were inlined.
const INLINED: u32 = 1000;

impl Program {
    fn name_of(&self, ty: &str) -> TypeRef {
        let mut names = self.names.borrow_mut();
        let at = names.iter().position(|known| known == ty).unwrap_or_else(|| {
            names.push(ty.to_owned());
            names.len() - 1
        });
        TypeRef::Dwarf(at as u64)
    }

    fn kind(&self, ty: &str) -> Option<(Kind, u64)> {
        let int = |signed, size| Some((Kind::Int { signed }, size));
        match ty {
            "bool" => return Some((Kind::Bool, 1)),
            "int" | "int64" => return int(true, 8),
            "int32" => return int(true, 4),
            "int8" => return int(true, 1),
            "uint8" => return int(false, 1),
            "uint16" => return int(false, 2),
            "uint32" => return int(false, 4),
            "uint64" => return int(false, 8),
            "float64" => return Some((Kind::Float, 8)),
            "string" => return Some((Kind::String, 16)),
            "error" => return Some((Kind::Interface { empty: false }, 16)),
            _ => {}
        }
        if let Some(to) = ty.strip_prefix('*') {
            return Some((Kind::Pointer(Some(self.name_of(to))), 8));
        }
        if let Some(elem) = ty.strip_prefix("[]") {
            let elem = if elem == "byte" { "uint8" } else { elem };
            return Some((Kind::Slice(self.name_of(elem)), 24));
        }
        if ty.starts_with("map[string]") {
            return Some((Kind::Map { key: self.name_of("string"), elem: self.name_of("int") }, 8));
        }
        if let Some(of) = ty.strip_prefix("chan ") {
            return Some((Kind::Chan(Some(self.name_of(of))), 8));
        }
        if ty.starts_with("func") {
            return Some((Kind::Func, 8));
        }
        if let Some((len, elem)) = ty.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let (len, elem) = (len.parse().ok()?, self.name_of(elem));
            return Some((Kind::Array { elem, len }, self.resolve_ref(elem)?.size * len));
        }
        let (_, size, fields) = STRUCTS.iter().find(|row| row.0 == ty)?;
        let field = |text: &str| {
            let (text, offset) = text.trim().rsplit_once(' ')?;
            let (name, ty) = text.split_once(' ')?;
            let (name, embedded) = name.strip_prefix('*').map_or((name, false), |name| (name, true));
            let name = name.rsplit('.').next()?.to_owned();
            Some(types::Field { name, ty: self.name_of(ty), offset: offset.parse().ok()?, embedded })
        };
        Some((Kind::Struct(fields.split(';').map(field).collect::<Option<_>>()?), *size))
    }

    fn resolve_ref(&self, at: TypeRef) -> Option<Arc<Type>> {
        let TypeRef::Dwarf(at) = at else { return None };
        let name = self.names.borrow().get(usize::try_from(at).ok()?)?.clone();
        let (kind, size) = self.kind(&name)?;
        Some(Arc::new(Type { name, size, kind, runtime_offset: None }))
    }

    fn args(&self, text: &str) -> Vec<(String, TypeRef)> {
        let one = |arg: &str| arg.trim().split_once(' ').map(|(name, ty)| (name.to_owned(), self.name_of(ty)));
        text.split(';').filter_map(one).collect()
    }

    fn special(&self, function: &Found) -> Special {
        self.functions.get(function.index as usize).map_or(Special::None, |f| f.3)
    }

    /// What was inlined takes `n int`: in a register at first, then in the frame, then nowhere.
    fn of_inlined(&self, line: u32) -> Signature {
        let rdx = abi::Register { arch: Arch::Amd64, float: false, index: 9 };
        let place = match line {
            12 => abi::Place::Registers(vec![abi::Piece { register: rdx, offset: 0, size: 8 }]),
            13 => abi::Place::Stack(24),
            _ => abi::Place::Unknown,
        };
        let ty = Some(self.name_of("int"));
        let (name, type_name, placed_by) = ("n".into(), "int".into(), PlacedBy::Lists);
        let arg = Arg { name, type_name, ty, place, placed_by, guess: None, dictionary_index: None };
        let (receiver, dictionary, omitted, rets_omitted) = (false, None, Gaps::None, true);
        let (args, rets, abi, source) = (vec![arg], Vec::new(), Abi::Internal, Source::Dwarf);
        Signature { args, rets, receiver, dictionary, abi, omitted, rets_omitted, source }
    }

    fn found(&self, index: usize) -> Option<Found> {
        let name = self.functions.get(index)?.0.to_owned();
        Some(Found { index: index as u32, name, entry: VAddr(0x40_1000 + 0x100 * index as u64), inlined: None })
    }
}

impl TypeSource for Program {
    fn resolve(&self, at: TypeRef) -> Option<Arc<Type>> {
        self.resolve_ref(at)
    }
}

impl Target for Program {
    fn is_go(&self) -> bool {
        self.go
    }

    fn runtime(&self) -> Runtime {
        let field = |(i, name): (usize, &'static str)| match name {
            "g.coroarg" => (name, Err("go1.21 has no runtime.g.coroarg".to_owned())),
            _ => (name, Ok(8 * i as u64)),
        };
        let hook = |kind, function: &str| Hook {
            kind,
            function: function.to_owned(),
            at: VAddr(0x40_0000 + 0x10 * kind as u64),
            file: FileOff(0x10 * kind as u64),
            class: Class::Emulated,
            sp_adjust: 0,
        };
        let (has, lacks): (Vec<_>, Vec<_>) = HOOKED.into_iter().partition(|(kind, _)| self.hooks.contains(kind));
        let (gone, others): (Vec<_>, Vec<_>) = WATCHED.into_iter().partition(|(kind, _)| Some(*kind) == self.without);
        let hooks = has.into_iter().chain(others).map(|(kind, function)| hook(kind, function)).collect();
        let missing = lacks.into_iter().chain(gone);
        let missing = missing.map(|(kind, function)| (kind, format!("the program has no {function}"))).collect();
        Runtime {
            release: Some(gobin::release::Release::of(26)),
            fields: FIELDS.into_iter().enumerate().map(field).collect(),
            hooks,
            missing,
            wait_reasons: ["", "chan receive", "chan send", "sleep", "preempted", "GC assist marking"]
                .map(str::to_owned)
                .to_vec(),
            // `go main.worker()` in main.main, whose wrapper is main.many; main.gone is inlined into main.wide.
            starts: vec![
                gobin::Start { wrapper: VAddr(0x40_1600), shown: VAddr(0x40_2100), name: "main.worker".to_owned() },
                gobin::Start { wrapper: VAddr(0x40_1700), shown: VAddr(0x40_1700), name: "main.gone".to_owned() },
            ],
            g_states: [
                "idle",
                "runnable",
                "running",
                "syscall",
                "waiting",
                "moribund_unused",
                "dead",
                "enqueue_unused",
                "copystack",
                "preempted",
            ]
            .map(str::to_owned)
            .to_vec(),
        }
    }

    fn matching(&self, pattern: &Pattern) -> Vec<Found> {
        let matches = |&i: &usize| pattern.matches(self.functions[i].0);
        (0..self.functions.len()).filter(matches).filter_map(|i| self.found(i)).collect()
    }

    fn function_at(&self, at: VAddr) -> Option<Found> {
        let index = at.since(VAddr(0x40_1000))? / 0x100;
        self.found(usize::try_from(index).ok()?)
    }

    fn inlined(&self, pattern: &Pattern) -> InlinedPlaces {
        let first: Vec<Inlined> = self.instances(pattern).into_iter().filter_map(|found| found.inlined).collect();
        let functions = first.iter().map(|of| &of.name).collect::<HashSet<_>>().len();
        InlinedPlaces { functions, places: first.len(), first }
    }

    /// In `main.main`. The second place of `main.tiny` and the first one of `main.fib` begin at the same instruction; of
    /// the second one of `main.fib` nothing is certain, the first one is seen to end.
    fn instances(&self, pattern: &Pattern) -> Vec<Found> {
        let places = [("main.tiny", 12), ("main.tiny", 14), ("main.fib", 13), ("main.fib", 30)];
        let found = |(n, (name, line)): (u32, (&str, u32))| Found {
            index: INLINED + n,
            name: name.to_owned(),
            entry: VAddr(0x40_1000),
            inlined: Some(Inlined {
                name: name.to_owned(),
                into: "main.main".to_owned(),
                file: "/src/main.go".to_owned(),
                line,
                level: 1,
            }),
        };
        (0..).zip(places).filter(|(_, (name, _))| self.go && pattern.matches(name)).map(found).collect()
    }

    fn suggest(&self, wanted: &str) -> Vec<String> {
        let names = pattern::suggest(wanted, self.functions.iter().map(|f| f.0), 3);
        names.into_iter().map(str::to_owned).collect()
    }

    fn sites(&self, function: &Found) -> Option<Sites> {
        if let Some(inlined) = &function.inlined {
            let at = |offset| Point { offset, class: Class::Emulated };
            let begins = if inlined.line < 30 { Ok((at(4 * (inlined.line / 13)), 16)) } else { Err(Unclear::Moved) };
            let ends = if inlined.line == 13 { Ok(vec![at(16), at(40)]) } else { Err(Endless::Brief) };
            return Some(Sites::of_inlined(begins, ends));
        }
        let special = self.special(function);
        let written = if special == Special::Assembly { Err(Refusal::Foreign(Written::Assembly)) } else { Ok(()) };
        let class = Class::Emulated;
        let entry = Entry {
            offset: 6,
            class,
            sp_adjust: 0,
            loop_head: false,
            prologue: Prologue { end: 6, checked: true },
            exits: false,
        };
        let returns = match special {
            Special::NeverReturns => Err(Refusal::NeverReturns),
            Special::Jumps => Ok(vec![]),
            _ => Ok(vec![Return { offset: 0x20, class }, Return { offset: 0x40, class: Class::Stepped }]),
        };
        let jump = Exit { offset: 0x30, class: Ok(class), target: None };
        self.go.then(|| Sites {
            entry: written.clone().map(|()| entry),
            returns: written.and(returns),
            tail_jumps: if special == Special::Jumps { vec![jump] } else { Vec::new() },
            deferreturn_calls: Vec::new(),
            restored: (special == Special::Grows)
                .then_some(Restored { registers: ArgumentRegisters { ints: 1, floats: 0 }, behind_call: 0x50 }),
            decoded_to: 0x60,
        })
    }

    fn instruction(&self, _: &Found, offset: u64) -> Result<Option<Class>, String> {
        match offset {
            0..0x60 if offset.is_multiple_of(2) => Ok(self.go.then_some(Class::Stepped)),
            0..0x60 => Err("no instruction starts there; one does at +0x10, the next at +0x12".to_owned()),
            _ => Err("the function has 0x60 bytes".to_owned()),
        }
    }

    fn system_calls(&self) -> Result<SystemCalls, String> {
        let asm = self.matching(&Pattern::new("main.asm")).pop().filter(|_| self.go && self.arch == Arch::Amd64);
        let through = asm.ok_or_else(|| "on this machine it is not known where Go makes them".to_owned())?;
        let answered = through.entry.plus(20);
        Ok(SystemCalls { through, calls: vec![VAddr(0x40_1130), VAddr(0x40_2130)], answered })
    }

    fn signature(&self, function: &Found) -> Result<Arc<Signature>, String> {
        if let Some(inlined) = &function.inlined {
            return Ok(Arc::new(self.of_inlined(inlined.line)));
        }
        let (_, args, rets, _) = self.functions[function.index as usize];
        if args == "?" {
            return Err("DWARF does not describe it".to_owned());
        }
        let (args, rets) = (self.args(args), self.args(rets));
        let shapes = Shapes::default();
        let shape = |params: &[(String, TypeRef)]| params.iter().map(|p| shapes.of(p.1, self)).collect::<Vec<_>>();
        let passed = self.special(function) == Special::Generic;
        let generic = passed || self.special(function) == Special::Keeps;
        let hidden = passed.then(|| Some(Arc::new(Shape::pointer())));
        let places: Vec<_> = hidden.into_iter().chain(shape(&args)).collect();
        let mut frame = abi::assign(self.arch, Abi::Internal, &places, &shape(&rets));
        let dictionary = passed.then(|| frame.args.remove(0));
        let arg = |((name, ty), place): (&(String, TypeRef), &abi::Place)| Arg {
            name: name.clone().into(),
            type_name: self.resolve_ref(*ty).map_or("?".into(), |ty| ty.name.clone().into()),
            ty: Some(*ty),
            place: place.clone(),
            placed_by: PlacedBy::Algorithm,
            guess: None,
            dictionary_index: generic.then_some(0),
        };
        Ok(Arc::new(Signature {
            args: args.iter().zip(&frame.args).map(arg).collect(),
            rets: rets.iter().zip(&frame.results).map(arg).collect(),
            receiver: false,
            dictionary,
            abi: Abi::Internal,
            omitted: Gaps::None,
            rets_omitted: false,
            source: Source::Dwarf,
        }))
    }

    fn instantiations(&self, function: &Found) -> Vec<Instantiation> {
        let is_generic = matches!(self.special(function), Special::Generic | Special::Keeps);
        let Some(signature) = self.signature(function).ok().filter(|_| is_generic) else { return Vec::new() };
        let with = |(dictionary, ty): (u64, &str)| {
            let one = |arg: &Arg| Arg { ty: Some(self.name_of(ty)), ..arg.clone() };
            let all = |args: &[Arg]| args.iter().map(one).collect();
            let signature =
                Signature { args: all(&signature.args), rets: all(&signature.rets), ..(*signature).clone() };
            Instantiation { dictionary: VAddr(dictionary), type_args: vec![ty.to_owned()], signature }
        };
        DICTIONARIES.into_iter().map(with).collect()
    }

    fn resolve(&self, at: TypeRef) -> Option<Arc<Type>> {
        self.resolve_ref(at)
    }

    fn dynamic_types(&self) -> Vec<DynamicType> {
        let all = DYNAMIC.iter().map(|&(address, ty, direct)| (VAddr(address), ty, direct));
        all.map(|(address, ty, direct)| DynamicType { address, ty: self.name_of(ty), direct }).collect()
    }

    fn maps(&self) -> Option<Maps> {
        Some(self.maps)
    }

    fn start(&self) -> Option<Start> {
        None
    }

    fn file_offset(&self, at: VAddr) -> Option<FileOff> {
        at.since(VAddr(0x40_0000)).map(FileOff)
    }
}
