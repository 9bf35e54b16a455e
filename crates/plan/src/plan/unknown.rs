//! What code asks of calls and no executable tells: whether they failed, where nothing says what a function returns.

use std::collections::BTreeSet;

use crate::{Access, FuncNo, Plan, PointNo, Run};

/// So many functions are named.
const NAMED: usize = 3;

impl Plan {
    /// The functions of whose returns code asks `failed` and never learns it, each with the attach point.
    #[must_use]
    pub fn unknown_failures(&self) -> BTreeSet<(PointNo, FuncNo)> {
        let mut all = BTreeSet::new();
        for site in &self.sites {
            // At a jump to another function results are not there yet.
            let exit = site.exit.as_ref().filter(|exit| !exit.tail);
            let group = exit.and_then(|exit| self.groups.get(exit.group?.index()));
            let runs = group.into_iter().flat_map(|group| &group.runs).filter(|run| self.asks_in_vain(run));
            all.extend(runs.map(|run| (run.point, site.function)));
        }
        all
    }

    /// Whether code asks if the call failed where nobody knows.
    fn asks_in_vain(&self, run: &Run) -> bool {
        let variant = self.variants.get(run.variant.index());
        let body = variant.and_then(|variant| self.bodies.get(variant.body.index()));
        let (Some(variant), Some(body)) = (variant, body) else { return false };
        let mut both = body.accesses.iter().zip(&variant.accesses);
        both.any(|(asked, access)| asked.path == "failed" && *access == Access::Unreadable)
    }

    /// That it is not known of such functions, and what to do about it; nothing if there are none.
    #[must_use]
    pub fn unknown_failure(&self, functions: &BTreeSet<FuncNo>) -> Option<String> {
        let of = |function: &FuncNo| self.functions.get(function.index()).map(|function| function.name.as_str());
        let names: Vec<&str> = functions.iter().filter_map(of).collect();
        let first = names.first()?;
        let they = if names.len() == 1 { "it returns" } else { "they return" };
        Some(format!(
            "whether calls of {} fail is not known, since nothing says what {they}; a signature behind the name does: \
             '{first}(n int) error'",
            listed(&names)
        ))
    }
}

/// Names in a sentence: the first ones, and how many more there are.
fn listed(names: &[&str]) -> String {
    match names {
        [one] => (*one).to_owned(),
        [few @ .., last] if names.len() <= NAMED => format!("{} and {last}", few.join(", ")),
        all => format!("{} and {} more", all[..NAMED.min(all.len())].join(", "), all.len().saturating_sub(NAMED)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_functions_are_counted() {
        let names = ["a", "b", "c", "d", "e"];
        let all = [1, 2, 3, 5].map(|n| listed(&names[..n]));
        assert_eq!(all, ["a", "a and b", "a, b and c", "a, b, c and 2 more"]);
    }
}
