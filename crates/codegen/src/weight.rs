//! Scripts that would be too much for the kernel's verifier. Their text does not show how much code they become, so the
//! code is written, and weighed.

use bpf::Caps;
use plan::limits;
use plan::{GroupNo, Plan, Span, VariantNo};

use crate::capture::Captures;
use crate::emit::{Weight, together, variants, weigh};

/// Code that the verifier would not follow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TooHeavy {
    /// The reason, in words.
    pub why: String,
    /// The attach point whose clause is the largest there.
    pub at: Span,
}

impl TooHeavy {
    /// What makes scripts lighter.
    pub const HELP: &str = "what `unroll` repeats counts each time; of a large text less can be kept by `str(…, N)`";
}

/// Weighs the code of a plan. A plan that cannot be compiled has no weight: [`emit`](crate::emit()) says why.
#[must_use]
pub fn too_heavy(plan: &Plan, captures: &Captures) -> Option<TooHeavy> {
    // With the newest instructions code is no longer than without them, but for what is exchanged at once.
    let weights = [Caps::linux_5_10(), Caps::linux_7_0()].map(|caps| weigh(plan, captures, caps));
    let [Ok(old), Ok(new)] = weights else { return None };
    let most = |(a, b): (&Weight, &Weight)| Weight {
        code: a.code.max(b.code),
        steps: a.steps.max(b.steps),
        branches: a.branches.max(b.branches),
    };
    let weights: Vec<Weight> = old.iter().zip(&new).map(most).collect();
    let single = weights.iter().zip(0..).find(|(weight, _)| weight.code > limits::CODE);
    if let Some((weight, variant)) = single {
        let why = format!("this becomes {} instructions, the kernel takes {} of one clause", weight.code, limits::CODE);
        return Some(TooHeavy { why, at: place(plan, VariantNo(variant)) });
    }
    together(plan).iter().find_map(|groups| at_one_place(plan, &weights, groups))
}

fn at_one_place(plan: &Plan, weights: &[Weight], groups: &[GroupNo]) -> Option<TooHeavy> {
    let weight = |variant: VariantNo| weights.get(variant.index()).copied().unwrap_or_default();
    let all = variants(plan, groups).map(weight).fold(Weight::default(), Weight::and);
    let (what, is, most) = if all.branches > limits::BRANCHES {
        ("conditional jumps", all.branches, limits::BRANCHES)
    } else if all.steps > limits::STEPS {
        ("instructions", all.steps, limits::STEPS)
    } else {
        return None;
    };
    let largest = variants(plan, groups).max_by_key(|&variant| weight(variant).steps)?;
    let why = format!("what runs here makes {is} {what}, the kernel follows {most} at one place");
    Some(TooHeavy { why, at: place(plan, largest) })
}

/// The first attach point of a variant's clause, or the whole clause if the checker made it.
fn place(plan: &Plan, variant: VariantNo) -> Span {
    let body = plan.variants.get(variant.index()).and_then(|variant| plan.bodies.get(variant.body.index()));
    let point = |clause: u32| plan.points.iter().find(|point| point.clause == clause && !point.ours);
    body.map_or_else(Span::default, |body| point(body.clause).map_or(body.span, |point| point.span))
}

#[cfg(test)]
mod tests;
