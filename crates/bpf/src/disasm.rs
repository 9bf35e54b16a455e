//! Programs as text, in the words of the kernel's verifier logs (`kernel/bpf/disasm.c`), with what we know besides:
//! names of labels, functions, maps, the compiler's remarks and the lines of the user's text.
//!
//! Without numbers the text of an instruction does not depend on what stands before it, so that snapshots change only
//! where the program does; with numbers it can be laid beside a verifier log.

use std::fmt::{self, Write as _};

use crate::insn::{AluOp, AtomicOp, ByteOrder, Cond, Insn, Operand, Reg, Size, Wide, Width, slots};
use crate::map::{MapId, Maps};
use crate::notes::{Function, Linkage, Note};
use crate::program::Program;

/// Whether lines start with the slot's number and opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the type's description says it")]
pub enum Numbers {
    Yes,
    No,
}

/// The whole program: what it is, its maps, its functions.
#[must_use]
pub fn listing(program: &Program, numbers: Numbers) -> String {
    let mut out = String::new();
    let sleepable = if program.sleepable() { " sleepable" } else { "" };
    let _ = writeln!(out, "program {} {}{sleepable}", program.name(), program.kind().name());
    for id in program.used_maps() {
        if let Some(spec) = program.maps().get(id) {
            let _ = writeln!(out, "map {spec}");
        }
    }
    Listing::of(program, numbers).write(&mut out);
    out
}

impl fmt::Display for Program {
    /// Writes the [`listing`] without numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&listing(self, Numbers::No))
    }
}

/// One instruction, with distances instead of names.
#[must_use]
pub fn bare(insn: &Insn) -> String {
    text(insn, &Distances)
}

/// How places and maps are called.
trait Names {
    /// A place at a distance in slots from the next instruction.
    fn place(&self, distance: i64) -> String;
    /// A map.
    fn map(&self, map: u32) -> String;
}

struct Distances;

impl Names for Distances {
    fn place(&self, distance: i64) -> String {
        format!("pc{distance:+}")
    }

    fn map(&self, map: u32) -> String {
        format!("map[{map}]")
    }
}

/// Names seen from one slot of a program.
struct Here<'p> {
    slot: i64,
    places: &'p [(i64, &'p str)],
    maps: &'p Maps,
}

impl Names for Here<'_> {
    fn place(&self, distance: i64) -> String {
        let slot = self.slot + 1 + distance;
        match self.places.binary_search_by_key(&slot, |place| place.0) {
            Ok(at) => self.places[at].1.to_owned(),
            Err(_) => Distances.place(distance),
        }
    }

    fn map(&self, map: u32) -> String {
        match self.maps.get(MapId(map)) {
            Some(spec) => format!("map[{}]", spec.name),
            None => Distances.map(map),
        }
    }
}

struct Listing<'p> {
    program: &'p Program,
    numbers: Numbers,
    places: Vec<(i64, &'p str)>,
}

impl<'p> Listing<'p> {
    fn of(program: &'p Program, numbers: Numbers) -> Listing<'p> {
        let slots: Vec<i64> = slots(program.insns()).map(|slot| slot as i64).collect();
        let labels = program.notes().iter().filter_map(|(at, note)| match note {
            Note::Label(name) => Some((slots[*at], name.as_str())),
            _ => None,
        });
        let functions = program.functions().iter().map(|f| (slots[f.start], f.name.as_str()));
        let mut places: Vec<(i64, &str)> = functions.chain(labels).collect();
        // Of several labels in one place the first one names it.
        places.sort_by_key(|place| place.0);
        places.dedup_by_key(|place| place.0);
        Listing { program, numbers, places }
    }

    fn write(&self, out: &mut String) {
        let mut notes = self.program.notes().iter().peekable();
        let mut functions = self.program.functions().iter().peekable();
        for ((at, insn), slot) in self.program.insns().iter().enumerate().zip(slots(self.program.insns())) {
            if let Some(function) = functions.next_if(|f| f.start == at) {
                let _ = writeln!(out, "\n{}", heading(function, at == 0));
            }
            while let Some((_, note)) = notes.next_if(|(n, _)| *n == at) {
                self.note(out, note);
            }
            self.insn(out, insn, slot);
        }
    }

    fn note(&self, out: &mut String, note: &Note) {
        let indent = if self.numbers == Numbers::Yes { "          " } else { "  " };
        let _ = match note {
            Note::Label(name) => writeln!(out, "{name}:"),
            Note::Comment(text) => writeln!(out, "{indent}; {text}"),
            Note::Pos(None) => Ok(()),
            Note::Pos(Some(pos)) => {
                let source = self.program.source();
                writeln!(out, "{indent}; {}:{}:{} {}", source.name, pos.line, pos.column, source.line(pos.line))
            }
        };
    }

    fn insn(&self, out: &mut String, insn: &Insn, slot: usize) {
        let here = Here { slot: slot as i64, places: &self.places, maps: self.program.maps() };
        let text = text(insn, &here);
        let _ = match self.numbers {
            Numbers::Yes => writeln!(out, "{slot:>4}: ({:02x}) {text}", insn.opcode()),
            Numbers::No => writeln!(out, "  {text}"),
        };
    }
}

fn heading(function: &Function, is_program: bool) -> String {
    let linkage = match (is_program, function.linkage) {
        (true, _) => return format!("{}:", function.name),
        (false, Linkage::Static) => "static",
        (false, Linkage::Global) => "global",
    };
    format!("{linkage} {}({}):", function.name, function.args.join(", "))
}

fn text(insn: &Insn, names: &dyn Names) -> String {
    match *insn {
        Insn::Alu { width, op, dst, src } => format!("{} {} {}", reg(width, dst), alu(op), operand(width, src)),
        Insn::Neg { width, dst } => format!("{0} = -{0}", reg(width, dst)),
        Insn::SignExtend { width, from, dst, src } => {
            format!("{} = (s{}){}", reg(width, dst), from.bits(), reg(width, src))
        }
        Insn::ByteOrder { to, size, dst } => {
            let order = match to {
                ByteOrder::Little => "le",
                ByteOrder::Big => "be",
                ByteOrder::Swap => "bswap",
            };
            let dst = reg(Width::W64, dst);
            format!("{dst} = {order}{} {dst}", size.bits())
        }
        Insn::LoadWide { dst, value } => format!("{} = {}", reg(Width::W64, dst), wide(value, names)),
        Insn::Load { size, signed, dst, base, off } => {
            format!("{} = {}", reg(Width::W64, dst), memory(if signed { 's' } else { 'u' }, size, base, off))
        }
        Insn::Store { size, base, off, value } => {
            format!("{} = {}", memory('u', size, base, off), operand(Width::W64, value))
        }
        Insn::Atomic { op, width, base, off, src } => atomic(op, width, base, off, src),
        Insn::Jump { off } => format!("goto {}", names.place(i64::from(off))),
        Insn::Branch { width, cond, left, right, off } => {
            let right = match right {
                Operand::Reg(right) => reg(width, right),
                Operand::Imm(imm) => format!("{imm:#x}"),
            };
            format!("if {} {} {right} goto {}", reg(width, left), condition(cond), names.place(i64::from(off)))
        }
        Insn::Call { helper } => format!("call {helper}"),
        Insn::CallLocal { off } => format!("call {}", names.place(i64::from(off))),
        Insn::Exit => "exit".to_owned(),
    }
}

fn reg(width: Width, reg: Reg) -> String {
    format!("{}{}", if width == Width::W64 { 'r' } else { 'w' }, reg.number())
}

fn operand(width: Width, operand: Operand) -> String {
    match operand {
        Operand::Reg(r) => reg(width, r),
        Operand::Imm(imm) => imm.to_string(),
    }
}

fn alu(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+=",
        AluOp::Sub => "-=",
        AluOp::Mul => "*=",
        AluOp::Div => "/=",
        AluOp::SDiv => "s/=",
        AluOp::Mod => "%=",
        AluOp::SMod => "s%=",
        AluOp::Or => "|=",
        AluOp::And => "&=",
        AluOp::Xor => "^=",
        AluOp::Lsh => "<<=",
        AluOp::Rsh => ">>=",
        AluOp::Arsh => "s>>=",
        AluOp::Mov => "=",
    }
}

fn condition(cond: Cond) -> &'static str {
    match cond {
        Cond::Eq => "==",
        Cond::Ne => "!=",
        Cond::Gt => ">",
        Cond::Ge => ">=",
        Cond::Lt => "<",
        Cond::Le => "<=",
        Cond::SGt => "s>",
        Cond::SGe => "s>=",
        Cond::SLt => "s<",
        Cond::SLe => "s<=",
        Cond::Set => "&",
    }
}

fn wide(value: Wide, names: &dyn Names) -> String {
    match value {
        Wide::Number(n) => format!("{n:#x}"),
        Wide::Map(map) => names.map(map),
        Wide::MapValue { map, offset } => format!("{}[0]{offset:+}", names.map(map)),
        // The distance counts from the first of the two slots, as that of a call does.
        Wide::Function(off) => format!("func {}", names.place(i64::from(off))),
    }
}

fn memory(sign: char, size: Size, base: Reg, off: i16) -> String {
    format!("*({sign}{} *)(r{} {off:+})", size.bits(), base.number())
}

fn atomic(op: AtomicOp, width: Width, base: Reg, off: i16, src: Reg) -> String {
    let (size, suffix) = if width == Width::W64 { (Size::U64, "64") } else { (Size::U32, "") };
    // The log shows whole registers here, for 32 bits too.
    let (bits, base, src) = (size.bits(), base.number(), reg(Width::W64, src));
    let plain = |sign: &str| format!("lock *(u{bits} *)(r{base} {off:+}) {sign}= {src}");
    let fetch = |name: &str| format!("{src} = atomic{suffix}_{name}((u{bits} *)(r{base} {off:+}), {src})");
    match op {
        AtomicOp::Add => plain("+"),
        AtomicOp::Or => plain("|"),
        AtomicOp::And => plain("&"),
        AtomicOp::Xor => plain("^"),
        AtomicOp::FetchAdd => fetch("fetch_add"),
        AtomicOp::FetchOr => fetch("fetch_or"),
        AtomicOp::FetchAnd => fetch("fetch_and"),
        AtomicOp::FetchXor => fetch("fetch_xor"),
        AtomicOp::Exchange => fetch("xchg"),
        AtomicOp::CompareExchange => {
            format!("r0 = atomic{suffix}_cmpxchg((u{bits} *)(r{base} {off:+}), r0, {src})")
        }
    }
}

#[cfg(test)]
mod tests;
