//! What was asked of the kernel, kept until it has answered.
//!
//! Between the two no other goroutine runs on the thread, and no stack moves: what Go calls is assembly, where nothing
//! is preempted. A signal that comes meanwhile runs on another stack, and so does a child that shares the memory. So
//! thread and stack pointer tell one call from all others. What was asked before anybody looked has no answer here.

use bpf::insn::{AluOp, AtomicOp, Cond, Size, Width};
use bpf::{Caps, Helper, Label, MapSpec, Reg};

use super::body::{Code, HIT as BODY_HIT, R0, R1, R2, R3, R4};
use super::entry::{Entry, HIT, WORD};
use super::{hit, late_hash};
use plan::machine::Register;
use plan::{Plan, Syscall, SyscallEvent};
use program::{drops, syscalls};

/// The numbers of `exit` and `exit_group` on amd64, which are never answered.
const ENDS: [i32; 2] = [60, 231];

/// `BPF_ANY`.
const ANY: i32 = 0;

/// Whether anybody asks what was answered.
pub(super) fn asked(plan: &Plan) -> bool {
    plan.sites.iter().filter_map(|site| site.syscall).any(|syscall| syscall.keeps)
}

/// The map of system calls that are not answered yet.
pub(super) fn table(caps: Caps) -> MapSpec {
    let (sizes, entries) = ([syscalls::KEY, syscalls::SIZE], [syscalls::ENTRIES, syscalls::ENTRIES_ALLOCATED]);
    late_hash(caps, "syscalls", sizes, entries)
}

impl Entry<'_, '_> {
    /// A system call is made or answered; on to `unknown` if nobody saw it made.
    pub(super) fn system_call(&mut self, syscall: Syscall, unknown: Label) {
        self.asm.comment("which system call?");
        match (syscall.event, self.shared.tables.syscalls) {
            (SyscallEvent::Enter, kept) => {
                let number = Register::argument(self.shared.plan.arch, true, 0);
                self.load_register(R1, number.map_or("ax", |register| register.name));
                self.put(hit::SYSCALL_NR, R1);
                kept.filter(|_| syscall.keeps).into_iter().for_each(|kept| self.keep_asked(kept));
            }
            (SyscallEvent::Exit, Some(kept)) => self.take_asked(kept, unknown),
            (SyscallEvent::Exit, None) => _ = self.asm.jump(unknown),
        }
    }

    fn syscall_key(&mut self) {
        self.asm.helper(Helper::GET_CURRENT_PID_TGID).alu(AluOp::Lsh, R0, 32);
        self.asm.load(Size::U32, R1, Reg::R10, HIT + hit::PROCESS).alu(AluOp::Or, R0, R1);
        self.put(hit::SYSCALL_KEY, R0);
        self.asm.load(Size::U64, R1, Reg::R10, HIT + hit::SP);
        self.put(hit::SYSCALL_KEY + 8, R1);
    }

    fn keep_asked(&mut self, kept: bpf::MapId) {
        let done = self.asm.label("kept");
        // It is in R1.
        for end in ENDS {
            self.asm.jump_if(Cond::Eq, R1, end, done);
        }
        self.syscall_key();
        self.asm.helper(Helper::KTIME_GET_BOOT_NS);
        self.put(hit::SYSCALL_SINCE, R0);
        self.asm.map(R1, kept).frame(R2, HIT + hit::SYSCALL_KEY).frame(R3, HIT + hit::SYSCALL_SINCE);
        self.asm.mov(R4, ANY).helper(Helper::MAP_UPDATE_ELEM).jump_if(Cond::Eq, R0, 0, done);
        self.count_drop(drops::SYSCALLS);
        self.asm.place(done);
    }

    fn take_asked(&mut self, kept: bpf::MapId, unknown: Label) {
        self.syscall_key();
        self.look_up(kept, HIT + hit::SYSCALL_KEY);
        self.asm.jump_if(Cond::Eq, R0, 0, unknown).load(Size::U64, R1, R0, syscalls::SINCE as i32);
        self.put(hit::SYSCALL_SINCE, R1);
        self.asm.load(Size::U64, R1, R0, syscalls::NR as i32);
        self.put(hit::SYSCALL_NR, R1);
        self.asm.map(R1, kept).frame(R2, HIT + hit::SYSCALL_KEY).helper(Helper::MAP_DELETE_ELEM);
    }

    /// Counts that there was no room in a table.
    pub(super) fn count_drop(&mut self, table: u32) {
        let counted = self.asm.label("counted");
        let place = self.shared.tables.drops + self.shared.plan.maps.len() as u32 + table;
        self.asm.store(Size::U32, Reg::R10, WORD, place as i32);
        self.look_up(self.shared.tables.counters, WORD);
        self.asm.jump_if(Cond::Eq, R0, 0, counted);
        self.asm.mov(R1, 1).atomic(AtomicOp::Add, Width::W64, R0, 0, R1).place(counted);
    }
}

impl Code<'_, '_> {
    /// `R0 =` the time since the kernel was asked.
    pub(super) fn asked_since(&mut self) {
        self.asm.helper(Helper::KTIME_GET_BOOT_NS).load(Size::U64, R1, BODY_HIT, hit::SYSCALL_SINCE);
        self.asm.alu(AluOp::Sub, R0, R1);
    }
}
