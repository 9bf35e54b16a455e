//! All types that the file describes.
//!
//! Up to 1.26 a sorted list has the types without a name; from 1.27 descriptors stand one behind the other, those
//! that reflect must be able to find first. Either way the rest is reached from them, from itabs and from methods.

use std::collections::BTreeSet;

use super::method::{METHOD_SIZE, UNCOMMON_SIZE};
use super::{Descriptor, HEADER, RuntimeTypes, UNCOMMON, kind};
use crate::addr::VAddr;
use crate::types::{Kind, TypeRef};

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
    pub fn all(&self) -> BTreeSet<VAddr> {
        let mut seen = BTreeSet::new();
        let mut waiting = self.listed();
        waiting.extend(self.itabs().iter().flat_map(|i| [i.interface, i.concrete]));
        // Descriptors do not overlap, so all of them together are no longer than what holds them.
        let mut left = self.data.etypes.since(self.data.types).unwrap_or(0);
        while let Some(at) = waiting.pop() {
            let Some(descriptor) = self.descriptor(at).filter(|_| !seen.contains(&at)) else { continue };
            let Some(rest) = left.checked_sub(self.whole_size(&descriptor).unwrap_or(HEADER)) else { break };
            left = rest;
            seen.insert(at);
            self.push_neighbours(&descriptor, &mut waiting);
        }
        seen
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

    fn push_neighbours(&self, descriptor: &Descriptor, waiting: &mut Vec<VAddr>) {
        let mut push = |ty: TypeRef| waiting.extend(if let TypeRef::Runtime(at) = ty { Some(at) } else { None });
        match self.kind(descriptor) {
            Some(Kind::Pointer(Some(ty)) | Kind::Chan(Some(ty)) | Kind::Slice(ty) | Kind::Array { elem: ty, .. }) => {
                push(ty);
            }
            Some(Kind::Map { key, elem }) => [key, elem].into_iter().for_each(push),
            Some(Kind::Struct(fields)) => fields.into_iter().map(|f| f.ty).for_each(push),
            Some(Kind::Func) => {
                let func = self.func(descriptor.at).into_iter();
                func.flat_map(|f| f.params.into_iter().chain(f.results)).for_each(push);
            }
            Some(Kind::Interface { .. }) => waiting.extend(self.interface_methods(descriptor.at).iter().map(|m| m.ty)),
            _ => {}
        }
        waiting.extend(self.type_at(descriptor.pointer_to_this));
        waiting.extend(self.methods(descriptor.at).iter().filter_map(|m| m.ty));
    }
}
