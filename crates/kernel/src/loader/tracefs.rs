//! The kernel's tracing directory: where uprobe events are made and tracepoints described.
//!
//! Where nobody has mounted it we mount it for ourselves, in no directory, so that nothing of it shows or stays.
//!
//! Events in it outlive whoever made them. Ours are called `gospect_NAMESPACE_PID_START/eN`: the maker's pid namespace,
//! its number there, and when it started, so that another gospect can tell what a dead one has left.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::attach::Site;
use super::sys::Sys;
use crate::proc::Process;
use ::engine::Pid;
use engine::{Error, Interface};

/// The tracing directory of a kernel.
pub(crate) struct Tracefs {
    sys: Sys,
    root: PathBuf,
    /// Holds the mount that is ours alone.
    _mount: Option<OwnedFd>,
}

/// A uprobe event, which is gone when this goes.
pub(crate) struct UprobeEvent {
    sys: Sys,
    events: PathBuf,
    /// `GROUP/NAME`.
    name: String,
    /// The number that perf_event_open(2) wants.
    pub(crate) id: u64,
}

impl Tracefs {
    pub(crate) fn open(sys: &Sys) -> Result<Tracefs, Error> {
        let mounts = sys.read(Path::new("/proc/self/mounts")).unwrap_or_default();
        if let Some(root) = mounted(&mounts) {
            return Tracefs { sys: sys.clone(), root, _mount: None }.if_filled();
        }
        let mount = sys.mount_tracefs().map_err(|error| Error::of(Interface::Tracefs, "mounting tracefs", error))?;
        let root = PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd()));
        Tracefs { sys: sys.clone(), root, _mount: Some(mount) }.if_filled()
    }

    /// Where the kernel is locked down for confidentiality there is a tracefs, without any file in it
    /// (`security_locked_down` in `tracefs_create_file`).
    fn if_filled(self) -> Result<Tracefs, Error> {
        match self.sys.read(&self.root.join("current_tracer")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NotPermitted {
                doing: "reading tracefs".to_owned(),
                interface: Interface::Lockdown,
                error: io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "it is empty, as where the kernel is locked down for confidentiality",
                ),
            }),
            // Whether something in it may not be read shows when it is wanted.
            _ => Ok(self),
        }
    }

    /// A file of a tracepoint or event, such as its `format`.
    pub(crate) fn read(&self, group: &str, name: &str, file: &str) -> io::Result<String> {
        self.sys.read(&self.root.join("events").join(group).join(name).join(file))
    }

    /// All events, each as `category:name` on a line.
    pub(crate) fn events(&self) -> io::Result<String> {
        self.sys.read(&self.root.join("available_events"))
    }

    /// Makes one event of many places in a file, which the kernel resolves now.
    pub(crate) fn uprobe_event(&self, file: &Path, sites: &[Site], returning: bool) -> io::Result<UprobeEvent> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (group, number) = (own_group()?, COUNT.fetch_add(1, Ordering::Relaxed));
        let (kind, file) = (if returning { 'r' } else { 'p' }, file.display());
        let event = format!("e{number}");
        // Further places under the same name are added to the event.
        let line = |site: &Site| format!("{kind}:{group}/{event} {file}:{:#x}\n", site.offset);
        let events = self.root.join("uprobe_events");
        let made =
            sites.chunks(256).try_for_each(|some| self.sys.append(&events, &some.iter().map(line).collect::<String>()));
        let mut event = UprobeEvent { sys: self.sys.clone(), events, name: format!("{group}/{event}"), id: 0 };
        made?;
        let (group, name) = event.name.split_once('/').unwrap_or_default();
        event.id = parse_id(&self.read(group, name, "id")?)?;
        Ok(event)
    }

    /// Takes out what dead gospects of our pid namespace have left. Nobody is worse off if that does not work.
    pub(crate) fn sweep(&self) {
        let events = self.root.join("uprobe_events");
        let listed = self.sys.read(&events).unwrap_or_default();
        let Ok(namespace) = own_namespace() else { return };
        for name in leftovers(&listed, namespace, is_alive) {
            let _ = self.sys.append(&events, &format!("-:{name}\n"));
        }
    }
}

impl Drop for UprobeEvent {
    fn drop(&mut self) {
        let _ = self.sys.append(&self.events, &format!("-:{}\n", self.name));
    }
}

pub(crate) fn parse_id(text: &str) -> io::Result<u64> {
    text.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the event's id is no number"))
}

/// Where tracefs is mounted: the second field of the line whose third says so, unless something was mounted over it
/// since, which a later line tells.
fn mounted(mounts: &str) -> Option<PathBuf> {
    let fields = |line: &str| {
        let mut fields = line.split(' ').skip(1).map(str::to_owned);
        Some((PathBuf::from(fields.next()?), fields.next()?))
    };
    let all: Vec<(PathBuf, String)> = mounts.lines().filter_map(fields).collect();
    let seen = |n: usize, at: &Path| all.iter().skip(n + 1).all(|(later, _)| !at.starts_with(later));
    let mut found = all.iter().enumerate().filter(|(n, (at, kind))| kind == "tracefs" && seen(*n, at));
    found.next().map(|(_, (at, _))| at.clone())
}

fn own_namespace() -> io::Result<u64> {
    std::fs::metadata("/proc/self/ns/pid").map(|metadata| metadata.ino())
}

fn own_group() -> io::Result<String> {
    let me = Process::open(Pid(std::process::id()))?;
    Ok(format!("gospect_{}_{}_{}", own_namespace()?, me.pid, me.stat()?.start_ticks))
}

fn is_alive(pid: u32, start_ticks: u64) -> bool {
    let stat = Process::open(Pid(pid)).and_then(|process| process.stat());
    stat.is_ok_and(|stat| stat.start_ticks == start_ticks)
}

/// The events of processes of that namespace that are no more, out of lines such as `p:GROUP/NAME FILE:OFFSET`.
fn leftovers(listed: &str, namespace: u64, alive: impl Fn(u32, u64) -> bool) -> BTreeSet<&str> {
    let names = listed.lines().filter_map(|line| line.split_once(':')?.1.split(' ').next());
    names.filter(|name| maker(name).is_some_and(|(ns, pid, start)| ns == namespace && !alive(pid, start))).collect()
}

fn maker(name: &str) -> Option<(u64, u32, u64)> {
    let mut parts = name.split_once('/')?.0.strip_prefix("gospect_")?.split('_');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
impl Tracefs {
    /// All uprobe events, as the kernel lists them.
    pub(crate) fn listed(&self) -> String {
        self.sys.read(&self.root.join("uprobe_events")).unwrap()
    }

    /// Makes an event as if a gospect that died long ago had; answers its name.
    pub(crate) fn leave_behind(&self) -> String {
        let name = format!("gospect_{}_{}_1/e0", own_namespace().unwrap(), u32::MAX);
        self.sys.append(&self.root.join("uprobe_events"), &format!("p:{name} /proc/self/exe:0x1000\n")).unwrap();
        name
    }
}

#[cfg(test)]
impl UprobeEvent {
    pub(crate) fn name(&self) -> String {
        self.name.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_of_dead_gospects_here_are_left_over() {
        let listed = "p:gospect_7_10_5/e0 /bin/a:0x10\np:gospect_7_10_5/e0 /bin/a:0x20\np:gospect_7_11_5/e0 /bin/a:0x1\n\
            p:gospect_8_12_5/e0 /a:0x1\np:other/e0 /a:0x1\nr:gospect_7_10_5/e1 /a b:0x1\np:gospect_7/e /a:0x1\nnonsense\n";
        let left = leftovers(listed, 7, |pid, start| (pid, start) == (11, 5));
        assert_eq!(left.into_iter().collect::<Vec<_>>(), ["gospect_7_10_5/e0", "gospect_7_10_5/e1"]);
    }

    #[test]
    fn a_number_that_belongs_to_a_later_process_is_no_sign_of_life() {
        let me = Process::open(Pid(std::process::id())).unwrap().stat().unwrap().start_ticks;
        assert!(is_alive(std::process::id(), me) && !is_alive(std::process::id(), me + 1) && !is_alive(u32::MAX, 0));
    }

    #[test]
    fn tracefs_is_where_the_mounts_say() {
        let mounts = "proc /proc proc rw 0 0\ntracefs /sys/kernel/tracing tracefs rw 0 0\n";
        assert_eq!(mounted(mounts), Some("/sys/kernel/tracing".into()));
        assert_eq!(mounted("debugfs /sys/kernel/debug debugfs rw 0 0\n\n"), None);
        let covered = format!("{mounts}tmpfs /sys/kernel tmpfs rw 0 0\n");
        assert_eq!(mounted(&covered), None);
        let elsewhere = "tracefs /sys/kernel/debug/tracing tracefs rw 0 0\n";
        assert_eq!(mounted(&format!("{covered}{elsewhere}")), Some("/sys/kernel/debug/tracing".into()));
    }

    #[test]
    fn our_own_group_names_us() {
        let (namespace, pid, start) = maker(&format!("{}/e0", own_group().unwrap())).unwrap();
        assert!(namespace == own_namespace().unwrap() && pid == std::process::id() && is_alive(pid, start));
    }
}
