//! A Go executable: the door to everything that the other modules find.
//!
//! Opening reads headers, build information, the function table's header and moduledata, nothing else; what costs
//! more is read when it is asked for and kept. A file of which only a part can be read is still opened: each part
//! says what is missing and why.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use crate::addr::VAddr;
use crate::buildinfo::{self, BuildInfo, GoVersion};
use crate::dwarf::{Dwarf, InlinedArg};
use crate::elf::{Arch, Elf};
use crate::error::Error;
use crate::instance::{Around, Decoded, Endless, Point, STOPPING, Unclear};
use crate::layout::{self, RuntimeLayout, Structs};
use crate::made::Made;
use crate::maps::Maps;
use crate::moduledata::{self, Moduledata};
use crate::name::{Name, Origin};
use crate::pclntab::{self, FLAG_ASM, Header, InlinedCall, Pclntab, Row};
use crate::release::Release;
use crate::rtype::RuntimeTypes;
use crate::signature::{self, Compiled, Signature, Signatures};
use crate::sites::{self, Sites, Written};
use crate::types::{Type, TypeRef, TypeSource};

/// A Go executable.
pub struct Image {
    elf: Arc<Elf>,
    build: Option<BuildInfo>,
    code: Result<Code, Error>,
    module: Option<Moduledata>,
    dwarf: Option<Dwarf>,
    landmarks: OnceLock<Landmarks>,
    /// The functions with loops over functions in them, by names as [`without_type_arguments`] makes them and by the
    /// last parts of these.
    loops: OnceLock<HashSet<String>>,
    made: Made,
}

/// Bytes of an inlined call in the file.
const INLINED_CALL: usize = 16;

/// Functions of the runtime whose calls mean something in other functions' code.
struct Landmarks {
    deferreturn: Option<VAddr>,
    morestack: Vec<VAddr>,
    /// The places in the table of all functions of package runtime.
    runtime: Vec<u32>,
    /// The file of `runtime.main`, without what follows the directory of Go's own sources.
    go_sources: Option<String>,
}

/// How many functions there are of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All that have code of their own.
    pub functions: u32,
    /// The same by origin.
    pub kinds: BTreeMap<Origin, u32>,
    /// Those that exist only inlined into others.
    pub inlined_only: u32,
    /// The linker's marks, which the table has among the functions, and which are none.
    pub marks: u32,
}

impl Summary {
    /// Those written in assembly.
    #[must_use]
    pub fn assembly(&self) -> u32 {
        self.kinds.get(&Origin::Asm).copied().unwrap_or(0)
    }
}

/// Where functions are described and where their code starts.
struct Code {
    table: Header,
    text: VAddr,
}

/// One function.
#[derive(Clone, Copy)]
pub struct Function<'i> {
    image: &'i Image,
    row: Row<'i>,
    text: VAddr,
}

/// A call that an instruction belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallAt<'i> {
    /// The function's name.
    pub name: &'i str,
    /// File and line in it.
    pub place: Option<(&'i str, u32)>,
    /// Its code is inlined in the next one's.
    pub inlined: bool,
    /// It only calls another function, and the compiler made it.
    pub wrapper: bool,
}

/// Functions are inlined in one another no deeper, but in damage.
const MOST_INLINED: usize = 256;

/// Places where functions were inlined.
#[derive(Default)]
pub struct Inlined<'i> {
    /// By name, some or all of them.
    pub places: BTreeMap<&'i str, Vec<InlinedAt<'i>>>,
    /// How many functions there are that were.
    pub functions: usize,
    /// How many places.
    pub count: usize,
}

/// A place where a function was inlined.
#[derive(Clone, Copy)]
pub struct InlinedAt<'i> {
    /// The function whose code contains it.
    pub into: Function<'i>,
    /// The call that its code took the place of.
    pub call: InlinedCall<'i>,
    /// Its place in that function's inline tree.
    pub number: u32,
}

/// An inlined call that can be probed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instance {
    /// Where it begins.
    pub begins: Point,
    /// Where it ends, one of them, if that is seen.
    pub ends: Result<Vec<Point>, Endless>,
    /// In how many inlined calls it stands, itself among them; as many as [`LEVELS`](crate::instance::LEVELS) at most
    /// where ends are seen.
    pub level: u8,
    /// Its arguments there, if DWARF describes it. Of results nothing is known.
    pub signature: Option<Signature>,
    /// Places on the stack count from where they would be if SP were higher by so much.
    pub sp_adjust: u32,
}

impl<'i> InlinedAt<'i> {
    /// The first instruction that came from it.
    #[must_use]
    pub fn pc(&self) -> VAddr {
        self.into.entry().plus(u64::from(self.call.first_pc))
    }

    /// File and line of the call.
    #[must_use]
    pub fn place(&self) -> Option<(&'i str, u32)> {
        self.into.row.file_line(self.call.parent_pc)
    }
}

impl Image {
    /// Opens the bytes of an executable.
    ///
    /// # Errors
    /// Whatever makes the bytes no ELF file that gospect reads, or no Go program.
    pub fn parse(data: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Image, Error> {
        let elf = Arc::new(Elf::parse(data)?);
        let build = buildinfo::read(&elf);
        let release = build.as_ref().and_then(|b| b.go.number());
        let table = pclntab::find(&elf).map_err(|error| match error {
            Error::NotGo if build.is_some() => Error::malformed("function table", "there is none that can be read"),
            other => other,
        });
        let module = table.as_ref().ok().and_then(|t| moduledata::find(&elf, t, release));
        let code = table.and_then(|table| Code::locate(&elf, table, module.as_ref()));
        match (&code, &build) {
            (Err(error), None) => Err(error.clone()),
            _ => Ok(Image {
                dwarf: Dwarf::of(elf.clone()),
                elf,
                build,
                code,
                module,
                landmarks: OnceLock::new(),
                loops: OnceLock::new(),
                made: Made::default(),
            }),
        }
    }

    /// The container.
    #[must_use]
    pub fn elf(&self) -> &Elf {
        &self.elf
    }

    /// The machine that it is for.
    #[must_use]
    pub fn arch(&self) -> Arch {
        self.elf.arch
    }

    /// What the linker wrote about the build, if it did.
    #[must_use]
    pub fn build_info(&self) -> Option<&BuildInfo> {
        self.build.as_ref()
    }

    /// The Go version, if the build information says.
    #[must_use]
    pub fn go(&self) -> Option<&GoVersion> {
        self.build.as_ref().map(|b| &b.go)
    }

    /// The Go release that built it, if the build information says.
    #[must_use]
    pub fn release(&self) -> Option<Release> {
        self.go().and_then(GoVersion::release)
    }

    /// Where the linker put everything, if it was found.
    #[must_use]
    pub fn module(&self) -> Option<&Moduledata> {
        self.module.as_ref()
    }

    /// Its debug information, if it has any; whether that can be read is another question.
    #[must_use]
    pub fn dwarf(&self) -> Option<&Dwarf> {
        self.dwarf.as_ref()
    }

    /// What DWARF says of functions' arguments and results, if there is DWARF.
    #[must_use]
    pub fn dwarf_signatures(&self) -> Option<Signatures<'_>> {
        Some(Signatures::new(self.dwarf.as_ref()?, &self.elf, self.release()))
    }

    /// The runtime's own descriptions of types, where moduledata says where they are.
    #[must_use]
    pub fn runtime_types(&self) -> Option<RuntimeTypes<'_>> {
        RuntimeTypes::new(&self.elf, self.module.as_ref()?, self.go())
    }

    /// The types that were put together from those of the file.
    #[must_use]
    pub fn made(&self) -> &Made {
        &self.made
    }

    /// How maps lie in memory, if the version is known.
    #[must_use]
    pub fn maps(&self) -> Option<Maps> {
        self.go().and_then(Maps::of)
    }

    /// Whether what the function table calls special is a wrapper.
    fn is_wrapper(&self, func_id: u8) -> bool {
        self.release().and_then(|release| release.wrapper_id) == Some(func_id)
    }

    /// Whether a function has a loop over a function in it: the loop's body is a function of its own, and its name is
    /// kept even where it exists only inlined. A wrapper describes the results of the method behind it, which may be
    /// that of another type, so there the method's name alone tells.
    fn loops_over_function(&self, function: &Function) -> bool {
        let loops = self.loops.get_or_init(|| {
            let names = self.table().into_iter().flat_map(|t| t.names_with(LOOP_BODY));
            let around = names.flat_map(around_loops).map(without_type_arguments);
            around.flat_map(|name| [last_part(&name).to_owned(), name.into_owned()]).collect()
        });
        let adapts = || matches!(function.origin(), Origin::Wrapper | Origin::MethodValue) || self.release().is_none();
        let name = without_type_arguments(function.name());
        loops.contains(&*name) || loops.contains(last_part(name.trim_end_matches("-fm"))) && adapts()
    }

    /// Where probes can go in a function.
    #[must_use]
    pub fn sites(&self, function: &Function) -> Sites {
        let marks = self.landmarks();
        sites::find(&sites::Code {
            arch: self.arch(),
            entry: function.entry(),
            bytes: function.code(),
            written: function.written(),
            deferreturn: marks.deferreturn,
            morestack: &marks.morestack,
        })
    }

    /// Where the runtime keeps its fields, from the best source for each.
    #[must_use]
    pub fn runtime(&self) -> RuntimeLayout<'_> {
        self.runtime_by(self.dwarf().map(|d| d as &dyn Structs))
    }

    /// The same without DWARF, which takes a while to open in a large file.
    #[must_use]
    pub fn runtime_by_version(&self) -> RuntimeLayout<'_> {
        self.runtime_by(None)
    }

    fn runtime_by<'i>(&'i self, structs: Option<&'i dyn Structs>) -> RuntimeLayout<'i> {
        let code = |name: &str| {
            let f = self.runtime_function(name)?;
            Some(layout::Code { arch: self.arch(), entry: f.entry(), bytes: f.code() })
        };
        let symbol = |name: &str| self.elf.symbols().find(|s| s.name == name).map(|s| s.addr);
        RuntimeLayout::new(layout::Inputs {
            elf: &self.elf,
            version: self.go(),
            structs,
            code: Box::new(code),
            symbol: Box::new(symbol),
        })
    }

    /// A function of package runtime by its whole name.
    #[must_use]
    pub fn runtime_function(&self, name: &str) -> Option<Function<'_>> {
        self.landmarks().runtime.iter().filter_map(|&i| self.function(i)).find(|f| f.name() == name)
    }

    /// The directory of Go's own sources as the compiler recorded it, with a slash at the end; `None` where it was told
    /// to leave it out (`-trimpath`).
    #[must_use]
    pub fn go_sources(&self) -> Option<&str> {
        self.landmarks().go_sources.as_deref()
    }

    fn landmarks(&self) -> &Landmarks {
        self.landmarks.get_or_init(|| self.find_landmarks())
    }

    /// Its functions, counted.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary { inlined_only: self.inlined_only().len() as u32, ..Summary::default() };
        for origin in self.functions().map(|f| f.origin()) {
            if origin == Origin::Mark {
                summary.marks += 1;
            } else {
                summary.functions += 1;
                *summary.kinds.entry(origin).or_default() += 1;
            }
        }
        summary
    }

    fn find_landmarks(&self) -> Landmarks {
        let mut marks = Landmarks { deferreturn: None, morestack: Vec::new(), runtime: Vec::new(), go_sources: None };
        for f in self.functions() {
            let Some(name) = f.name().strip_prefix("runtime.") else { continue };
            marks.runtime.push(f.index());
            match name {
                "deferreturn" => marks.deferreturn = Some(f.entry()),
                "main" => marks.go_sources = go_sources(&f),
                "morestack" | "morestack_noctxt" | "morestackc" => marks.morestack.push(f.entry()),
                _ => {}
            }
        }
        marks
    }

    /// The function table.
    ///
    /// # Errors
    /// Why there is none that can be read.
    pub fn table(&self) -> Result<Pclntab<'_>, &Error> {
        self.code.as_ref().map(|code| Pclntab::new(&self.elf, code.table))
    }

    /// All functions by address; none if [`Image::table`] is an error.
    pub fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        let table = self.code.as_ref().ok().map(|code| (Pclntab::new(&self.elf, code.table), code.text));
        table.into_iter().flat_map(move |(table, text)| {
            (0..table.len()).filter_map(move |i| Some(Function { image: self, row: table.row(i)?, text }))
        })
    }

    /// The `index`th function by address.
    #[must_use]
    pub fn function(&self, index: u32) -> Option<Function<'_>> {
        let code = self.code.as_ref().ok()?;
        let row = Pclntab::new(&self.elf, code.table).row(index)?;
        Some(Function { image: self, row, text: code.text })
    }

    /// The function whose code contains `pc`.
    #[must_use]
    pub fn function_at(&self, pc: VAddr) -> Option<Function<'_>> {
        let code = self.code.as_ref().ok()?;
        let offset = u32::try_from(pc.since(code.text)?).ok()?;
        let row = Pclntab::new(&self.elf, code.table).row_at(offset)?;
        Some(Function { image: self, row, text: code.text })
    }

    /// The functions of exactly this name: several where an assembly function and its wrapper share one.
    pub fn named(&self, name: &str) -> impl Iterator<Item = Function<'_>> {
        self.functions().filter(move |f| f.name() == name)
    }

    /// For each function that was inlined somewhere, where.
    #[must_use]
    pub fn inlined(&self) -> BTreeMap<&str, Vec<InlinedAt<'_>>> {
        self.inlined_where(|_| true)
    }

    /// For each function with a chosen name that was inlined somewhere, where. Of others nothing but the name is read.
    #[must_use]
    pub fn inlined_where(&self, chosen: impl FnMut(&str) -> bool) -> BTreeMap<&str, Vec<InlinedAt<'_>>> {
        self.inlined_first(chosen, usize::MAX).places
    }

    /// The same, where about `most` places are enough and others are only counted.
    #[must_use]
    pub fn inlined_first(&self, mut chosen: impl FnMut(&str) -> bool, most: usize) -> Inlined<'_> {
        let mut all = Inlined::default();
        let Ok(table) = self.table() else { return all };
        let mut known: HashMap<u32, bool> = HashMap::new();
        // Each has bytes of its own, but for those that damage counts twice.
        let most = most.min(self.elf.bytes().len() / INLINED_CALL);
        let mut found = 0;
        for into in self.functions() {
            let is_chosen = |at: &u32| *known.entry(*at).or_insert_with(|| table.name(*at).is_some_and(&mut chosen));
            let names: Vec<u32> = into.inlined_name_offsets().collect();
            let ours: Vec<bool> = names.iter().map(is_chosen).collect();
            let count = ours.iter().filter(|ours| **ours).count();
            all.count += count;
            if count == 0 || found >= most {
                continue;
            }
            let calls = (0..).zip(into.inlined_calls()).zip(ours).filter(|(_, ours)| *ours);
            for ((number, call), _) in calls.take(most - found) {
                found += 1;
                all.places.entry(call.name).or_default().push(InlinedAt { into, call, number });
            }
        }
        all.functions = known.values().filter(|chosen| **chosen).count();
        all
    }

    /// Where inlined calls begin and what they are called with, in the order of `places`.
    #[must_use]
    pub fn instances<'i>(&'i self, places: &[InlinedAt<'i>]) -> Vec<Result<Instance, Unclear>> {
        let stopping = self.functions().filter(|function| STOPPING.contains(&function.name()));
        let stops: HashSet<VAddr> = stopping.map(|function| function.entry()).collect();
        let mut known: HashMap<u32, Result<Decoded<'_>, Unclear>> = HashMap::new();
        let one = |at: &InlinedAt<'i>| {
            let decoded = known.entry(at.into.index()).or_insert_with(|| at.into.decoded(&stops));
            decoded.as_ref().map_err(|why| *why).and_then(|decoded| self.instance(at, decoded))
        };
        places.iter().map(one).collect()
    }

    fn instance(&self, at: &InlinedAt, decoded: &Decoded<'_>) -> Result<Instance, Unclear> {
        let begins = decoded.beginnings(at.number)?;
        let pc = |begins: &Point| at.into.entry().plus(u64::from(begins.offset));
        let described = self.dwarf().and_then(|dwarf| dwarf.inlined_call(at.into.entry(), at.call.name, at.pc()));
        let args = |begins: &Point| Some(described.as_ref()?.args(pc(begins)));
        let located = |args: &Option<Vec<InlinedArg<'_>>>| args.iter().flatten().filter(|arg| arg.is_located()).count();
        // Of those that know most, the first.
        let all = begins.iter().rev().map(|begins| (args(begins), *begins));
        let Some((args, begins)) = all.max_by_key(|(args, _)| located(args)) else { return Err(Unclear::Gone) };
        let depth = at.into.row().stack_depth(begins.offset);
        let signature = self.dwarf().zip(args).map(|(dwarf, args)| signature::of_inlined(dwarf, &args, depth));
        let (signature, sp_adjust) = signature.map_or((None, 0), |(signature, adjust)| (Some(signature), adjust));
        let (ends, level) = (self.ends(at, &begins, decoded), decoded.level(at.number).unwrap_or_default());
        Ok(Instance { begins, ends, level, signature, sp_adjust })
    }

    fn ends(&self, at: &InlinedAt, begins: &Point, decoded: &Decoded<'_>) -> Result<Vec<Point>, Endless> {
        decoded.level(at.number).ok_or(Endless::Deep)?;
        let ends = decoded.ends(at.number, begins)?;
        let depth = |point: &Point| at.into.row().stack_depth(point.offset);
        let stays = depth(begins).is_some() && ends.iter().all(|end| depth(end) == depth(begins));
        stays.then_some(ends).ok_or(Endless::Moved)
    }

    /// The functions that exist only inlined into others.
    #[must_use]
    pub fn inlined_only(&self) -> BTreeSet<&str> {
        let Ok(table) = self.table() else { return BTreeSet::new() };
        let offsets: HashSet<u32> = self.functions().flat_map(|f| f.inlined_name_offsets()).collect();
        let mut names: BTreeSet<&str> = offsets.into_iter().filter_map(|at| table.name(at)).collect();
        for f in self.functions() {
            names.remove(f.name());
        }
        names
    }
}

impl TypeSource for Image {
    fn resolve(&self, at: TypeRef) -> Option<Arc<Type>> {
        match at {
            TypeRef::Dwarf(_) => self.dwarf()?.resolve(at),
            TypeRef::Runtime(_) => self.runtime_types()?.resolve(at),
            TypeRef::Made(number) => self.made.get(number),
        }
    }
}

/// What follows a function's name in the name of the body of a loop over a function, before a number.
const LOOP_BODY: &str = "-range";
/// Loops and closures in them nest no deeper, but in damage.
const DEEPEST_LOOP: usize = 16;

/// The functions around the body of a loop: `main.f` and `main.f-range1.func2` of `main.f-range1.func2-range3`.
fn around_loops(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices(LOOP_BODY).take(DEEPEST_LOOP).map(|(at, _)| &name[..at])
}

/// A name with `[]` in place of its type arguments, which differ where the same code was inlined.
fn without_type_arguments(name: &str) -> Cow<'_, str> {
    match (name.find('['), name.rfind(']')) {
        (Some(open), Some(close)) if open < close => format!("{}[]{}", &name[..open], &name[close + 1..]).into(),
        _ => name.into(),
    }
}

/// The name of a method without its package and receiver.
fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// What stands before `runtime/proc.go` in the file name of `runtime.main`.
fn go_sources(main: &Function) -> Option<String> {
    let (file, _) = main.place()?;
    let own = file.strip_suffix("runtime/proc.go").filter(|own| !own.is_empty())?;
    Some(own.to_owned())
}

impl Code {
    fn locate(elf: &Elf, table: Header, module: Option<&Moduledata>) -> Result<Code, Error> {
        let text = module.map(|m| m.text).or_else(|| pclntab::text_start(elf, Pclntab::new(elf, table)));
        let text = text.ok_or_else(|| {
            Error::malformed("function table", "where its code starts is not to be found (no moduledata points to it)")
        })?;
        Ok(Code { table, text })
    }
}

impl<'i> Function<'i> {
    /// The linker's name.
    #[must_use]
    pub fn name(&self) -> &'i str {
        self.row.name()
    }

    /// The name, taken apart.
    #[must_use]
    pub fn parts(&self) -> Name<'i> {
        Name::parse(self.name())
    }

    /// Its place among all functions by address.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.row.index
    }

    /// Its first byte.
    #[must_use]
    pub fn entry(&self) -> VAddr {
        self.text.plus(u64::from(self.row.entry))
    }

    /// Bytes up to the next function, padding included.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.row.end - self.row.entry
    }

    /// Its code, padding included; empty if the file does not have it.
    #[must_use]
    pub fn code(&self) -> &'i [u8] {
        self.image.elf.read(self.entry(), u64::from(self.size())).unwrap_or_default()
    }

    /// Its row in the function table.
    #[must_use]
    pub fn row(&self) -> &Row<'i> {
        &self.row
    }

    /// Whether it was written in assembly.
    #[must_use]
    pub fn is_assembly(&self) -> bool {
        self.row.flags() & FLAG_ASM != 0
    }

    /// What it was written in. The table names no file for C's functions and for the linker's marks.
    #[must_use]
    pub fn written(&self) -> Written {
        match self.place() {
            _ if self.is_assembly() => Written::Assembly,
            None if self.name().starts_with("go:") => Written::Mark,
            None => Written::C,
            Some(_) => Written::Go,
        }
    }

    /// Whether the compiler says that it only calls another function.
    pub(crate) fn is_marked_wrapper(&self) -> bool {
        self.image.is_wrapper(self.row.func_id())
    }

    /// How it came to be.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match self.parts().origin() {
            Origin::Go if self.is_assembly() => Origin::Asm,
            Origin::Go if self.is_marked_wrapper() => Origin::Wrapper,
            Origin::Go if self.written() == Written::C => Origin::C,
            Origin::Generated if self.written() == Written::Mark => Origin::Mark,
            other => other,
        }
    }

    /// File and line of its first instruction.
    #[must_use]
    pub fn place(&self) -> Option<(&'i str, u32)> {
        self.row.file_line(0)
    }

    /// File and line of the instruction at `pc`.
    #[must_use]
    pub fn file_line(&self, pc: VAddr) -> Option<(&'i str, u32)> {
        self.row.file_line(u32::try_from(pc.since(self.entry())?).ok()?)
    }

    /// The innermost function whose inlined code the instruction at `pc` belongs to; `None` for its own code.
    #[must_use]
    pub fn inlined_at(&self, pc: VAddr) -> Option<&'i str> {
        let tree = self.funcdata(self.row.inline_tree())?;
        self.row.inlined_at(tree, u32::try_from(pc.since(self.entry())?).ok()?)
    }

    /// The calls that the instruction at `pc` belongs to: what was inlined there, the innermost first, and the function
    /// itself.
    #[must_use]
    pub fn calls_at(&self, pc: VAddr) -> Vec<CallAt<'i>> {
        let mut calls = Vec::new();
        let tree = self.funcdata(self.row.inline_tree()).unwrap_or_default();
        let mut at = pc.since(self.entry()).and_then(|at| u32::try_from(at).ok());
        while let Some(call) = at.and_then(|at| self.row.inlined_from(tree, at)) {
            let place = at.and_then(|at| self.row.file_line(at));
            calls.push(CallAt { name: call.name, place, inlined: true, wrapper: self.image.is_wrapper(call.func_id) });
            // What a file says may lead round and round.
            at = Some(call.parent_pc).filter(|_| calls.len() < MOST_INLINED);
        }
        let place = at.and_then(|at| self.row.file_line(at));
        calls.push(CallAt { name: self.name(), place, inlined: false, wrapper: self.is_marked_wrapper() });
        calls
    }

    /// Its inline tree, in the tree's own order.
    #[must_use]
    pub fn inlined_calls(&self) -> Vec<InlinedCall<'i>> {
        self.funcdata(self.row.inline_tree()).map_or_else(Vec::new, |tree| self.row.inlined_calls(tree))
    }

    /// Its instructions, for those that came from inlined calls.
    fn decoded<'d>(&self, stops: &'d HashSet<VAddr>) -> Result<Decoded<'d>, Unclear>
    where
        'i: 'd,
    {
        Decoded::of(Around {
            arch: self.image.arch(),
            entry: self.entry(),
            bytes: self.code(),
            calls: self.inlined_calls(),
            steps: self.row.inline_steps().collect(),
            stops,
        })
    }

    fn inlined_name_offsets(&self) -> impl Iterator<Item = u32> + use<'i> {
        let row = self.row;
        let tree = self.funcdata(row.inline_tree()).unwrap_or_default();
        row.inlined_name_offsets(tree)
    }

    /// What the function table knows of it, for [`Signatures::at`].
    #[must_use]
    pub fn compiled(&self) -> Compiled<'i> {
        let words = self.arg_info();
        Compiled {
            entry: self.entry(),
            name: self.name(),
            assembly: self.is_assembly(),
            words: if self.row.arg_info().is_some() && words.is_none() { None } else { Some(words) },
            frame: self.row.args(),
            loops_over_function: self.image.loops_over_function(self),
        }
    }

    /// The runtime's description of its argument words, with whatever follows it.
    #[must_use]
    pub fn arg_info(&self) -> Option<&'i [u8]> {
        self.funcdata(self.row.arg_info())
    }

    /// The offset from which on argument words are slots that registers are spilled to, where the runtime knows.
    #[must_use]
    pub fn spilled_from(&self) -> Option<u8> {
        self.funcdata(self.row.arg_live_info())?.first().copied()
    }

    fn funcdata(&self, offset: Option<u32>) -> Option<&'i [u8]> {
        let data = self.image.module.as_ref()?.data.as_ref()?;
        self.image.elf.tail(data.gofunc.plus(u64::from(offset?)))
    }
}
