//! What a function takes and gives as a user says: held against what the executable knows of it, its types found by
//! their names, its values put where the compiler puts them.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::abi::{self, Abi, Shapes};
use crate::addr::VAddr;
use crate::declare::{Declaration, Form, Member, Param, Spelling, Wrong, canonical, parse_type};
use crate::image::{Function, Image};
use crate::name::{Origin, unescape};
use crate::pattern::suggest;
use crate::signature::{self, Arg, Gaps, PlacedBy, Signature, Source};
use crate::sites::Written;
use crate::types::{Field, Kind, Type, TypeRef, TypeSource};

/// How many types are suggested.
const SUGGESTED: usize = 3;

/// Reads declarations for one executable.
pub struct Declarations<'i> {
    image: &'i Image,
    names: OnceLock<Names>,
    shapes: Shapes,
}

/// The types that the runtime describes, by name.
#[derive(Default)]
struct Names {
    /// With whole import paths.
    full: HashMap<String, VAddr>,
    /// As code has them, with the whole names.
    short: HashMap<String, Vec<String>>,
}

/// A type that was found or made.
#[derive(Clone)]
struct Known {
    name: String,
    ty: TypeRef,
}

/// An argument or a result with its type.
struct Typed {
    name: Option<String>,
    known: Known,
}

type Found<T> = Result<T, Wrong>;

impl<'i> Declarations<'i> {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(image: &'i Image) -> Declarations<'i> {
        Declarations { image, names: OnceLock::new(), shapes: Shapes::default() }
    }

    /// The signature that is said, if it does not contradict what is known of the function: `known` is what the file
    /// tells.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn signature(&self, of: &Function, known: Option<&Signature>, said: &Declaration) -> Found<Signature> {
        let complete =
            |known: &&Signature| known.source != Source::ArgInfo && known.omitted.is_none() && !known.rets_omitted;
        match known.filter(complete) {
            Some(known) => agreed(of, known, said),
            None => self.placed(of, known, said),
        }
    }

    /// Where the compiler puts what is said.
    fn placed(&self, of: &Function, known: Option<&Signature>, said: &Declaration) -> Found<Signature> {
        if of.parts().generic() {
            let why = "the arguments of generic functions cannot be said: a hidden one may come first";
            return Err(Wrong::new(said.at.clone(), why));
        }
        if of.written() == Written::C {
            return Err(Wrong::new(said.at.clone(), format!("`{}` is a function of C", of.name())));
        }
        let rets = self.all(&said.results)?;
        let mut readings = self.readings(of, said)?.into_iter();
        let (args, receiver) = readings.find(|(args, _)| self.fits(of, args, &rets)).ok_or_else(|| {
            let why = format!("`{}` does not take and give this", of.name());
            let told = known.map(|known| format!("what is known of it is `{known}`"));
            Wrong { help: told, ..Wrong::new(said.at.clone(), why) }
        })?;
        let shapes = |all: &[Typed]| all.iter().map(|one| self.shapes.of(one.known.ty, self.image)).collect::<Vec<_>>();
        let abi = abi(of);
        let frame = abi::assign(self.image.arch(), abi, &shapes(&args), &shapes(&rets));
        let arg = |prefix: &'static str| {
            move |(n, (typed, place)): (usize, (Typed, abi::Place))| Arg {
                name: typed.name.unwrap_or_else(|| format!("{prefix}{n}")).into(),
                type_name: typed.known.name.into(),
                ty: Some(typed.known.ty),
                place,
                placed_by: PlacedBy::Algorithm,
                guess: None,
                dictionary_index: None,
            }
        };
        Ok(Signature {
            args: args.into_iter().zip(frame.args).enumerate().map(arg("arg")).collect(),
            rets: rets.into_iter().zip(frame.results).enumerate().map(arg("~r")).collect(),
            receiver,
            dictionary: None,
            abi,
            omitted: Gaps::None,
            rets_omitted: false,
            source: Source::Declared,
        })
    }

    fn all(&self, params: &[Param]) -> Found<Vec<Typed>> {
        let typed = |param: &Param| Ok(Typed { name: param.name.clone(), known: self.find(&param.ty)? });
        params.iter().map(typed).collect()
    }

    /// The arguments as they are said, with the receiver of a method before them where that may be missing, and whether
    /// they begin with one.
    fn readings(&self, of: &Function, said: &Declaration) -> Found<Vec<(Vec<Typed>, bool)>> {
        let Some(spelling) = receiver(of) else { return Ok(vec![(self.all(&said.params)?, false)]) };
        let begins = said.params.first().is_some_and(|first| first.ty.means(&spelling));
        let mut readings = Vec::new();
        if begins {
            readings.push((self.all(&said.params)?, true));
        }
        let known = self.find(&spelling).or_else(|wrong| match spelling.form {
            // Nobody has said this one, and a pointer is a pointer.
            Form::Pointer(_) if !begins => Ok(self.made(&spelling.to_string(), 8, Kind::Pointer(None))),
            _ => Err(Wrong { at: said.at.clone(), ..wrong }),
        })?;
        let mut with = vec![Typed { name: None, known }];
        with.extend(self.all(&said.params)?);
        readings.push((with, true));
        Ok(readings)
    }

    /// Whether the compiler would have noted what it did of such a function.
    fn fits(&self, of: &Function, args: &[Typed], rets: &[Typed]) -> bool {
        let types: Vec<TypeRef> = args.iter().map(|arg| arg.known.ty).collect();
        let results: Vec<TypeRef> = rets.iter().map(|ret| ret.known.ty).collect();
        signature::fits(&of.compiled(), self.image.arch(), &self.shapes, self.image, &types, &results)
    }

    // Types.

    fn find(&self, spelling: &Spelling) -> Found<Known> {
        let one = |prefix: &str, to: &Spelling, kind: fn(TypeRef) -> Kind, size| {
            let inner = self.find(to)?;
            Ok(self.named_or_made(&format!("{prefix}{}", inner.name), size, kind(inner.ty)))
        };
        match &spelling.form {
            Form::Name(name) => self.by_name(name, spelling),
            Form::Pointer(to) => one("*", to, |to| Kind::Pointer(Some(to)), 8),
            Form::Slice(elem) => one("[]", elem, Kind::Slice, 24),
            Form::Chan(words, elem) => one(words, elem, |elem| Kind::Chan(Some(elem)), 8),
            Form::Array(len, elem) => {
                let inner = self.find(elem)?;
                let size = self.extent(&inner, spelling)?.0.checked_mul(*len).ok_or_else(|| too_large(spelling))?;
                let kind = Kind::Array { elem: inner.ty, len: *len };
                Ok(self.named_or_made(&format!("[{len}]{}", inner.name), size, kind))
            }
            Form::Map(key, elem) => {
                let (key, elem) = (self.find(key)?, self.find(elem)?);
                let name = format!("map[{}]{}", key.name, elem.name);
                Ok(self.named_or_made(&name, 8, Kind::Map { key: key.ty, elem: elem.ty }))
            }
            Form::Func(..) => Ok(self.named_or_made(&spelling.to_string(), 8, Kind::Func)),
            Form::Interface(asked) => {
                let kind = Kind::Interface { empty: asked.is_empty() };
                Ok(self.named_or_made(&spelling.to_string(), 16, kind))
            }
            Form::Struct(members) => self.strct(members, spelling),
        }
    }

    fn by_name(&self, name: &str, spelling: &Spelling) -> Found<Known> {
        let name = canonical(name);
        if name == "any" {
            return Ok(self.named_or_made("interface {}", 16, Kind::Interface { empty: true }));
        }
        if let Some((size, kind)) = predeclared(&name) {
            return Ok(self.named_or_made(&name, size, kind));
        }
        let names = self.names();
        if let Some(&at) = names.full.get(&name) {
            return Ok(Known { name, ty: TypeRef::Runtime(at) });
        }
        match names.short.get(&name).map(Vec::as_slice) {
            Some([full]) if names.full.contains_key(full) => {
                Ok(Known { name: full.clone(), ty: TypeRef::Runtime(names.full[full]) })
            }
            Some(several @ [_, _, ..]) => {
                let why = format!("`{name}` is more than one type");
                Err(Wrong::new(spelling.at.clone(), why).help(format!("write {}", listed(several))))
            }
            _ => Err(self.unknown(&name, spelling)),
        }
    }

    fn unknown(&self, name: &str, spelling: &Spelling) -> Wrong {
        let all = self.names().full.keys().map(String::as_str).chain(PREDECLARED);
        let is_plain = |known: &&str| !known.starts_with("go.shape.") && !known.contains(['*', '[', '(', '{', ' ']);
        let named: Vec<&str> = all.filter(is_plain).collect();
        let mut near = suggest(name, named.iter().copied(), SUGGESTED);
        if near.is_empty() && !name.contains('.') {
            // Without its package a name is near to all that end like it.
            let last =
                |known: &str| known.rsplit_once('.').map(|(_, last)| suggest(name, std::iter::once(last), 1).len());
            near = named.into_iter().filter(|known| last(known) == Some(1)).collect();
            near.sort_unstable();
        }
        let near: Vec<String> = near.into_iter().take(SUGGESTED).map(str::to_owned).collect();
        let why = format!("the program's runtime knows no type `{name}`");
        Wrong::new(spelling.at.clone(), why).help(match near.is_empty() {
            false => format!("did you mean {}?", listed(&near)),
            true => {
                "only types that interfaces may hold are known by name; others are written out, `struct{…}`".to_owned()
            }
        })
    }

    /// The runtime's own type of that name, so that it is the same wherever it is met.
    fn named_or_made(&self, name: &str, size: u64, kind: Kind) -> Known {
        match self.names().full.get(name) {
            Some(&at) => Known { name: name.to_owned(), ty: TypeRef::Runtime(at) },
            None => self.made(name, size, kind),
        }
    }

    fn made(&self, name: &str, size: u64, kind: Kind) -> Known {
        Known { name: name.to_owned(), ty: self.image.made().add(Type::made(name, size, kind)) }
    }

    fn extent(&self, known: &Known, spelling: &Spelling) -> Found<(u64, u64)> {
        let shape = self.shapes.of(known.ty, self.image).ok_or_else(|| too_large(spelling))?;
        Ok((shape.size(), shape.align()))
    }

    /// Fields one behind the other, each at a multiple of what its type asks for.
    fn strct(&self, members: &[Member], spelling: &Spelling) -> Found<Known> {
        let (mut end, mut align, mut fields, mut written) = (0u64, 1, Vec::new(), Vec::new());
        let mut last = 1;
        for member in members {
            let known = self.find(&member.ty)?;
            let (size, of) = self.extent(&known, spelling)?;
            let at = end.checked_next_multiple_of(of).ok_or_else(|| too_large(spelling))?;
            end = at.checked_add(size).ok_or_else(|| too_large(spelling))?;
            (align, last) = (align.max(of), size);
            written.push(if member.embedded { known.name } else { format!("{} {}", member.name, known.name) });
            fields.push(Field { name: member.name.clone(), ty: known.ty, offset: at, embedded: member.embedded });
        }
        // A pointer to a last field without bytes would point behind the struct.
        end += u64::from(last == 0 && end > 0);
        let size = end.checked_next_multiple_of(align).ok_or_else(|| too_large(spelling))?;
        let name =
            if written.is_empty() { "struct {}".to_owned() } else { format!("struct {{ {} }}", written.join("; ")) };
        Ok(self.named_or_made(&name, size, Kind::Struct(fields)))
    }

    fn names(&self) -> &Names {
        self.names.get_or_init(|| {
            let mut names = Names::default();
            let Some(types) = self.image.runtime_types() else { return names };
            for at in types.dynamic() {
                let Some(full) = types.full_name(at).map(|full| unescape(&full).into_owned()) else { continue };
                let short = types.resolve(TypeRef::Runtime(at)).map(|ty| ty.name.clone());
                if let Some(short) = short.filter(|short| *short != full && types.package(at).is_some()) {
                    names.short.entry(short).or_default().push(full.clone());
                }
                names.full.entry(full).or_insert(at);
            }
            names.short.values_mut().for_each(|all| {
                all.sort_unstable();
                all.dedup();
            });
            names
        })
    }
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

fn too_large(spelling: &Spelling) -> Wrong {
    Wrong::new(spelling.at.clone(), "no value is so large")
}

/// The receiver's type, as the function's name says it.
fn receiver(of: &Function) -> Option<Spelling> {
    let parts = of.parts();
    let receiver = parts.receiver.filter(|_| parts.origin() == Origin::Go)?;
    let (star, bare) = receiver.strip_prefix('*').map_or(("", receiver), |bare| ("*", bare));
    parse_type(&format!("{star}{}.{bare}", parts.import_path())).ok()
}

fn abi(of: &Function) -> Abi {
    if of.is_assembly() { Abi::Zero } else { Abi::Internal }
}

/// Those that are most easily misspelt.
const PREDECLARED: [&str; 9] = ["any", "bool", "error", "float64", "int", "int64", "string", "uint64", "uintptr"];

/// Types that every program has, though its runtime may not describe them.
fn predeclared(name: &str) -> Option<(u64, Kind)> {
    let (signed, unsigned) = (Kind::Int { signed: true }, Kind::Int { signed: false });
    Some(match name {
        "bool" => (1, Kind::Bool),
        "int8" => (1, signed),
        "int16" => (2, signed),
        "int32" => (4, signed),
        "int" | "int64" => (8, signed),
        "uint8" => (1, unsigned),
        "uint16" => (2, unsigned),
        "uint32" => (4, unsigned),
        "uint" | "uint64" | "uintptr" => (8, unsigned),
        "float32" => (4, Kind::Float),
        "float64" => (8, Kind::Float),
        "complex64" => (8, Kind::Complex),
        "complex128" => (16, Kind::Complex),
        "string" => (16, Kind::String),
        "error" => (16, Kind::Interface { empty: false }),
        "unsafe.Pointer" => (8, Kind::UnsafePointer),
        _ => return None,
    })
}

/// What is known, with the names that are said: of a method with or without the receiver.
fn agreed(of: &Function, known: &Signature, said: &Declaration) -> Found<Signature> {
    let same = |mine: &[Param], theirs: &[Arg]| {
        let means =
            |(mine, theirs): (&Param, &Arg)| parse_type(&theirs.type_name).is_ok_and(|real| mine.ty.means(&real));
        mine.len() == theirs.len() && mine.iter().zip(theirs).all(means)
    };
    let behind_receiver = usize::from(known.receiver && said.params.len() < known.args.len());
    let args = known.args.get(behind_receiver..).unwrap_or_default();
    if !same(&said.params, args) || !same(&said.results, &known.rets) {
        let why = format!("`{}` does not take and give this", of.name());
        return Err(Wrong::new(said.at.clone(), why).help(format!("it is `{known}`")));
    }
    let mut signature = known.clone();
    let named = |arg: &mut Arg, said: &Param| {
        if let Some(name) = &said.name {
            arg.name = name.clone().into();
        }
    };
    let args = signature.args.iter_mut().skip(behind_receiver);
    args.zip(&said.params).for_each(|(arg, said)| named(arg, said));
    signature.rets.iter_mut().zip(&said.results).for_each(|(ret, said)| named(ret, said));
    Ok(signature)
}
