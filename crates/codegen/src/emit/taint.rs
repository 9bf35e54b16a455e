//! Which values can turn out unreadable, over all bodies at once: a map or a variable is tainted if anything tainted is
//! ever put into it. Computed until nothing changes; every round taints something more, so it ends.

use plan::{
    Access, Base, Body, EventField, Expr, ExprKind, Location, Plan, Prelude, Stmt, StmtKind, Value, Variant, WholeAt,
    Word,
};

/// What can be unreadable.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Taints {
    values: Vec<bool>,
    keys: Vec<bool>,
    bodies: Vec<BodyTaints>,
    /// The argument registers that hold garbage after some function's stack has grown.
    pub(super) garbage: u64,
}

/// The same of one body.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct BodyTaints {
    vars: Vec<bool>,
    accesses: Vec<bool>,
}

impl Taints {
    pub(super) fn of(plan: &Plan) -> Taints {
        let garbage = garbage(plan);
        let maps = plan.maps.len();
        let bodies = plan.bodies.iter().enumerate().map(|(n, body)| {
            let variants = plan.variants.iter().filter(|variant| variant.body.index() == n);
            BodyTaints { vars: vec![false; body.vars.len()], accesses: accesses(body, variants, garbage) }
        });
        let bodies = bodies.collect();
        let mut taints = Taints { values: vec![false; maps], keys: vec![false; maps], bodies, garbage };
        loop {
            let before = taints.clone();
            for (n, body) in plan.bodies.iter().enumerate() {
                visit_body(body, &mut |step| taints.put(n, step));
            }
            if taints == before {
                return taints;
            }
        }
    }

    /// Whether a value of a map can be.
    pub(super) fn value(&self, map: usize) -> bool {
        self.values.get(map).copied().unwrap_or_default()
    }

    /// Whether a part of a map's key can be.
    pub(super) fn key(&self, map: usize) -> bool {
        self.keys.get(map).copied().unwrap_or_default()
    }

    /// Whether a variable of a body can be.
    pub(super) fn var(&self, body: usize, var: usize) -> bool {
        self.bodies.get(body).is_some_and(|body| body.vars.get(var).copied().unwrap_or_default())
    }

    /// Whether an expression of a body can be.
    pub(super) fn expr(&self, body: usize, expr: &Expr) -> bool {
        let inner = |expr: &Expr| self.expr(body, expr);
        match &expr.kind {
            ExprKind::Int(_) | ExprKind::Str(_) | ExprKind::Register(_) | ExprKind::Under(_) => false,
            ExprKind::Event(field) => matches!(field, EventField::For | EventField::Parent | EventField::GoPc),
            ExprKind::Word(word) => {
                matches!(word, Word::ParentGoid | Word::GoState | Word::WaitReason | Word::StartFunc | Word::Caller)
            }
            ExprKind::Field { .. } => false,
            ExprKind::Access(access) => {
                self.bodies.get(body).is_some_and(|body| body.accesses.get(access.index()).copied().unwrap_or(true))
            }
            ExprKind::StackWord(_) | ExprKind::Read(_) | ExprKind::ReadBytes { .. } => true,
            ExprKind::Var(var) | ExprKind::VarAdd { var, .. } => self.var(body, var.index()),
            ExprKind::Map { map, .. } => self.value(map.index()),
            ExprKind::MapAdd { map, .. } => self.value(map.index()),
            ExprKind::Unary { of, .. } | ExprKind::Cast(of) => inner(of),
            ExprKind::Binary { left, right, .. } | ExprKind::SameText { left, right, .. } => {
                inner(left) || inner(right)
            }
            ExprKind::Ternary { cond, then, otherwise } => inner(cond) || inner(then) || inner(otherwise),
            ExprKind::Tuple(parts) => parts.iter().any(inner),
        }
    }

    fn put(&mut self, body: usize, step: Step<'_>) {
        match step {
            Step::Key(map, parts) => {
                let tainted = parts.iter().any(|part| self.expr(body, part));
                set(&mut self.keys, map, tainted);
            }
            Step::Value(map, value) => {
                let tainted = self.expr(body, value);
                set(&mut self.values, map, tainted);
            }
            Step::Var(var, value) => {
                let tainted = self.expr(body, value);
                if let Some(body) = self.bodies.get_mut(body) {
                    set(&mut body.vars, var, tainted);
                }
            }
            Step::Exit | Step::Elapsed | Step::Start => {}
        }
    }
}

fn set(list: &mut [bool], at: usize, tainted: bool) {
    if let Some(one) = list.get_mut(at) {
        *one |= tainted;
    }
}

/// The argument registers that hold garbage when some function's stack has just grown.
fn garbage(plan: &Plan) -> u64 {
    let restored = plan.sites.iter().filter_map(|site| site.entry.as_ref()?.restored.as_ref());
    restored.fold(0, |all, restored| all | u64::from(!restored.registers.ints))
}

/// Whether a location's base may be garbage at such a body.
pub(super) fn may_be_garbage(base: Base, prelude: Prelude, garbage: u64) -> bool {
    let Base::Register { argument: Some(bit), .. } = base else { return false };
    prelude == Prelude::GoEntry && garbage >> bit.min(63) & 1 != 0
}

fn accesses<'a>(body: &Body, variants: impl Iterator<Item = &'a Variant>, garbage: u64) -> Vec<bool> {
    let mut tainted = vec![false; body.accesses.len()];
    for variant in variants {
        for (n, access) in variant.accesses.iter().enumerate() {
            set(&mut tainted, n, access_fails(access, body.prelude, garbage));
        }
    }
    tainted
}

fn access_fails(access: &Access, prelude: Prelude, garbage: u64) -> bool {
    match access {
        Access::Int(value) => value_fails(value, prelude, garbage),
        Access::Str { .. } | Access::Saved(_) | Access::SavedText(_) | Access::Unreadable => true,
        Access::Go(whole) => match &whole.at {
            WholeAt::Registers(parts) => {
                parts.iter().filter_map(|part| part.base).any(|base| may_be_garbage(base, prelude, garbage))
            }
            WholeAt::Stack(_) => false,
            WholeAt::Memory(_) => true,
        },
        Access::Zero => false,
    }
}

fn value_fails(value: &Value, prelude: Prelude, garbage: u64) -> bool {
    !value.bounds.is_empty() || location_fails(&value.location, prelude, garbage)
}

fn location_fails(location: &Location, prelude: Prelude, garbage: u64) -> bool {
    let read = !location.hops.is_empty() || matches!(location.base, Base::Stack(_));
    read || may_be_garbage(location.base, prelude, garbage)
}

/// Whether there is an `exit()`.
pub(super) fn exits(plan: &Plan) -> bool {
    let mut found = false;
    plan.bodies.iter().for_each(|body| visit_body(body, &mut |step| found |= matches!(step, Step::Exit)));
    found
}

/// Whether a body asks how long a call took.
pub(super) fn asks_elapsed(body: &Body) -> bool {
    // System calls are kept by themselves.
    if matches!(body.prelude, Prelude::Syscall(_)) {
        return false;
    }
    let mut found = false;
    visit_body(body, &mut |step| found |= matches!(step, Step::Elapsed));
    found
}

/// Whether a body asks what the goroutine that runs was started with.
pub(super) fn asks_start(body: &Body) -> bool {
    let mut found = false;
    visit_body(body, &mut |step| found |= matches!(step, Step::Start));
    found
}

/// Something that a body does and that matters here.
enum Step<'a> {
    Key(usize, &'a [Expr]),
    Value(usize, &'a Expr),
    Var(usize, &'a Expr),
    Exit,
    Elapsed,
    Start,
}

fn visit_body(body: &Body, each: &mut dyn FnMut(Step<'_>)) {
    body.predicate.iter().for_each(|predicate| visit_expr(predicate, each));
    body.code.iter().for_each(|stmt| visit(stmt, each));
}

fn visit(stmt: &Stmt, each: &mut dyn FnMut(Step<'_>)) {
    match &stmt.kind {
        StmtKind::SetVar { var, value } => {
            each(Step::Var(var.index(), value));
            visit_expr(value, each);
        }
        StmtKind::SetMap { map, key, value } => {
            each(Step::Key(map.index(), key));
            each(Step::Value(map.index(), value));
            key.iter().chain([value]).for_each(|expr| visit_expr(expr, each));
        }
        StmtKind::Aggregate { map, key, value } => {
            each(Step::Key(map.index(), key));
            key.iter().chain(value).for_each(|expr| visit_expr(expr, each));
        }
        StmtKind::Delete { map, key } => {
            each(Step::Key(map.index(), key));
            key.iter().for_each(|expr| visit_expr(expr, each));
        }
        StmtKind::Do(expr) | StmtKind::Print(expr) => visit_expr(expr, each),
        StmtKind::Printf { args, .. } => args.iter().for_each(|expr| visit_expr(expr, each)),
        StmtKind::Exit(code) => {
            each(Step::Exit);
            code.iter().for_each(|expr| visit_expr(expr, each));
        }
        StmtKind::If { cond, then, otherwise } => {
            visit_expr(cond, each);
            then.iter().chain(otherwise).for_each(|stmt| visit(stmt, each));
        }
        StmtKind::Repeat { body, .. } => body.iter().for_each(|stmt| visit(stmt, each)),
        StmtKind::Clear(_)
        | StmtKind::Zero(_)
        | StmtKind::PrintMap { .. }
        | StmtKind::Time(_)
        | StmtKind::Return
        | StmtKind::Call { .. }
        | StmtKind::Event { .. } => {}
    }
}

fn visit_expr(expr: &Expr, each: &mut dyn FnMut(Step<'_>)) {
    match &expr.kind {
        ExprKind::Map { map, key } => each(Step::Key(map.index(), key)),
        ExprKind::MapAdd { map, key, .. } => each(Step::Key(map.index(), key)),
        ExprKind::Word(Word::Elapsed) => each(Step::Elapsed),
        ExprKind::Word(Word::StartFunc) => each(Step::Start),
        _ => {}
    }
    parts(expr).into_iter().for_each(|part| visit_expr(part, each));
}

/// The expressions that an expression is made of.
pub(super) fn parts(expr: &Expr) -> Vec<&Expr> {
    expr.parts()
}

/// Whether computing it changes anything.
pub(super) fn has_effect(expr: &Expr) -> bool {
    let own = matches!(expr.kind, ExprKind::MapAdd { .. } | ExprKind::VarAdd { .. });
    own || parts(expr).into_iter().any(has_effect)
}

/// Whether it mentions a variable.
pub(super) fn mentions(expr: &Expr, var: plan::VarNo) -> bool {
    let own = matches!(expr.kind, ExprKind::Var(v) | ExprKind::VarAdd { var: v, .. } if v == var);
    own || parts(expr).into_iter().any(|part| mentions(part, var))
}
