//! From the bytes of a record to text and JSON: what is captured is shown as it was, and what is not says why.

#![allow(clippy::unwrap_used, reason = "a test ends where something goes wrong")]

mod damage;
mod declare;
mod docs;
mod fit;
mod kinds;
mod known;
mod maps;
mod missing;
mod record;
