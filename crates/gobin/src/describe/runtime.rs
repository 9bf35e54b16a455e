//! What a file without DWARF still says about arguments.

use std::collections::BTreeMap;

use crate::abi::{self, Abi, Piece, Place, Register, Shape, Shapes};
use crate::addr::VAddr;
use crate::arginfo::{self, Guess, Known, Node};
use crate::elf::Arch;
use crate::image::{Function, Image};
use crate::name::Origin;
use crate::rtype::{MethodSignature, Receiver, RuntimeTypes};
use crate::signature::{Arg, Gaps, LAST_WITH_DICTIONARY_FIRST, PlacedBy, Signature, Source};
use crate::sites::Written;
use crate::types::{TypeRef, TypeSource};

/// The runtime's types and the methods that have them.
pub struct Runtime<'i> {
    arch: Arch,
    minor: Option<u32>,
    types: Option<RuntimeTypes<'i>>,
    methods: BTreeMap<VAddr, MethodSignature<'i>>,
    shapes: Shapes,
}

impl<'i> Runtime<'i> {
    pub(super) fn of(image: &'i Image) -> Runtime<'i> {
        let types = image.runtime_types();
        let unreachable = image.runtime_function("runtime.unreachableMethod").map(|f| f.entry());
        let methods = types.map(|t| t.method_signatures(unreachable)).unwrap_or_default();
        Runtime { arch: image.arch(), minor: image.minor(), types, methods, shapes: Shapes::default() }
    }

    pub(super) fn signature(&self, function: &Function) -> Option<Signature> {
        if function.written() != Written::Go {
            return None;
        }
        let typed = self.types.as_ref().and_then(|types| Some((types, self.methods.get(&function.entry())?)));
        match typed {
            Some((types, method)) => Some(self.of_method(types, method)),
            None => self.of_words(function),
        }
    }

    fn of_method(&self, types: &RuntimeTypes, method: &MethodSignature) -> Signature {
        let receiver = match method.receiver {
            Receiver::Value(at) => Typed::of(types, TypeRef::Runtime(at)),
            Receiver::Pointer(at) => Typed { name: format!("*{}", name(types, at)), ty: None },
        };
        let typed = |list: &[TypeRef]| list.iter().map(|&ty| Typed::of(types, ty)).collect::<Vec<_>>();
        let args = [vec![receiver], typed(&method.func.params)].concat();
        let rets = typed(&method.func.results);
        let shapes = |list: &[Typed]| {
            // Only a pointer receiver has a type without a descriptor.
            let shape = |t: &Typed| match t.ty {
                Some(ty) => self.shapes.of(ty, types),
                None => Some(Shape::pointer().into()),
            };
            list.iter().map(shape).collect::<Vec<_>>()
        };
        let frame = abi::assign(self.arch, Abi::Internal, &shapes(&args), &shapes(&rets));
        let arg = |prefix: char| {
            move |(i, (typed, place)): (usize, (Typed, Place))| Arg {
                name: format!("~{prefix}{i}"),
                type_name: typed.name,
                ty: typed.ty,
                place,
                placed_by: PlacedBy::Algorithm,
                guess: None,
                dictionary_index: None,
            }
        };
        Signature {
            args: args.into_iter().zip(frame.args).enumerate().map(arg('p')).collect(),
            rets: rets.into_iter().zip(frame.results).enumerate().map(arg('r')).collect(),
            receiver: true,
            dictionary: None,
            abi: Abi::Internal,
            omitted: Gaps::None,
            rets_omitted: false,
            source: Source::RuntimeTypes,
        }
    }

    /// Only sizes and groups, no types, no results; floats look like integers.
    fn of_words(&self, function: &Function) -> Option<Signature> {
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
        let mut guesses = arginfo::guess(&words, known);
        let left_out = self.left_out(function, &mut words, &mut guesses);
        let mut gaps = if left_out { vec![0] } else { Vec::new() };
        if words.pop_if(|last| *last == Node::More).is_some() {
            gaps.push(words.len());
        }
        gaps.dedup();
        let args = words.iter().zip(guesses).enumerate().map(|(i, (node, guess))| Arg {
            name: format!("~p{}", i + usize::from(left_out)),
            type_name: words_of(node),
            ty: None,
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
        let late = self.minor.is_none_or(|m| m > LAST_WITH_DICTIONARY_FIRST);
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

    fn place(&self, node: &Node, guess: Guess) -> Place {
        match guess {
            Guess::Registers(range) => {
                let mut sizes = Vec::new();
                leaf_sizes(node, &mut sizes);
                let mut offset = 0;
                let piece = |(index, size): (usize, u64)| {
                    let register = Register { arch: self.arch, float: false, index: index as u8 };
                    let at = offset;
                    offset += size;
                    Piece { register, offset: at, size }
                };
                Place::Registers(range.zip(sizes).map(piece).collect())
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
    ty: Option<TypeRef>,
}

impl Typed {
    fn of(types: &RuntimeTypes, ty: TypeRef) -> Typed {
        let name = match ty {
            TypeRef::Runtime(at) => name(types, at),
            TypeRef::Dwarf(_) => "?".to_owned(),
        };
        Typed { name, ty: Some(ty) }
    }
}

/// With import paths where they are known, else as reflect names it.
fn name(types: &RuntimeTypes, at: VAddr) -> String {
    let short = || types.resolve(TypeRef::Runtime(at)).map(|t| t.name.clone());
    types.full_name(at).or_else(short).unwrap_or_else(|| "?".to_owned())
}

/// `word`, `word32`, `{word, word}`: all that is known of a parameter.
fn words_of(node: &Node) -> String {
    match node {
        Node::Word { size: 8, .. } => "word".to_owned(),
        Node::Word { size, .. } => format!("word{}", u32::from(*size) * 8),
        Node::Group(parts) => format!("{{{}}}", parts.iter().map(words_of).collect::<Vec<_>>().join(", ")),
        Node::Far | Node::More => "…".to_owned(),
    }
}

fn leaf_sizes(node: &Node, sizes: &mut Vec<u64>) {
    match node {
        Node::Word { size, .. } => sizes.push(u64::from(*size)),
        Node::Group(parts) => parts.iter().for_each(|part| leaf_sizes(part, sizes)),
        Node::Far | Node::More => {}
    }
}
