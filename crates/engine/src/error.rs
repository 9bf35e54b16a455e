//! Why an engine could not do something, as facts. The caller knows what the user asked for and makes the sentence;
//! `Display` is the sentence without that knowledge.

use std::fmt;
use std::io;

use bpf::Feature;

/// `errno` of too many open files, in the process and in the system.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// Which of the kernel's interfaces said no: each has its own reasons to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interface {
    /// bpf(2): programs, and what they are attached with.
    Programs,
    /// bpf(2) too, where it is about room: maps, which before Linux 5.11 are locked memory.
    Maps,
    /// perf_event_open(2), for what runs at times.
    Clock,
    /// The tracing directory, read.
    Tracefs,
    /// The tracing directory, which has nothing in it.
    Lockdown,
    /// The tracing directory, where events are made for uprobes.
    Events,
}

/// Why the kernel did not do it.
#[derive(Debug)]
pub enum Error {
    /// The kernel lacks what gospect cannot do without.
    TooOld {
        /// What it lacks.
        missing: Vec<&'static str>,
        /// Its release.
        release: String,
    },
    /// A program needs what this kernel does not have.
    Lacking {
        /// Its name.
        program: String,
        /// What it needs.
        features: Vec<Feature>,
    },
    /// We may not.
    NotPermitted {
        /// What, as in "making map @n".
        doing: String,
        /// Who says so.
        interface: Interface,
        /// The kernel's error.
        error: io::Error,
    },
    /// The kernel refused for another reason.
    Refused {
        /// What, as in "making map @n".
        doing: String,
        /// Who says so.
        interface: Interface,
        /// The kernel's error.
        error: io::Error,
    },
    /// The verifier did not accept a program.
    Rejected(Box<Rejection>),
    /// What was asked for cannot be, and the kernel was not asked.
    Wrong {
        /// What, as in "attaching count".
        doing: String,
        /// Why it cannot be.
        why: String,
    },
}

impl Error {
    /// The error of a system call: not permitted, or refused for another reason.
    #[must_use]
    pub fn of(interface: Interface, doing: impl Into<String>, error: io::Error) -> Error {
        let doing = doing.into();
        match error.kind() {
            io::ErrorKind::PermissionDenied => Error::NotPermitted { doing, interface, error },
            _ => Error::Refused { doing, interface, error },
        }
    }

    /// Whether a map had no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let Error::Refused { error, .. } = self else { return false };
        matches!(error.kind(), io::ErrorKind::ArgumentListTooLong | io::ErrorKind::OutOfMemory)
    }

    /// Whether too many files were open.
    #[must_use]
    pub fn is_out_of_files(&self) -> bool {
        matches!(self, Error::Refused { error, .. } if matches!(error.raw_os_error(), Some(EMFILE | ENFILE)))
    }

    /// An error that was found without asking the system.
    #[must_use]
    pub fn wrong(doing: impl Into<String>, why: impl Into<String>) -> Error {
        Error::Wrong { doing: doing.into(), why: why.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TooOld { missing, release } => {
                write!(f, "Linux 5.10 or later is needed: this kernel ({release}) has no {}", missing.join(", no "))
            }
            Error::Lacking { program, features } => {
                let features: Vec<String> = features.iter().map(Feature::to_string).collect();
                write!(f, "{program} needs what this kernel does not have: {}", features.join(", "))
            }
            Error::NotPermitted { doing, error, .. } => write!(f, "{doing} was not permitted: {error}"),
            Error::Refused { doing, error, .. } => write!(f, "{doing} failed: {error}"),
            Error::Rejected(rejection) => rejection.fmt(f),
            Error::Wrong { doing, why } => write!(f, "{doing}: {why}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::NotPermitted { error, .. } | Error::Refused { error, .. } => Some(error),
            Error::Rejected(rejection) => Some(&rejection.error),
            _ => None,
        }
    }
}

/// What the verifier said about a program, and the few lines of it that matter.
#[derive(Debug)]
pub struct Rejection {
    /// The program's name.
    pub program: String,
    /// The kernel's error.
    pub error: io::Error,
    /// Why, in the verifier's words.
    pub reason: String,
    /// The instruction that it stopped at.
    pub insn: Option<String>,
    /// The line of the user's text, or the compiler's remark, that the instruction was made for.
    pub source: Option<String>,
    /// All that it said, or the end of that.
    pub log: String,
}

impl Rejection {
    /// Finds what matters in a verifier's log.
    #[must_use]
    pub fn of(program: &str, error: io::Error, log: String) -> Rejection {
        let last = |is: &dyn Fn(&str) -> bool| log.lines().rfind(|line| is(line)).map(str::to_owned);
        let said = |line: &str| !line.trim().is_empty() && !is_statistics(line);
        Rejection {
            reason: last(&said).unwrap_or_else(|| "the verifier gave no reason".to_owned()),
            insn: last(&is_insn),
            source: last(&|line| line.starts_with("; ")).map(|line| line[2..].to_owned()),
            program: program.to_owned(),
            error,
            log,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the kernel's verifier rejected {}: {} ({})", self.program, self.reason, self.error)?;
        let (insn, source) = (self.insn.as_deref(), self.source.as_deref());
        insn.map_or(Ok(()), |insn| write!(f, "\n  at: {insn}"))?;
        source.map_or(Ok(()), |source| write!(f, "\n  for: {source}"))
    }
}

/// `14: (85) call bpf_probe_read_user#112`
fn is_insn(line: &str) -> bool {
    let number = line.split_once(": (").map(|(number, _)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// The last lines of a log, about how much work it was.
fn is_statistics(line: &str) -> bool {
    ["processed ", "verification time", "stack depth"].iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(log: &str, expect: Expect) {
        let error = io::Error::from_raw_os_error(13);
        expect.assert_eq(&Rejection::of("count", error, log.to_owned()).to_string());
    }

    #[test]
    fn a_rejection_speaks_of_the_users_text() {
        let log = "0: R1=ctx() R10=fp0\n; n := min(len(s), cap) @ probe.gospect:2\n9: (79) r8 = *(u64 *)(r6 +40)\
            ; R8=scalar()\n; ev.s = s[:n] @ probe.gospect:3\n14: (85) call bpf_probe_read_user#112\n\
            R2 min value is negative, either use unsigned or 'var &= const'\n\
            processed 15 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1\n";
        check(
            log,
            expect![[r#"
            the kernel's verifier rejected count: R2 min value is negative, either use unsigned or 'var &= const' (Permission denied (os error 13))
              at: 14: (85) call bpf_probe_read_user#112
              for: ev.s = s[:n] @ probe.gospect:3"#]],
        );
    }

    #[test]
    fn a_log_of_nothing_is_a_rejection_without_a_reason() {
        check(
            "",
            expect![
                "the kernel's verifier rejected count: the verifier gave no reason (Permission denied (os error 13))"
            ],
        );
        check(
            "\n\nprocessed 0 insns\n",
            expect![
                "the kernel's verifier rejected count: the verifier gave no reason (Permission denied (os error 13))"
            ],
        );
    }

    #[test]
    fn each_error_is_one_sentence() {
        let io = |number| io::Error::from_raw_os_error(number);
        let errors = [
            Error::TooOld { missing: vec!["ring buffer", "bpf_ktime_get_boot_ns"], release: "5.4.0-1".into() },
            Error::Lacking { program: "count".into(), features: vec![Feature::Loop, Feature::Atomics] },
            Error::of(Interface::Maps, "making map @n", io(1)),
            Error::of(Interface::Maps, "making map @n", io(7)),
            Error::wrong("attaching count", "two sites at 0x40"),
        ];
        let text: Vec<String> = errors.iter().map(Error::to_string).collect();
        expect![[r#"
            Linux 5.10 or later is needed: this kernel (5.4.0-1) has no ring buffer, no bpf_ktime_get_boot_ns
            count needs what this kernel does not have: bpf_loop, atomics with fetch
            making map @n was not permitted: Operation not permitted (os error 1)
            making map @n failed: Argument list too long (os error 7)
            attaching count: two sites at 0x40"#]]
        .assert_eq(&text.join("\n"));
    }
}
