//! The Go processes that are running now.
//!
//! A process that ends while we look is not there: nothing here fails because of it. Of a program only its headers and
//! its build information are read, and once, however many processes run it.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::rc::Rc;

use gobin::buildinfo::{self, GoVersion};
use gobin::release::{self, Release, Support};
use gobin::{Arch, Elf};
use kernel::privilege::Privileges;
use kernel::proc::{self, Exe};
use kernel::users::Users;
use kernel::{FileId, Pid};

use crate::check::Line;
use crate::privilege;
use crate::refusal::Refusal;

/// What a look at all processes found.
#[derive(Debug)]
pub struct Processes {
    /// The Go processes, by PID.
    pub go: Vec<Process>,
    /// Those whose program could not be looked at, so that nobody knows whether they are Go's.
    pub unseen: Option<Unseen>,
}

/// Processes that the kernel hides from this gospect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unseen {
    /// How many.
    pub count: usize,
    /// Whose, those with most of them first.
    pub users: Vec<String>,
    /// Why.
    pub why: String,
    /// What would change that.
    pub hint: &'static str,
}

/// A running Go program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Its effective user: the name that this machine has for it, else the number.
    pub user: String,
    /// The id of its container.
    pub container: Option<String>,
    /// The uid of its pod.
    pub pod: Option<String>,
    /// What it runs.
    pub program: Rc<Build>,
    /// The path of its program, as itself would name it.
    pub exe: Exe,
    /// Whether this gospect could trace it; if not, why.
    pub traceable: Result<(), String>,
}

/// What a program's file says about how it was built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Build {
    /// The Go version, if recorded.
    pub go: Option<GoVersion>,
    /// The main module, else the path of the main package.
    pub module: Option<String>,
    /// Whether the symbol table was cut off.
    pub stripped: bool,
    /// The machine that it is for.
    pub arch: Arch,
}

/// Looks at all processes.
///
/// # Errors
/// When there is no `/proc`.
pub fn processes() -> Result<Processes, Refusal> {
    let unreadable = |e: io::Error| {
        Refusal::refused(format!("the processes in /proc cannot be listed: {e}")).explained_by(Line::Rights)
    };
    let mut look = Look::new(Privileges::own().map_err(unreadable)?);
    let mut found = Processes { go: Vec::new(), unseen: None };
    let mut forbidden = Vec::new();
    for pid in proc::pids().map_err(unreadable)? {
        match look.at(pid) {
            Sight::Go(process) => found.go.push(*process),
            Sight::Forbidden(uid) => forbidden.push(uid),
            Sight::NotGo => {}
        }
    }
    let obstacle = privilege::to_look(look.own);
    let (why, hint) = (obstacle.why, obstacle.fix);
    let users = most_first(&forbidden).into_iter().map(|uid| look.users.name(uid)).collect();
    found.unseen = (!forbidden.is_empty()).then_some(Unseen { count: forbidden.len(), users, why, hint });
    Ok(found)
}

/// One process, if it runs a program of Go.
pub(crate) fn go(pid: Pid) -> Option<Process> {
    Look::new(Privileges::own().ok()?).look_into(&kernel::Process::open(pid).ok()?).ok()?
}

/// Whether a process runs a program of Go, if it may be looked at.
pub(crate) fn is_go(process: &kernel::Process) -> Option<bool> {
    Some(kernel::map(&process.exe().ok()?).ok().and_then(read).is_some())
}

/// Each number once, the most frequent first.
fn most_first(uids: &[u32]) -> Vec<u32> {
    let mut counts = BTreeMap::new();
    uids.iter().for_each(|uid| *counts.entry(*uid).or_insert(0usize) += 1);
    let mut uids: Vec<u32> = counts.keys().copied().collect();
    uids.sort_by_key(|uid| std::cmp::Reverse(counts[uid]));
    uids
}

/// What one process turned out to be.
enum Sight {
    Go(Box<Process>),
    /// Not a Go program, no program at all, or gone.
    NotGo,
    /// A process of this user, which the kernel does not let us look into.
    Forbidden(u32),
}

struct Look {
    own: Privileges,
    /// Why nothing can be traced at all.
    powerless: Option<String>,
    users: Users,
    programs: HashMap<FileId, Option<Rc<Build>>>,
}

impl Look {
    fn new(own: Privileges) -> Look {
        Look {
            own,
            powerless: privilege::to_probe(own).map(|obstacle| obstacle.why),
            users: Users::of_this_machine(),
            programs: HashMap::new(),
        }
    }

    fn at(&mut self, pid: Pid) -> Sight {
        let Ok(process) = kernel::Process::open(pid) else { return Sight::NotGo };
        match self.look_into(&process) {
            Ok(Some(found)) => Sight::Go(Box::new(found)),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied && has_program(&process) => {
                process.status().map_or(Sight::NotGo, |status| Sight::Forbidden(status.uid))
            }
            Ok(None) | Err(_) => Sight::NotGo,
        }
    }

    fn look_into(&mut self, process: &kernel::Process) -> io::Result<Option<Process>> {
        let file = process.exe()?;
        let id = FileId::of_file(&file)?;
        let program = self.programs.entry(id).or_insert_with(|| kernel::map(&file).ok().and_then(read).map(Rc::new));
        let Some(program) = program.clone() else { return Ok(None) };
        let contained = process.container()?;
        let memory = process.memory().err().filter(|e| e.kind() == io::ErrorKind::PermissionDenied);
        let closed = memory.map(|_| format!("its memory is closed to us: {}", privilege::to_look(self.own).why));
        let obstacles: Vec<String> = [unfit(&program), self.powerless.clone(), closed].into_iter().flatten().collect();
        Ok(Some(Process {
            pid: process.pid,
            user: self.users.name(process.status()?.uid),
            pod: contained.as_ref().and_then(|c| c.pod.clone()),
            container: contained.map(|c| c.id),
            program,
            exe: process.exe_path()?,
            traceable: if obstacles.is_empty() { Ok(()) } else { Err(obstacles.join("; ")) },
        }))
    }
}

/// Whether there is a program behind the number that one could be forbidden to see.
fn has_program(process: &kernel::Process) -> bool {
    process.stat().is_ok_and(|s| !s.kernel_thread && !s.has_ended())
}

/// Reads what a program says about its build; `None` if it is not Go's. A function table in a section of Go's own
/// name is proof enough where the build information was taken out.
pub(crate) fn read(file: kernel::Mapped) -> Option<Build> {
    let elf = Elf::parse(file).ok()?;
    let info = buildinfo::read(&elf);
    if info.is_none() && elf.section(".gopclntab").is_none() {
        return None;
    }
    let module = info.as_ref().map(|i| i.main.as_ref().map_or(&i.path, |m| &m.path)).filter(|m| !m.is_empty());
    Some(Build {
        module: module.cloned(),
        stripped: elf.section(".symtab").is_none(),
        arch: elf.arch,
        go: info.map(|i| i.go).filter(|go| !go.text.is_empty()),
    })
}

/// What about the program itself keeps gospect from tracing it.
fn unfit(program: &Build) -> Option<String> {
    let here = if cfg!(target_arch = "aarch64") { Arch::Arm64 } else { Arch::Amd64 };
    if program.arch != here {
        return Some(format!("its code is for {}, this machine is {}", program.arch.name(), here.name()));
    }
    let known = release::to_text(&release::tested());
    let Some(go) = &program.go else { return Some("its Go version is not recorded".to_owned()) };
    let Some(Release { minor, support, .. }) = go.release() else {
        return Some(format!("its Go version `{go}` is not one that gospect knows ({known})"));
    };
    match support {
        Support::Older => Some(format!("Go 1.{minor} is older than gospect knows ({known})")),
        Support::Newer => Some(format!("Go 1.{minor} is newer than gospect knows ({known})")),
        Support::Tested => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(go: Option<&str>, arch: Arch, expect: Expect) {
        let build = Build { go: go.map(GoVersion::parse), module: None, stripped: false, arch };
        expect.assert_eq(&unfit(&build).unwrap_or_else(|| "fit".to_owned()));
    }

    const HERE: Arch = if cfg!(target_arch = "aarch64") { Arch::Arm64 } else { Arch::Amd64 };

    #[test]
    fn versions_that_are_not_tested_are_refused_in_words() {
        check(Some("go1.21.13"), HERE, expect!["fit"]);
        check(Some("go1.27.0-X:noswissmap"), HERE, expect!["fit"]);
        check(Some("go1.20.3"), HERE, expect!["Go 1.20 is older than gospect knows (1.21 to 1.27)"]);
        check(Some("go1.28rc1"), HERE, expect!["Go 1.28 is newer than gospect knows (1.21 to 1.27)"]);
        check(Some("unknown"), HERE, expect!["its Go version `unknown` is not one that gospect knows (1.21 to 1.27)"]);
        check(None, HERE, expect!["its Go version is not recorded"]);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn code_for_another_machine_is_refused() {
        check(Some("go1.26.8"), Arch::Arm64, expect!["its code is for arm64, this machine is amd64"]);
    }

    #[test]
    fn users_come_by_how_many_processes_they_have() {
        assert_eq!(most_first(&[0, 7, 0, 3, 7, 7]), [7, 0, 3]);
        assert_eq!(most_first(&[]), [0; 0]);
    }

    #[test]
    fn this_test_is_no_go_program() {
        let own = Privileges::own().unwrap();
        assert!(matches!(Look::new(own).at(Pid(std::process::id())), Sight::NotGo));
    }

    #[test]
    fn a_pid_that_nobody_has_is_not_there() {
        assert!(matches!(Look::new(Privileges::own().unwrap()).at(Pid(u32::MAX)), Sight::NotGo));
    }
}
