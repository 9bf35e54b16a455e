//! What one hit costs, by class of site.

use gobin::insn::Class;

/// CPU time of one hit, in nanoseconds, by what the engine does with the probed instruction.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SiteCosts {
    /// The engine emulates the instruction.
    pub emulated: f64,
    /// The processor single-steps the instruction.
    pub stepped: f64,
}

impl SiteCosts {
    /// A guess for machines where it cannot be measured, taken from a small virtual machine.
    pub const ASSUMED: SiteCosts = SiteCosts { emulated: 600.0, stepped: 9_400.0 };

    /// The cost of a hit at a site. The class is unknown in code that is not Go, where most instructions are stepped.
    #[must_use]
    pub fn of(&self, class: Option<Class>, native_return: bool) -> f64 {
        match class {
            // A uretprobe traps where the function begins, and once more where it returns to.
            _ if native_return => self.stepped + self.emulated,
            Some(Class::Emulated) => self.emulated,
            Some(Class::Stepped) | None => self.stepped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_costs_what_its_site_does() {
        let costs = SiteCosts { emulated: 1.0, stepped: 10.0 };
        let all = [Some(Class::Emulated), Some(Class::Stepped), None].map(|class| costs.of(class, false));
        assert_eq!((all, costs.of(None, true)), ([1.0, 10.0, 10.0], 11.0));
    }
}
