//! Asks a Go toolchain about its own sources.

use std::path::PathBuf;
use std::process::Command;

use gospect_fixtures::Toolchain;

use super::SOURCE;
use crate::bed::{filter, named};

/// The Go program with the answers, built by the toolchain under check.
pub(super) struct Asker {
    program: PathBuf,
    root: PathBuf,
}

impl Asker {
    pub(super) fn build(go: &Toolchain, release: &str) -> Result<Asker, String> {
        let dir = crate::root().join("target/rtype");
        let source = dir.join("source.go");
        let program = dir.join(format!("answers-{release}"));
        std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(&source, SOURCE)).map_err(named(dir.display()))?;
        let built = go.go().arg("build").arg("-o").arg(&program).arg(&source).current_dir(&dir).output();
        let built = built.map_err(named(format!("go{release}")))?;
        if !built.status.success() {
            return Err(format!("go{release} build: {}", String::from_utf8_lossy(&built.stderr)));
        }
        Ok(Asker { program, root: go.root.clone() })
    }

    /// One answer for each question, with an experiment or without.
    pub(super) fn ask(
        &self,
        machine: &str,
        experiment: Option<&str>,
        questions: &[&str],
    ) -> Result<Vec<String>, String> {
        let mut program = Command::new(&self.program);
        program.env("GOROOT", &self.root).env("GOEXPERIMENT", experiment.unwrap_or_default());
        program.envs([("GOARCH", machine), ("GOOS", "linux"), ("CGO_ENABLED", "0"), ("GO111MODULE", "off")]);
        let answers = filter(&mut program, questions.join("\n") + "\n")?;
        if answers.len() == questions.len() {
            Ok(answers)
        } else {
            Err(format!("{} answered {} of {} questions", self.program.display(), answers.len(), questions.len()))
        }
    }
}
