//! Groups of processes: those of a user, of a control group, of a container.
//!
//! A container is known by the control group that its runtime made for it. Its name is looked for in what the runtimes write
//! to disk for themselves, as far as gospect may read it; none of them is asked, so none has to run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kernel::cgroup::{self, Container};
use kernel::privilege::Privileges;
use kernel::users::Users;
use kernel::{Pid, Process, proc, signal};
use serde_json::Value;

use crate::check::Line;
use crate::privilege;
use crate::processes::{Unseen, is_go, processes};
use crate::refusal::{Class, Refusal};
use crate::{invoker, machine};

/// A container's id is taken from so many of its first digits on.
const SHORTEST: usize = 4;
/// How often it is looked for a first process.
const WAITING: Duration = Duration::from_millis(200);
/// How much of an id is shown, and how many containers are named.
const SHOWN: usize = 12;
const NAMED: usize = 5;

/// What was asked for; every part that is there has to be met.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Choice {
    /// Every process of whoever runs gospect, if nothing else is said.
    pub all: bool,
    /// Those of this user, by name or number.
    pub user: Option<String>,
    /// Those in this control group and below it: its path, or the name of one, such as `web.service`.
    pub cgroup: Option<String>,
    /// Those in this container: the first digits of its id, its name, or the uid of its pod.
    pub container: Option<String>,
}

/// Processes that belong together, now and later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    user: Option<u32>,
    cgroup: Option<String>,
    container: Option<Contained>,
    /// How to call them in a sentence: `of user web`, `in container 4f1c5a0e3b7d`.
    name: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Contained {
    Container(String),
    Pod(String),
}

/// What the kernel can look at itself when a process begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Admission {
    /// The user.
    pub user: Option<u32>,
    /// The control group, by its id.
    pub cgroup: Option<u64>,
}

impl Choice {
    /// Whether anything was asked for.
    #[must_use]
    pub fn is_some(&self) -> bool {
        *self != Choice::default()
    }
}

impl Group {
    /// What was asked for, on this machine.
    ///
    /// # Errors
    /// That there is no such user or container, or more than one.
    pub fn chosen(choice: &Choice) -> Result<Group, Refusal> {
        let users = Users::of_this_machine();
        let alone = choice.cgroup.is_none() && choice.container.is_none();
        let user = match &choice.user {
            Some(name) => Some(number(&users, name)?),
            None => (choice.all && alone).then(invoker::user).transpose().map_err(unknown_invoker)?,
        };
        let container = choice.container.as_deref().map(contained).transpose()?;
        let cgroup = choice.cgroup.as_ref().map(|path| path.trim_end_matches('/').to_owned());
        let mut names: Vec<String> = user.iter().map(|&uid| format!("of user {}", users.name(uid))).collect();
        names.extend(cgroup.iter().map(|path| format!("in control group {path}")));
        names.extend(container.as_ref().map(|found| match found {
            Contained::Container(id) => format!("in container {}", short(id)),
            Contained::Pod(uid) => format!("in pod {uid}"),
        }));
        Ok(Group { user, cgroup, container, name: names.join(" ") })
    }

    /// Whether a process is one of them.
    #[must_use]
    pub(crate) fn has(&self, process: &dyn machine::Process) -> bool {
        let of_user = |uid: u32| process.status().is_ok_and(|status| status.uid == uid);
        let in_group = |wanted: &String| process.cgroups().is_ok_and(|text| cgroup::is_in(&text, wanted));
        let in_container = |wanted: &Contained| {
            let found = process.cgroups().ok().and_then(|text| cgroup::container(&text));
            found.is_some_and(|found| match wanted {
                Contained::Container(id) => found.id == *id,
                Contained::Pod(uid) => found.pod.as_ref() == Some(uid),
            })
        };
        self.user.is_none_or(of_user)
            && self.cgroup.as_ref().is_none_or(in_group)
            && self.container.as_ref().is_none_or(in_container)
    }

    /// Whether the process of this number is one of them.
    #[must_use]
    pub fn includes(&self, pid: Pid) -> bool {
        Process::open(pid).is_ok_and(|process| self.has(&process))
    }

    /// The Go processes among them that can be traced, and in sentences those that cannot.
    ///
    /// # Errors
    /// That there are none.
    pub fn members(&self) -> Result<(Vec<Pid>, Vec<String>), Refusal> {
        self.members_by(|one| one.traceable.clone())
    }

    /// The same where something else says which of them will do, or why not.
    ///
    /// # Errors
    /// That there are none.
    pub(crate) fn members_by(
        &self,
        fit: impl Fn(&crate::processes::Process) -> Result<(), String>,
    ) -> Result<(Vec<Pid>, Vec<String>), Refusal> {
        let (mut pids, mut left_out) = (Vec::new(), Vec::new());
        let all = processes()?;
        for one in all.go.into_iter().filter(|one| self.includes(one.pid)) {
            match fit(&one) {
                Ok(()) => pids.push(one.pid),
                Err(why) => left_out.push(format!("PID {} ({}) is left out: {why}", one.pid, one.exe.path.display())),
            }
        }
        if !pids.is_empty() {
            return Ok((pids, left_out));
        }
        let but = left_out.first().map(|why| format!("; {why}")).unwrap_or_default();
        let sentence = format!("there is no Go process {}{but}", self.name);
        if let Some(unseen) = all.unseen.filter(|_| !Privileges::own().is_ok_and(privilege::may_look)) {
            let Unseen { count, why, hint, .. } = unseen;
            let sentence = format!("{sentence} among those that may be looked at; {count} may not: {why}");
            return Err(Refusal::refused(sentence).hint(hint).explained_by(Line::Processes));
        }
        Err(Refusal { class: Class::NothingMatched, ..Refusal::refused(sentence) }
            .hint("`gospect ps` shows the Go processes that are running"))
    }

    /// Waits for the first Go process among them where there are only others so far: not for longer than that, and not
    /// beyond a signal that asks for the end. What is waited for is told in a sentence.
    pub fn await_go(&self, most: Option<Duration>, tell: impl FnOnce(&str)) {
        if !self.has_only_others() {
            return;
        }
        signal::wait_for_orders();
        tell(&format!("there is no Go process {} yet, the first one is waited for", self.name));
        let start = Instant::now();
        let goes_on = || signal::asked_to_end().is_none() && most.is_none_or(|most| start.elapsed() < most);
        while goes_on() && self.has_only_others() {
            sleep(WAITING);
        }
    }

    /// Whether there are processes, none of them of Go.
    fn has_only_others(&self) -> bool {
        let all = proc::pids().unwrap_or_default().into_iter().filter_map(|pid| Process::open(pid).ok());
        let seen: Vec<bool> = all.filter(|process| self.has(process)).filter_map(|one| is_go(&one)).collect();
        !seen.is_empty() && seen.into_iter().all(|is_go| !is_go)
    }

    /// How the kernel can tell which processes belong to them when they begin; nothing if it cannot.
    pub(crate) fn admission(&self) -> Option<Admission> {
        let cgroup = match (&self.cgroup, &self.container) {
            (None, None) => None,
            (Some(wanted), None) => Some(self.id(|text| cgroup::v2_down_to(text, wanted))?),
            (None, Some(Contained::Container(id))) => Some(self.id(|text| cgroup::v2_down_to_container(text, id))?),
            // A pod has a group for each of its containers.
            _ => return None,
        };
        Some(Admission { user: self.user, cgroup })
    }

    /// The id of the control group that all of them are in, if they agree.
    fn id(&self, path: impl Fn(&str) -> Option<String>) -> Option<u64> {
        let processes = proc::pids().ok()?.into_iter().filter_map(|pid| Process::open(pid).ok());
        let texts = processes.filter(|process| self.has(process)).filter_map(|process| process.cgroups().ok());
        let paths: BTreeSet<Option<String>> = texts.map(|text| path(&text)).collect();
        match (paths.first(), paths.len()) {
            (Some(Some(path)), 1) => cgroup::v2_id(path),
            _ => None,
        }
    }
}

fn number(users: &Users, name: &str) -> Result<u32, Refusal> {
    let unknown = || {
        let sentence = format!("there is no user {name} on this machine");
        Refusal { class: Class::Usage, ..Refusal::refused(sentence) }
            .hint("users of a container or a directory service are named by number")
    };
    users.number(name).or_else(|| name.parse().ok()).ok_or_else(unknown)
}

fn unknown_invoker(why: String) -> Refusal {
    Refusal::refused(format!("whose processes are meant is not known: {why}")).hint("name the user by `--user`")
}

fn short(id: &str) -> &str {
    id.get(..SHOWN).unwrap_or(id)
}

/// The container or pod that is called so.
fn contained(wanted: &str) -> Result<Contained, Refusal> {
    let pids = proc::pids().unwrap_or_default().into_iter();
    let running: BTreeSet<Container> =
        pids.filter_map(|pid| Process::open(pid).ok()?.container().ok().flatten()).collect();
    match chosen(wanted, &running, &names(Path::new("/"))) {
        Ok(found) => Ok(found),
        Err(sentence) => {
            let refusal = Refusal { class: Class::NothingMatched, ..Refusal::refused(sentence) };
            Err(refusal
                .hint("`gospect ps` shows the containers of Go processes; an id, 4 of its first digits, or a name"))
        }
    }
}

fn chosen(
    wanted: &str,
    running: &BTreeSet<Container>,
    names: &BTreeMap<String, Vec<String>>,
) -> Result<Contained, String> {
    if running.iter().any(|container| container.pod.as_deref() == Some(wanted)) {
        return Ok(Contained::Pod(wanted.to_owned()));
    }
    let is_called = |id: &str| names.get(id).is_some_and(|names| names.iter().any(|name| name == wanted));
    let digits = wanted.len() >= SHORTEST && wanted.bytes().all(|b| b.is_ascii_hexdigit());
    let ids: BTreeSet<&str> = running.iter().map(|container| container.id.as_str()).collect();
    let by_name: Vec<&str> = ids.iter().copied().filter(|id| is_called(id)).collect();
    let by_id = || ids.iter().copied().filter(|id| digits && id.starts_with(&wanted.to_ascii_lowercase())).collect();
    let found: Vec<&str> = if by_name.is_empty() { by_id() } else { by_name };
    let shown = |id: &&str| match names.get(*id).and_then(|names| names.first()) {
        Some(name) => format!("{} ({name})", short(id)),
        None => short(id).to_owned(),
    };
    match found.as_slice() {
        [id] => Ok(Contained::Container((*id).to_owned())),
        [] if ids.is_empty() => Err(format!("no container {wanted} runs here, nor any other")),
        [] => {
            let there: Vec<String> = ids.iter().take(NAMED).map(shown).collect();
            let more = if ids.len() > NAMED { format!(" and {} more", ids.len() - NAMED) } else { String::new() };
            Err(format!("no container {wanted} runs here; there are {}{more}", there.join(", ")))
        }
        several => {
            let several: Vec<String> = several.iter().map(shown).collect();
            Err(format!("{} containers are called {wanted}: {}", several.len(), several.join(", ")))
        }
    }
}

/// The names of containers by their ids, as far as a runtime has written them where we may read.
fn names(root: &Path) -> BTreeMap<String, Vec<String>> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let text = |value: &Value| value.as_str().map(|name| name.trim_start_matches('/').to_owned());
    for directory in entries(&root.join("var/lib/docker/containers")) {
        if let Some(name) = json(&directory.join("config.v2.json")).and_then(|config| text(&config["Name"])) {
            names.entry(id_of(&directory)).or_default().push(name);
        }
    }
    // Podman and CRI-O.
    let stored = json(&root.join("var/lib/containers/storage/overlay-containers/containers.json"));
    for container in stored.as_ref().and_then(Value::as_array).into_iter().flatten() {
        let Some(id) = text(&container["id"]) else { continue };
        let called = container["names"].as_array().into_iter().flatten().filter_map(text);
        names.entry(id).or_default().extend(called);
    }
    // Containerd, of each of its namespaces.
    for directory in
        entries(&root.join("run/containerd/io.containerd.runtime.v2.task")).iter().flat_map(|one| entries(one))
    {
        let config = json(&directory.join("config.json")).unwrap_or_default();
        let keys = ["io.kubernetes.cri.container-name", "nerdctl/name"];
        let called = keys.iter().filter_map(|key| text(&config["annotations"][*key]));
        names.entry(id_of(&directory)).or_default().extend(called);
    }
    names
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn id_of(directory: &Path) -> String {
    directory.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &str, expect: &str) {
        let container = |start: &str, pod: Option<&str>| Container {
            id: format!("{start}{}", "0".repeat(64 - start.len())),
            pod: pod.map(str::to_owned),
        };
        let running = [container("4f1c5a", None), container("4f1cbb", Some("p-1")), container("77aa", Some("p-1"))];
        let names = [(&running[0], "web"), (&running[1], "db"), (&running[2], "db")];
        let names = names.map(|(of, name)| (of.id.clone(), vec![name.to_owned()])).into_iter().collect();
        let said = match chosen(wanted, &running.into_iter().collect(), &names) {
            Ok(Contained::Container(id)) => format!("container {}", short(&id)),
            Ok(Contained::Pod(uid)) => format!("pod {uid}"),
            Err(why) => why,
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn containers_are_found_by_digits_names_and_pods() {
        check("4f1c5", "container 4f1c5a000000");
        check("77AA", "container 77aa00000000");
        check("web", "container 4f1c5a000000");
        check("p-1", "pod p-1");
    }

    #[test]
    fn what_is_not_one_container_is_told_with_those_that_there_are() {
        check("4f1c", "2 containers are called 4f1c: 4f1c5a000000 (web), 4f1cbb000000 (db)");
        check("db", "2 containers are called db: 4f1cbb000000 (db), 77aa00000000 (db)");
        let all = "there are 4f1c5a000000 (web), 4f1cbb000000 (db), 77aa00000000 (db)";
        check("4f1", &format!("no container 4f1 runs here; {all}"));
        check("mail", &format!("no container mail runs here; {all}"));
        let none = chosen("web", &BTreeSet::new(), &BTreeMap::new()).unwrap_err();
        assert_eq!(none, "no container web runs here, nor any other");
    }
}
