//! `gospect info`: a program as a whole, and what gospect can do with it.

use crate::Run;
use crate::failure::Failure;

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let (target, rest) = run.typed.target("info")?;
    if let Some(extra) = rest.first() {
        return Err(Failure::too_many(extra, "info"));
    }
    let program = run.open(&target)?;
    let info = ui::info::Info {
        name: &program.name,
        path: &program.path.display().to_string(),
        image: &program.image,
        summary: program.image.summary(),
        abilities: gobin::ability::abilities(&program.image),
    };
    ui::info::show(&info, run.format, &mut run.out)?;
    Ok(())
}
