//! Where a Go function keeps its arguments when it is entered, and its results when it returns.
//!
//! Since Go 1.17 compiled code uses *ABIInternal*: each value is broken into scalars that go to registers in order,
//! all of them or none; a value that does not fit goes to the stack, and later smaller ones may still get registers.
//! Assembly still uses *ABI0*, all stack.
//!
//! Arithmetic on types only: no DWARF and no bytes of the target, so it is tested without a binary. Follows
//! cmd/compile/abi-internal.md and internal/abi/abiutils.go; the same rules hold since Go 1.17.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::elf::Arch;
use crate::types::{Kind, Type, TypeRef, TypeSource};

#[cfg(test)]
mod tests;

/// A calling convention of Go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Abi {
    /// What the compiler uses among Go functions: registers first.
    Internal,
    /// What assembly uses: everything on the stack.
    Zero,
}

/// A register that can hold an argument, or, where a call was inlined, any that holds values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Register {
    /// The machine it belongs to.
    pub arch: Arch,
    /// Whether it is one of the floating point registers.
    pub float: bool,
    /// Its place in Go's order of argument registers.
    pub index: u8,
}

/// Amd64's integer argument registers, in Go's order.
const AMD64_INTS: [&str; 9] = ["rax", "rbx", "rcx", "rdi", "rsi", "r8", "r9", "r10", "r11"];
/// Amd64's floating point argument registers: `xmm15` is kept zero.
const AMD64_FLOATS: [&str; 15] = [
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
    "xmm14",
];
/// Amd64's other registers that hold values, as numbers behind those: not RSP, RBP (the frame pointer) and R14 (g).
const AMD64_OTHERS: [&str; 4] = ["rdx", "r12", "r13", "r15"];
/// Arm64's integer argument registers.
const ARM64_INTS: [&str; 16] =
    ["x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15"];
/// Arm64's floating point argument registers, Go's F0 to F15.
const ARM64_FLOATS: [&str; 16] =
    ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15"];

/// The names of a machine's argument registers, in Go's order.
fn names(arch: Arch, float: bool) -> &'static [&'static str] {
    match (arch, float) {
        (Arch::Amd64, false) => &AMD64_INTS,
        (Arch::Amd64, true) => &AMD64_FLOATS,
        (Arch::Arm64, false) => &ARM64_INTS,
        (Arch::Arm64, true) => &ARM64_FLOATS,
    }
}

impl Register {
    /// The hardware's name for it: `rax`, `xmm0`, `x0`, `v0`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let others: &[&str] = if self.arch == Arch::Amd64 && !self.float { &AMD64_OTHERS } else { &[] };
        names(self.arch, self.float).iter().chain(others).nth(usize::from(self.index)).copied().unwrap_or("?")
    }

    /// How many integer or floating point registers carry arguments.
    #[must_use]
    pub fn count(arch: Arch, float: bool) -> usize {
        names(arch, float).len()
    }

    /// How many integer registers hold values, those that carry arguments first.
    #[must_use]
    pub fn count_all(arch: Arch) -> usize {
        Register::count(arch, false) + if arch == Arch::Amd64 { AMD64_OTHERS.len() } else { 0 }
    }

    /// The register that DWARF gives this number, if values can be in it.
    #[must_use]
    pub fn of_value_from_dwarf(arch: Arch, number: u16) -> Option<Register> {
        /// Where the others stand among amd64's DWARF numbers.
        const OTHERS: [u16; 4] = [1, 12, 13, 15];
        let other = |n: usize| Register { arch, float: false, index: (AMD64_INTS.len() + n) as u8 };
        let others = OTHERS.iter().position(|&n| arch == Arch::Amd64 && n == number).map(other);
        Register::from_dwarf(arch, number).or(others)
    }

    /// The register that DWARF gives this number, if arguments can be in it.
    #[must_use]
    pub fn from_dwarf(arch: Arch, number: u16) -> Option<Register> {
        /// Where the integer argument registers stand among amd64's DWARF numbers.
        const AMD64: [u16; 9] = [0, 3, 2, 5, 4, 8, 9, 10, 11];
        let (float, index) = match (arch, number) {
            (Arch::Amd64, 17..=31) => (true, usize::from(number - 17)),
            (Arch::Amd64, _) => (false, AMD64.iter().position(|&n| n == number)?),
            (Arch::Arm64, 0..=15) => (false, usize::from(number)),
            (Arch::Arm64, 64..=79) => (true, usize::from(number - 64)),
            (Arch::Arm64, _) => return None,
        };
        Some(Register { arch, float, index: u8::try_from(index).ok()? })
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A part of a value that has a register of its own. Integers narrower than it lie in the low bits, the rest is noise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The register.
    pub register: Register,
    /// Where in the value it belongs.
    pub offset: u64,
    /// How many bytes of the value it holds.
    pub size: u64,
}

/// Where a value is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// It has no bytes.
    Empty,
    /// In registers, in the order of the parts.
    Registers(Vec<Piece>),
    /// In the caller's frame, this many bytes behind the first stack argument, which at entry and at a return is at
    /// `[rsp+8]` on amd64 and at `[sp+8]` on arm64.
    Stack(u64),
    /// Not known, because a type on the way to it is not.
    Unknown,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Empty => f.write_str("none"),
            Place::Stack(offset) => write!(f, "stack+{offset}"),
            Place::Unknown => f.write_str("unknown"),
            Place::Registers(pieces) => {
                let names: Vec<_> = pieces.iter().map(|p| p.register.name()).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

/// The scalar parts of a type; `None` where it never goes to registers.
type Parts = Option<Vec<Part>>;

/// A scalar inside a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Part {
    offset: u64,
    size: u64,
    float: bool,
}

/// Values of more parts than this fit no machine's registers.
const MAX_PARTS: usize = 32;

/// What passing a value needs to know of its type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shape {
    size: u64,
    align: u64,
    parts: Parts,
}

impl Shape {
    /// A pointer's: what a generic function's hidden dictionary has.
    #[must_use]
    pub fn pointer() -> Shape {
        Shape::scalar(8, false)
    }

    fn scalar(size: u64, float: bool) -> Shape {
        Shape { size, align: size.clamp(1, 8), parts: Some(vec![Part { offset: 0, size, float }]) }
    }

    fn words(count: u64) -> Shape {
        let word = |i| Part { offset: i * 8, size: 8, float: false };
        Shape { size: count * 8, align: 8, parts: Some((0..count).map(word).collect()) }
    }

    fn complex(size: u64) -> Shape {
        let half = size / 2;
        let part = |i| Part { offset: i * half, size: half, float: true };
        Shape { size, align: half.clamp(1, 8), parts: Some(vec![part(0), part(1)]) }
    }

    /// Bytes of a value.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What its address is a multiple of; never 0.
    #[must_use]
    pub fn align(&self) -> u64 {
        self.align.max(1)
    }

    /// A value of these words, each an offset and a size; those are floats whose bit is set in `floats`. Without
    /// `registers` it has none, as arrays.
    #[must_use]
    pub fn of_words(words: &[(u64, u64)], floats: u32, registers: bool) -> Shape {
        let align = words.iter().map(|w| w.1.clamp(1, 8).next_power_of_two()).max().unwrap_or(1);
        let end = words.iter().map(|w| w.0.saturating_add(w.1)).max().unwrap_or(0);
        let part = |(i, w): (usize, &(u64, u64))| {
            let float = u32::try_from(i).ok().and_then(|i| floats.checked_shr(i)).is_some_and(|bits| bits & 1 == 1);
            Part { offset: w.0, size: w.1, float }
        };
        let parts = registers.then(|| words.iter().enumerate().map(part).collect());
        Shape { size: end.checked_next_multiple_of(align).unwrap_or(end), align, parts }
    }

    /// Whether these registers could hold such a value: as many as it has parts, and of their kinds.
    #[must_use]
    pub fn fits(&self, registers: &[Register]) -> bool {
        let Some(parts) = &self.parts else { return false };
        parts.len() == registers.len() && parts.iter().zip(registers).all(|(p, r)| p.float == r.float)
    }

    /// The value in these registers, one for each part.
    #[must_use]
    pub fn in_registers(&self, registers: &[Register]) -> Place {
        let parts = self.parts.as_deref().unwrap_or_default();
        let piece = |(p, &register): (&Part, _)| Piece { register, offset: p.offset, size: p.size };
        Place::Registers(parts.iter().zip(registers).map(piece).collect())
    }
}

/// The shapes of types, each worked out once.
#[derive(Default)]
pub struct Shapes {
    known: RwLock<HashMap<TypeRef, Option<Arc<Shape>>>>,
}

/// Types nested deeper than this are damage.
const MAX_DEPTH: usize = 64;

impl Shapes {
    /// The shape of a type; `None` if it or one inside it cannot be read, or contradicts itself.
    pub fn of(&self, ty: TypeRef, source: &dyn TypeSource) -> Option<Arc<Shape>> {
        self.nested(ty, source, &mut Vec::new())
    }

    fn nested(&self, ty: TypeRef, source: &dyn TypeSource, path: &mut Vec<TypeRef>) -> Option<Arc<Shape>> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&ty) {
            return known.clone();
        }
        if path.len() >= MAX_DEPTH || path.contains(&ty) {
            return None;
        }
        path.push(ty);
        let shape = source.resolve(ty).and_then(|t| self.work_out(&t, source, path)).map(Arc::new);
        path.pop();
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(ty, shape.clone());
        shape
    }

    fn work_out(&self, ty: &Type, source: &dyn TypeSource, path: &mut Vec<TypeRef>) -> Option<Shape> {
        let shape = match &ty.kind {
            Kind::Bool | Kind::Int { .. } => Shape::scalar(ty.size, false),
            Kind::Float => Shape::scalar(ty.size, true),
            Kind::Complex => Shape::complex(ty.size),
            Kind::UnsafePointer | Kind::Pointer(_) | Kind::Map { .. } | Kind::Chan(_) | Kind::Func => Shape::words(1),
            Kind::String | Kind::Interface { .. } => Shape::words(2),
            Kind::Slice(_) => Shape::words(3),
            Kind::Array { elem, len } => array(*len, &*self.nested(*elem, source, path)?)?,
            Kind::Struct(fields) if fields.first().is_some_and(|f| is_vector_tag(f.ty, source)) => {
                Shape { align: 8, ..Shape::scalar(ty.size, true) }
            }
            Kind::Struct(fields) => {
                let mut shape = Shape { size: ty.size, align: 1, parts: Some(Vec::new()) };
                for field in fields {
                    shape.append(field.offset, &*self.nested(field.ty, source, path)?)?;
                }
                shape
            }
            Kind::Unknown => return None,
        };
        (shape.size == ty.size).then_some(shape)
    }
}

impl Shape {
    /// Adds a field; `None` if it lies outside of the struct.
    fn append(&mut self, offset: u64, field: &Shape) -> Option<()> {
        if offset.checked_add(field.size)? > self.size {
            return None;
        }
        self.align = self.align.max(field.align);
        self.parts = self.parts.take().zip(field.parts.as_ref()).and_then(|(mut all, parts)| {
            all.extend(parts.iter().map(|p| Part { offset: p.offset + offset, ..*p }));
            (all.len() <= MAX_PARTS).then_some(all)
        });
        Some(())
    }
}

/// Arrays go to registers with one element only, and spoil every struct that they are in otherwise.
fn array(len: u64, elem: &Shape) -> Option<Shape> {
    let parts = match len {
        0 => Some(Vec::new()),
        1 => elem.parts.clone(),
        _ => None,
    };
    Some(Shape { size: elem.size.checked_mul(len)?, align: elem.align, parts })
}

/// Structs that begin with one of these are vector registers (GOEXPERIMENT=simd): one part, whatever follows.
fn is_vector_tag(ty: TypeRef, source: &dyn TypeSource) -> bool {
    const TAGS: [&str; 3] = ["simd/archsimd.v128", "simd/archsimd.v256", "simd/archsimd.v512"];
    source.resolve(ty).is_some_and(|t| TAGS.contains(&t.name.as_str()))
}

/// Where all values of a call are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The arguments, receiver first.
    pub args: Vec<Place>,
    /// The results.
    pub results: Vec<Place>,
}

/// Assigns the arguments (receiver first, hidden dictionary included where there is one) and the results of a
/// function. Behind an argument of unknown shape nothing is certain but the results in registers.
#[must_use]
pub fn assign(arch: Arch, abi: Abi, args: &[Option<Arc<Shape>>], results: &[Option<Arc<Shape>>]) -> Frame {
    let mut call = Assignment::new(arch, abi);
    let args = args.iter().map(|shape| call.place(shape.as_deref())).collect();
    call.begin_results();
    Frame { args, results: results.iter().map(|shape| call.place(shape.as_deref())).collect() }
}

/// The state of abiutils.go's `assignState`.
struct Assignment {
    arch: Arch,
    abi: Abi,
    /// Used integer and floating point registers; `None` once that is uncertain.
    used: Option<[usize; 2]>,
    /// Bytes of stack used; `None` once that is uncertain.
    stack: Option<u64>,
}

impl Assignment {
    fn new(arch: Arch, abi: Abi) -> Assignment {
        Assignment { arch, abi, used: Some([0, 0]), stack: Some(0) }
    }

    fn begin_results(&mut self) {
        self.used = Some([0, 0]);
        self.stack = self.stack.and_then(|n| n.checked_next_multiple_of(8));
    }

    fn place(&mut self, shape: Option<&Shape>) -> Place {
        let (Some(shape), Some(used)) = (shape, self.used) else {
            (self.used, self.stack) = (None, None);
            return Place::Unknown;
        };
        match self.try_registers(shape, used) {
            Some(registers) => shape.in_registers(&registers),
            None => self.on_stack(shape),
        }
    }

    fn on_stack(&mut self, shape: &Shape) -> Place {
        let start = self.stack.and_then(|n| n.checked_next_multiple_of(shape.align));
        self.stack = start.and_then(|n| n.checked_add(shape.size));
        match start {
            _ if shape.size == 0 => Place::Empty,
            Some(start) => Place::Stack(start),
            None => Place::Unknown,
        }
    }

    /// Registers for all parts of a value, or for none.
    fn try_registers(&mut self, shape: &Shape, mut used: [usize; 2]) -> Option<Vec<Register>> {
        if self.abi == Abi::Zero || shape.size == 0 {
            return None;
        }
        let registers = shape.parts.as_ref()?.iter().map(|p| self.take(&mut used, p.float)).collect::<Option<_>>()?;
        self.used = Some(used);
        Some(registers)
    }

    fn take(&self, used: &mut [usize; 2], float: bool) -> Option<Register> {
        let next = &mut used[usize::from(float)];
        let index = u8::try_from(*next).ok().filter(|_| *next < names(self.arch, float).len())?;
        *next += 1;
        Some(Register { arch: self.arch, float, index })
    }
}
