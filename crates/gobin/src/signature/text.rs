//! A signature as Go writes it.

use std::fmt::{self, Formatter};

use super::{Arg, Gaps, Signature, Source};

/// `func(s *main.Store, k string) (int, error)`; the receiver is the first argument. Where only words are known,
/// `func(word, {word, word}) ?`. `…` stands for arguments that are missing, `…?` at the end for some that are missing,
/// or may be, nobody knows where; `?` for results that are not known.
pub(super) fn write(signature: &Signature, f: &mut Formatter<'_>) -> fmt::Result {
    let unnamed = signature.source == Source::ArgInfo;
    f.write_str("func(")?;
    let mut list = List { f, empty: true };
    for (i, arg) in signature.args.iter().enumerate() {
        list.gaps(signature, |at| at == i)?;
        list.arg(arg, !unnamed)?;
    }
    list.gaps(signature, |at| at >= signature.args.len())?;
    if signature.omitted == Gaps::Somewhere {
        list.item("…?")?;
    }
    f.write_str(")")?;
    results(signature, f)
}

/// Results have names all or none.
fn results(signature: &Signature, f: &mut Formatter<'_>) -> fmt::Result {
    let named = signature.rets.iter().any(|r| r.given_name().is_some());
    match signature.rets.as_slice() {
        [] if signature.rets_omitted => return f.write_str(" ?"),
        [] => return Ok(()),
        [one] if !named && !signature.rets_omitted => {
            f.write_str(" ")?;
            return f.write_str(&one.type_name);
        }
        _ => f.write_str(" (")?,
    }
    let mut list = List { f, empty: true };
    signature.rets.iter().try_for_each(|ret| list.arg(ret, named))?;
    if signature.rets_omitted {
        list.item("…?")?;
    }
    f.write_str(")")
}

/// What stands between parentheses.
struct List<'a, 'f> {
    f: &'a mut Formatter<'f>,
    empty: bool,
}

impl List<'_, '_> {
    fn item(&mut self, text: &str) -> fmt::Result {
        if !std::mem::take(&mut self.empty) {
            self.f.write_str(", ")?;
        }
        self.f.write_str(text)
    }

    fn arg(&mut self, arg: &Arg, named: bool) -> fmt::Result {
        if !named {
            return self.item(&arg.type_name);
        }
        self.item(arg.given_name().unwrap_or("_"))?;
        self.f.write_str(" ")?;
        self.f.write_str(&arg.type_name)
    }

    /// A mark for each gap that stands here.
    fn gaps(&mut self, signature: &Signature, here: impl Fn(usize) -> bool) -> fmt::Result {
        let Gaps::Before(gaps) = &signature.omitted else { return Ok(()) };
        gaps.iter().filter(|&&at| here(at)).try_for_each(|_| self.item("…"))
    }
}
