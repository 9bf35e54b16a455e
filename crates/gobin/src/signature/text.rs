//! A signature as Go writes it.

use super::{Arg, Signature};

/// `func(s *main.Store, k string) (int, error)`; the receiver is the first argument.
pub(super) fn of(signature: &Signature) -> String {
    let mut args: Vec<_> = signature.args.iter().map(named).collect();
    if signature.omitted {
        args.insert(0, "…".to_owned());
    }
    format!("func({}){}", args.join(", "), results(&signature.rets))
}

fn named(arg: &Arg) -> String {
    format!("{} {}", arg.given_name().unwrap_or("_"), arg.type_name)
}

/// Results have names all or none.
fn results(rets: &[Arg]) -> String {
    let anonymous = rets.iter().all(|r| r.given_name().is_none());
    match rets {
        [] => String::new(),
        [one] if anonymous => format!(" {}", one.type_name),
        _ if anonymous => format!(" ({})", rets.iter().map(|r| r.type_name.as_str()).collect::<Vec<_>>().join(", ")),
        _ => format!(" ({})", rets.iter().map(named).collect::<Vec<_>>().join(", ")),
    }
}
