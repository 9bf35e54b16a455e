//! A text that was checked before, for other builds or for fewer executables: its numbers are kept.

use gobin::{Arch, VAddr};

use super::super::compile;
use super::source;
use crate::fakes::Fake;
use plan::target::Target;
use plan::world::{Field, Numbered, World};
use plan::{BinaryNo, Function, Plan};

struct Later {
    world: Fake,
    functions: Vec<Function>,
}

impl World for Later {
    fn arch(&self) -> Arch {
        self.world.arch()
    }

    fn binary(&self, path: &str) -> Result<&dyn Target, String> {
        self.world.binary(path)
    }

    fn tracepoint(&self, category: &str, name: &str) -> Result<Vec<Field>, String> {
        self.world.tracepoint(category, name)
    }

    fn numbered(&self) -> Option<Numbered<'_>> {
        let binaries = ["/lib/libc.so.6", ""].map(str::to_owned).to_vec();
        Some(Numbered { binaries, functions: &self.functions })
    }
}

/// In the build before, each of these was in the second executable.
fn plan(text: &str, before: &[&str]) -> Plan {
    let function = |(n, name): (u64, &&str)| Function {
        binary: BinaryNo(1),
        name: (*name).to_owned(),
        entry: VAddr(n),
        frames: false,
        marks: 0,
        panics: false,
        elsewhere: false,
        inlined: None,
    };
    let functions = (0..).zip(before).map(function).collect();
    compile(&source(text), &[], &Later { world: Fake::new(Arch::Amd64), functions }).plan.unwrap()
}

#[test]
fn functions_and_executables_keep_their_numbers_and_new_ones_follow() {
    let text = "go:main.fib, go:main.small, uprobe:/lib/libc.so.6:malloc { @[func] = count() }";
    let plan = plan(text, &["main.gone", "main.small"]);
    let paths: Vec<&str> = plan.binaries.iter().map(|binary| binary.path.as_str()).collect();
    assert_eq!(paths, ["/lib/libc.so.6", ""]);
    let functions: Vec<_> = plan.functions.iter().map(|f| (f.name.as_str(), f.binary.0)).collect();
    assert_eq!(functions, [("main.gone", 1), ("main.small", 1), ("malloc", 0), ("main.fib", 1)]);
    // Where it is now, and the one that is gone where it was; nobody goes there.
    assert!(plan.functions[1].entry.0 > 1 && plan.functions[0].entry == VAddr(0));
    let mut probed: Vec<u32> = plan.sites.iter().map(|site| site.function.0).collect();
    probed.sort_unstable();
    assert_eq!(probed, [1, 2, 3]);
}

#[test]
fn what_the_text_says_of_a_function_means_its_number() {
    let plan =
        plan("go:main.fib, go:main.small /func == \"main.small\"/ { @ = count() }", &["main.gone", "main.small"]);
    let shown = plan.to_string();
    assert!(shown.contains("func == 1"), "{shown}");
}
