//! What a file without DWARF still says about arguments.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::abi::{self, Abi, Frame, Piece, Place, Register, Shapes};
use crate::addr::VAddr;
use crate::arginfo::{self, Guess, Known, Node};
use crate::elf::Arch;
use crate::image::{Function, Image};
use crate::name::Origin;
use crate::release::Release;
use crate::rtype::{MethodSignature, Receiver, RuntimeTypes};
use crate::signature::{Arg, Gaps, PlacedBy, Signature, Source};
use crate::sites::Written;
use crate::types::{Field, Kind, Type, TypeRef, TypeSource};

/// The runtime's types and the methods that have them.
pub struct Runtime<'i> {
    image: &'i Image,
    arch: Arch,
    release: Option<Release>,
    types: Option<RuntimeTypes<'i>>,
    methods: HashMap<VAddr, MethodSignature<'i>>,
    shapes: Shapes,
    /// The names of types, each put together once.
    names: RwLock<HashMap<VAddr, String>>,
}

/// Names for arguments that have none.
const PARAMS: [&str; 10] = ["~p0", "~p1", "~p2", "~p3", "~p4", "~p5", "~p6", "~p7", "~p8", "~p9"];
const RESULTS: [&str; 4] = ["~r0", "~r1", "~r2", "~r3"];

fn nameless(names: &'static [&str], index: usize) -> Cow<'static, str> {
    let prefix = &names[0][..2];
    names.get(index).map_or_else(|| format!("{prefix}{index}").into(), |&name| name.into())
}

impl<'i> Runtime<'i> {
    pub(super) fn of(image: &'i Image) -> Runtime<'i> {
        let types = image.runtime_types();
        let mut methods = types.map(|t| t.method_signatures(None)).unwrap_or_default();
        // Only now, so that whoever looks for functions at the same time has found them.
        if let Some(unreachable) = image.runtime_function("runtime.unreachableMethod") {
            methods.remove(&unreachable.entry());
        }
        let (arch, release) = (image.arch(), image.release());
        Runtime { image, arch, release, types, methods, shapes: Shapes::default(), names: RwLock::default() }
    }

    /// Without `places`, those are unknown.
    pub(super) fn signature(&self, function: &Function, places: bool) -> Option<Signature> {
        if function.written() != Written::Go {
            return None;
        }
        let typed = self.types.as_ref().and_then(|types| Some((types, self.methods.get(&function.entry())?)));
        match typed {
            Some((types, method)) => Some(self.of_method(types, method, places)),
            None => self.of_words(function, places),
        }
    }

    fn of_method(&self, types: &RuntimeTypes, method: &MethodSignature, places: bool) -> Signature {
        let receiver = match method.receiver {
            Receiver::Value(at) => self.typed(types, TypeRef::Runtime(at)),
            Receiver::Pointer(at) => self.pointer(format!("*{}", self.name(types, at)), at),
        };
        let typed = |&ty: &TypeRef| self.typed(types, ty);
        let args: Vec<Typed> = std::iter::once(receiver).chain(method.func.params.iter().map(typed)).collect();
        let rets: Vec<Typed> = method.func.results.iter().map(typed).collect();
        let frame = if places { self.frame(&args, &rets) } else { unplaced(args.len(), rets.len()) };
        let arg = |names: &'static [&'static str]| {
            move |(i, (typed, place)): (usize, (Typed, Place))| Arg {
                name: nameless(names, i),
                type_name: typed.name.into(),
                ty: Some(typed.ty),
                place,
                placed_by: PlacedBy::Algorithm,
                guess: None,
                dictionary_index: None,
            }
        };
        Signature {
            args: args.into_iter().zip(frame.args).enumerate().map(arg(&PARAMS)).collect(),
            rets: rets.into_iter().zip(frame.results).enumerate().map(arg(&RESULTS)).collect(),
            receiver: true,
            dictionary: None,
            abi: Abi::Internal,
            omitted: Gaps::None,
            rets_omitted: false,
            source: Source::RuntimeTypes,
        }
    }

    fn frame(&self, args: &[Typed], rets: &[Typed]) -> Frame {
        let shapes = |list: &[Typed]| list.iter().map(|t| self.shapes.of(t.ty, self.image)).collect::<Vec<_>>();
        abi::assign(self.arch, Abi::Internal, &shapes(args), &shapes(rets))
    }

    /// A pointer type, which may have no descriptor.
    fn pointer(&self, name: String, to: VAddr) -> Typed {
        let ty = Type::made(&name, 8, Kind::Pointer(Some(TypeRef::Runtime(to))));
        Typed { name, ty: self.image.made().add(ty) }
    }

    fn typed(&self, types: &RuntimeTypes, ty: TypeRef) -> Typed {
        let name = match ty {
            TypeRef::Runtime(at) => self.name(types, at),
            TypeRef::Dwarf(_) | TypeRef::Made(_) => "?".to_owned(),
        };
        Typed { name, ty }
    }

    fn name(&self, types: &RuntimeTypes, at: VAddr) -> String {
        if let Some(known) = self.names.read().unwrap_or_else(PoisonError::into_inner).get(&at) {
            return known.clone();
        }
        let name = name(types, at);
        self.names.write().unwrap_or_else(PoisonError::into_inner).insert(at, name.clone());
        name
    }

    /// Only sizes and groups, no types, no results; floats look like integers.
    fn of_words(&self, function: &Function, places: bool) -> Option<Signature> {
        // A function without arguments has no list.
        let mut words = match function.arg_info() {
            Some(info) => arginfo::words(info).ok()?,
            None if function.row().args() == 0 => Vec::new(),
            None => return None,
        };
        let known = Known {
            registers: Register::count(self.arch, false),
            hidden: arginfo::hidden(function.name()),
            spilled_from: function.spilled_from(),
        };
        let mut guesses = if places { arginfo::guess(&words, known) } else { vec![Guess::Unclear; words.len()] };
        let left_out = self.left_out(function, &mut words, &mut guesses);
        let mut gaps = if left_out { vec![0] } else { Vec::new() };
        if words.pop_if(|last| *last == Node::More).is_some() {
            gaps.push(words.len());
        }
        gaps.dedup();
        let args = words.iter().zip(guesses).enumerate().map(|(i, (node, guess))| Arg {
            name: nameless(&PARAMS, i + usize::from(left_out)),
            type_name: words_of(node),
            ty: self.words_type(node),
            place: Place::Unknown,
            placed_by: PlacedBy::Words,
            guess: Some(self.place(node, guess)).filter(|place| *place != Place::Unknown),
            dictionary_index: None,
        });
        Some(Signature {
            args: args.collect(),
            rets: Vec::new(),
            receiver: false,
            dictionary: None,
            abi: Abi::Internal,
            omitted: if gaps.is_empty() { Gaps::None } else { Gaps::Before(gaps) },
            rets_omitted: true,
            source: Source::ArgInfo,
        })
    }

    /// Whether the first argument is not in the list: so it is of all functions with type arguments in their names,
    /// except those whose dictionary comes first. Where the dictionary comes second, the list begins with it, and it is
    /// taken out.
    fn left_out(&self, function: &Function, words: &mut Vec<Node>, guesses: &mut Vec<Guess>) -> bool {
        let name = function.name();
        if !name.contains('[') || function.arg_info().is_none() {
            return false;
        }
        let late = self.release.is_none_or(|release| release.dictionary_behind_receiver);
        let parts = function.parts();
        match (parts.origin() == Origin::Go && name.contains("[go.shape."), parts.receiver.is_some()) {
            (true, false) => false,
            (true, true) if !late => false,
            (true, true) => {
                words.drain(..words.len().min(1));
                guesses.drain(..guesses.len().min(1));
                true
            }
            (false, _) => true,
        }
    }

    /// A type for words of which the size is all that is known; none where not even that is.
    fn words_type(&self, node: &Node) -> Option<TypeRef> {
        let words = node.words()?;
        let made = self.image.made();
        let first = words.first().map_or(0, |word| word.0);
        let part = |&(offset, size): &(u8, u8)| {
            let node = Node::Word { offset, size };
            let ty = made.add(Type::made(words_of(&node), size.into(), Kind::Int { signed: false }));
            Field::of("", ty, u64::from(offset.wrapping_sub(first)))
        };
        let parts: Vec<Field> = words.iter().map(part).collect();
        match (node, parts.first()) {
            (Node::Word { .. }, Some(only)) => Some(only.ty),
            _ => {
                let size = words.last().map_or(0, |word| u64::from(word.0.wrapping_sub(first)) + u64::from(word.1));
                Some(made.add(Type::made(words_of(node), size, Kind::Struct(parts))))
            }
        }
    }

    fn place(&self, node: &Node, guess: Guess) -> Place {
        match guess {
            Guess::Registers(range) => {
                let words = node.words().unwrap_or_default();
                let first = words.first().map_or(0, |word| word.0);
                let piece = |(index, (offset, size)): (usize, (u8, u8))| {
                    let register = Register { arch: self.arch, float: false, index: index as u8 };
                    Piece { register, offset: u64::from(offset.wrapping_sub(first)), size: size.into() }
                };
                Place::Registers(range.zip(words).map(piece).collect())
            }
            Guess::Stack(offset) => Place::Stack(u64::from(offset)),
            Guess::Nothing => Place::Empty,
            Guess::Unclear => Place::Unknown,
        }
    }
}

/// A type with its name.
#[derive(Clone)]
struct Typed {
    name: String,
    ty: TypeRef,
}

/// A frame of which nothing is known.
fn unplaced(args: usize, results: usize) -> Frame {
    Frame { args: vec![Place::Unknown; args], results: vec![Place::Unknown; results] }
}

/// With import paths where they are known, else as reflect names it.
fn name(types: &RuntimeTypes, at: VAddr) -> String {
    let short = || types.resolve(TypeRef::Runtime(at)).map(|t| t.name.clone());
    types.full_name(at).or_else(short).unwrap_or_else(|| "?".to_owned())
}

/// `word`, `word32`, `{word, word}`: all that is known of a parameter.
fn words_of(node: &Node) -> Cow<'static, str> {
    match node {
        Node::Word { size: 8, .. } => "word".into(),
        Node::Word { size: 4, .. } => "word32".into(),
        Node::Word { size: 1, .. } => "word8".into(),
        Node::Word { size, .. } => format!("word{}", u32::from(*size) * 8).into(),
        Node::Group(parts) => {
            let mut text = String::from("{");
            for (i, part) in parts.iter().enumerate() {
                text.push_str(if i == 0 { "" } else { ", " });
                text.push_str(&words_of(part));
            }
            (text + "}").into()
        }
        Node::Far | Node::More => "…".into(),
    }
}
