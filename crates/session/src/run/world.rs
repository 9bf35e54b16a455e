//! The executables that a text names, opened before it is checked, and what the checker asks of them and the kernel.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use gobin::elf::Elf;
use gobin::{Arch, Image};
use kernel::engine::{Engine, tracepoint};
use kernel::{FileId, Pid};
use plan::capture::Limits;
use plan::target::{ElfTarget, GoTarget, Target as Asked};
use plan::world::{Field, Numbered, World};
use plan::{Binary, FieldForm};
use probe::ast::{Attach, Script};

use super::Compiled;
use super::watch::started;
use crate::refusal::Refusal;
use crate::subject::Subject;
use crate::target::{Target, no_such_process};

/// An executable, or a library, with the file that probes go into.
pub(super) struct Executable {
    /// Which file it is, beneath whatever overlay shows it.
    pub id: FileId,
    /// The file, open: whatever its path leads to later, probes go into what was read.
    pub file: File,
    /// Its path, as its process would name it.
    pub name: String,
    /// The root directory that this path counts from, if it was a process that was pointed at.
    root: Option<FileId>,
    /// How it was pointed at.
    target: Target,
    /// When the file was last written to, and how long it was.
    written: Option<(SystemTime, u64)>,
    code: Code,
}

/// What a path leads to: which file, when it was last written to, and how long it is.
pub(super) type Stamp = (FileId, SystemTime, u64);

/// What its file says.
enum Code {
    Go(Box<Image>),
    Other(Box<Elf>),
}

impl Executable {
    /// Opens a target, whatever it is made of.
    pub fn open(target: &Target) -> Result<Executable, Refusal> {
        match target.open() {
            Ok(program) => {
                let path = program.pid().map_or_else(|| program.path.clone(), exe);
                let file = reopen(&path, &program.name, program.file);
                // It may have ended since.
                let gone = program.pid().filter(|pid| file.is_err() && started(*pid).is_none());
                let file = file.map_err(|why| gone.map_or_else(|| Refusal::refused(why), no_such_process))?;
                let code = Code::Go(Box::new(program.image));
                let name = program.path.display().to_string();
                let (root, written, target) = (root(target), written(&file), target.clone());
                Ok(Executable { id: program.file, file, name, root, target, written, code })
            }
            Err(refusal) => Executable::other(target).ok_or(refusal),
        }
    }

    /// One that is not Go's.
    fn other(target: &Target) -> Option<Executable> {
        let path = match target {
            Target::Path(path) => path.clone(),
            Target::Pid(pid) => exe(*pid),
        };
        // Of a Go program that cannot be read nothing is probed: what is right elsewhere would ruin it.
        let error = gobin::Image::parse(kernel::map_file(&path).ok()?).err()?;
        if error != gobin::Error::NotGo {
            return None;
        }
        let file = kernel::map_file(&path).ok()?;
        let id = file.id();
        let code = Code::Other(Box::new(Elf::parse(file).ok()?));
        let (name, root, target) = (target.to_string(), root(target), target.clone());
        let file = reopen(&path, &name, id).ok()?;
        Some(Executable { id, written: written(&file), file, name, root, target, code })
    }

    /// The number that whoever looks at the open file sees.
    fn shown_as(&self) -> Option<FileId> {
        Some(FileId::of(&self.file.metadata().ok()?))
    }

    /// Whether something else stands in the very same file by now, so that nothing is where it was.
    pub fn is_written_over(&self) -> bool {
        written(&self.file) != self.written
    }

    /// Where it was found, if it was named by its path.
    pub fn path(&self) -> Option<&Path> {
        self.target.path()
    }

    /// Whether the file of another one stands where that of this one stood.
    pub fn takes_the_place_of(&self, other: &Executable) -> bool {
        self.root.is_some() && (self.root, &self.name) == (other.root, &other.name)
    }

    /// What its file says, if it is a Go program whose functions can be found.
    pub fn go(&self) -> Option<&Image> {
        match &self.code {
            Code::Go(image) => Some(image.as_ref()).filter(|image| image.table().is_ok()),
            Code::Other(_) => None,
        }
    }

    /// What any executable's file says.
    pub fn elf(&self) -> &Elf {
        match &self.code {
            Code::Go(image) => image.elf(),
            Code::Other(elf) => elf,
        }
    }
}

fn written(file: &File) -> Option<(SystemTime, u64)> {
    let file = file.metadata().ok()?;
    Some((file.modified().ok()?, file.len()))
}

fn root(target: &Target) -> Option<FileId> {
    let Target::Pid(pid) = target else { return None };
    Path::new(&format!("/proc/{pid}/root")).metadata().ok().map(|root| FileId::of(&root))
}

fn exe(pid: Pid) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/exe"))
}

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
    ) -> Result<Executables, Refusal> {
        let mut all = Executables::default();
        if let Some(subject) = subject {
            let (targets, left_out) = subject.targets()?;
            targets.iter().try_for_each(|target| all.add(target).map(|_| ()))?;
            all.left_out = left_out;
            all.name_targets();
        } else if let Some(command) = command {
            let opened = all.add(&Target::Path(located(&command.to_string_lossy())));
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
                Attach::User(user) => all.name(&user.binary.value),
                Attach::Goroutine(_) | Attach::Syscall(_) | Attach::Collector(_) => all.name(""),
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
                false => format!("{} ({})", target.name, target.target),
            };
            self.names.insert(title.clone(), Ok(n));
            self.titles.push(title);
        }
        let none = format!("there are {} targets, no one of them is meant", self.targets);
        self.names.insert(String::new(), Err(none));
    }

    /// What an empty name in the text stands for.
    fn target_names(&self) -> Vec<String> {
        match self.targets() {
            [_, _, ..] => self.titles.clone(),
            _ => vec![String::new()],
        }
    }

    /// Whether the text speaks of a target that was not named.
    pub fn lacks_target(&self) -> bool {
        self.names.get("").is_some_and(Result::is_err)
    }

    fn name(&mut self, name: &str) {
        if self.names.contains_key(name) {
            return;
        }
        let opened = match name {
            "" => Err("there is no target: name one with -p PID, --target PATH or -- COMMAND".to_owned()),
            path => self.add(&Target::Path(located(path))).map_err(|refusal| refusal.sentence),
        };
        self.names.insert(name.to_owned(), opened);
    }

    fn add(&mut self, target: &Target) -> Result<usize, Refusal> {
        Ok(self.keep(Rc::new(Executable::open(target)?)))
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
    fn name_of(&self, before: &Executables, at: usize, path: &str) -> String {
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

/// The same file, for probes.
fn reopen(path: &Path, name: &str, id: FileId) -> Result<File, String> {
    let unopened = |e| format!("{name} cannot be opened: {e}");
    let file = kernel::open_file(path).map_err(unopened)?;
    let now = FileId::of_file(&file).map_err(unopened)?;
    if now == id { Ok(file) } else { Err(format!("{name} was replaced just now")) }
}

/// A name without slash is looked for where the shell looks for commands.
pub(super) fn located(name: &str) -> PathBuf {
    let path = Path::new(name);
    if name.contains('/') || path.is_file() {
        return path.to_owned();
    }
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    let mut found = dirs.as_bytes().split(|&b| b == b':').map(|dir| Path::new(OsStr::from_bytes(dir)).join(name));
    found.find(|path| path.is_file()).unwrap_or_else(|| path.to_owned())
}

/// What the checker asks.
pub(super) struct Answers<'r> {
    executables: &'r Executables,
    targets: Vec<Box<dyn Asked + 'r>>,
    engine: Result<&'r Engine, String>,
    /// Why we were not allowed to know something.
    refused: RefCell<Option<Refusal>>,
    captured: Limits,
    before: Option<&'r Compiled>,
}

impl<'r> Answers<'r> {
    /// About these executables, and about the kernel's tracepoints if there is an engine; with the numbers that were given
    /// when the same text was compiled `before`.
    pub fn new(
        executables: &'r Executables,
        engine: Result<&'r Engine, String>,
        captured: Limits,
        before: Option<&'r Compiled>,
    ) -> Answers<'r> {
        let target = |executable: &'r Rc<Executable>| -> Box<dyn Asked + 'r> {
            match executable.go() {
                Some(image) => Box::new(GoTarget::new(image)),
                None => Box::new(ElfTarget::new(executable.elf())),
            }
        };
        Answers {
            executables,
            targets: executables.list.iter().map(target).collect(),
            engine,
            refused: RefCell::new(None),
            captured,
            before,
        }
    }
}

impl Answers<'_> {
    /// Why something is not known, if we were not allowed to ask.
    pub fn refused(&self) -> Option<Refusal> {
        self.refused.borrow().clone()
    }
}

impl World for Answers<'_> {
    fn arch(&self) -> Arch {
        if cfg!(target_arch = "aarch64") { Arch::Arm64 } else { Arch::Amd64 }
    }

    fn binary(&self, path: &str) -> Result<&dyn Asked, String> {
        let index = self.executables.find(path)?;
        let target = self.targets.get(index).ok_or_else(|| format!("{path} was not opened"))?;
        let executable = self.executables.list.get(index);
        if let Some(Code::Go(image)) = executable.map(|e| &e.code)
            && let Err(error) = image.table()
        {
            return Err(format!("its functions cannot be read: {error}"));
        }
        match executable.map(|e| e.elf().arch) {
            Some(arch) if arch != self.arch() => {
                Err(format!("its code is for {}, this machine is {}", arch.name(), self.arch().name()))
            }
            _ => Ok(target.as_ref()),
        }
    }

    fn captured(&self) -> Limits {
        self.captured.clone()
    }

    fn numbered(&self) -> Option<Numbered<'_>> {
        let before = self.before?;
        let numbers = before.binaries.iter().zip(&before.plan.binaries);
        let name = |(at, binary): (&usize, &Binary)| self.executables.name_of(&before.executables, *at, &binary.path);
        Some(Numbered { binaries: numbers.map(name).collect(), functions: &before.plan.functions })
    }

    fn targets(&self) -> Vec<String> {
        self.executables.target_names()
    }

    fn tracepoint(&self, category: &str, name: &str) -> Result<Vec<Field>, String> {
        let refuse = |refusal| _ = self.refused.borrow_mut().get_or_insert(refusal);
        let engine = self.engine.as_ref().inspect_err(|why| refuse(Refusal::refused(*why))).map_err(Clone::clone)?;
        let point = engine.tracepoint(category, name).map_err(|error| {
            if let kernel::engine::Error::NotPermitted { .. } = error {
                refuse(Refusal::from(&error));
            }
            error.to_string()
        })?;
        Ok(point.fields.iter().map(field).collect())
    }
}

fn field(field: &tracepoint::Field) -> Field {
    let is_char = field.type_name.contains("char");
    let form = match (field.dynamic, field.array) {
        (true, _) if is_char => Some(FieldForm::DataLoc),
        (false, true) if is_char => Some(FieldForm::Chars),
        (false, false) if matches!(field.size, 1 | 2 | 4 | 8) => Some(FieldForm::Int),
        _ => None,
    };
    Field {
        name: field.name.clone(),
        type_name: field.type_name.clone(),
        offset: field.offset,
        bytes: field.size,
        form,
        signed: field.signed,
    }
}
