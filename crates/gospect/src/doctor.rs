//! `gospect doctor`: what works on this machine, and how to get what does not.

use event::check::Check;

use crate::Run;
use crate::failure::{Failure, REFUSED};

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let checks = session::doctor::examine();
    ui::check::show(&checks, run.format, &mut run.out)?;
    run.out.finish()?;
    if checks.iter().any(Check::is_fatal) { Err(Failure::Asked(REFUSED)) } else { Ok(()) }
}
