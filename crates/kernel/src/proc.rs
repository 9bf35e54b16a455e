//! Processes, as `/proc` shows them.
//!
//! A [`Process`] holds its directory in `/proc` open, so that everything that is asked of it is answered by that very
//! process or not at all: when it has gone and another got its number, the kernel says `ESRCH`.
//!
//! Says nothing about threads but that they are some.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use engine::Pid;

use crate::cgroup::{self, Container};
use crate::file::FileId;

/// All processes there are, in order. Each may be gone by the time it is asked for anything.
///
/// # Errors
/// When `/proc` is not mounted.
pub fn pids() -> io::Result<Vec<Pid>> {
    let names = std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut pids: Vec<Pid> = names.filter_map(|name| name.parse().ok().map(Pid)).collect();
    pids.sort_unstable();
    Ok(pids)
}

/// A process that was there when it was opened.
#[derive(Debug)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    directory: File,
}

/// The name of a process's program file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exe {
    /// Its path, as the process itself would name it (in a container: inside).
    pub path: PathBuf,
    /// Whether the file has been removed or replaced since it was started.
    pub deleted: bool,
    /// Whether there is another file of that name now.
    pub replaced: bool,
}

/// What `/proc/PID/stat` tells, as far as anybody here wants to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    /// Its state by the kernel's letter: `R`, `S`, `D`, `T`, `t`, `Z`, …
    pub state: char,
    /// Whether it is a part of the kernel, without a program file.
    pub kernel_thread: bool,
    /// How many threads it has; 0 if it has ended.
    pub threads: u64,
    /// When it was started, in clock ticks since boot. With the number it names a process for ever.
    pub start_ticks: u64,
    /// Where its stack began, which differs from program to program that it executes; 0 if that is not told.
    pub stack: u64,
}

impl Stat {
    /// Whether it has ended, though its parent may not have noticed. Its first thread alone may have: so it is while
    /// another one executes a program.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X') && self.threads <= 1
    }
}

/// What `/proc/PID/status` tells, as far as anybody here wants to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// The process that it belongs to; its own number unless it is a further thread.
    pub tgid: Pid,
    /// The effective user.
    pub uid: u32,
    /// Its number in each pid namespace that it is seen from, ours first, its own last.
    pub ns_pids: Vec<Pid>,
}

/// One line of `/proc/PID/maps`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// Its first address.
    pub start: u64,
    /// The address behind its last.
    pub end: u64,
    /// Where in the file it begins.
    pub offset: u64,
    /// The device that the file is on, by the kernel's number.
    pub device: u64,
    /// The file's inode; 0 for memory without one.
    pub inode: u64,
    /// Whether its code may run.
    pub executable: bool,
    /// The file, or the kernel's name for the memory (`[heap]`), or nothing.
    pub path: PathBuf,
}

/// `PF_KTHREAD` of the kernel's `linux/sched.h`.
const PF_KTHREAD: u64 = 0x0020_0000;

/// `AT_ENTRY` of `linux/auxvec.h`.
const AT_ENTRY: u64 = 9;

impl Process {
    /// Takes hold of a process.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is none of this number.
    pub fn open(pid: Pid) -> io::Result<Process> {
        let directory = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_DIRECTORY)
            .open(Path::new("/proc").join(pid.to_string()))?;
        Ok(Process { pid, directory })
    }

    /// Opens its program file: the file that runs, even if it was replaced, and also inside a container.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] for a process of another user, without `CAP_SYS_PTRACE`; `NotFound` for
    /// one that has no program file (kernel thread, zombie).
    pub fn exe(&self) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(self.entry("exe"))
    }

    /// What `stat` says of that file: of one in an overlay, what it is there.
    ///
    /// # Errors
    /// As [`Process::exe`].
    pub fn exe_metadata(&self) -> io::Result<std::fs::Metadata> {
        std::fs::metadata(self.entry("exe"))
    }

    /// Which file its program is, as [`FileId::of_file`] has it.
    ///
    /// # Errors
    /// As [`Process::exe`].
    pub fn exe_id(&self) -> io::Result<FileId> {
        FileId::of_file(&self.exe()?)
    }

    /// Where it has the code of a file, whatever the file is called there.
    ///
    /// # Errors
    /// As [`Process::maps`].
    pub fn code_of(&self, file: FileId) -> io::Result<Option<Mapping>> {
        let code = self.maps()?.into_iter().filter(|mapping| mapping.executable && mapping.inode != 0);
        let (likely, others): (Vec<Mapping>, Vec<Mapping>) = code.partition(|mapping| mapping.inode == file.inode);
        Ok(likely.into_iter().chain(others).find(|mapping| self.mapped_file(mapping) == Some(file)))
    }

    /// Which file a mapping is of. The link that leads to it whatever became of its name is for `CAP_SYS_ADMIN` and
    /// `CAP_CHECKPOINT_RESTORE`; without them it is looked for where the process sees it.
    fn mapped_file(&self, mapping: &Mapping) -> Option<FileId> {
        let link = self.entry("map_files").join(format!("{:x}-{:x}", mapping.start, mapping.end));
        let by_name = || FileId::of_path(&self.as_seen_by_it(&mapping.path));
        FileId::of_path(&link).or_else(|_| by_name()).ok()
    }

    /// The name of its program file.
    ///
    /// # Errors
    /// As [`Process::exe`].
    pub fn exe_path(&self) -> io::Result<Exe> {
        let exe = without_deleted(&std::fs::read_link(self.entry("exe"))?);
        let replaced = exe.deleted && self.as_seen_by_it(&exe.path).symlink_metadata().is_ok();
        Ok(Exe { replaced, ..exe })
    }

    /// Our own path to what the process calls `path`. Symbolic links to whole paths lead astray, when it has a root of
    /// its own.
    #[must_use]
    pub fn as_seen_by_it(&self, path: &Path) -> PathBuf {
        self.entry("root").join(path.strip_prefix("/").unwrap_or(path))
    }

    /// State, kind and start time.
    ///
    /// # Errors
    /// When it is gone.
    pub fn stat(&self) -> io::Result<Stat> {
        parse_stat(&self.read("stat")?).ok_or_else(not_understood)
    }

    /// Its user and its numbers.
    ///
    /// # Errors
    /// When it is gone.
    pub fn status(&self) -> io::Result<Status> {
        parse_status(&self.read("status")?).ok_or_else(not_understood)
    }

    /// The text of its control groups, for [`cgroup`].
    ///
    /// # Errors
    /// When it is gone.
    pub fn cgroups(&self) -> io::Result<String> {
        self.read("cgroup")
    }

    /// The container that it runs in.
    ///
    /// # Errors
    /// When it is gone.
    pub fn container(&self) -> io::Result<Option<Container>> {
        Ok(cgroup::container(&self.cgroups()?))
    }

    /// Its memory map.
    ///
    /// # Errors
    /// When it is gone, or belongs to somebody else.
    pub fn maps(&self) -> io::Result<Vec<Mapping>> {
        Ok(parse_maps(&std::fs::read(self.entry("maps"))?))
    }

    /// Where its program was told to start: the file's entry address plus what the loader moved it by.
    ///
    /// # Errors
    /// When it is gone, or belongs to somebody else.
    pub fn entry_point(&self) -> io::Result<u64> {
        parse_auxv(&std::fs::read(self.entry("auxv"))?, AT_ENTRY).ok_or_else(not_understood)
    }

    /// Its threads: the number that our `/proc` has for each, and the one in the innermost pid namespace it is in,
    /// which is the one that it knows itself by.
    ///
    /// # Errors
    /// When it is gone.
    pub fn threads(&self) -> io::Result<Vec<(Pid, Pid)>> {
        let names = std::fs::read_dir(self.entry("task"))?;
        let tids = names.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        // One that ends meanwhile is none.
        let innermost = |tid: u32| {
            let status = parse_status(&self.read(&format!("task/{tid}/status")).ok()?)?;
            Some((Pid(tid), status.ns_pids.last().copied().unwrap_or(Pid(tid))))
        };
        Ok(tids.filter_map(innermost).collect())
    }

    /// Whether its clocks are ours; those of a time namespace may count from another moment.
    #[must_use]
    pub fn has_our_clocks(&self) -> bool {
        let theirs = std::fs::read_link(self.entry("ns/time"));
        // Kernels before 5.6 have none.
        theirs.map_or(true, |theirs| std::fs::read_link("/proc/self/ns/time").is_ok_and(|ours| ours == theirs))
    }

    /// Opens its memory for reading.
    ///
    /// # Errors
    /// `PermissionDenied` where gospect may not ptrace it.
    pub fn memory(&self) -> io::Result<Memory> {
        File::open(self.entry("mem")).map(|file| Memory { file })
    }

    fn entry(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.directory.as_raw_fd()))
    }

    fn read(&self, name: &str) -> io::Result<String> {
        std::fs::read(self.entry(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// A process's memory.
#[derive(Debug)]
pub struct Memory {
    file: File,
}

impl Memory {
    /// Fills `bytes` with what stands at `address`.
    ///
    /// # Errors
    /// When not all of it is mapped, or the process is gone.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(bytes, address)
    }
}

fn not_understood() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the kernel's text is not understood")
}

/// The kernel appends ` (deleted)` to the name of a file that its directory no longer has.
fn without_deleted(link: &Path) -> Exe {
    match link.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
        Some(path) => Exe { path: OsStr::from_bytes(path).into(), deleted: true, replaced: false },
        None => Exe { path: link.to_owned(), deleted: false, replaced: false },
    }
}

/// The name in the second field is free text with blanks and parentheses, so the fields are counted behind its end.
fn parse_stat(text: &str) -> Option<Stat> {
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let flags: u64 = fields.nth(5)?.parse().ok()?;
    let threads = fields.nth(10)?.parse().ok()?;
    let start_ticks = fields.nth(1)?.parse().ok()?;
    let stack = fields.nth(5).and_then(|stack| stack.parse().ok()).unwrap_or(0);
    Some(Stat { state, kernel_thread: flags & PF_KTHREAD != 0, threads, start_ticks, stack })
}

fn parse_status(text: &str) -> Option<Status> {
    let field = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
    let tgid = Pid(field("Tgid")?.trim().parse().ok()?);
    let uid = field("Uid")?.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let ns_pids = field("NSpid").unwrap_or_default().split_ascii_whitespace();
    Some(Status { tgid, uid, ns_pids: ns_pids.filter_map(|p| p.parse().ok().map(Pid)).collect() })
}

pub(crate) fn parse_maps(text: &[u8]) -> Vec<Mapping> {
    text.split(|&b| b == b'\n').filter_map(parse_mapping).collect()
}

/// `START-END PERMS OFFSET DEV INODE          PATH`
fn parse_mapping(line: &[u8]) -> Option<Mapping> {
    let mut fields = line.splitn(6, |&b| b == b' ');
    let mut word = || std::str::from_utf8(fields.next()?).ok();
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let (start, end) = word()?.split_once('-')?;
    let executable = word()?.contains('x');
    let offset = hex(word()?)?;
    let (major, minor) = word()?.split_once(':')?;
    let device = hex(major)? << 32 | hex(minor)?;
    let inode = word()?.parse().ok()?;
    let path = fields.next().unwrap_or_default().trim_ascii_start();
    Some(Mapping { start: hex(start)?, end: hex(end)?, offset, device, inode, executable, path: unescape(path) })
}

/// A line break in a path stands as `\012`, the only escape there.
fn unescape(path: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = rest.strip_prefix(br"\012").inspect(|_| out.push(b'\n')).unwrap_or_else(|| {
            out.push(byte);
            tail
        });
    }
    std::ffi::OsString::from_vec(out).into()
}

fn parse_auxv(bytes: &[u8], wanted: u64) -> Option<u64> {
    let word = |b: &[u8]| b.first_chunk().map(|b| u64::from_ne_bytes(*b));
    bytes.chunks_exact(16).find(|pair| word(pair) == Some(wanted)).and_then(|pair| word(&pair[8..]))
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;
    use expect_test::{Expect, expect};

    fn this() -> Process {
        Process::open(Pid(std::process::id())).unwrap()
    }

    fn check(answer: impl fmt::Debug, expect: Expect) {
        expect.assert_eq(&format!("{answer:?}"));
    }

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields_of_stat() {
        let text =
            "42 (a) R (b c)) S 1 42 42 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 9876 0 0 18446744073709551615 0 0 4711 0";
        check(
            parse_stat(text),
            expect!["Some(Stat { state: 'S', kernel_thread: true, threads: 1, start_ticks: 9876, stack: 4711 })"],
        );
        check([parse_stat("42 (a"), parse_stat(""), parse_stat("1 (a) S 1")], expect!["[None, None, None]"]);
    }

    #[test]
    fn the_effective_user_and_all_numbers_are_read() {
        let text = "Name:\tx\nTgid:\t7\nPid:\t8\nUid:\t1000\t0\t0\t0\nNSpid:\t8\t2\n";
        check(parse_status(text), expect!["Some(Status { tgid: Pid(7), uid: 0, ns_pids: [Pid(8), Pid(2)] })"]);
        check(parse_status("Name:\tx\n"), expect!["None"]);
    }

    #[test]
    fn a_removed_program_is_known_by_its_name() {
        check(
            without_deleted(Path::new("/a (b)/c (deleted)")),
            expect![[r#"Exe { path: "/a (b)/c", deleted: true, replaced: false }"#]],
        );
        check(
            without_deleted(Path::new("/a/c")),
            expect![[r#"Exe { path: "/a/c", deleted: false, replaced: false }"#]],
        );
    }

    #[test]
    fn the_lines_of_a_map_are_read() {
        let text = b"00400000-0052b000 r-xp 00001000 fe:01 1234                  /usr/bin/a b\\012c\n\
            7ffd8-7ffd9 rw-p 00000000 00:00 0 [stack]\n7ffe0-7ffe1 rw-p 00000000 00:00 0 \nbroken\n1-z r 0 0 0\n";
        let text = parse_maps(text).iter().map(|m| format!("{m:?}\n")).collect::<String>();
        expect![[r#"
            Mapping { start: 4194304, end: 5419008, offset: 4096, device: 1090921693185, inode: 1234, executable: true, path: "/usr/bin/a b\nc" }
            Mapping { start: 524248, end: 524249, offset: 0, device: 0, inode: 0, executable: false, path: "[stack]" }
            Mapping { start: 524256, end: 524257, offset: 0, device: 0, inode: 0, executable: false, path: "" }
        "#]].assert_eq(&text);
    }

    #[test]
    fn this_process_is_found_and_described() {
        let me = this();
        assert!(me.has_our_clocks());
        assert!(pids().unwrap().contains(&me.pid));
        assert_eq!(me.exe_path().unwrap().path, std::env::current_exe().unwrap());
        assert_eq!(me.status().unwrap().tgid, me.pid);
        assert!(!me.stat().unwrap().kernel_thread);
        me.exe().unwrap();
        me.container().unwrap();
    }

    #[test]
    fn the_entry_point_lies_in_mapped_code_of_the_program() {
        let me = this();
        let (entry, exe) = (me.entry_point().unwrap(), me.exe_path().unwrap());
        let maps = me.maps().unwrap();
        let around = maps.iter().find(|m| (m.start..m.end).contains(&entry)).unwrap();
        assert!(around.executable && around.path == exe.path, "{around:?}");
    }

    #[test]
    fn threads_have_the_number_of_their_namespace_too() {
        let (started, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || ended.recv());
        let threads = this().threads().unwrap();
        assert!(threads.len() >= 2 && threads.iter().any(|(tid, _)| *tid == this().pid), "{threads:?}");
        let own = this().status().unwrap().ns_pids;
        assert!(threads.contains(&(this().pid, own.last().copied().unwrap_or(this().pid))), "{threads:?}");
        drop(started);
        assert!(thread.join().unwrap().is_err());
    }

    #[test]
    fn memory_is_read_where_it_is_mapped_and_refused_where_not() {
        let (secret, mut read) = (*b"0123456789abcdef", [0; 16]);
        let memory = this().memory().unwrap();
        memory.read(secret.as_ptr() as u64, &mut read).unwrap();
        assert_eq!(secret, read);
        assert!(memory.read(8, &mut read).is_err());
    }

    #[test]
    fn a_process_that_is_gone_answers_nothing() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::open(Pid(child.id())).unwrap();
        process.stat().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(process.stat().is_err() && process.exe().is_err() && process.container().is_err());
        assert_eq!(Process::open(process.pid).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_kernel_thread_is_known_and_has_no_program() {
        let threads = pids().unwrap().into_iter().filter_map(|p| Process::open(p).ok());
        let kernel = threads.filter(|p| p.stat().is_ok_and(|s| s.kernel_thread)).map(|p| p.exe().is_err());
        // In a pid namespace of its own a test sees none.
        assert!(kernel.into_iter().all(|refused| refused));
    }
}
