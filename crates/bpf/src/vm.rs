//! A machine that runs programs without a kernel: for tests, for replaying recordings, and for engines that have no eBPF.
//!
//! It does what the kernel does with a program that the verifier let through, down to the return values of helpers and
//! the bytes that user space sees in maps of each CPU. It does not verify; whatever a program does wrong at run time
//! is a [`Fault`] with the place and the reason: memory outside of what it was given, a record neither submitted nor
//! discarded, a budget of instructions that ran out. Nothing a program does makes it panic, loop or allocate without
//! bound.
//!
//! What the program may not rely on is filled with patterns: registers after calls, fresh stack, fresh records.
//!
//! Made to be fast: [`Vm::load`] turns instructions into a compact form once; addresses carry what they point into, so
//! that an access is a match on their upper bits and one comparison.

mod exec;
mod fault;
mod helpers;
mod image;
mod keys;
mod machine;
mod maps;
mod memory;
mod random;
mod ring;
mod user;

pub use fault::{Fault, Reason};
pub use helpers::{HelperFn, Helpers};
pub use image::Image;
pub use machine::{Machine, Namespace, Task};
pub use maps::Errno;
pub use memory::Memory;
pub use random::{Random, USER_MEMORY, random_program};

pub use user::{NoMemory, Segments, Unreadable, UserMemory};

use crate::map::{MapError, MapId, Maps};
use crate::program::Program;
use exec::Callers;
use maps::Store;
use memory::Stack;

/// A budget that no program which ends by itself uses up.
pub const DEFAULT_BUDGET: u64 = 1 << 24;

/// Maps with what they hold, and the thread and CPU that programs find themselves on.
pub struct Vm {
    /// What helpers say about the thread, the clock and the probe. Set it before a run.
    pub task: Task,
    /// How many instructions a run may take.
    pub budget: u64,
    /// The kernel functions that there are.
    pub helpers: Helpers,
    /// Whether programs may write the context, as on Linux 7.0.
    pub writable_context: bool,
    store: Store,
    stack: Stack,
    callers: Callers,
}

impl Vm {
    /// A machine with that many CPUs and these maps.
    ///
    /// # Errors
    /// If there are more maps than addresses can name.
    pub fn new(maps: &Maps, cpus: u32) -> Result<Vm, MapError> {
        Ok(Vm {
            task: Task::default(),
            budget: DEFAULT_BUDGET,
            helpers: Helpers::default(),
            writable_context: false,
            store: Store::new(maps, cpus.max(1))?,
            stack: Stack::default(),
            callers: Callers::default(),
        })
    }

    /// Adds the maps of another build: those in `own`, filled; all others are the machine's by the same ids. Returns the
    /// machine's id of each map of the build.
    ///
    /// # Errors
    /// If there are more maps than addresses can name.
    pub fn extend(&mut self, maps: &Maps, own: &[MapId]) -> Result<Vec<MapId>, MapError> {
        maps.iter().map(|(id, spec)| if own.contains(&id) { self.store.add(spec) } else { Ok(id) }).collect()
    }

    /// Makes a program of another build ready, whose maps have these ids here ([`Vm::extend`]).
    ///
    /// # Errors
    /// As [`Vm::load`].
    pub fn load_with(&self, program: &Program, ids: &[MapId]) -> Result<Image, Fault> {
        Image::of(&program.with_maps(|id| ids.get(id.index()).copied().unwrap_or(id)), &self.store)
    }

    /// Makes a program ready to run on this machine.
    ///
    /// # Errors
    /// If a jump leads nowhere or a map is not one of this machine's.
    pub fn load(&self, program: &Program) -> Result<Image, Fault> {
        Image::of(program.insns(), &self.store)
    }

    /// Runs a program on a context (registers, tracepoint fields) and the memory of a process; the answer is `R0`.
    ///
    /// # Errors
    /// Where and why the program did what the kernel would not have let it do.
    pub fn run(&mut self, image: &Image, context: &mut [u8], user: &mut dyn UserMemory) -> Result<u64, Fault> {
        let memory = Memory::new(context, self.writable_context, &mut self.stack, &mut self.store);
        let mut machine = Machine::new(memory, &mut self.task, user);
        let result = exec::run(&mut machine, &mut self.callers, image, &self.helpers, self.budget);
        match (result, self.store.abandon_records()) {
            (Ok(_), true) => Err(Fault { pc: image.last_slot(), reason: Reason::RecordLeft }),
            (result, _) => result,
        }
    }

    /// How many CPUs there are.
    #[must_use]
    pub fn cpus(&self) -> u32 {
        self.store.cpus()
    }

    /// The value of a key as user space gets it: of a map by CPU all values, each padded to 8 bytes.
    #[must_use]
    pub fn get(&self, map: MapId, key: &[u8]) -> Option<Vec<u8>> {
        self.store.get(map, key)
    }

    /// Sets the value of a key as user space does: of a map by CPU all values, each padded to 8 bytes.
    ///
    /// # Errors
    /// As the kernel: no such index, map full, wrong size.
    pub fn put(&mut self, map: MapId, key: &[u8], value: &[u8]) -> Result<(), Errno> {
        self.store.put(map, key, value)
    }

    /// Takes a key out.
    ///
    /// # Errors
    /// As the kernel: no such key, or an array.
    pub fn remove(&mut self, map: MapId, key: &[u8]) -> Result<(), Errno> {
        self.store.delete(map, key)
    }

    /// All keys and values, of a hash in the order in which keys came.
    #[must_use]
    pub fn entries(&self, map: MapId) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.store.entries(map)
    }

    /// Takes the records that are ready out of a ring, oldest first.
    pub fn drain(&mut self, ring: MapId, record: impl FnMut(&[u8])) {
        self.store.drain(ring, record);
    }
}

#[cfg(test)]
mod tests;
