//! The clocks that gospect compares: nanoseconds since boot, which is what programs in the kernel stamp records with,
//! and the time of day.

/// What has to be added to nanoseconds since boot to get nanoseconds since 1970.
#[must_use]
pub fn unix_less_boot() -> i64 {
    // The reading between two readings of the other clock, of the tries with the least time between them.
    let tries = (0..5).map(|_| {
        let (before, unix, after) = (now(libc::CLOCK_BOOTTIME), now(libc::CLOCK_REALTIME), now(libc::CLOCK_BOOTTIME));
        (after - before, unix - (before + (after - before) / 2))
    });
    tries.min_by_key(|(took, _)| *took).map_or(0, |(_, offset)| offset)
}

/// Nanoseconds since boot, suspension included.
#[must_use]
pub fn since_boot() -> u64 {
    now(libc::CLOCK_BOOTTIME).cast_unsigned()
}

/// Nanoseconds since boot, without suspension: what Go calls monotonic.
#[must_use]
pub fn monotonic() -> u64 {
    now(libc::CLOCK_MONOTONIC).cast_unsigned()
}

/// Nanoseconds since 1970.
#[must_use]
pub fn unix() -> u64 {
    now(libc::CLOCK_REALTIME).cast_unsigned()
}

/// Nanoseconds that this thread has had of a CPU.
#[must_use]
pub fn spent_here() -> u64 {
    now(libc::CLOCK_THREAD_CPUTIME_ID).cast_unsigned()
}

/// How many seconds this machine's time zone is ahead of UTC at a moment, given in seconds since 1970.
#[must_use]
pub fn east_of_utc(unix: i64) -> i32 {
    // SAFETY: a zeroed tm is a valid one, and localtime_r fills it in, or answers null and leaves it.
    let tm = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const unix, &raw mut tm);
        tm
    };
    i32::try_from(tm.tm_gmtoff).unwrap_or(0)
}

fn now(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime(2) fills in what it is given; these clocks exist on every kernel that is supported.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_time_becomes_time_of_day() {
        let error = (now(libc::CLOCK_BOOTTIME) + unix_less_boot()).abs_diff(unix().cast_signed());
        assert!(error < 50_000_000, "{error} ns");
    }
}
