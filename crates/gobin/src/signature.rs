//! What a function takes and gives: names, types, and where each value is.
//!
//! [`Signatures`] reads them from DWARF. Names and types are DWARF's, places are worked out from the types, since the
//! compiler's algorithm is certain and DWARF's locations are not: they are compared by [`Signatures::compare`].
//!
//! The algorithm must see everything, and DWARF leaves things out: up to Go 1.21 arguments without a name, and since
//! loops run over functions the results without a name of functions that return from within such a loop. What is
//! missing is told by the function table; a place that it makes uncertain is [`Place::Unknown`].

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::abi::{self, Abi, Frame, Place, Shape, Shapes};
use crate::addr::VAddr;
use crate::dwarf::{self, Dwarf, Param};
use crate::elf::Elf;
use crate::name::{Name, Origin};
use crate::release::Release;
use crate::types::{TypeRef, TypeSource};

mod comparison;
mod inlined;
mod text;
mod words;

pub use comparison::{Comparison, Disagreement};

pub(crate) use inlined::of_inlined;

use words::Remaining;
pub(crate) use words::fits;

/// A function's arguments and results.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// The arguments; of a method the receiver first.
    pub args: Vec<Arg>,
    /// The results.
    pub rets: Vec<Arg>,
    /// The first argument is the receiver.
    pub receiver: bool,
    /// Where the hidden dictionary of a generic function is.
    pub dictionary: Option<Place>,
    /// How the function is called.
    pub abi: Abi,
    /// Where arguments are missing, because the source leaves out those without a name.
    pub omitted: Gaps,
    /// Results are missing, or may be.
    pub rets_omitted: bool,
    /// What told all this.
    pub source: Source,
}

/// Where arguments are missing from a signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Gaps {
    /// Nowhere: all are there.
    None,
    /// Before the arguments of these indices, each one or more; the index behind the last one stands for the end.
    Before(Vec<usize>),
    /// Somewhere, or all that can be said is that they may be.
    Somewhere,
}

impl Gaps {
    /// Whether none is missing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Gaps::None
    }
}

/// What the function table knows of a compiled function.
#[derive(Clone, Copy, Debug)]
pub struct Compiled<'f> {
    /// Its first instruction.
    pub entry: VAddr,
    /// The linker's name.
    pub name: &'f str,
    /// It was written in assembly.
    pub assembly: bool,
    /// The list of its argument words with whatever follows; the inner `None` if it has none, the outer if it cannot
    /// be found.
    pub words: Option<Option<&'f [u8]>>,
    /// Bytes of its arguments, of its results on the stack, and of the slots for arguments in registers.
    pub frame: i32,
    /// It has a loop over a function in its body.
    pub loops_over_function: bool,
}

/// What a signature was read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// DWARF: names, types and all.
    Dwarf,
    /// The runtime's types of methods: types, no names.
    RuntimeTypes,
    /// The words that tracebacks print: sizes only, and nothing about results.
    ArgInfo,
    /// Whoever asks says so.
    Declared,
}

impl Source {
    /// The word for it in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Source::Dwarf => "dwarf",
            Source::RuntimeTypes => "runtime-types",
            Source::ArgInfo => "arginfo",
            Source::Declared => "declared",
        }
    }

    /// What it is, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Source::Dwarf => "DWARF",
            Source::RuntimeTypes => "the runtime's types; the file has no names",
            Source::ArgInfo => "the words of tracebacks; places are guesses, and results are unknown",
            Source::Declared => "what was said of it",
        }
    }
}

/// An argument or a result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arg {
    /// Its name; `~p0`, `~r0` or `_` for those that have none.
    pub name: Cow<'static, str>,
    /// Its type in Go syntax, with whole import paths.
    pub type_name: Cow<'static, str>,
    /// Its type, if it is described anywhere.
    pub ty: Option<TypeRef>,
    /// Where it is: an argument at entry, a result at return.
    pub place: Place,
    /// What told the place.
    pub placed_by: PlacedBy,
    /// Where it may be if the place is not known, from the sizes of words alone, among which floats look like integers.
    pub guess: Option<Place>,
    /// The word of the dictionary that refers to its actual type, where `type_name` is only a shape.
    pub dictionary_index: Option<u64>,
}

/// What told where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlacedBy {
    /// The compiler's algorithm, from the types.
    Algorithm,
    /// The words of tracebacks together with DWARF, where the algorithm does not know all arguments.
    Words,
    /// DWARF's lists of places, where a call was inlined.
    Lists,
}

/// The signatures of the functions of one executable.
pub struct Signatures<'d> {
    dwarf: &'d Dwarf,
    elf: &'d Elf,
    release: Option<Release>,
    shapes: Shapes,
    /// Entries that symbols call `name.abi0`: Go functions as assembly calls them.
    abi0: HashSet<VAddr>,
}

impl<'d> Signatures<'d> {
    /// Signatures of `elf`, built by a Go release, from its DWARF sections.
    #[must_use]
    pub fn new(dwarf: &'d Dwarf, elf: &'d Elf, release: Option<Release>) -> Signatures<'d> {
        let abi0 = elf.symbols().filter(|s| s.function && s.name.ends_with(".abi0")).map(|s| s.addr).collect();
        Signatures { dwarf, elf, release, shapes: Shapes::default(), abi0 }
    }

    /// The signature of a function. `None` if DWARF does not describe it, or does not know what it takes: so it is
    /// with assembly.
    #[must_use]
    pub fn at(&self, of: &Compiled) -> Option<Signature> {
        let function = self.dwarf.function_at(of.entry)?;
        if of.assembly && function.args.is_empty() && function.results.is_empty() {
            return None;
        }
        let places = self.places(&function, of);
        let remaining = self.remaining_if_omitted(of, &function, &places);
        let placed = |params: &[Param<'_>], places: &[Place]| {
            params.iter().zip(places).map(|(p, place)| self.arg(&function, p, place)).collect()
        };
        let mut signature = Signature {
            args: placed(&function.args, &places.frame.args),
            rets: placed(&function.results, &places.frame.results),
            receiver: self.begins_with_receiver(&function, of.name),
            dictionary: places.dictionary,
            abi: places.abi,
            omitted: Gaps::None,
            rets_omitted: may_lack_results(of, &function),
            source: Source::Dwarf,
        };
        if let Some(remaining) = remaining {
            signature.keep(remaining);
        }
        if signature.rets_omitted {
            signature.rets.iter_mut().for_each(|r| r.place = Place::Unknown);
        }
        Some(signature)
    }

    /// Whether DWARF describes parameters without a name too.
    fn describes_unnamed(&self) -> bool {
        self.release.is_none_or(|release| release.describes_unnamed_parameters)
    }

    /// What is certain where the version leaves out arguments.
    fn remaining_if_omitted(
        &self,
        of: &Compiled,
        function: &dwarf::Function<'_>,
        places: &Places,
    ) -> Option<Remaining> {
        let complete = of.assembly || self.describes_unnamed();
        if complete { None } else { self.remaining(of, function, places) }
    }

    fn arg(&self, function: &dwarf::Function<'_>, param: &Param<'_>, place: &Place) -> Arg {
        let ty = self.dwarf.resolve(param.ty);
        let generic = function.name.contains("go.shape.");
        Arg {
            name: param.name.to_owned().into(),
            type_name: ty.map_or("?".into(), |t| t.name.clone().into()),
            ty: Some(param.ty),
            place: place.clone(),
            placed_by: PlacedBy::Algorithm,
            guess: None,
            dictionary_index: if generic { self.dwarf.dictionary_index(param.ty) } else { None },
        }
    }

    /// Whether the first argument is the receiver: not where the function is no method, nor where the receiver has
    /// no name and the version leaves such out.
    fn begins_with_receiver(&self, function: &dwarf::Function<'_>, name: &str) -> bool {
        let name = Name::parse(name);
        let Some(receiver) = name.receiver.filter(|_| name.origin() == Origin::Go) else { return false };
        let Some(ty) = function.args.first().and_then(|first| self.dwarf.resolve(first.ty)) else { return false };
        self.describes_unnamed() || is_type_of(receiver, &ty.name)
    }

    fn shapes_of(&self, params: &[Param<'_>]) -> Vec<Option<Arc<Shape>>> {
        params.iter().map(|p| self.shapes.of(p.ty, self.dwarf)).collect()
    }

    /// Where the algorithm puts everything.
    fn places(&self, function: &dwarf::Function<'_>, of: &Compiled) -> Places {
        let abi = if of.assembly || self.abi0.contains(&function.entry) { Abi::Zero } else { Abi::Internal };
        let mut args = self.shapes_of(&function.args);
        let hidden = self.dictionary_position(function, of.name).map(|at| at.min(args.len()));
        if let Some(at) = hidden {
            args.insert(at, Some(Arc::new(Shape::pointer())));
        }
        let mut frame = abi::assign(self.elf.arch, abi, &args, &self.shapes_of(&function.results));
        let dictionary = hidden.map(|at| frame.args.remove(at));
        Places { abi, frame, dictionary, hidden }
    }

    /// How many arguments stand before the hidden dictionary that code shared by several type arguments takes.
    /// Closures in such code keep it, unless they are called on the spot; wrappers and comparisons need none.
    fn dictionary_position(&self, function: &dwarf::Function<'_>, name: &str) -> Option<usize> {
        let name = Name::parse(name);
        if name.origin() != Origin::Go || !function.name.contains("[go.shape.") {
            return function.dictionary;
        }
        let late = name.receiver.is_some() && self.release.is_none_or(|release| release.dictionary_behind_receiver);
        Some(usize::from(late))
    }
}

/// The answer of the algorithm.
struct Places {
    abi: Abi,
    /// Without the dictionary.
    frame: Frame,
    dictionary: Option<Place>,
    /// How many arguments stand before the dictionary, if there is one.
    hidden: Option<usize>,
}

impl Signature {
    /// Keeps the places that are certain; with arguments missing, nothing is known about results on the stack.
    fn keep(&mut self, remaining: Remaining) {
        for (arg, place) in self.args.iter_mut().zip(remaining.args) {
            if arg.place != place {
                (arg.place, arg.placed_by) = (place, PlacedBy::Words);
            }
        }
        if !remaining.gaps.is_none() {
            let on_stack = self.rets.iter_mut().filter(|r| matches!(r.place, Place::Stack(_)));
            on_stack.for_each(|r| r.place = Place::Unknown);
        }
        self.omitted = remaining.gaps;
    }
}

/// Whether results may be missing: the compiler gives names of its own to those without one if the function returns
/// from within a loop over a function, and describes none of them. If one without a name is described, that did not
/// happen. The body of such a loop is a function whose result it never describes.
fn may_lack_results(of: &Compiled, function: &dwarf::Function<'_>) -> bool {
    let is_body = of.name.rsplit_once("-range").is_some_and(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()));
    (is_body || of.loops_over_function) && !function.results.iter().any(|r| is_made_up(r.name))
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(self, f)
    }
}

impl Arg {
    /// Its name, if it has one.
    #[must_use]
    pub fn given_name(&self) -> Option<&str> {
        Some(&*self.name).filter(|&n| !is_made_up(n))
    }
}

/// Whether `receiver`, as it stands in a function's name, is the type of this name: `*conn` is `*net/http.conn`.
fn is_type_of(receiver: &str, type_name: &str) -> bool {
    let plain = |name: &str| {
        let end = name.find('[').unwrap_or(name.len());
        let last = name[..end].rsplit(['.', '*']).next().unwrap_or_default();
        (name.starts_with('*'), last.to_owned())
    };
    plain(receiver) == plain(type_name)
}

/// `~p0`, `~r0` and `_` stand for no name.
fn is_made_up(name: &str) -> bool {
    name.is_empty() || name == "_" || name.starts_with('~')
}
