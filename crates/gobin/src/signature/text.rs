//! A signature as Go writes it.

use std::fmt::{self, Formatter};

use super::{Arg, Signature, Source};

/// `func(s *main.Store, k string) (int, error)`; the receiver is the first argument. Where only words are known,
/// `func(word, {word, word}) ?`.
pub(super) fn write(signature: &Signature, f: &mut Formatter<'_>) -> fmt::Result {
    let unnamed = signature.source == Source::ArgInfo;
    f.write_str("func(")?;
    if signature.omitted {
        f.write_str(if signature.args.is_empty() { "…" } else { "…, " })?;
    }
    list(&signature.args, !unnamed, f)?;
    f.write_str(")")?;
    if unnamed { f.write_str(" ?") } else { results(&signature.rets, f) }
}

fn list(args: &[Arg], named: bool, f: &mut Formatter<'_>) -> fmt::Result {
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        if named {
            f.write_str(arg.given_name().unwrap_or("_"))?;
            f.write_str(" ")?;
        }
        f.write_str(&arg.type_name)?;
    }
    Ok(())
}

/// Results have names all or none.
fn results(rets: &[Arg], f: &mut Formatter<'_>) -> fmt::Result {
    let named = rets.iter().any(|r| r.given_name().is_some());
    match rets {
        [] => Ok(()),
        [one] if !named => write!(f, " {}", one.type_name),
        _ => {
            f.write_str(" (")?;
            list(rets, named, f)?;
            f.write_str(")")
        }
    }
}
