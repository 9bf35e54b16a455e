//! The reference of the probe language, for whoever shows it: Markdown, as in `docs/language.md`.

pub use probe::words::{part, parts, reference as whole};
