//! What is left when gospect is killed; and a page at a known address, which the random programs want.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use gospect_fixtures::{Variant, need};
use kernel::Pid;
use kernel::loader::{Loader, Uprobes, Way};

use crate::attach::engine_for;
use crate::programs::counting;
use crate::target::Program;

/// Puts a page of memory at an address.
#[allow(unsafe_code, reason = "mmap(2) has no safe form")]
pub fn map_page(address: u64, page: &[u8]) -> std::io::Result<()> {
    let (read_write, fixed) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_FIXED_NOREPLACE);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | fixed;
    // SAFETY: the mapping is new (NOREPLACE), stays for ever, and the copy has its size.
    unsafe {
        let start = libc::mmap(address as *mut libc::c_void, page.len(), read_write, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        std::ptr::copy_nonoverlapping(page.as_ptr(), start.cast(), page.len());
    }
    Ok(())
}

const ROLE: &str = "GOSPECT_TEST_ATTACH";

/// Runs itself once more as the one that attaches, and kills that.
fn killed_gospect_leaves_the_text_as_it_was(way: Way, test: &str) {
    if let Some(role) = std::env::var_os(ROLE) {
        return attach_and_wait(way, role.to_str().unwrap().parse().unwrap());
    }
    need!(engine_for(way));
    let target = need!(Program::counter(Variant::Plain));
    let mut running = target.start();
    let mut addresses = vec![target.entry("main.hit"), target.entry("main.deep")];
    addresses.extend(target.returns("main.hit"));
    let text = |running: &crate::target::Running| -> Vec<u8> {
        addresses.iter().flat_map(|&address| running.bytes(address, 1)).collect()
    };
    let before = text(&running);
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]).env(ROLE, running.pid().to_string());
    let mut gospect = again.stdout(Stdio::piped()).process_group(0).spawn().unwrap();
    let lines = BufReader::new(gospect.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("attached")), "it did not attach");
    let during = text(&running);
    running.work(2, 1000);
    gospect.kill().unwrap();
    gospect.wait().unwrap();
    // The kernel takes them out when it closes the descriptors, which may be after the process can be waited for.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while text(&running) != before && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(during.iter().zip(&before).all(|(during, before)| during != before), "{during:x?}");
    assert_eq!(text(&running), before);
    assert_eq!(running.work(1, 1000).0, 3000);
}

fn attach_and_wait(way: Way, pid: u32) {
    let loader = Loader::open().unwrap();
    let spec = counting(way);
    let maps = loader.maps(&spec.maps).unwrap();
    let program = loader.load(&spec.program, &maps).unwrap();
    let target = Program::counter(Variant::Plain).unwrap();
    let mut addresses = vec![target.entry("main.hit"), target.entry("main.deep")];
    addresses.extend(target.returns("main.hit"));
    let sites = target.sites(&addresses);
    let uprobes = Uprobes { file: &target.file, sites: &sites, pid: Some(Pid(pid)), returning: false };
    let _attached = loader.uprobes(&program, &uprobes).unwrap();
    println!("attached");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn killed_with_a_multi_link_it_leaves_nothing() {
    killed_gospect_leaves_the_text_as_it_was(Way::Multi, "fork::killed_with_a_multi_link_it_leaves_nothing");
}

#[test]
fn killed_with_a_tracefs_event_it_leaves_nothing() {
    killed_gospect_leaves_the_text_as_it_was(Way::Tracefs, "fork::killed_with_a_tracefs_event_it_leaves_nothing");
}
