//! The head of every ring record, as offsets. The payload that its row describes follows.

/// `u64`: nanoseconds since boot, `bpf_ktime_get_boot_ns`.
pub const TIME: usize = 0;
/// `u64`: process in the upper half, thread in the lower, as `bpf_get_current_pid_tgid` gives them.
pub const PID_TGID: usize = 8;
/// `u64`: the goroutine whose code ran, 0 if none.
pub const GOID: usize = 16;
/// `u32`: which row of the schema describes the payload.
pub const ROW: usize = 24;
/// `u32`: what happened while the record was made; its bits belong to the kind of row.
pub const STAT: usize = 28;
/// `u32`: the process's number, which tells its images and later processes with its PID apart; 0 if none is known.
pub const PROCESS: usize = 32;
/// `u32`: the site in the plan at which the probe fired, [`NO_PLACE`] if at none.
pub const PLACE: usize = 36;
/// `u64`: the address of that goroutine's g, 0 if it is not known.
pub const G: usize = 40;
/// Where the payload starts.
pub const PAYLOAD: usize = 48;

/// Bytes of the head that take no room from values where a record's size is limited: process, place and g.
pub const ORIGIN: usize = PAYLOAD - PROCESS;

/// In [`PLACE`]: no site of the plan.
pub const NO_PLACE: u32 = u32::MAX;
