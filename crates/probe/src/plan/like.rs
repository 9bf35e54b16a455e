//! A plan of the same text for another build of its executables, made to speak in the numbers of the first one: what
//! records, keys of maps and frames say of functions means the same in both, so that both can share their maps.

use std::collections::HashMap;

use super::{BinaryNo, FuncNo, Plan};

impl Plan {
    /// This plan with the first one's numbers for functions. Those that only the first one has keep their places, without
    /// sites; those that only this one has follow behind.
    ///
    /// Nothing if the text does not mean the same: other types, other code, other maps.
    #[must_use]
    pub fn like(mut self, first: &Plan) -> Option<Plan> {
        let kept = |plan: &Plan| plan.saves.iter().map(Vec::len).max();
        let is_alike =
            (&self.strings, &self.maps, &self.bodies, &self.events, &self.unders, self.needs, self.points.len())
                == (
                    &first.strings,
                    &first.maps,
                    &first.bodies,
                    &first.events,
                    &first.unders,
                    first.needs,
                    first.points.len(),
                );
        let paths =
            |plan: &Plan| plan.binaries.iter().map(|binary| (binary.path.clone(), binary.go)).collect::<Vec<_>>();
        let captures_alike = self.captures == first.captures;
        if !is_alike || !captures_alike || kept(&self) != kept(first) || paths(&self) != paths(first) {
            return None;
        }
        let numbers = self.numbers_of(first);
        let mut functions = first.functions.clone();
        for (function, number) in std::mem::take(&mut self.functions).into_iter().zip(&numbers) {
            match functions.get_mut(number.index()) {
                Some(place) => *place = function,
                None => functions.push(function),
            }
        }
        self.functions = functions;
        for site in &mut self.sites {
            site.function = numbers.get(site.function.index()).copied()?;
            for also in &mut site.also {
                also.function = numbers.get(also.function.index()).copied()?;
            }
        }
        Some(self)
    }

    /// For each of our functions the number of the first plan's function of that name, else one behind all of its.
    fn numbers_of(&self, first: &Plan) -> Vec<FuncNo> {
        let mut known: HashMap<(BinaryNo, &str), Vec<u32>> = HashMap::new();
        for (function, number) in first.functions.iter().zip(0..first.functions.len() as u32).rev() {
            known.entry((function.binary, &function.name)).or_default().push(number);
        }
        let mut next = first.functions.len() as u32;
        let mut numbers = Vec::with_capacity(self.functions.len());
        for function in &self.functions {
            let same = known.get_mut(&(function.binary, &function.name)).and_then(Vec::pop);
            numbers.push(FuncNo(same.unwrap_or(next)));
            next += u32::from(same.is_none());
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Binary, Function, Needs, Site};
    use super::*;
    use gobin::{Arch, FileOff, VAddr};

    /// A plan with a site in each of these functions.
    fn plan(names: &[&str]) -> Plan {
        let function = |(n, name): (u64, &&str)| Function {
            binary: BinaryNo(0),
            name: (*name).to_owned(),
            entry: VAddr(0x1000 * (n + 1)),
            frames: false,
            marks: 0,
            panics: false,
            elsewhere: false,
            inlined: None,
        };
        let site = |n: u32| Site {
            function: FuncNo(n),
            offset: 0,
            file: FileOff(u64::from(n)),
            class: None,
            entry: None,
            exit: None,
            here: None,
            also: Vec::new(),
            native_return: false,
        };
        Plan {
            arch: Arch::Amd64,
            source: bpf::Source::default(),
            strings: Vec::new(),
            maps: Vec::new(),
            points: Vec::new(),
            binaries: vec![Binary { path: String::new(), go: true, runtime: None, start: None }],
            functions: (0..).zip(names).map(function).collect(),
            sites: (0..names.len() as u32).map(site).collect(),
            bodies: Vec::new(),
            variants: Vec::new(),
            groups: Vec::new(),
            unders: Vec::new(),
            saves: Vec::new(),
            events: Vec::new(),
            needs: Needs::default(),
            captures: None,
        }
    }

    #[test]
    fn functions_keep_their_numbers_and_new_ones_follow() {
        let first = plan(&["main.a", "main.b", "main.c", "main.b"]);
        let like = plan(&["main.new", "main.b", "main.b", "main.a", "main.b"]).like(&first).unwrap();
        let names: Vec<&str> = like.functions.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["main.a", "main.b", "main.c", "main.b", "main.new", "main.b"]);
        let sites: Vec<u32> = like.sites.iter().map(|site| site.function.0).collect();
        assert_eq!(sites, [4, 1, 3, 0, 5]);
        let entries: Vec<u64> = like.functions.iter().map(|f| f.entry.0).collect();
        // main.c is where it was in the first build, and nobody goes there.
        assert_eq!(entries, [0x4000, 0x2000, 0x3000, 0x3000, 0x1000, 0x5000]);
    }

    #[test]
    fn another_meaning_is_no_likeness() {
        let mut other = plan(&["main.a"]);
        other.strings.push("x".to_owned());
        assert!(other.like(&plan(&["main.a"])).is_none());
        let mut other = plan(&["main.a"]);
        other.binaries[0].path = "/bin/other".to_owned();
        assert!(other.like(&plan(&["main.a"])).is_none());
    }
}
