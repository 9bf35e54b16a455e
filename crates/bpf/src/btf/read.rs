//! What the kernel says about its own structures (`/sys/kernel/btf/vmlinux`): where a member of one stands.
//!
//! Of all kinds of types only as much is read as it takes to step over them. Layout as in `Documentation/bpf/btf.rst`.

use super::MAGIC;

/// The kernel's types.
#[derive(Debug)]
pub struct Kernel<'b> {
    strings: &'b [u8],
    /// Each type's bytes, by its number; 0 is none.
    types: Vec<&'b [u8]>,
}

const STRUCT: u32 = 4;
const UNION: u32 = 5;
/// The bytes of a type before what is particular to its kind.
const COMMON: usize = 12;
/// The bytes of a member.
const MEMBER: usize = 12;
/// Structures without a name lie in one another no deeper.
const DEEPEST: u32 = 8;

impl<'b> Kernel<'b> {
    /// Reads all of it; nothing if it is not understood.
    #[must_use]
    pub fn parse(bytes: &'b [u8]) -> Option<Kernel<'b>> {
        let magic = u16::from_le_bytes(*bytes.first_chunk()?);
        let header = word(bytes, 4)? as usize;
        let part = |at: usize| {
            let start = header.checked_add(word(bytes, at)? as usize)?;
            bytes.get(start..)?.get(..word(bytes, at + 4)? as usize)
        };
        let (mut rest, strings) = (part(8)?, part(16)?);
        let mut types: Vec<&[u8]> = vec![&[]];
        while !rest.is_empty() {
            let (one, others) = rest.split_at_checked(COMMON + behind(rest)?)?;
            types.push(one);
            rest = others;
        }
        (magic == MAGIC).then_some(Kernel { strings, types })
    }

    /// The bytes of a structure.
    #[must_use]
    pub fn size(&self, structure: &str) -> Option<u32> {
        word(self.named(structure)?, 8)
    }

    /// Where a member stands in a structure, also one of a structure without a name in it.
    #[must_use]
    pub fn offset(&self, structure: &str, member: &str) -> Option<u32> {
        self.in_type(self.named(structure)?, member, DEEPEST).map(|bits| bits / 8)
    }

    fn named(&self, structure: &str) -> Option<&'b [u8]> {
        let is_it = |of: &&&[u8]| kind(of) == Some(STRUCT) && self.is_called(of, structure);
        self.types.iter().find(is_it).copied()
    }

    fn in_type(&self, of: &[u8], member: &str, deepest: u32) -> Option<u32> {
        let has_sizes = word(of, 4)? >> 31 == 1;
        let members = of.get(COMMON..)?.chunks_exact(MEMBER);
        members.into_iter().find_map(|one| {
            let bits = word(one, 8)? & if has_sizes { 0x00ff_ffff } else { u32::MAX };
            if self.is_called(one, member) {
                return Some(bits);
            }
            let inner = self.types.get(word(one, 4)? as usize)?;
            let is_open = word(one, 0)? == 0 && matches!(kind(inner), Some(STRUCT | UNION)) && deepest > 0;
            let within = if is_open { self.in_type(inner, member, deepest - 1) } else { None };
            within.and_then(|within| bits.checked_add(within))
        })
    }

    /// Whether the name that stands first in something is this one.
    fn is_called(&self, thing: &[u8], name: &str) -> bool {
        let text = || self.strings.get(word(thing, 0)? as usize..)?.strip_prefix(name.as_bytes());
        text().is_some_and(|rest| rest.first() == Some(&0))
    }
}

fn kind(of: &[u8]) -> Option<u32> {
    word(of, 4).map(|info| info >> 24 & 31)
}

/// How many bytes a type has behind those that all have.
fn behind(of: &[u8]) -> Option<usize> {
    let each = (word(of, 4)? & 0xffff) as usize;
    Some(match kind(of)? {
        // Integers, variables and tags of declarations.
        1 | 14 | 17 => 4,
        // Arrays.
        3 => 12,
        // Structures, unions, sections and enumerations of 64 bits.
        STRUCT | UNION | 15 | 19 => each * 12,
        // Enumerations and prototypes.
        6 | 13 => each * 8,
        // Pointers, names for types, what qualifies them, functions, floats.
        2 | 7..=12 | 16 | 18 => 0,
        _ => return None,
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// `struct outer { int a; struct { int b; int c:3; }; }` and an `int` before it.
    fn sample() -> Vec<u8> {
        let strings = b"\0int\0outer\0a\0b\0c\0";
        let int = [1, 1 << 24, 4, 32];
        let inner = [0, STRUCT << 24 | 2 | 1 << 31, 8, 13, 1, 0, 15, 1, 3 << 24 | 32];
        let outer = [5, STRUCT << 24 | 2, 12, 11, 1, 0, 0, 2, 32];
        let types = words(&[&int[..], &inner, &outer].concat());
        let mut bytes = words(&[1 << 16 | u32::from(MAGIC), 24, 0, types.len() as u32, types.len() as u32, 17]);
        bytes.extend(types);
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn members_are_found_also_in_structures_without_a_name() {
        let bytes = sample();
        let kernel = Kernel::parse(&bytes).unwrap();
        assert_eq!(kernel.size("outer"), Some(12));
        assert_eq!(["a", "b", "c"].map(|name| kernel.offset("outer", name)), [Some(0), Some(4), Some(8)]);
        assert_eq!((kernel.offset("outer", "d"), kernel.offset("out", "a"), kernel.size("int")), (None, None, None));
    }

    #[test]
    fn what_is_cut_off_or_changed_is_not_understood_and_does_no_harm() {
        let bytes = sample();
        for end in 0..bytes.len() {
            let cut = Kernel::parse(&bytes[..end]);
            assert!(cut.is_none(), "{end}");
        }
        for at in 0..bytes.len() {
            for change in [1, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                if let Some(kernel) = Kernel::parse(&changed) {
                    let _ = (kernel.offset("outer", "c"), kernel.size("outer"));
                }
            }
        }
    }

    #[test]
    fn the_kernel_that_runs_is_understood_if_it_tells() {
        let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else { return };
        let kernel = Kernel::parse(&bytes).unwrap();
        assert!(kernel.offset("task_struct", "group_leader") > Some(0));
        assert_eq!((kernel.offset("upid", "nr"), kernel.size("upid")), (Some(0), Some(16)));
    }
}
