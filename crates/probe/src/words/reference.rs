//! The reference of the language, made from the table: `docs/language.md` and `gospect help language`.

/// The whole reference, as Markdown.
#[must_use]
pub fn reference() -> String {
    String::new()
}
