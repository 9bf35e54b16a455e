//! `gospect ps`: the Go processes that are running.
//!
//! Where a newcomer on a machine starts: what is there, and could it be traced. What could not be looked at is counted
//! on standard error, so that an empty list is not taken for an idle machine.

use session::processes::{Process, Unseen};

use crate::failure::Failure;
use crate::{Run, say};

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let found = session::processes()?;
    let unseen = found.unseen.map(|u| (count(u), u.hint));
    if found.go.is_empty() {
        let (but, hint) = unseen.map_or((String::new(), None), |(s, h)| (format!(", but {s}"), Some(h.to_owned())));
        return Err(Failure::nothing(format!("no Go process was found{but}"), hint));
    }
    let rows: Vec<ui::process::Process> = found.go.into_iter().map(row).collect();
    ui::process::show(&rows, run.format, &mut run.out)?;
    run.out.finish()?;
    if let Some((sentence, hint)) = unseen {
        say(&sentence, Some(hint));
    }
    Ok(())
}

fn count(unseen: Unseen) -> String {
    let (processes, were) = if unseen.count == 1 { ("process", "was") } else { ("processes", "were") };
    format!("{} {processes} {were} not looked at: {}", unseen.count, unseen.why)
}

fn row(p: Process) -> ui::process::Process {
    ui::process::Process {
        pid: p.pid.0,
        user: p.user,
        container: p.container,
        pod: p.pod,
        go: p.program.go.as_ref().map(|go| go.text.clone()),
        module: p.program.module.clone(),
        path: p.exe.path.display().to_string(),
        deleted: p.exe.deleted,
        stripped: p.program.stripped,
        traceable: p.traceable.is_ok(),
        why: p.traceable.err(),
    }
}
