//! Files that others have taken the place of: their probes go once nobody runs them any more.
//!
//! The files themselves stay open until the run ends, so that no other file gets their number, and what was gathered can
//! still be named.

use std::path::PathBuf;

use probe::plan::BinaryNo;

use super::super::world::Executable;
use super::super::{Show, Stopped};
use super::Live;

impl Live<'_> {
    /// Whether an executable of this number has its probes already.
    pub(super) fn is_probed(&self, n: usize, executable: &Executable) -> bool {
        let has = |build: &Vec<&Executable>| build.get(n).is_some_and(|known| known.id == executable.id);
        let in_place = self.builds().zip(&self.probes).filter(|(build, _)| has(&build.binaries()));
        in_place.into_iter().any(|(_, probes)| probes.are_in(number(n)))
    }

    /// Takes the probes out of files that were replaced and that no process runs any more.
    pub(super) fn release(&mut self, show: &mut dyn Show) -> Result<(), Stopped> {
        for (build, n, path) in self.left_behind() {
            if let Some(probes) = self.probes.get_mut(build) {
                probes.release(number(n));
            }
            let path = path.display();
            show.note(&format!("no process runs the file any more that {path} was before, its probes are taken out"));
        }
        Ok(())
    }

    /// By build and number: those with probes that are not what their paths lead to, and that nobody runs.
    fn left_behind(&self) -> Vec<(usize, usize, PathBuf)> {
        let latest = self.latest().binaries();
        let mut found = Vec::new();
        for (build, (compiled, probes)) in self.builds().zip(&self.probes).enumerate() {
            for (n, executable) in compiled.binaries().into_iter().enumerate() {
                let is_old = latest.get(n).is_some_and(|now| now.id != executable.id) && probes.are_in(number(n));
                // Who maps a library is not known without reading the maps of all processes.
                let program = executable.go().is_some() || self.is_target(build, executable);
                if is_old && program && !self.watch.is_run(executable.id) {
                    found.extend(executable.path().map(|path| (build, n, path.to_owned())));
                }
            }
        }
        found
    }

    fn is_target(&self, build: usize, executable: &Executable) -> bool {
        let targets = self.builds().nth(build).map(|build| build.executables.targets()).unwrap_or_default();
        targets.iter().any(|target| target.id == executable.id)
    }
}

fn number(n: usize) -> BinaryNo {
    BinaryNo(n as u32)
}
