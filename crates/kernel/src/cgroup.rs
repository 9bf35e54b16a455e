//! The container and the pod that a process runs in, from the names of its control groups.
//!
//! Every container runtime names the group after the container's id, 64 hexadecimal digits, with more or less around
//! it; Kubernetes names the group above after the pod's uid. Both are read from the text of `/proc/PID/cgroup`,
//! version 1 (a line for each hierarchy) and version 2 (one line). No runtime is asked, so there are ids here, no names.

/// Where a process is contained.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
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
