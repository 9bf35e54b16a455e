//! Types that reflection makes while a program runs: they are in no file, only in the memory of the process.
//!
//! Such a type has no name of its own; it is put together from types that the file describes. What it refers to is
//! read where it stands, and whatever does not fit makes it unknown.
//!
//! Follows reflect/type.go (`StructOf`, `MapOf`, `SliceOf`, `ArrayOf`, `FuncOf`, `ChanOf`, `PointerTo`), Go 1.21 and later.

use std::cell::Cell;

use super::method::{COUNTS, FUNC, MOST_PARAMS, UNCOMMON_SIZE, VARIADIC};
use super::{
    ARRAY_LEN, FIRST, HEADER, KIND, KIND_MASK, LIST, NAMED, RuntimeTypes, SECOND, STRUCT_FIELD, TFLAG, UNCOMMON, kind,
};
use crate::addr::VAddr;
use crate::elf::u64_at;
use crate::made::Made;
use crate::types::{Field, Kind, Type, TypeRef, TypeSource};

/// Fills bytes with what stands at an address of the process, or says that it cannot.
pub type Read<'r> = &'r dyn Fn(u64, &mut [u8]) -> bool;

/// So deep one type may stand in others, and so many may be read for one.
const DEEPEST: u32 = 16;
const MOST: u32 = 512;
/// So many fields a struct has at most.
const FIELDS: u64 = 256;
/// No value is larger.
const LARGEST: u64 = 1 << 40;
/// So long a field's name is at most, and that of a type.
const NAME: usize = 128;
const LONGEST: usize = 1 << 14;

// +rtype 1.21- internal/abi.ChanType.Dir abi.ChanDir @56
const DIRECTION: u64 = 56;

/// A type that was found in a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Met {
    /// What it is.
    pub ty: TypeRef,
    /// An interface's second word is the value itself.
    pub direct: bool,
}

impl RuntimeTypes<'_> {
    /// The type whose descriptor stands at an address of a process, in which the file's addresses are greater by
    /// `bias`; nothing where what stands there makes no sense.
    #[must_use]
    pub fn met(&self, at: u64, bias: u64, read: Read<'_>, made: &Made) -> Option<Met> {
        let reader = Reader { types: self, bias, read, made, left: Cell::new(MOST) };
        let ty = reader.find(at, 0)?.0;
        let direct = match ty {
            TypeRef::Runtime(at) => self.is_direct(at)?,
            _ => reader.is_direct(&reader.header(at)?)?,
        };
        Some(Met { ty, direct })
    }
}

/// What a process has.
struct Reader<'r> {
    types: &'r RuntimeTypes<'r>,
    bias: u64,
    read: Read<'r>,
    made: &'r Made,
    left: Cell<u32>,
}

/// A descriptor's header in the process.
struct Header {
    at: u64,
    raw: [u8; HEADER as usize],
}

impl Header {
    fn size(&self) -> u64 {
        u64_at(&self.raw)
    }

    fn pointers(&self) -> u64 {
        u64_at(&self.raw[8..])
    }

    fn kind(&self) -> u8 {
        self.raw[KIND] & KIND_MASK
    }

    fn flags(&self) -> u8 {
        self.raw[TFLAG]
    }

    fn is_plausible(&self) -> bool {
        let aligned = |align: u8| align.is_power_of_two() && align <= 16;
        let sized = self.size() < LARGEST && self.pointers() <= self.size();
        sized && aligned(self.raw[21]) && aligned(self.raw[22]) && self.at.is_multiple_of(8)
    }
}

impl Reader<'_> {
    fn word(&self, at: u64) -> Option<u64> {
        let mut word = [0; 8];
        (self.read)(at, &mut word).then(|| u64::from_le_bytes(word))
    }

    fn header(&self, at: u64) -> Option<Header> {
        let mut raw = [0; HEADER as usize];
        (self.read)(at, &mut raw).then_some(Header { at, raw })
    }

    fn is_direct(&self, header: &Header) -> Option<bool> {
        self.types.marks_direct(header.flags(), header.raw[KIND])
    }

    /// A type and its name.
    fn find(&self, at: u64, depth: u32) -> Option<(TypeRef, String)> {
        let in_file = VAddr(at.wrapping_sub(self.bias));
        if in_file >= self.types.data.types && in_file < self.types.data.etypes {
            let ty = self.types.is_plausible(in_file).then_some(TypeRef::Runtime(in_file))?;
            let name = self.types.full_name(in_file).or_else(|| Some(self.types.resolve(ty)?.name.clone()))?;
            return Some((ty, name));
        }
        self.left.set(self.left.get().checked_sub(1)?);
        let header = self.header(at).filter(Header::is_plausible)?;
        // Those of plugins have names; their names are told only by the plugin's own module.
        if depth >= DEEPEST || header.flags() & NAMED != 0 {
            return None;
        }
        let (name, kind) = self.kind(&header, depth + 1).filter(|(name, _)| name.len() <= LONGEST)?;
        Some((self.made.add(Type::made(&name, header.size(), kind)), name))
    }

    fn at(&self, header: &Header, offset: u64, depth: u32) -> Option<(TypeRef, String)> {
        self.find(self.word(header.at.checked_add(offset)?)?, depth)
    }

    fn kind(&self, header: &Header, depth: u32) -> Option<(String, Kind)> {
        let first = || self.at(header, FIRST, depth);
        let sized = |size: u64| (header.size() == size).then_some(());
        match header.kind() {
            kind::POINTER => {
                let (to, name) = first()?;
                sized(8).map(|()| (format!("*{name}"), Kind::Pointer(Some(to))))
            }
            kind::SLICE => {
                let (elem, name) = first()?;
                sized(24).map(|()| (format!("[]{name}"), Kind::Slice(elem)))
            }
            kind::CHAN => {
                let (elem, name) = first()?;
                let words = match self.word(header.at + DIRECTION)? & 3 {
                    1 => "<-chan ",
                    2 => "chan<- ",
                    _ => "chan ",
                };
                sized(8).map(|()| (format!("{words}{name}"), Kind::Chan(Some(elem))))
            }
            kind::MAP => {
                let ((key, key_name), (elem, elem_name)) = (first()?, self.at(header, SECOND, depth)?);
                sized(8).map(|()| (format!("map[{key_name}]{elem_name}"), Kind::Map { key, elem }))
            }
            kind::ARRAY => {
                let ((elem, name), len) = (first()?, self.word(header.at + ARRAY_LEN)?);
                let size = self.size(elem)?.checked_mul(len)?;
                sized(size).map(|()| (format!("[{len}]{name}"), Kind::Array { elem, len }))
            }
            kind::FUNC => sized(8).and_then(|()| Some((self.func(header, depth)?, Kind::Func))),
            kind::STRUCT => self.strct(header, depth),
            _ => None,
        }
    }

    fn size(&self, ty: TypeRef) -> Option<u64> {
        match ty {
            TypeRef::Made(number) => Some(self.made.get(number)?.size),
            _ => Some(self.types.resolve(ty)?.size),
        }
    }

    fn func(&self, header: &Header, depth: u32) -> Option<String> {
        let counts = self.word(header.at + COUNTS)? as u32;
        let (params, results) = (counts & 0xffff, counts >> 16 & !VARIADIC);
        if params > MOST_PARAMS || results > MOST_PARAMS {
            return None;
        }
        let behind = FUNC + if header.flags() & UNCOMMON == 0 { 0 } else { UNCOMMON_SIZE };
        let name = |n: u32| Some(self.at(header, behind + 8 * u64::from(n), depth)?.1);
        let mut params: Vec<String> = (0..params).map(name).collect::<Option<_>>()?;
        let first = params.len() as u32;
        let results: Vec<String> = (first..first + results).map(name).collect::<Option<_>>()?;
        if let Some(last) = params.last_mut().filter(|_| counts >> 16 & VARIADIC != 0) {
            *last = format!("...{}", last.strip_prefix("[]")?);
        }
        let results = match &results[..] {
            [] => String::new(),
            [one] => format!(" {one}"),
            several => format!(" ({})", several.join(", ")),
        };
        Some(format!("func({}){results}", params.join(", ")))
    }

    fn strct(&self, header: &Header, depth: u32) -> Option<(String, Kind)> {
        let (list, len) = (self.word(header.at + LIST)?, self.word(header.at + LIST + 8)?);
        if len > FIELDS {
            return None;
        }
        let (mut fields, mut written, mut left) = (Vec::new(), Vec::new(), LONGEST);
        for n in 0..len {
            let at = list.checked_add(STRUCT_FIELD * n)?;
            let (name, embedded) = self.name(self.word(at)?)?;
            let (ty, type_name) = self.find(self.word(at.checked_add(8)?)?, depth)?;
            let offset = self.word(at.checked_add(16)?)?;
            left = left.checked_sub(type_name.len())?;
            if offset.checked_add(self.size(ty)?)? > header.size() {
                return None;
            }
            written.push(if embedded { type_name } else { format!("{name} {type_name}") });
            fields.push(Field { name, ty, offset, embedded });
        }
        let name = match written.is_empty() {
            true => "struct {}".to_owned(),
            false => format!("struct {{ {} }}", written.join("; ")),
        };
        Some((name, Kind::Struct(fields)))
    }

    /// A field's name, and whether it is embedded: flags, a length in base 128, the text.
    fn name(&self, at: u64) -> Option<(String, bool)> {
        let mut head = [0; 3];
        if !(self.read)(at, &mut head) {
            return None;
        }
        let [flags, low, high] = head;
        let (len, from) = match low & 0x80 {
            0 => (usize::from(low), 2),
            _ if high & 0x80 == 0 => (usize::from(low & 0x7f) | usize::from(high) << 7, 3),
            _ => return None,
        };
        let mut text = vec![0; len];
        if len > NAME || !(self.read)(at.checked_add(from)?, &mut text) {
            return None;
        }
        Some((String::from_utf8(text).ok()?, flags & super::name::EMBEDDED != 0))
    }
}
