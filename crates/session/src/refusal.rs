//! What could not be done, in the words that the user reads.

use std::fmt::{self, Display};
use std::io;

use engine::{Error, Interface};
use kernel::privilege::Privileges;

use crate::check::Line;
use crate::privilege::{self, Obstacle};

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// One sentence, lower case, with the object's name and the cause last.
    pub sentence: String,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// What `gospect doctor` says about it, if it is about the machine or gospect's rights.
    pub line: Option<Line>,
    /// What kind of failure it is.
    pub class: Class,
}

/// What kind of failure a [`Refusal`] is; the command's exit status follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Everything worked, but there is nothing of what was asked for.
    NothingMatched,
    /// What the user wrote does not make sense.
    Usage,
    /// It makes sense, and the system, the file or the process does not let us.
    Refused,
}

impl Refusal {
    /// A refusal by the system, without a hint.
    #[must_use]
    pub fn refused(sentence: impl Into<String>) -> Refusal {
        Refusal { sentence: sentence.into(), hint: None, line: None, class: Class::Refused }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Refusal {
        Refusal { hint: Some(hint.into()), ..self }
    }

    /// The same, explained by a line of `gospect doctor`.
    #[must_use]
    pub fn explained_by(self, line: Line) -> Refusal {
        Refusal { line: Some(line), ..self }
    }

    /// What the user can do about it, and where to read more.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let more = self.line.map(see);
        Some([self.hint.clone(), more].into_iter().flatten().collect::<Vec<_>>().join("; "))
            .filter(|advice| !advice.is_empty())
    }

    /// The same as a line below a text that was refused for this reason.
    pub(crate) fn hint_line(&self) -> String {
        self.advice().map_or_else(String::new, |advice| format!("hint: {advice}\n"))
    }
}

/// Where to read more about a refusal.
fn see(line: Line) -> String {
    format!("see the line `{line}` of `gospect doctor`")
}

/// How to get at tracefs.
pub(crate) const TRACEFS: &str = "run as root, or give gospect cap_dac_read_search; in a container mount it: mount -t tracefs tracefs /sys/kernel/tracing";
/// How to get at it for probes.
pub(crate) const EVENTS: &str =
    "run as root; in a container mount tracefs: mount -t tracefs tracefs /sys/kernel/tracing";
/// How to get at it where the kernel has emptied it.
pub(crate) const UNLOCKED: &str = "boot with lockdown=integrity or none; Secure Boot often sets it";
/// How to get room for maps on old kernels.
pub(crate) const LOCKED: &str = "ulimit -l unlimited, or LimitMEMLOCK=infinity in a unit of systemd";
/// How to have more files.
pub(crate) const FILES: &str = "ulimit -n 1024, or LimitNOFILE=1024 in a unit of systemd";
/// How to get `profile`.
pub(crate) const CLOCK: &str = "run as root, or give gospect cap_perfmon";
/// Who may forbid bpf(2) to one who has all rights.
pub(crate) const FORBIDDEN: &str =
    "a container's seccomp profile, a security module or the kernel's lockdown may forbid it";

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Refusal {
        Refusal::of_kernel(error, Privileges::own().ok())
    }
}

impl Refusal {
    /// Why the kernel refused, to one who may do this much.
    pub(crate) fn of_kernel(error: &Error, own: Option<Privileges>) -> Refusal {
        let refusal = Refusal::refused(error.to_string());
        match error {
            Error::NotPermitted { doing, interface, error } => {
                let what = format!("{doing} was not permitted");
                match own.and_then(privilege::to_probe) {
                    Some(obstacle) => obstacle.refuse(&what, error),
                    None => not_permitted(refusal, *interface),
                }
            }
            Error::TooOld { .. } | Error::Lacking { .. } => refusal.explained_by(Line::Kernel),
            Error::Refused { .. } if error.is_out_of_files() => refusal.hint(FILES).explained_by(Line::Files),
            Error::Refused { interface, error, .. } => match (interface, error.kind()) {
                (Interface::Programs, io::ErrorKind::Unsupported) => {
                    refusal.hint(FORBIDDEN).explained_by(Line::Programs)
                }
                (Interface::Maps, io::ErrorKind::OutOfMemory) => refusal.explained_by(Line::Memory),
                (Interface::Events, io::ErrorKind::NotFound) => refusal.hint(EVENTS).explained_by(Line::Event),
                _ => refusal,
            },
            Error::Rejected(_) | Error::Wrong { .. } => refusal,
        }
    }
}

/// What is said to one who has the rights.
fn not_permitted(refusal: Refusal, interface: Interface) -> Refusal {
    let (hint, line) = match interface {
        Interface::Programs => (FORBIDDEN, Line::Programs),
        Interface::Maps => (LOCKED, Line::Memory),
        Interface::Clock => (CLOCK, Line::Clock),
        Interface::Tracefs => (TRACEFS, Line::Tracefs),
        Interface::Lockdown => (UNLOCKED, Line::Tracefs),
        Interface::Events => (EVENTS, Line::Event),
    };
    refusal.hint(hint).explained_by(line)
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Refusal {}

impl Obstacle {
    /// The refusal that the kernel's error comes to.
    #[must_use]
    pub fn refuse(&self, what: &str, error: &dyn Display) -> Refusal {
        Refusal::refused(format!("{what}, {}: {error}", self.why)).hint(self.fix).explained_by(self.line)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use kernel::privilege::Capability;

    use super::*;

    fn check(rights: &[Capability], error: Error, expect: Expect) {
        let effective = rights.iter().fold(0, |set, &right| set | 1 << right as u8);
        let own = Privileges { effective, ..Privileges::NONE };
        let refusal = Refusal::of_kernel(&error, Some(own));
        expect.assert_eq(&format!("{refusal}\n{}", refusal.advice().unwrap_or_default()));
    }

    fn not_permitted(doing: &str, interface: Interface) -> Error {
        Error::NotPermitted { doing: doing.to_owned(), interface, error: io::Error::from_raw_os_error(1) }
    }

    fn refused(doing: &str, interface: Interface, errno: i32) -> Error {
        Error::Refused { doing: doing.to_owned(), interface, error: io::Error::from_raw_os_error(errno) }
    }

    const ENOUGH: [Capability; 2] = [Capability::Bpf, Capability::Perfmon];

    #[test]
    fn rights_that_are_missing_come_before_any_other_reason() {
        check(
            &[Capability::Bpf],
            not_permitted("making map @n", Interface::Maps),
            expect![[r#"
            making map @n was not permitted, gospect lacks CAP_PERFMON: Operation not permitted (os error 1)
            run as root, or give gospect cap_bpf,cap_perfmon; see the line `rights` of `gospect doctor`"#]],
        );
        check(
            &[],
            not_permitted("loading an eBPF program", Interface::Programs),
            expect![[r#"
            loading an eBPF program was not permitted, gospect lacks CAP_BPF and CAP_PERFMON: Operation not permitted (os error 1)
            run as root, or give gospect cap_bpf,cap_perfmon; see the line `rights` of `gospect doctor`"#]],
        );
    }

    #[test]
    fn who_has_the_rights_is_told_what_else_there_is() {
        check(
            &ENOUGH,
            not_permitted("loading an eBPF program", Interface::Programs),
            expect![[r#"
            loading an eBPF program was not permitted: Operation not permitted (os error 1)
            a container's seccomp profile, a security module or the kernel's lockdown may forbid it; see the line `programs` of `gospect doctor`"#]],
        );
        check(
            &ENOUGH,
            not_permitted("making map @n", Interface::Maps),
            expect![[r#"
            making map @n was not permitted: Operation not permitted (os error 1)
            ulimit -l unlimited, or LimitMEMLOCK=infinity in a unit of systemd; see the line `memory` of `gospect doctor`"#]],
        );
        check(
            &ENOUGH,
            not_permitted("running tick 99 times a second", Interface::Clock),
            expect![[r#"
            running tick 99 times a second was not permitted: Operation not permitted (os error 1)
            run as root, or give gospect cap_perfmon; see the line `clock` of `gospect doctor`"#]],
        );
        check(
            &ENOUGH,
            not_permitted("mounting tracefs", Interface::Tracefs),
            expect![[r#"
            mounting tracefs was not permitted: Operation not permitted (os error 1)
            run as root, or give gospect cap_dac_read_search; in a container mount it: mount -t tracefs tracefs /sys/kernel/tracing; see the line `tracefs` of `gospect doctor`"#]],
        );
        check(
            &ENOUGH,
            not_permitted("reading tracefs", Interface::Lockdown),
            expect![[r#"
            reading tracefs was not permitted: Operation not permitted (os error 1)
            boot with lockdown=integrity or none; Secure Boot often sets it; see the line `tracefs` of `gospect doctor`"#]],
        );
        check(
            &ENOUGH,
            not_permitted("attaching count", Interface::Events),
            expect![[r#"
            attaching count was not permitted: Operation not permitted (os error 1)
            run as root; in a container mount tracefs: mount -t tracefs tracefs /sys/kernel/tracing; see the line `event` of `gospect doctor`"#]],
        );
    }

    #[test]
    fn what_fails_for_another_reason_names_a_line_only_where_one_is_about_it() {
        check(
            &ENOUGH,
            refused("making map @n", Interface::Maps, 24),
            expect![[r#"
            making map @n failed: Too many open files (os error 24)
            ulimit -n 1024, or LimitNOFILE=1024 in a unit of systemd; see the line `files` of `gospect doctor`"#]],
        );
        check(
            &ENOUGH,
            refused("making map @n", Interface::Maps, 7),
            expect![[r#"
            making map @n failed: Argument list too long (os error 7)
        "#]],
        );
        check(
            &ENOUGH,
            refused("loading an eBPF program", Interface::Programs, 38),
            expect![[r#"
            loading an eBPF program failed: Function not implemented (os error 38)
            a container's seccomp profile, a security module or the kernel's lockdown may forbid it; see the line `programs` of `gospect doctor`"#]],
        );
        check(
            &ENOUGH,
            refused("attaching count", Interface::Events, 2),
            expect![[r#"
            attaching count failed: No such file or directory (os error 2)
            run as root; in a container mount tracefs: mount -t tracefs tracefs /sys/kernel/tracing; see the line `event` of `gospect doctor`"#]],
        );
        let old = Error::TooOld { missing: vec!["ring buffers"], release: "5.4.0".to_owned() };
        check(
            &ENOUGH,
            old,
            expect![[r#"
            Linux 5.10 or later is needed: this kernel (5.4.0) has no ring buffers
            see the line `kernel` of `gospect doctor`"#]],
        );
    }
}
