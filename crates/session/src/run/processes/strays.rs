//! Named processes that execute another program, or the same one anew in a way that hides it from the kernel's filter.

use std::collections::{HashMap, HashSet};

use engine::Pid;

use super::files::ProbedFiles;
use crate::machine::Host;

/// What named processes execute.
#[derive(Default)]
pub(super) struct Strays {
    /// Processes that were seen in a target.
    inside: HashSet<Pid>,
    images: HashMap<Pid, ExecutedImage>,
}

/// A program that a process has executed.
#[derive(Clone, Copy)]
struct ExecutedImage {
    /// Its number in the process table.
    number: u32,
    /// Where its stack begins.
    stack: u64,
    /// The stack was another one when it was last looked at, with the same number: the process may be about to reach its
    /// first instruction.
    moved: bool,
    /// The stack stayed another one for two looks: the kernel no longer reports its hits.
    lost: bool,
}

impl ExecutedImage {
    fn of(number: u32, stack: u64) -> ExecutedImage {
        ExecutedImage { number, stack, moved: false, lost: false }
    }

    /// Whether it is lost from this look on.
    fn becomes_lost(&mut self, number: u32, stack: u64) -> bool {
        if self.number != number {
            *self = ExecutedImage::of(number, stack);
        }
        let moved = self.stack != stack;
        let is_news = moved && self.moved && !self.lost;
        (self.moved, self.lost) = (moved, self.lost || is_news);
        is_news
    }
}

impl Strays {
    /// Whether hits of a process are not seen any more.
    pub fn is_lost(&self, pid: Pid) -> bool {
        self.images.get(&pid).is_some_and(|image| image.lost)
    }

    /// Looks at named processes. Returns a sentence for each that has left the targets since the last look.
    pub fn look(
        &mut self,
        pids: &[Pid],
        host: &dyn Host,
        files: &ProbedFiles,
        number: impl Fn(Pid) -> Option<u32>,
    ) -> Vec<String> {
        let mut notes = Vec::new();
        for &pid in pids {
            let Ok(process) = host.process(pid) else { continue };
            match process.executable() {
                Ok(main) if files.is_target(main) => {
                    self.inside.insert(pid);
                    if let (Some(number), Ok(stat)) = (number(pid), process.stat())
                        && self
                            .images
                            .entry(pid)
                            .or_insert(ExecutedImage::of(number, stat.stack))
                            .becomes_lost(number, stat.stack)
                    {
                        notes.push(format!(
                            "PID {pid} executes a program anew, on a thread that the kernel does not know it by: what it does \
                             from here on is not seen"
                        ));
                    }
                }
                Ok(_) if self.inside.remove(&pid) => {
                    let path = process.executable_path().map(|path| format!(" ({})", path.display()));
                    let path = path.unwrap_or_default();
                    notes.push(format!("PID {pid} executes another program now{path}, in which nothing is probed"));
                }
                _ => {}
            }
        }
        notes
    }
}
