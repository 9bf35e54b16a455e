//! The instructions: functions of the program that push, pop and find frames.
//!
//! Function by function, `R6` is the head, `R7` a depth, and the key of the maps stands at [`KEY`] of its stack frame.
//! Whatever ends frames that nobody sees returning is a *global* function, which the verifier looks at once: its turns
//! would multiply with those of its callers.

use std::fmt;

use bpf::{AluOp, Assembler, AtomicOp, Cond, FunctionId, Helper, Label, Linkage, Reg, Size, Width};
use event::go::End;
use program::frames::{
    CHUNK, COUNT_FOREIGN, COUNT_FULL, COUNT_NO_G, COUNT_UNPAIRED, FRAME_BELOW, FRAME_CALL, FRAME_DEPTH, FRAME_FLAGS,
    FRAME_HIDDEN, FRAME_HITS, FRAME_MARKS_AT, FRAME_NUMBER_AT, FRAME_ROW, FRAME_SWITCHES, FRAME_TIME, HEAD_BASE,
    HEAD_CALLS, HEAD_CHUNKS, HEAD_COUNT, HEAD_FRAMES, HEAD_GOID, HEAD_HI, HEAD_HIDDEN, HEAD_HITS, HEAD_LO, HEAD_MARKS,
    HEAD_PANIC, HEAD_PENDING, HEAD_SHIFT, HEAD_TOP, MARKS_AT, Outcome, SEEN_FRAME, SEEN_G, SEEN_GOID, SITE_ADJUST_AT,
    SITE_FLAGS_AT, SITE_HIDDEN, SITE_LOOP, SITE_MARKS_AT, SITE_SWITCHES, SITE_TAIL, Tables,
};

use super::gs::Gs;

use Reg::{R0, R1, R2, R3, R4, R6, R7, R8, R9, R10};

/// What the code of [`Frames::finish`]'s caller finds in the function for ended calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Holds the address of the frame: its row, time, call id, hits and what was saved.
    pub frame: Reg,
    /// Holds the address of the head: its goid and hits.
    pub head: Reg,
    /// Holds the number of the [`End`].
    pub end: Reg,
    /// Where the head's key is on the stack: `u32` the process's number, and 8 bytes on the g.
    pub key: i32,
    /// May be used, as `R0` to `R5`, and survives calls.
    pub free: Reg,
    /// The stack below this offset may be used.
    pub stack: i32,
}

/// Makes code for ended calls.
pub type EndedCode<'c> = &'c mut dyn FnMut(&mut Assembler, Ended);

/// Which functions there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Which {
    Enter,
    Exit,
    Goid,
    Recovery,
    GoroutineEnd,
    Goexit,
    CopyStack,
    Curg,
    PopAll,
    Pop,
    Ended,
}

impl Which {
    /// In the order in which they are made: a function after all of its callers.
    const ALL: [Which; 11] = [
        Which::Enter,
        Which::Exit,
        Which::Goid,
        Which::Recovery,
        Which::GoroutineEnd,
        Which::Goexit,
        Which::CopyStack,
        Which::Curg,
        Which::PopAll,
        Which::Pop,
        Which::Ended,
    ];

    fn declare(self, asm: &mut Assembler) -> FunctionId {
        use Linkage::{Global, Static};
        match self {
            Which::Enter => asm.declare("frames_enter", Static, &["context", "process", "site", "seen"]),
            Which::Exit => asm.declare("frames_exit", Static, &["context", "process", "site", "seen"]),
            Which::Goid => asm.declare("frames_goid", Static, &["context", "process", "seen"]),
            Which::Recovery => asm.declare("frames_recovery", Static, &["context", "process"]),
            Which::GoroutineEnd => asm.declare("frames_goroutine_end", Static, &["context", "process"]),
            Which::Goexit => asm.declare("frames_goexit", Static, &["context", "process"]),
            Which::CopyStack => asm.declare("frames_copystack", Static, &["context", "process"]),
            Which::Curg => asm.declare("frames_curg", Static, &["g", "seen"]),
            Which::PopAll => asm.declare("frames_pop_all", Global, &["process", "g", "limit", "end"]),
            Which::Pop => asm.declare("frames_pop", Global, &["process", "g", "limit", "end"]),
            Which::Ended => asm.declare("frames_ended", Global, &["process", "g", "end"]),
        }
    }
}

/// The shadow stacks of one program, in the making. The methods named as what they do call the function that does it;
/// [`Frames::finish`] makes those that were called.
///
/// As with every call `R1` to `R5` are lost and `R0` is the answer.
pub struct Frames {
    gs: Gs,
    tables: Tables,
    functions: [FunctionId; 11],
    called: [bool; 11],
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").field("gs", &self.gs).field("called", &self.called).finish_non_exhaustive()
    }
}

/// How often a call of the popping function turns, and how often it is called: as many frames end at one hit. Others
/// end at the next one.
const TURNS: i32 = 32;
const CALLS: i32 = 512;
/// `BPF_NOEXIST`.
const NO_EXIST: i32 = 1;
/// Stacks are smaller than two to this power, so that depths are numbers of 32 bits.
const STACK_BITS: i32 = 31;
/// The depth of the first call where depths count from anywhere: no stack reaches as far up, nor as far down.
const ANCHOR: i32 = 1 << (STACK_BITS - 1);

/// By how much the address of a system stack's g is shifted for the numbers of its calls to count on from.
const SYSTEM_CALLS_AT: i32 = event::calls::SYSTEM_CALLS_AT as i32;

// The stack frames of the functions here.
/// `{u32 process, u32 number of the chunk, u64 g}`; between lookups the number is 0.
const KEY: i32 = -16;
/// The index of the frame that was looked for.
const INDEX: i32 = -24;
/// `g.stack` as read.
const LO: i32 = -40;
const HI: i32 = -32;
/// `g.goid` as read.
const OWN: i32 = -48;

/// Who looks for the head.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seek {
    /// Makes one if there is none.
    Enter,
    Exit,
    Goid,
}

impl Frames {
    /// Declares the functions.
    #[must_use]
    pub fn declare(asm: &mut Assembler, tables: Tables, gs: Gs) -> Frames {
        let functions = Which::ALL.map(|which| which.declare(asm));
        Frames { gs, tables, functions, called: [false; 11] }
    }

    /// A call begins. Takes the context in `R1`, the process's number in `R2`, the [`Site`](program::frames::Site)'s word in
    /// `R3`, and in `R4` the address of [`SEEN_BYTES`](program::frames::SEEN_BYTES) bytes in the caller's stack frame. Answers
    /// with an [`Outcome`] and [marks](program::frames::MARKS_AT); the frame's address is there only if the call is recorded, goid
    /// and g always.
    pub fn enter(&mut self, asm: &mut Assembler) {
        self.call(asm, Which::Enter);
    }

    /// A call ends. Takes what [`Frames::enter`] takes. Answers with [`End::Return`] or [`End::Tail`], or 0 if there is
    /// no frame of that call, and marks; a frame's address is good until the next call of a function here.
    pub fn exit(&mut self, asm: &mut Assembler) {
        self.call(asm, Which::Exit);
    }

    /// Any instruction of Go code. Takes the context in `R1`, the process's number in `R2`, and in `R3` the address of
    /// [`SEEN_BYTES`](program::frames::SEEN_BYTES) bytes in the caller's stack frame; tells goid and g there, and no frame.
    /// Answers with nothing but marks.
    pub fn goid(&mut self, asm: &mut Assembler) {
        self.call(asm, Which::Goid);
    }

    /// The hook [`Recovery`](plan::target::HookKind::Recovery). Takes the context in `R1` and the process's number in
    /// `R2`, as the other hooks do.
    pub fn recovery(&mut self, asm: &mut Assembler) {
        self.call(asm, Which::Recovery);
    }

    /// The hooks [`GoroutineEnd`](plan::target::HookKind::GoroutineEnd) and
    /// [`CoroutineEnd`](plan::target::HookKind::CoroutineEnd).
    pub fn goroutine_end(&mut self, asm: &mut Assembler) {
        self.call(asm, Which::GoroutineEnd);
    }

    /// The hook [`Goexit`](plan::target::HookKind::Goexit).
    pub fn goexit(&mut self, asm: &mut Assembler) {
        self.call(asm, Which::Goexit);
    }

    /// The hook [`CopyStack`](plan::target::HookKind::CopyStack).
    pub fn copystack(&mut self, asm: &mut Assembler) {
        self.call(asm, Which::CopyStack);
    }

    fn call(&mut self, asm: &mut Assembler, which: Which) {
        self.called[which as usize] = true;
        asm.call(self.functions[which as usize]);
    }

    /// Makes the functions that were called; nothing may come after them but other functions. `ended` makes the code
    /// that runs for every call whose end no exit site sees (unwound, goexit, switched, lost), and must not leave its
    /// function; without it such ends are only counted.
    pub fn finish(mut self, asm: &mut Assembler, mut ended: Option<EndedCode<'_>>) {
        let tells = ended.is_some();
        for which in Which::ALL {
            if !self.called[which as usize] {
                continue;
            }
            asm.begin(self.functions[which as usize]);
            match which {
                Which::Enter => self.make_enter(asm),
                Which::Exit => self.make_exit(asm),
                Which::Goid => self.make_goid(asm),
                Which::Recovery => self.make_recovery(asm),
                Which::GoroutineEnd => self.make_end(asm, self.gs.first_argument()),
                Which::Goexit => self.make_end(asm, self.gs.g()),
                Which::CopyStack => self.make_copystack(asm),
                Which::Curg => self.make_curg(asm),
                Which::PopAll => self.make_pop_all(asm),
                Which::Pop => self.make_pop(asm, tells),
                Which::Ended => ended.iter_mut().for_each(|body| self.make_ended(asm, body)),
            }
        }
    }

    fn make_enter(&mut self, asm: &mut Assembler) {
        let (out, unrecorded, full) = (asm.label("out"), asm.label("unrecorded"), asm.label("full"));
        let (again, blocked) = (asm.label("again"), asm.label("blocked"));
        asm.comment("a call begins");
        self.site(asm);
        self.locate(asm, Seek::Enter, unrecorded, unrecorded);
        self.resume(asm);
        self.clear_level(asm, again, blocked);
        count_hit(asm);
        self.push(asm, full);
        self.marks(asm, Outcome::Recorded as i32);
        asm.jump(out).place(again);
        count_hit(asm);
        asm.mov(R0, Outcome::Again as i32).jump(out).place(blocked);
        count_hit(asm);
        asm.place(full);
        self.count(asm, COUNT_FULL);
        if self.tables.marks {
            self.marks(asm, Outcome::Unrecorded as i32);
            asm.jump(out);
        }
        asm.place(unrecorded).mov(R0, Outcome::Unrecorded as i32);
        asm.place(out).exit();
    }

    fn make_exit(&mut self, asm: &mut Assembler) {
        let (out, none, unpaired) = (asm.label("out"), asm.label("none"), asm.label("unpaired"));
        let unknown = asm.label("unknown");
        asm.comment("a call ends");
        self.site(asm);
        self.locate(asm, Seek::Exit, none, unpaired);
        self.resume(asm);
        self.lose_deeper(asm);
        count_hit(asm);
        self.take(asm, if self.tables.marks { unknown } else { unpaired });
        asm.jump(out);
        if self.tables.marks {
            asm.place(unknown);
            self.count(asm, COUNT_UNPAIRED);
            self.marks(asm, 0);
            asm.jump(out);
        }
        asm.place(unpaired);
        self.count(asm, COUNT_UNPAIRED);
        asm.place(none).mov(R0, 0);
        asm.place(out).exit();
    }

    fn make_goid(&mut self, asm: &mut Assembler) {
        let out = asm.label("out");
        asm.comment("which goroutine's code runs").mov(R9, R3);
        self.registers(asm);
        self.locate(asm, Seek::Goid, out, out);
        if self.tables.marks {
            self.resume(asm);
            self.lose_deeper(asm);
        }
        if self.has_head(Seek::Goid) {
            count_hit(asm);
        }
        if self.tables.marks {
            self.marks(asm, 0);
            asm.exit();
        }
        asm.place(out).mov(R0, 0).exit();
    }

    /// Keeps what enter and exit are given: the site in `R8`, the place for the answers in `R9`, SP at the function's
    /// first byte in `R7`.
    fn site(&self, asm: &mut Assembler) {
        asm.mov(R8, R3).mov(R9, R4);
        self.registers(asm);
        asm.alu(AluOp::Arsh, R3, SITE_ADJUST_AT).add(R7, R3);
    }

    /// The key from the process's number and the g register, SP in `R7`; nothing is seen yet.
    fn registers(&self, asm: &mut Assembler) {
        for answer in [SEEN_FRAME, SEEN_GOID, SEEN_G] {
            asm.store(Size::U64, R9, answer, 0);
        }
        asm.load(Size::U64, R4, R1, self.gs.g()).load(Size::U64, R7, R1, self.gs.sp());
        key(asm, R2, R4);
    }

    /// Looks for the head of the g in the key, and where SP (in `R7`) stands in its stack. Falls through with the head
    /// in `R6` and the depth in `R7`. `stray`: no goroutine's stack. `headless`: no head. The goid is known in any case.
    fn locate(&mut self, asm: &mut Assembler, seek: Seek, stray: Label, headless: Label) {
        let (read, known, ready) = (asm.label("read_g"), asm.label("known"), asm.label("ready"));
        if !self.has_head(seek) {
            // Nothing is kept: what is read is all that is wanted.
            return self.read_g(asm, stray);
        }
        if self.gs.anonymous {
            return self.locate_anonymous(asm, seek, headless);
        }
        self.find_head(asm);
        asm.mov(R6, R0).jump_if(Cond::Eq, R6, 0, read);
        if self.gs.cached {
            self.cached_stack(asm, read, ready);
        }
        asm.place(read);
        self.read_g(asm, stray);
        asm.jump_if(Cond::Ne, R6, 0, known);
        if seek == Seek::Exit {
            asm.jump(headless);
        } else {
            self.make_head(asm, seek, headless);
        }
        asm.place(known);
        self.renew(asm, seek, ready);
        asm.load(Size::U64, R2, R10, HI).alu(AluOp::Sub, R2, R7).mov(R7, R2);
        asm.place(ready);
    }

    /// Whether the head is looked for: where nothing of g is kept, its goid is only read.
    fn has_head(&self, seek: Seek) -> bool {
        let kept = self.gs.cached && !self.gs.anonymous;
        seek != Seek::Goid || kept || self.tables.marks
    }

    /// The same where depths need not count from the high end of the stack: they do from [`ANCHOR`] above the first call.
    /// What is left in the head of a goroutine that is over, and was not told of, are calls of functions whose probes
    /// were taken out. They end as soon as they cannot be callers.
    fn locate_anonymous(&mut self, asm: &mut Assembler, seek: Seek, headless: Label) {
        let (found, ready) = (asm.label("found"), asm.label("ready"));
        let (first, leftover) = (asm.label("first"), asm.label("leftover"));
        let enters = seek == Seek::Enter;
        self.find_head(asm);
        asm.mov(R6, R0).jump_if(Cond::Ne, R6, 0, found);
        if enters {
            self.make_head(asm, seek, headless);
        } else {
            asm.jump(headless);
        }
        let [first, leftover] = if enters { [first, leftover] } else { [headless; 2] };
        asm.place(found).load(Size::U32, R1, R6, HEAD_TOP).jump_if(Cond::Eq, R1, 0, first);
        self.base(asm, leftover);
        asm.alu(AluOp::Sub, R1, R7).mov(R2, R1).add(R2, -1).alu(AluOp::Rsh, R2, STACK_BITS);
        asm.jump_if(Cond::Ne, R2, 0, leftover).mov(R7, R1);
        if enters {
            asm.jump(ready).place(leftover);
            self.lose_all(asm);
            asm.place(first).mov(R1, R7).add(R1, ANCHOR).store(Size::U64, R6, HEAD_BASE, R1).mov(R7, ANCHOR);
        }
        asm.place(ready);
    }

    /// `R1 =` where depths count from: as far from the end of the stack as before it moved.
    fn base(&self, asm: &mut Assembler, failed: Label) {
        let known = asm.label("base");
        asm.load(Size::U64, R1, R6, HEAD_BASE).jump_if(Cond::Ne, R1, 0, known);
        self.read_field(asm, LO, 16, self.gs.stack, failed);
        asm.load(Size::U64, R1, R10, HI).load(Size::U64, R2, R6, HEAD_SHIFT).alu(AluOp::Add, R1, R2);
        asm.store(Size::U64, R6, HEAD_BASE, R1).place(known);
    }

    /// Ends all calls of a head, whatever it takes.
    fn lose_all(&mut self, asm: &mut Assembler) {
        asm.mov(R3, 1).mov(R4, End::Lost as i32);
        self.pop_all(asm);
        asm.store(Size::U32, R6, HEAD_COUNT, 0).store(Size::U32, R6, HEAD_TOP, 0);
        asm.store(Size::U64, R6, HEAD_PENDING, 0).store(Size::U32, R6, HEAD_MARKS, 0);
    }

    /// SP is in the stack that the head remembers: goid and depth are known.
    fn cached_stack(&self, asm: &mut Assembler, read: Label, ready: Label) {
        asm.load(Size::U64, R1, R6, HEAD_HI).jump_if(Cond::Le, R1, R7, read);
        asm.load(Size::U64, R2, R6, HEAD_LO).jump_if(Cond::Lt, R7, R2, read);
        asm.load(Size::U64, R2, R6, HEAD_GOID).store(Size::U64, R9, SEEN_GOID, R2);
        asm.load(Size::U64, R2, R10, KEY + 8).store(Size::U64, R9, SEEN_G, R2);
        asm.alu(AluOp::Sub, R1, R7).mov(R7, R1).jump(ready);
    }

    /// Reads stack and goid, of g itself and of the goroutine on whose behalf it runs.
    fn read_g(&mut self, asm: &mut Assembler, stray: Label) {
        let (no_g, foreign) = (asm.label("no_g"), asm.label("foreign"));
        let (own, fine) = (asm.label("own"), asm.label("fine"));
        self.read_field(asm, LO, 16, self.gs.stack, no_g);
        asm.load(Size::U64, R1, R10, LO).load(Size::U64, R2, R10, HI);
        asm.jump_if(Cond::Lt, R7, R1, foreign).jump_if(Cond::Ge, R7, R2, foreign);
        asm.alu(AluOp::Sub, R2, R1).alu(AluOp::Rsh, R2, STACK_BITS).jump_if(Cond::Ne, R2, 0, no_g);
        self.read_field(asm, OWN, 8, self.gs.goid, no_g);
        asm.load(Size::U64, R1, R10, KEY + 8).load(Size::U64, R2, R10, OWN).jump_if(Cond::Ne, R2, 0, own);
        asm.mov(R2, R9);
        self.call(asm, Which::Curg);
        asm.jump(fine);
        asm.place(no_g);
        self.count(asm, COUNT_NO_G);
        asm.jump(stray);
        asm.place(foreign);
        self.count(asm, COUNT_FOREIGN);
        asm.jump(stray);
        asm.place(own).store(Size::U64, R9, SEEN_GOID, R2).store(Size::U64, R9, SEEN_G, R1);
        asm.place(fine);
    }

    /// Reads a field of the g in the key.
    fn read_field(&self, asm: &mut Assembler, to: i32, bytes: i32, field: i32, failed: Label) {
        asm.load(Size::U64, R3, R10, KEY + 8);
        read_user(asm, to, bytes, field);
        asm.jump_if(Cond::Ne, R0, 0, failed);
    }

    fn make_head(&self, asm: &mut Assembler, seek: Seek, headless: Label) {
        let made = asm.label("made");
        asm.map(R1, self.tables.heads).frame(R2, KEY).map_value(R3, self.tables.blank, 0).mov(R4, NO_EXIST);
        asm.helper(Helper::MAP_UPDATE_ELEM);
        self.find_head(asm);
        asm.mov(R6, R0).jump_if(Cond::Ne, R6, 0, made);
        if seek == Seek::Enter {
            self.count(asm, COUNT_FULL);
        }
        asm.jump(headless);
        asm.place(made);
        if self.gs.anonymous {
            return;
        }
        // Several system stacks may work for one goroutine: their calls have numbers that no other stack's have.
        let own = asm.label("own_stack");
        asm.load(Size::U64, R1, R10, OWN).jump_if(Cond::Ne, R1, 0, own);
        asm.load(Size::U64, R1, R10, KEY + 8).alu(AluOp::Lsh, R1, SYSTEM_CALLS_AT);
        asm.store(Size::U64, R6, HEAD_CALLS, R1).place(own);
    }

    /// Keeps what was read. A head of another goroutine's calls has no frames, unless the hook for the end of goroutines
    /// is missing.
    fn renew(&mut self, asm: &mut Assembler, seek: Seek, ready: Label) {
        let (same, keep) = (asm.label("same"), asm.label("keep"));
        asm.load(Size::U64, R1, R6, HEAD_GOID).load(Size::U64, R2, R10, OWN).jump_if(Cond::Eq, R1, R2, same);
        asm.load(Size::U32, R1, R6, HEAD_TOP).jump_if(Cond::Eq, R1, 0, keep);
        if seek == Seek::Goid && !self.tables.marks {
            asm.jump(ready);
        } else {
            self.lose_all(asm);
        }
        asm.place(keep).load(Size::U64, R2, R10, OWN).store(Size::U64, R6, HEAD_GOID, R2);
        asm.place(same);
        if self.gs.cached {
            let system = asm.label("system");
            asm.jump_if(Cond::Eq, R2, 0, system);
            asm.load(Size::U64, R1, R10, HI).store(Size::U64, R6, HEAD_HI, R1);
            asm.load(Size::U64, R1, R10, LO).store(Size::U64, R6, HEAD_LO, R1);
            asm.place(system);
        }
    }

    fn find_head(&self, asm: &mut Assembler) {
        asm.map(R1, self.tables.heads).frame(R2, KEY).helper(Helper::MAP_LOOKUP_ELEM);
    }

    /// Goes on with an end that had too many frames for one hit.
    fn resume(&mut self, asm: &mut Assembler) {
        let nothing = asm.label("nothing_pending");
        asm.load(Size::U32, R3, R6, HEAD_PENDING).jump_if(Cond::Eq, R3, 0, nothing);
        asm.load(Size::U32, R4, R6, HEAD_PENDING + 4).store(Size::U64, R6, HEAD_PENDING, 0);
        self.pop_all(asm);
        asm.place(nothing);
    }

    /// Calls the popping function with limit and end as they are in `R3` and `R4`.
    fn pop_all(&mut self, asm: &mut Assembler) {
        asm.load(Size::U32, R1, R10, KEY).load(Size::U64, R2, R10, KEY + 8);
        self.call(asm, Which::PopAll);
    }

    /// Ends whatever stands at the depth of a call that begins or deeper: a live caller is strictly above it.
    fn clear_level(&mut self, asm: &mut Assembler, again: Label, full: Label) {
        let (clear, lose) = (asm.label("clear"), asm.label("lose"));
        asm.load(Size::U32, R1, R6, HEAD_TOP).jump_if(Cond::Lt, R1, R7, clear);
        asm.jump_if(Cond::Ne, R1, R7, lose);
        asm.mov(R2, R8).alu(AluOp::Rsh, R2, SITE_FLAGS_AT).alu(AluOp::And, R2, SITE_LOOP);
        asm.jump_if(Cond::Eq, R2, 0, lose);
        self.top(asm, lose);
        asm.load(Size::U32, R1, R0, FRAME_ROW).alu32(AluOp::Mov, R2, R8).jump_if(Cond::Eq, R1, R2, again);
        asm.place(lose).mov(R3, R7).mov(R4, End::Lost as i32);
        self.pop_all(asm);
        asm.load(Size::U32, R1, R6, HEAD_TOP).jump_if(Cond::Ge, R1, R7, full);
        asm.place(clear);
    }

    fn push(&mut self, asm: &mut Assembler, full: Label) {
        asm.load(Size::U32, R1, R6, HEAD_COUNT);
        self.frame_at(asm, true, full);
        asm.store(Size::U64, R9, SEEN_FRAME, R0);
        asm.store(Size::U32, R0, FRAME_DEPTH, R7).store(Size::U32, R0, FRAME_ROW, R8);
        asm.load(Size::U32, R1, R6, HEAD_TOP).store(Size::U32, R0, FRAME_BELOW, R1);
        asm.mov(R1, R8).alu(AluOp::Rsh, R1, SITE_FLAGS_AT).alu(AluOp::And, R1, SITE_SWITCHES | SITE_HIDDEN);
        asm.alu(AluOp::Rsh, R1, (SITE_SWITCHES / FRAME_SWITCHES).ilog2() as i32);
        asm.load(Size::U32, R2, R6, HEAD_COUNT).load(Size::U16, R3, R6, HEAD_HIDDEN).alu(AluOp::Sub, R2, R3);
        asm.mov(R4, R1).alu(AluOp::Rsh, R4, FRAME_HIDDEN.ilog2() as i32).add(R3, R4);
        asm.store(Size::U16, R6, HEAD_HIDDEN, R3).alu(AluOp::Lsh, R2, FRAME_NUMBER_AT).alu(AluOp::Or, R1, R2);
        self.add_marks(asm);
        asm.store(Size::U32, R0, FRAME_FLAGS, R1);
        asm.load(Size::U64, R1, R6, HEAD_CALLS).add(R1, 1).store(Size::U64, R6, HEAD_CALLS, R1);
        asm.store(Size::U64, R0, FRAME_CALL, R1);
        asm.load(Size::U64, R1, R6, HEAD_HITS).store(Size::U64, R0, FRAME_HITS, R1);
        asm.load(Size::U32, R1, R6, HEAD_COUNT).add(R1, 1).store(Size::U32, R6, HEAD_COUNT, R1);
        asm.store(Size::U32, R6, HEAD_TOP, R7);
        asm.helper(Helper::KTIME_GET_BOOT_NS);
        asm.load(Size::U64, R1, R9, SEEN_FRAME).store(Size::U64, R1, FRAME_TIME, R0);
    }

    /// Ends what stands deeper than a call that ends.
    fn lose_deeper(&mut self, asm: &mut Assembler) {
        let level = asm.label("level");
        asm.load(Size::U32, R1, R6, HEAD_TOP).jump_if(Cond::Le, R1, R7, level);
        asm.mov(R3, R7).add(R3, 1).mov(R4, End::Lost as i32);
        self.pop_all(asm);
        asm.place(level);
    }

    /// Takes the top frame off, if it is that of the call that ends.
    fn take(&mut self, asm: &mut Assembler, unpaired: Label) {
        asm.load(Size::U32, R1, R6, HEAD_TOP).jump_if(Cond::Ne, R1, R7, unpaired);
        self.top(asm, unpaired);
        asm.load(Size::U32, R1, R0, FRAME_ROW).alu32(AluOp::Mov, R2, R8).jump_if(Cond::Ne, R1, R2, unpaired);
        asm.store(Size::U64, R9, SEEN_FRAME, R0);
        // The return itself has been counted.
        asm.load(Size::U64, R1, R6, HEAD_HITS).load(Size::U64, R2, R0, FRAME_HITS).alu(AluOp::Sub, R1, R2);
        asm.add(R1, -1).store(Size::U64, R0, FRAME_HITS, R1);
        asm.load(Size::U32, R1, R0, FRAME_BELOW).store(Size::U32, R6, HEAD_TOP, R1);
        asm.load(Size::U32, R1, R6, HEAD_COUNT).add(R1, -1).store(Size::U32, R6, HEAD_COUNT, R1);
        if self.tables.marks {
            // The depth is not asked for any more, the marks are when they are gone.
            self.all_marks(asm);
            asm.load(Size::U64, R0, R9, SEEN_FRAME);
        }
        self.leave_below(asm);
        self.shrink(asm);
        asm.mov(R0, R8).alu(AluOp::Rsh, R0, SITE_FLAGS_AT).alu(AluOp::And, R0, SITE_TAIL);
        asm.alu(AluOp::Rsh, R0, SITE_TAIL.ilog2() as i32).add(R0, End::Return as i32);
        if self.tables.marks {
            asm.alu(AluOp::Lsh, R7, MARKS_AT).alu(AluOp::Or, R0, R7);
        }
    }

    /// To the flags in `R1` the marks of the frames below; the head gets those of the call that begins, too.
    fn add_marks(&self, asm: &mut Assembler) {
        if self.tables.marks {
            asm.load(Size::U8, R2, R6, HEAD_MARKS).mov(R3, R2).alu(AluOp::Lsh, R2, FRAME_MARKS_AT);
            asm.alu(AluOp::Or, R1, R2).mov(R2, R8).alu(AluOp::Rsh, R2, SITE_MARKS_AT).alu(AluOp::Or, R3, R2);
            asm.store(Size::U8, R6, HEAD_MARKS, R3);
        }
    }

    /// The head has what it had below the frame in `R0`.
    fn leave_below(&self, asm: &mut Assembler) {
        asm.load(Size::U32, R1, R0, FRAME_FLAGS).load(Size::U16, R2, R6, HEAD_HIDDEN).mov(R3, R1);
        asm.alu(AluOp::Rsh, R3, FRAME_HIDDEN.ilog2() as i32).alu(AluOp::And, R3, 1).alu(AluOp::Sub, R2, R3);
        asm.store(Size::U16, R6, HEAD_HIDDEN, R2);
        if self.tables.marks {
            asm.alu(AluOp::Rsh, R1, FRAME_MARKS_AT).store(Size::U8, R6, HEAD_MARKS, R1);
        }
    }

    /// `R0 =` an answer with the marks that are there; the depth in `R7` is lost.
    fn marks(&self, asm: &mut Assembler, answer: i32) {
        if !self.tables.marks {
            asm.mov(R0, answer);
            return;
        }
        self.all_marks(asm);
        asm.mov(R0, R7).alu(AluOp::Lsh, R0, MARKS_AT).alu(AluOp::Or, R0, answer);
    }

    /// `R7 =` the marks of all open calls, on a system stack those of the goroutine that it works for among them.
    fn all_marks(&self, asm: &mut Assembler) {
        let (own, none) = (asm.label("own_marks"), asm.label("no_head"));
        asm.load(Size::U8, R7, R6, HEAD_MARKS);
        asm.load(Size::U64, R1, R9, SEEN_G).jump_if(Cond::Eq, R1, 0, own);
        asm.load(Size::U64, R2, R10, KEY + 8).jump_if(Cond::Eq, R1, R2, own);
        asm.store(Size::U64, R10, OWN, R2).store(Size::U64, R10, KEY + 8, R1);
        self.find_head(asm);
        asm.jump_if(Cond::Eq, R0, 0, none).load(Size::U8, R1, R0, HEAD_MARKS).alu(AluOp::Or, R7, R1);
        asm.place(none).load(Size::U64, R2, R10, OWN).store(Size::U64, R10, KEY + 8, R2).place(own);
    }

    /// The top frame in `R0`.
    fn top(&mut self, asm: &mut Assembler, none: Label) {
        asm.load(Size::U32, R1, R6, HEAD_COUNT).jump_if(Cond::Eq, R1, 0, none).add(R1, -1);
        self.frame_at(asm, false, none);
    }

    /// The frame whose index is in `R1`, in `R0`; with `make` in a new chunk, if there is none for it.
    fn frame_at(&mut self, asm: &mut Assembler, make: bool, none: Label) {
        let (chunked, chunk, found) = (asm.label("chunked"), asm.label("chunk"), asm.label("frame"));
        let bytes = self.tables.frame_bytes() as i32;
        asm.jump_if(Cond::Ge, R1, CHUNK, chunked);
        asm.mov(R0, R6).add(R0, HEAD_FRAMES).jump(found);
        asm.place(chunked).store(Size::U64, R10, INDEX, R1);
        asm.alu(AluOp::Rsh, R1, CHUNK.ilog2() as i32).store(Size::U32, R10, KEY + 4, R1);
        asm.map(R1, self.tables.chunks).frame(R2, KEY).helper(Helper::MAP_LOOKUP_ELEM);
        asm.jump_if(Cond::Ne, R0, 0, chunk);
        if make {
            self.make_chunk(asm);
        }
        asm.jump_if(Cond::Ne, R0, 0, chunk);
        asm.store(Size::U32, R10, KEY + 4, 0).jump(none);
        asm.place(chunk).store(Size::U32, R10, KEY + 4, 0);
        asm.load(Size::U64, R1, R10, INDEX).alu(AluOp::And, R1, CHUNK - 1);
        asm.place(found).alu(AluOp::Mul, R1, bytes).add(R0, R1);
    }

    /// A new chunk for the key, with whatever frames in it: a copy of the head's.
    fn make_chunk(&self, asm: &mut Assembler) {
        asm.map(R1, self.tables.chunks).frame(R2, KEY).mov(R3, R6).add(R3, HEAD_FRAMES).mov(R4, NO_EXIST);
        asm.helper(Helper::MAP_UPDATE_ELEM);
        asm.load(Size::U32, R1, R10, KEY + 4).store(Size::U32, R6, HEAD_CHUNKS, R1);
        asm.map(R1, self.tables.chunks).frame(R2, KEY).helper(Helper::MAP_LOOKUP_ELEM);
    }

    /// Gives back the chunk behind the one whose first frame was just taken off; with the first frame of all, the last one.
    fn shrink(&self, asm: &mut Assembler) {
        let enough = asm.label("enough");
        asm.load(Size::U32, R1, R6, HEAD_COUNT).mov(R2, R1).alu(AluOp::And, R2, CHUNK - 1);
        asm.jump_if(Cond::Ne, R2, 0, enough).alu(AluOp::Rsh, R1, CHUNK.ilog2() as i32);
        asm.load(Size::U32, R2, R6, HEAD_CHUNKS).jump_if(Cond::Ge, R1, R2, enough);
        self.delete_chunk(asm);
        asm.place(enough);
    }

    /// Deletes the last chunk, whose number is in `R2`.
    fn delete_chunk(&self, asm: &mut Assembler) {
        asm.store(Size::U32, R10, KEY + 4, R2).add(R2, -1).store(Size::U32, R6, HEAD_CHUNKS, R2);
        asm.map(R1, self.tables.chunks).frame(R2, KEY).helper(Helper::MAP_DELETE_ELEM);
        asm.store(Size::U32, R10, KEY + 4, 0);
    }

    fn make_recovery(&mut self, asm: &mut Assembler) {
        let (out, no_g) = (asm.label("out"), asm.label("no_g"));
        asm.comment("a panic was recovered; R7 becomes &g.sched");
        asm.mov(R8, R2).load(Size::U64, R3, R1, self.gs.sp());
        read_user(asm, OWN, 8, self.gs.stack_argument());
        asm.jump_if(Cond::Ne, R0, 0, no_g);
        asm.load(Size::U64, R7, R10, OWN).mov(R3, R7).add(R3, -self.gs.sched);
        key(asm, R8, R3);
        asm.mov(R3, R7);
        read_user(asm, OWN, 8, 0);
        asm.jump_if(Cond::Ne, R0, 0, no_g);
        self.find_head(asm);
        asm.mov(R6, R0).jump_if(Cond::Eq, R6, 0, out);
        if self.gs.anonymous {
            asm.load(Size::U32, R1, R6, HEAD_TOP).jump_if(Cond::Eq, R1, 0, out);
            self.base(asm, no_g);
        } else {
            self.read_field(asm, LO, 16, self.gs.stack, no_g);
            asm.load(Size::U64, R1, R10, HI);
        }
        asm.mov(R7, R1).load(Size::U64, R1, R10, OWN).alu(AluOp::Sub, R7, R1);
        asm.mov(R1, R7).alu(AluOp::Rsh, R1, STACK_BITS).jump_if(Cond::Ne, R1, 0, no_g);
        self.resume(asm);
        let none = asm.label("nothing_open");
        self.top(asm, none);
        asm.load(Size::U64, R1, R0, FRAME_CALL).store(Size::U64, R6, HEAD_PANIC, R1);
        asm.place(none).mov(R3, R7).mov(R4, End::Unwound as i32);
        self.pop_all(asm);
        asm.jump(out);
        asm.place(no_g);
        self.count(asm, COUNT_NO_G);
        asm.place(out).mov(R0, 0).exit();
    }

    /// Of the g in a register.
    fn make_end(&mut self, asm: &mut Assembler, g: i32) {
        let out = asm.label("out");
        asm.comment("a goroutine is over");
        self.head_of(asm, g, out);
        if !self.gs.anonymous {
            asm.store(Size::U64, R6, HEAD_HI, 0);
        }
        self.resume(asm);
        asm.load(Size::U32, R1, R6, HEAD_TOP).jump_if(Cond::Eq, R1, 0, out);
        asm.mov(R3, 1).mov(R4, End::Goexit as i32);
        self.pop_all(asm);
        asm.place(out).mov(R0, 0).exit();
    }

    /// Forgets the stack; where depths count from elsewhere, how far that is from its end is kept.
    fn make_copystack(&mut self, asm: &mut Assembler) {
        let (out, no_g) = (asm.label("out"), asm.label("no_g"));
        asm.comment("a stack moves");
        self.head_of(asm, self.gs.first_argument(), out);
        if self.gs.anonymous {
            asm.load(Size::U32, R1, R6, HEAD_TOP).jump_if(Cond::Eq, R1, 0, out);
            asm.load(Size::U64, R7, R6, HEAD_BASE).jump_if(Cond::Eq, R7, 0, out);
            self.read_field(asm, LO, 16, self.gs.stack, no_g);
            asm.load(Size::U64, R1, R10, HI).alu(AluOp::Sub, R7, R1).store(Size::U64, R6, HEAD_SHIFT, R7);
        }
        asm.store(Size::U64, R6, HEAD_HI, 0);
        asm.place(out).mov(R0, 0).exit();
        if self.gs.anonymous {
            asm.place(no_g);
            self.count(asm, COUNT_NO_G);
            asm.mov(R0, 0).exit();
        }
    }

    /// Looks for the head of the g in a register.
    fn head_of(&self, asm: &mut Assembler, g: i32, none: Label) {
        asm.load(Size::U64, R3, R1, g);
        key(asm, R2, R3);
        self.find_head(asm);
        asm.mov(R6, R0).jump_if(Cond::Eq, R6, 0, none);
    }

    /// The goroutine on whose behalf a system stack is in use: `g.m.curg`.
    fn make_curg(&mut self, asm: &mut Assembler) {
        let none = asm.label("none");
        asm.comment("the goroutine that a system stack works for").mov(R9, R2).mov(R3, R1);
        for field in [self.gs.m, self.gs.curg] {
            read_user(asm, OWN, 8, field);
            asm.jump_if(Cond::Ne, R0, 0, none);
            asm.load(Size::U64, R3, R10, OWN).jump_if(Cond::Eq, R3, 0, none);
        }
        asm.mov(R6, R3);
        read_user(asm, OWN, 8, self.gs.goid);
        asm.jump_if(Cond::Ne, R0, 0, none).load(Size::U64, R1, R10, OWN);
        asm.store(Size::U64, R9, SEEN_GOID, R1).store(Size::U64, R9, SEEN_G, R6);
        asm.place(none).mov(R0, 0).exit();
    }

    /// `pop`, until it is done or has had its turns; then the rest is noted in the head.
    fn make_pop_all(&mut self, asm: &mut Assembler) {
        let (turn, out) = (asm.label("turn"), asm.label("out"));
        asm.comment("ends the frames from a depth on");
        key(asm, R1, R2);
        asm.mov(R7, R3).mov(R8, R4).mov(R9, CALLS);
        asm.place(turn).load(Size::U32, R1, R10, KEY).load(Size::U64, R2, R10, KEY + 8).mov(R3, R7).mov(R4, R8);
        self.call(asm, Which::Pop);
        asm.jump_if(Cond::Eq, R0, 0, out).add(R9, -1).jump_if(Cond::Ne, R9, 0, turn);
        self.find_head(asm);
        asm.jump_if(Cond::Eq, R0, 0, out);
        asm.store(Size::U32, R0, HEAD_PENDING, R7).store(Size::U32, R0, HEAD_PENDING + 4, R8);
        asm.place(out).mov(R0, 0).exit();
    }

    /// Ends up to [`TURNS`] frames; 1 if there may be more.
    fn make_pop(&mut self, asm: &mut Assembler, tells: bool) {
        let (turn, torn, done) = (asm.label("turn"), asm.label("torn"), asm.label("done"));
        asm.comment("ends some of the frames from a depth on");
        key(asm, R1, R2);
        asm.mov(R7, R3).mov(R8, R4).mov(R9, TURNS);
        self.find_head(asm);
        asm.mov(R6, R0).jump_if(Cond::Eq, R6, 0, done);
        asm.place(turn).load(Size::U32, R1, R6, HEAD_TOP);
        asm.jump_if(Cond::Eq, R1, 0, done).jump_if(Cond::Lt, R1, R7, done);
        self.top(asm, torn);
        asm.load(Size::U32, R1, R0, FRAME_BELOW).store(Size::U32, R6, HEAD_TOP, R1);
        asm.load(Size::U32, R1, R6, HEAD_COUNT).add(R1, -1).store(Size::U32, R6, HEAD_COUNT, R1);
        self.leave_below(asm);
        self.count_end(asm);
        if tells {
            asm.load(Size::U32, R1, R10, KEY).load(Size::U64, R2, R10, KEY + 8);
            self.call(asm, Which::Ended);
        }
        self.shrink(asm);
        asm.add(R9, -1).jump_if(Cond::Ne, R9, 0, turn).mov(R0, 1).exit();
        asm.place(torn).comment("a chunk is missing, which never happens");
        asm.store(Size::U32, R6, HEAD_COUNT, 0).store(Size::U32, R6, HEAD_TOP, 0).store(Size::U32, R6, HEAD_MARKS, 0);
        asm.place(done).mov(R0, 0).exit();
    }

    /// Finds out how the frame in `R0` has ended (`R8`, unless it switched), counts it, and leaves it in `R3`.
    fn count_end(&self, asm: &mut Assembler) {
        let (kind, hidden, counts) = (asm.label("kind"), asm.label("hidden"), asm.label("counts"));
        asm.load(Size::U32, R2, R0, FRAME_FLAGS).store(Size::U64, R10, LO, R2);
        asm.mov(R3, R8).jump_if(Cond::Ne, R3, End::Lost as i32, kind);
        asm.mov(R1, R2).alu(AluOp::And, R1, FRAME_SWITCHES).jump_if(Cond::Eq, R1, 0, kind);
        asm.mov(R3, End::Switched as i32);
        asm.place(kind);
        self.unless_gone(asm);
        asm.jump_if(Cond::Eq, R3, End::Lost as i32, counts).load(Size::U64, R1, R10, LO);
        asm.alu(AluOp::And, R1, FRAME_HIDDEN).jump_if(Cond::Ne, R1, 0, hidden).place(counts);
        asm.mov(R2, R3).alu(AluOp::And, R2, 7).alu(AluOp::Lsh, R2, 3);
        asm.map_value(R1, self.tables.counters, 0).add(R1, R2).mov(R4, 1);
        asm.atomic(AtomicOp::Add, Width::W64, R1, 0, R4).place(hidden);
    }

    /// Makes the end in `R3` another one if the row of the frame in `R0` is gone.
    fn unless_gone(&self, asm: &mut Assembler) {
        let known = asm.label("known");
        asm.load(Size::U32, R1, R0, FRAME_ROW).store(Size::U32, R10, OWN, R1).store(Size::U64, R10, HI, R3);
        asm.map(R1, self.tables.gone).frame(R2, OWN).helper(Helper::MAP_LOOKUP_ELEM).load(Size::U64, R3, R10, HI);
        asm.jump_if(Cond::Eq, R0, 0, known).mov(R3, End::Detached as i32).place(known);
    }

    /// The emitter's code for an ended call, whose frame is the first one behind the top.
    fn make_ended(&mut self, asm: &mut Assembler, body: EndedCode<'_>) {
        let out = asm.label("out");
        asm.comment("a call has ended that no exit site saw");
        key(asm, R1, R2);
        asm.mov(R8, R3);
        self.find_head(asm);
        asm.mov(R6, R0).jump_if(Cond::Eq, R6, 0, out).load(Size::U32, R1, R6, HEAD_COUNT);
        self.frame_at(asm, false, out);
        asm.mov(R7, R0);
        body(asm, Ended { frame: R7, head: R6, end: R8, key: KEY, free: R9, stack: INDEX });
        asm.place(out).mov(R0, 0).exit();
    }

    fn count(&self, asm: &mut Assembler, counter: u32) {
        asm.map_value(R1, self.tables.counters, counter).mov(R2, 1);
        asm.atomic(AtomicOp::Add, Width::W64, R1, 0, R2);
    }
}

/// Counts a hit in the head. Calls that ended before the hit must be off the stack: it is not inside of them.
fn count_hit(asm: &mut Assembler) {
    asm.load(Size::U64, R1, R6, HEAD_HITS).add(R1, 1).store(Size::U64, R6, HEAD_HITS, R1);
}

/// Builds the key of a head from registers.
fn key(asm: &mut Assembler, process: Reg, g: Reg) {
    asm.store(Size::U32, R10, KEY, process).store(Size::U32, R10, KEY + 4, 0).store(Size::U64, R10, KEY + 8, g);
}

/// Reads what is `offset` behind the address in `R3`; `R0` is 0 if that could be read.
fn read_user(asm: &mut Assembler, to: i32, bytes: i32, offset: i32) {
    asm.add(R3, offset).mov(R2, bytes).frame(R1, to).helper(Helper::PROBE_READ_USER);
}
