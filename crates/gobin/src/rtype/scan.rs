//! Types that nothing lists, but that code or data names.
//!
//! The linker lists types without a name, and those that reflection can reach. A named type that is only ever put into
//! an interface (`type key struct{}` of a context's key) is in no list: the instruction that makes the interface, or a
//! value of it that was ready at link time, names its descriptor.

use super::{Descriptor, RuntimeTypes};
use crate::addr::VAddr;
use crate::elf::{Arch, u32_at, u64_at};

/// No value is larger.
const LARGEST: u64 = 1 << 40;
/// Bytes of `lea`: prefix, opcode, operand, distance.
const LEA: usize = 7;

impl RuntimeTypes<'_> {
    /// The types that values in interfaces can have: those of [`RuntimeTypes::all`], those that code and data name, and
    /// what is reached from these. By address.
    ///
    /// Types that reflection makes at run time are not in the file.
    #[must_use]
    pub fn dynamic(&self) -> Vec<VAddr> {
        let mut named = match self.elf.arch {
            Arch::Amd64 => self.named_by_lea(),
            Arch::Arm64 => self.named_by_pairs(),
        };
        named.extend(self.named_by_data());
        named.sort_unstable();
        named.dedup();
        named.retain(|&at| self.is_plausible(at));
        self.reached(named.into_iter().chain(self.roots()).collect())
    }

    /// `lea reg, [rip+distance]`
    fn named_by_lea(&self) -> Vec<VAddr> {
        let code = self.code();
        let is_lea = |at: &usize| matches!(code[*at], 0x48 | 0x4c) && code[at + 1] == 0x8d && code[at + 2] & 0xc7 == 5;
        let target = |at: usize| {
            let distance = u32_at(&code[at + 3..]).cast_signed();
            self.in_types(self.text.plus((at + LEA) as u64).0.wrapping_add_signed(i64::from(distance)))
        };
        (0..code.len().saturating_sub(LEA - 1)).filter(is_lea).filter_map(target).collect()
    }

    /// `adrp reg, page` and `add reg, reg, offset` behind it.
    fn named_by_pairs(&self) -> Vec<VAddr> {
        let words: Vec<u32> = self.code().chunks_exact(4).map(u32_at).collect();
        let target = |(at, pair): (usize, &[u32])| {
            let [adrp, add] = *pair else { return None };
            let register = adrp & 31;
            let fits = adrp & 0x9f00_0000 == 0x9000_0000 && add & 0xffc0_0000 == 0x9100_0000;
            if !fits || add & 31 != register || add >> 5 & 31 != register {
                return None;
            }
            let pages = (adrp >> 5 & 0x7_ffff) << 2 | adrp >> 29 & 3;
            let distance = i64::from((pages << 11).cast_signed() >> 11) << 12;
            let page = self.text.plus(4 * at as u64).0 & !0xfff;
            self.in_types(page.wrapping_add_signed(distance).wrapping_add(u64::from(add >> 10 & 0xfff)))
        };
        words.windows(2).enumerate().filter_map(target).collect()
    }

    /// Words that are addresses of types, or that the loader makes such.
    fn named_by_data(&self) -> Vec<VAddr> {
        let moved = self.elf.relocations().iter().filter_map(|&(_, value)| self.in_types(value));
        let data = self.elf.segments.iter().filter(|segment| !segment.executable);
        let words = data.flat_map(|segment| self.elf.segment_bytes(segment).chunks_exact(8));
        moved.chain(words.filter_map(|word| self.in_types(u64_at(word)))).collect()
    }

    fn code(&self) -> &[u8] {
        self.elf.read(self.text, self.etext.since(self.text).unwrap_or(0)).unwrap_or_default()
    }

    fn in_types(&self, at: u64) -> Option<VAddr> {
        Some(VAddr(at)).filter(|&at| at >= self.data.types && at < self.data.etypes)
    }

    /// Whether what is there looks like a descriptor in every respect that can be checked.
    // +rtype 1.21- internal/abi.Type.PtrBytes uintptr @8
    // +rtype 1.21- internal/abi.Type.Align_ uint8 @21
    // +rtype 1.21- internal/abi.Type.FieldAlign_ uint8 @22
    pub(super) fn is_plausible(&self, at: VAddr) -> bool {
        let fits = |descriptor: Descriptor| {
            let raw = self.elf.read(at, super::HEADER)?;
            let pointers = self.elf.word(at.plus(8))?;
            let aligned = raw[21].is_power_of_two() && raw[21] <= 16 && raw[22].is_power_of_two() && raw[22] <= 16;
            let sized = descriptor.size < LARGEST && pointers <= descriptor.size;
            let named = self.name_of(&descriptor).is_some_and(|name| !name.is_empty());
            Some(aligned && sized && named && self.kind(&descriptor).is_some())
        };
        at.0.is_multiple_of(8) && self.descriptor(at).and_then(fits).unwrap_or(false)
    }
}
