//! All types that the file describes.
//!
//! Up to 1.26 a sorted list has the types without a name; from 1.27 descriptors stand one behind the other, those
//! that reflect must be able to find first. Either way the rest is reached from them, from itabs and from methods.

use super::method::{METHOD_SIZE, UNCOMMON_SIZE};
use super::{Descriptor, HEADER, RuntimeTypes, UNCOMMON, kind};
use crate::addr::VAddr;
use crate::types::{Kind, TypeRef};

/// Where descriptors can begin.
const ALIGNED: u64 = 4;

impl RuntimeTypes<'_> {
    /// The types that the linker lists.
    #[must_use]
    pub fn listed(&self) -> Vec<VAddr> {
        match (self.data.typelinks, self.data.typedesc_len) {
            (Some((links, count)), _) => self.linked(links, count),
            (None, Some(len)) => self.adjacent(len),
            (None, None) => Vec::new(),
        }
    }

    /// The types that the linker lists and those that are reached from them, by address.
    #[must_use]
    pub fn all(&self) -> Vec<VAddr> {
        self.reached(self.roots())
    }

    /// The types that the linker lists, and those that its itabs are about.
    pub(super) fn roots(&self) -> Vec<VAddr> {
        let mut roots = self.listed();
        roots.extend(self.itabs().iter().flat_map(|i| [i.interface, i.concrete]));
        roots
    }

    /// Those that are given, and those that are reached from them, by address.
    pub(super) fn reached(&self, mut waiting: Vec<VAddr>) -> Vec<VAddr> {
        // Descriptors do not overlap, so all of them together are no longer than what holds them.
        let span = self.data.etypes.since(self.data.types).unwrap_or(0).min(self.elf.bytes().len() as u64);
        let mut left = span;
        let mut seen = vec![false; (span / ALIGNED) as usize + 1];
        while let Some(at) = waiting.pop() {
            let Some(seen) = at.since(self.data.types).and_then(|n| seen.get_mut((n / ALIGNED) as usize)) else {
                continue;
            };
            let Some(descriptor) = self.descriptor(at).filter(|_| !*seen) else { continue };
            let Some(rest) = left.checked_sub(self.whole_size(&descriptor).unwrap_or(HEADER)) else { break };
            left = rest;
            *seen = true;
            self.push_neighbours(&descriptor, &mut waiting);
        }
        let all = seen.iter().zip((0..).step_by(ALIGNED as usize)).filter(|(seen, _)| **seen);
        all.map(|(_, offset)| self.data.types.plus(offset)).collect()
    }

    fn linked(&self, links: VAddr, count: u64) -> Vec<VAddr> {
        (0..count).filter_map(|i| self.type_at(self.elf.half(links.plus(4 * i))?)).collect()
    }

    /// Descriptors one behind the other, from 8 behind the start of types on.
    fn adjacent(&self, len: u64) -> Vec<VAddr> {
        let mut found = Vec::new();
        let mut offset = 8;
        while offset < len {
            let Some(descriptor) = self.descriptor(self.data.types.plus(offset)) else { break };
            let Some(size) = self.whole_size(&descriptor) else { break };
            found.push(descriptor.at);
            offset = (offset + size).next_multiple_of(8);
        }
        found
    }

    /// The size of a descriptor with all that stands behind it.
    fn whole_size(&self, descriptor: &Descriptor) -> Option<u64> {
        let base = self.base_size(descriptor.kind)?;
        let list = match descriptor.kind {
            kind::FUNC => self.func(descriptor.at).map(|f| 8 * (f.params.len() + f.results.len()) as u64)?,
            kind::INTERFACE => 8 * self.list(descriptor, super::LIST)?.1,
            kind::STRUCT => super::STRUCT_FIELD * self.list(descriptor, super::LIST)?.1,
            _ => 0,
        };
        let uncommon = if descriptor.flags & UNCOMMON == 0 {
            0
        } else {
            UNCOMMON_SIZE + METHOD_SIZE * self.uncommon(descriptor)?.methods
        };
        Some(base + list + uncommon)
    }

    /// Those that a descriptor names. Its fields and methods have names, too, which are not read here.
    fn push_neighbours(&self, descriptor: &Descriptor, waiting: &mut Vec<VAddr>) {
        match descriptor.kind {
            kind::STRUCT => waiting.extend(self.field_types(descriptor)),
            kind::INTERFACE => waiting.extend(self.asked_types(descriptor)),
            kind::FUNC => {
                let func = self.func(descriptor.at).into_iter();
                waiting.extend(func.flat_map(|f| f.params.into_iter().chain(f.results)).filter_map(at));
            }
            _ => match self.kind(descriptor) {
                Some(
                    Kind::Pointer(Some(ty)) | Kind::Chan(Some(ty)) | Kind::Slice(ty) | Kind::Array { elem: ty, .. },
                ) => {
                    waiting.extend(at(ty));
                }
                Some(Kind::Map { key, elem }) => waiting.extend([key, elem].into_iter().filter_map(at)),
                _ => {}
            },
        }
        waiting.extend(self.type_at(descriptor.pointer_to_this));
        waiting.extend(self.method_types(descriptor));
    }
}

/// Where the runtime describes a type.
fn at(ty: TypeRef) -> Option<VAddr> {
    if let TypeRef::Runtime(at) = ty { Some(at) } else { None }
}
