//! A tracer that runs: from its probes being in place to its end.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use super::bed::Bed;
use super::rows::{Ready, Row, lost};

/// How long a tracer may take to put its probes in place, or to end.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it is looked whether it has.
const GLANCE: Duration = Duration::from_millis(20);
/// How long one call may take to be shown, where it is called until one is.
const SHOWN: Duration = Duration::from_millis(500);

/// What stands in rows for the function's names.
pub struct Names {
    path: String,
    function: String,
    returns: String,
}

impl Names {
    /// Asks gospect where the function returns.
    pub fn of(gospect: &Path, path: &Path, function: &str) -> Result<Names, String> {
        let listed = Command::new(gospect).args(["list", "--json", "--sites"]).arg(path).arg(function).output();
        let listed = listed.map_err(|e| format!("{}: {e}", gospect.display()))?;
        let line = String::from_utf8_lossy(&listed.stdout).into_owned();
        let returns = returns(&line).ok_or_else(|| format!("gospect list tells no returns of {function}: {line}"))?;
        let path = path.display().to_string();
        let returns = returns.into_iter().map(|at| format!("uprobe:{path}:{at:#x}")).collect::<Vec<_>>().join(", ");
        Ok(Names { path, function: function.to_owned(), returns })
    }

    fn file(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    fn fill(&self, text: &str, pid: u32) -> String {
        let text = text.replace("{pid}", &pid.to_string()).replace("{path}", &self.path);
        text.replace("{func}", &self.function).replace("{returns}", &self.returns)
    }
}

/// The addresses of a function's returns, out of a line of `gospect list --json --sites`.
fn returns(line: &str) -> Option<Vec<u64>> {
    let entry = line.split_once("\"entry\":\"0x")?.1.split('"').next()?;
    let entry = u64::from_str_radix(entry, 16).ok()?;
    let list = line.split_once("\"returns\":[")?.1.split(']').next()?;
    let offsets = list.split("\"offset\":").skip(1).map(|rest| rest.split([',', '}']).next()?.parse::<u64>().ok());
    offsets.map(|offset| Some(entry + offset?)).collect()
}

/// What its output has told so far.
#[derive(Default)]
struct Told {
    seen: AtomicU64,
    lost: AtomicU64,
}

/// One with its probes in place.
pub struct Tracer {
    child: Child,
    told: Arc<Told>,
    readers: Vec<JoinHandle<Vec<String>>>,
    /// Calls that were made before its probes were in place.
    unseen: u64,
}

/// What came of one when it has ended.
pub struct Ended {
    /// Events that it has shown or counted.
    pub seen: u64,
    /// Events that it owns up to having lost.
    pub lost: u64,
    /// Calls that were made before its probes were in place.
    pub unseen: u64,
    /// What is to be said of its end.
    pub remark: Option<&'static str>,
}

impl Tracer {
    /// Starts it and waits for its probes.
    pub fn start(program: &Path, row: &Row, names: &Names, bed: &mut Bed) -> Result<Tracer, String> {
        let args = row.args.iter().map(|arg| names.fill(arg, bed.pid()));
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{} cannot be started: {e}", program.display()))?;
        let (told, (says, ready)) = (Arc::new(Told::default()), channel());
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as _),
            child.stderr.take().map(|stream| Box::new(stream) as _),
        ];
        let reader = |stream| reader(stream, row, Arc::clone(&told), says.clone());
        let readers = streams.into_iter().flatten().map(reader).collect();
        let mut tracer = Tracer { child, told, readers, unseen: 0 };
        match tracer.wait(row.ready, &ready, bed) {
            Ok(unseen) => Ok(Tracer { unseen, ..tracer }),
            Err(why) => Err(tracer.give_up(why).replace(&names.path, names.file())),
        }
    }

    /// Waits for the probes; how many calls were made meanwhile that nobody saw.
    fn wait(&mut self, how: Ready, ready: &Receiver<()>, bed: &mut Bed) -> Result<u64, &'static str> {
        let (start, mut unseen) = (Instant::now(), 0);
        while start.elapsed() < PATIENCE {
            let poked = how == Ready::Seen;
            if poked {
                bed.poke().map_err(|_| "its target ended before its probes were in place")?;
            }
            if ready.recv_timeout(if poked { SHOWN } else { GLANCE }).is_ok() {
                return Ok(unseen);
            }
            unseen += u64::from(poked);
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return Err("it ended before its probes were in place");
            }
        }
        Err("its probes were not in place in time")
    }

    /// Ends it, and says why it could not be used: in its own words, if it has any.
    fn give_up(mut self, why: &str) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let lines = self.readers.drain(..).flat_map(|reader| reader.join().unwrap_or_default());
        let error = |line: &String| line.to_lowercase().contains("error") && !line.contains("RLIMIT_MEMLOCK");
        lines.into_iter().find(error).unwrap_or_else(|| why.to_owned())
    }

    /// Asks it to end.
    pub fn end(mut self) -> Ended {
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).stderr(Stdio::null()).status();
        let start = Instant::now();
        let ended = |child: &mut Child| child.try_wait().is_ok_and(|status| status.is_some());
        while !ended(&mut self.child) && start.elapsed() < PATIENCE {
            sleep(GLANCE);
        }
        let remark = (!ended(&mut self.child)).then_some("did not end at Ctrl-C");
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.readers.drain(..).for_each(|reader| drop(reader.join()));
        let [seen, lost] = [&self.told.seen, &self.told.lost].map(|count| count.load(Ordering::Relaxed));
        Ended { seen, lost, unseen: self.unseen, remark }
    }
}

/// Adds up what a stream tells, and keeps its first lines.
fn reader(stream: impl Read + Send + 'static, row: &Row, told: Arc<Told>, says: Sender<()>) -> JoinHandle<Vec<String>> {
    const KEPT: usize = 20;
    let (count, how) = (row.seen, row.ready);
    spawn(move || {
        let (mut first, mut stream, mut line) = (Vec::new(), BufReader::new(stream), Vec::new());
        while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches('\n');
            let events = count(text);
            told.seen.fetch_add(events, Ordering::Relaxed);
            told.lost.fetch_add(lost(text), Ordering::Relaxed);
            let is_ready = match how {
                Ready::EmptyLine => text.is_empty(),
                Ready::Word => text == "ready",
                Ready::Seen => events > 0,
            };
            if is_ready {
                // Nobody listens any more once it was ready.
                let _ = says.send(());
            }
            if first.len() < KEPT {
                first.push(text.to_owned());
            }
            line.clear();
        }
        first
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_are_where_the_list_says() {
        let line = r#"{"entry":"0x4aa780","sites":{"returns":[{"offset":181,"class":"stepped"},{"offset":192,"class":"stepped"}],"tail_jumps":[]}}"#;
        assert_eq!(returns(line), Some(vec![0x4a_a835, 0x4a_a840]));
        assert_eq!(returns("{}"), None);
    }
}
