//! How much code is for the kernel: what its verifier has to go through, and how far jumps reach.
//!
//! The verifier follows each way through a program, remembers where it has been in which state, and gives up after a
//! million instructions or with 8 192 ways that are still to be followed. What a script comes to is known only once its
//! code is written, so [`weigh`] writes it, into nothing.
//!
//! That the weight grows with the code and not with the number of ways through it is the doing of [`forks`]: where many
//! things depend on conditions, values are kept in scratch memory, of which the verifier remembers nothing.

use bpf::{Assembler, Caps};
use event::Schema;

use super::{Options, Refused, Shared};
use crate::capture::Captures;
use plan::{BinaryOp, UnaryOp};
use plan::{Body, Expr, ExprKind, Group, GroupNo, Plan, Stmt, StmtKind, VariantNo};

/// What a piece of code comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Weight {
    /// Instructions as they stand there.
    pub code: u64,
    /// Instructions on the longest way, each as often as loops repeat it.
    pub steps: u64,
    /// Conditional jumps on that way.
    pub branches: u64,
}

impl Weight {
    /// The same so many times.
    fn times(self, n: u64) -> Weight {
        let times = |of: u64| of.saturating_mul(n);
        Weight { code: self.code, steps: times(self.steps), branches: times(self.branches) }
    }

    /// What came on top of something that was less.
    fn without(self, other: Weight) -> Weight {
        Weight {
            code: self.code.saturating_sub(other.code),
            steps: self.steps.saturating_sub(other.steps),
            branches: self.branches.saturating_sub(other.branches),
        }
    }

    /// One after the other.
    #[must_use]
    pub fn and(self, other: Weight) -> Weight {
        Weight {
            code: self.code.saturating_add(other.code),
            steps: self.steps.saturating_add(other.steps),
            branches: self.branches.saturating_add(other.branches),
        }
    }
}

/// What loops add to the instructions that stand in a body.
#[derive(Clone, Copy, Default)]
pub(super) struct Loops {
    repeated: Weight,
}

/// A place in the code, where a loop begins.
#[derive(Clone, Copy)]
pub(super) struct LoopStart {
    at: usize,
    repeated: Weight,
}

impl Loops {
    /// What was written so far comes to, if nothing stood there before.
    pub(super) fn weigh(self, asm: &Assembler) -> Weight {
        let (slots, branches) = asm.extent(0);
        let written = Weight { code: slots as u64, steps: slots as u64, branches: branches as u64 };
        written.and(self.repeated)
    }

    /// A loop begins here.
    pub(super) fn start(self, asm: &Assembler) -> LoopStart {
        LoopStart { at: asm.len(), repeated: self.repeated }
    }

    /// A loop ends here, whose code runs so many times.
    pub(super) fn end(&mut self, asm: &Assembler, since: LoopStart, times: u64) {
        let (slots, branches) = asm.extent(since.at);
        let once = Weight { code: 0, steps: slots as u64, branches: branches as u64 };
        let inner = self.repeated.without(since.repeated);
        self.repeated = self.repeated.and(once.and(inner).times(times.saturating_sub(1)));
    }
}

/// The weight of each variant, as for a kernel with those `caps`.
///
/// # Errors
/// What the plan asks for and is not made.
pub fn weigh(plan: &Plan, captures: &Captures, caps: Caps) -> Result<Vec<Weight>, Refused> {
    let mut shared = Shared::new((plan, captures), caps, &Options::of_kernel(caps), Schema::new())?;
    shared.try_bodies()?;
    Ok(shared.weights)
}

/// What runs at each site and event, as groups of the plan, each different lot once.
pub(crate) fn together(plan: &Plan) -> Vec<Vec<GroupNo>> {
    let at_site = |site: &plan::Site| {
        let ends = [site.entry.as_ref().and_then(|e| e.group), site.exit.as_ref().and_then(|e| e.group), site.here];
        ends.into_iter()
            .flatten()
            .chain(site.also.iter().map(|also| also.group))
            .chain(site.over.iter().map(|over| over.group))
            .collect::<Vec<_>>()
    };
    let mut all: Vec<Vec<GroupNo>> = plan.sites.iter().map(at_site).collect();
    all.extend(plan.events.iter().map(|event| vec![event.group]));
    all.sort();
    all.dedup();
    all
}

/// The variants of some groups, one after the other.
pub(crate) fn variants<'p>(plan: &'p Plan, groups: &'p [GroupNo]) -> impl Iterator<Item = VariantNo> + 'p {
    let group = |group: &GroupNo| -> Option<&'p Group> { plan.groups.get(group.index()) };
    groups.iter().filter_map(group).flat_map(|group| &group.runs).map(|run| run.variant)
}

/// How often a body's values depend on a condition, at most: each time there may be twice as many ways.
pub(super) fn forks(body: &Body) -> u64 {
    body.predicate.iter().map(of_expr).sum::<u64>().saturating_add(of_stmts(&body.code))
}

fn of_stmts(stmts: &[Stmt]) -> u64 {
    stmts.iter().map(of_stmt).fold(0, u64::saturating_add)
}

fn of_stmt(stmt: &Stmt) -> u64 {
    let inside = stmt.exprs().into_iter().map(of_expr).fold(0, u64::saturating_add);
    match &stmt.kind {
        StmtKind::If { then, otherwise, .. } => {
            inside.saturating_add(1).saturating_add(of_stmts(then)).saturating_add(of_stmts(otherwise))
        }
        StmtKind::Repeat { times, body } => of_stmts(body).saturating_mul(u64::from(*times)),
        // A variable remembers whether its value could be read.
        StmtKind::SetVar { .. } => inside.saturating_add(1),
        _ => inside,
    }
}

fn of_expr(expr: &Expr) -> u64 {
    let chooses = match &expr.kind {
        ExprKind::Ternary { .. } | ExprKind::SameText { .. } | ExprKind::Unary { op: UnaryOp::Not, .. } => true,
        ExprKind::Binary { op, .. } => matches!(
            op,
            BinaryOp::LogicalAnd
                | BinaryOp::LogicalOr
                | BinaryOp::Lt
                | BinaryOp::Le
                | BinaryOp::Gt
                | BinaryOp::Ge
                | BinaryOp::Eq
                | BinaryOp::Ne
        ),
        _ => false,
    };
    expr.parts().into_iter().map(of_expr).fold(u64::from(chooses), u64::saturating_add)
}
