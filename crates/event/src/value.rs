//! What was captured, after decoding.

use std::borrow::Cow;

/// The type of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IntType {
    /// Whether it can be negative.
    pub signed: bool,
    /// 8, 16, 32 or 64.
    pub bits: u8,
}

impl IntType {
    /// What numbers in programs are unless something else is said.
    pub const I64: IntType = IntType { signed: true, bits: 64 };
    /// Counts, sizes and most of the kernel's numbers.
    pub const U64: IntType = IntType { signed: false, bits: 64 };
}

/// A number with its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int {
    /// Its 64 bits, widened according to its sign.
    pub bits: u64,
    /// Its type.
    pub kind: IntType,
}

impl Int {
    /// A signed number.
    #[must_use]
    pub const fn signed(value: i64) -> Int {
        Int { bits: value as u64, kind: IntType::I64 }
    }

    /// An unsigned number.
    #[must_use]
    pub const fn unsigned(value: u64) -> Int {
        Int { bits: value, kind: IntType::U64 }
    }

    /// The number as what it is.
    #[must_use]
    pub const fn value(self) -> i128 {
        if self.kind.signed { self.bits as i64 as i128 } else { self.bits as i128 }
    }
}

/// Kinds of things that the kernel sends as a number and user space has a name for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdKind {
    /// `func`: the probed function.
    Func,
    /// `probe`: the probe as the text has it.
    Probe,
    /// `startfunc`: the function that a goroutine started with.
    StartFunc,
    /// `waitreason`: why a goroutine waits.
    WaitReason,
    /// `gostate`: the state of a goroutine.
    GoState,
    /// `ustack`: a stack of the program.
    UserStack,
    /// `kstack`: a stack of the kernel.
    KernelStack,
    /// `usym`: an address in the program.
    UserSymbol,
    /// `ksym`: an address in the kernel.
    KernelSymbol,
}

impl IdKind {
    /// Whether its number means something only together with its process.
    #[must_use]
    pub const fn has_process(self) -> bool {
        matches!(self, IdKind::UserStack | IdKind::UserSymbol)
    }
}

/// One of those things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// What it is.
    pub kind: IdKind,
    /// Which one.
    pub number: u64,
    /// Of which process; 0 where [`IdKind::has_process`] says that it does not matter.
    pub process: u64,
}

/// Bytes that were captured, perhaps not all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    /// What was kept.
    pub bytes: Vec<u8>,
    /// Whether there was more.
    pub cut: bool,
}

impl Text {
    /// A whole text.
    #[must_use]
    pub fn whole(bytes: impl Into<Vec<u8>>) -> Text {
        Text { bytes: bytes.into(), cut: false }
    }

    /// As text, with `U+FFFD` for what is not UTF-8.
    #[must_use]
    pub fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// A captured value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Int(Int),
    /// True or false.
    Bool(bool),
    /// An address.
    Pointer(u64),
    /// A string.
    Str(Text),
    /// Bytes.
    Buf(Text),
    /// Something that has a name.
    Id(Id),
    /// A moment, and the form (of `strftime`) to show it in.
    Time {
        /// Nanoseconds since boot.
        boot: u64,
        /// The form.
        form: String,
    },
    /// Several.
    Tuple(Vec<Value>),
    /// A whole value of Go: that number among those of its record, see [`crate::decode::Whole`].
    Go(u32),
    /// The memory could not be read.
    Unreadable,
}
