//! Stacks that are made here, out of the frames of real functions, and walked.

use std::collections::HashMap;
use std::path::Path;

use gobin::insn::{self, Flow};
use gobin::pclntab::{FLAG_SP_WRITE, FLAG_TOP_FRAME};
use gobin::unwind::{Left, Lost, Unwinder, Walk};
use gobin::{Function, Image, VAddr};
use gospect_fixtures::{Arch, Fixture, Variant, build, need, on_every_go};

/// Where the stacks end.
const TOP: u64 = 0xc0_0010_0000;
/// By how much the process has the program behind where its file counts addresses.
const BIAS: u64 = 0x5555_0000_0000;
/// Calls on a stack.
const DEEP: usize = 40;

fn open(path: &Path) -> Image {
    Image::parse(std::fs::read(path).expect("the fixture was just built")).expect("a Go program")
}

/// A call that was left: where it goes on, and how large its frame is then.
#[derive(Clone, Copy)]
struct Call {
    back: VAddr,
    depth: u64,
}

/// What stands behind the call instructions of ordinary functions with frames.
fn calls(image: &Image) -> Vec<Call> {
    let injected = ["runtime.sigpanic", "runtime.asyncPreempt", "runtime.debugCallV2"];
    let ordinary = image.functions().filter(|f| f.row().flags() & (FLAG_TOP_FRAME | FLAG_SP_WRITE) == 0);
    ordinary.filter(|f| !injected.contains(&f.name())).flat_map(|f| behind_calls(image, &f)).collect()
}

fn behind_calls(image: &Image, function: &Function<'_>) -> Vec<Call> {
    let insns = insn::decode(image.arch(), function.entry(), function.code()).map_while(Result::ok);
    let behind = insns.filter(|insn| matches!(insn.flow, Flow::Call(_))).map(|insn| insn.end());
    let call = |offset: u32| {
        let depth = function.row().stack_depth(offset).filter(|&depth| depth > 0)?;
        Some(Call { back: function.entry().plus(offset.into()), depth: depth.into() })
    };
    behind.filter_map(call).collect()
}

/// A stack, and where its goroutine left off.
struct Made {
    words: HashMap<u64, u64>,
    left: Left,
}

/// The stack of calls, the outermost first, on that of a goroutine that began as goroutines do.
fn made(image: &Image, calls: &[Call]) -> Made {
    let goexit = image.runtime_function("runtime.goexit").expect("it is in every program").entry().plus(4);
    let has_link = image.arch() == gobin::Arch::Arm64;
    let (mut words, mut sp, mut back) = (HashMap::new(), TOP - 64, goexit);
    for call in calls {
        if has_link {
            sp -= call.depth;
            words.insert(sp, back.plus(BIAS).0);
        } else {
            words.insert(sp - 8, back.plus(BIAS).0);
            sp -= 8 + call.depth;
        }
        back = call.back;
    }
    Made { words, left: Left { pc: back.plus(BIAS).0, sp, lr: 0, hi: TOP } }
}

impl Made {
    fn walk(&self, image: &Image, most: usize) -> Walk {
        Unwinder::new(image, BIAS).walk(&self.left, most, |at| self.words.get(&at).copied())
    }
}

/// All frames of all functions, a few at a time.
fn every_frame_leads_to_its_caller(go: &'static str) {
    for (variant, arch) in
        [(Variant::Plain, Arch::Amd64), (Variant::Stripped, Arch::Amd64), (Variant::Plain, Arch::Arm64)]
    {
        let image = open(&need!(build(&Fixture::new("server", go, variant).on(arch))));
        let calls = calls(&image);
        assert!(calls.len() > 20_000, "{}", calls.len());
        let goexit = image.runtime_function("runtime.goexit").expect("it is in every program").entry().plus(3);
        for some in calls.chunks(DEEP) {
            let walk = made(&image, some).walk(&image, usize::MAX);
            let wanted: Vec<VAddr> = some.iter().rev().map(|call| VAddr(call.back.0 - 1)).chain([goexit]).collect();
            assert_eq!(walk, Walk { at: wanted, lost: None }, "go{go} {} {}", variant.name(), arch.goarch());
        }
    }
}
on_every_go!(every_frame_leads_to_its_caller);

#[test]
fn a_stack_that_makes_no_sense_is_lost_where_it_does_not() {
    let image = open(&need!(build(&Fixture::new("server", "1.26", Variant::Plain))));
    let calls = &calls(&image)[..DEEP];
    let check = |change: &dyn Fn(&mut Made), known: usize, why: fn(&Lost) -> bool| {
        let mut stack = made(&image, calls);
        change(&mut stack);
        let walk = stack.walk(&image, DEEP);
        assert_eq!(walk.at.len(), known, "{:?}", walk.lost);
        assert!(walk.lost.as_ref().is_some_and(why), "{:?}", walk.lost);
    };
    // The words of return addresses, the innermost first.
    let at = |stack: &Made, n: usize| {
        let mut all: Vec<u64> = stack.words.keys().copied().collect();
        all.sort_unstable();
        all[n]
    };
    let changes = |f: &Function<'_>| f.row().flags() & (FLAG_SP_WRITE | FLAG_TOP_FRAME) == FLAG_SP_WRITE;
    let switch = image.functions().find(changes).expect("the runtime switches stacks");
    check(&|_| (), DEEP, |lost| *lost == Lost::More);
    check(&|stack| stack.left.pc = 0, 0, |lost| *lost == Lost::NoFunction(0));
    check(&|stack| _ = stack.words.insert(at(stack, 3), 7), 4, |lost| *lost == Lost::NoFunction(7));
    check(&|stack| _ = stack.words.remove(&at(stack, 3)), 4, |lost| matches!(lost, Lost::Unreadable(_)));
    check(&|stack| stack.left.hi = at(stack, 3), 4, |lost| matches!(lost, Lost::Outside(_)));
    check(&|stack| stack.left.sp = u64::MAX - 4, 1, |lost| matches!(lost, Lost::Outside(_)));
    let inside = switch.entry().plus(BIAS + 1).0;
    let mut stack = made(&image, calls);
    stack.words.insert(at(&stack, 3), inside);
    assert_eq!(stack.walk(&image, DEEP).lost, Some(Lost::Switches(switch.name().to_owned())));
}

#[test]
fn the_frame_that_a_signal_hit_is_at_its_very_instruction() {
    let image = open(&need!(build(&Fixture::new("server", "1.26", Variant::Plain))));
    let preempt = image.runtime_function("runtime.asyncPreempt").expect("it is in every program");
    let inside = behind_calls(&image, &preempt)[0];
    let hit = calls(&image)[7];
    let walk = made(&image, &[hit, inside]).walk(&image, usize::MAX);
    assert_eq!(walk.at[..2], [VAddr(inside.back.0 - 1), hit.back]);
    assert_eq!(walk.lost, None);
}
