//! Itabs: which concrete types the linker prepared for which interfaces, and the code behind each method.

use super::{LIST, RuntimeTypes, kind};
use crate::addr::VAddr;

/// A concrete type as a value of an interface type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Itab {
    /// Where it is: what the first word of an interface value points to.
    pub addr: VAddr,
    /// The interface type.
    pub interface: VAddr,
    /// The concrete type.
    pub concrete: VAddr,
    /// The code of each method, in the order of the interface's.
    pub methods: Vec<VAddr>,
}

// +rtype 1.19-1.20 itab.inter *interfacetype @0 | 1.21-1.22 itab.inter *abi.InterfaceType @0
// +rtype 1.23- internal/abi.ITab.Inter *abi.InterfaceType @0
// +rtype 1.19-1.20 itab._type *_type @8 | 1.21-1.22 itab._type *abi.Type @8
// +rtype 1.23- internal/abi.ITab.Type *abi.Type @8
// +rtype 1.19-1.22 itab.fun [1]uintptr @24 | 1.23- internal/abi.ITab.Fun [1]uintptr @24
const CONCRETE: u64 = 8;
const METHODS: u64 = 24;

impl RuntimeTypes<'_> {
    /// All itabs that the linker made. Those for pairs that only meet at run time are not in the file.
    #[must_use]
    pub fn itabs(&self) -> Vec<Itab> {
        match (self.data.itablinks, self.data.itabs) {
            (Some((links, count)), _) => self.linked_itabs(links, count),
            (None, Some((offset, size))) => self.adjacent_itabs(self.data.types.plus(offset), size),
            (None, None) => Vec::new(),
        }
    }

    /// Up to 1.26: a list of their addresses.
    fn linked_itabs(&self, links: VAddr, count: u64) -> Vec<Itab> {
        let mut left = self.most_slots();
        (0..count).filter_map(|i| self.itab(self.elf.pointer(links.plus(8 * i))?, &mut left)).collect()
    }

    /// From 1.27: one behind the other.
    fn adjacent_itabs(&self, first: VAddr, size: u64) -> Vec<Itab> {
        let mut found = Vec::new();
        let mut left = self.most_slots();
        let mut at = first;
        while at.since(first).is_some_and(|n| n < size) {
            let Some(itab) = self.itab(at, &mut left) else { break };
            at = at.plus(METHODS + 8 * (itab.methods.len() as u64).max(1));
            found.push(itab);
        }
        found
    }

    /// Itabs do not overlap: their methods together are no more than the file has words.
    fn most_slots(&self) -> u64 {
        self.elf.bytes().len() as u64 / 8
    }

    fn itab(&self, addr: VAddr, left: &mut u64) -> Option<Itab> {
        let interface = self.elf.pointer(addr)?;
        let concrete = self.elf.pointer(addr.plus(CONCRETE))?;
        self.descriptor(concrete)?;
        let wanted = self.list(&self.descriptor(interface).filter(|d| d.kind == kind::INTERFACE)?, LIST)?.1;
        *left = left.checked_sub(wanted)?;
        let methods = (0..wanted).map(|i| self.elf.pointer(addr.plus(METHODS + 8 * i))).collect::<Option<_>>()?;
        Some(Itab { addr, interface, concrete, methods })
    }
}
