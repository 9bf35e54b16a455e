//! Expressions.

use std::ops::RangeInclusive;

use crate::ast::{self, BinaryOp, ExprKind as Ast, Span, UnaryOp};
use crate::diagnostic::Diagnostic;
use crate::words;
use plan::limits;
use plan::{EventField, Expr, ExprKind, FieldForm, GoroutineEvent, Id, Prelude, SyscallEvent, Type};

use super::path::{self, Use};
use super::scope::{Request, Scope, Typed, wide};
use super::types::{Holding, INT, Slot, Sure, UINT, describe, describe_value, join_types};

/// What C and Go call integers: name, whether it has a sign, bytes.
const INTEGERS: [(&str, bool, u8); 47] = [
    ("bool", false, 1),
    ("byte", false, 1),
    ("char", true, 1),
    ("int", true, 8),
    ("int8", true, 1),
    ("int16", true, 2),
    ("int32", true, 4),
    ("int64", true, 8),
    ("int8_t", true, 1),
    ("int16_t", true, 2),
    ("int32_t", true, 4),
    ("int64_t", true, 8),
    ("s8", true, 1),
    ("s16", true, 2),
    ("s32", true, 4),
    ("s64", true, 8),
    ("rune", true, 4),
    ("short", true, 2),
    ("long", true, 8),
    ("long int", true, 8),
    ("long long", true, 8),
    ("long long int", true, 8),
    ("size_t", false, 8),
    ("u8", false, 1),
    ("u16", false, 2),
    ("u32", false, 4),
    ("u64", false, 8),
    ("uint", false, 8),
    ("uint8", false, 1),
    ("uint16", false, 2),
    ("uint32", false, 4),
    ("uint64", false, 8),
    ("uint8_t", false, 1),
    ("uint16_t", false, 2),
    ("uint32_t", false, 4),
    ("uint64_t", false, 8),
    ("uintptr", false, 8),
    ("uintptr_t", false, 8),
    ("unsigned", false, 4),
    ("unsigned char", false, 1),
    ("unsigned short", false, 2),
    ("unsigned int", false, 4),
    ("unsigned long", false, 8),
    ("unsigned long int", false, 8),
    ("unsigned long long", false, 8),
    ("unsigned long long int", false, 8),
    ("void", false, 8),
];

impl<'s> Scope<'_, 's, '_> {
    /// An expression, or nothing if something is wrong with it, which has been said.
    pub(super) fn expr(&mut self, e: &'s ast::Expr) -> Option<Typed> {
        if path::root(e).is_some() {
            return self.path(e);
        }
        match &e.kind {
            Ast::Int(n) => Some(self.int(e.span, *n)),
            Ast::Str(text) => Some(self.text(e.span, text)),
            Ast::Param(n) => self.param(e.span, *n),
            Ast::ParamCount => Some(self.literal(e.span, self.shared.params.len() as i64)),
            Ast::Word(word) => self.word(e.span, word),
            Ast::Var(name) => self.read_var(e.span, name),
            Ast::Map { name, key } => self.read_map(e.span, name, key),
            Ast::Call { name, args } => self.call(e.span, name, args),
            Ast::Field { of, name } => {
                self.expr(of)?;
                self.error(
                    name.span,
                    format!("this has no field `{}`: only Go values, by `args` and `rets`, have", name.value),
                );
                None
            }
            Ast::Index { of, index } => {
                self.expr(of)?;
                self.error(index.span, "this has no elements: only maps and Go values have");
                None
            }
            Ast::Unary { op, of } => self.unary(e.span, *op, of),
            Ast::Step { of, up, prefix } => self.step(e.span, of, *up, *prefix),
            Ast::Binary { op, left, right } => self.binary(e.span, *op, left, right),
            Ast::Ternary { cond, then, otherwise } => self.ternary(e.span, cond, then, otherwise),
            Ast::Cast { to, stars, of } => self.cast(e.span, to, *stars, of),
            Ast::Tuple(parts) => self.tuple(e.span, parts),
            Ast::Bad => None,
        }
    }

    /// An expression that is an integer.
    pub(super) fn int_expr(&mut self, e: &'s ast::Expr, what_for: &str) -> Option<Typed> {
        let typed = self.expr(e)?;
        if typed.is_int() {
            return Some(typed);
        }
        let message = format!("{what_for} is an integer, and this is {}", describe(&typed.expr.ty));
        self.error(e.span, message);
        None
    }

    /// An expression that is true or false: an integer, or the number that an id is.
    pub(super) fn condition(&mut self, e: &'s ast::Expr) -> Option<Expr> {
        if let Some(nil) = self.not_nil(e) {
            return Some(nil.expr);
        }
        let typed = self.expr(e)?;
        match typed.expr.ty {
            Type::Int { .. } | Type::Id(_) => Some(typed.expr),
            ref ty => {
                let message = format!("a condition is an integer, and this is {}", describe(ty));
                let help = matches!(ty, Type::Str { .. }).then(|| "texts are compared: `… == \"…\"`".to_owned());
                self.say(Diagnostic::error(e.span, message).maybe_help(help));
                None
            }
        }
    }

    /// An interface or slice alone is true if it is not nil, as pointers are by themselves.
    fn not_nil(&mut self, e: &'s ast::Expr) -> Option<Typed> {
        let in_go = matches!(self.setting.prelude, Prelude::GoEntry | Prelude::GoInlined | Prelude::GoReturn);
        if !in_go || path::root(e).is_none() {
            return None;
        }
        let as_value = super::scope::answer(self.setting, &Request::Path(e, Use::Value));
        let as_nil = super::scope::answer(self.setting, &Request::Path(e, Use::Nil));
        if as_value.is_err() && as_nil.is_ok() { self.nil_path(e) } else { None }
    }

    pub(super) fn int(&mut self, span: Span, n: u64) -> Typed {
        match i64::try_from(n) {
            Ok(n) => self.literal(span, n),
            Err(_) => self.typed(span, ExprKind::Int(n as i64), UINT, Sure::Known),
        }
    }

    fn param(&mut self, span: Span, number: u32) -> Option<Typed> {
        let Some(index) = (number as usize).checked_sub(1) else {
            self.error(span, "parameters are numbered from $1 on");
            return None;
        };
        // As for bpftrace, what was not given is 0.
        let Some(text) = self.shared.params.get(index).cloned() else { return Some(self.literal(span, 0)) };
        let (negative, digits) = text.strip_prefix('-').map_or((false, text.as_str()), |rest| (true, rest));
        match crate::lex::integer(digits) {
            Ok(n) if negative => i64::try_from(n).ok().map(|n| self.typed(span, ExprKind::Int(-n), INT, Sure::Known)),
            Ok(n) => Some(self.int(span, n)),
            Err(_) => Some(self.text(span, &text)),
        }
    }

    fn read_var(&mut self, span: Span, name: &str) -> Option<Typed> {
        if let Some((no, slot)) = self.assigned_var(name) {
            return Some(self.typed(span, ExprKind::Var(no), slot.ty, slot.sure));
        }
        if name.is_empty() || self.spoiled.contains(&name) {
            return None; // it has been said what is wrong
        }
        let others = self.vars.iter().filter(|(var, _)| var.name != name);
        let names: Vec<String> = others.map(|(var, _)| format!("${}", var.name)).collect();
        let near = words::near(&format!("${name}"), names.iter().map(String::as_str));
        let help =
            near.or_else(|| Some("a variable belongs to one clause, and is assigned before it is read".to_owned()));
        self.say(Diagnostic::error(span, format!("`${name}` has no value here")).maybe_help(help));
        None
    }

    fn read_map(&mut self, span: Span, name: &'s ast::Spanned<String>, key: &'s [ast::Expr]) -> Option<Typed> {
        let map = self.map_no(name);
        let key = self.key(map, key, span)?;
        let row = &self.shared.maps.rows[map];
        let slot = match &row.value {
            Some(Holding::Plain(slot)) => slot.clone(),
            None if self.shared.last && row.assigned => return None, // what is assigned is wrong, and that was told
            None if self.shared.last => {
                self.never_assigned(span, &name.value);
                return None;
            }
            None => Slot { ty: INT, sure: Sure::Unknown },
            Some(Holding::Aggregate(value)) => {
                let message = format!(
                    "`{}` holds {}, which is added up by CPU and cannot be read by a script",
                    name.value,
                    describe_value(value)
                );
                let help =
                    format!("`print({})` shows it; `{}++` makes a number that can be read", name.value, name.value);
                self.say(Diagnostic::error(span, message).help(help));
                return None;
            }
        };
        Some(self.typed(span, ExprKind::Map { map: Self::map_number(map), key }, slot.ty, slot.sure))
    }

    pub(super) fn never_assigned(&mut self, span: Span, name: &str) {
        let maps = &self.shared.maps.rows;
        let assigned = maps.iter().filter(|row| row.value.is_some()).map(|row| row.name.as_str());
        let near = words::near(name, assigned);
        let message = format!("nothing is ever assigned to `{name}`");
        self.say(Diagnostic::error(span, message).maybe_help(near));
    }

    // Arguments and results, fields of tracepoints and events.

    fn path(&mut self, e: &'s ast::Expr) -> Option<Typed> {
        let root = path::root(e).unwrap_or_default();
        self.allowed(root, false, e.span)?;
        match self.setting.prelude {
            Prelude::Tracepoint => self.field(e),
            Prelude::Goroutine(event) => self.event(e, event),
            Prelude::Syscall(event) => self.system_call(e, event),
            _ => self.request(Request::Path(e, Use::Value), e.to_string(), e.span),
        }
    }

    /// The one field that is named behind `args`.
    fn only_field(&mut self, e: &'s ast::Expr, names: &str) -> Option<&'s ast::Spanned<String>> {
        if let Ast::Field { of, name } = &e.kind
            && matches!(&of.kind, Ast::Word(word) if word == "args")
        {
            return Some(name);
        }
        self.say(Diagnostic::error(e.span, "here `args` has fields that are numbers and texts, no more").help(names));
        None
    }

    fn field(&mut self, e: &'s ast::Expr) -> Option<Typed> {
        let fields = self.setting.fields.clone().unwrap_or_default();
        let listed = words::listed(fields.iter().map(|f| f.name.as_str()));
        let name = self.only_field(e, &format!("it has {listed}"))?;
        let Some(field) = fields.iter().find(|f| f.name == name.value) else {
            let near = words::near(&name.value, fields.iter().map(|f| f.name.as_str()));
            let message = format!("this tracepoint has no field `{}`", name.value);
            self.say(Diagnostic::error(name.span, message).maybe_help(near).help(format!("it has {listed}")));
            return None;
        };
        let ty = match field.form {
            Some(FieldForm::Int) if matches!(field.bytes, 1 | 2 | 4 | 8) => {
                Type::Int { signed: field.signed, bytes: field.bytes as u8 }
            }
            Some(FieldForm::Chars) => Type::Str { max: field.bytes.min(limits::STRING) },
            Some(FieldForm::DataLoc) => Type::Str { max: limits::STRING },
            _ => {
                self.error(
                    name.span,
                    format!("`{}` is {}, which is neither a number nor text", name.value, field.type_name),
                );
                return None;
            }
        };
        let form = field.form?;
        self.known(e.span, ExprKind::Field { offset: field.offset, bytes: field.bytes, form }, ty)
    }

    fn event(&mut self, e: &'s ast::Expr, event: GoroutineEvent) -> Option<Typed> {
        use EventField::{By, For, From, GoPc, Goid, Parent, Reason, Spent, StartFunc, To};
        let all = [
            ("goid", Goid, UINT),
            ("parent", Parent, UINT),
            ("startfunc", StartFunc, Type::Id(Id::StartFunc)),
            ("gopc", GoPc, Type::Id(Id::Usym)),
            ("from", From, Type::Id(Id::GoState)),
            ("to", To, Type::Id(Id::GoState)),
            ("reason", Reason, Type::Id(Id::WaitReason)),
            ("for", For, UINT),
            ("spent", Spent, UINT),
            ("by", By, UINT),
        ];
        let has = |field: EventField| match (event, field) {
            (_, Goid | Parent | StartFunc | GoPc) => true,
            (GoroutineEvent::State, field) => field != By,
            (GoroutineEvent::Park, field) => field == Reason,
            (GoroutineEvent::Ready, field) => matches!(field, Reason | For | By),
            (GoroutineEvent::Create | GoroutineEvent::Exit, _) => false,
        };
        let fields = all.into_iter().filter(|(_, field, _)| has(*field)).collect();
        self.event_field(e, fields)
    }

    fn system_call(&mut self, e: &'s ast::Expr, event: SyscallEvent) -> Option<Typed> {
        let mut fields = vec![("goid", EventField::Caller, UINT), ("nr", EventField::Nr, UINT)];
        fields.extend((event == SyscallEvent::Exit).then_some(("ret", EventField::Ret, INT)));
        self.event_field(e, fields)
    }

    /// The one of an event's fields that is named.
    fn event_field(&mut self, e: &'s ast::Expr, fields: Vec<(&'static str, EventField, Type)>) -> Option<Typed> {
        let listed = words::listed(fields.iter().map(|f| f.0));
        let name = self.only_field(e, &format!("it has {listed}"))?;
        match fields.iter().find(|f| f.0 == name.value) {
            Some((known, field, ty)) => {
                if matches!(field, EventField::By | EventField::Caller) {
                    self.of_goroutine(e.span, &format!("args.{known}"), "g.goid")?;
                }
                self.known(e.span, ExprKind::Event(*field), ty.clone())
            }
            None => {
                let near = words::near(&name.value, fields.iter().map(|f| f.0));
                let message = format!("this event has no field `{}`", name.value);
                self.say(Diagnostic::error(name.span, message).maybe_help(near).help(format!("it has {listed}")));
                None
            }
        }
    }

    fn nil_path(&mut self, e: &'s ast::Expr) -> Option<Typed> {
        let root = path::root(e).unwrap_or_default();
        self.allowed(root, false, e.span)?;
        self.request(Request::Path(e, Use::Nil), format!("{e} == nil"), e.span)
    }

    // Operators.

    fn unary(&mut self, span: Span, op: UnaryOp, of: &'s ast::Expr) -> Option<Typed> {
        match op {
            UnaryOp::Deref => return self.deref(span, of),
            UnaryOp::Not => {
                let of = Box::new(self.condition(of)?);
                return Some(self.typed(span, ExprKind::Unary { op, of }, INT, Sure::Literal));
            }
            UnaryOp::Neg | UnaryOp::BitNot => {}
        }
        let typed = self.int_expr(of, &format!("what follows `{}`", op.text()))?;
        if let (UnaryOp::Neg, Some(n)) = (op, typed.number()) {
            return Some(self.typed(span, ExprKind::Int(n.wrapping_neg()), INT, Sure::Known));
        }
        let ty = if op == UnaryOp::Neg { INT } else { wide(&typed.expr.ty) };
        let negated = op == UnaryOp::Neg && typed.sure == Sure::Literal;
        let sure = if negated { Sure::Known } else { typed.sure };
        Some(self.typed(span, ExprKind::Unary { op, of: Box::new(typed.expr) }, ty, sure))
    }

    /// `*(uint32 *)x`
    fn deref(&mut self, span: Span, of: &'s ast::Expr) -> Option<Typed> {
        let Ast::Cast { to, stars, of: inner } = &of.kind else {
            self.expr(of)?;
            let help = "say what it points to: `*(uint64 *)…`";
            self.say(Diagnostic::error(span, "to what this points is not known").help(help));
            return None;
        };
        let ty = match stars {
            1 => self.integer_type(to)?,
            0 => {
                self.say(
                    Diagnostic::error(to.span, "this is no pointer").help(format!("`*({} *)…` reads one", to.value)),
                );
                return None;
            }
            _ => UINT,
        };
        self.in_a_program(span, "the memory of a program")?;
        let at = self.int_expr(inner, "an address")?;
        self.known(span, ExprKind::Read(Box::new(at.expr)), ty)
    }

    fn integer_type(&mut self, name: &ast::Spanned<String>) -> Option<Type> {
        if let Some((_, signed, bytes)) = INTEGERS.iter().find(|row| row.0 == name.value) {
            return Some(Type::Int { signed: *signed, bytes: *bytes });
        }
        let near = words::near(&name.value, INTEGERS.iter().map(|row| row.0));
        let help = near.or_else(|| Some("there are int8 to int64 and uint8 to uint64".to_owned()));
        self.say(Diagnostic::error(name.span, format!("there is no integer type `{}`", name.value)).maybe_help(help));
        None
    }

    fn cast(&mut self, span: Span, to: &ast::Spanned<String>, stars: u32, of: &'s ast::Expr) -> Option<Typed> {
        let ty = if stars > 0 { Some(UINT) } else { self.integer_type(to) };
        let typed = self.expr(of)?;
        let ty = ty?;
        if !matches!(typed.expr.ty, Type::Int { .. } | Type::Id(_)) {
            self.error(of.span, format!("only integers are cast, and this is {}", describe(&typed.expr.ty)));
            return None;
        }
        if to.value == "bool" {
            let zero = self.literal(span, 0).expr;
            let kind = ExprKind::Binary { op: BinaryOp::Ne, left: Box::new(typed.expr), right: Box::new(zero) };
            return self.known(span, kind, ty);
        }
        self.known(span, ExprKind::Cast(Box::new(typed.expr)), ty)
    }

    fn binary(&mut self, span: Span, op: BinaryOp, left: &'s ast::Expr, right: &'s ast::Expr) -> Option<Typed> {
        if matches!(op, BinaryOp::LogicalAnd | BinaryOp::LogicalOr) {
            let (left, right) = (self.condition(left), self.condition(right));
            let (left, right) = (Box::new(left?), Box::new(right?));
            return Some(self.typed(span, ExprKind::Binary { op, left, right }, INT, Sure::Literal));
        }
        if op.compares()
            && let Some(compared) = self.nil_comparison(span, op, left, right)
        {
            return compared;
        }
        let (a, b) = (self.expr(left), self.expr(right));
        let (a, b) = (a?, b?);
        if op.compares() {
            return self.comparison(span, op, (left, a), (right, b));
        }
        for (e, typed) in [(left, &a), (right, &b)] {
            if !typed.is_int() {
                let message = format!("`{}` takes integers, and this is {}", op.text(), describe(&typed.expr.ty));
                self.error(e.span, message);
                return None;
            }
        }
        if matches!(op, BinaryOp::Div | BinaryOp::Mod) && b.number() == Some(0) {
            self.error(right.span, "this divides by zero");
            return None;
        }
        if matches!(op, BinaryOp::Shl | BinaryOp::Shr) && b.number().is_some_and(|n| !(0..64).contains(&n)) {
            self.error(right.span, "integers have 64 bits: they are shifted by 0 to 63");
            return None;
        }
        let (a, b, slot) = unify(a, b);
        let kind = ExprKind::Binary { op, left: Box::new(a), right: Box::new(b) };
        Some(self.typed(span, kind, slot.ty, slot.sure))
    }

    /// `x == nil`; `None` if no nil is there.
    fn nil_comparison(
        &mut self,
        span: Span,
        op: BinaryOp,
        left: &'s ast::Expr,
        right: &'s ast::Expr,
    ) -> Option<Option<Typed>> {
        let is_nil = |e: &ast::Expr| matches!(&e.kind, Ast::Word(word) if word == "nil");
        let of = match (is_nil(left), is_nil(right)) {
            (false, true) => left,
            (true, false) => right,
            _ => return None,
        };
        if !matches!(op, BinaryOp::Eq | BinaryOp::Ne) {
            self.error(span, "nil is neither small nor large");
            return Some(None);
        }
        let in_go = matches!(self.setting.prelude, Prelude::GoEntry | Prelude::GoInlined | Prelude::GoReturn);
        let value =
            if in_go && path::root(of).is_some() { self.nil_path(of) } else { self.int_expr(of, "what is nil") };
        let value = match value {
            Some(value) => Box::new(value.expr),
            None => return Some(None),
        };
        let zero = Box::new(Expr { ty: wide(&value.ty), ..self.literal(span, 0).expr });
        Some(Some(self.typed(span, ExprKind::Binary { op, left: value, right: zero }, INT, Sure::Literal)))
    }

    fn comparison(
        &mut self,
        span: Span,
        op: BinaryOp,
        (left_ast, left): (&'s ast::Expr, Typed),
        (right_ast, right): (&'s ast::Expr, Typed),
    ) -> Option<Typed> {
        let equality = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
        let kind = match (&left.expr.ty, &right.expr.ty) {
            (Type::Int { .. }, Type::Int { .. }) => {
                let (a, b, _) = unify(left, right);
                ExprKind::Binary { op, left: Box::new(a), right: Box::new(b) }
            }
            (Type::Str { .. }, Type::Str { .. }) if equality => {
                let negated = op == BinaryOp::Ne;
                ExprKind::SameText { left: Box::new(left.expr), right: Box::new(right.expr), first: None, negated }
            }
            (Type::Id(id), Type::Str { .. }) if equality => {
                return self.compare_name(span, op, (left.expr.clone(), *id), right_ast);
            }
            (Type::Str { .. }, Type::Id(id)) if equality => {
                return self.compare_name(span, op, (right.expr.clone(), *id), left_ast);
            }
            (Type::Id(a), Type::Id(b)) if equality && a == b => {
                ExprKind::Binary { op, left: Box::new(left.expr), right: Box::new(right.expr) }
            }
            (Type::Id(_), Type::Int { .. }) | (Type::Int { .. }, Type::Id(_)) => {
                let unsigned = |e: Expr| if matches!(e.ty, Type::Id(_)) { e } else { Expr { ty: UINT, ..e } };
                ExprKind::Binary { op, left: Box::new(unsigned(left.expr)), right: Box::new(unsigned(right.expr)) }
            }
            (a, b) => {
                let (a, b) = (describe(a), describe(b));
                let message = if equality || a != b {
                    format!("{a} is not compared with {b}")
                } else {
                    format!("`{}` does not compare {a} with {b}, `==` and `!=` do", op.text())
                };
                self.error(span, message);
                return None;
            }
        };
        Some(self.typed(span, kind, INT, Sure::Literal))
    }

    /// A word that stands for something named, and the name.
    fn compare_name(&mut self, span: Span, op: BinaryOp, (word, id): (Expr, Id), name: &'s ast::Expr) -> Option<Typed> {
        let text = match &name.kind {
            Ast::Str(text) => text.clone(),
            Ast::Param(n) => self.shared.params.get((*n as usize).wrapping_sub(1)).cloned().unwrap_or_default(),
            Ast::Call { args, .. } => match args.first().map(|arg| &arg.kind) {
                Some(Ast::Param(n)) => {
                    self.shared.params.get((*n as usize).wrapping_sub(1)).cloned().unwrap_or_default()
                }
                _ => return self.no_name(name.span, id),
            },
            _ => return self.no_name(name.span, id),
        };
        let numbers = self.numbers_of(id, &text, name.span)?;
        let both = |op, a: Expr, b: Expr| {
            let pos = a.pos;
            Expr { kind: ExprKind::Binary { op, left: Box::new(a), right: Box::new(b) }, ty: INT, pos }
        };
        let compare = |op, number: u64| {
            let right = Expr { ty: UINT, kind: ExprKind::Int(number as i64), pos: word.pos };
            both(op, word.clone(), right)
        };
        let equal = op == BinaryOp::Eq;
        let within = |numbers: &RangeInclusive<u64>| match (numbers.start(), numbers.end(), equal) {
            (first, last, _) if first == last => compare(op, *first),
            (first, last, true) => {
                both(BinaryOp::LogicalAnd, compare(BinaryOp::Ge, *first), compare(BinaryOp::Le, *last))
            }
            (first, last, false) => {
                both(BinaryOp::LogicalOr, compare(BinaryOp::Lt, *first), compare(BinaryOp::Gt, *last))
            }
        };
        let join = if equal { BinaryOp::LogicalOr } else { BinaryOp::LogicalAnd };
        let all = numbers.iter().map(within).reduce(|a, b| both(join, a, b));
        let none = ExprKind::Int(i64::from(op == BinaryOp::Ne));
        Some(self.typed(span, all.map_or(none, |all| all.kind), INT, Sure::Literal))
    }

    fn no_name(&mut self, span: Span, id: Id) -> Option<Typed> {
        let message = format!("{} is compared with a text that stands in the script", describe(&Type::Id(id)));
        self.error(span, message);
        None
    }

    fn ternary(
        &mut self,
        span: Span,
        cond: &'s ast::Expr,
        then: &'s ast::Expr,
        otherwise: &'s ast::Expr,
    ) -> Option<Typed> {
        let (cond, a, b) = (self.condition(cond), self.expr(then), self.expr(otherwise));
        let (cond, a, b) = (cond?, a?, b?);
        let (a, b, slot) = if a.is_int() && b.is_int() {
            unify(a, b)
        } else if let Some(ty) = join_types(&a.expr.ty, &b.expr.ty) {
            (a.expr, b.expr, Slot { ty, sure: Sure::Known })
        } else {
            let (a, b) = (describe(&a.expr.ty), describe(&b.expr.ty));
            self.error(then.span.to(otherwise.span), format!("one side is {a}, the other {b}"));
            return None;
        };
        let [cond, then, otherwise] = [cond, a, b].map(Box::new);
        Some(self.typed(span, ExprKind::Ternary { cond, then, otherwise }, slot.ty, slot.sure))
    }

    fn tuple(&mut self, span: Span, parts: &'s [ast::Expr]) -> Option<Typed> {
        let parts: Vec<_> = parts.iter().map(|part| self.expr(part)).collect();
        let parts: Vec<Typed> = parts.into_iter().collect::<Option<_>>()?;
        if parts.len() > limits::TUPLE {
            self.error(span, format!("a tuple has at most {} parts", limits::TUPLE));
            return None;
        }
        if parts.iter().any(|part| matches!(part.expr.ty, Type::Tuple(_))) {
            self.error(span, "there are no tuples in tuples");
            return None;
        }
        let unknown = parts.iter().any(|part| part.sure == Sure::Unknown);
        let sure = if unknown { Sure::Unknown } else { Sure::Known };
        let ty = Type::Tuple(parts.iter().map(|part| wide(&part.expr.ty)).collect());
        let kind = ExprKind::Tuple(parts.into_iter().map(|part| part.expr).collect());
        Some(self.typed(span, kind, ty, sure))
    }

    /// `$x++`, `@m[k]--`
    fn step(&mut self, span: Span, of: &'s ast::Expr, up: bool, prefix: bool) -> Option<Typed> {
        let by = if up { 1 } else { -1 };
        let before = !prefix;
        match &of.kind {
            Ast::Var(name) => {
                let typed = self.read_var(of.span, name)?;
                let (var, slot) = self.var(name)?;
                if !typed.is_int() {
                    self.error(of.span, format!("only integers are counted, and this is {}", describe(&slot.ty)));
                    return None;
                }
                Some(self.typed(span, ExprKind::VarAdd { var, by, before }, slot.ty, slot.sure))
            }
            Ast::Map { name, key } => {
                let by = self.literal(span, by);
                self.map_add(span, name, key, by, before)
            }
            Ast::Bad => None,
            _ => {
                self.say(Diagnostic::error(of.span, "only variables and maps are counted").help("`$x++`, `@m[k]--`"));
                None
            }
        }
    }

    /// One addition to a map's entry.
    pub(super) fn map_add(
        &mut self,
        span: Span,
        name: &'s ast::Spanned<String>,
        key: &'s [ast::Expr],
        by: Typed,
        before: bool,
    ) -> Option<Typed> {
        let map = self.map_no(name);
        self.shared.maps.rows[map].assigned = true;
        let key = self.key(map, key, span);
        let slot = Slot { ty: wide(&by.expr.ty), sure: by.sure };
        if !self.shared.maps.learn_value(map, &Holding::Plain(slot.clone())) {
            self.wrong_value(map, &Holding::Plain(slot), span);
            return None;
        }
        let slot = match &self.shared.maps.rows[map].value {
            Some(Holding::Plain(slot)) => slot.clone(),
            _ => slot,
        };
        let kind = ExprKind::MapAdd { map: Self::map_number(map), key: key?, by: Box::new(by.expr), before };
        Some(self.typed(span, kind, slot.ty, slot.sure))
    }
}

/// Both sides with types of one sign, and what their sum is.
///
/// As in C with integers of 64 bits: an unsigned one of that width makes the other unsigned too, narrower ones keep
/// their value as signed ones. A number that stands in the text takes the sign of the other side.
pub(super) fn unify(a: Typed, b: Typed) -> (Expr, Expr, Slot) {
    let signs = [&a, &b].map(|side| match (side.sure, &side.expr.ty) {
        (Sure::Known, Type::Int { signed, bytes }) => Some(*signed || *bytes < 8),
        _ => None,
    });
    let signed = match signs {
        [Some(a), Some(b)] => a && b,
        [Some(one), None] | [None, Some(one)] => one,
        [None, None] => true,
    };
    let sure = match (a.sure, b.sure) {
        (Sure::Unknown, _) | (_, Sure::Unknown) => Sure::Unknown,
        (Sure::Literal, Sure::Literal) => Sure::Literal,
        _ => Sure::Known,
    };
    let ty = Type::Int { signed, bytes: 8 };
    (with_sign(a.expr, &ty), with_sign(b.expr, &ty), Slot { ty, sure })
}

/// The expression with another sign, which changes no bit of it.
fn with_sign(e: Expr, ty: &Type) -> Expr {
    match (&e.kind, &e.ty, ty) {
        (ExprKind::Int(_), ..) => Expr { ty: ty.clone(), ..e },
        (_, Type::Int { signed: a, .. }, Type::Int { signed: b, .. }) if a == b => e,
        _ => Expr { pos: e.pos, ty: ty.clone(), kind: ExprKind::Cast(Box::new(e)) },
    }
}
