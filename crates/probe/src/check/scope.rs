//! One clause at one place: its expressions and statements with types and numbers for names.
//!
//! The same code runs while types are still being found out and when all are known. What does not fit is noted either
//! way; whoever runs it decides whether the notes count.

use std::collections::HashMap;

use gobin::signature::Source;
use plan::Pos;

use crate::ast::{self, ExprKind as Ast, Span};
use crate::diagnostic::{Diagnostic, position};
use plan::limits;
use plan::machine::Register;
use plan::target::{Found, Runtime, Target};
use plan::world::Field;
use plan::{
    Access, AccessNo, Accessed, Base, BinaryNo, Expr, ExprKind, FuncNo, Location, MapNo, Needs, Prelude, StringNo,
    Type, Value, Var, VarNo,
};

use super::path::{self, Call, Reached, Use};
use super::types::{INT, MapTypes, Slot, Sure};
use super::unders::Unders;

/// Strings by number.
#[derive(Default)]
pub(super) struct Strings {
    pub all: Vec<String>,
    by_text: HashMap<String, StringNo>,
}

impl Strings {
    pub(super) fn add(&mut self, text: &str) -> StringNo {
        if let Some(&known) = self.by_text.get(text) {
            return known;
        }
        let no = StringNo(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(text.to_owned());
        self.by_text.insert(text.to_owned(), no);
        no
    }
}

/// What all clauses share.
pub(super) struct Shared<'s> {
    pub text: &'s str,
    pub params: &'s [String],
    pub maps: MapTypes,
    pub strings: Strings,
    pub unders: Unders,
    /// The rows of functions by name, in each executable; empty until they are numbered.
    pub functions: HashMap<String, Vec<FuncNo>>,
    /// The texts of attach points as `probe` shows them, with function rows where there are such.
    pub probes: HashMap<String, Vec<u64>>,
    /// Types are known, and what does not fit counts.
    pub last: bool,
}

/// Where a clause runs, as far as it matters for what its words mean.
#[derive(Clone)]
pub(super) struct Setting<'w> {
    pub prelude: Prelude,
    pub arch: gobin::Arch,
    /// The executable, its number, and its runtime.
    pub binary: Option<(u32, &'w dyn Target, std::rc::Rc<std::cell::OnceCell<Runtime>>)>,
    /// There is none because several Go programs are looked at.
    pub one_of_many: bool,
    pub function: Option<Found>,
    pub fields: Option<std::rc::Rc<Vec<Field>>>,
    /// The clause was put in by the checker: it records where calls begin that another clause records the returns of.
    pub implied: bool,
    /// Calls that were inlined begin here that are seen to end.
    pub ends: bool,
}

impl Setting<'_> {
    /// The executable's runtime.
    pub(super) fn runtime(&self) -> Option<&Runtime> {
        let (_, target, runtime) = self.binary.as_ref()?;
        target.is_go().then(|| runtime.get_or_init(|| target.runtime()))
    }
}

/// Something read of what is passed to a function.
#[derive(Clone, Copy)]
pub(super) enum Request<'s> {
    /// A path.
    Path(&'s ast::Expr, Use),
    /// `argN`
    Register(usize, Span),
    /// `sargN`
    Stack(usize),
    /// `retval`
    Result,
    /// What is not 0 if `failed`.
    Failed,
}

/// One clause at one place.
pub(super) struct Scope<'a, 's, 'w> {
    pub shared: &'a mut Shared<'s>,
    pub setting: &'a Setting<'w>,
    pub vars: Vec<(Var, Sure)>,
    /// Those that were assigned to so far, in the order of the text.
    pub assigned: Vec<VarNo>,
    /// Those that something wrong was assigned to.
    pub spoiled: Vec<&'s str>,
    /// Variables changed type: once more.
    pub vars_changed: bool,
    pub requests: Vec<(Request<'s>, String)>,
    pub reached: Vec<Reached>,
    pub needs: Needs,
    pub messages: Vec<Diagnostic>,
    /// What is wrong with this function, not with the text.
    pub misfits: Vec<Diagnostic>,
    /// How many keys are being made inside of one another.
    pub keys: u32,
}

/// An expression with its type.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub expr: Expr,
    pub sure: Sure,
}

impl Typed {
    pub(super) fn slot(&self) -> Slot {
        Slot { ty: self.expr.ty.clone(), sure: self.sure }
    }

    pub(super) fn is_int(&self) -> bool {
        matches!(self.expr.ty, Type::Int { .. })
    }

    /// The number, if it is one that is written down.
    pub(super) fn number(&self) -> Option<i64> {
        match self.expr.kind {
            ExprKind::Int(n) => Some(n),
            _ => None,
        }
    }
}

impl<'a, 's, 'w> Scope<'a, 's, 'w> {
    pub(super) fn new(shared: &'a mut Shared<'s>, setting: &'a Setting<'w>, vars: Vec<(Var, Sure)>) -> Self {
        Scope {
            shared,
            setting,
            vars,
            assigned: Vec::new(),
            spoiled: Vec::new(),
            vars_changed: false,
            requests: Vec::new(),
            reached: Vec::new(),
            needs: Needs::default(),
            messages: Vec::new(),
            misfits: Vec::new(),
            keys: 0,
        }
    }

    pub(super) fn pos(&self, span: Span) -> Pos {
        position(self.shared.text, span.start)
    }

    pub(super) fn say(&mut self, message: Diagnostic) {
        self.messages.push(message);
    }

    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.say(Diagnostic::error(span, message));
    }

    pub(super) fn typed(&self, span: Span, kind: ExprKind, ty: Type, sure: Sure) -> Typed {
        Typed { expr: Expr { kind, ty, pos: self.pos(span) }, sure }
    }

    pub(super) fn known(&self, span: Span, kind: ExprKind, ty: Type) -> Option<Typed> {
        Some(self.typed(span, kind, ty, Sure::Known))
    }

    pub(super) fn literal(&self, span: Span, value: i64) -> Typed {
        self.typed(span, ExprKind::Int(value), INT, Sure::Literal)
    }

    pub(super) fn text(&mut self, span: Span, text: &str) -> Typed {
        let max = u32::try_from(text.len()).unwrap_or(u32::MAX).max(1).next_multiple_of(8);
        let no = self.shared.strings.add(text);
        self.typed(span, ExprKind::Str(no), Type::Str { max }, Sure::Known)
    }

    // What is passed.

    /// Reads something that is passed to, or given by, the function of the probe.
    pub(super) fn request(&mut self, request: Request<'s>, path: String, span: Span) -> Option<Typed> {
        let no = match self.requests.iter().position(|(_, known)| *known == path) {
            Some(known) => known,
            None => match answer(self.setting, &request) {
                Ok(reached) => {
                    self.requests.push((request, path));
                    self.reached.push(reached);
                    self.reached.len() - 1
                }
                Err(misfit) => {
                    self.misfits.push(misfit);
                    return None;
                }
            },
        };
        let reached = &self.reached[no];
        if reached.of_args && self.setting.prelude == Prelude::GoReturn {
            self.needs.frames = true;
        }
        let ty = reached.ty.clone();
        let no = AccessNo(u32::try_from(no).unwrap_or(u32::MAX));
        self.known(span, ExprKind::Access(no), ty)
    }

    /// The types of all that was requested, as a body has them.
    pub(super) fn accessed(&self) -> Vec<Accessed> {
        let one = |((_, path), reached): (&(Request<'s>, String), &Reached)| Accessed {
            path: path.clone(),
            ty: reached.ty.clone(),
        };
        self.requests.iter().zip(&self.reached).map(one).collect()
    }

    // Variables.

    /// A variable that has been assigned to.
    pub(super) fn assigned_var(&self, name: &str) -> Option<(VarNo, Slot)> {
        self.var(name).filter(|(no, _)| self.assigned.contains(no))
    }

    pub(super) fn var(&self, name: &str) -> Option<(VarNo, Slot)> {
        let at = self.vars.iter().position(|(var, _)| var.name == name)?;
        let (var, sure) = &self.vars[at];
        Some((VarNo(u32::try_from(at).ok()?), Slot { ty: var.ty.clone(), sure: *sure }))
    }

    /// The variable of this name, with a type that the value fits.
    pub(super) fn learn_var(&mut self, name: &str, value: &Slot, span: Span) -> Option<VarNo> {
        let value = Slot { ty: wide(&value.ty), sure: value.sure };
        let Some((no, known)) = self.var(name) else {
            self.vars.push((Var { name: name.to_owned(), ty: value.ty }, value.sure));
            self.vars_changed = true;
            let no = VarNo(u32::try_from(self.vars.len() - 1).ok()?);
            self.assigned.push(no);
            return Some(no);
        };
        self.assigned.push(no);
        let Some(joined) = known.join(&value) else {
            let (is, new) = (super::types::describe(&known.ty), super::types::describe(&value.ty));
            self.error(span, format!("`${name}` is {is}, and this is {new}"));
            return None;
        };
        self.vars_changed |= joined != known;
        let var = &mut self.vars[no.index()];
        (var.0.ty, var.1) = (joined.ty, joined.sure);
        Some(no)
    }

    // Maps.

    pub(super) fn map_no(&mut self, name: &ast::Spanned<String>) -> usize {
        self.shared.maps.add(&name.value, name.span)
    }

    /// The parts of a key, typed; complains about what cannot be one.
    pub(super) fn key(&mut self, map: usize, key: &'s [ast::Expr], span: Span) -> Option<Vec<Expr>> {
        self.keys += 1;
        let parts: Vec<Option<Vec<Typed>>> = key.iter().map(|part| self.key_part(part)).collect();
        self.keys -= 1;
        let parts: Vec<Typed> = parts.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
        if self.keys >= plan::limits::KEY_DEPTH {
            self.error(span, format!("keys are nested more than {} deep", plan::limits::KEY_DEPTH));
            return None;
        }
        let slots: Vec<Slot> = parts.iter().map(|part| key_slot(&part.slot())).collect();
        let bytes: u32 = slots.iter().map(|slot| slot.ty.stored()).fold(0, u32::saturating_add);
        if bytes > plan::limits::KEY {
            let message = format!("this key has {bytes} bytes, and at most {} are possible", plan::limits::KEY);
            self.error(span, message);
            return None;
        }
        if !self.shared.maps.learn_key(map, &slots) {
            self.wrong_key(map, &slots, span);
            return None;
        }
        Some(parts.into_iter().map(|part| part.expr).collect())
    }

    fn key_part(&mut self, part: &'s ast::Expr) -> Option<Vec<Typed>> {
        if let Ast::Tuple(parts) = &part.kind {
            let parts: Vec<_> = parts.iter().map(|part| self.key_part(part)).collect();
            return parts.into_iter().collect::<Option<Vec<_>>>().map(|parts| parts.concat());
        }
        let typed = self.expr(part)?;
        match &typed.expr.ty {
            Type::Buf { .. } => {
                self.say(Diagnostic::error(part.span, "bytes are no key").help("text is one: `str(…)`"));
                None
            }
            Type::Tuple(_) => {
                let help = "write its parts: `@m[a, b]`";
                self.say(Diagnostic::error(part.span, "a stored tuple is no part of a key").help(help));
                None
            }
            _ => Some(vec![typed]),
        }
    }

    fn wrong_key(&mut self, map: usize, slots: &[Slot], span: Span) {
        let row = &self.shared.maps.rows[map];
        let shown = |slots: &[Slot]| match slots {
            [] => "no key".to_owned(),
            slots => {
                let parts: Vec<String> = slots.iter().map(|s| super::types::describe(&s.ty)).collect();
                format!("[{}]", parts.join(", "))
            }
        };
        let message = format!(
            "`{}` has {} as key, and here it has {}",
            row.name,
            shown(row.key.as_deref().unwrap_or_default()),
            shown(slots)
        );
        let at = position(self.shared.text, row.first.start);
        let help = format!("it is first used at {}:{}", at.line, at.column);
        self.say(Diagnostic::error(span, message).help(help));
    }

    pub(super) fn map_number(map: usize) -> MapNo {
        MapNo(u32::try_from(map).unwrap_or(u32::MAX))
    }
}

/// Integers are kept in 8 bytes.
pub(super) fn wide(ty: &Type) -> Type {
    match ty {
        Type::Int { signed, bytes } => Type::Int { signed: *signed || *bytes < 8, bytes: 8 },
        Type::Tuple(parts) => Type::Tuple(parts.iter().map(wide).collect()),
        other => other.clone(),
    }
}

/// A part of a key: texts are cut.
fn key_slot(slot: &Slot) -> Slot {
    let ty = match wide(&slot.ty) {
        Type::Str { .. } => Type::Str { max: plan::limits::KEY_STRING },
        other => other,
    };
    Slot { ty, sure: slot.sure }
}

/// Where what was requested is in the function of a setting.
pub(super) fn answer(setting: &Setting<'_>, request: &Request<'_>) -> Result<Reached, Diagnostic> {
    let plain = |location: Location, of_args: bool| Reached {
        ty: Type::Int { signed: false, bytes: 8 },
        access: Access::Int(Value { bounds: Vec::new(), location }),
        of_args,
    };
    let word = |base| Location { base, hops: Vec::new(), bytes: 8, signed: false };
    match *request {
        Request::Path(path, use_) => {
            let reached = follow(setting, path, use_)?;
            match (&reached.access, &reached.ty) {
                _ if !reached.of_args || setting.prelude != Prelude::GoReturn => Ok(reached),
                (Access::Int(_), _) => Ok(reached),
                (Access::Str { .. }, Type::Str { max }) => {
                    let ty = Type::Str { max: limits::KEPT_STRING.min(*max) };
                    Ok(Reached { ty, ..reached })
                }
                (access, _) => {
                    let message = "of what a call began with, its return knows integers and texts only";
                    let help = match access {
                        Access::Go(_) => "print it where the call begins, or say `call()`, which records both",
                        _ => "keep bytes where the call begins: `@b[goid] = …`",
                    };
                    Err(Diagnostic::error(path.span, message).help(help))
                }
            }
        }
        Request::Register(n, span) => {
            let register = Register::argument(setting.arch, true, n).ok_or_else(|| {
                let message = format!("there is no register for argument {n}");
                Diagnostic::error(span, message).help("arguments without a register are on the stack: sarg0, …")
            })?;
            let argument = u8::try_from(n).ok();
            Ok(plain(word(Base::Register { register, argument }), true))
        }
        Request::Failed => Ok(failure(setting)),
        Request::Stack(n) => Ok(plain(word(Base::Stack(n as u64 * 8)), true)),
        Request::Result => {
            let register = Register::result(setting.arch);
            Ok(plain(word(Base::Register { register, argument: None }), false))
        }
    }
}

/// The word that is not 0 if the call of the setting's function has failed.
fn failure(setting: &Setting<'_>) -> Reached {
    let reached = |access| Reached { ty: Type::Int { signed: false, bytes: 8 }, access, of_args: false };
    let (Some(function), Some((binary, target, _))) = (&setting.function, &setting.binary) else {
        return reached(Access::Unreadable);
    };
    let binary = BinaryNo(*binary);
    match target.signature(function) {
        Ok(signature) => Call { function, signature: &signature, target: *target, binary }.failure(),
        Err(_) => reached(Access::Unreadable),
    }
}

fn follow(setting: &Setting<'_>, path: &ast::Expr, use_: Use) -> Result<Reached, Diagnostic> {
    let (Some(function), Some((binary, target, _))) = (&setting.function, &setting.binary) else {
        return Err(Diagnostic::error(path.span, "no function is known here"));
    };
    let signature = target.signature(function).map_err(|why| {
        let what = if path::root(path) == Some("args") { "arguments" } else { "results" };
        let message = format!("the {what} of `{}` are not known: {why}", function.name);
        Diagnostic::error(path.span, message)
    })?;
    if signature.source == Source::ArgInfo {
        let message = format!("the types of what `{}` takes and gives are not known: there is no DWARF", function.name);
        let say = format!("say them where the function is named, as Go does: `\"{}(n int) error\"`", function.name);
        return Err(Diagnostic::error(path.span, message).help(say));
    }
    let binary = BinaryNo(*binary);
    Call { function, signature: &signature, target: *target, binary }.resolve(path, use_)
}
