//! Asks a Go toolchain about its own sources.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use gospect_fixtures::Toolchain;

use super::SOURCE;

/// The program that answers, built by the toolchain that it is about.
pub(super) struct Asker {
    program: PathBuf,
    root: PathBuf,
}

impl Asker {
    /// Builds it.
    pub(super) fn build(go: &Toolchain, release: &str) -> Result<Asker, String> {
        let dir = crate::root().join("target/rtype");
        let source = dir.join("source.go");
        let program = dir.join(format!("answers-{release}"));
        std::fs::create_dir_all(&dir)
            .and_then(|()| std::fs::write(&source, SOURCE))
            .map_err(|err| format!("{}: {err}", dir.display()))?;
        let built = go.go().arg("build").arg("-o").arg(&program).arg(&source).current_dir(&dir).output();
        let built = built.map_err(|err| format!("go{release}: {err}"))?;
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
        let failed = |err: std::io::Error| format!("{}: {err}", self.program.display());
        let mut child = Command::new(&self.program)
            .env("GOROOT", &self.root)
            .envs([("GOARCH", machine), ("GOOS", "linux"), ("CGO_ENABLED", "0"), ("GO111MODULE", "off")])
            .env("GOEXPERIMENT", experiment.unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut stdin = child.stdin.take().ok_or("no standard input")?;
        let text = questions.join("\n") + "\n";
        let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
        let output = child.wait_with_output().map_err(failed)?;
        writer.join().map_err(|_| "writing panicked")?.map_err(failed)?;
        let answers: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
        if output.status.success() && answers.len() == questions.len() {
            Ok(answers)
        } else {
            Err(format!("{} answered {} of {} questions", self.program.display(), answers.len(), questions.len()))
        }
    }
}
