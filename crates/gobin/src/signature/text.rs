//! A signature as Go writes it.

use std::fmt::{self, Formatter};

use super::{Arg, Gaps, Signature, Source};

/// `func(s *main.Store, k string) (int, error)`; the receiver is the first argument. Where only words are known,
/// `func(word, {word, word}) ?`. `…` stands for arguments that are missing, `…?` at the end for some that are missing,
/// or may be, nobody knows where; `?` for results that are not known.
pub(super) fn write(signature: &Signature, f: &mut Formatter<'_>) -> fmt::Result {
    let unnamed = signature.source == Source::ArgInfo;
    f.write_str("func(")?;
    let mut args: Vec<String> = signature.args.iter().map(|a| text(a, !unnamed)).collect();
    match &signature.omitted {
        Gaps::None => {}
        Gaps::Before(gaps) => gaps.iter().rev().for_each(|&at| args.insert(at.min(args.len()), "…".to_owned())),
        Gaps::Somewhere => args.push("…?".to_owned()),
    }
    write!(f, "{})", args.join(", "))?;
    results(signature, f)
}

fn text(arg: &Arg, named: bool) -> String {
    if named { format!("{} {}", arg.given_name().unwrap_or("_"), arg.type_name) } else { arg.type_name.clone() }
}

/// Results have names all or none.
fn results(signature: &Signature, f: &mut Formatter<'_>) -> fmt::Result {
    let named = signature.rets.iter().any(|r| r.given_name().is_some());
    let mut rets: Vec<String> = signature.rets.iter().map(|r| text(r, named)).collect();
    match rets.as_slice() {
        [] if signature.rets_omitted => f.write_str(" ?"),
        [] => Ok(()),
        [one] if !named && !signature.rets_omitted => write!(f, " {one}"),
        _ => {
            if signature.rets_omitted {
                rets.push("…?".to_owned());
            }
            write!(f, " ({})", rets.join(", "))
        }
    }
}
