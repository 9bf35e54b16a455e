//! What every goroutine of a process is doing now, read from its memory while it goes on.
//!
//! No probe, no ptrace, nothing is stopped: so a goroutine may move while it is read. One is read again when its state or
//! its count of transitions has changed meanwhile, and what is still not certain after a few times is not said. Stacks
//! are walked by the sizes of frames (`gobin::unwind`); that of a goroutine on a CPU is in its registers, and not known.
//!
//! Everything that is read is foreign; lists have ends here, whatever they say.

mod memory;
mod names;
mod place;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::rc::Rc;

use event::census::{Census, Goroutine};
use gobin::unwind::{Left, Unwinder};
use kernel::privilege::Privileges;
use kernel::{Pid, Process, clock};

use crate::privilege;
use crate::refusal::{Class, Refusal};
use crate::subject::Subject;
use crate::target::{Program, RUNNING, Target};

use memory::{Live, Piece};
use names::Known;
use place::{G, Places, State};

/// Goroutines are read so many times before they count as moving.
const TRIES: usize = 4;
/// Calls of a stack that are looked at.
const MOST_CALLS: usize = 1000;

/// What is asked about goroutines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ask {
    /// Their stacks, too; up to so many calls of each, if that is not 0.
    pub stack: Option<usize>,
}

/// Whether a goroutine is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// It is.
    Yes,
    /// It would be, were it not the runtime's own.
    Own,
    /// It is not.
    No,
}

/// Looks at the goroutines of a process that are meant, as `meant` says before their stacks are known.
///
/// # Errors
/// A [`Refusal`] where the process may not be looked at, has ended, or its runtime is not known.
pub fn census(program: &Program, ask: Ask, meant: impl Fn(&Goroutine) -> Meant) -> Result<Census, Refusal> {
    let process = program.process().ok_or_else(|| Refusal::refused(format!("{} is no process", program.name)))?;
    let places = Places::of(&program.image)
        .map_err(|why| Refusal::refused(format!("the goroutines of {} cannot be found: {why}", program.name)))?;
    let bias = program.bias().transpose()?.unwrap_or(0);
    let live = Live::open(program, process)?;
    let listed = places.listed(&live, bias).map_err(|e| live.refused(&e))?;
    let threads = process.threads().unwrap_or_default();
    let mut look = Look {
        ask,
        live: &live,
        places: &places,
        known: Known::new(&program.image, bias),
        unwinder: Unwinder::new(&program.image, bias),
        threads: threads.into_iter().map(|(ours, own)| (u64::from(own.0), ours)).collect(),
        now: process.has_our_clocks().then(clock::monotonic),
        piece: Piece::default(),
    };
    let mut census = Census { pid: process.pid.0, ts: clock::unix(), ..Census::default() };
    for at in listed {
        match look.goroutine(at, &meant) {
            Seen::Wanted(goroutine) => census.goroutines.push(goroutine),
            Seen::Other { own } => {
                census.others += 1;
                census.own += u64::from(own);
            }
            Seen::Unread => census.unread += 1,
            Seen::None => {}
        }
    }
    let read = census.goroutines.len() as u64 + census.others;
    if read < census.unread {
        live.is_there()?;
        let sentence = format!("the goroutines of {} are not laid out as those of its version of Go", program.name);
        return Err(Refusal::refused(sentence));
    }
    Ok(census)
}

/// The processes that are meant, each with its program; and in sentences who is left out.
///
/// # Errors
/// Why there are none.
pub fn running(subject: &Subject) -> Result<(Vec<Program>, Vec<String>), Refusal> {
    match subject {
        Subject::Path(path) => Ok((running_file(path)?, Vec::new())),
        Subject::Processes(pids) => {
            let programs: Result<_, Refusal> = pids.iter().map(|pid| Target::Pid(*pid).open()).collect();
            Ok((programs?, Vec::new()))
        }
        Subject::Group(group) => {
            let (pids, mut left_out) = group.members_by(|_| Ok(()))?;
            let mut programs = Vec::new();
            for pid in pids {
                match Target::Pid(pid).open() {
                    Ok(program) => programs.push(program),
                    Err(refusal) => left_out.push(format!("PID {pid} is left out: {refusal}")),
                }
            }
            Ok((programs, left_out))
        }
    }
}

/// The processes that run a file.
fn running_file(path: &Path) -> Result<Vec<Program>, Refusal> {
    let program = Target::Path(path.to_owned()).open()?;
    let exe = |pid: Pid| (pid, Process::open(pid).and_then(|process| process.exe_id()));
    let all: Vec<_> = kernel::proc::pids().unwrap_or_default().into_iter().map(exe).collect();
    let ours = all.iter().filter(|(_, exe)| exe.as_ref().is_ok_and(|id| *id == program.file));
    // One that has ended meanwhile is none.
    let running: Vec<Program> = ours.filter_map(|(pid, _)| Target::Pid(*pid).open().ok()).collect();
    if !running.is_empty() {
        return Ok(running);
    }
    let closed = all.iter().filter(|(_, exe)| exe.as_ref().is_err_and(|e| e.kind() == ErrorKind::PermissionDenied));
    let sentence = format!("no process runs {}", path.display());
    let own = Privileges::own().unwrap_or(Privileges::NONE);
    match closed.count() {
        n if n == 0 || privilege::may_look(own) => {
            Err(Refusal { class: Class::NothingMatched, ..Refusal::refused(sentence) }.hint(RUNNING))
        }
        n => {
            let obstacle = privilege::to_look(own);
            let sentence = format!("{sentence} among those that may be looked at; {n} may not: {}", obstacle.why);
            Err(Refusal::refused(sentence).hint(obstacle.fix).explained_by(obstacle.line))
        }
    }
}

/// What stands at a place where a goroutine may be.
enum Seen {
    Wanted(Goroutine),
    Other {
        /// The runtime's own, and no other reason.
        own: bool,
    },
    Unread,
    /// None, or none any more.
    None,
}

/// A look at one process.
struct Look<'p> {
    ask: Ask,
    live: &'p Live<'p>,
    places: &'p Places,
    known: Known<'p>,
    unwinder: Unwinder<'p>,
    /// Our numbers of its threads, by those that it has for them.
    threads: HashMap<u64, Pid>,
    /// The process's monotonic time, if it is known.
    now: Option<u64>,
    piece: Piece,
}

impl Look<'_> {
    /// Reads a goroutine until it stands still while it is read.
    fn goroutine(&mut self, at: u64, meant: &impl Fn(&Goroutine) -> Meant) -> Seen {
        let Some(mut g) = self.g(at) else { return Seen::Unread };
        let mut seen = Seen::None;
        for _ in 0..TRIES {
            let state = match self.places.state(&g) {
                Some(State::None) => return Seen::None,
                Some(state) => state,
                None => return Seen::Unread,
            };
            let mut goroutine = self.described(&g, &state);
            seen = match meant(&goroutine) {
                Meant::Yes => {
                    if self.ask.stack.is_some() {
                        (goroutine.stack, goroutine.cut) = self.stack(&g, &state);
                    }
                    Seen::Wanted(goroutine)
                }
                no => Seen::Other { own: no == Meant::Own },
            };
            let Some(again) = self.g(at) else { return Seen::Unread };
            if state == State::Running || again.stands_where(&g) {
                return seen;
            }
            g = again;
        }
        if let Seen::Wanted(moving) = &mut seen {
            (moving.reason, moving.since_ns) = (None, None);
            if self.ask.stack.is_some() {
                (moving.stack, moving.cut) = (None, Some(self.known.word("it moved while it was read")));
            }
        }
        seen
    }

    fn g(&self, at: u64) -> Option<G> {
        let mut bytes = [0; place::LARGEST_G];
        let bytes = bytes.get_mut(..self.places.size())?;
        self.live.read(at, bytes).ok()?;
        self.places.read(bytes)
    }

    fn described(&mut self, g: &G, state: &State) -> Goroutine {
        let reason = match state {
            State::Waiting => self.places.reason(g).map(|reason| self.known.word(reason)),
            _ => None,
        };
        let (function, of_runtime) = self.known.start(g.start);
        let idle = reason.as_deref().is_some_and(|reason| IDLE.contains(&reason));
        Goroutine {
            goid: g.goid,
            state: self.places.word(g, state),
            since_ns: self.since(g, state),
            system: of_runtime.is_own(idle),
            reason,
            function,
            parent: Some(g.parent).filter(|&parent| parent != 0),
            // The first one has none: what made it is no `go` statement.
            created: self.known.created(g.created).filter(|_| g.parent != 0),
            tid: matches!(state, State::Running | State::Syscall).then(|| self.thread(g)).flatten(),
            locked: g.locked != 0,
            stack: None,
            cut: None,
        }
    }

    /// What the collector noted down when it came by. A switch of coroutines leaves the note where it is.
    fn since(&self, g: &G, state: &State) -> Option<u64> {
        let noted = matches!(state, State::Waiting | State::Syscall) && !self.places.has_coroutines;
        self.now?.checked_sub(g.since).filter(|_| noted && g.since != 0)
    }

    fn thread(&self, g: &G) -> Option<u32> {
        let own = self.live.word(g.m.checked_add(self.places.tid).filter(|_| g.m != 0)?)?;
        self.threads.get(&own).map(|tid| tid.0)
    }

    /// The calls of a goroutine, and why they are not all of them.
    fn stack(&mut self, g: &G, state: &State) -> (Option<Rc<[event::go::Frame]>>, Option<Rc<str>>) {
        let left = match state {
            State::Running => return (None, Some(self.known.word("it is running"))),
            State::Syscall if g.syscall_sp == 0 => return (None, Some(self.known.word("it moved while it was read"))),
            _ if g.syscall_sp != 0 => Left { pc: g.syscall_pc, sp: g.syscall_sp, lr: 0, hi: g.hi },
            _ => Left { pc: g.pc, sp: g.sp, lr: g.lr, hi: g.hi },
        };
        let walk = self.walk(&left);
        // These can leave and come back without being counted.
        let uncounted = *state == State::Syscall || self.places.is_coroutine(g);
        if uncounted && self.walk(&left) != walk {
            return (None, Some(self.known.word("it moved while it was read")));
        }
        let cut = walk.lost.as_ref().map(|why| self.known.word(&why.to_string()));
        let most = self.ask.stack.filter(|&most| most != 0).unwrap_or(MOST_CALLS);
        (Some(self.known.frames(walk.at, most)), cut)
    }

    fn walk(&mut self, left: &Left) -> gobin::unwind::Walk {
        let (live, piece) = (self.live, &mut self.piece);
        piece.forget();
        self.unwinder.walk(left, MOST_CALLS, |at| piece.word(live, at, left.hi))
    }
}

/// Reasons for which a goroutine that runs users' code now and then does not run it.
const IDLE: [&str; 2] = ["finalizer wait", "cleanup wait"];
