//! Statements, actions, and what is added up in maps.

use event::Format;
use event::format::{Conversion, Kind, Spec};

use crate::ast::{self, BinaryOp, ExprKind as Ast, Span, StmtKind as AstStmt};
use crate::diagnostic::{Diagnostic, position};
use crate::words::{self, Action, Aggregation, Meaning, Row};
use plan::limits;
use plan::{EventField, ExprKind, Id, MapValue, Prelude, Recording, Stmt, StmtKind, Type, Word};

use super::expr::unify;
use super::path::{self, Use};
use super::scope::{Request, Scope, Typed, answer, wide};
use super::types::{Holding, Slot, Sure, describe, describe_value};

/// How `time()` shows the time.
const TIME: &str = "%H:%M:%S\n";

impl<'s> Scope<'_, 's, '_> {
    pub(super) fn block(&mut self, block: &'s ast::Block) -> Vec<Stmt> {
        block.stmts.iter().flat_map(|stmt| self.stmt(stmt)).collect()
    }

    fn stmt(&mut self, stmt: &'s ast::Stmt) -> Vec<Stmt> {
        let kind = match &stmt.kind {
            AstStmt::Block(inner) => return self.block(inner),
            AstStmt::Return => Some(StmtKind::Return),
            AstStmt::If { cond, then, otherwise } => {
                let cond = self.condition(cond);
                let then = self.block(then);
                let otherwise = otherwise.as_ref().map_or_else(Vec::new, |block| self.block(block));
                cond.map(|cond| StmtKind::If { cond, then, otherwise })
            }
            AstStmt::Unroll { times, body } => {
                let times = self.number(times, 1, i64::from(limits::UNROLL));
                let body = self.block(body);
                times.and_then(|n| u32::try_from(n).ok()).map(|times| StmtKind::Repeat { times, body })
            }
            AstStmt::Assign { to, op, value } => self.assign(stmt.span, to, *op, value),
            AstStmt::Expr(e) => self.expr_stmt(e),
        };
        let pos = self.pos(stmt.span);
        kind.map(|kind| Stmt { kind, pos }).into_iter().collect()
    }

    fn expr_stmt(&mut self, e: &'s ast::Expr) -> Option<StmtKind> {
        match &e.kind {
            Ast::Call { name, args } => {
                let Some(row) = words::word(&name.value, true) else {
                    self.no_such_function(name);
                    return None;
                };
                match row.meaning {
                    Meaning::Action(action) => {
                        self.arity(row, e.span, args.len())?;
                        self.action(e.span, action, args)
                    }
                    Meaning::Function(_) => {
                        self.expr(e)?;
                        self.does_nothing(e.span);
                        None
                    }
                    _ => {
                        self.expr(e);
                        None
                    }
                }
            }
            Ast::Step { .. } => self.expr(e).map(|typed| StmtKind::Do(typed.expr)),
            Ast::Bad => None,
            _ => {
                self.expr(e)?;
                self.does_nothing(e.span);
                None
            }
        }
    }

    fn does_nothing(&mut self, span: Span) {
        self.say(Diagnostic::error(span, "this does nothing").help("`print(…)` shows a value"));
    }

    fn assign(
        &mut self,
        span: Span,
        to: &'s ast::Expr,
        op: Option<BinaryOp>,
        value: &'s ast::Expr,
    ) -> Option<StmtKind> {
        match &to.kind {
            Ast::Map { name, key } => {
                let map = self.map_no(name);
                self.shared.maps.rows[map].assigned = true;
                match self.aggregation(value) {
                    Some(row) => self.aggregate(span, to, op, value, row),
                    None => self.assign_map(span, to, name, key, op, value),
                }
            }
            Ast::Var(name) => {
                let value = match op {
                    None => self.expr(value),
                    Some(op) => self.compound(span, op, to, value),
                };
                let Some(value) = value else {
                    self.spoiled.push(name);
                    return None;
                };
                let var = self.learn_var(name, &value.slot(), span)?;
                Some(StmtKind::SetVar { var, value: value.expr })
            }
            Ast::Bad => {
                self.expr(value);
                None
            }
            _ => {
                self.expr(value);
                let help = "`$x = …`, `@m[key] = …`";
                self.say(Diagnostic::error(to.span, "only variables and maps are assigned to").help(help));
                None
            }
        }
    }

    fn compound(&mut self, span: Span, op: BinaryOp, left: &'s ast::Expr, right: &'s ast::Expr) -> Option<Typed> {
        let (a, b) = (self.expr(left), self.expr(right));
        let (a, b) = (a?, b?);
        for (e, typed) in [(left, &a), (right, &b)] {
            if !typed.is_int() {
                self.error(
                    e.span,
                    format!("`{}=` takes integers, and this is {}", op.text(), describe(&typed.expr.ty)),
                );
                return None;
            }
        }
        if matches!(op, BinaryOp::Div | BinaryOp::Mod) && b.number() == Some(0) {
            self.error(right.span, "this divides by zero");
            return None;
        }
        let (a, b, slot) = unify(a, b);
        let kind = ExprKind::Binary { op, left: Box::new(a), right: Box::new(b) };
        Some(self.typed(span, kind, slot.ty, slot.sure))
    }

    fn assign_map(
        &mut self,
        span: Span,
        to: &'s ast::Expr,
        name: &'s ast::Spanned<String>,
        key: &'s [ast::Expr],
        op: Option<BinaryOp>,
        value: &'s ast::Expr,
    ) -> Option<StmtKind> {
        if let Some(add @ (BinaryOp::Add | BinaryOp::Sub)) = op {
            let by = self.int_expr(value, "what is added")?;
            let by = if add == BinaryOp::Add { by } else { self.negated(value.span, by) };
            return self.map_add(span, name, key, by, false).map(|typed| StmtKind::Do(typed.expr));
        }
        let value_span = value.span;
        let value = match op {
            None => self.expr(value),
            Some(op) => {
                if key.iter().any(counts) {
                    self.error(to.span, "this key is used twice, and must not count anything");
                }
                self.compound(span, op, to, value)
            }
        };
        let map = self.map_no(name);
        let key = self.key(map, key, to.span);
        let value = value?;
        if matches!(value.expr.ty, Type::Buf { .. }) {
            self.say(Diagnostic::error(value_span, "bytes are not kept in maps").help("text is: `str(…)`"));
            return None;
        }
        let holding = Holding::Plain(Slot { ty: wide(&value.expr.ty), sure: value.sure });
        if !self.shared.maps.learn_value(map, &holding) {
            self.wrong_value(map, &holding, span);
            return None;
        }
        Some(StmtKind::SetMap { map: Self::map_number(map), key: key?, value: value.expr })
    }

    fn negated(&self, span: Span, by: Typed) -> Typed {
        match by.number() {
            Some(n) => self.typed(span, ExprKind::Int(n.wrapping_neg()), by.expr.ty, by.sure),
            None => {
                let ty = wide(&by.expr.ty);
                let kind = ExprKind::Unary { op: ast::UnaryOp::Neg, of: Box::new(by.expr) };
                self.typed(span, kind, ty, by.sure)
            }
        }
    }

    /// The map holds something else than is put into it here.
    pub(super) fn wrong_value(&mut self, map: usize, new: &Holding, span: Span) {
        let row = &self.shared.maps.rows[map];
        let shown = |holding: &Holding| match holding {
            Holding::Plain(slot) => describe(&slot.ty),
            Holding::Aggregate(value) => describe_value(value),
        };
        let holds = row.value.as_ref().map_or_else(String::new, shown);
        let message = format!("`{}` holds {holds}, and this is {}", row.name, shown(new));
        let at = position(self.shared.text, row.first.start);
        let help = format!("it is first used at {}:{}", at.line, at.column);
        self.say(Diagnostic::error(span, message).help(help));
    }

    // Aggregations.

    fn aggregation(&self, value: &ast::Expr) -> Option<&'static Row> {
        let Ast::Call { name, .. } = &value.kind else { return None };
        words::word(&name.value, true).filter(|row| matches!(row.meaning, Meaning::Aggregation(_)))
    }

    fn aggregate(
        &mut self,
        span: Span,
        to: &'s ast::Expr,
        op: Option<BinaryOp>,
        call: &'s ast::Expr,
        row: &'static Row,
    ) -> Option<StmtKind> {
        let (Ast::Call { args, .. }, Meaning::Aggregation(of)) = (&call.kind, row.meaning) else { return None };
        let Ast::Map { name, key } = &to.kind else { return None };
        if let Some(op) = op {
            let message = format!("`{}` is assigned with `=`, not with `{}=`", row.usage, op.text());
            self.error(span, message);
        }
        let map = self.map_no(name);
        let key = self.key(map, key, to.span);
        self.arity(row, call.span, args.len())?;
        let value = match args.first() {
            Some(arg) => Some(self.int_expr(arg, &format!("what `{}` is given", row.name))?),
            None => None,
        };
        let signed = value.as_ref().is_some_and(is_signed);
        let holds = match of {
            Aggregation::Count => MapValue::Count,
            Aggregation::Sum => MapValue::Sum { signed },
            Aggregation::Avg => MapValue::Avg { signed },
            Aggregation::Min => MapValue::Min { signed },
            Aggregation::Max => MapValue::Max { signed },
            Aggregation::Stats => MapValue::Stats { signed },
            Aggregation::Hist => match args.get(1) {
                Some(bits) => MapValue::Hist { bits: u32::try_from(self.number(bits, 0, 5)?).ok()? },
                None => MapValue::Hist { bits: 0 },
            },
            Aggregation::Quantiles => MapValue::Quantiles,
            Aggregation::LinearHist => self.linear(args)?,
        };
        let holding = Holding::Aggregate(holds);
        if !self.shared.maps.learn_value(map, &holding) {
            self.wrong_value(map, &holding, span);
            return None;
        }
        let value = value.map(|value| value.expr);
        Some(StmtKind::Aggregate { map: Self::map_number(map), key: key?, value })
    }

    fn linear(&mut self, args: &'s [ast::Expr]) -> Option<MapValue> {
        let [_, min, max, step] = args else { return None };
        let span = min.span.to(step.span);
        let (min, max) = (self.number(min, i64::MIN, i64::MAX), self.number(max, i64::MIN, i64::MAX));
        let step = self.number(step, 1, i64::MAX);
        let (min, max, step) = (min?, max?, u64::try_from(step?).ok()?);
        if min >= max {
            self.error(span, format!("the smallest value, {min}, is not below the largest, {max}"));
            return None;
        }
        let buckets = max.abs_diff(min).div_ceil(step);
        if buckets > limits::BUCKETS {
            self.error(span, format!("this makes {buckets} buckets, at most {} are possible", limits::BUCKETS));
            return None;
        }
        Some(MapValue::LinearHist { min, max, step })
    }

    // Actions.

    fn action(&mut self, span: Span, action: Action, args: &'s [ast::Expr]) -> Option<StmtKind> {
        match (action, args) {
            (Action::Printf, [format, values @ ..]) => self.printf(span, format, values),
            (Action::Print, [what, rest @ ..]) => self.print(what, rest),
            (Action::Clear, [map]) => self.whole_map(map).map(StmtKind::Clear),
            (Action::Zero, [map]) => self.whole_map(map).map(StmtKind::Zero),
            (Action::Delete, [entry, key @ ..]) => self.delete(entry, key),
            (Action::Exit, []) => Some(StmtKind::Exit(None)),
            (Action::Exit, [status]) => {
                let status = self.int_expr(status, "an exit status")?;
                Some(StmtKind::Exit(Some(status.expr)))
            }
            (Action::Time, format) => {
                let text = match format.first() {
                    Some(format) => self.literal_text(format)?,
                    None => TIME.to_owned(),
                };
                Some(StmtKind::Time(self.shared.strings.add(&text)))
            }
            (Action::Call, args) => self.record_call(span, args.first()),
            (Action::Event, args) => self.record_event(span, args.first()),
            _ => None, // the arity was checked
        }
    }

    /// Where calls are paired the goroutine is known; elsewhere it must be asked for.
    fn record_call(&mut self, span: Span, stack: Option<&'s ast::Expr>) -> Option<StmtKind> {
        let recording = match self.setting.prelude {
            Prelude::GoReturn => Recording::Return,
            Prelude::GoEntry if self.setting.implied => Recording::Begin,
            Prelude::GoInlined if self.setting.ends => Recording::Begin,
            Prelude::GoEntry | Prelude::GoInlined => Recording::Start,
            _ => {
                let help = "`goret:FUNC { call() }` records calls, `go:FUNC { call() }` that they begin";
                self.say(Diagnostic::error(span, "only calls of Go functions are recorded").help(help));
                return None;
            }
        };
        self.needs.frames |= recording == Recording::Return || self.setting.ends;
        self.needs.goid = true;
        // Of a return the stack is that of where the call begins.
        let stack = match stack.filter(|_| recording != Recording::Return) {
            Some(stack) => self.frames(stack)?,
            None => 0,
        };
        Some(StmtKind::Call { recording, stack })
    }

    fn record_event(&mut self, span: Span, with: Option<&'s ast::Expr>) -> Option<StmtKind> {
        if !matches!(self.setting.prelude, Prelude::Goroutine(_)) {
            let help = "`goroutine:state { event(); }` records what `gospect states` shows";
            self.say(Diagnostic::error(span, "only changes of goroutines are recorded").help(help));
            return None;
        }
        let Some(with) = with else { return Some(StmtKind::Event { parent: false }) };
        if self.expr(with)?.expr.kind == ExprKind::Event(EventField::Parent) {
            return Some(StmtKind::Event { parent: true });
        }
        let message = Diagnostic::error(with.span, "`event()` takes nothing but the goroutine's parent");
        self.say(message.help("`event(args.parent)` records it with the place of its `go` statement"));
        None
    }

    /// How many frames of a stack are asked for.
    fn frames(&mut self, stack: &'s ast::Expr) -> Option<u32> {
        let typed = self.expr(stack)?;
        match typed.expr.ty {
            Type::Id(Id::UStack(frames)) if typed.expr.kind == ExprKind::Word(Word::UStack) => Some(frames),
            _ => {
                let message = Diagnostic::error(stack.span, "`call()` takes nothing but the stack that called");
                self.say(message.help("`call(ustack(8))` records it with up to 8 frames"));
                None
            }
        }
    }

    fn printf(&mut self, span: Span, format: &'s ast::Expr, values: &'s [ast::Expr]) -> Option<StmtKind> {
        let text = self.literal_text(format);
        let parsed = text.as_deref().map(Format::parse);
        let specs: Vec<&Spec> = parsed.iter().flat_map(Format::specs).collect();
        let is_whole = |n: usize| specs.get(n).is_some_and(|spec| spec.conversion == Conversion::Value);
        let value = |(n, value)| if is_whole(n) { self.shown(value, Use::Whole) } else { self.expr(value) };
        let args: Vec<_> = values.iter().enumerate().map(value).collect();
        let (text, args) = (text?, args.into_iter().collect::<Option<Vec<Typed>>>()?);
        if args.len() > limits::PRINTF_VALUES {
            self.error(span, format!("at most {} values are printed at once", limits::PRINTF_VALUES));
            return None;
        }
        let kinds: Vec<Kind> = args.iter().map(|arg| kind(&arg.expr.ty)).collect();
        // While types are unknown nothing can be said of them.
        if self.shared.last {
            let problems = Format::parse(&text).check(&kinds);
            for problem in &problems {
                let place = problem.arg.and_then(|n| values.get(n)).map_or(format.span, |value| value.span);
                let message = Diagnostic::error(place, problem.message.clone());
                self.say(message.maybe_help(problem.help.clone()));
            }
            if !problems.is_empty() {
                return None;
            }
        }
        self.fits_record(span, args.iter().map(|arg| &arg.expr.ty))?;
        let format = self.shared.strings.add(&text);
        Some(StmtKind::Printf { format, args: args.into_iter().map(|arg| arg.expr).collect() })
    }

    /// What is printed: of Go as it is, all else as expressions are.
    fn shown(&mut self, e: &'s ast::Expr, use_: Use) -> Option<Typed> {
        if !self.is_go_path(e) {
            return self.expr(e);
        }
        self.allowed(path::root(e).unwrap_or_default(), false, e.span)?;
        // Of arguments a return knows nothing but numbers.
        if use_ == Use::Shown && path::root(e) == Some("args") && self.setting.prelude == Prelude::GoReturn {
            return self.expr(e);
        }
        let request = Request::Path(e, use_);
        // By its path alone the same value is known as something to compute with.
        let is_whole = answer(self.setting, &request).is_ok_and(|reached| reached.ty == Type::Go);
        let path = if is_whole { format!("whole {e}") } else { e.to_string() };
        self.request(request, path, e.span)
    }

    fn fits_record<'t>(&mut self, span: Span, types: impl Iterator<Item = &'t Type>) -> Option<()> {
        let bytes = types.map(Type::stored).fold(0, u32::saturating_add);
        if bytes <= limits::RECORD {
            return Some(());
        }
        let message = format!("these values may have {bytes} bytes, at most {} are printed at once", limits::RECORD);
        self.say(Diagnostic::error(span, message).help("`str(x, 64)` keeps less of a text"));
        None
    }

    fn print(&mut self, what: &'s ast::Expr, rest: &'s [ast::Expr]) -> Option<StmtKind> {
        if let Ast::Map { name, key } = &what.kind
            && key.is_empty()
        {
            let map = self.existing_map(name)?;
            let top = rest.first().map_or(Some(0), |n| self.number(n, 0, i64::from(u32::MAX)));
            let div = rest.get(1).map_or(Some(1), |n| self.number(n, 1, i64::from(u32::MAX)));
            let (top, div) = (u32::try_from(top?).ok()?, u32::try_from(div?).ok()?);
            return Some(StmtKind::PrintMap { map: Self::map_number(map), top, div });
        }
        if let Some(second) = rest.first() {
            self.error(second.span, "only whole maps are printed in part: `print(@m, 10)`");
            return None;
        }
        if let Ast::Map { name, key } = &what.kind {
            let map = self.existing_map(name)?;
            if matches!(self.shared.maps.rows[map].value, Some(Holding::Aggregate(_))) {
                let key = self.key(map, key, what.span)?;
                let entry = ExprKind::Map { map: Self::map_number(map), key };
                return self.known(what.span, entry, super::types::UINT).map(|entry| StmtKind::Print(entry.expr));
            }
        }
        let value = self.shown(what, Use::Shown)?;
        self.fits_record(what.span, std::iter::once(&value.expr.ty))?;
        Some(StmtKind::Print(value.expr))
    }

    fn whole_map(&mut self, e: &'s ast::Expr) -> Option<plan::MapNo> {
        match &e.kind {
            Ast::Map { name, key } if key.is_empty() => self.existing_map(name).map(Self::map_number),
            Ast::Map { name, .. } => {
                let help = format!("`delete(@m[key])` removes an entry; the whole map is `{}`", name.value);
                self.say(Diagnostic::error(e.span, "this is one entry of a map, not a map").help(help));
                None
            }
            Ast::Bad => None,
            _ => {
                self.error(e.span, "this is no map");
                None
            }
        }
    }

    /// A map that something is assigned to somewhere.
    fn existing_map(&mut self, name: &ast::Spanned<String>) -> Option<usize> {
        let map = self.map_no(name);
        let row = &self.shared.maps.rows[map];
        if self.shared.last && row.value.is_none() {
            if !row.assigned {
                self.never_assigned(name.span, &name.value);
            }
            return None;
        }
        Some(map)
    }

    fn delete(&mut self, entry: &'s ast::Expr, rest: &'s [ast::Expr]) -> Option<StmtKind> {
        let Ast::Map { name, key } = &entry.kind else {
            if entry.kind != Ast::Bad {
                self.say(Diagnostic::error(entry.span, "this is no entry of a map").help("`delete(@m[key])`"));
            }
            return None;
        };
        if !key.is_empty() && !rest.is_empty() {
            self.error(entry.span, "the key is given twice; several entries are deleted one by one");
            return None;
        }
        let map = self.existing_map(name)?;
        let key = if rest.is_empty() { key } else { rest };
        let keyed = self.shared.maps.rows[map].key.as_ref().is_some_and(|key| !key.is_empty());
        if key.is_empty() && keyed {
            let help = format!("`clear({})` removes all entries", name.value);
            self.say(Diagnostic::error(entry.span, format!("which entry of `{}`?", name.value)).help(help));
            return None;
        }
        let key = self.key(map, key, entry.span)?;
        Some(StmtKind::Delete { map: Self::map_number(map), key })
    }
}

/// Whether an expression changes something each time it is computed.
fn counts(e: &ast::Expr) -> bool {
    match &e.kind {
        Ast::Step { .. } => true,
        Ast::Map { key, .. } => key.iter().any(counts),
        Ast::Call { args, .. } | Ast::Tuple(args) => args.iter().any(counts),
        Ast::Field { of, .. } | Ast::Unary { of, .. } | Ast::Cast { of, .. } => counts(of),
        Ast::Index { of, index } => counts(of) || counts(index),
        Ast::Binary { left, right, .. } => counts(left) || counts(right),
        Ast::Ternary { cond, then, otherwise } => counts(cond) || counts(then) || counts(otherwise),
        _ => false,
    }
}

fn is_signed(value: &Typed) -> bool {
    match (value.sure, &value.expr.ty) {
        (Sure::Known, Type::Int { signed, bytes }) => *signed || *bytes < 8,
        (Sure::Known, _) => false,
        _ => true,
    }
}

/// What a type is to a format.
fn kind(ty: &Type) -> Kind {
    match ty {
        Type::Int { .. } => Kind::Number,
        Type::Str { .. } => Kind::Text,
        Type::Buf { .. } => Kind::Buffer,
        Type::Id(Id::Hex) => Kind::Pointer,
        Type::Id(_) => Kind::Name,
        Type::Tuple(_) => Kind::Tuple,
        Type::Go => Kind::Go,
    }
}
