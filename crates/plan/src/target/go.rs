//! Answers from a Go executable.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use gobin::declare::{Declaration, Wrong};
use gobin::describe::{Declarations, Descriptions};
use gobin::generic::{Generics, Instantiation};
use gobin::image::{InlinedAt, Instance};
use gobin::insn::{self, Class};
use gobin::instance::Unclear;
use gobin::maps::Maps;
use gobin::name::Origin;
use gobin::pattern::{self, Pattern};
use gobin::signature::{Signature, Source};
use gobin::sites::Sites;
use gobin::types::{Kind, Type, TypeRef, TypeSource};
use gobin::{Arch, FileOff, Function, Image, VAddr};

use super::{DynamicType, FIELDS, Found, Inlined, InlinedPlaces, NAMED, Runtime, Start, SystemCalls, Target, hooks};

/// How many names are suggested.
pub(super) const SUGGESTED: usize = 3;

/// No program has reasons to wait behind this number.
const MOST_REASONS: u8 = 100;

/// No goroutine has a state with this number or a larger one.
const STATES: u32 = 16;

/// A Go executable, and what was found out about it so far.
pub struct GoTarget<'i> {
    image: &'i Image,
    descriptions: OnceLock<Descriptions<'i>>,
    declarations: Declarations<'i>,
    generics: OnceLock<Generics<'i>>,
    /// What was said of functions.
    declared: Mutex<HashMap<u32, Arc<Signature>>>,
    known: Mutex<HashMap<u32, Result<Arc<Signature>, String>>>,
    runtime: OnceLock<Runtime>,
    /// Places where functions were inlined that are probed, as functions behind those of the program.
    instances: Mutex<Instances<'i>>,
}

impl<'i> GoTarget<'i> {
    /// Asks nothing yet.
    #[must_use]
    pub fn new(image: &'i Image) -> GoTarget<'i> {
        GoTarget {
            image,
            descriptions: OnceLock::new(),
            declarations: Declarations::new(image),
            generics: OnceLock::new(),
            declared: Mutex::default(),
            known: Mutex::default(),
            runtime: OnceLock::new(),
            instances: Mutex::default(),
        }
    }

    fn function(&self, found: &Found) -> Option<Function<'i>> {
        self.image.function(found.index)
    }

    fn read_runtime(&self) -> Runtime {
        let layout = self.image.runtime();
        let field = |name: &'static str| {
            let (strct, path) = name.split_once('.').unwrap_or((name, ""));
            let offset = layout.offset(&format!("runtime.{strct}"), path);
            (name, offset.map(|o| o.value).map_err(|why| why.to_string()))
        };
        let (hooks, missing) = hooks::find(self.image);
        Runtime {
            release: self.image.release(),
            fields: FIELDS.into_iter().map(field).collect(),
            hooks,
            missing,
            starts: self.image.starts(),
            g_states: (0..STATES).map(|n| layout.g_state(n).unwrap_or_default().to_owned()).collect(),
            wait_reasons: (0..MOST_REASONS).map_while(|n| layout.wait_reason(n)).map(str::to_owned).collect(),
        }
    }

    fn instance(&self, found: &Found) -> Option<Result<Instance, Unclear>> {
        found.inlined.as_ref()?;
        let instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        instances.get(self.image, found.index).cloned()
    }

    fn read_signature(&self, found: &Found) -> Result<Arc<Signature>, String> {
        if let Some(instance) = self.instance(found) {
            let instance = instance.map_err(|why| why.to_string())?;
            let signature = instance.signature.ok_or_else(|| "DWARF does not describe it there".to_owned())?;
            return Ok(Arc::new(signature));
        }
        let function = self.function(found).ok_or_else(|| "it is not in the program's table".to_owned())?;
        let descriptions = self.descriptions.get_or_init(|| Descriptions::of(self.image));
        match descriptions.signature(&function) {
            Some(signature) => Ok(Arc::new(self.of_panic(found, with_names(signature)))),
            None if self.image.dwarf().is_some() => Err("DWARF does not describe it".to_owned()),
            None => Err("the program has no DWARF, and nothing else describes it".to_owned()),
        }
    }
}

impl GoTarget<'_> {
    /// Where panics begin an interface is passed, whether the file says so or not.
    fn of_panic(&self, found: &Found, mut signature: Signature) -> Signature {
        let untyped = found.name == super::PANIC && signature.source != Source::Dwarf;
        if let ([arg], true) = (signature.args.as_mut_slice(), untyped)
            && let Some(place) = arg.guess.take()
        {
            let any = Type::made("interface {}", 16, Kind::Interface { empty: true });
            (arg.ty, arg.type_name, arg.place) = (Some(self.image.made().add(any)), "any".into(), place);
        }
        signature
    }
}

/// Without DWARF no argument has a name: then they are called by their numbers.
fn with_names(mut signature: Signature) -> Signature {
    if signature.source != Source::Dwarf {
        let number = |name: &str| name.strip_prefix("~p").map(|n| format!("arg{n}"));
        let unnamed = signature.args.iter_mut().filter_map(|arg| Some((number(&arg.name)?, arg)));
        unnamed.for_each(|(name, arg)| arg.name = name.into());
    }
    signature
}

fn found(function: Function<'_>) -> Found {
    Found { index: function.index(), name: function.name().to_owned(), entry: function.entry(), inlined: None }
}

fn inlined(at: &InlinedAt<'_>) -> Inlined {
    let (file, line) = at.place().unwrap_or_default();
    Inlined { name: at.call.name.to_owned(), into: at.into.name().to_owned(), file: file.to_owned(), line, level: 0 }
}

/// Places where functions were inlined, numbered as they were asked for.
#[derive(Default)]
struct Instances<'i> {
    all: Vec<(InlinedAt<'i>, Result<Instance, Unclear>)>,
    /// By the function around it and the number in its tree.
    known: HashMap<(u32, u32), usize>,
}

impl<'i> Instances<'i> {
    fn add(&mut self, image: &'i Image, places: Vec<InlinedAt<'i>>) -> Vec<Found> {
        let new = |at: &InlinedAt<'i>| !self.known.contains_key(&(at.into.index(), at.number));
        let new: Vec<InlinedAt<'i>> = places.iter().copied().filter(new).collect();
        for (at, instance) in new.iter().zip(image.instances(&new)) {
            self.known.insert((at.into.index(), at.number), self.all.len());
            self.all.push((*at, instance));
        }
        places.iter().filter_map(|at| self.found(image, at)).collect()
    }

    fn found(&self, image: &Image, at: &InlinedAt<'i>) -> Option<Found> {
        let n = *self.known.get(&(at.into.index(), at.number))?;
        let index = own_functions(image).checked_add(u32::try_from(n).ok()?)?;
        let level =
            self.all.get(n).and_then(|(_, instance)| instance.as_ref().ok()).map_or(0, |instance| instance.level);
        let inlined = Some(Inlined { level, ..inlined(at) });
        Some(Found { index, name: at.call.name.to_owned(), entry: at.into.entry(), inlined })
    }

    fn get(&self, image: &Image, index: u32) -> Option<&Result<Instance, Unclear>> {
        let n = index.checked_sub(own_functions(image))?;
        self.all.get(n as usize).map(|(_, instance)| instance)
    }
}

/// How many numbers the program's own functions take.
fn own_functions(image: &Image) -> u32 {
    image.table().map_or(0, |table| table.len())
}

impl<'i> Target for GoTarget<'i> {
    fn is_go(&self) -> bool {
        true
    }

    fn runtime(&self) -> Runtime {
        self.runtime.get_or_init(|| self.read_runtime()).clone()
    }

    fn matching(&self, pattern: &Pattern) -> Vec<Found> {
        let matching: Vec<Function<'_>> = self.image.functions().filter(|f| pattern.matches(f.name())).collect();
        // What lets assembly call a Go function has that function's name, and would count its calls once more.
        let is_wrapper = |f: &Function<'_>| f.origin() == Origin::Wrapper;
        let own = matching.iter().filter(|f| !is_wrapper(f) && !f.is_assembly());
        let own: HashSet<&str> = own.map(Function::name).collect();
        matching.iter().filter(|f| !is_wrapper(f) || !own.contains(f.name())).map(|f| found(*f)).collect()
    }

    fn function_at(&self, at: VAddr) -> Option<Found> {
        self.image.function_at(at).map(found)
    }

    fn inlined(&self, pattern: &Pattern) -> InlinedPlaces {
        let all = self.image.inlined_first(|name| pattern.matches(name), NAMED);
        InlinedPlaces {
            first: all.places.values().flatten().map(inlined).collect(),
            functions: all.functions,
            places: all.count,
        }
    }

    fn instances(&self, pattern: &Pattern) -> Vec<Found> {
        let all: Vec<InlinedAt<'i>> =
            self.image.inlined_where(|name| pattern.matches(name)).into_values().flatten().collect();
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        instances.add(self.image, all)
    }

    fn suggest(&self, wanted: &str) -> Vec<String> {
        if let Some(generic) = pattern::generic(wanted, self.image.functions().map(|f| f.name())) {
            return vec![generic];
        }
        let names = pattern::suggest(wanted, self.image.functions().map(|f| f.name()), SUGGESTED);
        names.into_iter().map(str::to_owned).collect()
    }

    fn sites(&self, function: &Found) -> Option<Sites> {
        match self.instance(function) {
            Some(instance) => Some(match instance {
                Ok(of) => Sites::of_inlined(Ok((of.begins, of.sp_adjust)), of.ends),
                Err(why) => Sites::of_inlined(Err(why), Ok(Vec::new())),
            }),
            None => self.function(function).map(|f| self.image.sites(&f)),
        }
    }

    fn instruction(&self, function: &Found, offset: u64) -> Result<Option<Class>, String> {
        let function = self.function(function).ok_or_else(|| "it is not in the program's table".to_owned())?;
        instruction(self.image.arch(), &function, offset).map(Some)
    }

    fn signature(&self, function: &Found) -> Result<Arc<Signature>, String> {
        let declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(declared) = declared.get(&function.index) {
            return Ok(declared.clone());
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(function.index).or_insert_with(|| self.read_signature(function)).clone()
    }

    fn declare(&self, found: &Found, declaration: &Declaration) -> Result<(), Wrong> {
        let wrong = |why: &str| Wrong { at: declaration.at.clone(), why: why.to_owned(), help: None };
        let function = self.function(found).ok_or_else(|| wrong("it is not in the program's table"))?;
        let known = self.read_signature(found).ok();
        let signature = Arc::new(self.declarations.signature(&function, known.as_deref(), declaration)?);
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        match declared.insert(found.index, signature.clone()) {
            Some(before) if before != signature => {
                Err(wrong(&format!("something else was said of `{}` before", found.name)))
            }
            _ => Ok(()),
        }
    }

    fn instantiations(&self, found: &Found) -> Vec<Instantiation> {
        let is_generic = found.inlined.is_none() && found.name.contains("[go.shape.");
        let Some(known) = self.signature(found).ok().filter(|_| is_generic) else { return Vec::new() };
        self.generics.get_or_init(|| Generics::of(self.image)).instantiations(&found.name, &known)
    }

    fn resolve(&self, at: TypeRef) -> Option<Arc<Type>> {
        self.image.resolve(at)
    }

    fn described(&self, ty: &Type) -> Option<TypeRef> {
        self.image.runtime_types()?.at_offset(ty.runtime_offset?).map(TypeRef::Runtime)
    }

    fn full_name(&self, at: TypeRef) -> Option<String> {
        let TypeRef::Runtime(at) = at else { return None };
        self.image.runtime_types()?.full_name(at)
    }

    fn dynamic_types(&self) -> Vec<DynamicType> {
        let Some(types) = self.image.runtime_types() else { return Vec::new() };
        let own = types.dynamic().into_iter().map(|at| (at, at));
        let of_itabs = types.itabs().into_iter().map(|itab| (itab.addr, itab.concrete));
        let dynamic =
            |(address, ty)| Some(DynamicType { address, ty: TypeRef::Runtime(ty), direct: types.is_direct(ty)? });
        own.chain(of_itabs).filter_map(dynamic).collect()
    }

    fn maps(&self) -> Option<Maps> {
        self.image.maps()
    }

    fn system_calls(&self) -> Result<SystemCalls, String> {
        let gobin::syscalls::SystemCalls { function, calls, answered } = gobin::syscalls::SystemCalls::of(self.image)?;
        let through = self.image.function(function).map(found).ok_or("it is not in the program's table")?;
        Ok(SystemCalls { through, calls, answered })
    }

    fn start(&self) -> Option<Start> {
        super::elf::start(self.image.elf())
    }

    fn file_offset(&self, at: VAddr) -> Option<FileOff> {
        self.image.elf().file_offset(at)
    }
}

/// The price of a probe at an offset, if an instruction starts there that can have one.
fn instruction(arch: Arch, function: &Function<'_>, offset: u64) -> Result<Class, String> {
    let size = function.size();
    let wanted = u32::try_from(offset).ok().filter(|&at| at < size);
    let wanted = wanted.ok_or_else(|| format!("the function has {size:#x} bytes"))?;
    let mut before = 0;
    for decoded in insn::decode(arch, function.entry(), function.code()) {
        let decoded = decoded.map_err(|why| why.to_string())?;
        if decoded.at == wanted {
            let bytes = function.code().get(wanted as usize..).unwrap_or_default();
            return insn::price(arch, bytes).map_err(|why| why.to_string());
        }
        if decoded.at > wanted {
            let next = decoded.at;
            return Err(format!("no instruction starts there; one does at +{before:#x}, the next at +{next:#x}"));
        }
        before = decoded.at;
    }
    Err(format!("no instruction starts there; the last one does at +{before:#x}"))
}
