//! What a Go type is, wherever it was described.
//!
//! Two sources describe types: DWARF, and the runtime's own descriptors that even a stripped file keeps. Both answer
//! with the same [`Type`], and refer to further types by [`TypeRef`], which says where to look. What neither describes
//! is put together in `made`. Nothing here reads a byte; see `dwarf` and `rtype`.

use std::fmt;

use crate::addr::VAddr;

/// Where a type is described.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum TypeRef {
    /// The DIE at this offset in `.debug_info`.
    Dwarf(u64),
    /// The `runtime._type` at this address.
    Runtime(VAddr),
    /// The number of a type that was put together, see [`Made`](crate::made::Made).
    Made(u32),
}

/// A Go type, one level deep.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Type {
    /// Its name in Go syntax; in DWARF with whole import paths, in the runtime's descriptors with package names.
    pub name: String,
    /// Bytes that a value takes.
    pub size: u64,
    /// What it is made of.
    pub kind: Kind,
    /// Where the runtime describes it, as an offset from `moduledata.types`, if the source says so.
    pub runtime_offset: Option<u64>,
}

/// What a type is made of, names and aliases resolved away.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// `bool`.
    Bool,
    /// An integer, `uintptr` included; its width is the type's size.
    Int {
        /// Whether it has a sign.
        signed: bool,
    },
    /// `float32` or `float64`, by size.
    Float,
    /// `complex64` or `complex128`, by size.
    Complex,
    /// `string`.
    String,
    /// `unsafe.Pointer`.
    UnsafePointer,
    /// `*T`; `None` where the source does not say to what.
    Pointer(Option<TypeRef>),
    /// `[]T`.
    Slice(TypeRef),
    /// `[len]T`.
    Array {
        /// `T`.
        elem: TypeRef,
        /// How many.
        len: u64,
    },
    /// `struct{…}`.
    Struct(Vec<Field>),
    /// `interface{…}`.
    Interface {
        /// No methods: a value is an `eface`, its first word a type and not an itab.
        empty: bool,
    },
    /// `map[K]V`; a value is a pointer to the runtime's map.
    Map {
        /// `K`.
        key: TypeRef,
        /// `V`.
        elem: TypeRef,
    },
    /// `chan T`, of any direction.
    Chan(Option<TypeRef>),
    /// A function value: a pointer to a closure.
    Func,
    /// Something the source does not describe.
    Unknown,
}

/// A field of a struct.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    /// Its name; for an embedded field that of its type.
    pub name: String,
    /// Its type.
    pub ty: TypeRef,
    /// Where in the struct it starts.
    pub offset: u64,
    /// Embedded.
    pub embedded: bool,
}

/// Answers what a [`TypeRef`] refers to.
///
/// References can form cycles and, in a damaged file, nonsense; whoever follows them limits the depth.
pub trait TypeSource {
    /// The type there, or `None` if nothing readable is.
    fn resolve(&self, at: TypeRef) -> Option<std::sync::Arc<Type>>;
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
