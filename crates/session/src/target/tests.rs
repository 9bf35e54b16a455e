use super::*;
use expect_test::{Expect, expect};
use gospect_fixtures::Missing;

/// The sentence and the hint for a target that cannot be opened; `<pid>` stands for its number.
fn check(target: &Target, expect: Expect) {
    let refusal = target.open().err().expect("it cannot be opened");
    let text = [Some(refusal.sentence), refusal.hint].into_iter().flatten().collect::<Vec<_>>().join("\n");
    let text = match target {
        Target::Pid(pid) => text.replace(&pid.to_string(), "<pid>"),
        Target::Path(_) => text,
    };
    expect.assert_eq(&text);
}

fn check_path(path: &str, expect: Expect) {
    check(&Target::Path(path.into()), expect);
}

#[test]
fn a_file_that_is_no_program_is_refused_by_its_cause() {
    check_path("/nonexistent", expect!["/nonexistent cannot be opened: No such file or directory (os error 2)"]);
    check_path(
        "/tmp",
        expect![[r#"
        /tmp cannot be opened: it is a directory, not a file
        name the program's file in it"#]],
    );
    check_path("/dev/null", expect!["/dev/null cannot be opened: it is a device, not a file"]);
    check_path("/etc/passwd", expect!["/etc/passwd cannot be read: not an ELF executable (text)"]);
    check_path(
        "4711",
        expect![[r#"
        4711 cannot be opened: No such file or directory (os error 2)
        if it is a process, write `-p 4711`"#]],
    );
}

#[test]
fn a_program_that_is_not_go_is_refused() {
    let path = std::env::current_exe().unwrap();
    let refusal = Target::Path(path.clone()).open().err().unwrap();
    let sentence = refusal.sentence.replace(&path.display().to_string(), "<this test>");
    expect![
        "<this test> cannot be read: not a Go program: it has neither Go build information nor a Go function table"
    ]
    .assert_eq(&sentence);
}

#[test]
fn a_process_that_is_gone_is_refused() {
    check(
        &Target::Pid(Pid(u32::MAX)),
        expect![[r#"
        there is no process with PID <pid>
        `gospect ps` shows the Go processes that are running"#]],
    );
}

#[test]
fn a_zombie_is_refused() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let process = Process::open(Pid(child.id())).unwrap();
    while process.stat().unwrap().state != 'Z' {
        std::thread::yield_now();
    }
    check(
        &Target::Pid(Pid(child.id())),
        expect!["PID <pid> has ended and waits for its parent to notice (zombie), it has no program file any more"],
    );
    child.wait().unwrap();
}

#[test]
fn a_thread_is_refused_with_its_process() {
    let tid = std::fs::read_link("/proc/thread-self").unwrap();
    let tid: u32 = tid.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let refusal = Target::Pid(Pid(tid)).open().err().unwrap();
    assert_eq!(refusal.sentence, format!("PID {tid} is a thread, not a process"));
    assert_eq!(refusal.hint, Some(format!("it belongs to the process with PID {}", std::process::id())));
}

#[test]
fn a_kernel_thread_is_refused() {
    let pids = kernel::proc::pids().unwrap().into_iter();
    let is_kernel = |pid: &Pid| Process::open(*pid).and_then(|p| p.stat()).is_ok_and(|s| s.kernel_thread);
    let Some(pid) = pids.into_iter().find(is_kernel) else {
        return Missing { why: "this pid namespace shows no kernel threads".into() }.skip();
    };
    check(&Target::Pid(pid), expect!["PID <pid> is a kernel thread, it has no program file"]);
}
