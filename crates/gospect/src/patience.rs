//! What takes long is said to be going on, on the terminal alone, and is gone when it is done.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::line::Line;

/// What is done sooner needs no word.
const SHORT: Duration = Duration::from_secs(1);
/// How often it is said how long it has been.
const AGAIN: Duration = Duration::from_millis(500);

/// Something that goes on until this is dropped.
pub(crate) struct Patience(Option<(Sender<()>, JoinHandle<()>)>);

impl Patience {
    /// Nothing is said if nobody looks on.
    pub fn with(live: bool, what: &str) -> Patience {
        Patience(live.then(|| {
            let (done, ended) = channel();
            let what = what.to_owned();
            let thread = std::thread::spawn(move || {
                let (start, mut line, mut wait) = (Instant::now(), Line::new(true), SHORT);
                while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                    line.draw(&format!("{what}… {} s", start.elapsed().as_secs()));
                    wait = AGAIN;
                }
            });
            (done, thread)
        }))
    }
}

impl Drop for Patience {
    /// The line is gone before anything else is written.
    fn drop(&mut self) {
        if let Some((done, thread)) = self.0.take() {
            drop(done);
            let _ = thread.join();
        }
    }
}
