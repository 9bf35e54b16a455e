//! Everything that `info`, `list` and `explain` can be pointed at by mistake, and what they say then.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use expect_test::{Expect, expect};
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need};

use crate::running::{Running, Scratch, as_nobody, server};
use crate::{Ran, command};

impl Scratch {
    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).unwrap();
    }

    /// gospect with these arguments, run in the directory, so that messages name files as they are called here.
    fn gospect(&self, args: &[impl AsRef<OsStr>]) -> Ran {
        Ran::of(command(&[]).args(args).current_dir(&self.0).output().unwrap())
    }

    /// What all three commands say of a target: they must agree.
    fn said_of(&self, target: &[&str]) -> String {
        let [info, list, explain] = [&["info"][..], &["list"], &["explain", "main.main"]].map(|words| {
            let args = [&words[..1], target, &words[1..]].concat();
            self.gospect(&args).seen()
        });
        assert!(info == list && info == explain, "{target:?}: {:.300}\n{:.300}\n{:.300}", info, list, explain);
        info
    }

    fn check(&self, targets: &[&str], expect: Expect) {
        let said: Vec<String> = targets.iter().map(|target| self.said_of(&[target])).collect();
        expect.assert_eq(&said.join("\n"));
    }

    fn check_args(&self, args: &[impl AsRef<OsStr>], expect: Expect) {
        expect.assert_eq(&self.gospect(args).seen());
    }

    /// A message about a process; `<pid>` stands for its number.
    fn check_pid(&self, pid: u32, expect: Expect) {
        let pid = pid.to_string();
        expect.assert_eq(&self.said_of(&["-p", &pid]).replace(&pid, "<pid>"));
    }
}

/// A 64-bit ELF header for amd64 that nothing follows, with these bytes changed.
fn header(changes: &[(usize, u8)]) -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    header.resize(128, 0);
    changes.iter().for_each(|&(at, byte)| header[at] = byte);
    header
}

#[test]
fn a_file_that_is_no_program_is_said_to_be_what_it_is() {
    let here = Scratch::new();
    here.put("empty", b"");
    here.put("text", b"hello\n");
    here.put("script", b"#!/bin/sh\nexec ./server\n");
    here.put("noise", &[0x80; 100]);
    here.put("app.exe", b"MZ\x90\0");
    here.put("app-macos", b"\xcf\xfa\xed\xfe\x0c\0\0\x01");
    here.put("app.wasm", b"\0asm\x01\0\0\0");
    here.put("app.gz", b"\x1f\x8b\x08\0");
    here.check(
        &["empty", "text", "script", "noise", "app.exe", "app-macos", "app.wasm", "app.gz"],
        expect![[r#"
            gospect: empty cannot be read: the file is empty
            (exit status 3)
            gospect: text cannot be read: not an ELF executable (text)
            (exit status 3)
            gospect: script cannot be read: not an ELF executable (a script)
            hint: name the program that it starts
            (exit status 3)
            gospect: noise cannot be read: not an ELF executable (unknown data)
            (exit status 3)
            gospect: app.exe cannot be read: not an ELF executable (a Windows program)
            (exit status 3)
            gospect: app-macos cannot be read: not an ELF executable (a macOS program)
            (exit status 3)
            gospect: app.wasm cannot be read: not an ELF executable (WebAssembly)
            (exit status 3)
            gospect: app.gz cannot be read: not an ELF executable (gzip data)
            (exit status 3)"#]],
    );
}

#[test]
fn what_is_no_file_is_said_to_be_what_it_is() {
    let here = Scratch::new();
    fs::create_dir(here.0.join("directory")).unwrap();
    assert!(Command::new("mkfifo").arg(here.0.join("pipe")).status().unwrap().success());
    symlink("loop", here.0.join("loop")).unwrap();
    symlink("nowhere", here.0.join("dangling")).unwrap();
    here.check(
        &["directory", "pipe", "/dev/null", "/dev/full", "missing", "4711", "dangling", "loop"],
        expect![[r#"
        gospect: directory cannot be opened: it is a directory, not a file
        hint: name the program's file in it
        (exit status 3)
        gospect: pipe cannot be opened: it is a named pipe, not a file
        (exit status 3)
        gospect: /dev/null cannot be opened: it is a device, not a file
        (exit status 3)
        gospect: /dev/full cannot be opened: it is a device, not a file
        (exit status 3)
        gospect: missing cannot be opened: No such file or directory (os error 2)
        (exit status 3)
        gospect: 4711 cannot be opened: No such file or directory (os error 2)
        hint: if it is a process, write `-p 4711`
        (exit status 3)
        gospect: dangling cannot be opened: No such file or directory (os error 2)
        (exit status 3)
        gospect: loop cannot be opened: Too many levels of symbolic links (os error 40)
        (exit status 3)"#]],
    );
}

#[test]
fn an_elf_file_of_another_kind_is_said_to_be_that() {
    let here = Scratch::new();
    here.put("32-bit", &header(&[(4, 1), (18, 3)]));
    here.put("32-bit-arm", &header(&[(4, 1), (18, 40)]));
    here.put("big-endian", &header(&[(5, 2), (18, 0), (19, 22)]));
    here.put("riscv", &header(&[(18, 243)]));
    here.put("unknown-machine", &header(&[(18, 0xfe)]));
    here.put("object", &header(&[(16, 1)]));
    here.put("core", &header(&[(16, 4)]));
    here.put("no-kind", &header(&[(16, 9)]));
    here.put("nothing-in-it", &header(&[]));
    here.put("half-a-header", &header(&[])[..32]);
    here.check(
        &[
            "32-bit",
            "32-bit-arm",
            "big-endian",
            "riscv",
            "unknown-machine",
            "object",
            "core",
            "no-kind",
            "nothing-in-it",
            "half-a-header",
        ],
        expect![[r#"
            gospect: 32-bit cannot be read: a 32-bit program, for x86; gospect reads 64-bit programs for x86-64 and arm64
            (exit status 3)
            gospect: 32-bit-arm cannot be read: a 32-bit program, for ARM; gospect reads 64-bit programs for x86-64 and arm64
            (exit status 3)
            gospect: big-endian cannot be read: a big-endian program, for S/390; gospect reads 64-bit programs for x86-64 and arm64
            (exit status 3)
            gospect: riscv cannot be read: a program for RISC-V; gospect reads 64-bit programs for x86-64 and arm64
            (exit status 3)
            gospect: unknown-machine cannot be read: a program for ELF machine 254; gospect reads 64-bit programs for x86-64 and arm64
            (exit status 3)
            gospect: object cannot be read: an ELF file, but an object file (not linked yet), not a program or shared library
            (exit status 3)
            gospect: core cannot be read: an ELF file, but a core dump, not a program or shared library
            (exit status 3)
            gospect: no-kind cannot be read: an ELF file, but of an unknown kind, not a program or shared library
            (exit status 3)
            gospect: nothing-in-it cannot be read: not a Go program: it has neither Go build information nor a Go function table
            (exit status 3)
            gospect: half-a-header cannot be read: the file is cut short: the ELF header ends at byte 64, the file at 32
            (exit status 3)"#]],
    );
}

#[test]
fn a_program_or_library_without_go_is_said_to_have_none() {
    let here = Scratch::new();
    // The test itself is one.
    let own = std::env::current_exe().unwrap();
    symlink(&own, here.0.join("rust")).unwrap();
    here.check(
        &["rust"],
        expect![[r#"
        gospect: rust cannot be read: not a Go program: it has neither Go build information nor a Go function table
        (exit status 3)"#]],
    );
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let library = maps.lines().find_map(|l| l.split_ascii_whitespace().last().filter(|p| p.contains("/libc.so")));
    let Some(library) = library else { return Missing { why: "the C library is none of its own here".into() }.skip() };
    symlink(library, here.0.join("libc.so")).unwrap();
    here.check(
        &["libc.so"],
        expect![[r#"
        gospect: libc.so cannot be read: not a Go program: it has neither Go build information nor a Go function table
        (exit status 3)"#]],
    );
}

#[test]
fn a_file_that_may_not_be_read_is_named_with_the_cause() {
    let here = Scratch::new();
    here.put("secret", b"x");
    fs::set_permissions(here.0.join("secret"), fs::Permissions::from_mode(0o000)).unwrap();
    let gospect = here.copy(Path::new(env!("CARGO_BIN_EXE_gospect")), "gospect");
    for args in [&["info"][..], &["list"], &["explain", "main.main"]] {
        let mut command = Command::new(&gospect);
        as_nobody(&mut command).args(&args[..1]).arg("secret").args(&args[1..]).current_dir(&here.0);
        expect![[r#"
            gospect: secret cannot be opened: Permission denied (os error 13)
            (exit status 3)"#]]
        .assert_eq(&Ran::of(command.output().unwrap()).seen());
    }
}

/// The text with every number as `N`.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' if out.ends_with('N') => {}
            '0'..='9' => out.push('N'),
            _ => out.push(c),
        }
    }
    out
}

#[test]
fn a_program_that_is_cut_short_is_said_to_be() {
    let whole = fs::read(need!(server("1.26", Variant::Stripped))).unwrap();
    let here = Scratch::new();
    let cut = |at: usize| {
        here.put("cut", &whole[..at]);
        without_numbers(&here.said_of(&["cut"]))
    };
    expect![[r#"
        gospect: cut cannot be read: not an ELF executable (unknown data)
        (exit status N)
        gospect: cut cannot be read: the file is cut short: the ELF header ends at byte N, the file at N
        (exit status N)
        gospect: cut cannot be read: the file is cut short: the program headers ends at byte N, the file at N
        (exit status N)
        gospect: cut cannot be read: the file is cut short: the program headers ends at byte N, the file at N
        (exit status N)
        gospect: cut cannot be read: the file is cut short: a loaded segment ends at byte N, the file at N
        (exit status N)
        gospect: cut cannot be read: the file is cut short: a loaded segment ends at byte N, the file at N
        (exit status N)"#]]
    .assert_eq(&[cut(3), cut(63), cut(64), cut(200), cut(5000), cut(whole.len() / 2)].join("\n"));
    // What stands behind the last loaded segment is not needed: section names, in a stripped file.
    let segments = gobin::Elf::parse(whole.clone()).unwrap().segments;
    let end = segments.iter().map(|s| s.offset.0 + s.file_size).max().unwrap() as usize;
    for at in (0..end).step_by(end / 25).chain([end - 1]) {
        let said = cut(at);
        assert!(said.starts_with("gospect: cut cannot be read: ") && said.ends_with("(exit status N)"), "{at}: {said}");
        assert_eq!(said.lines().count(), 2, "{at}: {said}");
    }
    here.put("cut", &whole[..end]);
    assert_eq!(here.gospect(&["list", "cut", "main.main"]).status, 0);
}

#[test]
fn a_program_for_the_other_machine_is_shown_as_any() {
    let other = if Arch::native() == Some(Arch::Arm64) { Arch::Amd64 } else { Arch::Arm64 };
    let path = need!(build(&Fixture::new("server", "1.26", Variant::Plain).on(other)));
    let here = Scratch::new();
    symlink(path, here.0.join("other")).unwrap();
    for args in [&["info", "other"][..], &["list", "other", "main.main"], &["explain", "other", "main.main"]] {
        let ran = here.gospect(args);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{args:?}");
        assert!(ran.stdout.contains(if args[0] == "info" { other.goarch() } else { "main.main" }), "{}", ran.stdout);
    }
}

#[test]
fn a_program_whose_function_table_is_damaged_is_shown_without_functions() {
    let mut bytes = fs::read(need!(server("1.26", Variant::Stripped))).unwrap();
    let magic = [0xf1, 0xff, 0xff, 0xff, 0, 0];
    let found: Vec<usize> =
        bytes.windows(6).enumerate().filter(|(_, window)| *window == magic).map(|(at, _)| at).collect();
    assert!(!found.is_empty(), "a Go program has a function table");
    // The number of functions.
    found.iter().for_each(|at| bytes[at + 8..at + 16].fill(0xff));
    let here = Scratch::new();
    here.put("damaged", &bytes);
    let info = here.gospect(&["info", "damaged"]);
    assert_eq!((info.status, info.stderr.as_str()), (0, ""));
    let why = "damaged function table: there is none that can be read";
    assert!(info.stdout.contains(why), "{}", info.stdout);
    here.check_args(
        &["list", "damaged"],
        expect![[r#"
        gospect: the functions of damaged cannot be read: damaged function table: there is none that can be read
        (exit status 3)"#]],
    );
    here.check_args(
        &["explain", "damaged", "main.main"],
        expect![[r#"
        gospect: the functions of damaged cannot be read: damaged function table: there is none that can be read
        (exit status 3)"#]],
    );
    here.check_args(
        &["explain", "damaged", "0x401000"],
        expect![[r#"
        gospect: the functions of damaged cannot be read: damaged function table: there is none that can be read
        (exit status 3)"#]],
    );
}

#[test]
fn a_pid_that_is_none_is_a_mistake() {
    let here = Scratch::new();
    for (pid, expect) in [
        (
            "0",
            expect![[r#"
            gospect: `0` cannot be the value of `--pid`: it is not a process number
            hint: `gospect help info` shows what can be typed
            (exit status 2)"#]],
        ),
        (
            "abc",
            expect![[r#"
            gospect: `abc` cannot be the value of `--pid`: it is not a process number
            hint: `gospect help info` shows what can be typed
            (exit status 2)"#]],
        ),
        (
            "-5",
            expect![[r#"
            gospect: unknown option `-5`
            hint: `gospect help info` shows what can be typed
            (exit status 2)"#]],
        ),
        (
            "12345678901",
            expect![[r#"
            gospect: `12345678901` cannot be the value of `--pid`: it is not a process number
            hint: `gospect help info` shows what can be typed
            (exit status 2)"#]],
        ),
        (
            "",
            expect![[r#"
            gospect: `` cannot be the value of `--pid`: it is not a process number
            hint: `gospect help info` shows what can be typed
            (exit status 2)"#]],
        ),
    ] {
        here.check_args(&["info", "-p", pid], expect);
    }
}

/// A process that is ended with the test.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `/proc/PID/stat` behind the name.
fn stat(pid: u32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/stat")).ok()?.rsplit_once(") ")?.1.to_owned())
}

#[test]
fn a_process_that_cannot_be_looked_at_is_said_to_be_what_it_is() {
    let here = Scratch::new();
    // Above what the kernel gives to any process.
    here.check_pid(
        4_999_999,
        expect![[r#"
        gospect: there is no process with PID <pid>
        hint: `gospect ps` shows the Go processes that are running
        (exit status 3)"#]],
    );

    let sleep = Other(Command::new("sleep").arg("600").spawn().unwrap());
    while fs::read_link(format!("/proc/{}/exe", sleep.0.id())).is_ok_and(|exe| !exe.ends_with("sleep")) {
        std::thread::yield_now();
    }
    let exe = fs::read_link(format!("/proc/{}/exe", sleep.0.id())).unwrap();
    let said = here.said_of(&["-p", &sleep.0.id().to_string()]);
    let said = said.replace(&sleep.0.id().to_string(), "<pid>").replace(exe.to_str().unwrap(), "<sleep>");
    expect![[r#"
        gospect: PID <pid> (<sleep>) cannot be read: not a Go program: it has neither Go build information nor a Go function table
        hint: `gospect ps` shows the Go processes that are running
        (exit status 3)"#]].assert_eq(&said);

    let zombie = Other(Command::new("true").spawn().unwrap());
    while stat(zombie.0.id()).is_some_and(|s| !s.starts_with('Z')) {
        std::thread::yield_now();
    }
    here.check_pid(
        zombie.0.id(),
        expect![[r#"
        gospect: PID <pid> has ended and waits for its parent to notice (zombie), it has no program file any more
        (exit status 3)"#]],
    );

    let thread = fs::read_link("/proc/thread-self").unwrap();
    let thread = thread.file_name().unwrap().to_str().unwrap().to_owned();
    let said = here.said_of(&["-p", &thread]).replace(&thread, "<tid>");
    expect![[r#"
        gospect: PID <tid> is a thread, not a process
        hint: it belongs to the process with PID <pid>
        (exit status 3)"#]]
    .assert_eq(&said.replace(&std::process::id().to_string(), "<pid>"));
}

#[test]
fn a_process_with_go_in_a_library_is_said_to_have_it_there() {
    let arch = need!(Arch::native().ok_or_else(|| Missing { why: "no Go fixtures for this machine".into() }));
    let library = need!(build(&Fixture::new("shared", "1.26", Variant::CShared).on(arch)));
    let here = Scratch::new();
    let library = here.copy(&library, "libshared.so");
    let sleep = Other(Command::new("sleep").arg("600").env("LD_PRELOAD", &library).spawn().unwrap());
    let pid = sleep.0.id();
    let maps = || fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    while !maps().contains("/libshared.so") {
        if maps().contains("[heap]") && stat(pid).is_some_and(|s| s.starts_with('S')) {
            return Missing { why: "sleep loads no libraries here".into() }.skip();
        }
        std::thread::yield_now();
    }
    let said = here.said_of(&["-p", &pid.to_string()]);
    let hint = said.lines().find(|l| l.starts_with("hint: ")).unwrap().replace(library.to_str().unwrap(), "<library>");
    assert_eq!(hint, "hint: it has Go code in <library>: name that file", "{said}");
}

#[test]
fn a_kernel_thread_is_said_to_be_one() {
    let is_kernel = |pid: &u32| stat(*pid).is_some_and(|s| s.split(' ').nth(6).is_some_and(is_kernel_flags));
    let pids = fs::read_dir("/proc").unwrap().filter_map(|e| e.unwrap().file_name().to_str()?.parse().ok());
    let Some(pid) = pids.into_iter().find(is_kernel) else {
        return Missing { why: "this pid namespace shows no kernel threads".into() }.skip();
    };
    Scratch::new().check_pid(
        pid,
        expect![[r#"
        gospect: PID <pid> is a kernel thread, it has no program file
        (exit status 3)"#]],
    );
}

/// `PF_KTHREAD`.
fn is_kernel_flags(flags: &str) -> bool {
    flags.parse::<u64>().is_ok_and(|flags| flags & 0x0020_0000 != 0)
}

/// A directory with a Go program called `app`.
fn with_app() -> Result<Scratch, Missing> {
    let here = Scratch::new();
    here.copy(&server("1.26", Variant::Plain)?, "app");
    Ok(here)
}

#[test]
fn a_reader_that_goes_away_ends_a_list_quietly() {
    let here = need!(with_app());
    let mut list = command(&["list", "app"]);
    let mut list = list.current_dir(&here.0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(list.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.ends_with('\n'));
    assert_eq!(Ran::of(list.wait_with_output().unwrap()).seen(), "(exit status 0)");
}

#[test]
fn a_full_disk_is_one_sentence() {
    let here = need!(with_app());
    for args in [&["info", "app"][..], &["list", "app"], &["explain", "app", "main.main"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = command(args);
        command.current_dir(&here.0).stdout(full).stderr(Stdio::piped());
        expect![[r#"
            gospect: standard output cannot be written to: No space left on device (os error 28)
            (exit status 3)"#]]
        .assert_eq(&Ran::of(command.output().unwrap()).seen());
        expect![[r#"
            gospect: /dev/full cannot be written to: No space left on device (os error 28)
            (exit status 3)"#]]
        .assert_eq(&here.gospect(&[args, &["-o", "/dev/full"]].concat()).seen());
    }
}

#[test]
fn results_never_go_where_they_came_from() {
    let here = need!(with_app());
    let app = here.0.join("app");
    let before = fs::read(&app).unwrap();
    fs::hard_link(&app, here.0.join("link")).unwrap();
    symlink("app", here.0.join("symlink")).unwrap();
    for output in ["app", "./app", "link", "symlink"] {
        for args in [&["info", "app"][..], &["list", "app"], &["explain", "app", "main.main"]] {
            expect![[r#"
                gospect: what is found in app would be written over it
                hint: write to another file
                (exit status 2)"#]]
            .assert_eq(&here.gospect(&[args, &["-o", output]].concat()).seen());
        }
    }
    let appended = File::options().append(true).open(&app).unwrap();
    let mut list = command(&["list", "app"]);
    list.current_dir(&here.0).stdout(appended).stderr(Stdio::piped());
    expect![[r#"
        gospect: what is found in app would be written over it
        hint: write to another file
        (exit status 2)"#]]
    .assert_eq(&Ran::of(list.output().unwrap()).seen());
    assert!(fs::read(&app).unwrap() == before, "the program is as it was");
}

#[test]
fn a_program_that_runs_is_not_written_over() {
    let here = need!(with_app());
    let running = Running::server(&mut Command::new(here.0.join("app")));
    let ran = here.gospect(&["info", "-p", &running.pid().to_string(), "-o", "app"]);
    expect![[r#"
        gospect: app cannot be written to: Text file busy (os error 26)
        (exit status 3)"#]]
    .assert_eq(&ran.seen());
}

#[test]
fn a_command_that_fails_leaves_the_last_results_where_they_are() {
    let here = need!(with_app());
    here.put("out", b"the last results, of a program that is looked at no more\n");
    for args in [&["info", "missing"][..], &["list", "app", "no.such"], &["explain", "app", "main.mian"]] {
        assert_ne!(here.gospect(&[args, &["-o", "out"]].concat()).status, 0);
        assert!(fs::read_to_string(here.0.join("out")).unwrap().starts_with("the last results"), "{args:?}");
        symlink("made", here.0.join("link")).unwrap();
        for output in ["new", "link"] {
            assert_ne!(here.gospect(&[args, &["-o", output]].concat()).status, 0);
            assert!(!here.0.join(output).exists(), "{args:?}: nothing is made for nothing");
        }
        fs::remove_file(here.0.join("link")).expect("the link itself is not ours to remove");
    }
    assert_eq!(here.gospect(&["list", "app", "main.main", "-o", "out"]).seen(), "(exit status 0)");
    assert_eq!(fs::read_to_string(here.0.join("out")).unwrap(), here.gospect(&["list", "app", "main.main"]).stdout);
}

#[test]
fn a_directory_that_is_not_there_is_not_made() {
    let here = need!(with_app());
    here.check_args(
        &["info", "app", "-o", "nowhere/out"],
        expect![[r#"
        gospect: nowhere/out cannot be created: No such file or directory (os error 2)
        (exit status 3)"#]],
    );
}

#[test]
fn a_function_that_is_not_there_is_said_with_what_may_be_meant() {
    let here = need!(with_app());
    for (args, expect) in [
        (
            &["list", "app", "main.mian"][..],
            expect![[r#"
            gospect: no function of app matches `main.mian`
            hint: did you mean `main.main`?
            (exit status 1)"#]],
        ),
        (
            &["explain", "app", "main.mian"],
            expect![[r#"
            gospect: no function of app matches `main.mian`
            hint: did you mean `main.main`?
            (exit status 1)"#]],
        ),
        (
            &["explain", "app", "main.store.get"],
            expect![[r#"
            gospect: no function of app matches `main.store.get`
            hint: did you mean `main.(*store).get` or `main.(*store).put` or `main.(*store).list`?
            (exit status 1)"#]],
        ),
        (
            &["list", "app", "no.such.thing"],
            expect![[r#"
            gospect: no function of app matches `no.such.thing`
            hint: `gospect list` shows every function; `*` stands for any characters
            (exit status 1)"#]],
        ),
        (
            &["list", "app", "zzz*", "no*such"],
            expect![[r#"
            gospect: no function of app matches `zzz*` or `no*such`
            hint: `gospect list` shows every function; `*` stands for any characters
            (exit status 1)"#]],
        ),
        (
            &["list", "app", "main.main", ""][..],
            expect![[r#"
            gospect: the name of a function is empty
            hint: `gospect list TARGET` shows every function
            (exit status 2)"#]],
        ),
        (
            &["explain", "app", ""],
            expect![[r#"
            gospect: the name of a function is empty
            hint: `gospect list TARGET` shows every function
            (exit status 2)"#]],
        ),
        (
            &["info", ""],
            expect![[r#"
            gospect: TARGET is empty
            hint: it is the path of a program, or `-p PID` in its place
            (exit status 2)"#]],
        ),
        (
            &["info", "app", "-o", ""],
            expect![[r#"
            gospect: `` cannot be the value of `--output`: it is empty
            hint: `gospect help info` shows what can be typed
            (exit status 2)"#]],
        ),
        (
            &["explain", "app", "main.(*store).*"],
            expect![[r#"
            gospect: `main.(*store).*` matches 7 functions, and `gospect explain` takes one
            hint: they are `main.(*store).get`, `main.(*store).get.deferwrap1`, `main.(*store).put`, `main.(*store).put.deferwrap1`, `main.(*store).ServeHTTP`, 2 more
            (exit status 2)"#]],
        ),
        (
            &["explain", "app", "0xyz"],
            expect![[r#"
            gospect: `0xyz` is no address
            hint: addresses are written as 0x4a1c20
            (exit status 2)"#]],
        ),
        (
            &["explain", "app", "0xffffffffffffffffff"],
            expect![[r#"
            gospect: `0xffffffffffffffffff` is no address
            hint: addresses are written as 0x4a1c20
            (exit status 2)"#]],
        ),
        (
            &["explain", "app"],
            expect![[r#"
            gospect: `gospect explain` needs a function: its name, or an address in it
            hint: `gospect list TARGET` shows them all
            (exit status 2)"#]],
        ),
        (
            &["explain", "app", "main.main", "main.main"],
            expect![[r#"
            gospect: `main.main` is one argument too many
            hint: `gospect help explain` shows what can be typed
            (exit status 2)"#]],
        ),
        (
            &["info", "app", "main.main"],
            expect![[r#"
            gospect: `main.main` is one argument too many
            hint: `gospect help info` shows what can be typed
            (exit status 2)"#]],
        ),
        (
            &["list"],
            expect![[r#"
            gospect: `gospect list` needs a TARGET: the path of a program, or `-p PID`
            hint: `gospect ps` shows the Go processes that are running
            (exit status 2)"#]],
        ),
    ] {
        here.check_args(args, expect);
    }
}

#[test]
fn arguments_that_are_no_text_are_shown_as_far_as_they_can_be() {
    let here = need!(with_app());
    let odd = OsStr::from_bytes(b"odd\xff\x1b[31m");
    let word = OsStr::new;
    here.check_args(
        &[word("info"), odd],
        expect![[r#"
            gospect: odd�\x1b[31m cannot be opened: No such file or directory (os error 2)
            (exit status 3)"#]],
    );
    here.check_args(
        &[word("list"), word("app"), odd],
        expect![[r#"
            gospect: no function of app matches `odd�\x1b[31m`
            hint: `gospect list` shows every function; `*` stands for any characters
            (exit status 1)"#]],
    );
    here.check_args(
        &[word("explain"), word("app"), odd],
        expect![[r#"
            gospect: no function of app matches `odd�\x1b[31m`
            hint: `gospect list` shows every function; `*` stands for any characters
            (exit status 1)"#]],
    );
    here.check_args(
        &[word("info"), word("-p"), odd],
        expect![[r#"
            gospect: `odd�\x1b[31m` cannot be the value of `--pid`: it is not a process number
            hint: `gospect help info` shows what can be typed
            (exit status 2)"#]],
    );
    here.check_args(
        &[word("info"), word("app"), word("--color"), odd],
        expect![[r#"
        gospect: a command or an option is not valid UTF-8
        hint: `gospect help info` shows what can be typed
        (exit status 2)"#]],
    );
    here.check_args(
        &[odd],
        expect![[r#"
            gospect: unknown command `odd�\x1b[31m`
            hint: `gospect help` lists the commands
            (exit status 2)"#]],
    );
    fs::rename(here.0.join("app"), here.0.join(odd)).unwrap();
    let info = here.gospect(&[word("info"), odd]);
    assert_eq!((info.status, info.stderr.as_str()), (0, ""));
    assert!(!info.stdout.contains('\x1b'), "{}", info.stdout);
}
