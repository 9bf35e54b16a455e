//! One link of many uprobes (`BPF_TRACE_UPROBE_MULTI`).

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStringExt;

use super::bisect::{self, Found};
use super::{Part, Site, Uprobes, path_of};
use crate::loader::load::Program;
use crate::loader::sys::{MultiLink, Sys};

pub(super) fn attach(sys: &Sys, program: &Program, uprobes: &Uprobes<'_>) -> io::Result<Found> {
    let path = CString::new(path_of(uprobes.file).into_os_string().into_vec())?;
    let pid = uprobes.pid.map(|pid| pid.0 as i32);
    bisect::attach(uprobes.sites, |sites: &[Site]| {
        let (offsets, cookies): (Vec<u64>, Vec<u64>) = sites.iter().map(|site| (site.offset, site.cookie)).unzip();
        let (offsets, cookies) = (&offsets, &cookies);
        let link = MultiLink { path: &path, offsets, cookies, pid, returning: uprobes.returning };
        let held = sys.link_uprobes(program.fd(), &link)?;
        Ok(Part { _held: held, _event: None })
    })
}
