//! Which of two links handles a hit, while one takes over from the other at the same sites.
//!
//! A link's sites cannot be changed, so whoever wants one without some of them attaches a second one, and takes the first
//! one out. Meanwhile both run at each hit of what they have in common: the newer one first, as the kernel has it. Which of
//! them shall do what is asked for is said by one word ([`Phase`]), which user space changes step by step, and since the
//! two may see different values of it, the newer one marks what it has handled. The number of its link is what a program
//! is told apart by, so both may be of the same code.
//!
//! Where nobody takes over, which is nearly always, this is three loads and two comparisons.

use bpf::insn::{Cond, Size};
use bpf::{Caps, Entries, Helper, Label, MapError, MapSpec, Maps, Reg};

use super::body::{R0, R1, R2, R3, R4};
use super::entry::{Entry, WORD};
use super::late_hash;
use program::{Flip, Phase, engine_control, mark};

/// The mark, below the words for keys.
const MARK: i32 = WORD - mark::SIZE as i32;
/// The instruction that was hit.
const AT: Reg = Reg::R9;
/// The number of the newer link.
const NEW: Reg = Reg::R8;
/// `BPF_ANY`
const ANY: i32 = 0;

/// The maps.
pub(super) fn tables(caps: Caps, maps: &mut Maps) -> Result<Flip, MapError> {
    Ok(Flip {
        link: maps.add(MapSpec::array("link", 4, Entries::Fixed(1)).contents(u32::MAX.to_le_bytes().to_vec()))?,
        marks: maps.add(late_hash(caps, "marks", [mark::KEY, mark::SIZE], [mark::ENTRIES, mark::ENTRIES_ALLOCATED]))?,
    })
}

impl Entry<'_, '_> {
    /// Goes on where this link handles the hit, else out.
    pub(super) fn one_link(&mut self) {
        let (Some(Flip { link, marks }), Some(engine)) = (self.shared.tables.flip, self.shared.tables.engine) else {
            return;
        };
        let [older, newer, ours] = ["older_link", "newer_link", "our_hit"].map(|name| self.asm.label(name));
        self.asm.comment("which link?").map_value(R1, link, 0).load(Size::U32, R2, R1, 0);
        self.asm.map_value(R1, engine, 0);
        self.asm.load(Size::U32, NEW, R1, engine_control::LINK_NEW as i32).jump_if(Cond::Eq, R2, NEW, newer);
        self.asm.load(Size::U32, R0, R1, engine_control::LINK_OLD as i32).jump_if(Cond::Ne, R2, R0, ours);
        self.asm.place(older).load(Size::U32, R0, R1, engine_control::PHASE as i32);
        self.older(marks, ours);
        self.asm.place(newer).load(Size::U32, R0, R1, engine_control::PHASE as i32);
        self.newer(marks, ours);
        self.asm.place(ours);
    }

    /// The older link, with the phase in `R0`: its hits are those that the newer one has not marked.
    fn older(&mut self, marks: bpf::MapId, ours: Label) {
        self.asm.jump_if(Cond::Eq, R0, Phase::Coming as i32, ours);
        self.asm.jump_if(Cond::Eq, R0, Phase::Going as i32, self.out);
        self.thread_and_place();
        self.look_up(marks, WORD);
        self.asm.jump_if(Cond::Eq, R0, 0, ours);
        self.asm.load(Size::U64, R1, R0, mark::AT as i32).jump_if(Cond::Ne, R1, AT, ours);
        self.asm.load(Size::U64, R1, R0, mark::LINK as i32).jump_if(Cond::Ne, R1, NEW, ours);
        self.asm.jump(self.out);
    }

    /// The newer link, with the phase in `R0`. What it cannot mark is left to the older one, which comes behind it.
    fn newer(&mut self, marks: bpf::MapId, ours: Label) {
        self.asm.jump_if(Cond::Eq, R0, Phase::Going as i32, ours);
        self.asm.jump_if(Cond::Ne, R0, Phase::Handing as i32, self.out);
        self.thread_and_place();
        self.asm.store(Size::U64, Reg::R10, MARK + mark::AT as i32, AT);
        self.asm.store(Size::U64, Reg::R10, MARK + mark::LINK as i32, NEW);
        self.asm.map(R1, marks).frame(R2, WORD).frame(R3, MARK).mov(R4, ANY).helper(Helper::MAP_UPDATE_ELEM);
        self.asm.jump_if(Cond::Ne, R0, 0, self.out);
    }

    /// The key of a mark, and where the hit is.
    fn thread_and_place(&mut self) {
        self.load_register(AT, self.instruction_pointer());
        self.asm.helper(Helper::GET_CURRENT_PID_TGID).store(Size::U64, Reg::R10, WORD, R0);
    }
}
