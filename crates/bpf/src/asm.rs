//! An assembler: instructions one after the other, jumps to labels, calls to functions, maps by id.
//!
//! It refuses what would be wrong on every kernel, so that a mistake of the code generator shows here, with a name, and
//! not as a verifier log on somebody's machine: jumps that do not reach or leave their function, code that nothing leads
//! to, stack below the 512th byte in one frame or over a chain of calls. What registers hold is the verifier's business.

mod check;

use std::collections::HashMap;
use std::fmt;

use crate::btf;
use crate::helper::Helper;
use crate::insn::{AluOp, AtomicOp, ByteOrder, Cond, Insn, Operand, Reg, Size, Wide, Width, slots};
use crate::map::{MapId, Maps};
use crate::notes::{Function, Linkage, Note, Pos, Source};
use crate::program::{Kind, Program};

/// A place to jump to, made by [`Assembler::label`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label(usize);

/// A function of the program, made by [`Assembler::declare`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FunctionId(usize);

/// What the generator did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "`Display` says what the fields are")]
pub enum AsmError {
    UnknownLabel { label: String },
    DuplicateLabel { label: String },
    UnknownFunction { function: String },
    DuplicateFunction { function: String },
    BadName { function: String },
    TooManyArguments { function: String },
    JumpTooFar { label: String, distance: i64 },
    JumpLeavesFunction { label: String, function: String },
    OffsetTooFar { offset: i32 },
    StackTooDeep { function: String, offset: i32 },
    StackMisaligned { function: String, offset: i32 },
    StackChainTooDeep { chain: String, bytes: u32 },
    CallsTooDeep { chain: String },
    CallsItself { function: String },
    FramePointerWritten { function: String },
    DivisionByZero { function: String },
    ShiftTooFar { function: String, by: i32 },
    Unreachable { function: String, insn: String },
    FallsOff { function: String },
    CallbackNotStatic { function: String },
    UnknownMap { map: MapId },
    NoSingleValue { map: String },
    BeyondValue { map: String, offset: u32 },
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AsmError::UnknownLabel { label } => write!(f, "label {label} is jumped to and stands nowhere"),
            AsmError::DuplicateLabel { label } => write!(f, "label {label} stands in two places"),
            AsmError::UnknownFunction { function } => write!(f, "function {function} is called and has no body"),
            AsmError::DuplicateFunction { function } => write!(f, "function {function} has two bodies"),
            AsmError::BadName { function } => write!(f, "{function:?} cannot be the name of a function"),
            AsmError::TooManyArguments { function } => write!(f, "function {function} has more than 5 arguments"),
            AsmError::JumpTooFar { label, distance } => write!(f, "label {label} is {distance} slots away, over 32767"),
            AsmError::JumpLeavesFunction { label, function } => write!(f, "label {label} is not in {function}"),
            AsmError::OffsetTooFar { offset } => write!(f, "offset {offset} does not fit into 16 bits"),
            AsmError::StackTooDeep { function, offset } => {
                write!(f, "{function} uses its frame at {offset}; it reaches from -512 to -1")
            }
            AsmError::StackMisaligned { function, offset } => {
                write!(f, "{function} uses its frame at {offset}, which is not a multiple of the size")
            }
            AsmError::StackChainTooDeep { chain, bytes } => write!(f, "{chain} together use {bytes} bytes of stack"),
            AsmError::CallsTooDeep { chain } => write!(f, "{chain} are more than 8 frames"),
            AsmError::CallsItself { function } => write!(f, "{function} calls itself"),
            AsmError::FramePointerWritten { function } => write!(f, "{function} writes r10"),
            AsmError::DivisionByZero { function } => write!(f, "{function} divides by the number 0"),
            AsmError::ShiftTooFar { function, by } => write!(f, "{function} shifts by {by}"),
            AsmError::Unreachable { function, insn } => write!(f, "nothing leads to `{insn}` in {function}"),
            AsmError::FallsOff { function } => write!(f, "{function} does not end with exit or a jump"),
            AsmError::CallbackNotStatic { function } => write!(f, "{function} is called back and not static"),
            AsmError::UnknownMap { map } => write!(f, "there is no map {}", map.0),
            AsmError::NoSingleValue { map } => write!(f, "map {map} is not an array of one value"),
            AsmError::BeyondValue { map, offset } => write!(f, "offset {offset} is beyond the value of map {map}"),
        }
    }
}

impl std::error::Error for AsmError {}

/// What the jump or call in an instruction goes to, until offsets are known.
#[derive(Clone, Copy)]
enum Target {
    None,
    Label(Label),
    Function(FunctionId),
}

struct PlannedLabel {
    name: String,
    at: Option<usize>,
}

struct PlannedFunction {
    name: String,
    linkage: Linkage,
    args: Vec<String>,
    start: Option<usize>,
}

/// A program in the making. Mistakes are kept, and told by [`Assembler::finish`].
pub struct Assembler {
    kind: Kind,
    sleepable: bool,
    source: Source,
    insns: Vec<(Insn, Target)>,
    labels: Vec<PlannedLabel>,
    names: HashMap<String, u32>,
    functions: Vec<PlannedFunction>,
    notes: Vec<(usize, Note)>,
    errors: Vec<AsmError>,
}

impl Assembler {
    /// Starts with the first instruction of the program itself.
    #[must_use]
    pub fn new(name: &str, kind: Kind, source: Source) -> Assembler {
        let mut asm = Assembler {
            kind,
            sleepable: false,
            source,
            insns: Vec::new(),
            labels: Vec::new(),
            names: HashMap::new(),
            functions: Vec::new(),
            notes: Vec::new(),
            errors: Vec::new(),
        };
        let program = asm.declare(name, Linkage::Global, &[]);
        asm.begin(program);
        asm
    }

    /// Lets the program sleep, so that reading can fault pages in.
    pub fn sleepable(&mut self) -> &mut Assembler {
        self.sleepable = true;
        self
    }

    /// Makes a label that stands nowhere yet. Its name is for readers: a second label of that name is shown with a
    /// number.
    pub fn label(&mut self, name: &str) -> Label {
        let uses = self.names.entry(name.to_owned()).or_insert(0);
        *uses += 1;
        let name = if *uses == 1 { name.to_owned() } else { format!("{name}.{uses}") };
        self.labels.push(PlannedLabel { name, at: None });
        Label(self.labels.len() - 1)
    }

    /// Puts the label before the next instruction.
    pub fn place(&mut self, label: Label) -> &mut Assembler {
        let at = self.insns.len();
        let planned = &mut self.labels[label.0];
        match planned.at.replace(at) {
            Some(_) => self.errors.push(AsmError::DuplicateLabel { label: planned.name.clone() }),
            None => self.notes.push((at, Note::Label(planned.name.clone()))),
        }
        self
    }

    /// Makes a function that can be called before it has a body. Its arguments are 64-bit numbers.
    pub fn declare(&mut self, name: &str, linkage: Linkage, args: &[&str]) -> FunctionId {
        if !is_identifier(name) {
            self.errors.push(AsmError::BadName { function: name.to_owned() });
        }
        if args.len() > 5 {
            self.errors.push(AsmError::TooManyArguments { function: name.to_owned() });
        }
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        self.functions.push(PlannedFunction { name: name.to_owned(), linkage, args, start: None });
        FunctionId(self.functions.len() - 1)
    }

    /// The following instructions are that function's.
    pub fn begin(&mut self, function: FunctionId) -> &mut Assembler {
        let at = self.insns.len();
        let planned = &mut self.functions[function.0];
        if planned.start.replace(at).is_some() {
            self.errors.push(AsmError::DuplicateFunction { function: planned.name.clone() });
        }
        self.at(None)
    }

    /// The following instructions are made for this place of the text, or for none.
    pub fn at(&mut self, pos: Option<Pos>) -> &mut Assembler {
        let here = self.insns.len();
        // A place for which nothing was made is not told.
        self.notes.pop_if(|(at, note)| *at == here && matches!(note, Note::Pos(_)));
        self.notes.push((here, Note::Pos(pos)));
        self
    }

    /// Says something about the next instruction.
    pub fn comment(&mut self, text: impl Into<String>) -> &mut Assembler {
        self.notes.push((self.insns.len(), Note::Comment(text.into())));
        self
    }

    /// How many instructions there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.insns.len()
    }

    /// How many slots the instructions from one on take, and how many of them jump or not.
    #[must_use]
    pub fn extent(&self, from: usize) -> (usize, usize) {
        let insns = self.insns.get(from..).unwrap_or_default().iter().map(|(insn, _)| insn);
        let branches = insns.clone().filter(|insn| matches!(insn, Insn::Branch { .. })).count();
        (insns.map(Insn::slots).sum(), branches)
    }

    /// Whether there is none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.insns.is_empty()
    }

    /// Adds an instruction as it is. Jumps and local calls have methods of their own.
    pub fn push(&mut self, insn: Insn) -> &mut Assembler {
        self.target(insn, Target::None)
    }

    fn target(&mut self, insn: Insn, target: Target) -> &mut Assembler {
        self.insns.push((insn, target));
        self
    }

    /// `dst = dst op src`, 64 bits.
    pub fn alu(&mut self, op: AluOp, dst: Reg, src: impl Into<Operand>) -> &mut Assembler {
        self.push(Insn::Alu { width: Width::W64, op, dst, src: src.into() })
    }

    /// `dst = dst op src`, 32 bits.
    pub fn alu32(&mut self, op: AluOp, dst: Reg, src: impl Into<Operand>) -> &mut Assembler {
        self.push(Insn::Alu { width: Width::W32, op, dst, src: src.into() })
    }

    /// `dst = src`.
    pub fn mov(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Assembler {
        self.alu(AluOp::Mov, dst, src)
    }

    /// `dst = dst + src`.
    pub fn add(&mut self, dst: Reg, src: impl Into<Operand>) -> &mut Assembler {
        self.alu(AluOp::Add, dst, src)
    }

    /// `dst = number`, in one slot if it can be.
    pub fn number(&mut self, dst: Reg, number: u64) -> &mut Assembler {
        match i32::try_from(number as i64) {
            Ok(small) => self.mov(dst, small),
            Err(_) => self.push(Insn::LoadWide { dst, value: Wide::Number(number) }),
        }
    }

    /// `dst =` the address of the byte `offset` (negative) of this frame.
    pub fn frame(&mut self, dst: Reg, offset: i32) -> &mut Assembler {
        self.mov(dst, Reg::R10).add(dst, offset)
    }

    /// `dst = -dst`.
    pub fn neg(&mut self, dst: Reg) -> &mut Assembler {
        self.push(Insn::Neg { width: Width::W64, dst })
    }

    /// `dst = src` cut to its low `from` bits and extended with their sign. Needs no cpu v4: two shifts.
    pub fn sign_extend(&mut self, dst: Reg, src: Reg, from: Size) -> &mut Assembler {
        let by = 64 - from.bits() as i32;
        if dst != src {
            self.mov(dst, src);
        }
        if by != 0 {
            self.alu(AluOp::Lsh, dst, by).alu(AluOp::Arsh, dst, by);
        }
        self
    }

    /// `dst` with its low `size` bits in another byte order, the others 0.
    pub fn byte_order(&mut self, dst: Reg, to: ByteOrder, size: Size) -> &mut Assembler {
        self.push(Insn::ByteOrder { to, size, dst })
    }

    /// `dst =` the map, as helpers take it.
    pub fn map(&mut self, dst: Reg, map: MapId) -> &mut Assembler {
        self.push(Insn::LoadWide { dst, value: Wide::Map(map.0) })
    }

    /// `dst =` the address of a byte in the only value of an array.
    pub fn map_value(&mut self, dst: Reg, map: MapId, offset: u32) -> &mut Assembler {
        self.push(Insn::LoadWide { dst, value: Wide::MapValue { map: map.0, offset } })
    }

    /// `dst =` the address of a static function, for helpers that call back.
    pub fn function(&mut self, dst: Reg, function: FunctionId) -> &mut Assembler {
        let planned = &self.functions[function.0];
        if planned.linkage != Linkage::Static {
            self.errors.push(AsmError::CallbackNotStatic { function: planned.name.clone() });
        }
        self.target(Insn::LoadWide { dst, value: Wide::Function(0) }, Target::Function(function))
    }

    /// `dst = *(size *)(base + off)`.
    pub fn load(&mut self, size: Size, dst: Reg, base: Reg, off: i32) -> &mut Assembler {
        let off = self.offset(off);
        self.push(Insn::Load { size, signed: false, dst, base, off })
    }

    /// `*(size *)(base + off) = value`.
    pub fn store(&mut self, size: Size, base: Reg, off: i32, value: impl Into<Operand>) -> &mut Assembler {
        let off = self.offset(off);
        self.push(Insn::Store { size, base, off, value: value.into() })
    }

    /// `*(base + off) op= src`, atomically.
    pub fn atomic(&mut self, op: AtomicOp, width: Width, base: Reg, off: i32, src: Reg) -> &mut Assembler {
        let off = self.offset(off);
        self.push(Insn::Atomic { op, width, base, off, src })
    }

    fn offset(&mut self, offset: i32) -> i16 {
        i16::try_from(offset).unwrap_or_else(|_| {
            self.errors.push(AsmError::OffsetTooFar { offset });
            0
        })
    }

    /// Goes on at the label.
    pub fn jump(&mut self, label: Label) -> &mut Assembler {
        self.target(Insn::Jump { off: 0 }, Target::Label(label))
    }

    /// Goes on at the label if the condition holds, comparing 64 bits.
    pub fn jump_if(&mut self, cond: Cond, left: Reg, right: impl Into<Operand>, label: Label) -> &mut Assembler {
        let insn = Insn::Branch { width: Width::W64, cond, left, right: right.into(), off: 0 };
        self.target(insn, Target::Label(label))
    }

    /// The same, comparing the low 32 bits.
    pub fn jump32_if(&mut self, cond: Cond, left: Reg, right: impl Into<Operand>, label: Label) -> &mut Assembler {
        let insn = Insn::Branch { width: Width::W32, cond, left, right: right.into(), off: 0 };
        self.target(insn, Target::Label(label))
    }

    /// Calls the kernel.
    pub fn helper(&mut self, helper: Helper) -> &mut Assembler {
        self.push(Insn::Call { helper })
    }

    /// Calls a function of this program.
    pub fn call(&mut self, function: FunctionId) -> &mut Assembler {
        self.target(Insn::CallLocal { off: 0 }, Target::Function(function))
    }

    /// Returns `R0`.
    pub fn exit(&mut self) -> &mut Assembler {
        self.push(Insn::Exit)
    }

    /// Resolves labels and maps, checks the whole, and describes it.
    ///
    /// # Errors
    /// The first mistake, in the order of the program.
    pub fn finish(self, maps: &Maps) -> Result<Program, AsmError> {
        if let Some(error) = self.errors.first() {
            return Err(error.clone());
        }
        let mut functions = self.placed_functions()?;
        let insns = self.resolved()?;
        self.check_jumps_stay(&functions)?;
        check::flow(&insns, &functions)?;
        check::operands(&insns, &functions)?;
        check::maps(&insns, maps)?;
        check::stack(&insns, &mut functions)?;
        let mut notes = self.notes;
        notes.retain(|(at, _)| *at < insns.len());
        let btf = btf::describe(&insns, &functions, &notes, &self.source);
        let (name, kind, sleepable) = (functions[0].name.clone(), self.kind, self.sleepable);
        let (source, maps) = (self.source, maps.clone());
        Ok(Program { name, kind, sleepable, insns, functions, notes, source, maps, btf })
    }

    /// The functions in the order of their bodies; one that is never called needs none.
    fn placed_functions(&self) -> Result<Vec<Function>, AsmError> {
        let called = self.insns.iter().filter_map(|(_, target)| match target {
            Target::Function(function) => Some(&self.functions[function.0]),
            _ => None,
        });
        if let Some(missing) = called.into_iter().find(|function| function.start.is_none()) {
            return Err(AsmError::UnknownFunction { function: missing.name.clone() });
        }
        let placed = self.functions.iter().filter_map(|planned| {
            let (name, args) = (planned.name.clone(), planned.args.clone());
            Some(Function { name, start: planned.start?, linkage: planned.linkage, args, stack: 0 })
        });
        let mut placed: Vec<Function> = placed.collect();
        placed.sort_by_key(|function| function.start);
        Ok(placed)
    }

    /// The instructions with their distances.
    fn resolved(&self) -> Result<Vec<Insn>, AsmError> {
        let plain: Vec<Insn> = self.insns.iter().map(|(insn, _)| *insn).collect();
        let mut slots: Vec<usize> = slots(&plain).collect();
        slots.push(slots.last().map_or(0, |last| last + plain.last().map_or(0, Insn::slots)));
        let resolve = |(at, (insn, target)): (usize, &(Insn, Target))| {
            let distance = |to: usize| slots[to] as i64 - slots[at] as i64 - 1;
            match *target {
                Target::None => Ok(*insn),
                Target::Label(label) => {
                    let label = &self.labels[label.0];
                    let unknown = || AsmError::UnknownLabel { label: label.name.clone() };
                    jumping(*insn, distance(label.at.ok_or_else(unknown)?), &label.name)
                }
                Target::Function(function) => {
                    let start = self.functions[function.0].start.unwrap_or_default();
                    Ok(calling(*insn, distance(start) as i32))
                }
            }
        };
        self.insns.iter().enumerate().map(resolve).collect()
    }

    fn check_jumps_stay(&self, functions: &[Function]) -> Result<(), AsmError> {
        for (at, (_, target)) in self.insns.iter().enumerate() {
            let Target::Label(label) = target else { continue };
            let label = &self.labels[label.0];
            let function = check::function_at(functions, at);
            let to = label.at.unwrap_or(usize::MAX);
            if to >= self.insns.len() || check::function_at(functions, to).start != function.start {
                let (label, function) = (label.name.clone(), function.name.clone());
                return Err(AsmError::JumpLeavesFunction { label, function });
            }
        }
        Ok(())
    }
}

fn jumping(insn: Insn, distance: i64, label: &str) -> Result<Insn, AsmError> {
    let too_far = |_| AsmError::JumpTooFar { label: label.to_owned(), distance };
    let off = i16::try_from(distance).map_err(too_far)?;
    Ok(match insn {
        Insn::Branch { width, cond, left, right, .. } => Insn::Branch { width, cond, left, right, off },
        _ => Insn::Jump { off },
    })
}

fn calling(insn: Insn, off: i32) -> Insn {
    match insn {
        Insn::LoadWide { dst, .. } => Insn::LoadWide { dst, value: Wide::Function(off) },
        _ => Insn::CallLocal { off },
    }
}

/// What the kernel takes for the name of a function in BTF.
fn is_identifier(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..128).contains(&name.len()) && name.chars().all(word) && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests;
