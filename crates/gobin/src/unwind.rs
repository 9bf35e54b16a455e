//! The calls that stand on the stack of a goroutine which does not run, found by the sizes of their frames.
//!
//! The function table has the size of a function's frame at each of its instructions, so what called it is read from a
//! known word of the stack, in assembly and at the moment of a signal too. Nothing is taken for a return address because
//! it looks like one: a stack that does not lead to the function that no stack goes beyond (`runtime.goexit`) is
//! [`Lost`] where it stops making sense, and what was found up to there is certain.
//!
//! Memory comes from whoever asks. Follows runtime/traceback.go (`unwinder`) of Go 1.21 and later.

use std::collections::HashMap;
use std::fmt;

use crate::addr::VAddr;
use crate::elf::Arch;
use crate::image::{CallAt, Image};
use crate::pclntab::{FLAG_SP_WRITE, FLAG_TOP_FRAME};

/// Where a goroutine left off, in the numbers of its process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Left {
    /// The instruction that it goes on with.
    pub pc: u64,
    /// Its stack pointer there.
    pub sp: u64,
    /// Its link register there, where the machine has one; 0 if it is on the stack.
    pub lr: u64,
    /// Where its stack ends.
    pub hi: u64,
}

/// Why the rest of a stack is not known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lost {
    /// An address that belongs to no Go function.
    NoFunction(u64),
    /// A function whose frame has no size, such as one of C.
    NoSize(String),
    /// A function that changes stacks.
    Switches(String),
    /// The frame of this function does not end on the stack.
    Outside(String),
    /// A word that cannot be read.
    Unreadable(u64),
    /// There are more calls than were asked for.
    More,
}

/// What was found on a stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Walk {
    /// For each call, the innermost first, an instruction that belongs to it: [`Image::function_at`] and
    /// [`crate::Function::calls_at`] say what it is. Inlined calls have none of their own.
    pub at: Vec<VAddr>,
    /// Why there is no more of it.
    pub lost: Option<Lost>,
}

/// Walks stacks of one process.
pub struct Unwinder<'i> {
    image: &'i Image,
    bias: u64,
    known: HashMap<u64, Option<Known>>,
}

/// What the function table says of an instruction.
#[derive(Clone, Copy)]
struct Known {
    entry: VAddr,
    /// How far SP stands below its value at entry.
    depth: Option<u32>,
    is_outermost: bool,
    changes_sp: bool,
    /// A signal made it look as if the code that it hit had called this.
    injected: bool,
}

/// One call, while its caller is looked for.
struct Frame {
    pc: u64,
    sp: u64,
    lr: u64,
    /// The call that was found before it is [`Known::injected`]: `pc` is no return address.
    hit: bool,
}

/// Functions that a signal seems to call.
const INJECTED: [&str; 3] = ["runtime.sigpanic", "runtime.asyncPreempt", "runtime.debugCallV2"];
/// It changes stacks, but its frame is right on both.
const CALLBACK: &str = "runtime.cgocallback";

impl<'i> Unwinder<'i> {
    /// For a process that has the program `bias` bytes from where its file counts addresses.
    #[must_use]
    pub fn new(image: &'i Image, bias: u64) -> Unwinder<'i> {
        Unwinder { image, bias, known: HashMap::new() }
    }

    /// Walks a stack, up to `most` calls, given a way to read words of memory.
    pub fn walk(&mut self, left: &Left, most: usize, mut word: impl FnMut(u64) -> Option<u64>) -> Walk {
        let mut walk = Walk { at: Vec::new(), lost: None };
        let mut next = Some(Frame { pc: left.pc, sp: left.sp, lr: left.lr, hit: false });
        while let Some(frame) = next {
            if walk.at.len() >= most {
                walk.lost = Some(Lost::More);
                break;
            }
            match self.caller(&frame, left, &mut walk.at, &mut word) {
                Ok(caller) => next = caller,
                Err(lost) => {
                    walk.lost = Some(lost);
                    break;
                }
            }
        }
        walk
    }

    /// Adds a call to those that were found, and finds its caller; nothing if it has none.
    fn caller(
        &mut self,
        frame: &Frame,
        left: &Left,
        found: &mut Vec<VAddr>,
        word: &mut impl FnMut(u64) -> Option<u64>,
    ) -> Result<Option<Frame>, Lost> {
        let known = self.known(frame.pc).ok_or(Lost::NoFunction(frame.pc))?;
        let innermost = found.is_empty();
        let pc = VAddr(frame.pc.wrapping_sub(self.bias));
        // A return address belongs to the call before it.
        found.push(if frame.hit || pc == known.entry { pc } else { VAddr(pc.0 - 1) });
        if known.is_outermost {
            return Ok(None);
        }
        let name = || self.image.function_at(pc).map_or_else(String::new, |function| function.name().to_owned());
        // One that was called last has not changed it yet: it was stopped where it looked whether its stack is enough.
        if known.changes_sp && !innermost {
            return Err(Lost::Switches(name()));
        }
        let depth = u64::from(known.depth.ok_or_else(|| Lost::NoSize(name()))?);
        let has_link = self.image.arch() == Arch::Arm64;
        let behind = frame.sp.checked_add(depth).and_then(|end| end.checked_add(if has_link { 0 } else { WORD }));
        let behind = behind.filter(|&end| end <= left.hi).ok_or_else(|| Lost::Outside(name()))?;
        let at = if has_link { frame.sp } else { behind - WORD };
        let on_stack = if has_link { innermost && depth > 0 || frame.lr == 0 } else { true };
        let back = if on_stack { word(at).ok_or(Lost::Unreadable(at))? } else { frame.lr };
        if behind == frame.sp && back == frame.pc {
            return Err(Lost::Outside(name()));
        }
        let caller = Frame { pc: back, sp: behind, lr: 0, hit: known.injected };
        if has_link && known.injected { self.interrupted(caller, word).map(Some) } else { Ok(Some(caller)) }
    }

    /// Code that a signal made call something, where the link register was put on the stack for that.
    fn interrupted(&mut self, hit: Frame, word: &mut impl FnMut(u64) -> Option<u64>) -> Result<Frame, Lost> {
        let link = word(hit.sp).ok_or(Lost::Unreadable(hit.sp))?;
        let hit = Frame { sp: hit.sp + LINK_SAVED, ..hit };
        Ok(match self.known(hit.pc) {
            None => Frame { pc: link, ..hit },
            Some(Known { depth: Some(0), .. }) => Frame { lr: link, ..hit },
            Some(_) => hit,
        })
    }

    fn known(&mut self, pc: u64) -> Option<Known> {
        let (image, bias) = (self.image, self.bias);
        *self.known.entry(pc).or_insert_with(|| {
            let at = VAddr(pc.wrapping_sub(bias));
            let function = image.function_at(at)?;
            let (name, flags) = (function.name(), function.row().flags());
            let offset = u32::try_from(at.since(function.entry())?).ok()?;
            Some(Known {
                entry: function.entry(),
                depth: function.row().stack_depth(offset),
                is_outermost: flags & FLAG_TOP_FRAME != 0,
                changes_sp: flags & FLAG_SP_WRITE != 0 && name != CALLBACK,
                injected: INJECTED.contains(&name),
            })
        })
    }
}

/// Bytes of an address.
const WORD: u64 = 8;
/// Bytes by which a signal's handler lowers SP to save the link register.
const LINK_SAVED: u64 = 16;

/// Leaves of calls, the innermost first, those that Go's own tracebacks show: neither the runtime's own nor wrappers,
/// unless there are no others.
#[must_use]
pub fn as_tracebacks_show<'i>(calls: &[CallAt<'i>]) -> Vec<CallAt<'i>> {
    let callee = |n: usize| n.checked_sub(1).map_or("", |before| calls[before].name);
    let mut shown: Vec<CallAt<'i>> = Vec::new();
    for (n, call) in calls.iter().enumerate() {
        if is_shown(call, callee(n), shown.is_empty()) {
            shown.push(*call);
        }
    }
    if shown.is_empty() { calls.to_vec() } else { shown }
}

/// runtime/traceback.go, `showfuncinfo`.
fn is_shown(call: &CallAt<'_>, callee: &str, first: bool) -> bool {
    let panics = ["runtime.gopanic", "runtime.sigpanic", "runtime.panicwrap"];
    if call.wrapper && !panics.contains(&callee) {
        return false;
    }
    match call.name {
        "runtime.runFinalizers" | "runtime.runCleanups" => true,
        "runtime.gopanic" if !first => true,
        name => name.contains('.') && name.strip_prefix("runtime.").is_none_or(is_exported),
    }
}

/// `GC`, `(*Func).Entry`, behind the package's name.
fn is_exported(name: &str) -> bool {
    let (of, name) = name.rsplit_once('.').map_or((None, name), |(of, name)| (Some(of), name));
    let capital = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase());
    let bare = |of: &str| capital(of.strip_prefix("(*").and_then(|of| of.strip_suffix(')')).unwrap_or(of));
    capital(name) && of.is_none_or(bare)
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::NoFunction(pc) => write!(f, "{pc:#x} is in no Go function"),
            Lost::NoSize(name) => write!(f, "the size of the frame of {name} is not known"),
            Lost::Switches(name) => write!(f, "{name} changes stacks"),
            Lost::Outside(name) => write!(f, "the frame of {name} goes beyond the stack"),
            Lost::Unreadable(at) => write!(f, "the stack cannot be read at {at:#x}"),
            Lost::More => write!(f, "there are more calls"),
        }
    }
}
