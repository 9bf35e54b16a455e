//! Which type arguments a generic function is called with, and what it takes and gives then.
//!
//! Code for type arguments that are made alike is shared: `main.Max[go.shape.int]` is that of `Max[int]` and of
//! `Max[Celsius]`, if that is an `int`. What it works with is told by a hidden argument, the *dictionary*: one for each
//! list of type arguments, `main..dict.Max[main.Celsius]`, and of a type's methods one for all, `main..dict.List[string]`.
//! Dictionaries are constant data with a symbol. Which of their words refers to the type of an argument stands in DWARF.
//!
//! Closures keep the dictionary of the function around them, behind everything else that they keep.
//!
//! So all that a dictionary at some address means is known from the file. Nothing is, where it has no symbols.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::addr::VAddr;
use crate::dwarf::Known;
use crate::image::Image;
use crate::name::{self, Name, Origin};
use crate::signature::{Arg, Signature};
use crate::types::{Field, Kind, Type, TypeRef, TypeSource};

/// What stands between a package and the rest of a dictionary's name.
const MARK: &str = "..dict.";
/// How a shape of pointers to anything is called.
const ANY_POINTER: &str = "go.shape.*uint8";
/// So many dictionaries of one name are looked at.
const MOST: usize = 1 << 12;
/// So many pointers one behind the other are looked behind, and so many types looked at, to tell that types are alike.
const DEEP: u32 = 2;
const MOST_LOOKED_AT: u32 = 1 << 10;

/// A generic function with type arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instantiation {
    /// The address of the dictionary that it is called with.
    pub dictionary: VAddr,
    /// The type arguments: those of the function, or of its receiver's type.
    pub type_args: Vec<String>,
    /// What it takes and gives. Where the dictionary does not say a type it is still a shape.
    pub signature: Signature,
}

/// The dictionaries of an executable.
pub struct Generics<'i> {
    image: &'i Image,
    /// The runtime's types that were looked at: those of a hundred dictionaries are compared with a hundred functions'.
    known: Mutex<Known>,
    /// By the name of what has type arguments, without them.
    dictionaries: HashMap<String, Vec<Dictionary<'i>>>,
}

/// A dictionary.
#[derive(Clone, Copy)]
struct Dictionary<'i> {
    at: VAddr,
    words: u64,
    /// `int,main.Celsius`
    type_args: &'i str,
}

impl<'i> Generics<'i> {
    /// Finds the dictionaries of `image`.
    #[must_use]
    pub fn of(image: &'i Image) -> Generics<'i> {
        let mut dictionaries: HashMap<String, Vec<Dictionary<'i>>> = HashMap::new();
        for symbol in image.elf().symbols() {
            if let Some((of, type_args)) = taken_apart(symbol.name) {
                let one = Dictionary { at: symbol.addr, words: symbol.size / 8, type_args };
                dictionaries.entry(of).or_default().push(one);
            }
        }
        Generics { image, known: Mutex::default(), dictionaries }
    }

    /// What the function of that name, whose signature that is, may be called with: every list of type arguments that is
    /// made as the function's own shapes are.
    #[must_use]
    pub fn instantiations(&self, function: &str, signature: &Signature) -> Vec<Instantiation> {
        let known = generic(function).and_then(|of| self.dictionaries.get(&of));
        let known = known.filter(|_| signature.dictionary.is_some() || keeps_dictionary(function));
        known.into_iter().flatten().take(MOST).filter_map(|one| self.instantiate(*one, signature)).collect()
    }

    /// The signature with a dictionary's types; none if they do not fit.
    fn instantiate(&self, of: Dictionary<'i>, signature: &Signature) -> Option<Instantiation> {
        let all = |args: &[Arg]| args.iter().map(|arg| self.arg(of, arg)).collect::<Option<Vec<_>>>();
        let signature = Signature { args: all(&signature.args)?, rets: all(&signature.rets)?, ..signature.clone() };
        let type_args = apart(of.type_args).into_iter().map(|one| name::unescape(one).into_owned()).collect();
        Some(Instantiation { dictionary: of.at, type_args, signature })
    }

    fn arg(&self, of: Dictionary<'i>, arg: &Arg) -> Option<Arg> {
        let (Some(index), Some(shape)) = (arg.dictionary_index, arg.ty) else { return Some(arg.clone()) };
        let word = (index < of.words).then(|| of.at.plus(8 * index))?;
        let ty = TypeRef::Runtime(self.image.elf().pointer(word)?);
        let mut comparison = Comparison { types: self, left: MOST_LOOKED_AT };
        if !comparison.alike(shape, ty, DEEP) {
            return None;
        }
        Some(Arg { type_name: self.type_name(ty)?.into(), ty: Some(ty), ..arg.clone() })
    }

    fn type_name(&self, ty: TypeRef) -> Option<String> {
        let TypeRef::Runtime(at) = ty else { return None };
        self.image.runtime_types()?.full_name(at)
    }
}

impl TypeSource for Generics<'_> {
    fn resolve(&self, at: TypeRef) -> Option<Arc<Type>> {
        let TypeRef::Runtime(address) = at else { return self.image.resolve(at) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(address.0).unwrap_or_else(|| {
            let ty = self.image.resolve(at);
            known.keep(address.0, ty.clone(), self.image.elf().bytes().len());
            ty
        })
    }
}

/// `main..dict.Max[int]` as `main.Max` and `int`.
fn taken_apart(symbol: &str) -> Option<(String, &str)> {
    let (package, rest) = symbol.split_once(MARK)?;
    let (of, type_args) = rest.split_once('[')?;
    Some((format!("{package}.{of}"), type_args.strip_suffix(']')?))
}

/// What of a function's name has the type arguments: `main.Max` of `main.Max[go.shape.int]`, `main.List` of
/// `main.(*List[go.shape.int]).Push`.
fn generic(function: &str) -> Option<String> {
    let name = Name::parse(function);
    let (of, shapes) = name.receiver.unwrap_or(name.base).split_once('[')?;
    shapes.contains("go.shape.").then(|| format!("{}.{}", name.package, of.trim_start_matches('*')))
}

/// Whether the function finds the dictionary of the one around it behind its context, if it is not called on the spot.
#[must_use]
pub fn keeps_dictionary(function: &str) -> bool {
    Name::parse(function).origin() == Origin::Closure
}

/// The type arguments of a list, those of functions in which a generic type is declared among them.
fn apart(list: &str) -> Vec<&str> {
    let (mut all, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_usize, false);
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'(' | b'{' => depth += 1,
            b']' | b')' | b'}' => depth = depth.saturating_sub(1),
            b',' | b';' if depth == 0 => {
                all.extend(list.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    all.extend(list.get(start..));
    all
}

/// Whether one type is made as another one is, as far as somebody looks.
struct Comparison<'t> {
    types: &'t dyn TypeSource,
    left: u32,
}

impl Comparison<'_> {
    fn alike(&mut self, shape: TypeRef, ty: TypeRef, deep: u32) -> bool {
        let Some(left) = self.left.checked_sub(1).filter(|_| shape != ty) else { return true };
        self.left = left;
        let (Some(shape), Some(ty)) = (self.types.resolve(shape), self.types.resolve(ty)) else { return false };
        let mut behind = |a: TypeRef, b: TypeRef| deep == 0 || self.alike(a, b, deep - 1);
        shape.size == ty.size
            && match (&shape.kind, &ty.kind) {
                (Kind::Int { signed: a }, Kind::Int { signed: b }) => a == b,
                (Kind::Interface { empty: a }, Kind::Interface { empty: b }) => a == b,
                (Kind::Pointer(_), Kind::Pointer(_)) if shape.name == ANY_POINTER => true,
                (Kind::Pointer(Some(a)), Kind::Pointer(Some(b))) | (Kind::Slice(a), Kind::Slice(b)) => behind(*a, *b),
                (Kind::Map { key: k, elem: a }, Kind::Map { key: l, elem: b }) => behind(*k, *l) && behind(*a, *b),
                (Kind::Array { elem: a, len: m }, Kind::Array { elem: b, len: n }) => m == n && behind(*a, *b),
                (Kind::Struct(a), Kind::Struct(b)) => self.fields_alike(a, b, deep),
                (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
            }
    }

    fn fields_alike(&mut self, shape: &[Field], ty: &[Field], deep: u32) -> bool {
        let mut pairs = shape.iter().zip(ty);
        shape.len() == ty.len() && pairs.all(|(a, b)| a.offset == b.offset && self.alike(a.ty, b.ty, deep))
    }
}

#[cfg(test)]
mod tests {
    use super::{apart, generic, taken_apart};

    #[test]
    fn a_dictionary_says_whose_it_is() {
        let of = |symbol| taken_apart(symbol).map(|(of, type_args)| format!("{of} with {type_args}"));
        let check = |symbol, want: Option<&str>| assert_eq!(of(symbol).as_deref(), want, "{symbol}");
        check("main..dict.Max[main.Celsius]", Some("main.Max with main.Celsius"));
        check("example.com/my%2emod..dict.List[[]int]", Some("example.com/my%2emod.List with []int"));
        check("main.Max[main.Celsius]", None);
        check("main..dict.Max", None);
        check("main..dict.Max[int", None);
    }

    #[test]
    fn a_function_belongs_to_what_has_the_type_arguments() {
        let check = |name, want: Option<&str>| assert_eq!(generic(name).as_deref(), want, "{name}");
        check("main.Max[go.shape.int]", Some("main.Max"));
        check("main.(*List[go.shape.[]int]).Push", Some("main.List"));
        check("a/b%2ec.List[go.shape.int].Get", Some("a/b%2ec.List"));
        check("main.Clos[go.shape.int].func1", Some("main.Clos"));
        check("main.(*List[...]).Push", None);
        check("main.(*List[int]).Push", None);
        check("main.main", None);
    }

    #[test]
    fn type_arguments_stand_between_commas() {
        let all = [
            ("int", vec!["int"]),
            ("int,map[string]main.Pair[int,bool]", vec!["int", "map[string]main.Pair[int,bool]"]),
            (
                "struct { A int; B string },func(int, ...string)",
                vec!["struct { A int; B string }", "func(int, ...string)"],
            ),
            ("struct { A int \"a,b[\" },bool", vec!["struct { A int \"a,b[\" }", "bool"]),
            ("main.T;int", vec!["main.T", "int"]),
        ];
        all.into_iter().for_each(|(list, want)| assert_eq!(apart(list), want));
    }
}
