//! The runtime's own type descriptors, which every file keeps: a program needs them for interfaces, maps and reflect.
//!
//! They are what types are read from where DWARF is gone, and where DWARF has no entry for a type that only ever
//! lives behind an interface. Names are the runtime's: with package names, not import paths; [`RuntimeTypes::full_name`]
//! has those where a descriptor says them.
//!
//! Not everything is described: a type that no interface, map or reflection can meet has no descriptor, and neither
//! have parameters of functions that are no methods. Types that reflect makes while a program runs are not in the file:
//! [`RuntimeTypes::met`] reads them from a process.
//!
//! Follows internal/abi/type.go of Go 1.19 (there runtime/type.go) and later.

mod itab;
mod met;
mod method;
mod name;
mod scan;
mod walk;

use std::sync::Arc;

use crate::addr::VAddr;
use crate::buildinfo::GoVersion;
use crate::elf::{Elf, u32_at};
use crate::moduledata::{DataLayout, Moduledata};
use crate::release::Release;
use crate::types::{Field, Kind, Type, TypeRef, TypeSource};

pub use itab::Itab;
pub use met::{Met, Read};
pub use method::{FuncType, InterfaceMethod, Method, MethodSignature, Receiver};
use name::Name;

/// The descriptors of one executable.
#[derive(Clone, Copy)]
pub struct RuntimeTypes<'d> {
    elf: &'d Elf,
    text: VAddr,
    etext: VAddr,
    data: &'d DataLayout,
    release: Option<Release>,
    old_maps: bool,
}

/// The part that all descriptors have.
#[derive(Clone, Copy, Debug)]
struct Descriptor {
    at: VAddr,
    size: u64,
    flags: u8,
    kind: u8,
    name: u32,
    pointer_to_this: u32,
}

// +rtype 1.21- internal/abi.Type.Size_ uintptr @0
// +rtype 1.21- internal/abi.Type.TFlag abi.TFlag @20
// +rtype 1.21- internal/abi.Type.Str abi.NameOff @40
// +rtype 1.21- internal/abi.Type.PtrToThis abi.TypeOff @44
// +rtype 1.21-1.22 internal/abi.Type.Kind_ uint8 @23 | 1.23- internal/abi.Type.Kind_ abi.Kind @23
// +rtype 1.19-1.20 _type.size uintptr @0
// +rtype 1.19-1.20 _type.tflag tflag @20
// +rtype 1.19-1.20 _type.kind uint8 @23
// +rtype 1.19-1.20 _type.str nameOff @40
// +rtype 1.19-1.20 _type.ptrToThis typeOff @44
const HEADER: u64 = 48;
const TFLAG: usize = 20;
const KIND: usize = 23;
const STR: usize = 40;
const POINTER_TO_THIS: usize = 44;

// +rtype 1.21- const internal/abi.TFlagUncommon = 1
// +rtype 1.21- const internal/abi.TFlagExtraStar = 2
// +rtype 1.21- const internal/abi.TFlagNamed = 4
// +rtype 1.26- const internal/abi.TFlagDirectIface = 32
const UNCOMMON: u8 = 1;
const EXTRA_STAR: u8 = 2;
const NAMED: u8 = 4;
const DIRECT_FLAG: u8 = 32;

// +rtype 1.19-1.20 const kindDirectIface = 32 | 1.21-1.25 const internal/abi.KindDirectIface = 32
// +rtype 1.19-1.20 const kindMask = 31 | 1.21-1.25 const internal/abi.KindMask = 31
const DIRECT_KIND: u8 = 32;
const KIND_MASK: u8 = 31;

/// `reflect.Kind`.
// +rtype const reflect.Bool = 1
// +rtype const reflect.Int = 2
// +rtype const reflect.Uint = 7
// +rtype const reflect.Uintptr = 12
// +rtype const reflect.Float32 = 13
// +rtype const reflect.Complex128 = 16
// +rtype const reflect.Array = 17
// +rtype const reflect.Chan = 18
// +rtype const reflect.Func = 19
// +rtype const reflect.Interface = 20
// +rtype const reflect.Map = 21
// +rtype const reflect.Pointer = 22
// +rtype const reflect.Slice = 23
// +rtype const reflect.String = 24
// +rtype const reflect.Struct = 25
// +rtype const reflect.UnsafePointer = 26
mod kind {
    pub(super) const BOOL: u8 = 1;
    pub(super) const INT: u8 = 2;
    pub(super) const INT64: u8 = 6;
    pub(super) const UINT: u8 = 7;
    pub(super) const UINTPTR: u8 = 12;
    pub(super) const FLOAT32: u8 = 13;
    pub(super) const FLOAT64: u8 = 14;
    pub(super) const COMPLEX64: u8 = 15;
    pub(super) const COMPLEX128: u8 = 16;
    pub(super) const ARRAY: u8 = 17;
    pub(super) const CHAN: u8 = 18;
    pub(super) const FUNC: u8 = 19;
    pub(super) const INTERFACE: u8 = 20;
    pub(super) const MAP: u8 = 21;
    pub(super) const POINTER: u8 = 22;
    pub(super) const SLICE: u8 = 23;
    pub(super) const STRING: u8 = 24;
    pub(super) const STRUCT: u8 = 25;
    pub(super) const UNSAFE_POINTER: u8 = 26;
}

// What follows the header, by kind. The names in 1.19 and 1.20 are others, the places the same.
// +rtype 1.21- internal/abi.ArrayType.Elem *abi.Type @48
// +rtype 1.21- internal/abi.ArrayType.Len uintptr @64
// +rtype 1.21- internal/abi.ChanType.Elem *abi.Type @48
// +rtype 1.21- internal/abi.PtrType.Elem *abi.Type @48
// +rtype 1.21- internal/abi.SliceType.Elem *abi.Type @48
// +rtype 1.21-1.23 internal/abi.MapType.Key *abi.Type @48 | 1.26- internal/abi.MapType.Key *abi.Type @48
// +rtype 1.21-1.23 internal/abi.MapType.Elem *abi.Type @56 | 1.26- internal/abi.MapType.Elem *abi.Type @56
// +rtype 1.24-1.25 internal/abi.SwissMapType.Key *abi.Type @48
// +rtype 1.24-1.25 internal/abi.SwissMapType.Elem *abi.Type @56
// +rtype 1.21- internal/abi.InterfaceType.Methods []abi.Imethod @56
// +rtype 1.21- internal/abi.StructType.Fields []abi.StructField @56
const FIRST: u64 = 48;
const SECOND: u64 = 56;
const ARRAY_LEN: u64 = 64;
const LIST: u64 = 56;

// +rtype 1.21- size internal/abi.StructField = 24
// +rtype 1.21- internal/abi.StructField.Name abi.Name @0
// +rtype 1.21- internal/abi.StructField.Typ *abi.Type @8
// +rtype 1.21- internal/abi.StructField.Offset uintptr @16
const STRUCT_FIELD: u64 = 24;

/// No list of fields or methods is longer; what claims to be is damage.
const MOST: u64 = 1 << 16;

impl<'d> RuntimeTypes<'d> {
    /// The descriptors of a file; `None` where moduledata does not say where they are.
    #[must_use]
    pub fn new(elf: &'d Elf, module: &'d Moduledata, go: Option<&GoVersion>) -> Option<RuntimeTypes<'d>> {
        Some(RuntimeTypes {
            elf,
            text: module.text,
            etext: module.etext,
            data: module.data.as_ref()?,
            release: go.and_then(GoVersion::release),
            old_maps: go.is_some_and(|go| go.has_experiment("noswissmap")),
        })
    }

    /// The descriptor that a number counted from `moduledata.types` means: hash tables and DWARF have such.
    #[must_use]
    pub fn at_offset(&self, offset: u64) -> Option<VAddr> {
        let at = self.data.types.plus(offset);
        self.descriptor(at).map(|_| at)
    }

    /// Whether an interface keeps a value of this type in its data word and not behind a pointer there; `None`
    /// also where the version is unknown.
    #[must_use]
    pub fn is_direct(&self, at: VAddr) -> Option<bool> {
        let flags = self.elf.read(at, HEADER)?;
        self.marks_direct(flags[TFLAG], flags[KIND])
    }

    fn marks_direct(&self, tflag: u8, kind: u8) -> Option<bool> {
        Some(if self.release?.direct_in_tflag { tflag & DIRECT_FLAG != 0 } else { kind & DIRECT_KIND != 0 })
    }

    /// The import path of the package that a named type is of; empty for predeclared types.
    #[must_use]
    pub fn package(&self, at: VAddr) -> Option<&'d str> {
        let descriptor = self.descriptor(at).filter(|d| d.flags & NAMED != 0)?;
        self.package_of(&descriptor)
    }

    /// The name with import paths instead of package names, as far as descriptors have them, in the spelling of DWARF
    /// and of function names. Types declared in functions lack the number that those have (`writerOnly·1`).
    #[must_use]
    pub fn full_name(&self, at: VAddr) -> Option<String> {
        name::Writer::new(self).full(at, 0)
    }

    fn descriptor(&self, at: VAddr) -> Option<Descriptor> {
        if at < self.data.types || at >= self.data.etypes || !at.0.is_multiple_of(4) {
            return None;
        }
        let raw = self.elf.read(at, HEADER)?;
        let descriptor = Descriptor {
            at,
            size: self.elf.word(at)?,
            flags: raw[TFLAG],
            kind: raw[KIND] & KIND_MASK,
            name: u32_at(&raw[STR..]),
            pointer_to_this: u32_at(&raw[POINTER_TO_THIS..]),
        };
        (kind::BOOL..=kind::UNSAFE_POINTER).contains(&descriptor.kind).then_some(descriptor)
    }

    fn name_of(&self, descriptor: &Descriptor) -> Option<&'d str> {
        let text = self.name_at(descriptor.name)?.text;
        if descriptor.flags & EXTRA_STAR != 0 { text.strip_prefix('*') } else { Some(text) }
    }

    /// The name at an offset from the start of types; 0 is none.
    fn name_at(&self, offset: u32) -> Option<Name<'d>> {
        let offset = u64::from(offset);
        let span = self.data.etypes.since(self.data.types)?;
        (offset != 0 && offset < span).then(|| Name::read(self.elf, self.data.types.plus(offset)))?
    }

    /// A reference to another type, at `offset` in a descriptor.
    fn reference(&self, descriptor: &Descriptor, offset: u64) -> Option<TypeRef> {
        self.elf.pointer(descriptor.at.plus(offset)).map(TypeRef::Runtime)
    }

    /// Start and length of the slice at `offset` in a descriptor.
    fn list(&self, descriptor: &Descriptor, offset: u64) -> Option<(VAddr, u64)> {
        let len = self.elf.word(descriptor.at.plus(offset + 8)).filter(|&len| len <= MOST)?;
        if len == 0 { Some((descriptor.at, 0)) } else { Some((self.elf.pointer(descriptor.at.plus(offset))?, len)) }
    }

    fn kind(&self, d: &Descriptor) -> Option<Kind> {
        let first = || self.reference(d, FIRST);
        Some(match d.kind {
            kind::BOOL => Kind::Bool,
            kind::INT..=kind::INT64 => Kind::Int { signed: true },
            kind::UINT..=kind::UINTPTR => Kind::Int { signed: false },
            kind::FLOAT32 | kind::FLOAT64 => Kind::Float,
            kind::COMPLEX64 | kind::COMPLEX128 => Kind::Complex,
            kind::ARRAY => Kind::Array { elem: first()?, len: self.elf.word(d.at.plus(ARRAY_LEN))? },
            kind::CHAN => Kind::Chan(first()),
            kind::FUNC => Kind::Func,
            kind::INTERFACE => Kind::Interface { empty: self.list(d, LIST)?.1 == 0 },
            kind::MAP => Kind::Map { key: first()?, elem: self.reference(d, SECOND)? },
            kind::POINTER => Kind::Pointer(first()),
            kind::SLICE => Kind::Slice(first()?),
            kind::STRING => Kind::String,
            kind::STRUCT => Kind::Struct(self.fields(d)?),
            kind::UNSAFE_POINTER => Kind::UnsafePointer,
            _ => return None,
        })
    }

    /// The types of a struct's fields.
    fn field_types(&self, descriptor: &Descriptor) -> impl Iterator<Item = VAddr> {
        let (first, len) = self.list(descriptor, LIST).unwrap_or((descriptor.at, 0));
        (0..len).filter_map(move |i| self.elf.pointer(first.plus(STRUCT_FIELD * i + 8)))
    }

    fn fields(&self, descriptor: &Descriptor) -> Option<Vec<Field>> {
        let (start, len) = self.list(descriptor, LIST)?;
        let mut left = self.elf.bytes().len();
        let mut field = |i: u64| {
            let at = start.plus(STRUCT_FIELD * i);
            let name = Name::read(self.elf, self.elf.pointer(at)?)?;
            left = left.checked_sub(name.text.len())?; // names do not overlap
            Some(Field {
                name: name.text.to_owned(),
                ty: TypeRef::Runtime(self.elf.pointer(at.plus(8))?),
                offset: self.elf.word(at.plus(16))?,
                embedded: name.embedded,
            })
        };
        (0..len).map(&mut field).collect()
    }
}

impl TypeSource for RuntimeTypes<'_> {
    fn resolve(&self, at: TypeRef) -> Option<Arc<Type>> {
        let TypeRef::Runtime(at) = at else { return None };
        let descriptor = self.descriptor(at)?;
        Some(Arc::new(Type {
            name: self.name_of(&descriptor)?.to_owned(),
            size: descriptor.size,
            kind: self.kind(&descriptor)?,
            runtime_offset: at.since(self.data.types),
        }))
    }
}

#[cfg(test)]
mod tests;
