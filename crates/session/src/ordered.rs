//! Work on two things, or on many, at once; answers in their order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{panic, thread};

/// Answers that each worker may be ahead of the one who takes them.
const AHEAD: usize = 4;

/// Cuts `items` into chunks of at most `chunk`, lets all processors `work` on them, and gives each answer to `take` in
/// the order of the items, as soon as it is its turn.
///
/// # Errors
/// The first that `take` returns; the rest is left undone.
pub fn ordered<T: Sync, R: Send, E>(
    items: &[T],
    chunk: usize,
    work: impl Fn(&[T]) -> R + Sync,
    take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let chunks: Vec<&[T]> = items.chunks(chunk.max(1)).collect();
    let workers = thread::available_parallelism().map_or(1, usize::from).min(chunks.len().max(1));
    let next = AtomicUsize::new(0);
    let (answers, taken) = sync_channel(AHEAD * workers);
    thread::scope(|scope| {
        for _ in 0..workers {
            let answers = answers.clone();
            scope.spawn(|| do_chunks(&chunks, &next, &work, answers));
        }
        drop(answers);
        in_order(taken, take)
    })
}

/// Does two things at once.
pub fn both<A, B: Send>(here: impl FnOnce() -> A, beside: impl FnOnce() -> B + Send) -> (A, B) {
    thread::scope(|scope| {
        let beside = scope.spawn(beside);
        let here = here();
        (here, beside.join().unwrap_or_else(|panic| panic::resume_unwind(panic)))
    })
}

/// Works until there is no chunk left or nobody takes answers any more.
fn do_chunks<T, R>(chunks: &[&[T]], next: &AtomicUsize, work: impl Fn(&[T]) -> R, answers: SyncSender<(usize, R)>) {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(chunk) = chunks.get(index) else { return };
        if answers.send((index, work(chunk))).is_err() {
            return;
        }
    }
}

fn in_order<R, E>(answers: Receiver<(usize, R)>, mut take: impl FnMut(R) -> Result<(), E>) -> Result<(), E> {
    let mut early = BTreeMap::new();
    let mut due = 0;
    for (index, answer) in answers {
        early.insert(index, answer);
        while let Some(answer) = early.remove(&due) {
            take(answer)?;
            due += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_items_however_long_each_takes() {
        let items: Vec<u64> = (0..100).collect();
        let mut got = Vec::new();
        let slow_first = |chunk: &[u64]| {
            thread::sleep(std::time::Duration::from_micros(2000 / (chunk[0] + 1)));
            chunk.to_vec()
        };
        let done: Result<(), ()> = ordered(&items, 7, slow_first, |part| {
            got.extend(part);
            Ok(())
        });
        assert_eq!((done, got), (Ok(()), items));
    }

    #[test]
    fn an_error_ends_it() {
        let items: Vec<u64> = (0..10_000).collect();
        let mut took = 0;
        let done = ordered(
            &items,
            1,
            |chunk| chunk[0],
            |n| {
                took += 1;
                if n == 3 { Err(n) } else { Ok(()) }
            },
        );
        assert_eq!((done, took), (Err(3), 4));
    }

    #[test]
    fn two_things_can_wait_for_each_other() {
        let (to, from) = std::sync::mpsc::channel();
        assert_eq!(both(|| from.recv(), || to.send(7)), (Ok(7), Ok(())));
    }

    #[test]
    fn nothing_is_done_about_nothing() {
        let done: Result<(), ()> = ordered(&[] as &[u8], 8, |_| (), |()| Err(()));
        assert_eq!(done, Ok(()));
    }
}
