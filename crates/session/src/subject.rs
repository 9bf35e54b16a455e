//! What a script is about: the programs that names without a file mean, and the processes whose hits count.

use std::path::PathBuf;

use kernel::Pid;

use crate::target::Target;

/// What a script is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A program's file: every process that runs it, now and later.
    Path(PathBuf),
    /// These processes alone, and their programs.
    Processes(Vec<Pid>),
}

impl Subject {
    /// These processes, each once.
    #[must_use]
    pub fn processes(pids: &[Pid]) -> Subject {
        let mut each = Vec::new();
        pids.iter().for_each(|pid| each.extend((!each.contains(pid)).then_some(*pid)));
        Subject::Processes(each)
    }

    /// The files and processes to open, which may turn out to be fewer programs.
    pub(crate) fn targets(&self) -> Vec<Target> {
        match self {
            Subject::Path(path) => vec![Target::Path(path.clone())],
            Subject::Processes(pids) => pids.iter().copied().map(Target::Pid).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_named_twice_is_one_process() {
        let [a, b] = [Pid(7), Pid(9)];
        assert_eq!(Subject::processes(&[b, a, b, b]), Subject::Processes(vec![b, a]));
    }
}
