//! The type and line information that goes to the kernel with a program, so that a verifier log speaks of the user's
//! text and global functions can be checked at all.
//!
//! Only what that takes: integers, `void *`, prototypes, functions, strings. The types of the kernel itself do not
//! occur, so it loads on kernels that have no BTF of their own. Layout as in `Documentation/bpf/btf.rst`.

mod read;

use std::collections::HashMap;

use crate::insn::{Insn, slots};
use crate::notes::{Function, Linkage, Note, Pos, Source};

pub use read::Kernel;

/// What `BPF_BTF_LOAD` and `BPF_PROG_LOAD` take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Btf {
    /// Types and strings.
    pub types: Vec<u8>,
    /// Slot and type of each function, [`FUNC_INFO_SIZE`] bytes each.
    pub func_info: Vec<u8>,
    /// Slots and what they were made for, [`LINE_INFO_SIZE`] bytes each.
    pub line_info: Vec<u8>,
}

/// `func_info_rec_size`.
pub const FUNC_INFO_SIZE: u32 = 8;
/// `line_info_rec_size`.
pub const LINE_INFO_SIZE: u32 = 16;

const MAGIC: u16 = 0xeb9f;
const HEADER: u32 = 24;
const INT: u32 = 1;
const PTR: u32 = 2;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const SIGNED: u32 = 1 << 24;
/// The kernel keeps line and column in one word.
const MAX_LINE: u32 = (1 << 22) - 1;
const MAX_COLUMN: u32 = (1 << 10) - 1;

/// Describes a program: its functions, and which line of the source each instruction belongs to.
pub(crate) fn describe(insns: &[Insn], functions: &[Function], notes: &[(usize, Note)], source: &Source) -> Btf {
    let slots: Vec<u32> = slots(insns).map(|slot| slot as u32).collect();
    let slot = |at: usize| slots.get(at).copied().unwrap_or_default();
    let mut types = Types::default();
    let func_info = functions.iter().enumerate().flat_map(|(n, function)| {
        let id = types.function(function, n == 0);
        [slot(function.start), id]
    });
    let func_info = words(func_info);
    let file = types.string(&source.name);
    let lines = lines(functions, notes, source);
    let line_info = lines.into_iter().flat_map(|line| {
        let text = types.string(&line.text);
        [slot(line.at), file, text, line.pos]
    });
    let line_info = words(line_info);
    Btf { types: types.finish(), func_info, line_info }
}

fn words(words: impl Iterator<Item = u32>) -> Vec<u8> {
    words.flat_map(u32::to_le_bytes).collect()
}

/// One entry of the line table.
struct Line {
    at: usize,
    text: String,
    pos: u32,
}

/// The line table. Instructions that no place of the text asked for are told apart by the compiler's remarks, and each
/// function has an entry for its first instruction, which the kernel insists on.
fn lines(functions: &[Function], notes: &[(usize, Note)], source: &Source) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut here: Option<Pos> = None;
    let mut notes = notes.iter().peekable();
    for (n, function) in functions.iter().enumerate() {
        let end = functions.get(n + 1).map_or(usize::MAX, |next| next.start);
        put(&mut lines, Line { at: function.start, text: function.name.clone(), pos: 0 });
        while let Some((at, note)) = notes.next_if(|(at, _)| *at < end) {
            match note {
                Note::Pos(pos) => {
                    here = *pos;
                    let line = pos.map_or_else(|| (function.name.clone(), 0), |pos| at_source(pos, source));
                    put(&mut lines, Line { at: *at, text: line.0, pos: line.1 });
                }
                Note::Comment(text) if here.is_none() => put(&mut lines, Line { at: *at, text: text.clone(), pos: 0 }),
                Note::Comment(_) | Note::Label(_) => {}
            }
        }
    }
    lines
}

/// A later entry for the same instruction replaces the earlier one.
fn put(lines: &mut Vec<Line>, line: Line) {
    if lines.last().is_some_and(|last| last.at == line.at) {
        lines.pop();
    }
    lines.push(line);
}

fn at_source(pos: Pos, source: &Source) -> (String, u32) {
    (source.line(pos.line).to_owned(), pos.line.min(MAX_LINE) << 10 | pos.column.min(MAX_COLUMN))
}

/// Types and strings while they are made. Type 0 is void, string 0 the empty one.
#[derive(Default)]
struct Types {
    bytes: Vec<u8>,
    count: u32,
    strings: Vec<u8>,
    known: HashMap<String, u32>,
    ints: HashMap<&'static str, u32>,
    context: Option<u32>,
}

impl Types {
    /// The offset of a string; equal ones are kept once.
    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(&at) = self.known.get(text) {
            return at;
        }
        let at = self.strings.len() as u32 + 1;
        // A zero would end the string.
        self.strings.extend(text.bytes().map(|b| if b == 0 { b' ' } else { b }));
        self.strings.push(0);
        self.known.insert(text.to_owned(), at);
        at
    }

    fn add(&mut self, name: u32, kind: u32, count: u32, size_or_type: u32, rest: &[u32]) -> u32 {
        let all = [name, kind << 24 | count, size_or_type].into_iter().chain(rest.iter().copied());
        self.bytes.extend(all.flat_map(u32::to_le_bytes));
        self.count += 1;
        self.count
    }

    fn int(&mut self, name: &'static str, bits: u32, sign: u32) -> u32 {
        if let Some(&id) = self.ints.get(name) {
            return id;
        }
        let string = self.string(name);
        let id = self.add(string, INT, 0, bits / 8, &[sign | bits]);
        self.ints.insert(name, id);
        id
    }

    fn context(&mut self) -> u32 {
        let id = self.context.unwrap_or_else(|| self.add(0, PTR, 0, 0, &[]));
        *self.context.insert(id)
    }

    /// `int name(u64 …)`, for the program itself `int name(void *ctx)`.
    fn function(&mut self, function: &Function, is_program: bool) -> u32 {
        let result = self.int("int", 32, SIGNED);
        let params: Vec<u32> = if is_program {
            vec![self.string("ctx"), self.context()]
        } else {
            function.args.iter().flat_map(|arg| [self.string(arg), self.int("u64", 64, 0)]).collect()
        };
        let prototype = self.add(0, FUNC_PROTO, params.len() as u32 / 2, result, &params);
        let name = self.string(&function.name);
        let linkage = u32::from(function.linkage == Linkage::Global);
        self.add(name, FUNC, linkage, prototype, &[])
    }

    fn finish(self) -> Vec<u8> {
        let (types, strings) = (self.bytes.len() as u32, self.strings.len() as u32 + 1);
        let mut out: Vec<u8> = MAGIC.to_le_bytes().into_iter().chain([1, 0]).collect();
        out.extend(words([HEADER, 0, types, types, strings].into_iter()));
        out.extend(self.bytes);
        out.push(0);
        out.extend(self.strings);
        out
    }
}

#[cfg(test)]
mod tests;
