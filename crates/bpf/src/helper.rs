//! The kernel functions that programs may call, by number.
//!
//! A table of those that gospect emits: number, name as verifier logs print it, what the kernel must have. Numbers
//! without a row are still valid values, so that foreign programs can be shown; the virtual machine refuses them.

use std::fmt;

use crate::caps::Feature;

/// A kernel function by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Helper(pub u32);

macro_rules! helpers {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal $(, $feature:ident)?;)*) => {
        impl Helper {
            $($(#[$doc])* pub const $name: Helper = Helper($number);)*
        }

        const ROWS: &[(u32, &str, Option<Feature>)] = &[$(($number, $text, feature!($($feature)?))),*];
    };
}

macro_rules! feature {
    () => {
        None
    };
    ($feature:ident) => {
        Some(Feature::$feature)
    };
}

helpers! {
    /// `(map, key) → pointer to the value, or 0`.
    MAP_LOOKUP_ELEM = 1, "map_lookup_elem";
    /// `(map, key, value, flags) → 0 or -errno`.
    MAP_UPDATE_ELEM = 2, "map_update_elem";
    /// `(map, key) → 0 or -errno`.
    MAP_DELETE_ELEM = 3, "map_delete_elem";
    /// `() → nanoseconds since boot without suspend`.
    KTIME_GET_NS = 5, "ktime_get_ns";
    /// `() → 32 random bits`.
    GET_PRANDOM_U32 = 7, "get_prandom_u32";
    /// `() → number of the CPU`.
    GET_SMP_PROCESSOR_ID = 8, "get_smp_processor_id";
    /// `(context, map of programs, index) → not, or -errno`.
    TAIL_CALL = 12, "tail_call";
    /// `() → process << 32 | thread`.
    GET_CURRENT_PID_TGID = 14, "get_current_pid_tgid";
    /// `() → group << 32 | user`.
    GET_CURRENT_UID_GID = 15, "get_current_uid_gid";
    /// `(buffer, size) → 0`; the thread's name, padded with zeros.
    GET_CURRENT_COMM = 16, "get_current_comm";
    /// `() → address of the thread's task_struct`.
    GET_CURRENT_TASK = 35, "get_current_task";
    /// `(context, buffer, size, flags) → bytes or -errno`; return addresses.
    GET_STACK = 67, "get_stack";
    /// `() → cgroup id`.
    GET_CURRENT_CGROUP_ID = 80, "get_current_cgroup_id";
    /// `(buffer, size, address) → 0 or -errno`; zeroes the buffer when the memory is not there.
    PROBE_READ_USER = 112, "probe_read_user";
    /// The same for kernel memory.
    PROBE_READ_KERNEL = 113, "probe_read_kernel";
    /// `(buffer, size, address) → length with the final zero, or -errno`.
    PROBE_READ_USER_STR = 114, "probe_read_user_str";
    /// The same for kernel memory.
    PROBE_READ_KERNEL_STR = 115, "probe_read_kernel_str";
    /// `(device, inode, struct {u32 pid, tgid}, size) → 0 or -errno`; ids in a pid namespace.
    GET_NS_CURRENT_PID_TGID = 120, "get_ns_current_pid_tgid";
    /// `(level) → id of the cgroup so far below the root that the thread's is in, or 0`.
    GET_CURRENT_ANCESTOR_CGROUP_ID = 123, "get_current_ancestor_cgroup_id", AncestorCgroup;
    /// `() → nanoseconds since boot`.
    KTIME_GET_BOOT_NS = 125, "ktime_get_boot_ns";
    /// `(ring, data, size, flags) → 0 or -errno`.
    RINGBUF_OUTPUT = 130, "ringbuf_output";
    /// `(ring, size, 0) → pointer to the record, or 0`.
    RINGBUF_RESERVE = 131, "ringbuf_reserve";
    /// `(record, flags)`.
    RINGBUF_SUBMIT = 132, "ringbuf_submit";
    /// `(record, flags)`.
    RINGBUF_DISCARD = 133, "ringbuf_discard";
    /// `(ring, what) → number`.
    RINGBUF_QUERY = 134, "ringbuf_query";
    /// `(buffer, size, address) → 0 or -errno`; may fault pages in, only in sleepable programs.
    COPY_FROM_USER = 148, "copy_from_user", SleepableUprobes;
    /// `(context) → address of the probed instruction`.
    GET_FUNC_IP = 173, "get_func_ip", UprobeMulti;
    /// `(context) → the number given at attach`.
    GET_ATTACH_COOKIE = 174, "get_attach_cookie", Cookies;
    /// `(turns, function, its context, flags) → turns done`.
    LOOP = 181, "loop", Loop;
    /// `(text, size, constant text) → difference`.
    STRNCMP = 182, "strncmp", Strncmp;
}

impl Helper {
    fn row(self) -> Option<&'static (u32, &'static str, Option<Feature>)> {
        ROWS.iter().find(|row| row.0 == self.0)
    }

    /// Its name without `bpf_`, if it has a row.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.1)
    }

    /// What the kernel must have for it beyond Linux 5.10.
    #[must_use]
    pub fn needs(self) -> Option<Feature> {
        self.row().and_then(|row| row.2)
    }
}

impl fmt::Display for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bpf_{}#{}", self.name().unwrap_or("unknown"), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's own list, where the machine has its headers: the n-th `FN(name)` is helper n.
    fn names_of_the_header() -> Option<Vec<String>> {
        let text = std::fs::read_to_string("/usr/include/linux/bpf.h").ok()?;
        let names =
            text.lines().filter_map(|l| l.trim().strip_prefix("FN(")?.split_once(')').map(|(n, _)| n.to_owned()));
        Some(names.collect())
    }

    #[test]
    fn numbers_are_those_of_the_kernels_header() {
        let Some(names) = names_of_the_header() else {
            eprintln!("skipped: no /usr/include/linux/bpf.h here");
            return;
        };
        for (number, name, _) in ROWS {
            assert_eq!(names.get(*number as usize).map(String::as_str), Some(*name), "{number}");
        }
    }

    #[test]
    fn a_helper_is_shown_as_in_verifier_logs() {
        assert_eq!(Helper::PROBE_READ_USER.to_string(), "bpf_probe_read_user#112");
        assert_eq!(Helper(9999).to_string(), "bpf_unknown#9999");
    }

    #[test]
    fn rows_stand_in_order_and_once() {
        assert!(ROWS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
