//! How much a script may want. What is within these limits, every kernel from 5.10 on takes.

/// Bytes that are kept of a text, unless the script says otherwise.
pub const STRING: u32 = 256;
/// Bytes that are kept of a text if the script asks for more.
pub const LONGEST_STRING: u32 = 1024;
/// Bytes that are kept of a text in a key.
pub const KEY_STRING: u32 = 64;
/// Keys made while others are being made.
pub const KEY_DEPTH: u32 = 4;
/// Bytes of a key, lengths and padding included.
pub const KEY: u32 = 512;
/// Values of one `printf`.
pub const PRINTF_VALUES: usize = 32;
/// Bytes of the values of one `printf` or `print`.
pub const RECORD: u32 = 8192;
/// Parts of a tuple.
pub const TUPLE: usize = 16;
/// How often `unroll` repeats.
pub const UNROLL: u32 = 100;
/// Expressions and statements of one clause, repeated ones counted each time.
pub const PARTS: u64 = 6000;
/// Instructions of one clause as a program. One jump reaches 32 767, and the kernel puts more in their place where it
/// knows what a helper does.
pub const CODE: u64 = 15_000;
/// Conditional jumps of what runs at one place. The verifier keeps at most 8 192 ways in mind that it has not followed
/// yet, those of the program around the clauses among them.
pub const BRANCHES: u64 = 7_000;
/// Instructions of what runs at one place, each as often as loops repeat it. The verifier looks at a million, and at some
/// of them several times.
pub const STEPS: u64 = 200_000;
/// Variables of one clause.
pub const VARS: usize = 24;
/// Values that an entry keeps for the return.
pub const SAVES: usize = 6;
/// Bytes of each text among them.
pub const KEPT_STRING: u32 = KEY_STRING;
/// Values that wait for others while an expression is computed.
pub const WAITING: u32 = 16;
/// Different functions or patterns that `under` is asked about: bits of a byte.
pub const UNDERS: usize = 8;
/// Runs of neighbouring functions that a start function is compared with at once.
pub const RUNS_OF_FUNCTIONS: usize = 64;
/// Bytes of a function's own stack frame where its entries are seen.
pub const FRAME: u32 = (1 << 19) - 8;
/// Frames of a user stack.
pub const FRAMES: u32 = 127;
/// Entries of a map, unless the script says otherwise.
pub const ENTRIES: u32 = 4096;
/// Entries of a map if the script asks for more.
pub const MOST_ENTRIES: u32 = 1 << 24;
/// Buckets of an `lhist`.
pub const BUCKETS: u64 = 1000;
