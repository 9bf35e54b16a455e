//! Where system calls are made, in real programs of every Go release.

use gobin::Image;
use gobin::syscalls::SystemCalls;
use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, on_every_go};

fn open(program: &'static str, go: &'static str, variant: Variant, arch: Arch) -> Result<Image, Missing> {
    let path = build(&Fixture::new(program, go, variant).on(arch))?;
    let bytes = std::fs::read(path).expect("the fixture was just built");
    Ok(Image::parse(bytes).expect("a Go program"))
}

/// Those that go through package syscall are called by one function, the others are the network's and the runtime's.
fn every_call_is_known_by_its_instruction(go: &'static str) {
    for (program, variant) in
        [("server", Variant::Plain), ("server", Variant::PieStripped), ("collects", Variant::Stripped)]
    {
        let image = need!(open(program, go, variant, Arch::Amd64));
        let found = SystemCalls::of(&image).unwrap_or_else(|why| panic!("go{go} {program}: {why}"));
        let callers: Vec<&str> =
            found.calls.iter().map(|&at| image.function_at(at).expect("it is in some function").name()).collect();
        let of_the_library = callers.iter().filter(|name| **name == "syscall.RawSyscall6").count();
        assert_eq!(of_the_library, 1, "go{go} {program}: {callers:?}");
        let is_known = |name: &str| {
            name == "syscall.RawSyscall6"
                || ["internal/runtime/", "runtime."].iter().any(|own| name.starts_with(own))
                || name.contains("/syscall.")
        };
        assert!(callers.iter().all(|name| is_known(name)), "go{go} {program}: {callers:?}");
        let answered = image.elf().read(found.answered, 1).expect("it is in the file");
        assert_eq!(answered, [0x76], "go{go} {program}: no jbe");
    }
}
on_every_go!(every_call_is_known_by_its_instruction);

#[test]
fn other_machines_are_refused() {
    let image = need!(open("server", "1.26", Variant::Plain, Arch::Arm64));
    let why = SystemCalls::of(&image).expect_err("it is for arm64");
    assert_eq!(why, "on this machine it is not known where Go makes them");
}
