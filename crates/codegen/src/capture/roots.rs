//! Functions: what a record of a call begins with, and which pointers of it are followed.

use event::go::{self, Call, Piece, Root, Source, TypeRow, call};
use gobin::abi::{self, Place};
use gobin::generic::Instantiation;
use gobin::signature::{Arg, Gaps, Signature};
use gobin::sites::Restored;
use gobin::{Arch, VAddr};

use super::build::Builder;
use program::capture::{Function, Hidden, MOST_BYTES, MOST_STACK, Op, dynamic_key};

use super::{Instance, MOST_INSTANCES, Recorded};
use plan::target::Inlined;

/// A function whose calls are recorded.
#[derive(Clone, Copy)]
pub(super) struct Subject<'f> {
    pub binary: u32,
    /// The plan's number.
    pub number: u32,
    pub name: &'f str,
    pub entry: VAddr,
    /// Where it was inlined, if it is such a place.
    pub inlined: Option<&'f Inlined>,
    /// What it takes and gives, if that is known.
    pub signature: Option<&'f Signature>,
    /// Which argument registers come back when the stack grows.
    pub restored: Option<&'f Restored>,
}

impl Builder<'_> {
    /// Adds a function: what is recorded where it begins, and where it returns; and the same for each list of type
    /// arguments that is known.
    pub(super) fn function(&mut self, arch: Arch, of: Subject<'_>, instantiations: &[Instantiation]) {
        let Instance { begins, returns } = self.add_calls(arch, of, &[]);
        let hidden = of.signature.and_then(|signature| match &signature.dictionary {
            Some(place) => self.hidden(arch, of, place),
            None => Some(Hidden::InClosure),
        });
        let room = MOST_INSTANCES.saturating_sub(self.captures.instances.len());
        let dictionary = hidden.filter(|_| (1..=room).contains(&instantiations.len()));
        for one in instantiations.iter().filter(|_| dictionary.is_some()) {
            let of = Subject { signature: Some(&one.signature), ..of };
            let instance = self.add_calls(arch, of, &one.type_args);
            self.captures.instances.insert((of.number, dynamic_key(of.binary, one.dictionary.0)), instance);
        }
        self.captures.rows.insert(of.number, Recorded { begins, returns, dictionary });
    }

    /// Where a record has a dictionary that is passed.
    fn hidden(&self, arch: Arch, of: Subject<'_>, place: &Place) -> Option<Hidden> {
        let word = match place {
            Place::Registers(pieces) => pieces.first().map(|piece| u64::from(piece.register.index)),
            Place::Stack(at) => u64::from(self.captures.registers).checked_add(at / 8),
            Place::Empty | Place::Unknown => None,
        };
        let at = u16::try_from(word?.checked_add(1)?.checked_mul(8)?).ok()?;
        Some(Hidden::Passed { at, lost_if: lost_if(arch, place, of) })
    }

    fn add_calls(&mut self, arch: Arch, of: Subject<'_>, type_args: &[String]) -> Instance {
        let begins = self.add_call(arch, of, type_args, false);
        Instance { begins, returns: self.add_call(arch, of, type_args, true) }
    }

    fn add_call(&mut self, arch: Arch, of: Subject<'_>, type_args: &[String], returns: bool) -> u32 {
        let none: &[Arg] = &[];
        let args = of.signature.map_or(none, |signature| if returns { &signature.rets } else { &signature.args });
        let registers = self.captures.registers;
        let hidden = of.signature.filter(|_| !returns).and_then(|signature| match signature.dictionary {
            Some(Place::Stack(at)) => at.checked_add(8),
            _ => None,
        });
        let ends = args.iter().filter_map(|arg| self.stack_end(of.binary, arg));
        let words = ends.chain(hidden).max().unwrap_or(0).div_ceil(8);
        let stack = words.min(u64::from(MOST_STACK)) as u16;
        let nowhere = if of.inlined.is_some() { Source::NotLocated } else { Source::NoPlace };
        let frame = Frame { registers: u64::from(registers), stack: u64::from(stack), nowhere };
        let (mut values, mut ops) = (Vec::new(), Vec::new());
        for arg in args {
            let lost_if = if returns { None } else { lost_if(arch, &arg.place, of) };
            values.push(self.root(of.binary, arg, frame, lost_if, &mut ops));
        }
        let incomplete = of.signature.is_none_or(|signature| match returns {
            true => signature.rets_omitted,
            false => signature.omitted != Gaps::None,
        });
        let (binary, function, name) = (of.binary, u64::from(of.number), of.name.to_owned());
        let inlined = of.inlined.map(call_inlined);
        self.captures.calls.push(Call {
            binary,
            function,
            name,
            returns,
            registers,
            stack,
            values,
            incomplete,
            inlined,
            type_args: type_args.to_vec(),
        });
        let first = self.captures.tables.ops.len() as u32;
        let head = call::REGISTERS as u32 + 8 * (u32::from(registers) + u32::from(stack));
        self.captures.tables.functions.push(Function {
            first,
            ops: u16::try_from(ops.len()).unwrap_or(u16::MAX),
            stack,
            bytes: self.limits.bytes.saturating_add(call::UNLIMITED as u32).clamp(head, MOST_BYTES),
            depth: u32::from(self.limits.depth),
        });
        self.captures.tables.ops.extend(ops);
        self.captures.calls.len() as u32 - 1
    }

    /// Where an argument on the stack ends.
    fn stack_end(&self, binary: u32, arg: &Arg) -> Option<u64> {
        let Place::Stack(at) = arg.guess.as_ref().unwrap_or(&arg.place) else { return None };
        at.checked_add(self.extent(binary, arg.ty?)?.0)
    }

    fn root(&mut self, binary: u32, arg: &Arg, frame: Frame, lost_if: Option<u64>, ops: &mut Vec<Op>) -> Root {
        let ty = arg.ty.map_or(TypeRow(u32::MAX), |at| self.row(binary, at));
        let size = if arg.ty.is_some() { self.ty(ty).size } else { 0 };
        // What nothing describes is raw words, shown as the guesses that they are.
        let place = arg.guess.as_ref().unwrap_or(&arg.place);
        let pieces = pieces(place, size, frame);
        if arg.ty.is_some() {
            let mut own = Vec::new();
            self.list(ty, 0, u64::from(size), 0, &mut own);
            ops.extend(own.into_iter().filter_map(|op| moved(op, place, frame)));
        }
        Root { name: arg.name.clone().into_owned(), ty, pieces, lost_if }
    }
}

fn call_inlined(of: &Inlined) -> go::Inlined {
    let Inlined { into, file, line, .. } = of.clone();
    go::Inlined { into, file, line }
}

/// How many words of each kind a record has, and what is not in it.
#[derive(Clone, Copy)]
struct Frame {
    registers: u64,
    stack: u64,
    /// What stands for values that have no place.
    nowhere: Source,
}

impl Frame {
    /// Where a word is, counted from the registers, if the record has it.
    fn stack_word(self, at: u64) -> Option<u64> {
        (at < 8 * self.stack).then_some(8 * self.registers + at)
    }
}

fn pieces(place: &Place, size: u32, frame: Frame) -> Vec<Piece> {
    let from = |at: u64| Source::Record((call::REGISTERS as u64 + at) as u32);
    match place {
        Place::Empty => Vec::new(),
        Place::Unknown => vec![Piece { at: 0, size, from: frame.nowhere }],
        Place::Stack(at) => {
            let there = (8 * frame.stack).saturating_sub(*at).min(u64::from(size)) as u32;
            let mut pieces = Vec::new();
            if there > 0 {
                pieces.push(Piece { at: 0, size: there, from: from(8 * frame.registers + at) });
            }
            if there < size {
                pieces.push(Piece { at: there, size: size - there, from: Source::BeyondStack });
            }
            pieces
        }
        Place::Registers(registers) => {
            let one = |piece: &abi::Piece| Piece {
                at: piece.offset as u32,
                size: piece.size as u32,
                from: match piece.register.float {
                    true => Source::FloatRegister,
                    false => from(8 * u64::from(piece.register.index)),
                },
            };
            registers.iter().map(one).collect()
        }
    }
}

/// An op of a value, where that is in a record.
fn moved(op: Op, place: &Place, frame: Frame) -> Option<Op> {
    let at = match place {
        Place::Empty | Place::Unknown => None,
        Place::Stack(at) => {
            let at = at.checked_add(u64::from(op.at))?;
            // Of a pair of words both must be there.
            frame.stack_word(at.checked_add(8)?).map(|end| end - 8).or_else(|| frame.stack_word(at))
        }
        Place::Registers(pieces) => {
            let word =
                |piece: &&abi::Piece| !piece.register.float && piece.size == 8 && piece.offset == u64::from(op.at);
            pieces.iter().find(word).map(|piece| 8 * u64::from(piece.register.index))
        }
    };
    Some(Op { at: u16::try_from(at?).ok()?, ..op })
}

/// What shows that an argument is garbage: the compiler does not keep what a function never uses while its stack grows.
fn lost_if(arch: Arch, place: &Place, of: Subject<'_>) -> Option<u64> {
    let restored = of.restored.filter(|_| arch == Arch::Amd64)?;
    let Place::Registers(pieces) = place else { return None };
    let lost = |piece: &abi::Piece| !restored.registers.contains(piece.register);
    pieces.iter().any(lost).then(|| of.entry.plus(u64::from(restored.behind_call)).0)
}
