//! What a script is about: the programs that names without a file mean, and the processes whose hits count.

use std::path::PathBuf;

use kernel::Pid;

use crate::group::Group;
use crate::refusal::Refusal;
use crate::target::Target;

/// What a script is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A program's file: every process that runs it, now and later.
    Path(PathBuf),
    /// These processes alone, and their programs.
    Processes(Vec<Pid>),
    /// The Go processes of a group, now and later.
    Group(Group),
}

impl Subject {
    /// These processes, each once.
    #[must_use]
    pub fn processes(pids: &[Pid]) -> Subject {
        let mut each = Vec::new();
        pids.iter().for_each(|pid| each.extend((!each.contains(pid)).then_some(*pid)));
        Subject::Processes(each)
    }

    /// The files and processes to open, which may turn out to be fewer programs; and who is left out, in sentences.
    pub(crate) fn targets(&self) -> Result<(Vec<Target>, Vec<String>), Refusal> {
        Ok(match self {
            Subject::Path(path) => (vec![Target::Path(path.clone())], Vec::new()),
            Subject::Processes(pids) => (pids.iter().copied().map(Target::Pid).collect(), Vec::new()),
            Subject::Group(group) => {
                let (pids, left_out) = group.members()?;
                (pids.into_iter().map(Target::Pid).collect(), left_out)
            }
        })
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
