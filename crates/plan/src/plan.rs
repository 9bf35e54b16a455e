//! What a checked text means: which sites, which code on them, which maps. All names are looked up, all types known.
//!
//! A [`Plan`] is complete: whoever makes instructions of it asks neither the text nor the executable again, and what
//! it says is what the kernel must be able to do. It is plain data, numbered by position, and the same for the same
//! text, executables and parameters. [`Plan`]'s `Display` is `--emit=plan`.
//!
//! ```text
//! Site ──► Group ──► Run ──► Variant ──► Body          user code: what fires, in which order, reading where
//!   └────► Function                                    the row that `func` names
//! Event ─► Group                                       BEGIN, END, clocks, tracepoints, goroutine:*
//! ```
//!
//! **Bodies and variants.** A body is one clause's code for one choice of types; it names arguments by number
//! ([`ExprKind::Access`](crate::ExprKind::Access)). A variant adds where each of them is. Functions that agree on types share a body, those
//! that agree on places too share a variant, and all whose clauses end up in the same variants share a [`Group`]:
//! ten thousand functions under one clause that names no argument are ten thousand rows and one group.
//!
//! **Values.** An integer is 64 bits wide while it is computed with: loads extend by the sign of its type, casts cut
//! and extend again. Division, remainder, right shift and comparison go by `signed` of the *operands'* types (both
//! have the same there; see [`ExprKind::Binary`](crate::ExprKind::Binary)). Division by zero gives 0, shifts take the count modulo 64, as eBPF
//! has it. What could not be read is 0 or "" where it is computed or compared with, is counted, and where it is
//! printed, or part of a key, is marked as unreadable.

use std::collections::BTreeMap;

use gobin::insn::Class;
use gobin::sites::Restored;
use gobin::{Arch, FileOff, VAddr};

use crate::body::{Body, Variant};
use crate::capture;
use crate::code::Map;
use crate::event::{Event, SyscallEvent};
use crate::numbers::{BinaryNo, FuncNo, GroupNo, PointNo, SaveNo, VariantNo};
use crate::place::Kept;
use crate::source::{Source, Span};
use crate::target::{Inlined, InlinedPlaces, Runtime, Start};

mod cautions;
mod text;
mod threads;
mod unknown;

/// A checked text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The machine that it is for.
    pub arch: Arch,
    /// The text, for line information.
    pub source: Source,
    /// Every string that is named by number: literals, formats. No two are equal.
    pub strings: Vec<String>,
    /// The maps, in the order in which the text first names them.
    pub maps: Vec<Map>,
    /// The attach points, in the order of the text, and what became of each.
    pub points: Vec<Point>,
    /// The executables that sites and runtime events are in.
    pub binaries: Vec<Binary>,
    /// The probed functions: by executable, then by address.
    pub functions: Vec<Function>,
    /// Where probes go: by function, then by offset. No two at one address, but for [`Site::native_return`].
    pub sites: Vec<Site>,
    /// The user's code.
    pub bodies: Vec<Body>,
    /// The same with places.
    pub variants: Vec<Variant>,
    /// What runs one after the other.
    pub groups: Vec<Group>,
    /// What [`ExprKind::Under`](crate::ExprKind::Under) is about, by its number; at most [`crate::limits::UNDERS`].
    pub unders: Vec<Under>,
    /// What an entry keeps for the return in its frame, slot by slot: each one word of 8 bytes, extended by its sign.
    pub saves: Vec<Vec<Kept>>,
    /// What fires without a site in a program, in the order of the text; each kind once.
    pub events: Vec<Event>,
    /// What must be there besides the bodies.
    pub needs: Needs,
    /// The functions whose calls are recorded whole.
    pub recorded: BTreeMap<FuncNo, RecordedCalls>,
    /// How much of whole values is wanted.
    pub values: capture::Limits,
}

impl Plan {
    /// What `probe` shows for a number of [`Id::Probe`](crate::Id::Probe).
    #[must_use]
    pub fn probe_name(&self, number: u64) -> Option<String> {
        let point = self.points.get(usize::try_from(number >> 32).ok()?)?;
        let function = self.functions.get((number & 0xffff_ffff) as usize);
        let function = function.filter(|_| point.names_functions());
        let name = function.map_or("", |f| f.name.as_str());
        // Who names the executable in the text has it in front.
        let is_named = |path: &str| point.prefix.contains(path);
        let place = function.map(|f| self.place(f)).filter(|place| !is_named(place)).unwrap_or_default();
        let place = if place.is_empty() { String::new() } else { format!(" in {place}") };
        Some(format!("{}{name}{}{place}", point.prefix, point.suffix))
    }

    /// A function as `func` shows it: with its executable, where another one has a function of that name.
    #[must_use]
    pub fn function_name(&self, number: u64) -> Option<String> {
        let function = self.functions.get(usize::try_from(number).ok()?)?;
        match self.place(function) {
            "" => Some(function.name.clone()),
            place => Some(format!("{} in {place}", function.name)),
        }
    }

    fn place(&self, function: &Function) -> &str {
        let binary = self.binaries.get(function.binary.index()).filter(|_| function.elsewhere);
        binary.map_or("", |binary| binary.path.as_str())
    }
}

/// A request for records of a function's calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordedCalls {
    /// The number that the function's executable has for it: [`Found::index`](crate::target::Found::index).
    pub index: u32,
    /// The attach point that asks for it.
    pub point: PointNo,
    /// That calls begin is all that is recorded.
    pub alone: bool,
}

/// What must be there besides the bodies, because some word is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// Calls are paired: `elapsed`, or an argument in a return. Entries without a group are there for this.
    pub frames: bool,
    /// The goroutine of user probes: `goid`, and all that is known of a goroutine.
    pub goid: bool,
    /// The same where no Go code runs: thread → g is kept.
    pub g_of_thread: bool,
    /// The table of goroutines that the runtime prelude keeps: `goroutine:*`.
    pub goroutines: bool,
    /// User stacks.
    pub stacks: bool,
}

/// An attach point and what it led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Point {
    /// As written, for messages: `go:main.*`.
    pub text: String,
    /// What `probe` shows before a function's name, `go:`; or all of it where there is no function.
    pub prefix: String,
    /// What it shows behind the name: `+0x12`.
    pub suffix: String,
    /// Which clause it belongs to, by position in the text.
    pub clause: u32,
    /// How many functions its pattern matched; 0 for what is no user probe.
    pub matched: u32,
    /// How many of them got sites.
    pub attached: u32,
    /// Those that did not, each with the reason in words.
    pub skipped: Vec<Skipped>,
    /// No probe of the text: the checker has put it in for what it records of panics.
    pub ours: bool,
    /// Worth telling, in whole sentences.
    pub notes: Vec<String>,
    /// Where functions that it matches were inlined, whose calls it does not see there.
    pub inlined: InlinedPlaces,
    /// Where it stands.
    pub span: Span,
}

impl Point {
    /// Whether `probe` shows a function behind the prefix.
    pub fn names_functions(&self) -> bool {
        self.prefix.ends_with(':')
    }

    /// One that the text does not have.
    pub fn ours(clause: usize) -> Point {
        Point {
            text: String::new(),
            prefix: String::new(),
            suffix: String::new(),
            clause: u32::try_from(clause).unwrap_or(u32::MAX),
            matched: 0,
            attached: 0,
            skipped: Vec::new(),
            ours: true,
            notes: Vec::new(),
            inlined: InlinedPlaces::default(),
            span: Span::default(),
        }
    }
}

/// A function that was matched and gets no probe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// Its name.
    pub function: String,
    /// Why not.
    pub why: String,
}

/// An executable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binary {
    /// As the text names it; empty for the target.
    pub path: String,
    /// Whether it is a Go program.
    pub go: bool,
    /// Its Go runtime, if anything that [`Plan::needs`] asks for must know it.
    pub runtime: Option<Runtime>,
    /// Where it begins; nothing if it is a library.
    pub start: Option<Start>,
}

/// Functions that others are called under: `under("main.handle")`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Under {
    /// Their name, or a pattern, as written.
    pub pattern: String,
}

/// A probed function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Function {
    /// The executable.
    pub binary: BinaryNo,
    /// Its name, as it is shown.
    pub name: String,
    /// Its first byte.
    pub entry: VAddr,
    /// Its calls are paired for the code that runs on them: entries push a frame, exits pop it.
    pub frames: bool,
    /// Which of [`Plan::unders`] mean it, by bit. Its calls are paired for that, too.
    pub marks: u8,
    /// It is where panics begin, and they are recorded for what they end.
    pub panics: bool,
    /// There is one of that name in another executable, too.
    pub elsewhere: bool,
    /// It is no function, but a place where one was inlined.
    pub inlined: Option<Inlined>,
}

impl Function {
    /// Whether its calls are paired, for whatever reason.
    #[must_use]
    pub fn is_paired(&self) -> bool {
        self.frames || self.marks != 0 || self.panics
    }
}

/// An instruction with a probe.
///
/// Entry code runs before exit code, that before `here`. What was inlined ends before all that, and begins behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// The function that it is in.
    pub function: FuncNo,
    /// How far behind its first byte; 0 where it is in another function.
    pub offset: u32,
    /// Its address.
    pub at: VAddr,
    /// Where the kernel is told to put it.
    pub file: FileOff,
    /// What it costs; unknown in code that is not Go.
    pub class: Option<Class>,
    /// Calls are seen here.
    pub entry: Option<Entry>,
    /// Calls end here.
    pub exit: Option<Exit>,
    /// Code for this very instruction: `FUNC+OFF`, `0xADDR`, or for the system call.
    pub here: Option<GroupNo>,
    /// A system call is made, or answered, here.
    pub syscall: Option<Syscall>,
    /// Calls that were inlined begin here, too, the outer ones first. Their code runs behind all other.
    pub also: Vec<Also>,
    /// Calls that were inlined have ended here, too, the inner ones first. Their code runs before all other.
    pub over: Vec<Over>,
    /// No instruction but a real uretprobe on the function, which only code that is not Go survives; `exit` is what
    /// runs.
    pub native_return: bool,
}

/// Another beginning at the same instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Also {
    /// Which.
    pub function: FuncNo,
    /// SP is this far below where its places on the stack count from.
    pub sp_adjust: u32,
    /// What runs.
    pub group: GroupNo,
}

/// Another end at the same instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Over {
    /// Of which.
    pub function: FuncNo,
    /// What runs.
    pub group: GroupNo,
}

/// A site that sees calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What runs; nothing where entries are only paired with returns.
    pub group: Option<GroupNo>,
    /// SP is this far below its value at the function's first byte.
    pub sp_adjust: u32,
    /// The function may jump back to it: a hit with the depth and row of the top frame is no call.
    pub loop_head: bool,
    /// What the frame keeps for the return; nothing where it keeps only the time.
    pub saves: Option<SaveNo>,
    /// Which argument registers are garbage if the stack has just grown, and how to see that it has.
    pub restored: Option<Restored>,
}

/// A site that sees the ends of calls. SP has its value at entry, or where a call that was inlined began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exit {
    /// What runs; nothing where only the frame is popped.
    pub group: Option<GroupNo>,
    /// A jump to another function, not a return: results are not there yet.
    pub tail: bool,
}

/// A site where a system call is seen. `function` is the one through which they all go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Syscall {
    /// What happens there.
    pub event: SyscallEvent,
    /// What was asked is kept for where it is answered.
    pub keeps: bool,
}

impl Syscall {
    /// SP is this far below its value where the function is called.
    #[must_use]
    pub fn sp_adjust(self) -> u32 {
        match self.event {
            SyscallEvent::Enter => 0,
            SyscallEvent::Exit => 8,
        }
    }
}

/// What runs at a site or event, one after the other.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Group {
    /// In the order of the text; each clause at most once.
    pub runs: Vec<Run>,
}

/// One clause's code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Run {
    /// The code.
    pub variant: VariantNo,
    /// The attach point on whose behalf.
    pub point: PointNo,
}
