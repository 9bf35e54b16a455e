//! The calls that are open, as user space reads them: of a process that has died, or when a run ends.

use std::collections::HashMap;

use super::layout::{
    CHUNK, FRAME_CALL, FRAME_DEPTH, FRAME_FLAGS, FRAME_ROW, FRAME_SAVED, FRAME_TIME, HEAD_COUNT, HEAD_FRAMES,
    HEAD_GOID, Tables,
};

/// A call without an end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenCall {
    /// The process, by the number that programs know it by.
    pub process: u32,
    /// The address of the goroutine's g.
    pub g: u64,
    /// The goroutine; 0 on a system stack.
    pub goid: u64,
    /// What the call is known as.
    pub row: u32,
    /// How deep it stands.
    pub depth: u32,
    /// What the emitter has noted in the frame.
    pub flags: u32,
    /// Nanoseconds since boot at the entry.
    pub time: u64,
    /// Its number among the calls of this g.
    pub call: u64,
    /// What its entry saved.
    pub saved: Vec<u64>,
}

/// What both maps held: read while programs still run it is a blurred picture, afterwards an exact one.
pub struct Heads<'t> {
    tables: &'t Tables,
    heads: Vec<(Vec<u8>, Vec<u8>)>,
    chunks: HashMap<Vec<u8>, Vec<u8>>,
}

impl<'t> Heads<'t> {
    /// Takes the entries of [`Tables::heads`] and [`Tables::chunks`].
    #[must_use]
    pub fn new(
        tables: &'t Tables,
        heads: Vec<(Vec<u8>, Vec<u8>)>,
        chunks: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Heads<'t> {
        Heads { tables, heads, chunks: chunks.into_iter().collect() }
    }

    /// The open calls: goroutine by goroutine, callers first.
    pub fn open(&self) -> impl Iterator<Item = OpenCall> {
        self.heads.iter().flat_map(move |(key, head)| {
            // No more than there are chunks for, whatever a torn head says.
            let most = (self.chunks.len() + 1) * CHUNK as usize;
            let count = (half(head, HEAD_COUNT) as usize).min(most);
            (0..count).filter_map(move |index| self.call(key, head, index))
        })
    }

    fn call(&self, key: &[u8], head: &[u8], index: usize) -> Option<OpenCall> {
        let bytes = self.tables.frame_bytes() as usize;
        let (chunk, place) = (index / CHUNK as usize, index % CHUNK as usize * bytes);
        let frames = match chunk {
            0 => head.get(HEAD_FRAMES as usize..)?,
            _ => self.chunks.get(&numbered(key, u32::try_from(chunk).ok()?)?)?,
        };
        let frame = frames.get(place..place + bytes)?;
        let saved = (0..self.tables.saved as usize).map(|n| word(frame, FRAME_SAVED as usize + 8 * n));
        Some(OpenCall {
            process: half(key, 0),
            g: word(key, 8),
            goid: word(head, HEAD_GOID as usize),
            row: half(frame, FRAME_ROW),
            depth: half(frame, FRAME_DEPTH),
            flags: half(frame, FRAME_FLAGS),
            time: word(frame, FRAME_TIME as usize),
            call: word(frame, FRAME_CALL as usize),
            saved: saved.collect(),
        })
    }
}

/// The key of a chunk of the head with that key.
fn numbered(key: &[u8], chunk: u32) -> Option<Vec<u8>> {
    let (process, g) = (key.get(..4)?, key.get(8..16)?);
    Some([process, &chunk.to_le_bytes(), g].concat())
}

/// The word at an offset; 0 behind the end.
pub fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u64::from_le_bytes(*word))
}

fn half(bytes: &[u8], at: i32) -> u32 {
    bytes.get(at as usize..).and_then(|rest| rest.first_chunk()).map_or(0, |half| u32::from_le_bytes(*half))
}
