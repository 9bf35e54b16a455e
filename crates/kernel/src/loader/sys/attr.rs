//! The layouts of bpf(2) and perf_event_open(2), as in `linux/bpf.h` and `linux/perf_event.h`. They are append-only, and
//! the kernel takes shorter and (if the rest is zero) longer ones. There is no padding: what stands in a hole would be
//! passed on, and refused.

use std::mem::offset_of;

pub const MAP_CREATE: i32 = 0;
pub const MAP_LOOKUP_ELEM: i32 = 1;
pub const MAP_UPDATE_ELEM: i32 = 2;
pub const MAP_DELETE_ELEM: i32 = 3;
pub const MAP_GET_NEXT_KEY: i32 = 4;
pub const PROG_LOAD: i32 = 5;
pub const PROG_TEST_RUN: i32 = 10;
pub const OBJ_GET_INFO_BY_FD: i32 = 15;
pub const BTF_LOAD: i32 = 18;
pub const MAP_FREEZE: i32 = 22;
pub const MAP_LOOKUP_BATCH: i32 = 24;
pub const MAP_UPDATE_BATCH: i32 = 26;
pub const LINK_CREATE: i32 = 28;
pub const ENABLE_STATS: i32 = 32;

/// `BPF_PERF_EVENT` of `enum bpf_attach_type`.
pub const ATTACH_PERF_EVENT: u32 = 41;
/// `BPF_TRACE_UPROBE_MULTI`.
pub const ATTACH_UPROBE_MULTI: u32 = 48;
/// `BPF_F_UPROBE_MULTI_RETURN`.
pub const UPROBE_MULTI_RETURN: u32 = 1;

#[repr(C)]
#[derive(Default)]
pub struct MapCreate {
    pub kind: u32,
    pub key_size: u32,
    pub value_size: u32,
    pub entries: u32,
    pub flags: u32,
    pub inner: u32,
    pub numa: u32,
    pub name: [u8; 16],
}

#[repr(C)]
#[derive(Default)]
pub struct Element {
    pub map: u32,
    pub zero: u32,
    pub key: u64,
    /// Or the next key.
    pub value: u64,
    pub flags: u64,
}

#[repr(C)]
#[derive(Default)]
pub struct ElementBatch {
    pub from: u64,
    pub to: u64,
    pub keys: u64,
    pub values: u64,
    pub count: u32,
    pub map: u32,
    pub element_flags: u64,
    pub flags: u64,
}

#[repr(C)]
#[derive(Default)]
pub struct ProgLoad {
    pub kind: u32,
    pub count: u32,
    pub insns: u64,
    pub license: u64,
    pub log_level: u32,
    pub log_size: u32,
    pub log: u64,
    pub kernel_version: u32,
    pub flags: u32,
    pub name: [u8; 16],
    pub interface: u32,
    pub attach_type: u32,
    pub btf: u32,
    pub function_size: u32,
    pub functions: u64,
    pub function_count: u32,
    pub line_size: u32,
    pub lines: u64,
    pub line_count: u32,
    pub attach_btf_id: u32,
}

#[repr(C)]
#[derive(Default)]
pub struct BtfLoad {
    pub types: u64,
    pub log: u64,
    pub size: u32,
    pub log_size: u32,
    pub log_level: u32,
    pub zero: u32,
}

#[repr(C)]
#[derive(Default)]
pub struct TestRun {
    pub program: u32,
    pub result: u32,
    pub data_in_size: u32,
    pub data_out_size: u32,
    pub data_in: u64,
    pub data_out: u64,
    pub repeat: u32,
    pub duration: u32,
    pub context_in_size: u32,
    pub context_out_size: u32,
    pub context_in: u64,
    pub context_out: u64,
    pub flags: u32,
    pub cpu: u32,
    pub batch: u32,
    pub zero: u32,
}

#[repr(C)]
#[derive(Default)]
pub struct Info {
    pub object: u32,
    pub size: u32,
    pub info: u64,
}

/// `struct bpf_prog_info` up to the numbers that we want.
#[repr(C)]
#[derive(Default)]
pub struct ProgInfo {
    pub before: [u64; 24],
    pub run_time: u64,
    pub runs: u64,
    pub misses: u64,
    pub verified: u32,
    pub zero: u32,
}

/// Which statistics; 0 is how long programs run.
#[repr(C)]
#[derive(Default)]
pub struct EnableStats {
    pub which: u32,
}

#[repr(C)]
#[derive(Default)]
pub struct LinkCreate {
    pub program: u32,
    /// The perf event, of a link of one.
    pub target: u32,
    pub attach_type: u32,
    pub flags: u32,
    pub path: u64,
    pub offsets: u64,
    pub ref_counters: u64,
    pub cookies: u64,
    pub count: u32,
    pub multi_flags: u32,
    pub pid: u32,
    pub zero: u32,
}

#[repr(C)]
#[derive(Default)]
pub struct PerfEvent {
    pub kind: u32,
    pub size: u32,
    pub config: u64,
    pub frequency: u64,
    pub sample_type: u64,
    pub read_format: u64,
    pub flags: u64,
    pub wakeup: u32,
    pub breakpoint: u32,
    pub config1: u64,
}

/// `PERF_TYPE_SOFTWARE`; its event 0 is the CPU's clock.
pub const PERF_SOFTWARE: u32 = 1;
/// `PERF_TYPE_TRACEPOINT`.
pub const PERF_TRACEPOINT: u32 = 2;
/// The bits `disabled` and `freq`.
pub const PERF_DISABLED: u64 = 1;
pub const PERF_BY_FREQUENCY: u64 = 1 << 10;
/// `PERF_FLAG_FD_CLOEXEC`.
pub const PERF_CLOEXEC: u64 = 8;
/// `PERF_EVENT_IOC_ENABLE`, `PERF_EVENT_IOC_SET_BPF`.
pub const PERF_ENABLE: u64 = 0x2400;
pub const PERF_SET_BPF: u64 = 0x4004_2408;

/// That the sizes are the sums of their fields, and that the fields stand where the header has them.
const _: () = {
    assert!(size_of::<MapCreate>() == 44 && offset_of!(MapCreate, name) == 28);
    assert!(size_of::<Element>() == 32);
    assert!(size_of::<ElementBatch>() == 56 && offset_of!(ElementBatch, map) == 36);
    assert!(size_of::<ProgLoad>() == 112 && offset_of!(ProgLoad, name) == 48 && offset_of!(ProgLoad, lines) == 96);
    assert!(size_of::<BtfLoad>() == 32);
    assert!(size_of::<TestRun>() == 80 && offset_of!(TestRun, context_in) == 48);
    assert!(size_of::<Info>() == 16);
    assert!(
        offset_of!(ProgInfo, run_time) == 192
            && offset_of!(ProgInfo, misses) == 208
            && offset_of!(ProgInfo, verified) == 216
    );
    assert!(size_of::<LinkCreate>() == 64 && offset_of!(LinkCreate, count) == 48);
    assert!(size_of::<PerfEvent>() == 64);
};
