//! What the linker wrote down about the build: Go version, modules, settings.
//!
//! The blob of `.go.buildinfo` survives every kind of stripping. Since Go 1.18 its two strings stand inline; before,
//! pointers to string headers led to them. Follows debug/buildinfo of Go 1.26.

use std::fmt;

use crate::addr::VAddr;
use crate::elf::{self, Elf};
use crate::release::Release;

const MAGIC: &[u8] = b"\xff Go buildinf:";
const ALIGN: usize = 16;
/// Flag: the strings stand inline behind the header.
const INLINE: u8 = 2;
/// No version or module list is longer; what claims to be is damage.
const LONGEST: u64 = 64 << 20;
/// No version is longer, with all experiments.
const LONGEST_VERSION: usize = 1024;
/// No build has more modules and settings together. A line is kept in many times its own size.
const MOST_LINES: usize = 1 << 16;

/// What the build information says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildInfo {
    /// The version of the toolchain.
    pub go: GoVersion,
    /// The import path of the main package; empty if it was built from a list of files or without modules.
    pub path: String,
    /// The module that the main package belongs to.
    pub main: Option<Module>,
    /// The modules that it was built with.
    pub deps: Vec<Module>,
    /// The settings of the build, `-buildmode`, `CGO_ENABLED`, `vcs.revision` and so on, in their order.
    pub settings: Vec<(String, String)>,
}

/// A module as the build used it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Module {
    /// Its path.
    pub path: String,
    /// Its version, `(devel)` for the tree that was built.
    pub version: String,
    /// Its checksum, often empty.
    pub sum: String,
    /// What took its place.
    pub replaced_by: Option<Box<Module>>,
}

/// The version of the Go toolchain that made a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoVersion {
    /// The whole text as found, such as `go1.24.11 X:noswissmap`; empty if unknown.
    pub text: String,
    /// The `24` of `go1.24.11`, if the text has that form; in a development version that of the coming release.
    pub minor: Option<u32>,
    /// The `11` of `go1.24.11`.
    pub patch: Option<u32>,
    /// The experiments that were switched, such as `noswissmap`.
    pub experiments: Vec<String>,
}

impl BuildInfo {
    /// A setting by its key.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }
}

impl GoVersion {
    /// Reads the text of `runtime.Version()`.
    #[must_use]
    pub fn parse(text: &str) -> GoVersion {
        let (version, experiments) = split_experiments(text);
        let number = version.split_ascii_whitespace().find_map(|word| word.strip_prefix("go1.")).unwrap_or_default();
        let mut parts = number.split(['.', '-', ' ', '+']).map(leading_number);
        let minor = parts.next().flatten();
        let patch = parts.next().flatten().filter(|_| number.contains('.'));
        let experiments = experiments.split(',').filter(|e| !e.is_empty()).map(str::to_owned).collect();
        GoVersion { text: text.to_owned(), minor, patch, experiments }
    }

    /// The release, as far as the text names one.
    #[must_use]
    pub fn release(&self) -> Option<Release> {
        self.minor.map(Release::of)
    }

    /// Minor and patch number, as far as the text names a release.
    #[must_use]
    pub fn number(&self) -> Option<(u32, u32)> {
        Some((self.minor?, self.patch.unwrap_or(0)))
    }

    /// Whether an experiment was switched, spelled as in the text.
    #[must_use]
    pub fn has_experiment(&self, name: &str) -> bool {
        self.experiments.iter().any(|experiment| experiment == name)
    }

    /// The version without experiments and remarks: `go1.24.11`.
    #[must_use]
    pub fn short(&self) -> &str {
        split_experiments(&self.text).0.trim()
    }
}

impl fmt::Display for GoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.text.is_empty() { "unknown" } else { &self.text })
    }
}

/// `go1.24.11 X:a,b` up to 1.26, `go1.27.3-X:a,b` from 1.27 on.
fn split_experiments(text: &str) -> (&str, &str) {
    text.split_once(" X:").or_else(|| text.split_once("-X:")).unwrap_or((text, ""))
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Finds and reads the build information; `None` if the file has none.
#[must_use]
pub fn read(elf: &Elf) -> Option<BuildInfo> {
    let named = elf.section(".go.buildinfo").and_then(|s| strings(elf, s.addr));
    let scanned = || scan(elf).find_map(|at| strings(elf, at).filter(|(version, _)| is_version(version)));
    let (version, modules) = named.or_else(scanned)?;
    let mut info = BuildInfo { go: GoVersion::parse(&version), ..BuildInfo::default() };
    for line in modules.lines().take(MOST_LINES) {
        read_line(&mut info, line);
    }
    Some(info)
}

/// Where the magic stands in the program's data.
fn scan(elf: &Elf) -> impl Iterator<Item = VAddr> {
    elf.segments.iter().filter(|s| !s.executable).flat_map(move |s| {
        let bytes = elf.segment_bytes(s);
        let found = memchr::memmem::find_iter(bytes, MAGIC);
        found.filter(|at| at % ALIGN == 0).map(|at| s.addr.plus(at as u64)).collect::<Vec<_>>()
    })
}

/// Whether a text can be a version. A program that looks for the magic, such as `go` or gospect itself, has it among
/// its own constants too, by chance at an address where it could be meant, and then anything follows it. `unknown` is
/// what garble leaves.
fn is_version(text: &str) -> bool {
    let starts = ["go1.", "devel", "unknown"].iter().any(|start| text.starts_with(start));
    starts && text.len() <= LONGEST_VERSION && !text.contains(char::is_control)
}

fn strings(elf: &Elf, at: VAddr) -> Option<(String, String)> {
    let header = elf.read(at, 32)?;
    if !header.starts_with(MAGIC) {
        return None;
    }
    let (version, modules) = if header[15] & INLINE != 0 {
        let (version, rest) = inline_string(elf.tail(at.plus(32))?)?;
        (version, inline_string(rest).map_or(&[][..], |(s, _)| s))
    } else {
        (pointed_string(elf, at.plus(16))?, pointed_string(elf, at.plus(24)).unwrap_or_default())
    };
    if version.is_empty() {
        return None;
    }
    Some((text(version), text(without_frame(modules))))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The module list stands between two 16-byte marks by which tools of old found it.
fn without_frame(modules: &[u8]) -> &[u8] {
    match modules.len().checked_sub(33) {
        Some(n) if modules[16 + n] == b'\n' => &modules[16..=16 + n],
        _ => &[],
    }
}

fn inline_string(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, used) = elf::uvarint(data)?;
    if len > LONGEST {
        return None;
    }
    data.get(used..)?.split_at_checked(usize::try_from(len).ok()?)
}

fn pointed_string(elf: &Elf, pointer: VAddr) -> Option<&[u8]> {
    let header = elf.pointer(pointer)?;
    let (data, len) = (elf.pointer(header)?, elf.word(header.plus(8))?);
    elf.read(data, len.min(LONGEST))
}

fn read_line(info: &mut BuildInfo, line: &str) {
    let mut fields = line.split('\t');
    let kind = fields.next().unwrap_or_default();
    let mut field = || fields.next().unwrap_or_default().to_owned();
    match kind {
        "path" => info.path = field(),
        "mod" => info.main = Some(module(field)),
        "dep" => info.deps.push(module(field)),
        "=>" => {
            let replaced = info.deps.last_mut().or(info.main.as_mut());
            if let Some(m) = replaced {
                m.replaced_by = Some(Box::new(module(field)));
            }
        }
        "build" => {
            // Values may have tabs in them.
            if let Some((key, value)) = line.strip_prefix("build\t").and_then(|l| l.split_once('=')) {
                info.settings.push((unquote(key), unquote(value)));
            }
        }
        _ => {}
    }
}

fn module(mut field: impl FnMut() -> String) -> Module {
    Module { path: field(), version: field(), sum: field(), replaced_by: None }
}

/// Keys and values with blanks or quotes in them are written as Go strings.
fn unquote(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    if let Some(inner) = inner {
        return inner.replace("\\\"", "\"").replace("\\\\", "\\");
    }
    text.strip_prefix('`').and_then(|t| t.strip_suffix('`')).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests;
