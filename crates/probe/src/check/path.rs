//! Ways into Go values: `args.r.Tags[0]` to the registers, stack words and pointers that lead there.
//!
//! A path starts at an argument or result, whose place the signature says, and goes on by fields, indices and stars.
//! Pointers are followed where a field or index needs it, as in Go; fields of embedded structs are found as in Go. A
//! slice's element is only there if the slice is long enough, which is kept as a [`Bound`] to be checked when it is
//! read. What it ends at is an integer, or a text by its address and length; anything else cannot be a value here.

use std::sync::Arc;

use gobin::abi::{Piece, Place};
use gobin::generic::Instantiation;
use gobin::signature::{Arg, Signature};
use gobin::types::{Field, Kind, Type as GoType, TypeRef};

use crate::ast::{Expr, ExprKind, Span, UnaryOp};
use crate::diagnostic::Diagnostic;
use crate::words;
use plan::machine::Register;
use plan::target::{Found as Function, Target};
use plan::{Access, Base, BinaryNo, Bound, Generic, Location, RegisterPart, Type, Value, Whole, WholeAt};

/// Pointers on one way.
const MOST_HOPS: usize = 12;
/// Embedded structs in embedded structs.
const DEEPEST_EMBEDDING: usize = 6;
/// So many names are listed when one is wrong.
const LISTED: usize = 12;

/// What is wanted of the value at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// An integer or text, whichever it is.
    Value,
    /// Its bytes as text, the first so many if that is said.
    Text(Option<u32>),
    /// Its bytes, the first so many if that is said.
    Bytes(Option<u32>),
    /// Its length.
    Len,
    /// What is 0 if it is nil.
    Nil,
    /// All of it.
    Whole,
    /// All of it, unless it is a number or a text.
    Shown,
}

/// What a path led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reached {
    /// Its type.
    pub ty: Type,
    /// Where it is.
    pub access: Access,
    /// It is part of an argument, not of a result.
    pub of_args: bool,
}

/// The function whose values are looked into.
#[derive(Clone, Copy)]
pub(super) struct Call<'c> {
    /// Which one.
    pub function: &'c Function,
    /// What it takes and gives.
    pub signature: &'c Signature,
    /// Where its types are described.
    pub target: &'c dyn Target,
    /// Whose number that is.
    pub binary: BinaryNo,
}

/// Where a value is, on the way.
#[derive(Clone, Debug)]
enum Spot {
    /// Part of an argument or result as it is passed, this far from its start.
    Passed { place: Place, offset: u64, of_args: bool },
    /// In memory: this far behind the pointer that the hops lead to.
    Memory { base: Base, hops: Vec<u64>, offset: u64 },
}

/// A value on the way.
struct Step {
    /// What its name is, or that of what it is an element of.
    name: String,
    at: TypeRef,
    ty: Arc<GoType>,
    spot: Spot,
    bounds: Vec<Bound>,
    of_args: bool,
}

type Found<T> = Result<T, Diagnostic>;

/// The word that a path starts with, if `expr` is one.
pub(super) fn root(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Word(word) if ["args", "ret", "rets"].contains(&word.as_str()) => Some(word),
        ExprKind::Field { of, .. } | ExprKind::Index { of, .. } | ExprKind::Unary { op: UnaryOp::Deref, of } => {
            root(of)
        }
        _ => None,
    }
}

impl Call<'_> {
    /// Follows a path.
    pub(super) fn resolve(&self, path: &Expr, use_: Use) -> Found<Reached> {
        let step = self.walk(path)?;
        let of_args = step.of_args;
        let (ty, access) = self.finish(path, step, use_)?;
        Ok(Reached { ty, access, of_args })
    }

    /// What is not 0 if the last of the results that are errors is not nil.
    pub(super) fn failure(&self) -> Reached {
        let span = Span::default();
        let reached = |access| Reached { ty: Type::Int { signed: false, bytes: 8 }, access, of_args: false };
        let are_known = !self.signature.rets_omitted && self.signature.rets.iter().all(|ret| ret.ty.is_some());
        if !are_known {
            return reached(Access::Unreadable);
        }
        let Some(error) = self.signature.rets.iter().rev().find(|ret| ret.type_name == "error") else {
            return reached(Access::Zero);
        };
        let nil = self.passed(error, false, span).and_then(|step| self.nil(&step, span));
        nil.map_or_else(|_| reached(Access::Unreadable), |(ty, access)| Reached { ty, access, of_args: false })
    }

    /// Goes a path step by step.
    fn walk(&self, path: &Expr) -> Found<Step> {
        match &path.kind {
            ExprKind::Word(word) if word == "ret" => self.only_result(path.span),
            ExprKind::Field { of, name } => match &of.kind {
                ExprKind::Word(word) if word == "args" => self.argument(&name.value, name.span),
                ExprKind::Word(word) if word == "rets" => self.result(&name.value, name.span),
                _ => {
                    let step = self.walk(of)?;
                    self.field(step, &name.value, name.span)
                }
            },
            ExprKind::Index { of, index } => {
                let step = self.walk(of)?;
                self.index(step, index)
            }
            ExprKind::Unary { op: UnaryOp::Deref, of } => {
                let step = self.walk(of)?;
                self.pointed_to(step, path.span)
            }
            ExprKind::Word(word) => {
                let (message, help) = match word.as_str() {
                    "rets" => {
                        (format!("which of the results of `{}`?", self.function.name), described(&self.signature.rets))
                    }
                    _ => (
                        format!("which of the arguments of `{}`?", self.function.name),
                        described(&self.signature.args),
                    ),
                };
                Err(Diagnostic::error(path.span, message).help(help))
            }
            _ => Err(Diagnostic::error(path.span, "this is no way into a value")),
        }
    }

    fn argument(&self, name: &str, span: Span) -> Found<Step> {
        let args = &self.signature.args;
        let by_number = || name.parse::<usize>().ok().and_then(|n| args.get(n));
        match args.iter().find(|arg| arg.name == name).or_else(by_number) {
            Some(arg) => self.passed(arg, true, span),
            None => Err(self.no_such("argument", name, args, span)),
        }
    }

    fn result(&self, name: &str, span: Span) -> Found<Step> {
        let rets = &self.signature.rets;
        let by_number = || name.parse::<usize>().ok().and_then(|n| rets.get(n));
        match rets.iter().find(|ret| ret.name == name).or_else(by_number) {
            Some(ret) => self.passed(ret, false, span),
            None => Err(self.no_such("result", name, rets, span)),
        }
    }

    fn only_result(&self, span: Span) -> Found<Step> {
        match &self.signature.rets[..] {
            [only] => self.passed(only, false, span),
            [] => Err(Diagnostic::error(span, format!("`{}` has no result", self.function.name))),
            several => {
                let message = format!("`{}` has {} results, not one", self.function.name, several.len());
                Err(Diagnostic::error(span, message).help("`rets.0` is the first").help(described(several)))
            }
        }
    }

    fn no_such(&self, what: &str, name: &str, of: &[Arg], span: Span) -> Diagnostic {
        let message = format!("`{}` has no {what} `{name}`", self.function.name);
        let omitted = (!self.signature.omitted.is_none() || self.signature.rets_omitted)
            .then(|| "the executable does not describe all that have no name, so there may be more".to_owned());
        let near = words::near(name, of.iter().filter_map(Arg::given_name));
        let near = near.or_else(|| if what == "result" { numbered(name, of) } else { None });
        Diagnostic::error(span, message).maybe_help(near).help(described(of)).maybe_help(omitted)
    }

    fn passed(&self, arg: &Arg, of_args: bool, span: Span) -> Found<Step> {
        let unknown = || {
            let message = format!("the type of `{}` of `{}` is not described", arg.name, self.function.name);
            Diagnostic::error(span, message)
        };
        let (at, ty) = arg.ty.and_then(|at| Some((at, self.target.resolve(at)?))).ok_or_else(unknown)?;
        if arg.place == Place::Unknown {
            let message = format!("where `{}` of `{}` is passed is not known", arg.name, self.function.name);
            return Err(Diagnostic::error(span, message));
        }
        let spot = Spot::Passed { place: arg.place.clone(), offset: 0, of_args };
        Ok(Step { name: arg.name.clone().into_owned(), at, ty, spot, bounds: Vec::new(), of_args })
    }

    fn type_of(&self, at: TypeRef, span: Span) -> Found<Arc<GoType>> {
        self.target.resolve(at).ok_or_else(|| Diagnostic::error(span, "the type on the way to this is not described"))
    }

    fn field(&self, step: Step, name: &str, span: Span) -> Found<Step> {
        let step = match step.ty.kind {
            Kind::Pointer(_) => self.pointed_to(step, span)?,
            _ => step,
        };
        let Kind::Struct(fields) = &step.ty.kind else {
            let message = format!("`{}` is no struct, it has no field `{name}`", step.ty.name);
            return Err(Diagnostic::error(span, message).maybe_help(instead_of_field(&step.ty)));
        };
        if let Some(found) = fields.iter().find(|f| f.name == name) {
            let found = found.clone();
            return self.field_of(step, &found, span);
        }
        let Some(way) = self.embedded(&step.ty, name) else {
            let near = words::near(name, fields.iter().map(|f| f.name.as_str()));
            let message = format!("`{}` has no field `{name}`", step.ty.name);
            return Err(Diagnostic::error(span, message).maybe_help(near).help(fields_of(fields)));
        };
        way.iter().try_fold(step, |step, field| {
            let step = if matches!(step.ty.kind, Kind::Pointer(_)) { self.pointed_to(step, span)? } else { step };
            self.field_of(step, field, span)
        })
    }

    fn field_of(&self, step: Step, field: &Field, span: Span) -> Found<Step> {
        let ty = self.type_of(field.ty, span)?;
        let spot = step.spot.plus(field.offset, span)?;
        Ok(Step { name: field.name.clone(), at: field.ty, ty, spot, ..step })
    }

    /// The fields that lead to one that an embedded struct has: the shallowest, and none if there are two.
    fn embedded(&self, ty: &GoType, name: &str) -> Option<Vec<Field>> {
        let mut level: Vec<(Vec<Field>, Arc<GoType>)> = vec![(Vec::new(), Arc::new(ty.clone()))];
        for _ in 0..DEEPEST_EMBEDDING {
            let mut below = Vec::new();
            for (way, ty) in &level {
                let Kind::Struct(fields) = &ty.kind else { continue };
                for field in fields.iter().filter(|f| f.embedded) {
                    let way: Vec<Field> = way.iter().chain([field]).cloned().collect();
                    below.extend(self.struct_of(field.ty).map(|ty| (way, ty)));
                }
            }
            let mut found = below.iter().filter_map(|(way, ty)| {
                let Kind::Struct(fields) = &ty.kind else { return None };
                let field = fields.iter().find(|f| f.name == name)?;
                Some(way.iter().chain([field]).cloned().collect::<Vec<_>>())
            });
            if let Some(way) = found.next() {
                return found.next().is_none().then_some(way);
            }
            below.truncate(64);
            level = below;
        }
        None
    }

    /// The struct that a reference is to, or points to.
    fn struct_of(&self, at: TypeRef) -> Option<Arc<GoType>> {
        let ty = self.target.resolve(at)?;
        match ty.kind {
            Kind::Pointer(Some(to)) => self.target.resolve(to),
            _ => Some(ty),
        }
    }

    fn pointed_to(&self, step: Step, span: Span) -> Found<Step> {
        let Kind::Pointer(to) = step.ty.kind else {
            let message = format!("`{}` is no pointer", step.ty.name);
            return Err(Diagnostic::error(span, message));
        };
        let to =
            to.ok_or_else(|| Diagnostic::error(span, format!("to what `{}` points is not described", step.ty.name)))?;
        let ty = self.type_of(to, span)?;
        Ok(Step { at: to, ty, spot: self.follow(&step.spot, span)?, ..step })
    }

    /// The memory that the pointer at a spot leads to.
    fn follow(&self, spot: &Spot, span: Span) -> Found<Spot> {
        match spot {
            Spot::Passed { .. } => {
                let base = self.word(spot, 8, span)?;
                Ok(Spot::Memory { base, hops: Vec::new(), offset: 0 })
            }
            Spot::Memory { base, hops, offset } => {
                if hops.len() >= MOST_HOPS {
                    return Err(Diagnostic::error(span, format!("this follows more than {MOST_HOPS} pointers")));
                }
                let hops = hops.iter().copied().chain([*offset]).collect();
                Ok(Spot::Memory { base: *base, hops, offset: 0 })
            }
        }
    }

    /// The register or stack word that a part of a passed value is in.
    fn word(&self, spot: &Spot, bytes: u64, span: Span) -> Found<Base> {
        let Spot::Passed { place, offset, of_args } = spot else {
            return Err(Diagnostic::error(span, "this is no part of what is passed"));
        };
        let stack = |at: u64| at.checked_add(*offset).map(Base::Stack);
        let found = match place {
            Place::Stack(at) => stack(*at),
            Place::Registers(pieces) => match piece_at(pieces, *offset, bytes) {
                Some(piece) if piece.register.float => return Err(invisible(span)),
                Some(piece) => Register::of_go(piece.register)
                    .map(|register| Base::Register { register, argument: of_args.then_some(piece.register.index) }),
                None => None,
            },
            Place::Empty | Place::Unknown => None,
        };
        found.ok_or_else(|| Diagnostic::error(span, "where this part of the value is passed is not known"))
    }

    fn index(&self, step: Step, index: &Expr) -> Found<Step> {
        let step = match step.ty.kind {
            Kind::Pointer(_) => self.pointed_to(step, index.span)?,
            _ => step,
        };
        let number = match index.kind {
            ExprKind::Int(n) => Ok(n),
            _ => {
                let help = "an index is a number: `args.xs[0]`";
                Err(Diagnostic::error(index.span, "only numbers are possible as index here").help(help))
            }
        };
        match &step.ty.kind {
            Kind::Array { elem, len } => {
                let (elem, len, number) = (*elem, *len, number?);
                if number >= len {
                    let message = format!("`{}` has {len} elements, from 0 on", step.ty.name);
                    return Err(Diagnostic::error(index.span, message));
                }
                self.element(step, elem, number, index.span)
            }
            Kind::Slice(elem) => {
                let (elem, number) = (*elem, number?);
                let len = self.location(&step.spot, 8, 8, false, index.span)?;
                let spot = self.follow(&step.spot, index.span)?;
                let bounds = step.bounds.iter().cloned().chain([Bound { len, index: number }]).collect();
                self.element(Step { spot, bounds, ..step }, elem, number, index.span)
            }
            Kind::Map { .. } => Err(Diagnostic::error(index.span, "maps of Go cannot be looked into by a script")),
            _ => Err(Diagnostic::error(index.span, format!("`{}` has no elements", step.ty.name))
                .maybe_help((step.ty.kind == Kind::String).then(|| "`str(…)` is a string's text".to_owned()))),
        }
    }

    fn element(&self, step: Step, elem: TypeRef, index: u64, span: Span) -> Found<Step> {
        let ty = self.type_of(elem, span)?;
        let too_far = || Diagnostic::error(span, "no value is as large as this index needs");
        let offset = ty.size.checked_mul(index).ok_or_else(too_far)?;
        Ok(Step { at: elem, ty, spot: step.spot.plus(offset, span)?, ..step })
    }

    /// Where `bytes` bytes are, `offset` behind the start of a spot.
    fn location(&self, spot: &Spot, offset: u64, bytes: u8, signed: bool, span: Span) -> Found<Location> {
        let spot = spot.clone().plus(offset, span)?;
        match &spot {
            Spot::Passed { .. } => {
                let base = self.word(&spot, u64::from(bytes), span)?;
                Ok(Location { base, hops: Vec::new(), bytes, signed })
            }
            Spot::Memory { base, hops, offset } => {
                let hops = hops.iter().copied().chain([*offset]).collect();
                Ok(Location { base: *base, hops, bytes, signed })
            }
        }
    }

    fn finish(&self, path: &Expr, step: Step, use_: Use) -> Found<(Type, Access)> {
        let span = path.span;
        match use_ {
            Use::Value => match step.ty.kind {
                Kind::String => self.text(&step, None, false, span),
                _ => self.integer(&step, span),
            },
            Use::Text(most) => self.text(&step, most, false, span),
            Use::Bytes(most) => self.text(&step, most, true, span),
            Use::Len => self.len(&step, span),
            Use::Nil => self.nil(&step, span),
            Use::Shown if matches!(step.ty.kind, Kind::Bool | Kind::Int { .. } | Kind::String) => {
                self.finish(path, step, Use::Value)
            }
            Use::Whole | Use::Shown => self.whole(step, span),
        }
    }

    /// A value with all that it leads to.
    fn whole(&self, step: Step, span: Span) -> Found<(Type, Access)> {
        let size = step.ty.size;
        let at = match &step.spot {
            Spot::Passed { place: Place::Stack(at), offset, .. } => WholeAt::Stack(at.saturating_add(*offset)),
            Spot::Passed { place: Place::Registers(pieces), offset, of_args } => {
                let inside = |piece: &&Piece| (*offset..offset.saturating_add(size)).contains(&piece.offset);
                let part = |piece: &Piece| in_register(piece, *offset, *of_args);
                WholeAt::Registers(pieces.iter().filter(inside).map(part).collect())
            }
            Spot::Passed { .. } => WholeAt::Registers(Vec::new()),
            Spot::Memory { .. } => WholeAt::Memory(self.value(&step, 0, 8, false, span)?),
        };
        let generic = self.generic(&step);
        let whole = Whole { binary: self.binary, ty: step.at, name: step.name, at, generic };
        Ok((Type::Go, Access::Go(whole)))
    }

    /// What an argument is, by the dictionary that comes with it. Where a call returns nobody has that any more.
    fn generic(&self, step: &Step) -> Option<Generic> {
        let Spot::Passed { place: at, offset: 0, of_args: true } = &step.spot else { return None };
        let is_it = |arg: &Arg| arg.place == *at && arg.ty == Some(step.at) && arg.dictionary_index.is_some();
        let number = self.signature.args.iter().position(is_it)?;
        let dictionary = match self.signature.dictionary.as_ref()? {
            Place::Registers(pieces) => in_register(pieces.first()?, 0, true).base?,
            Place::Stack(at) => Base::Stack(*at),
            Place::Empty | Place::Unknown => return None,
        };
        let instantiations = self.target.instantiations(self.function);
        let ty = |one: &Instantiation| Some((one.dictionary, one.signature.args.get(number)?.ty?));
        Some(Generic { dictionary, types: instantiations.iter().filter_map(ty).collect() })
    }

    fn value(&self, step: &Step, offset: u64, bytes: u8, signed: bool, span: Span) -> Found<Value> {
        let location = self.location(&step.spot, offset, bytes, signed, span)?;
        Ok(Value { bounds: step.bounds.clone(), location })
    }

    fn int(&self, step: &Step, offset: u64, bytes: u8, signed: bool, span: Span) -> Found<(Type, Access)> {
        let value = self.value(step, offset, bytes, signed, span)?;
        Ok((Type::Int { signed, bytes }, Access::Int(value)))
    }

    fn integer(&self, step: &Step, span: Span) -> Found<(Type, Access)> {
        let (bytes, signed) = match (&step.ty.kind, step.ty.size) {
            (Kind::Bool, _) => (1, false),
            (Kind::Int { signed }, size @ (1 | 2 | 4 | 8)) => (size as u8, *signed),
            (Kind::Pointer(_) | Kind::UnsafePointer, _) => (8, false),
            _ => return Err(no_integer(&step.ty, span)),
        };
        self.int(step, 0, bytes, signed, span)
    }

    /// A string's or byte slice's bytes, or those behind a pointer to one.
    fn text(&self, step: &Step, most: Option<u32>, raw: bool, span: Span) -> Found<(Type, Access)> {
        let is_text = match &step.ty.kind {
            Kind::String => true,
            Kind::Slice(elem) => self.target.resolve(*elem).is_some_and(|elem| elem.size == 1),
            Kind::Pointer(Some(to)) => {
                let behind = Step {
                    name: step.name.clone(),
                    at: *to,
                    ty: self.type_of(*to, span)?,
                    spot: self.follow(&step.spot, span)?,
                    bounds: step.bounds.clone(),
                    of_args: step.of_args,
                };
                return self.text(&behind, most, raw, span);
            }
            _ => false,
        };
        if !is_text {
            let message = format!("`{}` is no text", step.ty.name);
            return Err(Diagnostic::error(span, message).help("texts are string and []byte"));
        }
        let data = self.value(step, 0, 8, false, span)?;
        let len = self.value(step, 8, 8, true, span)?;
        let max = most.unwrap_or(plan::limits::STRING);
        let ty = if raw { Type::Buf { max } } else { Type::Str { max } };
        Ok((ty, Access::Str { data, len, most }))
    }

    fn len(&self, step: &Step, span: Span) -> Found<(Type, Access)> {
        match &step.ty.kind {
            Kind::String | Kind::Slice(_) => self.int(step, 8, 8, true, span),
            // Both begin with the number of what is in them, in every version: hmap.count, maps.Map.used, hchan.qcount.
            Kind::Map { .. } | Kind::Chan(_) => {
                let spot = self.follow(&step.spot, span)?;
                let location = self.location(&spot, 0, 8, true, span)?;
                let value = Value { bounds: step.bounds.clone(), location };
                Ok((Type::Int { signed: true, bytes: 8 }, Access::Int(value)))
            }
            Kind::Array { len, .. } => {
                let help = format!("it is {len}, always");
                Err(Diagnostic::error(span, "the length of an array is not passed").help(help))
            }
            Kind::Pointer(Some(_)) => {
                let message = format!("`{}` is a pointer, it has no length", step.ty.name);
                Err(Diagnostic::error(span, message).help("`len(*…)` is the length of what it points to"))
            }
            _ => Err(Diagnostic::error(span, format!("`{}` has no length", step.ty.name))),
        }
    }

    fn nil(&self, step: &Step, span: Span) -> Found<(Type, Access)> {
        match step.ty.kind {
            Kind::Pointer(_)
            | Kind::UnsafePointer
            | Kind::Map { .. }
            | Kind::Chan(_)
            | Kind::Func
            | Kind::Slice(_)
            | Kind::Interface { .. } => self.int(step, 0, 8, false, span),
            _ => Err(Diagnostic::error(span, format!("`{}` is never nil", step.ty.name))),
        }
    }
}

impl Spot {
    fn plus(self, more: u64, span: Span) -> Found<Spot> {
        let too_far = || Diagnostic::error(span, "no value reaches as far as this");
        Ok(match self {
            Spot::Passed { place, offset, of_args } => {
                Spot::Passed { place, offset: offset.checked_add(more).ok_or_else(too_far)?, of_args }
            }
            Spot::Memory { base, hops, offset } => {
                let offset = offset.checked_add(more).filter(|&n| n < 1 << 31).ok_or_else(too_far)?;
                Spot::Memory { base, hops, offset }
            }
        })
    }
}

/// A piece of what is passed, of a part of it that begins at `offset`.
fn in_register(piece: &Piece, offset: u64, of_args: bool) -> RegisterPart {
    let register = if piece.register.float { None } else { Register::of_go(piece.register) };
    let base = |register| Base::Register { register, argument: of_args.then_some(piece.register.index) };
    RegisterPart { offset: (piece.offset - offset) as u32, size: piece.size as u32, base: register.map(base) }
}

/// The piece that holds exactly these bytes of a value.
fn piece_at(pieces: &[Piece], offset: u64, bytes: u64) -> Option<&Piece> {
    pieces.iter().find(|piece| piece.offset == offset && piece.size == bytes)
}

fn invisible(span: Span) -> Diagnostic {
    Diagnostic::error(span, "this is in a floating point register, which the kernel does not show to probes")
}

/// What can be done with whatever cannot be computed with.
const WHOLE: &str = "`print(…)`, and `%v` of printf, show it whole";

fn no_integer(ty: &GoType, span: Span) -> Diagnostic {
    let message = format!("`{}` is neither an integer nor text", ty.name);
    let help = match &ty.kind {
        Kind::Struct(fields) => Some(format!("{}; {WHOLE}", fields_of(fields))),
        Kind::Slice(_) => Some("an element is `…[0]`, its length `len(…)`".to_owned()),
        Kind::Array { .. } => Some("an element is `…[0]`".to_owned()),
        Kind::Map { .. } | Kind::Chan(_) => Some("its length is `len(…)`, and it can be compared with nil".to_owned()),
        Kind::Interface { .. } | Kind::Func => Some("it can be compared with nil: `… != nil`".to_owned()),
        Kind::Float | Kind::Complex => Some(format!("scripts compute with integers only; {WHOLE}")),
        _ => None,
    };
    Diagnostic::error(span, message).maybe_help(help)
}

fn instead_of_field(ty: &GoType) -> Option<String> {
    match ty.kind {
        Kind::Interface { .. } => Some("what an interface holds is only known when it runs".to_owned()),
        Kind::Slice(_) | Kind::Array { .. } => Some("an element of it is `…[0]`".to_owned()),
        _ => None,
    }
}

/// How a result without a name is called, where it is plain which one is meant.
fn numbered(name: &str, rets: &[Arg]) -> Option<String> {
    let nameless = |ret: &Arg| ret.given_name().is_none();
    let error = rets.iter().rposition(|ret| nameless(ret) && name.starts_with("err") && ret.type_name == "error");
    let number = error.or_else(|| (rets.len() == 1 && nameless(&rets[0])).then_some(0))?;
    Some(format!("it has no name: `rets.{number}` is the {}", rets[number].type_name))
}

/// ``it has `s` *main.Server, `addr` string``
fn described(args: &[Arg]) -> String {
    let one = |(i, arg): (usize, &Arg)| match arg.given_name() {
        Some(name) => format!("`{name}` {}", arg.type_name),
        None => format!("`{i}` {}", arg.type_name),
    };
    list(args.iter().enumerate().map(one))
}

fn fields_of(fields: &[Field]) -> String {
    list(fields.iter().map(|field| format!("`{}`", field.name)))
}

fn list(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(LISTED);
    let shown: Vec<String> = items.take(LISTED).collect();
    match (shown.is_empty(), more) {
        (true, _) => "it has none".to_owned(),
        (false, 0) => format!("it has {}", shown.join(", ")),
        (false, _) => format!("it has {} and {more} more", shown.join(", ")),
    }
}
