//! Types whose insides nobody asks for: their bytes are kept, and not all of their pointers are followed.
//!
//! Behind a mutex, a connection or a logger is half of the program. Without this list two pointers away from a handler's
//! arguments everything is captured but what the handler was called with.

use gobin::pattern::Pattern;
use plan::capture::Opaque;

/// All of them, ready to be asked.
pub(super) struct Opaques {
    all: Vec<(Vec<Pattern>, Opaque)>,
}

impl Opaques {
    pub(super) fn new(list: &[Opaque]) -> Opaques {
        // Types are often written as the pointers to them; or the star stands for any characters.
        let patterns = |one: &Opaque| {
            let texts = [Some(one.types.as_str()), one.types.strip_prefix('*')];
            texts.into_iter().flatten().map(Pattern::new).collect()
        };
        Opaques { all: list.iter().map(|one| (patterns(one), one.clone())).collect() }
    }

    /// The fields of a struct that are followed, if not all are. What comes last counts.
    pub(super) fn fields(&self, name: &str) -> Option<&[String]> {
        let name = name.split('[').next().unwrap_or(name);
        let short = name.rsplit('/').next().unwrap_or(name);
        let is = |(patterns, one): &&(Vec<Pattern>, Opaque)| {
            patterns.iter().any(|pattern| pattern.matches(name) || one.short && pattern.matches(short))
        };
        self.all.iter().rev().find(is).and_then(|(_, one)| one.fields.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::{Opaque, Opaques};

    #[test]
    fn an_opaque_type_keeps_the_fields_that_are_named() {
        let list = ["a/b.*", "a/b.T:x,y"].map(Opaque::of);
        let opaques = Opaques::new(&list);
        let none: &[String] = &[];
        assert_eq!(opaques.fields("a/b.U[int]"), Some(none));
        assert_eq!(opaques.fields("a/b.T"), Some(&["x".to_owned(), "y".to_owned()][..]));
        assert_eq!(opaques.fields("a/c.T"), None);
        assert_eq!(opaques.fields("c/a/b.T"), None);
        let typed = [&list[..], &[Opaque::typed("*b.V:z"), Opaque::followed("b.T")]].concat();
        let opaques = Opaques::new(&typed);
        assert_eq!(opaques.fields("a/b.V"), Some(&["z".to_owned()][..]));
        assert_eq!(opaques.fields("c/b.V[int]"), Some(&["z".to_owned()][..]));
        assert_eq!(opaques.fields("a/b.T"), None);
        assert_eq!(opaques.fields("a/b.U"), Some(none));
    }
}
