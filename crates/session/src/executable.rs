//! An executable or a library, opened: the file that probes go into, and what it says.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use engine::Pid;
use gobin::Image;
use gobin::elf::Elf;
use kernel::FileId;
use plan::target::{ElfTarget, GoTarget, Target};
use plan::world::World;

use crate::refusal::Refusal;
use crate::target::{Target as Named, no_such_process};

/// An executable, or a library, with the file that probes go into.
pub(crate) struct Executable {
    /// Which file it is, beneath whatever overlay shows it.
    pub id: FileId,
    /// The file, open: whatever its path leads to later, probes go into what was read.
    pub file: Arc<File>,
    /// Its path, as its process would name it.
    pub name: String,
    /// The root directory that this path counts from, if it was a process that was pointed at.
    root: Option<FileId>,
    /// How it was pointed at.
    target: Named,
    /// When the file was last written to, and how long it was.
    written: Option<(SystemTime, u64)>,
    code: Code,
}

/// What a path leads to: which file, when it was last written to, and how long it is.
pub(crate) type Stamp = (FileId, SystemTime, u64);

/// What its file says.
enum Code {
    Go(Arc<Image>),
    Other(Box<Elf>),
    /// Described by hand: the target of a made-up world.
    Described(Box<Elf>, Rc<dyn World>),
}

/// Answers about an executable: read from its file, or given by hand.
pub(crate) enum Facts<'e> {
    Read(Box<dyn Target + 'e>),
    Given(&'e dyn Target),
}

impl Facts<'_> {
    /// The answers.
    pub fn get(&self) -> &dyn Target {
        match self {
            Facts::Read(target) => target.as_ref(),
            Facts::Given(target) => *target,
        }
    }
}

impl Executable {
    /// Opens a target, whatever it is made of.
    pub fn open(target: &Named) -> Result<Executable, Refusal> {
        match target.open() {
            Ok(program) => {
                let path = program.pid().map_or_else(|| program.path.clone(), exe);
                let file = reopen(&path, &program.name, program.file);
                // It may have ended since.
                let gone = program.pid().filter(|pid| file.is_err() && has_ended(*pid));
                let file = file.map_err(|why| gone.map_or_else(|| Refusal::refused(why), no_such_process))?;
                let code = Code::Go(Arc::new(program.image));
                let name = program.path.display().to_string();
                let (root, written, target) = (root(target), written(&file), target.clone());
                Ok(Executable { id: program.file, file: Arc::new(file), name, root, target, written, code })
            }
            Err(refusal) => Executable::other(target).ok_or(refusal),
        }
    }

    /// One that is not Go's.
    fn other(target: &Named) -> Option<Executable> {
        let path = match target {
            Named::Path(path) => path.clone(),
            Named::Pid(pid) => exe(*pid),
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
        Some(Executable { id, written: written(&file), file: Arc::new(file), name, root, target, code })
    }

    /// The same file, as something that is described by hand.
    pub fn described(self, world: Rc<dyn World>) -> Executable {
        match self.code {
            Code::Other(elf) | Code::Described(elf, _) => Executable { code: Code::Described(elf, world), ..self },
            Code::Go(_) => self,
        }
    }

    /// How it was named.
    pub fn target(&self) -> &Named {
        &self.target
    }

    /// What the checker asks of it.
    pub fn facts(&self) -> Facts<'_> {
        if let Code::Described(_, world) = &self.code
            && let Ok(target) = world.binary("")
        {
            return Facts::Given(target);
        }
        match self.go() {
            Some(image) => Facts::Read(Box::new(GoTarget::new(image))),
            None => Facts::Read(Box::new(ElfTarget::new(self.elf()))),
        }
    }

    /// Why its functions cannot be found though it is a Go program.
    pub fn unreadable(&self) -> Option<String> {
        let Code::Go(image) = &self.code else { return None };
        image.table().err().map(|error| format!("its functions cannot be read: {error}"))
    }

    /// The number that whoever looks at the open file sees.
    pub fn shown_as(&self) -> Option<FileId> {
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
            Code::Other(_) | Code::Described(..) => None,
        }
    }

    /// The same, for those who keep it.
    pub fn shared(&self) -> Option<Arc<Image>> {
        self.go()?;
        if let Code::Go(image) = &self.code { Some(image.clone()) } else { None }
    }

    /// What any executable's file says.
    pub fn elf(&self) -> &Elf {
        match &self.code {
            Code::Go(image) => image.elf(),
            Code::Other(elf) | Code::Described(elf, _) => elf,
        }
    }
}

fn written(file: &File) -> Option<(SystemTime, u64)> {
    let file = file.metadata().ok()?;
    Some((file.modified().ok()?, file.len()))
}

fn root(target: &Named) -> Option<FileId> {
    let Named::Pid(pid) = target else { return None };
    Path::new(&format!("/proc/{pid}/root")).metadata().ok().map(|root| FileId::of(&root))
}

fn exe(pid: Pid) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/exe"))
}

/// The same file, for probes.
fn reopen(path: &Path, name: &str, id: FileId) -> Result<File, String> {
    let unopened = |e| format!("{name} cannot be opened: {e}");
    let file = kernel::open_file(path).map_err(unopened)?;
    let now = FileId::of_file(&file).map_err(unopened)?;
    if now == id { Ok(file) } else { Err(format!("{name} was replaced just now")) }
}

/// A name without slash is looked for where the shell looks for commands.
pub(crate) fn located(name: &str) -> PathBuf {
    let path = Path::new(name);
    if name.contains('/') || path.is_file() {
        return path.to_owned();
    }
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    let mut found = dirs.as_bytes().split(|&b| b == b':').map(|dir| Path::new(OsStr::from_bytes(dir)).join(name));
    found.find(|path| path.is_file()).unwrap_or_else(|| path.to_owned())
}

fn has_ended(pid: Pid) -> bool {
    let stat = kernel::Process::open(pid).and_then(|process| process.stat());
    stat.map_or(true, |stat| stat.has_ended())
}
