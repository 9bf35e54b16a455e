//! The runtime's own table of functions, which every Go program carries, stripped or not.
//!
//! It gives each function a name, its first instruction, files and lines, and small tables over its code, among them
//! which inlined call each instruction came from. A [`Pclntab`] is a view of bytes; where the code itself stands is
//! known from elsewhere (`moduledata.text`), so addresses here are offsets from there.
//!
//! Follows runtime/symtab.go and cmd/link/internal/ld/pcln.go of Go 1.18 and later.

use crate::addr::VAddr;
use crate::elf::{Elf, Placement, c_str, range, u32_at, u64_at, uvarint};
use crate::error::Error;

/// First word of the table from Go 1.20 on.
const MAGIC_1_20: u32 = 0xffff_fff1;
/// First word in Go 1.18 and 1.19.
const MAGIC_1_18: u32 = 0xffff_fff0;
const HEADER: u64 = 72;
/// Far more than any linker ever wrote; what claims more is damage.
const MOST_FUNCTIONS: u64 = 1 << 24;

/// `_func.flag`: no stack goes beyond it.
// +rtype 1.21- const internal/abi.FuncFlagTopFrame = 1
pub const FLAG_TOP_FRAME: u8 = 1;
/// `_func.flag`: it changes SP in a way that its table of frame sizes does not have.
// +rtype 1.21- const internal/abi.FuncFlagSPWrite = 2
pub const FLAG_SP_WRITE: u8 = 2;
/// `_func.flag`: written in assembly.
pub const FLAG_ASM: u8 = 4;

const PCDATA_INL_TREE: usize = 2;
const FUNCDATA_INL_TREE: usize = 3;
const FUNCDATA_ARG_INFO: usize = 5;
const FUNCDATA_ARG_LIVE_INFO: usize = 6;
/// Tables with a sound header of which the rows are looked through, before the search is given up.
const MOST_CANDIDATES: usize = 16;
/// `_func` offsets that stand for "none".
const NONE: u32 = u32::MAX;

/// A view of the function table.
#[derive(Clone, Copy)]
pub struct Pclntab<'d> {
    data: &'d [u8],
    /// Its header.
    pub header: Header,
}

/// The header of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where the table stands.
    pub addr: VAddr,
    /// Bytes that an instruction is a multiple of.
    pub quantum: u8,
    /// How many functions it has.
    pub functions: u32,
    /// Whether each row says on which line its function starts (Go 1.20 on).
    pub start_lines: bool,
    names: u64,
    units: u64,
    files: u64,
    values: u64,
    rows: u64,
}

/// A function's row.
#[derive(Clone, Copy)]
pub struct Row<'d> {
    table: Pclntab<'d>,
    data: &'d [u8],
    name: &'d str,
    /// Its place in the table, which is sorted by address.
    pub index: u32,
    /// Its first byte, from the start of the code.
    pub entry: u32,
    /// The first byte of the next function, from the start of the code.
    pub end: u32,
}

/// A call that the compiler replaced by the callee's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InlinedCall<'d> {
    /// The function that was inlined.
    pub name: &'d str,
    /// Its `funcID`.
    pub func_id: u8,
    /// Offset in the outer function of an instruction that stands for the call.
    pub parent_pc: u32,
    /// The inlined call that this one stands in, as an index of the same list; `None` if in the outer function itself.
    pub parent: Option<u32>,
    /// Offset of the first instruction that came from it.
    pub first_pc: u32,
}

/// What an instruction came from.
pub(crate) struct InlinedFrom<'d> {
    /// The function that was inlined.
    pub name: &'d str,
    /// Its `funcID`.
    pub func_id: u8,
    /// Offset of an instruction whose file and line are those of the call.
    pub parent_pc: u32,
}

impl Header {
    /// Where the table claims that the code starts; 0 from Go 1.26 on and in files that the loader moves.
    #[must_use]
    pub fn text_start_word(&self) -> VAddr {
        self.addr.plus(24)
    }

    /// Where the function names stand, by which `moduledata` is recognised.
    #[must_use]
    pub fn names_addr(&self) -> VAddr {
        self.addr.plus(self.names)
    }
}

/// Finds the table: in its section, else by its header anywhere in what is loaded.
///
/// # Errors
/// [`Error::NotGo`] if there is none; another if the only one is of a form that is not read.
pub fn find(elf: &Elf) -> Result<Header, Error> {
    let mut reason = Error::NotGo;
    let named = [".gopclntab", ".data.rel.ro.gopclntab"].iter().filter_map(|n| elf.section(n)).map(|s| s.addr);
    let mut candidates = 0;
    for addr in named.chain(scan(elf)) {
        match read_header(elf, addr) {
            Ok(header) if Pclntab::new(elf, header).is_sound(elf.bytes().len()) => return Ok(header),
            Ok(_) => {
                reason = Error::malformed("function table", "its functions do not follow one another");
                candidates += 1;
                if candidates == MOST_CANDIDATES {
                    break;
                }
            }
            Err(Error::NotGo) => {}
            Err(other) => reason = other,
        }
    }
    Err(reason)
}

fn scan(elf: &Elf) -> impl Iterator<Item = VAddr> {
    let finder = memchr::memmem::Finder::new(b"\xff\xff\xff\0\0").into_owned();
    elf.segments.iter().flat_map(move |segment| {
        let bytes = elf.segment_bytes(segment);
        let found = finder.find_iter(bytes).filter_map(|at| at.checked_sub(1));
        found.map(|at| segment.addr.plus(at as u64)).filter(|at| at.0 % 8 == 0).collect::<Vec<_>>()
    })
}

fn read_header(elf: &Elf, addr: VAddr) -> Result<Header, Error> {
    let raw = elf.read(addr, HEADER).ok_or(Error::NotGo)?;
    let start_lines = match u32_at(raw) {
        MAGIC_1_20 => true,
        MAGIC_1_18 => false,
        0xffff_fffa | 0xffff_fffb if raw[4..6] == [0, 0] && matches!(raw[6], 1 | 2 | 4) && raw[7] == 8 => {
            return Err(Error::Unsupported {
                what: "its function table is that of Go 1.17 or older, which gospect does not read".into(),
            });
        }
        _ => return Err(Error::NotGo),
    };
    let word = |i: usize| u64_at(&raw[8 + 8 * i..]);
    let (count, names, units, files, values, rows) = (word(0), word(3), word(4), word(5), word(6), word(7));
    let sane = raw[4..6] == [0, 0]
        && matches!(raw[6], 1 | 2 | 4)
        && raw[7] == 8
        && (1..MOST_FUNCTIONS).contains(&count)
        && HEADER <= names
        && names < units
        && units < files
        && files < values
        && values <= rows;
    let whole = sane && elf.read(addr, rows.saturating_add(8 * count + 4)).is_some();
    if !whole {
        return Err(Error::NotGo);
    }
    Ok(Header { addr, quantum: raw[6], functions: count as u32, start_lines, names, units, files, values, rows })
}

impl<'d> Pclntab<'d> {
    /// The table that `header` was read from.
    #[must_use]
    pub fn new(elf: &'d Elf, header: Header) -> Pclntab<'d> {
        Pclntab { data: elf.tail(header.addr).unwrap_or_default(), header }
    }

    /// How many functions it has.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.header.functions
    }

    /// Whether it has none; it never does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `index`th function by address. `None` if there is no such one, or its row is damaged.
    #[must_use]
    pub fn row(&self, index: u32) -> Option<Row<'d>> {
        if index >= self.header.functions {
            return None;
        }
        let pair = self.part(self.header.rows + 8 * u64::from(index))?;
        let (entry, at, end) = (u32_at(pair), u32_at(&pair[4..]), u32_at(pair.get(8..)?));
        let data = self.part(self.header.rows + u64::from(at))?;
        let fixed = if self.header.start_lines { 44 } else { 40 };
        if data.len() < fixed || entry > end {
            return None;
        }
        let name = self.name(u32_at(&data[4..])).unwrap_or_default();
        Some(Row { table: *self, data, name, index, entry, end })
    }

    /// The function that the byte at `offset` of the code belongs to.
    #[must_use]
    pub fn row_at(&self, offset: u32) -> Option<Row<'d>> {
        let entries = self.part(self.header.rows)?.get(..8 * self.header.functions as usize)?;
        let (pairs, _) = entries.as_chunks::<8>();
        let index = pairs.partition_point(|pair| u32_at(pair) <= offset).checked_sub(1)?;
        self.row(index as u32).filter(|row| offset < row.end)
    }

    /// Whether functions follow one another without overlapping, and have no more code than the file has bytes. All
    /// that is read of them is bounded by the sum of their sizes.
    fn is_sound(&self, file: usize) -> bool {
        let entries = self.part(self.header.rows).and_then(|r| r.get(..8 * self.header.functions as usize));
        let (pairs, _) = entries.unwrap_or_default().as_chunks::<8>();
        let last = pairs.last().map_or(0, |pair| u32_at(pair));
        let end = self.code_end();
        pairs.is_sorted_by_key(|pair| u32_at(pair)) && last <= end && end as usize <= file
    }

    /// Where the last function ends, from the start of the code.
    #[must_use]
    pub fn code_end(&self) -> u32 {
        let at = self.header.rows + 8 * u64::from(self.header.functions);
        self.part(at).map_or(0, u32_at)
    }

    fn part(&self, offset: u64) -> Option<&'d [u8]> {
        self.data.get(usize::try_from(offset).ok()?..)
    }

    /// The name at an offset that a row or an inlined call gives.
    pub(crate) fn name(&self, offset: u32) -> Option<&'d str> {
        let names = range(self.data, self.header.names, self.header.units - self.header.names)?;
        c_str(names, offset as usize)
    }

    /// All names that contain `part`, those of functions that exist only inlined among them.
    pub(crate) fn names_with(&self, part: &str) -> Vec<&'d str> {
        let names = range(self.data, self.header.names, self.header.units - self.header.names).unwrap_or_default();
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(hit) = memchr::memmem::find(&names[from..], part.as_bytes()) {
            let start = memchr::memrchr(0, &names[..from + hit]).map_or(0, |nul| nul + 1);
            let end = memchr::memchr(0, &names[from + hit..]).map_or(names.len(), |nul| from + hit + nul);
            found.extend(std::str::from_utf8(&names[start.max(from)..end]).ok());
            from = end;
        }
        found
    }

    fn file(&self, unit: u32, number: i32) -> Option<&'d str> {
        let slot = u64::from(unit).checked_add(u64::try_from(number).ok()?)?;
        let offset = u32_at(self.part(self.header.units + 4 * slot)?.get(..4)?);
        (offset != NONE).then_some(())?;
        let files = range(self.data, self.header.files, self.header.values - self.header.files)?;
        c_str(files, offset as usize)
    }

    /// The steps of the value table at `offset` of the tables' area, for a function of `size` bytes; none for offset 0.
    fn steps(&self, offset: u32, size: u32) -> Steps<'d> {
        let data =
            if offset == 0 { &[][..] } else { self.part(self.header.values + u64::from(offset)).unwrap_or_default() };
        Steps { data, value: -1, pc: 0, size, quantum: u32::from(self.header.quantum), first: true }
    }
}

/// A table from code offsets to numbers, as the pairs (number, offset behind the last byte that it holds for). Each
/// step goes on by an instruction at least, so there are no more of them than the function has bytes.
struct Steps<'d> {
    data: &'d [u8],
    value: i32,
    pc: u32,
    size: u32,
    quantum: u32,
    first: bool,
}

impl Iterator for Steps<'_> {
    type Item = (i32, u32);

    fn next(&mut self) -> Option<(i32, u32)> {
        let (delta, n) = uvarint(self.data)?;
        if delta == 0 && !self.first || self.pc >= self.size {
            return None;
        }
        self.first = false;
        let (advance, m) = uvarint(&self.data[n..])?;
        self.data = &self.data[n + m..];
        let delta = delta as u32;
        self.value = self.value.wrapping_add((delta >> 1) as i32 ^ -((delta & 1) as i32));
        let before = self.pc;
        self.pc = before.saturating_add((advance as u32).saturating_mul(self.quantum));
        (self.pc > before).then_some((self.value, self.pc))
    }
}

impl<'d> Row<'d> {
    /// Bytes up to the next function.
    fn size(&self) -> u32 {
        self.end - self.entry
    }

    fn int(&self, offset: usize) -> u32 {
        u32_at(&self.data[offset..])
    }

    /// Its name as the linker has it: dots of an import path's last element are written `%2e`.
    #[must_use]
    pub fn name(&self) -> &'d str {
        self.name
    }

    /// Bytes of its arguments and results on the stack, spill area included; negative if unknown.
    #[must_use]
    pub fn args(&self) -> i32 {
        self.int(8) as i32
    }

    /// Line of its declaration; `None` before Go 1.20 and for code that nobody wrote.
    #[must_use]
    pub fn start_line(&self) -> Option<u32> {
        self.table.header.start_lines.then(|| self.int(36)).filter(|&line| line != 0)
    }

    /// What the runtime treats specially about it; the numbers change with the version.
    #[must_use]
    pub fn func_id(&self) -> u8 {
        self.data[self.tail()]
    }

    /// `_func.flag`: [`FLAG_ASM`] and others that do not matter here.
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.data[self.tail() + 1]
    }

    /// File and line of the instruction `pc` bytes into the function, that of inlined code included.
    #[must_use]
    pub fn file_line(&self, pc: u32) -> Option<(&'d str, u32)> {
        let line = self.lookup(self.int(24), pc)?;
        let file = self.lookup(self.int(20), pc)?;
        Some((self.table.file(self.int(32), file)?, u32::try_from(line).ok()?))
    }

    /// Offset of its argument description from `moduledata.gofunc`.
    #[must_use]
    pub fn arg_info(&self) -> Option<u32> {
        self.funcdata(FUNCDATA_ARG_INFO)
    }

    /// Offset of its description of which arguments live where from `moduledata.gofunc`.
    #[must_use]
    pub fn arg_live_info(&self) -> Option<u32> {
        self.funcdata(FUNCDATA_ARG_LIVE_INFO)
    }

    /// Offset of its inline tree from `moduledata.gofunc`.
    #[must_use]
    pub fn inline_tree(&self) -> Option<u32> {
        self.funcdata(FUNCDATA_INL_TREE)
    }

    /// The calls inlined into it, given the bytes that [`Row::inline_tree`] points to.
    #[must_use]
    pub fn inlined_calls(&self, tree: &'d [u8]) -> Vec<InlinedCall<'d>> {
        let steps: Vec<(i32, u32)> = self.inline_steps().collect();
        let entries = tree.chunks_exact(self.inlined_call_size());
        let starts = self.inline_starts(&steps);
        entries.zip(starts).map_while(|(raw, first_pc)| Some(self.inlined_call(raw, first_pc?, &steps))).collect()
    }

    /// From which inlined call each instruction came, an index of [`Row::inlined_calls`] or less than 0, up to the offset
    /// that goes with it.
    pub fn inline_steps(&self) -> impl Iterator<Item = (i32, u32)> + use<'d> {
        self.table.steps(self.pcdata(PCDATA_INL_TREE), self.size())
    }

    /// How far SP stands below its value at entry, `pc` bytes into the function.
    #[must_use]
    pub fn stack_depth(&self, pc: u32) -> Option<u32> {
        u32::try_from(self.lookup(self.int(16), pc)?).ok()
    }

    /// The innermost inlined call that the instruction `pc` bytes into the function came from.
    #[must_use]
    pub fn inlined_at(&self, tree: &'d [u8], pc: u32) -> Option<&'d str> {
        self.inlined_from(tree, pc).map(|call| call.name)
    }

    /// The same with what else its row says.
    pub(crate) fn inlined_from(&self, tree: &'d [u8], pc: u32) -> Option<InlinedFrom<'d>> {
        let index = usize::try_from(self.lookup(self.pcdata(PCDATA_INL_TREE), pc)?).ok()?;
        let raw = tree.chunks_exact(self.inlined_call_size()).nth(index)?;
        let name = self.inlined_name();
        Some(InlinedFrom {
            name: self.table.name(u32_at(&raw[name..]))?,
            func_id: raw[if self.table.header.start_lines { 0 } else { 2 }],
            parent_pc: u32_at(&raw[name + 4..]),
        })
    }

    /// For each inlined call where its name stands: much cheaper than the calls themselves.
    pub(crate) fn inlined_name_offsets(&self, tree: &'d [u8]) -> impl Iterator<Item = u32> + use<'d> {
        let indices = self.inline_steps().map(|(index, _)| index.saturating_add(1));
        let count = indices.max().and_then(|n| usize::try_from(n).ok()).unwrap_or(0).min(self.most_inlined());
        let name = self.inlined_name();
        tree.chunks_exact(self.inlined_call_size()).take(count).map(move |raw| u32_at(&raw[name..]))
    }

    /// Where in an inlined call the offset of its name stands.
    fn inlined_name(&self) -> usize {
        if self.table.header.start_lines { 4 } else { 12 }
    }

    fn inlined_call_size(&self) -> usize {
        if self.table.header.start_lines { 16 } else { 20 }
    }

    /// Each inlined call leaves an instruction in the function that stands for it.
    fn most_inlined(&self) -> usize {
        (self.size() / u32::from(self.table.header.quantum)) as usize
    }

    /// For each index of the inline tree the first offset at which it holds.
    fn inline_starts(&self, steps: &[(i32, u32)]) -> Vec<Option<u32>> {
        let mut starts: Vec<Option<u32>> = Vec::new();
        let mut from = 0;
        for &(index, to) in steps {
            if let Some(index) = usize::try_from(index).ok().filter(|&i| i < self.most_inlined()) {
                starts.resize(starts.len().max(index + 1), None);
                starts[index].get_or_insert(from);
            }
            from = to;
        }
        starts
    }

    fn inlined_call(&self, raw: &[u8], first_pc: u32, steps: &[(i32, u32)]) -> InlinedCall<'d> {
        let (func_id, name, parent_pc) = if self.table.header.start_lines {
            (raw[0], u32_at(&raw[4..]), u32_at(&raw[8..]))
        } else {
            (raw[2], u32_at(&raw[12..]), u32_at(&raw[16..]))
        };
        let parent = steps.get(steps.partition_point(|&(_, end)| end <= parent_pc));
        let parent = parent.and_then(|&(index, _)| u32::try_from(index).ok());
        InlinedCall { name: self.table.name(name).unwrap_or_default(), func_id, parent_pc, parent, first_pc }
    }

    /// Offset of the last four fixed bytes: funcID, flag, padding, number of funcdata.
    fn tail(&self) -> usize {
        if self.table.header.start_lines { 40 } else { 36 }
    }

    fn pcdata(&self, table: usize) -> u32 {
        let count = self.int(28) as usize;
        let slot = self.tail() + 4 + 4 * table;
        if table < count && slot + 4 <= self.data.len() { self.int(slot) } else { 0 }
    }

    fn funcdata(&self, table: usize) -> Option<u32> {
        let count = usize::from(self.data[self.tail() + 3]);
        let slot = self.tail() + 4 + 4 * (self.int(28) as usize).checked_add(table)?;
        (table < count && slot + 4 <= self.data.len()).then(|| self.int(slot)).filter(|&at| at != NONE)
    }

    fn lookup(&self, table: u32, pc: u32) -> Option<i32> {
        self.table.steps(table, self.size()).find(|&(_, end)| pc < end).map(|(value, _)| value)
    }
}

/// Where the code starts if only this table and the ELF header are to be had: the table's own word (Go 1.18 to 1.25),
/// or, in a file that Go's own linker placed, the entry point less the offset of the function there.
#[must_use]
pub fn text_start(elf: &Elf, table: Pclntab) -> Option<VAddr> {
    let own = elf.pointer(table.header.text_start_word()).filter(|&at| elf.segment(at).is_some_and(|s| s.executable));
    let by_entry = || {
        let name = format!("_rt0_{}_linux", elf.arch.name());
        let row = (0..table.len()).filter_map(|i| table.row(i)).find(|row| row.name() == name)?;
        Some(VAddr(elf.entry.since(VAddr(u64::from(row.entry)))?))
    };
    own.or_else(|| (elf.placement == Placement::Fixed && !elf.interpreter).then(by_entry).flatten())
}

#[cfg(test)]
mod tests;
