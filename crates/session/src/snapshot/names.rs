//! Names of what goroutines are made of, each found once.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use event::go::Frame;
use gobin::unwind::as_tracebacks_show;
use gobin::{CallAt, Image, VAddr};

/// What is known already.
pub(super) struct Known<'i> {
    image: &'i Image,
    bias: u64,
    /// What goroutines that start in wrappers were started with.
    wrappers: HashMap<VAddr, String>,
    words: HashSet<Rc<str>>,
    starts: HashMap<u64, (Rc<str>, Runtime)>,
    creations: HashMap<u64, Option<Rc<Frame>>>,
    stacks: HashMap<Vec<VAddr>, Rc<[Frame]>>,
}

/// Whether a goroutine is the runtime's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Runtime {
    No,
    Yes,
    /// While it has nothing of users to run.
    Idle,
}

impl Runtime {
    /// Whether it is, given that it is idle or not.
    pub fn is_own(self, idle: bool) -> bool {
        match self {
            Runtime::No => false,
            Runtime::Yes => true,
            Runtime::Idle => idle,
        }
    }

    /// By the function that it starts with: runtime/traceback.go, `isSystemGoroutine`.
    fn of(start: &str) -> Runtime {
        match start {
            "runtime.main" | "runtime.corostart" | "runtime.handleAsyncEvent" => Runtime::No,
            "runtime.runfinq" | "runtime.runFinalizers" | "runtime.runCleanups" => Runtime::Idle,
            name if name.starts_with("runtime.") => Runtime::Yes,
            _ => Runtime::No,
        }
    }
}

impl<'i> Known<'i> {
    pub fn new(image: &'i Image, bias: u64) -> Known<'i> {
        let wrappers = image.starts().into_iter().map(|start| (start.wrapper, start.name)).collect();
        Known {
            image,
            bias,
            wrappers,
            words: HashSet::new(),
            starts: HashMap::new(),
            creations: HashMap::new(),
            stacks: HashMap::new(),
        }
    }

    /// A text that many goroutines share.
    pub fn word(&mut self, text: &str) -> Rc<str> {
        if let Some(known) = self.words.get(text) {
            return known.clone();
        }
        let word: Rc<str> = text.into();
        self.words.insert(word.clone());
        word
    }

    /// The function that a goroutine was started with.
    pub fn start(&mut self, pc: u64) -> (Rc<str>, Runtime) {
        if let Some(known) = self.starts.get(&pc) {
            return known.clone();
        }
        let at = VAddr(pc.wrapping_sub(self.bias));
        let function = self.image.function_at(at).map(|function| function.name().to_owned());
        // Nobody started what a thread of C brings.
        let own = function.unwrap_or_else(|| if pc == 0 { "?".to_owned() } else { format!("{pc:#x}") });
        let shown = self.wrappers.get(&at).cloned().unwrap_or_else(|| own.clone());
        let start = (self.word(&shown), Runtime::of(&own));
        self.starts.insert(pc, start.clone());
        start
    }

    /// The `go` statement behind which `pc` stands.
    pub fn created(&mut self, pc: u64) -> Option<Rc<Frame>> {
        let (image, bias) = (self.image, self.bias);
        let find = || {
            let at = VAddr(pc.wrapping_sub(bias).checked_sub(1)?);
            image.function_at(at)?.calls_at(at).first().map(|call| Rc::new(frame(call)))
        };
        self.creations.entry(pc).or_insert_with(find).clone()
    }

    /// The calls that instructions belong to, up to `most`, as tracebacks show them.
    pub fn frames(&mut self, at: Vec<VAddr>, most: usize) -> Rc<[Frame]> {
        if let Some(known) = self.stacks.get(&at) {
            return known.clone();
        }
        let calls = at.iter().filter_map(|&at| Some(self.image.function_at(at)?.calls_at(at)));
        let calls: Vec<CallAt<'_>> = calls.flatten().collect();
        let frames: Rc<[Frame]> = as_tracebacks_show(&calls).iter().take(most).map(frame).collect();
        self.stacks.insert(at, frames.clone());
        frames
    }
}

/// A call as it is shown.
fn frame(call: &CallAt<'_>) -> Frame {
    Frame {
        func: call.name.to_owned(),
        file: call.place.map(|(file, _)| file.to_owned()),
        line: call.place.map(|(_, line)| line),
        inlined: call.inlined,
    }
}
