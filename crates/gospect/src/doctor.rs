//! `gospect doctor`: what works on this machine, and how to get what does not.

use session::check::Check;

use crate::Run;
use crate::failure::{Failure, REFUSED};

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let checks = session::doctor::examine();
    ui::check::show(&checks.iter().map(shown).collect::<Vec<_>>(), run.format, &mut run.out)?;
    run.out.finish()?;
    if checks.iter().any(Check::is_fatal) { Err(Failure::Asked(REFUSED)) } else { Ok(()) }
}

fn shown(check: &Check) -> ui::check::Check<'_> {
    let Check { name, ok, detail, fix, .. } = check;
    ui::check::Check { name: name.name(), ok: *ok, detail, fix: fix.as_deref() }
}
