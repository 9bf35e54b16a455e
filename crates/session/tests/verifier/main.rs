//! What the checker accepts, the emitter makes and the kernel's verifier takes: random scripts over the whole language,
//! and scripts as large as they may be, on the kernel that the tests run on.
//!
//! Every script is made for this kernel and for one without anything that Linux 5.10 does not have.
//! `GOSPECT_RANDOM_SCRIPTS` says how many random ones are tried, `GOSPECT_RANDOM_SEED` which is the first. All of it
//! needs the right to load eBPF programs; without that the tests are counted as skipped.

#![allow(clippy::unwrap_used, reason = "a test ends where something goes wrong")]

mod edges;
mod fakes;
#[path = "../../../probe/tests/common/random.rs"]
mod random;
mod scripts;

use codegen::{Captures, Options};
use engine::Error;
use gospect_fixtures::Missing;
use kernel::loader::Loader;
use plan::world::World;
use plan::{Plan, Source};
use program::{Caps, EngineNeeds, ProcessIds};

fn engine() -> Result<Loader, Missing> {
    match Loader::open() {
        Ok(engine) => Ok(engine),
        Err(Error::NotPermitted { doing, error, .. }) => {
            Err(Missing { why: format!("{doing} is not permitted: {error}") })
        }
        Err(error) => panic!("{error}"),
    }
}

/// The plan of a script that the checker takes and that is not too heavy, and the tables of what it records.
fn planned(text: &str, world: &dyn World) -> Result<(Plan, Captures), String> {
    let source = Source { name: String::new(), text: text.to_owned() };
    let checked = probe::compile(&source, &["7".to_owned()], world);
    let plan = checked.plan.ok_or_else(|| format!("the checker: {}", probe::render(&checked.messages, &source)))?;
    let captures = Captures::of(&plan, world);
    match codegen::too_heavy(&plan, &captures) {
        Some(heavy) => Err(format!("it is too heavy: {}", heavy.why)),
        None => Ok((plan, captures)),
    }
}

/// Emits and loads a plan as for this kernel, and as for one that has nothing new. How many instructions the verifier
/// looked at for the largest program, where the kernel tells.
fn load(engine: &Loader, (plan, captures): &(Plan, Captures)) -> Result<u32, String> {
    let mut most = 0;
    let mut kernels = vec![engine.caps(), Caps::linux_5_10()];
    kernels.dedup();
    for caps in kernels {
        // With the most that any of them may have.
        let needs = EngineNeeds { process_ids: ProcessIds::Walk, ..EngineNeeds::of_kernel(caps) };
        let options = Options { ring: 1 << 16, engine: needs, ..Options::of_kernel(caps) };
        let program = codegen::emit(plan, captures, caps, &options).map_err(|why| format!("the emitter: {why}"))?;
        let maps = engine.maps(&program.maps.with_room_for(64)).map_err(|error| format!("maps: {error}"))?;
        for one in program.programs() {
            let loaded = engine.load(one, &maps).map_err(|error| format!("the verifier, {caps:?}: {error}"))?;
            most = most.max(engine.verified(&loaded).map_err(|error| error.to_string())?);
        }
    }
    Ok(most)
}
