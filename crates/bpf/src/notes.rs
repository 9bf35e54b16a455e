//! Functions, labels, remarks and places of the source text: everything about a program that listings and line
//! information show besides its instructions.

/// A place in the user's text; lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pos {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// The text that a program was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// What to call it in messages.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// The line with that number, without the space around it; empty if there is none.
    #[must_use]
    pub fn line(&self, number: u32) -> &str {
        let index = (number as usize).wrapping_sub(1);
        self.text.lines().nth(index).unwrap_or_default().trim()
    }
}

/// How a function is checked: with each of its callers, or once for all arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the type's description says it")]
pub enum Linkage {
    Static,
    Global,
}

/// One function of a program; the first one is where it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name, an identifier of C.
    pub name: String,
    /// The index of its first instruction.
    pub start: usize,
    /// How it is checked.
    pub linkage: Linkage,
    /// The names of its arguments, all of 64 bits; the first function has the context instead.
    pub args: Vec<String>,
    /// How many bytes of stack it uses.
    pub stack: u32,
}

/// Something said about one instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A label stands before it.
    Label(String),
    /// A remark of the compiler.
    Comment(String),
    /// From here on instructions were made for this place of the text, or for none.
    Pos(Option<Pos>),
}
