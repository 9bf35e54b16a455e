//! `gospect ps`: the Go processes that are running.
//!
//! Where a newcomer on a machine starts: what is there, and could it be traced. What could not be looked at is counted
//! on standard error, so that an empty list is not taken for an idle machine.

use session::Group;
use session::processes::{Process, Unseen};

use crate::failure::Failure;
use crate::{Run, say};

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let mut found = session::processes()?;
    if run.typed.choice.is_some() {
        let group = Group::chosen(&run.typed.choice)?;
        found.go.retain(|process| group.includes(process.pid));
    }
    let unseen = found.unseen.map(|u| (count(&u), u.hint));
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

/// Users that are named of those whose processes could not be looked at.
const NAMED: usize = 3;

/// `12 processes of root and www-data were not looked at: gospect lacks CAP_SYS_PTRACE`
fn count(unseen: &Unseen) -> String {
    let (processes, were) = if unseen.count == 1 { ("process", "was") } else { ("processes", "were") };
    format!("{} {processes} of {} {were} not looked at: {}", unseen.count, users(&unseen.users), unseen.why)
}

fn users(all: &[String]) -> String {
    let mut named: Vec<String> = all.iter().take(NAMED).cloned().collect();
    match all.len() - named.len() {
        0 => {}
        1 => named.push("1 more user".to_owned()),
        more => named.push(format!("{more} more users")),
    }
    match named.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
        None => "nobody".to_owned(),
    }
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
        replaced: p.exe.replaced,
        stripped: p.program.stripped,
        traceable: p.traceable.is_ok(),
        why: p.traceable.err(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(processes: usize, users: &[&str], expect: Expect) {
        let users = users.iter().map(|&u| u.to_owned()).collect();
        let unseen = Unseen { count: processes, users, why: "gospect lacks CAP_SYS_PTRACE".to_owned(), hint: "" };
        expect.assert_eq(&count(&unseen));
    }

    #[test]
    fn it_is_told_whose_processes_were_not_looked_at() {
        check(1, &["root"], expect!["1 process of root was not looked at: gospect lacks CAP_SYS_PTRACE"]);
        check(
            12,
            &["root", "www-data"],
            expect!["12 processes of root and www-data were not looked at: gospect lacks CAP_SYS_PTRACE"],
        );
        check(
            12,
            &["root", "www-data", "1000", "postgres"],
            expect![
                "12 processes of root, www-data, 1000 and 1 more user were not looked at: gospect lacks CAP_SYS_PTRACE"
            ],
        );
        check(
            12,
            &["root", "www-data", "1000", "postgres", "nobody"],
            expect![
                "12 processes of root, www-data, 1000 and 2 more users were not looked at: gospect lacks CAP_SYS_PTRACE"
            ],
        );
    }
}
