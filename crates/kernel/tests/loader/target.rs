//! The Go program `counter`, running, and where its functions are: read from its symbols and disassembly by Go's own
//! tools, so that no code under test has a say.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use gospect_fixtures::{Arch, Fixture, Missing, Toolchain, Variant, build, toolchain};
use kernel::Pid;
use kernel::loader::Site;

/// The Go that programs here are built by.
pub const GO: &str = "1.26";

/// An executable.
pub struct Program {
    pub path: PathBuf,
    pub file: File,
    segments: Vec<Segment>,
    go: Toolchain,
}

/// A loaded part of the file.
struct Segment {
    offset: u64,
    address: u64,
    size: u64,
}

impl Program {
    /// The fixture `counter`, for this machine.
    pub fn counter(variant: Variant) -> Result<Program, Missing> {
        let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
        Program::open(build(&Fixture::new("counter", GO, variant).on(arch))?)
    }

    /// A copy of its own, so that nobody else's process runs the same file.
    pub fn own_copy(name: &str) -> Result<Program, Missing> {
        let original = Program::counter(Variant::Plain)?.path;
        let path = std::env::temp_dir().join(format!("gospect-{name}-{}", std::process::id()));
        std::fs::copy(original, &path).unwrap();
        Program::open(path)
    }

    fn open(path: PathBuf) -> Result<Program, Missing> {
        let segments = segments(&std::fs::read(&path).unwrap());
        Ok(Program { file: File::open(&path).unwrap(), path, segments, go: toolchain(GO)? })
    }

    /// The file offset of an address.
    pub fn offset(&self, address: u64) -> u64 {
        let in_it = |s: &&Segment| (s.address..s.address + s.size).contains(&address);
        let segment = self.segments.iter().find(in_it).expect("the address is in a loaded segment");
        address - segment.address + segment.offset
    }

    /// Where the instructions of a function are whose text starts so: `RET`, `PUSHQ BP`.
    pub fn instructions(&self, function: &str, text: &str) -> Vec<u64> {
        self.matching(&format!("^{}$", function.replace('.', "\\.")), &[text])
    }

    /// The same in all functions whose names match.
    pub fn matching(&self, pattern: &str, texts: &[&str]) -> Vec<u64> {
        let options = [OsStr::new("-s"), OsStr::new(pattern), self.path.as_os_str()];
        // `  main.go:33  0x4b2c1a  55  PUSHQ BP`
        let line = |line: &str| {
            let mut fields = line.split_whitespace().skip(1);
            let address = u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok()?;
            let rest: Vec<&str> = fields.skip(1).collect();
            let rest = rest.join(" ");
            texts.iter().any(|text| rest.starts_with(text)).then_some(address)
        };
        self.go.tool("objdump", options).lines().filter_map(line).collect()
    }

    /// Where a function is entered exactly once a call: where it saves the frame pointer.
    pub fn entry(&self, function: &str) -> u64 {
        let text = if cfg!(target_arch = "x86_64") { "PUSHQ BP" } else { "MOVD.W R30" };
        self.instructions(function, text)[0]
    }

    /// Where it returns.
    pub fn returns(&self, function: &str) -> Vec<u64> {
        self.instructions(function, "RET")
    }

    /// Sites with the numbers 0, 1, 2, … for cookies.
    pub fn sites(&self, addresses: &[u64]) -> Vec<Site> {
        (0..).zip(addresses).map(|(cookie, &address)| Site { offset: self.offset(address), cookie }).collect()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    pub fn start(&self) -> Running {
        Running::of(self.command().spawn().unwrap())
    }
}

/// The program, waiting for orders.
pub struct Running {
    pub child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    /// A process whose ends of the pipes we have.
    pub fn of(mut child: Child) -> Running {
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut running = Running { child, stdin, stdout };
        assert_eq!(running.line(), "ready");
        running
    }

    pub fn pid(&self) -> Pid {
        Pid(self.child.id())
    }

    /// Has it called so often by so many goroutines; answers how often it has called `hit` and `deep` by now.
    pub fn work(&mut self, goroutines: u64, calls: u64) -> (u64, u64) {
        writeln!(self.stdin, "{goroutines} {calls}").unwrap();
        let line = self.line();
        let (hits, deeps) = line.split_once(' ').unwrap();
        (hits.parse().unwrap(), deeps.parse().unwrap())
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// What stands in its memory where the file's addresses are; for programs that are not moved.
    pub fn bytes(&self, address: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let process = kernel::Process::open(self.pid()).unwrap();
        process.memory().unwrap().read(address, &mut bytes).unwrap();
        bytes
    }

    /// By how much it was moved.
    pub fn bias(&self, program: &Program) -> u64 {
        let process = kernel::Process::open(self.pid()).unwrap();
        let exe = process.exe_path().unwrap().path;
        let maps = process.maps().unwrap();
        let first = maps.iter().find(|m| m.path == exe).unwrap();
        let segment = program.segments.iter().find(|s| s.offset & !0xfff == first.offset).unwrap();
        first.start - (segment.address & !0xfff)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The loaded segments of a 64-bit little-endian ELF file.
fn segments(elf: &[u8]) -> Vec<Segment> {
    let word = |at: usize| u64::from_le_bytes(elf[at..at + 8].try_into().unwrap());
    let half = |at: usize| u16::from_le_bytes(elf[at..at + 2].try_into().unwrap()) as usize;
    let (table, size, count) = (word(32) as usize, half(54), half(56));
    let headers = (0..count).map(|n| table + n * size).filter(|&at| elf[at..at + 4] == [1, 0, 0, 0]);
    headers.map(|at| Segment { offset: word(at + 8), address: word(at + 16), size: word(at + 32) }).collect()
}

/// A path that goes when this goes.
pub struct Removed<'p>(pub &'p Path);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0);
    }
}
