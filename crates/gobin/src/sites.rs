//! Where probes go in one function: behind the stack check for its entry, on every return for its exits.
//!
//! * **Entry.** Go checks for stack space first and runs the function again from its first byte when the stack had to
//!   grow, so a probe there counts calls twice. The site is the first instruction behind the check, or a later one
//!   that the kernel emulates if on the way to it nothing is lost that the caller handed over.
//! * **Returns.** Every return instruction, so a function must decode to its end without a gap: one that does not has
//!   no return sites at all. A jump out of the function is an exit too.
//! * **Dead arguments.** When the stack grew, only those argument registers that the function uses come back.
//!
//! A site is an offset for which the kernel's own rules hold; whether it lies in a mapped file is not known here.
//! Only Go gets sites: other code may be entered with any register holding anything. Who knows better says that it is
//! [`Written::Go`].

use std::fmt;

use crate::abi::Place;
use crate::addr::VAddr;
use crate::elf::Arch;
use crate::insn::{
    self, ArgumentRegisters, Class, Flow, Insn, Machine, Passed, Prologue, Undecodable, Unprobeable, amd64, arm64,
};
use crate::instance::{Endless, Point, Unclear};

/// How far behind the first candidate an emulated instruction is looked for.
const PREFIX: u32 = 32;

/// A function's machine code and what is known about its surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Code<'a> {
    /// The machine that it is for.
    pub arch: Arch,
    /// Where it starts.
    pub entry: VAddr,
    /// Its bytes up to the next function, with whatever fills the gap.
    pub bytes: &'a [u8],
    /// What it was written in.
    pub written: Written,
    /// Where `runtime.deferreturn` starts.
    pub deferreturn: Option<VAddr>,
    /// Where `runtime.morestack` and its variants start.
    pub morestack: &'a [VAddr],
}

/// What a function was written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// Go: arguments and g are where ABIInternal says.
    Go,
    /// Go's assembly.
    Assembly,
    /// C, or anything else that cgo brought in. The function table has no file for such functions.
    C,
    /// Nothing: the linker marks a place between functions, such as where the FIPS module starts.
    Mark,
}

/// Where probes go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sites {
    /// Where calls of the function are seen.
    pub entry: Result<Entry, Refusal>,
    /// Where it returns, in order.
    pub returns: Result<Vec<Return>, Refusal>,
    /// Where it leaves by jumping to another function, in order; empty if it does not decode.
    pub tail_jumps: Vec<Exit>,
    /// Calls to `runtime.deferreturn`, in order: the return behind one of them is taken after a recovered panic.
    pub deferreturn_calls: Vec<u32>,
    /// Which arguments come back when the stack had to grow; `None` if it never grows on the function's behalf.
    pub restored: Option<Restored>,
    /// Where the last instruction ends and filling begins. Less than the whole if the function does not decode.
    pub decoded_to: u32,
}

/// Where calls are seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The instruction's offset.
    pub offset: u32,
    /// What it costs.
    pub class: Class,
    /// How far below its value at entry SP is when the probe runs.
    pub sp_adjust: u32,
    /// The site may be reached more than once in a call, because the function jumps back to it.
    pub loop_head: bool,
    /// The fixed code before it.
    pub prologue: Prologue,
    /// The same instruction is a return or a tail jump.
    pub exits: bool,
}

/// A return instruction, where SP has its value at entry; or where an inlined call has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Return {
    /// Its offset.
    pub offset: u32,
    /// What it costs.
    pub class: Class,
}

/// A jump to another function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exit {
    /// Its offset.
    pub offset: u32,
    /// What a probe on it costs, or why there can be none.
    pub class: Result<Class, Unprobeable>,
    /// Where it goes; `None` through a register.
    pub target: Option<VAddr>,
}

/// What is left of the arguments after the stack has grown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Restored {
    /// The argument registers that are loaded again. The others hold garbage when the entry site is reached this way.
    pub registers: ArgumentRegisters,
    /// The offset behind the call to `runtime.morestack`: on amd64, RBX holds this address at the entry site if the
    /// stack has just grown and RBX is not loaded again.
    pub behind_call: u32,
}

impl Sites {
    /// The sites of an inlined call: where it begins, with how much lower than its places on the stack say SP is there,
    /// and where it ends.
    #[must_use]
    pub fn of_inlined(begins: Result<(Point, u32), Unclear>, ends: Result<Vec<Point>, Endless>) -> Sites {
        let entry = |(begins, sp_adjust): (Point, u32)| Entry {
            offset: begins.offset,
            class: begins.class,
            sp_adjust,
            loop_head: false,
            prologue: Prologue { end: 0, checked: false },
            exits: false,
        };
        let entry = begins.map(entry);
        let one = |end: Point| Return { offset: end.offset, class: end.class };
        Sites {
            decoded_to: entry.map_or(0, |entry| entry.offset),
            entry: entry.map_err(Refusal::Inlined),
            returns: ends.map(|ends| ends.into_iter().map(one).collect()).map_err(|_| Refusal::EndsUnseen),
            tail_jumps: Vec::new(),
            deferreturn_calls: Vec::new(),
            restored: None,
        }
    }

    /// Whether what is in `place` at entry is lost when the stack had to grow first: some register of it is not loaded
    /// again, because the function does not use it. `None` if the place is not known.
    #[must_use]
    pub fn lost_after_growth(&self, place: &Place) -> Option<bool> {
        match (place, &self.restored) {
            (Place::Unknown, _) => None,
            (Place::Registers(pieces), Some(restored)) => {
                Some(pieces.iter().any(|p| !restored.registers.contains(p.register)))
            }
            _ => Some(false),
        }
    }
}

/// Why there is no site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Not written in Go but in this.
    Foreign(Written),
    /// Not a single instruction.
    Empty,
    /// Some bytes are no instruction.
    Undecodable(Undecodable),
    /// The instruction cannot carry a probe.
    Unprobeable {
        /// Which one.
        offset: u32,
        /// Why.
        why: Unprobeable,
    },
    /// A branch that would be an exit on one side only.
    BranchOut {
        /// Its offset.
        offset: u32,
    },
    /// There is no way out of it.
    NeverReturns,
    /// It was inlined, and where its calls begin is not clear.
    Inlined(Unclear),
    /// It was inlined, and where its calls end is not known.
    EndsUnseen,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Foreign(Written::C) => write!(f, "written in C: it has no g and no Go arguments"),
            Refusal::Foreign(Written::Mark) => write!(f, "a mark of the linker between functions, and no code"),
            Refusal::Foreign(_) => {
                write!(f, "written in assembly: its arguments and its g register follow no rule that gospect knows")
            }
            Refusal::Empty => write!(f, "it has no instructions"),
            Refusal::Undecodable(bytes) => bytes.fmt(f),
            Refusal::Unprobeable { offset, why } => {
                write!(f, "no probe can be put on the instruction at +{offset:#x}: {why}")
            }
            Refusal::BranchOut { offset } => write!(f, "the conditional branch at +{offset:#x} leaves the function"),
            Refusal::Inlined(why) => why.fmt(f),
            Refusal::EndsUnseen => write!(f, "it was inlined, so that it has no return"),
            Refusal::NeverReturns => {
                write!(f, "never returns: every path ends in a call that does not come back, or loops")
            }
        }
    }
}

/// Decides where probes go in one function.
#[must_use]
pub fn find(code: &Code) -> Sites {
    match code.arch {
        Arch::Amd64 => Sweep::new(code).run(amd64::Decoder::new(code.entry, code.bytes)),
        Arch::Arm64 => Sweep::new(code).run(arm64::Decoder::new(code.entry, code.bytes)),
    }
}

/// One pass over a function.
struct Sweep<'a> {
    code: &'a Code<'a>,
    prefix: Prefix,
    returns: Vec<(u32, Result<Class, Unprobeable>)>,
    tail_jumps: Vec<Exit>,
    deferreturn_calls: Vec<u32>,
    restored: Option<Restored>,
    /// Between a call to morestack and the jump back.
    growing: Option<Restored>,
    branch_out: Option<u32>,
    has_switch: bool,
    decoded_to: u32,
}

impl<'a> Sweep<'a> {
    fn new(code: &'a Code<'a>) -> Sweep<'a> {
        Sweep {
            code,
            prefix: Prefix::new(insn::prologue(code.arch, code.bytes)),
            returns: Vec::new(),
            tail_jumps: Vec::new(),
            deferreturn_calls: Vec::new(),
            restored: None,
            growing: None,
            branch_out: None,
            has_switch: false,
            decoded_to: 0,
        }
    }

    fn run(mut self, mut machine: impl Machine) -> Sites {
        loop {
            if !self.prefix.open && self.growing.is_none() {
                self.pass(&mut machine);
            }
            match machine.next() {
                None => return self.finish(None),
                Some(Err(error)) => return self.finish(Some(error)),
                Some(Ok(insn)) => self.step(insn, &mut machine),
            }
        }
    }

    /// Only the prefix, and what follows a call to morestack, is looked at one by one.
    fn pass(&mut self, machine: &mut impl Machine) {
        if let Some(Passed { end, lowest_target }) = machine.pass() {
            self.prefix.target(lowest_target);
            self.decoded_to = end;
        }
    }

    fn step(&mut self, insn: Insn, machine: &mut impl Machine) {
        if self.prefix.open {
            self.prefix.step(insn, machine);
        }
        if self.growing.is_some() && self.runs_again(insn, machine) {
            self.decoded_to = insn.end();
            return;
        }
        if insn.flow != Flow::Data {
            self.decoded_to = insn.end();
        }
        match insn.flow {
            Flow::Next | Flow::IndirectCall | Flow::Stop | Flow::Data => {}
            Flow::Return => self.returns.push((insn.at, machine.price())),
            Flow::Call(target) => self.call(insn, target),
            Flow::Branch(target) => self.branch(insn, target),
            Flow::Jump(target) => self.jump(insn, target, machine),
            Flow::Switch => self.has_switch = true,
            Flow::IndirectJump => self.leave(insn, None, machine),
        }
    }

    /// `target` as an offset, if it lies in the function.
    fn inside(&self, target: VAddr) -> Option<u32> {
        let offset = target.since(self.code.entry).filter(|&n| n < self.code.bytes.len() as u64)?;
        u32::try_from(offset).ok()
    }

    fn call(&mut self, insn: Insn, target: VAddr) {
        if Some(target) == self.code.deferreturn {
            self.deferreturn_calls.push(insn.at);
        } else if self.restored.is_none() && self.code.morestack.contains(&target) {
            self.growing = Some(Restored { registers: ArgumentRegisters::default(), behind_call: insn.end() });
        }
    }

    fn branch(&mut self, insn: Insn, target: VAddr) {
        match self.inside(target) {
            Some(offset) => self.prefix.target(offset),
            None => self.branch_out = self.branch_out.or(Some(insn.at)),
        }
    }

    fn jump(&mut self, insn: Insn, target: VAddr, machine: &mut impl Machine) {
        match self.inside(target) {
            Some(offset) => self.prefix.target(offset),
            None => self.leave(insn, Some(target), machine),
        }
    }

    fn leave(&mut self, insn: Insn, target: Option<VAddr>, machine: &mut impl Machine) {
        self.tail_jumps.push(Exit { offset: insn.at, class: machine.price(), target });
    }

    /// Follows the loads behind a call to morestack; true for the jump at their end, which runs the function again.
    /// That is no loop: the stack check keeps the first run away from the entry site.
    fn runs_again(&mut self, insn: Insn, machine: &mut impl Machine) -> bool {
        let Some(mut growing) = self.growing.take() else { return false };
        if insn.flow == Flow::Jump(self.code.entry) {
            self.restored = Some(growing);
            return self.prefix.prologue.checked;
        }
        if let Some(registers) = machine.reloads() {
            growing.registers |= registers;
            self.growing = Some(growing);
        }
        false
    }

    fn finish(self, error: Option<Undecodable>) -> Sites {
        let refusal = self.refusal(error);
        let returns = match &refusal {
            Some(refusal) => Err(refusal.clone()),
            None => self.probeable_returns(),
        };
        let entry = match self.code.written {
            Written::Go => self.entry(error),
            written => Err(Refusal::Foreign(written)),
        };
        let tail_jumps = if error.is_some() { Vec::new() } else { self.tail_jumps };
        let Sweep { deferreturn_calls, restored, decoded_to, .. } = self;
        Sites { entry, returns, tail_jumps, deferreturn_calls, restored, decoded_to }
    }

    /// Why no return may be probed.
    fn refusal(&self, error: Option<Undecodable>) -> Option<Refusal> {
        if self.code.written != Written::Go {
            return Some(Refusal::Foreign(self.code.written));
        }
        if let Some(error) = error {
            return Some(Refusal::Undecodable(error));
        }
        if let Some(offset) = self.branch_out {
            return Some(Refusal::BranchOut { offset });
        }
        if self.decoded_to == 0 {
            return Some(Refusal::Empty);
        }
        (self.returns.is_empty() && self.tail_jumps.is_empty()).then_some(Refusal::NeverReturns)
    }

    fn probeable_returns(&self) -> Result<Vec<Return>, Refusal> {
        let one = |&(offset, class): &(u32, Result<Class, Unprobeable>)| match class {
            Ok(class) => Ok(Return { offset, class }),
            Err(why) => Err(Refusal::Unprobeable { offset, why }),
        };
        self.returns.iter().map(one).collect()
    }

    /// Of a function that does not decode to its end, jumps back to the site may not be known. It is still probed,
    /// with that said, if everything up to the site decoded.
    fn entry(&self, error: Option<Undecodable>) -> Result<Entry, Refusal> {
        let unknown_targets = error.is_some() || self.has_switch;
        let Some(site) = self.prefix.site(unknown_targets) else {
            return Err(error.map_or_else(|| self.no_entry(), Refusal::Undecodable));
        };
        let returns = self.returns.iter().any(|r| r.0 == site.offset);
        let exits = returns || self.tail_jumps.iter().any(|t| t.offset == site.offset);
        let loop_head = self.prefix.lowest_target <= site.offset || unknown_targets && !site.once;
        let Candidate { offset, class, sp_adjust, .. } = site;
        Ok(Entry { offset, class, sp_adjust, loop_head, prologue: self.prefix.prologue, exits })
    }

    fn no_entry(&self) -> Refusal {
        match self.prefix.unprobeable {
            Some((offset, why)) if self.decoded_to > 0 => Refusal::Unprobeable { offset, why },
            _ => Refusal::Empty,
        }
    }
}

/// An instruction that could be the entry site.
#[derive(Clone, Copy)]
struct Candidate {
    offset: u32,
    class: Class,
    sp_adjust: u32,
    /// It sets up the frame, so no loop runs through it.
    once: bool,
}

/// The straight line of instructions from the stack check on, as long as what the caller handed over is intact.
struct Prefix {
    prologue: Prologue,
    left: u32,
    depth: u32,
    open: bool,
    /// The first instruction that the kernel steps, and the first that it emulates.
    stepped: Option<Candidate>,
    emulated: Option<Candidate>,
    unprobeable: Option<(u32, Unprobeable)>,
    /// The lowest offset that a branch goes to.
    lowest_target: u32,
}

impl Prefix {
    fn new(prologue: Prologue) -> Prefix {
        Prefix {
            prologue,
            left: PREFIX,
            depth: 0,
            open: true,
            stepped: None,
            emulated: None,
            unprobeable: None,
            lowest_target: u32::MAX,
        }
    }

    fn target(&mut self, offset: u32) {
        self.lowest_target = self.lowest_target.min(offset);
    }

    fn step(&mut self, insn: Insn, machine: &mut impl Machine) {
        if insn.at < self.prologue.end {
            return;
        }
        let before = self.depth;
        let price = machine.price();
        let kept = if insn.flow == Flow::Next { machine.keeps_arguments(before) } else { None };
        // Only functions that make a frame check for room, and they begin with it.
        let behind_check = self.prologue.checked && insn.at == self.prologue.end;
        let once = behind_check || kept.is_some_and(|d| d != before);
        match price {
            Ok(class) => self.candidate(Candidate { offset: insn.at, class, sp_adjust: before, once }),
            Err(why) => self.unprobeable = self.unprobeable.or(Some((insn.at, why))),
        }
        self.left -= 1;
        self.depth = kept.unwrap_or(before);
        self.open = kept.is_some() && self.emulated.is_none() && self.left > 0;
    }

    fn candidate(&mut self, candidate: Candidate) {
        let place = match candidate.class {
            Class::Emulated => &mut self.emulated,
            Class::Stepped => &mut self.stepped,
        };
        *place = place.or(Some(candidate));
    }

    /// The cheap instruction, unless a loop runs (or may run) through it that does not run through the first one.
    fn site(&self, unknown_targets: bool) -> Option<Candidate> {
        let (Some(cheap), Some(first)) = (self.emulated, self.stepped) else { return self.emulated.or(self.stepped) };
        let looped = self.lowest_target > first.offset && self.lowest_target <= cheap.offset;
        let may_be = unknown_targets && first.once && !cheap.once;
        Some(if looped || may_be { first } else { cheap })
    }
}

#[cfg(test)]
mod same;
#[cfg(test)]
mod tests;
