//! What the checker is told about [`kernel::specimen`]: that it is a program of Go, and what its functions take.
//!
//! | name | is |
//! |---|---|
//! | `emulated.SLOT` | entered where the frame is made, left by its jump: the kernel emulates both |
//! | `stepped.SLOT` | entered at its first byte, left by its return: the kernel steps over both |
//! | `many.NUMBER` | ten thousand of them, entered where the frame is made, left by the return |

use std::mem::offset_of;
use std::sync::Arc;

use gobin::abi::{self, Abi, Shapes};
use gobin::elf::Elf;
use gobin::insn::{Class, Prologue};
use gobin::maps::Maps;
use gobin::pattern::Pattern;
use gobin::signature::{Arg, Gaps, PlacedBy, Signature, Source};
use gobin::sites::{Entry, Exit, Return, Sites};
use gobin::types::{Type, TypeRef, TypeSource};
use gobin::{Arch, FileOff, VAddr};
use kernel::specimen::{self, CHECK, COLD, COLD_RETURN, FRAME, G, HOT, JUMP, RETURN};
use plan::target::Start;
use plan::target::{DynamicType, FIELDS, Found, Hook, HookKind, Runtime, Target};
use plan::world::{Field, World};

use super::{RECORDED, Sited, goods, slot};

/// Where the runtime's own events would be seen; nobody calls these.
const HOOKS: [(HookKind, usize); 3] =
    [(HookKind::Recovery, HOT - 1), (HookKind::GoroutineEnd, HOT - 2), (HookKind::CopyStack, HOT - 3)];

/// Where an executable would be seen beginning.
const BEGIN: usize = HOT - 4;

/// The first slot whose functions have stepped sites.
pub const STEPPED: usize = HOT / 2;

/// The arguments of every function whose calls are not recorded.
const ARGUMENTS: [(&str, TypeRef); 4] = [("a", goods::INT), ("b", goods::INT), ("c", goods::INT), ("d", goods::INT)];

/// The specimen as a program of Go.
pub struct Sample {
    elf: Elf,
    /// What addresses in our memory have more than those of the file.
    bias: u64,
}

impl Sample {
    /// In gospect's own executable, loaded so far behind its addresses.
    pub fn new(elf: Elf, bias: u64) -> Sample {
        Sample { elf, bias }
    }

    fn found(&self, index: usize) -> Option<Found> {
        let (name, at) = match index.checked_sub(HOT) {
            Some(n) if n < COLD => (format!("many.{n:04}"), specimen::cold(n)),
            Some(_) => return None,
            None => (hot_name(index), specimen::hot(index)),
        };
        Some(Found { index: u32::try_from(index).ok()?, name, entry: VAddr(at.wrapping_sub(self.bias)), inlined: None })
    }

    fn hook(&self, kind: HookKind, slot: usize) -> Option<Hook> {
        let Found { name, entry, .. } = self.found(slot)?;
        let at = entry.plus(u64::from(FRAME));
        let file = self.elf.file_offset(at)?;
        Some(Hook { kind, function: name, at, file, class: Class::Emulated, sp_adjust: 0 })
    }
}

/// What one of the functions that are called is called.
pub fn hot_name(slot: usize) -> String {
    format!("{}.{slot}", if slot < STEPPED { "emulated" } else { "stepped" })
}

/// Where fields are in what R14 points to.
fn field(name: &str) -> Result<u64, String> {
    Ok(match name {
        "g.stack.lo" => offset_of!(G, stack_lo),
        "g.stack.hi" => offset_of!(G, stack_hi),
        "g.m" => offset_of!(G, m),
        "g.sched.sp" => offset_of!(G, sched_sp),
        "g.goid" => offset_of!(G, goid),
        "m.curg" => offset_of!(G, curg),
        _ => return Err("what gospect measures with has none".to_owned()),
    } as u64)
}

impl World for Sample {
    fn arch(&self) -> Arch {
        Arch::Amd64
    }

    fn binary(&self, path: &str) -> Result<&dyn Target, String> {
        if path.is_empty() { Ok(self) } else { Err("there is nothing but the target".to_owned()) }
    }

    fn tracepoint(&self, _: &str, _: &str) -> Result<Vec<Field>, String> {
        Err("there is nothing but the target".to_owned())
    }
}

impl TypeSource for Sample {
    fn resolve(&self, at: TypeRef) -> Option<Arc<Type>> {
        goods::resolve(at)
    }
}

impl Target for Sample {
    fn is_go(&self) -> bool {
        true
    }

    fn runtime(&self) -> Runtime {
        Runtime {
            fields: FIELDS.into_iter().map(|name| (name, field(name))).collect(),
            hooks: HOOKS.into_iter().filter_map(|(kind, slot)| self.hook(kind, slot)).collect(),
            ..Runtime::default()
        }
    }

    fn matching(&self, pattern: &Pattern) -> Vec<Found> {
        let all = (0..HOT + COLD).filter_map(|index| self.found(index));
        all.filter(|found| pattern.matches(&found.name)).collect()
    }

    fn function_at(&self, _: VAddr) -> Option<Found> {
        None
    }

    fn suggest(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn sites(&self, function: &Found) -> Option<Sites> {
        let (offset, class) = match function.index as usize {
            STEPPED..HOT => (CHECK, Class::Stepped),
            _ => (FRAME, Class::Emulated),
        };
        let prologue = Prologue { end: FRAME, checked: true };
        let step = |offset| vec![Return { offset, class: Class::Stepped }];
        let (returns, jumps) = match function.index as usize {
            0..STEPPED => (Vec::new(), vec![Exit { offset: JUMP, class: Ok(Class::Emulated), target: None }]),
            STEPPED..HOT => (step(RETURN), Vec::new()),
            _ => (step(COLD_RETURN), Vec::new()),
        };
        Some(Sites {
            entry: Ok(Entry { offset, class, sp_adjust: 0, loop_head: false, prologue, exits: false }),
            returns: Ok(returns),
            tail_jumps: jumps,
            deferreturn_calls: Vec::new(),
            restored: None,
            decoded_to: RETURN + 1,
        })
    }

    fn instruction(&self, _: &Found, _: u64) -> Result<Option<Class>, String> {
        Err("nobody asks for it".to_owned())
    }

    fn signature(&self, function: &Found) -> Result<Arc<Signature>, String> {
        let recorded = RECORDED.into_iter().find(|&body| slot(Sited::Emulated, body) == function.index as usize);
        let all = recorded.and_then(goods::arguments).unwrap_or(&ARGUMENTS);
        let shapes: Vec<_> = all.iter().map(|(_, ty)| Shapes::default().of(*ty, self)).collect();
        let frame = abi::assign(Arch::Amd64, Abi::Internal, &shapes, &[]);
        let arg = |(&(name, ty), place): (&(&'static str, TypeRef), abi::Place)| Arg {
            name: name.into(),
            type_name: goods::resolve(ty).map_or("?".into(), |ty| ty.name.clone().into()),
            ty: Some(ty),
            place,
            placed_by: PlacedBy::Algorithm,
            guess: None,
            dictionary_index: None,
        };
        Ok(Arc::new(Signature {
            args: all.iter().zip(frame.args).map(arg).collect(),
            rets: Vec::new(),
            receiver: false,
            dictionary: None,
            abi: Abi::Internal,
            omitted: Gaps::None,
            rets_omitted: false,
            source: Source::Dwarf,
        }))
    }

    fn resolve(&self, at: TypeRef) -> Option<Arc<Type>> {
        TypeSource::resolve(self, at)
    }

    fn dynamic_types(&self) -> Vec<DynamicType> {
        goods::dynamic_types(self.bias)
    }

    fn maps(&self) -> Option<Maps> {
        Some(Maps::Swiss { split: false })
    }

    fn start(&self) -> Option<Start> {
        let at = self.found(BEGIN)?.entry.plus(u64::from(FRAME));
        Some(Start { at, file: self.elf.file_offset(at)? })
    }

    fn file_offset(&self, at: VAddr) -> Option<FileOff> {
        self.elf.file_offset(at)
    }
}
