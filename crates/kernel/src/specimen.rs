//! A program to try probes on that gospect carries with it: functions in gospect's own executable that look like Go's,
//! and a process, a fork of gospect, that does nothing but call them when it is told to, and says how long that took.
//!
//! A function has what a small function of Go has: the stack check, which is never true, the frame, and an end.
//!
//! ```text
//!  +0  cmp rsp, [r14+16]     the kernel steps over it
//!  +4  jbe                   to the next instruction
//!  +6  push rbp              the kernel emulates it
//!  +7  mov rbp, rsp
//! +10  pop rbp
//! +11  jmp                   the kernel emulates it; of the many functions [`COLD`] has none
//! +16  ret                   the kernel steps over it
//! ```
//!
//! While one runs, R14 points to something with the fields of a [`G`] of Go's runtime, and the stack is within its
//! bounds. No Go is in it, and no other place in gospect calls these functions.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::time::Duration;

use crate::clock;
use ::engine::Pid;

/// How many functions are there to be called.
pub const HOT: usize = 32;
/// How many functions are there only to have probes.
pub const COLD: usize = 10_000;
/// The stack check.
pub const CHECK: u32 = 0;
/// Where the frame is made.
pub const FRAME: u32 = 6;
/// The jump of a function that is called.
pub const JUMP: u32 = 11;
/// The return of a function that is called.
pub const RETURN: u32 = 16;
/// The return of one of the many.
pub const COLD_RETURN: u32 = 11;
/// What symbol tables call the first of the functions to be called.
pub const SYMBOL: &str = "gospect_specimen_hot";

const HOT_BYTES: usize = 32;
const COLD_BYTES: usize = 16;

/// The arguments that functions are called with if nothing else is said, in the registers of Go's first integers, but for
/// the first: that counts down to 1.
pub const ARGUMENTS: [u64; 6] = [22, 333, 4444, 0, 0, 0];

/// What R14 points to. `g.stackguard0` and `g.m` stand where Go has them; the rest is wherever the layout says.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct G {
    /// `g.stack.lo`
    pub stack_lo: u64,
    /// `g.stack.hi`
    pub stack_hi: u64,
    /// `g.stackguard0`
    pub stackguard: u64,
    /// `g.m`
    pub m: u64,
    /// `g.sched.sp`
    pub sched_sp: u64,
    /// `g.goid`
    pub goid: u64,
    /// `m.curg`, of an m at the same address
    pub curg: u64,
}

/// The goroutine that all calls run on.
pub const GOID: u64 = 7;

/// Whether there are such functions for this machine.
#[must_use]
pub const fn exists() -> bool {
    cfg!(target_arch = "x86_64")
}

#[cfg(target_arch = "x86_64")]
mod code {
    core::arch::global_asm!(
        ".pushsection .text.gospect_specimen, \"ax\", @progbits",
        ".balign 64",
        ".globl gospect_specimen_hot",
        ".hidden gospect_specimen_hot",
        ".type gospect_specimen_hot, @function",
        "gospect_specimen_hot:",
        ".rept {hot}",
        ".balign {hot_bytes}",
        "cmp rsp, [r14 + 16]",
        ".byte 0x76, 0",
        "push rbp",
        "mov rbp, rsp",
        "pop rbp",
        ".byte 0xe9, 0, 0, 0, 0",
        "ret",
        ".endr",
        ".balign {hot_bytes}",
        ".size gospect_specimen_hot, . - gospect_specimen_hot",
        ".globl gospect_specimen_cold",
        ".hidden gospect_specimen_cold",
        ".type gospect_specimen_cold, @function",
        "gospect_specimen_cold:",
        ".rept {cold}",
        ".balign {cold_bytes}",
        "cmp rsp, [r14 + 16]",
        ".byte 0x76, 0",
        "push rbp",
        "mov rbp, rsp",
        "pop rbp",
        "ret",
        ".endr",
        ".balign {cold_bytes}",
        ".size gospect_specimen_cold, . - gospect_specimen_cold",
        // gospect_specimen_calls(times: rdi, function: rsi, g: rdx, arguments: rcx)
        ".globl gospect_specimen_calls",
        ".hidden gospect_specimen_calls",
        ".type gospect_specimen_calls, @function",
        "gospect_specimen_calls:",
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov r12, rdi",
        "mov r13, rsi",
        "mov r14, rdx",
        "mov r15, rcx",
        "2:",
        "mov rax, r12",
        "mov rbx, [r15]",
        "mov rcx, [r15 + 8]",
        "mov rdi, [r15 + 16]",
        "mov rsi, [r15 + 24]",
        "mov r8, [r15 + 32]",
        "mov r9, [r15 + 40]",
        "call r13",
        "dec r12",
        "jne 2b",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        ".size gospect_specimen_calls, . - gospect_specimen_calls",
        ".popsection",
        hot = const super::HOT,
        hot_bytes = const super::HOT_BYTES,
        cold = const super::COLD,
        cold_bytes = const super::COLD_BYTES,
    );

    unsafe extern "C" {
        fn gospect_specimen_hot();
        fn gospect_specimen_cold();
        fn gospect_specimen_calls(times: u64, function: u64, g: *const super::G, arguments: *const u64);
    }

    pub fn hot() -> u64 {
        gospect_specimen_hot as *const () as u64
    }

    pub fn cold() -> u64 {
        gospect_specimen_cold as *const () as u64
    }

    /// Calls one of the functions.
    pub fn calls(times: u64, function: u64, g: &super::G, arguments: &[u64; 6]) {
        // SAFETY: callers pass the address of a function above, which keeps the stack and all registers but flags, and
        // reads one word of `g`; the loop reads six words of `arguments` and saves what it uses beyond what C lets it.
        unsafe { gospect_specimen_calls(times, function, std::ptr::from_ref(g), arguments.as_ptr()) }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod code {
    pub fn hot() -> u64 {
        0
    }

    pub fn cold() -> u64 {
        0
    }

    pub fn calls(_: u64, _: u64, _: &super::G, _: &[u64; 6]) {}
}

/// Where one of the [`HOT`] functions is in our memory, and the specimen's.
#[must_use]
pub fn hot(n: usize) -> u64 {
    code::hot() + (n.min(HOT - 1) * HOT_BYTES) as u64
}

/// Where one of the [`COLD`] functions is.
#[must_use]
pub fn cold(n: usize) -> u64 {
    code::cold() + (n.min(COLD - 1) * COLD_BYTES) as u64
}

/// The process.
#[derive(Debug)]
pub struct Specimen {
    pid: libc::pid_t,
    orders: PipeWriter,
    answers: PipeReader,
}

/// Which of the [`HOT`] functions to call, how often, whether to say how long it took, and with which arguments: what goes
/// through the pipe.
type Order = [u64; 9];

impl Specimen {
    /// Starts it. It keeps no file of ours open, and so nothing attached that is.
    ///
    /// # Errors
    /// Where no process can be made, or there is no code for this machine.
    pub fn start() -> io::Result<Specimen> {
        if !exists() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let (ordered, orders) = io::pipe()?;
        let (answers, answered) = io::pipe()?;
        // SAFETY: the child only reads and writes pipes, asks for the time and calls the functions above until it ends by
        // _exit(2): it takes no lock and allocates nothing, so it may be forked from a process with several threads.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                close_all_but([ordered.as_raw_fd(), answered.as_raw_fd()].map(i32::unsigned_abs));
                let _ = serve(&ordered, &answered);
                // SAFETY: _exit(2) ends the process and returns to nobody.
                unsafe { libc::_exit(0) }
            }
            pid => Ok(Specimen { pid, orders, answers }),
        }
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid(self.pid.unsigned_abs())
    }

    /// Has a function called so many times; how much time of its CPU that took.
    ///
    /// # Errors
    /// When it has ended.
    pub fn calls(&mut self, hot: usize, times: u64) -> io::Result<Duration> {
        self.calls_with(hot, times, ARGUMENTS)
    }

    /// The same with other arguments than [`ARGUMENTS`].
    ///
    /// # Errors
    /// When it has ended.
    pub fn calls_with(&mut self, hot: usize, times: u64, arguments: [u64; 6]) -> io::Result<Duration> {
        self.send(hot, times, true, arguments)?;
        let mut answer = [0; 8];
        self.answers.read_exact(&mut answer)?;
        Ok(Duration::from_nanos(u64::from_ne_bytes(answer)))
    }

    /// Has a function called so many times, and does not wait for it.
    ///
    /// # Errors
    /// When it has ended.
    pub fn order(&mut self, hot: usize, times: u64) -> io::Result<()> {
        self.send(hot, times, false, ARGUMENTS)
    }

    fn send(&mut self, hot: usize, times: u64, answer: bool, [b, c, d, e, f, g]: [u64; 6]) -> io::Result<()> {
        let order: Order = [hot as u64, times, u64::from(answer), b, c, d, e, f, g];
        self.orders.write_all(order.map(u64::to_ne_bytes).as_flattened())
    }
}

impl Drop for Specimen {
    fn drop(&mut self) {
        // SAFETY: it is our child and was not waited for, so that its number is its own; neither touches memory of ours.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, std::ptr::null_mut(), 0);
        }
    }
}

/// Closes all other files: with the other ends of the pipes open it would never see the end of its orders, and what is
/// attached would stay so as long as it lives.
fn close_all_but(kept: [u32; 2]) {
    let [low, high] = [kept[0].min(kept[1]), kept[0].max(kept[1])];
    for (first, last) in [(0, low.checked_sub(1)), (low + 1, high.checked_sub(1)), (high + 1, Some(u32::MAX))] {
        if let Some(last) = last.filter(|&last| first <= last) {
            // SAFETY: close_range(2) closes descriptors, and nothing in the child uses these.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        }
    }
}

/// What the child does until there are no more orders.
fn serve(mut ordered: &PipeReader, mut answered: &PipeWriter) -> io::Result<()> {
    loop {
        let mut order = [[0; 8]; 9];
        ordered.read_exact(order.as_flattened_mut())?;
        let [hot_function, times, answer, arguments @ ..]: Order = order.map(u64::from_ne_bytes);
        let took = timed(hot(hot_function as usize), times, &arguments);
        if answer != 0 {
            answered.write_all(&took.to_ne_bytes())?;
        }
    }
}

fn timed(function: u64, times: u64, arguments: &[u64; 6]) -> u64 {
    let here = std::ptr::from_ref(&function) as u64;
    let mut g = G { stack_lo: here - (64 << 10), stack_hi: here + (64 << 10), goid: GOID, ..G::default() };
    g.stackguard = g.stack_lo;
    let before = clock::spent_here();
    if times > 0 {
        code::calls(times, function, &g, arguments);
    }
    clock::spent_here() - before
}

#[cfg(target_arch = "x86_64")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::Process;

    /// The bytes of our own memory.
    fn bytes(at: u64, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        Process::open(Pid(std::process::id())).unwrap().memory().unwrap().read(at, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn instructions_are_where_they_are_said_to_be() {
        for n in 0..HOT {
            let code = bytes(hot(n), HOT_BYTES);
            assert_eq!(code[CHECK as usize..4], [0x49, 0x3b, 0x66, 0x10]);
            assert_eq!([FRAME, JUMP, RETURN].map(|at| code[at as usize]), [0x55, 0xe9, 0xc3]);
        }
        for n in [0, 1, COLD - 1] {
            let code = bytes(cold(n), COLD_BYTES);
            assert_eq!(code[CHECK as usize..4], [0x49, 0x3b, 0x66, 0x10]);
            assert_eq!([FRAME, COLD_RETURN].map(|at| code[at as usize]), [0x55, 0xc3]);
        }
    }

    #[test]
    fn it_calls_when_it_is_told_to_and_ends_when_it_is_dropped() {
        let mut specimen = Specimen::start().unwrap();
        let pid = specimen.pid();
        assert_eq!(Process::open(pid).unwrap().exe_path().unwrap().path, std::env::current_exe().unwrap());
        specimen.order(3, 1000).unwrap();
        assert!(specimen.calls(HOT - 1, 100_000).unwrap() > specimen.calls(0, 0).unwrap());
        drop(specimen);
        assert!(Process::open(pid).is_err());
    }

    #[test]
    fn it_ends_when_there_is_nobody_to_order() {
        let specimen = Specimen::start().unwrap();
        let Specimen { pid, .. } = specimen;
        let mut specimen = std::mem::ManuallyDrop::new(specimen);
        let (_, closed) = io::pipe().unwrap();
        drop(std::mem::replace(&mut specimen.orders, closed));
        let mut status = -1;
        // SAFETY: waits for our own child.
        unsafe { libc::waitpid(pid, &raw mut status, 0) };
        assert_eq!(status, 0);
    }
}
