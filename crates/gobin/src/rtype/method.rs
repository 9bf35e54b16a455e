//! Method sets, interface methods and function types.
//!
//! A method in a method set has its function's type: the one place where a file without DWARF says the types of
//! parameters and results of compiled code.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Descriptor, HEADER, LIST, MOST, RuntimeTypes, UNCOMMON, kind};
use crate::addr::VAddr;
use crate::elf::u32_at;
use crate::maps::buckets;
use crate::types::TypeRef;

/// A method of a concrete type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method<'d> {
    /// Its name.
    pub name: &'d str,
    /// Its type, a func without the receiver; `None` where the linker dropped the method.
    pub ty: Option<VAddr>,
    /// The code that an ordinary call reaches.
    pub entry: Option<VAddr>,
}

/// A method that an interface asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceMethod<'d> {
    /// Its name.
    pub name: &'d str,
    /// Its type, a func.
    pub ty: VAddr,
}

/// A function type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuncType {
    /// Types of the parameters, a method's receiver not among them.
    pub params: Vec<TypeRef>,
    /// Types of the results.
    pub results: Vec<TypeRef>,
    /// The last parameter is `...T`; its type is `[]T`.
    pub variadic: bool,
}

/// What a method set or an itab says about compiled code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodSignature<'d> {
    /// The method's name.
    pub name: &'d str,
    /// What it is a method of.
    pub receiver: Receiver,
    /// Its other parameters, and its results.
    pub func: FuncType,
}

/// The first parameter of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// A value of the type described there.
    Value(VAddr),
    /// A pointer to one; the pointer type itself may have no descriptor.
    Pointer(VAddr),
}

// +rtype 1.21- size internal/abi.FuncType = 56
// +rtype 1.21- internal/abi.FuncType.InCount uint16 @48
// +rtype 1.21- internal/abi.FuncType.OutCount uint16 @50
pub(super) const COUNTS: u64 = 48;
pub(super) const FUNC: u64 = 56;
pub(super) const VARIADIC: u32 = 0x8000;
/// A function with more parameters, or more results, is damage.
pub(super) const MOST_PARAMS: u32 = 1000;

// +rtype 1.21- size internal/abi.UncommonType = 16
// +rtype 1.21- internal/abi.UncommonType.PkgPath abi.NameOff @0
// +rtype 1.21- internal/abi.UncommonType.Mcount uint16 @4
// +rtype 1.21- internal/abi.UncommonType.Moff uint32 @8
pub(super) const UNCOMMON_SIZE: u64 = 16;

// +rtype 1.21- size internal/abi.Method = 16
// +rtype 1.21- internal/abi.Method.Name abi.NameOff @0
// +rtype 1.21- internal/abi.Method.Mtyp abi.TypeOff @4
// +rtype 1.21- internal/abi.Method.Tfn abi.TextOff @12
pub(super) const METHOD_SIZE: u64 = 16;

// +rtype 1.21- size internal/abi.Imethod = 8
// +rtype 1.21- internal/abi.Imethod.Name abi.NameOff @0
// +rtype 1.21- internal/abi.Imethod.Typ abi.TypeOff @4
const INTERFACE_METHOD_SIZE: u64 = 8;

/// What stands behind the parts that depend on the kind, for types with a name or methods.
#[derive(Clone, Copy)]
pub(super) struct Uncommon {
    package: u32,
    pub(super) methods: u64,
    first: VAddr,
}

impl FuncType {
    /// What is kept of it.
    fn bytes(&self) -> usize {
        (self.params.len() + self.results.len()) * size_of::<TypeRef>()
    }
}

impl<'d> RuntimeTypes<'d> {
    /// The method set of a type, empty where it has none.
    #[must_use]
    pub fn methods(&self, at: VAddr) -> Vec<Method<'d>> {
        let uncommon = self.descriptor(at).and_then(|d| self.uncommon(&d));
        let Some(Uncommon { methods, first, .. }) = uncommon else { return Vec::new() };
        (0..methods).filter_map(|i| self.method(first.plus(METHOD_SIZE * i))).collect()
    }

    /// The types of the methods alone.
    pub(super) fn method_types(&self, descriptor: &Descriptor) -> impl Iterator<Item = VAddr> {
        let list = self.uncommon(descriptor).map(|u| (u.first, u.methods));
        let (first, len) = list.unwrap_or((descriptor.at, 0));
        (0..len).filter_map(move |i| self.type_at(self.elf.half(first.plus(METHOD_SIZE * i + 4))?))
    }

    /// The types of what an interface type asks for.
    pub(super) fn asked_types(&self, descriptor: &Descriptor) -> impl Iterator<Item = VAddr> {
        let (first, len) = self.list(descriptor, LIST).unwrap_or((descriptor.at, 0));
        (0..len).filter_map(move |i| self.type_at(self.elf.half(first.plus(INTERFACE_METHOD_SIZE * i + 4))?))
    }

    /// What an interface type asks for, in the order of its itabs.
    #[must_use]
    pub fn interface_methods(&self, at: VAddr) -> Vec<InterfaceMethod<'d>> {
        let interface = self.descriptor(at).filter(|d| d.kind == kind::INTERFACE);
        let Some((first, len)) = interface.and_then(|d| self.list(&d, LIST)) else { return Vec::new() };
        let method = |i: u64| {
            let raw = self.elf.read(first.plus(INTERFACE_METHOD_SIZE * i), INTERFACE_METHOD_SIZE)?;
            Some(InterfaceMethod { name: self.name_at(u32_at(raw))?.text, ty: self.type_at(u32_at(&raw[4..]))? })
        };
        (0..len).map_while(method).collect()
    }

    /// Parameters and results of a func type.
    #[must_use]
    pub fn func(&self, at: VAddr) -> Option<FuncType> {
        let descriptor = self.descriptor(at).filter(|d| d.kind == kind::FUNC)?;
        let counts = self.elf.half(at.plus(COUNTS))?;
        let (params, results) = (counts & 0xffff, counts >> 16 & !VARIADIC);
        if params > MOST_PARAMS || results > MOST_PARAMS {
            return None;
        }
        let first = at.plus(FUNC + if descriptor.flags & UNCOMMON == 0 { 0 } else { UNCOMMON_SIZE });
        let types = |range: std::ops::Range<u32>| {
            let word = |i: u32| self.elf.pointer(first.plus(8 * u64::from(i)));
            range.map(|i| word(i).map(TypeRef::Runtime)).collect::<Option<Vec<_>>>()
        };
        Some(FuncType {
            params: types(0..params)?,
            results: types(params..params + results)?,
            variadic: counts >> 16 & VARIADIC != 0,
        })
    }

    /// What is known of compiled methods, by where their code starts: of all method sets, then of itabs.
    ///
    /// `unreachable` is where `runtime.unreachableMethod` starts, which takes the place of all methods that the linker
    /// found unused.
    #[must_use]
    pub fn method_signatures(&self, unreachable: Option<VAddr>) -> HashMap<VAddr, MethodSignature<'d>> {
        let mut known = HashMap::new();
        // Many methods can have one type, but not so many that it matters; damage can give all of them the longest.
        let mut left = self.elf.bytes().len();
        let mut add = |(entry, signature): (VAddr, MethodSignature<'d>)| {
            if let Entry::Vacant(place) = known.entry(entry)
                && let Some(rest) = left.checked_sub(signature.func.bytes())
            {
                left = rest;
                place.insert(signature);
            }
        };
        self.all().into_iter().for_each(|at| self.method_set(at).for_each(&mut add));
        self.itabs().iter().for_each(|itab| self.itab_methods(itab).for_each(&mut add));
        if let Some(at) = unreachable {
            known.remove(&at);
        }
        known
    }

    fn method_set(&self, at: VAddr) -> impl Iterator<Item = (VAddr, MethodSignature<'d>)> {
        self.methods(at).into_iter().filter_map(move |method| {
            let func = self.func(method.ty?)?;
            Some((method.entry?, MethodSignature { name: method.name, receiver: Receiver::Value(at), func }))
        })
    }

    fn itab_methods(&self, itab: &super::Itab) -> impl Iterator<Item = (VAddr, MethodSignature<'d>)> {
        let receiver = self
            .is_direct(itab.concrete)
            .map(|direct| if direct { Receiver::Value(itab.concrete) } else { Receiver::Pointer(itab.concrete) });
        let methods = self.interface_methods(itab.interface).into_iter().zip(&itab.methods);
        methods.filter_map(move |(method, &entry)| {
            let func = self.func(method.ty)?;
            Some((entry, MethodSignature { name: method.name, receiver: receiver?, func }))
        })
    }

    pub(super) fn package_of(&self, descriptor: &Descriptor) -> Option<&'d str> {
        let package = self.uncommon(descriptor)?.package;
        if package == 0 { Some("") } else { self.name_at(package).map(|n| n.text) }
    }

    pub(super) fn uncommon(&self, descriptor: &Descriptor) -> Option<Uncommon> {
        if descriptor.flags & UNCOMMON == 0 {
            return None;
        }
        let at = descriptor.at.plus(self.base_size(descriptor.kind)?);
        let raw = self.elf.read(at, UNCOMMON_SIZE)?;
        let methods = u64::from(u32_at(&raw[4..]) & 0xffff).min(MOST);
        Some(Uncommon { package: u32_at(raw), methods, first: at.plus(u64::from(u32_at(&raw[8..]))) })
    }

    /// The size of a descriptor of this kind without what may follow it.
    // +rtype 1.21- size internal/abi.ArrayType = 72
    // +rtype 1.21- size internal/abi.ChanType = 64
    // +rtype 1.21- size internal/abi.InterfaceType = 80
    // +rtype 1.21- size internal/abi.PtrType = 56
    // +rtype 1.21- size internal/abi.SliceType = 56
    // +rtype 1.21- size internal/abi.StructType = 80
    pub(super) fn base_size(&self, kind: u8) -> Option<u64> {
        Some(match kind {
            kind::ARRAY => 72,
            kind::CHAN => 64,
            kind::FUNC => FUNC,
            kind::INTERFACE | kind::STRUCT => 80,
            kind::POINTER | kind::SLICE => 56,
            kind::MAP if self.old_maps => buckets::DESCRIPTOR,
            kind::MAP => self.release?.map_descriptor?,
            _ => HEADER,
        })
    }

    fn method(&self, at: VAddr) -> Option<Method<'d>> {
        let raw = self.elf.read(at, METHOD_SIZE)?;
        let code = |offset: u32| (offset != 0 && offset != u32::MAX).then(|| self.text.plus(u64::from(offset)));
        Some(Method {
            name: self.name_at(u32_at(raw))?.text,
            ty: self.type_at(u32_at(&raw[4..])),
            entry: code(u32_at(&raw[12..])),
        })
    }

    /// The type at an offset from the start of types; none at 0, nor where the linker dropped it.
    pub(super) fn type_at(&self, offset: u32) -> Option<VAddr> {
        (offset != 0 && offset != u32::MAX).then(|| self.at_offset(u64::from(offset)))?
    }
}
