//! Values of types that reflection makes while the program runs: unknown when they are met first, shown from then on.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use gospect_fixtures::{Arch, Fixture, Missing, Variant, build, need, on_every_go};

use crate::command;
use crate::run::{Tracing, WAYS, objects, permitted, summary};

/// Longer than it takes to look at records.
const LOOKED_AT: Duration = Duration::from_millis(400);

/// The fixture `made`, running.
struct Made {
    child: Child,
    stdin: ChildStdin,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Made {
    fn start(path: &Path, args: &[&str]) -> Made {
        let mut child = Command::new(path).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut made = Made { stdin: child.stdin.take().unwrap(), lines, child };
        assert_eq!(made.lines.next().unwrap().unwrap(), "ready");
        made
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Lets it call its functions; what a reader must see of that.
    fn calls(&mut self) -> Vec<String> {
        writeln!(self.stdin).unwrap();
        let lines = self.lines.by_ref().map(Result::unwrap).take_while(|line| line != "done");
        lines.map(|line| line.strip_prefix("want ").unwrap().to_owned()).collect()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fixture(go: &'static str, variant: Variant) -> Result<std::path::PathBuf, Missing> {
    permitted()?;
    let arch = Arch::native().ok_or_else(|| Missing { why: "this machine is none that gospect knows".into() })?;
    build(&Fixture::new("made", go, variant).on(arch))
}

/// Each process calls all functions twice, with time in between; what was seen of each, and what had to be.
fn met(processes: &mut [Made], way: &str) {
    let pids: Vec<String> = processes.iter().flat_map(|made| ["-p".to_owned(), made.pid()]).collect();
    let pids = pids.iter().map(String::as_str).collect::<Vec<_>>();
    let functions = ["main.take(v any)", "main.takeStringer(s fmt.Stringer)"];
    let args = [&["trace", "--ready-fd", "1", "--json", "--way", way], &pids[..], &functions].concat();
    let tracing = Tracing::of(&mut command(&args));
    let mut want: Vec<Vec<String>> = Vec::new();
    for round in 0..2 {
        for made in processes.iter_mut() {
            let calls = made.calls();
            assert_eq!(calls.len(), 8);
            want.extend((round > 0).then_some(calls));
        }
        std::thread::sleep(LOOKED_AT);
    }
    let all = objects(&tracing.stop());
    for (made, want) in processes.iter().zip(&want) {
        let of_process = |call: &&serde_json::Value| call["type"] == "call" && call["pid"] == made.child.id();
        let texts: Vec<&str> = all.iter().filter(of_process).map(|call| call["text"].as_str().unwrap()).collect();
        let (first, second) = texts.split_at(8.min(texts.len()));
        let unknown = |text: &&str| text.contains("=<unknown type 0x");
        assert_eq!(first.iter().filter(|text| unknown(text)).count(), 8, "{first:?}");
        assert_eq!(second, want, "{way}");
    }
    let sum = summary(&all);
    let calls = 16 * processes.len() as u64;
    assert_eq!((sum["hits"].as_u64(), sum["printed"].as_u64()), (Some(calls), Some(calls)));
}

fn types_that_reflection_makes_are_known_from_their_second_value_on(go: &'static str) {
    for variant in [Variant::Plain, Variant::Pie, Variant::Stripped] {
        met(&mut [Made::start(&need!(fixture(go, variant)), &[])], "best");
    }
}
on_every_go!(types_that_reflection_makes_are_known_from_their_second_value_on);

/// What is at one address is another type in another process.
#[test]
fn processes_do_not_share_the_types_that_they_have_made() {
    for (go, way) in ["1.21", "1.25", "1.27"].into_iter().flat_map(|go| WAYS.map(|way| (go, way))) {
        let path = need!(fixture(go, Variant::Plain));
        met(&mut [Made::start(&path, &[]), Made::start(&path, &["backwards"]), Made::start(&path, &[])], way);
    }
}
