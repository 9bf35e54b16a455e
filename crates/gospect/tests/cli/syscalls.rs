//! `syscall:EVENT`, held against what a program says of its own system calls.

use std::collections::BTreeMap;

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, on_every_go};
use serde_json::{Value, json};

use crate::run::{objects, permitted, summary};
use crate::{Ran, gospect};

fn path(go: &'static str, variant: Variant) -> Result<String, Missing> {
    permitted()?;
    let amd64 = Arch::native().filter(|arch| *arch == Arch::Amd64);
    let arch = amd64.ok_or_else(|| Missing { why: "where system calls are made is known for amd64 only".into() })?;
    build(&Fixture::new("syscalls", go, variant).on(arch)).map(|path| path.to_string_lossy().into_owned())
}

/// `exit_group`
const ENDS: &str = "231";
/// `epoll_pwait` on behalf of no goroutine: a thread that has nothing to do may wait in it when the program ends.
const IDLE: &str = "0,281";

const EVERYTHING: &str = "syscall:enter { @enter[args.goid, args.nr] = count(); @seen[probe] = count(); }
    syscall:exit { @exit[args.goid, args.nr, args.ret] = count(); @seen[probe] = count(); }
    syscall:exit /args.nr == 35 && args.ret == 0/ { @slept = min(elapsed); @longest = max(elapsed); }";

/// What the program says: how often, by goroutine, system call and answer.
fn made(ran: &Ran) -> BTreeMap<String, u64> {
    let lines = ran.stdout.lines().filter(|line| line.starts_with("made\t"));
    let made: BTreeMap<String, u64> = lines
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            ["made", _, goid, nr, ret, n] => (format!("{goid},{nr},{ret}"), n.parse().unwrap()),
            _ => panic!("{line}"),
        })
        .collect();
    assert!(made.len() >= 20, "{}", ran.stdout);
    made
}

fn map(objects: &[Value], name: &str) -> BTreeMap<String, u64> {
    let found = objects.iter().find_map(|object| object["data"].get(name).filter(|_| object["type"] == "map"));
    let entries = found.and_then(Value::as_object).into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_u64().unwrap())).collect()
}

fn without_answer(counts: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (key, n) in counts {
        let (asked, _) = key.rsplit_once(',').unwrap();
        *sums.entry(asked.to_owned()).or_default() += n;
    }
    sums
}

/// A run that shows both what the program says and what was seen: the first goes where the second does.
fn told(ran: &Ran) -> Vec<Value> {
    let ours = ran.stdout.lines().filter(|line| line.starts_with('{'));
    let ours = Ran { stdout: ours.map(|line| format!("{line}\n")).collect(), stderr: String::new(), ..*ran };
    objects(&ours)
}

fn each_is_seen_once_with_its_answer(go: &'static str) {
    for variant in [Variant::Plain, Variant::Stripped] {
        let path = need!(path(go, variant));
        let ran = gospect(&["run", "--json", "--max-overhead", "off", "-e", EVERYTHING, "--", &path]);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "go{go}");
        let (made, objects) = (made(&ran), told(&ran));
        let (enter, exit) = (map(&objects, "@enter"), map(&objects, "@exit"));
        // Of goroutines that do nothing else all is known beforehand.
        let goids: Vec<&str> = made.keys().map(|key| key.split(',').next().unwrap()).collect();
        let ours = |key: &String| goids.contains(&key.split(',').next().unwrap());
        let exit_of_ours: BTreeMap<_, _> = exit.clone().into_iter().filter(|(key, _)| ours(key)).collect();
        assert_eq!(exit_of_ours, made, "go{go} {variant:?}");
        // Whatever was asked was answered, but for the last one.
        let mut asked = enter;
        let ends = asked.keys().find(|key| key.ends_with(&format!(",{ENDS}"))).expect("it ends by one").clone();
        assert_eq!(asked.remove(&ends), Some(1));
        let mut answered = without_answer(&exit);
        let [waited, woke] = [&mut asked, &mut answered].map(|counts| counts.remove(IDLE).unwrap_or(0));
        assert!(waited == woke || waited == woke + 1, "go{go} {variant:?}: {waited} {woke}");
        assert_eq!(asked, answered, "go{go} {variant:?}");
        let seen = map(&objects, "@seen");
        let all: u64 = exit.values().sum();
        let enter = all + 1 + waited - woke;
        assert_eq!(seen, BTreeMap::from([("syscall:enter".into(), enter), ("syscall:exit".into(), all)]));
        let value = |name: &str| {
            objects.iter().find_map(|o| o["data"].get(name)).and_then(Value::as_u64).unwrap_or_else(|| panic!("{name}"))
        };
        assert!((2_000_000..1_000_000_000).contains(&value("@slept")), "{}", value("@slept"));
        assert!(value("@longest") < 5_000_000_000, "{}", value("@longest"));
        let summary = summary(&objects);
        assert_eq!((&summary["lost"], &summary["missed"], &summary["full"]), (&json!(0), &json!(0), &json!([])));
    }
}
on_every_go!(each_is_seen_once_with_its_answer);

/// The stack is that of who asks, at both ends; what stands between is Go's library.
fn who_asks_is_on_the_stack(go: &'static str) {
    let path = need!(path(go, Variant::Plain));
    let text = "syscall:enter /args.nr == 110/ { @asked[ustack] = count(); }
        syscall:exit /args.nr == 110/ { @answered[ustack] = count(); }";
    let ran = gospect(&["run", "-q", "-e", text, "--", &path]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "go{go}");
    let stack = |name: &str| {
        let (_, from) = ran.stdout.split_once(&format!("{name}[")).unwrap_or_else(|| panic!("{}", ran.stdout));
        let (stack, rest) = from.split_once("]: ").unwrap();
        assert!(rest.starts_with("200\n"), "go{go} {}", ran.stdout);
        let name = |line: &str| line.trim().split(['+', ' ']).next().unwrap_or_default().to_owned();
        stack.lines().map(name).filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    let (asked, answered) = (stack("@asked"), stack("@answered"));
    assert_eq!(asked[0], "syscall.RawSyscall6", "go{go} {}", ran.stdout);
    assert!(asked.contains(&"main.asks".to_owned()), "go{go} {}", ran.stdout);
    assert!(
        answered[0].ends_with("syscall.Syscall6") || answered[0].ends_with("syscall/linux.Syscall6"),
        "{answered:?}"
    );
    assert_eq!(answered[1..], asked, "go{go} {}", ran.stdout);
}
on_every_go!(who_asks_is_on_the_stack);

#[test]
fn what_was_asked_before_has_no_answer() {
    let path = need!(path("1.26", Variant::Plain));
    // Without `syscall:enter` in the text each answer still has what was asked.
    let ran = gospect(&[
        "run",
        "--json",
        "--max-overhead",
        "off",
        "-e",
        "syscall:exit { @[args.nr] = count(); }",
        "--",
        &path,
    ]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let (made, seen) = (made(&ran), map(&told(&ran), "@"));
    let of = |nr: &str| made.iter().filter(|(key, _)| key.split(',').nth(1) == Some(nr)).map(|(_, n)| n).sum::<u64>();
    for nr in ["110", "9999", "35"] {
        assert_eq!(seen.get(nr), Some(&of(nr)), "{seen:?}");
    }
    assert_eq!(seen.get(ENDS), None);
}
