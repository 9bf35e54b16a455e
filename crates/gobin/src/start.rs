//! Which function a goroutine was started with, as whoever wrote the `go` statement would say.
//!
//! `go f(x)` starts a wrapper without arguments that the compiler made, and that calls `f`: `main.run.gowrap1`, or
//! `main.run.func1` up to Go 1.21. Since many statements can start the same function, what is shown, counted and
//! compared is `f`, not the wrapper. Where `f` was inlined into its wrapper and exists nowhere else, the first wrapper
//! stands for it. A wrapper that calls what only its goroutine knows (a method of an interface, a function value)
//! stands for itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::VAddr;
use crate::image::{Function, Image};
use crate::insn::{self, Flow};
use crate::name::Origin;

/// A wrapper.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Start {
    /// Where it begins.
    pub wrapper: VAddr,
    /// Where that function begins which stands for it.
    pub shown: VAddr,
    /// What that is called.
    pub name: String,
}

/// What a wrapper calls.
enum Callee<'i> {
    Function(Function<'i>),
    /// Inlined into it.
    Inlined(&'i str),
}

impl Image {
    /// All wrappers of `go` statements that stand for other functions, by address.
    #[must_use]
    pub fn starts(&self) -> Vec<Start> {
        let wrappers = self.functions().filter(is_wrapper);
        let called: Vec<_> = wrappers.filter_map(|wrapper| Some((wrapper, callee(self, &wrapper)?))).collect();
        let mut shown = self.places_of_inlined(&called);
        let mut starts = Vec::with_capacity(called.len());
        for (wrapper, callee) in called {
            let wrapper = wrapper.entry();
            let (shown, name) = match callee {
                Callee::Function(function) => (function.entry(), function.name()),
                Callee::Inlined(name) => (*shown.entry(name).or_insert(wrapper), name),
            };
            starts.push(Start { wrapper, shown, name: name.to_owned() });
        }
        starts
    }

    /// Where functions are that were inlined into wrappers and exist elsewhere too.
    fn places_of_inlined<'i>(&'i self, called: &[(Function<'i>, Callee<'i>)]) -> BTreeMap<&'i str, VAddr> {
        let inlined = called.iter().filter_map(|(_, callee)| match callee {
            Callee::Inlined(name) => Some(*name),
            Callee::Function(_) => None,
        });
        let wanted: BTreeSet<&str> = inlined.collect();
        let found = self.functions().filter(|function| wanted.contains(function.name()));
        // Of several the first.
        let mut places = BTreeMap::new();
        found.for_each(|function| _ = places.entry(function.name()).or_insert(function.entry()));
        places
    }
}

fn is_wrapper(function: &Function<'_>) -> bool {
    match function.origin() {
        Origin::GoWrapper => true,
        Origin::Closure => function.is_marked_wrapper(),
        _ => false,
    }
}

/// The one function that a wrapper calls.
fn callee<'i>(image: &'i Image, wrapper: &Function<'i>) -> Option<Callee<'i>> {
    let inlined = wrapper.inlined_calls();
    if !inlined.is_empty() {
        let mut roots = inlined.iter().filter(|call| call.parent.is_none());
        let first = roots.next()?;
        return roots.all(|call| call.name == first.name).then_some(Callee::Inlined(first.name));
    }
    let mut found: Option<Function<'i>> = None;
    for insn in insn::decode(image.arch(), wrapper.entry(), wrapper.code()) {
        let (Flow::Call(to) | Flow::Jump(to)) = insn.ok()?.flow else { continue };
        let Some(function) = image.function_at(to).filter(|f| f.index() != wrapper.index()) else { continue };
        if function.entry() != to || is_made_by_compiler(&function, wrapper) {
            continue;
        }
        if found.replace(function).is_some_and(|before| before.index() != function.index()) {
            return None;
        }
    }
    found.map(Callee::Function)
}

/// The growth of the stack, race detection and the like.
fn is_made_by_compiler(function: &Function<'_>, wrapper: &Function<'_>) -> bool {
    let of_runtime = |f: &Function<'_>| f.name().starts_with("runtime.");
    function.name().starts_with("runtime.morestack") || (of_runtime(function) && !of_runtime(wrapper))
}
