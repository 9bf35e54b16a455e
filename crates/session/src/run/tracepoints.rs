//! Stars in names of tracepoints: `tracepoint:syscalls:sys_enter_*` is one attach point for each that the kernel has.
//!
//! Done on the tree before it is checked, since only the kernel knows the names.

use engine::Engine;
use gobin::pattern::Pattern;
use probe::ast::{Attach, AttachPoint, Script, Spanned};

/// Puts what they match in the place of names with stars. What matches nothing stays, and is told by the checker.
pub(super) fn expand(script: &mut Script, engine: Option<&dyn Engine>) {
    let has_star = |point: &AttachPoint| stars(&point.attach).is_some();
    if !script.clauses.iter().flat_map(|clause| &clause.points).any(has_star) {
        return;
    }
    let Some(all) = engine.and_then(|engine| engine.tracepoints().ok()) else { return };
    for clause in &mut script.clauses {
        clause.points = std::mem::take(&mut clause.points).into_iter().flat_map(|point| each(point, &all)).collect();
    }
}

/// Category and name, if one of them has stars.
fn stars(attach: &Attach) -> Option<(&Spanned<String>, &Spanned<String>)> {
    match attach {
        Attach::Tracepoint { category, name } if [category, name].iter().any(|n| n.value.contains('*')) => {
            Some((category, name))
        }
        _ => None,
    }
}

fn each(point: AttachPoint, all: &[(String, String)]) -> Vec<AttachPoint> {
    let Some((category, name)) = stars(&point.attach) else { return vec![point] };
    let (categories, names) = (Pattern::new(&category.value), Pattern::new(&name.value));
    let matching = all.iter().filter(|(category, name)| categories.matches(category) && names.matches(name));
    let one = |(matched, named): &(String, String)| AttachPoint {
        attach: Attach::Tracepoint {
            category: Spanned { value: matched.clone(), span: category.span },
            name: Spanned { value: named.clone(), span: name.span },
        },
        span: point.span,
    };
    let matching: Vec<AttachPoint> = matching.map(one).collect();
    if matching.is_empty() { vec![point] } else { matching }
}

#[cfg(test)]
mod tests {
    use plan::Source;

    use super::*;

    #[test]
    fn each_match_is_a_point_of_its_own() {
        let text = "tracepoint:sched:sched_process_*, tracepoint:x*:y, tracepoint:sched:one { }".to_owned();
        let (mut script, _) = probe::parse(&Source { name: String::new(), text });
        let all = [("sched", "sched_process_exec"), ("sched", "sched_process_exit"), ("sched", "sched_switch")];
        let all = all.map(|(category, name)| (category.to_owned(), name.to_owned()));
        let points = script.clauses.remove(0).points;
        let shown: Vec<String> = points.into_iter().flat_map(|point| each(point, &all)).map(shown).collect();
        assert_eq!(shown, ["sched:sched_process_exec", "sched:sched_process_exit", "x*:y", "sched:one"]);
    }

    fn shown(point: AttachPoint) -> String {
        match point.attach {
            Attach::Tracepoint { category, name } => format!("{}:{}", category.value, name.value),
            other => format!("{other:?}"),
        }
    }
}
