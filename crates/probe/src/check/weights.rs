//! Scripts that would be too much for the kernel's verifier once they are code. How much that is nobody sees in the text,
//! so the code is written, and weighed.

use bpf::Caps;

use crate::ast::{Script, Span};
use crate::diagnostic::Diagnostic;
use crate::emit::{Weight, together, variants, weigh};
use crate::limits;
use crate::plan::{Plan, VariantNo};

const HELP: &str = "what `unroll` repeats counts each time; of a large text less can be kept by `str(…, N)`";

/// What is told of a plan that is right in all else.
pub(super) fn too_heavy(script: &Script, plan: &Plan) -> Vec<Diagnostic> {
    // With the newest instructions code is no longer than without them, but for what is exchanged at once.
    let weights = [Caps::linux_5_10(), Caps::linux_7_0()].map(|caps| weigh(plan, caps));
    // What cannot be made at all is the emitter's to tell.
    let [Ok(old), Ok(new)] = weights else { return Vec::new() };
    let most = |(a, b): (&Weight, &Weight)| Weight {
        code: a.code.max(b.code),
        steps: a.steps.max(b.steps),
        branches: a.branches.max(b.branches),
    };
    let weights: Vec<Weight> = old.iter().zip(&new).map(most).collect();
    let single = weights.iter().zip(0..).find(|(weight, _)| weight.code > limits::CODE);
    if let Some((weight, variant)) = single {
        let message =
            format!("this becomes {} instructions, the kernel takes {} of one clause", weight.code, limits::CODE);
        return vec![Diagnostic::error(span(script, plan, VariantNo(variant)), message).help(HELP)];
    }
    together(plan).iter().find_map(|groups| at_one_place(script, plan, &weights, groups)).into_iter().collect()
}

fn at_one_place(
    script: &Script,
    plan: &Plan,
    weights: &[Weight],
    groups: &[crate::plan::GroupNo],
) -> Option<Diagnostic> {
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
    let message = format!("what runs here makes {is} {what}, the kernel follows {most} at one place");
    Some(Diagnostic::error(span(script, plan, largest), message).help(HELP))
}

fn span(script: &Script, plan: &Plan, variant: VariantNo) -> Span {
    let body = plan.variants.get(variant.index()).and_then(|variant| plan.bodies.get(variant.body.index()));
    let clause = body.and_then(|body| script.clauses.get(body.clause as usize));
    clause.map_or_else(Span::default, |clause| clause.points.first().map_or(clause.span, |point| point.span))
}
