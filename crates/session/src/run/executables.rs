//! The executables that a text names, opened before it is checked.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use kernel::FileId;
use probe::ast::{Attach, Script};

use crate::executable::{Executable, Stamp, located};
use crate::machine::Machine;
use crate::refusal::Refusal;
use crate::subject::Subject;
use crate::target::Target;

/// All executables of a text, each file once.
#[derive(Default)]
pub(super) struct Executables {
    /// In the order in which the text names them, the targets first.
    pub list: Vec<Rc<Executable>>,
    /// How many of them are the targets.
    targets: usize,
    /// What the targets are called where there are several.
    titles: Vec<String>,
    names: HashMap<String, Result<usize, String>>,
    /// What is none of the targets though it might be, in sentences.
    pub left_out: Vec<String>,
}

impl Executables {
    /// Opens the subject, else the command, and what the text names. What cannot be opened is told where it is named.
    ///
    /// # Errors
    /// When the subject cannot be opened.
    pub fn open(
        subject: Option<&Subject>,
        command: Option<&OsString>,
        script: &Script,
        machine: &Machine,
    ) -> Result<Executables, Refusal> {
        let mut all = Executables::default();
        if let Some(subject) = subject {
            let (targets, left_out) = subject.targets()?;
            targets.iter().try_for_each(|target| all.add(machine.open(target)).map(|_| ()))?;
            all.left_out = left_out;
            all.name_targets();
        } else if let Some(command) = command {
            let opened = all.add(machine.open(&Target::Path(located(&command.to_string_lossy()))));
            // It may be anything, as long as nothing is asked of it.
            if asks_of_target(script)
                && let Err(refusal) = opened
            {
                return Err(refusal);
            }
            all.targets = all.list.len();
            all.names.insert(String::new(), opened.map_err(|refusal| refusal.sentence));
        }
        let points = script.clauses.iter().flat_map(|clause| &clause.points);
        for point in points {
            match &point.attach {
                Attach::User(user) => all.name(&user.binary.value, machine),
                Attach::Goroutine(_) | Attach::Syscall(_) | Attach::Collector(_) => all.name("", machine),
                _ => {}
            }
        }
        Ok(all)
    }

    /// The same with one more target: a program of a group that others of it have not run so far. It has the number of
    /// the one whose file stood where its own stands, if there is one.
    pub fn with(&self, newcomer: Executable, place: Option<usize>) -> Executables {
        let mut all = Executables { list: self.targets().to_vec(), ..Executables::default() };
        match place.and_then(|place| all.list.get_mut(place)) {
            Some(place) => *place = Rc::new(newcomer),
            None => all.list.push(Rc::new(newcomer)),
        }
        all.name_targets();
        for (name, found) in self.names.iter().filter(|(name, _)| !name.is_empty() && !self.titles.contains(*name)) {
            let found = found.clone().map(|at| match self.list.get(at).filter(|_| at >= self.targets) {
                Some(named) => all.keep(named.clone()),
                None => at,
            });
            all.names.insert(name.clone(), found);
        }
        all
    }

    /// The target whose place another executable takes.
    pub fn place_for(&self, newcomer: &Executable) -> Option<usize> {
        self.targets().iter().position(|target| newcomer.takes_the_place_of(target))
    }

    /// One target is what has no name in the text, each of several has its own.
    fn name_targets(&mut self) {
        self.targets = self.list.len();
        if self.targets == 1 {
            self.names.insert(String::new(), Ok(0));
            return;
        }
        for (n, target) in self.list.iter().enumerate() {
            // In a container a path may lead to another file than here, where the text may name that one.
            let ours = FileId::of_path(Path::new(&target.name)).ok();
            let title = match ours == Some(target.id) && !self.names.contains_key(&target.name) {
                true => target.name.clone(),
                false => format!("{} ({})", target.name, target.target()),
            };
            self.names.insert(title.clone(), Ok(n));
            self.titles.push(title);
        }
        let none = format!("there are {} targets, no one of them is meant", self.targets);
        self.names.insert(String::new(), Err(none));
    }

    /// What an empty name in the text stands for.
    pub fn target_names(&self) -> Vec<String> {
        match self.targets() {
            [_, _, ..] => self.titles.clone(),
            _ => vec![String::new()],
        }
    }

    /// Whether the text speaks of a target that was not named.
    pub fn lacks_target(&self) -> bool {
        self.names.get("").is_some_and(Result::is_err)
    }

    fn name(&mut self, name: &str, machine: &Machine) {
        if self.names.contains_key(name) {
            return;
        }
        let opened = match name {
            "" => Err("there is no target: name one with -p PID, --target PATH or -- COMMAND".to_owned()),
            path => self.add(machine.open(&Target::Path(located(path)))).map_err(|refusal| refusal.sentence),
        };
        self.names.insert(name.to_owned(), opened);
    }

    fn add(&mut self, opened: Result<Executable, Refusal>) -> Result<usize, Refusal> {
        Ok(self.keep(Rc::new(opened?)))
    }

    /// Its place, which it may have already.
    fn keep(&mut self, executable: Rc<Executable>) -> usize {
        let known = self.list.iter().position(|known| known.id == executable.id);
        known.unwrap_or_else(|| {
            self.list.push(executable);
            self.list.len() - 1
        })
    }

    /// What an earlier one's executable is called here, by its place there and by its name in the text.
    pub fn name_of(&self, before: &Executables, at: usize, path: &str) -> String {
        match at < before.targets {
            true => self.target_names().get(at).cloned().unwrap_or_default(),
            false => path.to_owned(),
        }
    }

    /// A path that leads to another file than the one that was opened, and what that is.
    pub fn replaced(&self) -> Option<(PathBuf, Stamp)> {
        self.list.iter().find_map(|executable| {
            let path = executable.path()?;
            let metadata = path.metadata().ok()?;
            let stamp = (FileId::of(&metadata), metadata.modified().ok()?, metadata.len());
            // Who has the same number is the same; an overlay gives another one than what lies beneath has.
            let is_same = || FileId::of_path(path).ok() == Some(executable.id);
            let is_other = Some(stamp.0) != executable.shown_as() && !is_same();
            (is_other || executable.is_written_over()).then(|| (path.to_owned(), stamp))
        })
    }

    /// The targets: none, one, or those of several processes.
    pub fn targets(&self) -> &[Rc<Executable>] {
        self.list.get(..self.targets).unwrap_or_default()
    }

    /// The executable that the text calls so, by its place in the list.
    pub fn find(&self, name: &str) -> Result<usize, String> {
        self.names.get(name).cloned().unwrap_or_else(|| Err(format!("{name} was not opened")))
    }
}

/// Whether a script has a probe in its target.
fn asks_of_target(script: &Script) -> bool {
    let mut points = script.clauses.iter().flat_map(|clause| &clause.points);
    points.any(|point| match &point.attach {
        Attach::User(user) => user.binary.value.is_empty(),
        Attach::Goroutine(_) | Attach::Syscall(_) | Attach::Collector(_) => true,
        _ => false,
    })
}
