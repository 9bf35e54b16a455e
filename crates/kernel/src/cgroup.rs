//! The container and the pod that a process runs in, from the names of its control groups.
//!
//! Every container runtime names the group after the container's id, 64 hexadecimal digits, with more or less around
//! it; Kubernetes names the group above after the pod's uid. Both are read from the text of `/proc/PID/cgroup`,
//! version 1 (a line for each hierarchy) and version 2 (one line). No runtime is asked, so there are ids here, no names.

/// Where a process is contained.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Container {
    /// The container's id, 64 hexadecimal digits.
    pub id: String,
    /// The uid of its pod, as Kubernetes spells it, if it is in one.
    pub pod: Option<String>,
}

/// Reads the text of `/proc/PID/cgroup`. The innermost container counts where one runs in another.
#[must_use]
pub fn container(cgroup: &str) -> Option<Container> {
    let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let found: Vec<Container> = paths.filter_map(in_path).collect();
    // Hierarchies may disagree (one that the runtime does not manage stays outside): the one that knows most counts.
    found.iter().find(|c| c.pod.is_some()).or(found.first()).cloned()
}

/// Whether a process with this `/proc/PID/cgroup` is in a control group or below it: a path as it stands there, with or
/// without where control groups are mounted, or the name of one alone.
#[must_use]
pub fn is_in(cgroup: &str, wanted: &str) -> bool {
    let mut paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.any(|path| down_to(path, wanted).is_some())
}

/// The path of version 2 from the root down to a control group, for a process that is in it.
#[must_use]
pub fn v2_down_to(cgroup: &str, wanted: &str) -> Option<String> {
    down_to(v2(cgroup)?, wanted)
}

/// The same down to a container's.
#[must_use]
pub fn v2_down_to_container(cgroup: &str, id: &str) -> Option<String> {
    let path = v2(cgroup)?;
    let segment = path.split('/').find(|segment| container_id(segment) == Some(id))?;
    down_to(path, segment)
}

/// The number that the kernel knows a control group of version 2 by: on 64-bit machines its inode.
#[must_use]
pub fn v2_id(path: &str) -> Option<u64> {
    // What is beside or above all that we see: below the mount that path would lead elsewhere.
    if path.split('/').any(|segment| segment == "..") {
        return None;
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find_map(|line| {
        let (before, behind) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        // What is mounted has to be all of it, or the path is another one there.
        (behind.starts_with("cgroup2 ") && fields.next() == Some("/")).then(|| fields.next())?
    })?;
    std::fs::metadata(format!("{mount}{path}")).ok().map(|of| std::os::unix::fs::MetadataExt::ino(&of))
}

fn v2(cgroup: &str) -> Option<&str> {
    cgroup.lines().find_map(|line| line.strip_prefix("0::"))
}

/// The part of a path down to a control group.
fn down_to(path: &str, wanted: &str) -> Option<String> {
    let wanted = wanted.trim_end_matches('/');
    let bare = wanted.strip_prefix("/sys/fs/cgroup").unwrap_or(wanted);
    // Version 1, and version 2 beside it, have a directory for each hierarchy.
    let within = bare.get(1..).filter(|_| bare != wanted).and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    let is_below = |start: &str| {
        let rest =
            path.strip_prefix(start).filter(|rest| !start.is_empty() && (rest.is_empty() || rest.starts_with('/')));
        rest.map(|_| start.to_owned())
    };
    if wanted.contains('/') {
        return is_below(bare).or_else(|| within.and_then(is_below));
    }
    let mut down = String::new();
    for segment in path.split('/').skip(1) {
        down = format!("{down}/{segment}");
        if segment == wanted {
            return Some(down);
        }
    }
    None
}

fn in_path(path: &str) -> Option<Container> {
    let segments: Vec<&str> = path.split('/').collect();
    let at = segments.iter().rposition(|s| container_id(s).is_some())?;
    let id = container_id(segments[at])?.to_owned();
    // `POD.slice:cri-containerd:ID` has the pod in the same segment, everything else in one before.
    let pod = segments[..=at].iter().rev().find_map(|s| pod_uid(s));
    Some(Container { id, pod })
}

/// `ID`, `docker-ID.scope`, `cri-containerd-ID.scope`, `crio-ID`, `libpod-ID.scope`, `SLICE:cri-containerd:ID`.
fn container_id(segment: &str) -> Option<&str> {
    let name = segment.strip_suffix(".scope").unwrap_or(segment);
    let (before, id) = name.rsplit_once(['-', ':']).unwrap_or(("", name));
    // conmon watches a container from outside it.
    let outside = before.ends_with("conmon");
    (id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()) && !outside).then_some(id)
}

/// `podUID` and `kubepods-burstable-podUID.slice`. A systemd slice has `_` for `-`; the uid of a static pod has neither.
fn pod_uid(segment: &str) -> Option<String> {
    let slice = segment.split(':').next().unwrap_or(segment);
    let name = slice.strip_suffix(".slice").unwrap_or(slice);
    let (before, uid) = name.rsplit_once("pod")?;
    let digits = uid.bytes().filter(u8::is_ascii_hexdigit).count();
    let whole = digits == 32 && uid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-' || b == b'_');
    (whole && (before.is_empty() || before.ends_with('-'))).then(|| uid.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const C: &str = "4f1c5a0e3b7d29868a1b2c3d4e5f60718293a4b5c6d7e8f90112233445566778";
    const D: &str = "00000000000000000000000000000000000000000000000000000000000000dd";
    const P: &str = "2f7c1a9e-5b1d-4b1e-9c2a-0123456789ab";

    /// `C` and `D` stand for two container ids, `P` for a pod's uid, `Q` for the same as systemd has it.
    fn check(cgroup: &str, expect: Expect) {
        let q = P.replace('-', "_");
        let text = cgroup.replace("{C}", C).replace("{D}", D).replace("{P}", P).replace("{Q}", &q);
        let answer = match container(&text) {
            None => "not contained".to_owned(),
            Some(c) => format!("{} in {}", c.id, c.pod.as_deref().unwrap_or("no pod")),
        };
        expect.assert_eq(&answer.replace(C, "C").replace(D, "D").replace(P, "P"));
    }

    #[test]
    fn a_control_group_is_named_by_path_or_by_its_own_name() {
        let text = "4:memory:/a/b\n0::/system.slice/web.service/x\n";
        let named = [
            "/system.slice/web.service",
            "/sys/fs/cgroup/system.slice",
            "web.service",
            "/a",
            "/sys/fs/cgroup/memory/a",
        ];
        assert_eq!(named.map(|name| is_in(text, name)), [true; 5]);
        let others = ["/system.slice/web", "web", "/", "", "/b", "/sys/fs/cgroup/memory/b", "/sys/fs/cgroup"];
        assert_eq!(others.map(|name| is_in(text, name)), [false; 7]);
        assert_eq!(v2_down_to(text, "web.service").as_deref(), Some("/system.slice/web.service"));
        assert_eq!((v2_down_to(text, "/a"), v2_down_to_container(text, C)), (None, None));
        let text = format!("0::/system.slice/docker-{C}.scope/init\n");
        assert_eq!(v2_down_to_container(&text, C), Some(format!("/system.slice/docker-{C}.scope")));
    }

    #[test]
    fn a_control_group_that_is_out_of_sight_has_no_number() {
        // As a process beside our own part of the groups has it, and where that would lead.
        assert_eq!((v2_id("/../kernel"), v2_id("/..")), (None, None));
        let has_all = v2_id("/").is_some();
        assert!(has_all || !std::path::Path::new("/sys/fs/cgroup/cgroup.procs").exists() || v2_id("/x/..").is_none());
    }

    #[test]
    fn docker_on_both_versions_and_drivers() {
        check(
            "12:cpu,cpuacct:/docker/{C}\n1:name=systemd:/docker/{C}\n0::/system.slice/containerd.service\n",
            expect!["C in no pod"],
        );
        check("0::/docker/{C}\n", expect!["C in no pod"]);
        check("0::/system.slice/docker-{C}.scope\n", expect!["C in no pod"]);
        check("0::/../{C}\n", expect!["C in no pod"]);
        check("0::/system.slice/docker-{C}.scope/init\n", expect!["C in no pod"]);
    }

    #[test]
    fn kubernetes_with_the_systemd_driver() {
        check(
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{Q}.slice/cri-containerd-{C}.scope\n",
            expect!["C in P"],
        );
        check("0::/kubepods.slice/kubepods-pod{Q}.slice/crio-{C}.scope\n", expect!["C in P"]);
        check("0::/kubepods.slice/kubepods-pod{Q}.slice/crio-{C}.scope/container\n", expect!["C in P"]);
        check(
            "11:pids:/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{Q}.slice/docker-{C}.scope\n",
            expect!["C in P"],
        );
        check(
            "5:memory:/system.slice/containerd.service/kubepods-burstable-pod{Q}.slice:cri-containerd:{C}\n",
            expect!["C in P"],
        );
    }

    #[test]
    fn kubernetes_with_the_cgroupfs_driver() {
        check("4:memory:/kubepods/burstable/pod{P}/{C}\n0::/\n", expect!["C in P"]);
        check("0::/kubepods/pod{P}/{C}\n", expect!["C in P"]);
        let static_pod = "4:memory:/kubepods/burstable/pod0123456789abcdef0123456789abcdef/{C}\n";
        check(static_pod, expect!["C in 0123456789abcdef0123456789abcdef"]);
    }

    #[test]
    fn the_hierarchy_that_knows_the_pod_counts() {
        check("4:misc:/docker/{C}\n3:memory:/kubepods/pod{P}/{C}\n", expect!["C in P"]);
    }

    #[test]
    fn the_innermost_container_counts() {
        check(
            "0::/docker/{D}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{Q}.slice/cri-containerd-{C}.scope\n",
            expect!["C in P"],
        );
        check("0::/kubepods/pod{P}/{D}/docker/{C}\n", expect!["C in P"]);
    }

    #[test]
    fn podman_with_and_without_root() {
        check("0::/machine.slice/libpod-{C}.scope/container\n", expect!["C in no pod"]);
        check("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{C}.scope\n", expect!["C in no pod"]);
        check("0::/machine.slice/libpod-conmon-{C}.scope\n", expect!["not contained"]);
    }

    #[test]
    fn what_runs_on_the_host_is_in_no_container() {
        check("0::/\n", expect!["not contained"]);
        check("0::/user.slice/user-1000.slice/session-2.scope\n", expect!["not contained"]);
        check("0::/system.slice/docker.service\n", expect!["not contained"]);
        check("0::/kubepods.slice/kubepods-pod{Q}.slice\n", expect!["not contained"]);
        check(
            "0::/system.slice/x-4f1c5a0e.scope\n4:memory:/process_api/47e55c7ff4521c939fd916bfeac7fd47\n",
            expect!["not contained"],
        );
        check("", expect!["not contained"]);
        check("no colons\n1:\n::\n", expect!["not contained"]);
    }
}
