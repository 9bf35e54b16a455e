//! The demo's executable, built with the `go` that the user has and kept where other caches are, under a name that is a
//! hash of all that went into it: the sources, the modules' checksums and Go's version.
//!
//! It is made with gin. Where that cannot be had, a twin that needs no modules is built, and which it is is said.

use std::env;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gobin::buildinfo::GoVersion;
use gobin::release::{self, Support};
use kernel::{Login, child};

use super::await_end;
use crate::invoker;
use crate::refusal::Refusal;

/// Where to get what is missing.
const INSTALL: &str =
    "install it from https://go.dev/dl; where sudo hides it, keep PATH: sudo env \"PATH=$PATH\" gospect demo";

/// Where `go` may be when it is not in PATH, as under sudo.
const PLACES: [&str; 4] = ["/usr/local/go/bin", "/usr/lib/go/bin", "/usr/lib/golang/bin", "/snap/bin"];

/// Writes files with their content, each at once, as whoever runs it.
const WRITE: &str = "set -eu; mkdir -p \"$1\"; cd \"$1\"; shift
while [ $# -gt 0 ]; do printf %s \"$2\" >\"$1.$$\"; mv -f \"$1.$$\" \"$1\"; shift 2; done";

/// What is built.
struct Kind {
    framework: &'static str,
    /// Name and content of each file.
    files: &'static [(&'static str, &'static str)],
}

const MAIN: (&str, &str) = ("main.go", include_str!("service/main.go"));

const KINDS: [Kind; 2] = [
    Kind {
        framework: "gin",
        files: &[
            MAIN,
            ("handler.go", include_str!("service/gin/handler.go")),
            ("go.mod", include_str!("service/gin/go.mod")),
            ("go.sum", include_str!("service/gin/go.sum")),
        ],
    },
    Kind {
        framework: "net/http",
        files: &[
            MAIN,
            ("handler.go", include_str!("service/twin/handler.go")),
            ("go.mod", include_str!("service/twin/go.mod")),
        ],
    },
];

/// An executable.
pub struct Built {
    pub path: PathBuf,
    pub framework: &'static str,
    pub go: String,
}

/// Whoever builds, and where to.
struct Builder<'u> {
    go: PathBuf,
    version: String,
    cache: PathBuf,
    user: Option<&'u Login>,
}

/// Builds it, unless it is there. Nothing if Ctrl-C came.
pub fn built(user: Option<&Login>, tell: &mut dyn FnMut(&str)) -> Result<Option<Built>, Refusal> {
    let Some(builder) = Builder::new(user)? else { return Ok(None) };
    let [gin, twin] = KINDS;
    match builder.build(&gin, tell)? {
        None => Ok(None),
        Some(Ok(built)) => Ok(Some(built)),
        Some(Err(why)) => {
            tell(&format!("gin could not be built: {why}; the same service is built with net/http alone"));
            let unbuilt = |why| Refusal::refused(format!("the demo's service could not be built: {why}"));
            builder.build(&twin, tell)?.map(|built| built.map_err(unbuilt)).transpose()
        }
    }
}

impl<'u> Builder<'u> {
    fn new(user: Option<&'u Login>) -> Result<Option<Builder<'u>>, Refusal> {
        let oldest = format!("1.{} or newer", release::tested().start());
        let missing = || format!("the demo builds a small Go service, and there is no `go` here ({oldest})");
        let go = find_go(user).ok_or_else(|| Refusal::refused(missing()).hint(INSTALL))?;
        let Some(heard) = heard(Command::new(&go).current_dir("/").args(["env", "GOVERSION"]), user)? else {
            return Ok(None);
        };
        let version = heard.map_err(|why| Refusal::refused(format!("{} does not work: {why}", go.display())))?;
        if is_too_old(&version) {
            let go = go.display();
            let old = format!("the demo builds a small Go service with Go {oldest}, and {go} is {version}");
            return Err(Refusal::refused(old).hint(INSTALL));
        }
        Ok(Some(Builder { go, version, cache: cache(user)?, user }))
    }

    /// What stops it, in words, may not stop the other kind.
    fn build(&self, kind: &Kind, tell: &mut dyn FnMut(&str)) -> Result<Option<Result<Built, String>>, Refusal> {
        let dir = self.cache.join(format!("{:016x}", kind.hash(&self.version)));
        let path = dir.join("service");
        let built = || Built { path: path.clone(), framework: kind.framework, go: self.version.clone() };
        if path.is_file() {
            return Ok(Some(Ok(built())));
        }
        let (framework, version) = (kind.framework, &self.version);
        tell(&format!("building a service on {framework} with {version}, kept in {}", dir.display()));
        let partial = format!("service.{}", std::process::id());
        for mut step in [self.write(kind, &dir), self.compile(&dir, &partial), self.publish(&dir, &partial)] {
            match heard(&mut step, self.user)? {
                None => return Ok(None),
                Some(Err(why)) => return Ok(Some(Err(why))),
                Some(Ok(_)) => {}
            }
        }
        Ok(Some(Ok(built())))
    }

    fn write(&self, kind: &Kind, dir: &Path) -> Command {
        let mut sh = Command::new("sh");
        sh.args(["-c", WRITE, "sh"]).arg(dir).args(kind.files.iter().flat_map(|(name, content)| [name, content]));
        sh
    }

    fn compile(&self, dir: &Path, partial: &str) -> Command {
        let mut go = Command::new(&self.go);
        go.current_dir(dir).args(["build", "-trimpath", "-buildvcs=false", "-o", partial, "."]);
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        go.envs([("GOOS", "linux"), ("GOARCH", arch), ("GOFLAGS", ""), ("GOWORK", "off"), ("CGO_ENABLED", "0")]);
        go
    }

    fn publish(&self, dir: &Path, partial: &str) -> Command {
        let mut mv = Command::new("mv");
        mv.current_dir(dir).args(["-f", partial, "service"]);
        mv
    }
}

impl Kind {
    /// FNV-1a, which is the same everywhere and for ever, of all that goes into it.
    fn hash(&self, version: &str) -> u64 {
        let files = self.files.iter().flat_map(|(name, content)| [*name, *content]);
        let bytes = files.chain([version]).flat_map(|part| part.bytes().chain([0]));
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// Runs a command as its user and gives what it printed, or else why it failed. Nothing if Ctrl-C came.
fn heard(command: &mut Command, user: Option<&Login>) -> Result<Option<Result<String, String>>, Refusal> {
    let name = command.get_program().display().to_string();
    let lost = |error: io::Error| Refusal::refused(format!("{name} cannot be run: {error}"));
    user.into_iter().for_each(|user| invoker::introduce(command, user));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child::spawn(command, user.cloned()).map_err(lost)?;
    let (stdout, stderr) = (child.stdout.take().map(listen), child.stderr.take().map(listen));
    let Some(status) = await_end(&mut child).map_err(lost)? else { return Ok(None) };
    let text = |thread: Option<std::thread::JoinHandle<String>>| thread.and_then(|t| t.join().ok()).unwrap_or_default();
    let (stdout, stderr) = (text(stdout), text(stderr));
    if status.success() {
        return Ok(Some(Ok(stdout.trim_end().to_owned())));
    }
    Ok(Some(Err(last_line(&stderr).map_or_else(|| status.to_string(), str::to_owned))))
}

fn listen(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is what there is.
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty())
}

fn find_go(user: Option<&Login>) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let root = env::var_os("GOROOT").map(|root| PathBuf::from(root).join("bin"));
    let home = user.and_then(|user| user.home.clone());
    let at_home = home.iter().flat_map(|home| ["go/bin", ".local/go/bin", "bin"].map(|place| home.join(place)));
    let all = env::split_paths(&path).chain(root).chain(PLACES.map(PathBuf::from)).chain(at_home);
    first_go(all)
}

fn first_go(dirs: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    dirs.filter(|dir| dir.is_absolute()).map(|dir| dir.join("go")).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Whether gospect traces no programs of a Go that is this old. Versions that were not released have no number.
fn is_too_old(version: &str) -> bool {
    let release = version.starts_with("go1.").then(|| GoVersion::parse(version).release()).flatten();
    release.is_some_and(|release| release.support == Support::Older)
}

/// Where it is kept. What other users can write to is no place for something that will be run.
fn cache(user: Option<&Login>) -> Result<PathBuf, Refusal> {
    let of = |name| env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let home = |home: &OsStr| Path::new(home).join(".cache");
    let base = match user {
        Some(user) => user.home.as_ref().map(|dir| home(dir.as_os_str())),
        None => of("XDG_CACHE_HOME").or_else(|| of("HOME").map(|dir| home(dir.as_os_str()))),
    };
    let base = base.ok_or_else(|| {
        Refusal::refused("the demo has no place to keep what it builds").hint("set HOME, or XDG_CACHE_HOME")
    })?;
    Ok(base.join("gospect/demo"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_has_a_name_of_its_own() {
        let [gin, twin] = KINDS;
        let all = [gin.hash("go1.26.8"), gin.hash("go1.26.9"), twin.hash("go1.26.8")];
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2], "{all:x?}");
    }

    #[test]
    fn only_releases_are_too_old() {
        let versions = ["go1.20.14", "go1.27rc1", "go1.28", "devel go1.20-af", "devel go1.28-af"];
        assert_eq!(versions.map(is_too_old), [true, false, false, false, false]);
    }

    #[test]
    fn go_is_a_file_that_can_be_executed() {
        let dir = std::env::temp_dir().join(format!("gospect-demo-{}", std::process::id()));
        let go = dir.join("bin/go");
        std::fs::create_dir_all(dir.join("go")).unwrap();
        std::fs::create_dir_all(dir.join("bin")).unwrap();
        std::fs::write(&go, "").unwrap();
        let found = || first_go([PathBuf::from("bin"), dir.clone(), dir.join("bin")].into_iter());
        assert_eq!(found(), None);
        std::fs::set_permissions(&go, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(found(), Some(go));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn the_reason_is_said_last() {
        assert_eq!(last_line("go: downloading\nno network\n\n"), Some("no network"));
        assert_eq!(last_line(" \n"), None);
    }
}
