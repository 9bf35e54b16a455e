//! A place where a function was inlined: where its calls begin, and which arguments are to be had there. What
//! `gospect explain` shows behind the function itself.

use std::io::{self, Write};

use gobin::VAddr;
use gobin::abi::Place;
use gobin::image::{InlinedAt, Instance};
use gobin::instance::{Point, Unclear};
use gobin::signature::Arg;
use serde::Serialize;

use crate::explain::price;
use crate::function::{hex, inlined_at};
use crate::text::visible;
use crate::{Format, json_line};

/// The JSON object `instance`.
#[derive(Serialize)]
#[serde(tag = "type", rename = "instance")]
struct JsonInstance<'a> {
    name: &'a str,
    into: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    addr: Option<String>,
    offset: Option<u32>,
    class: Option<&'static str>,
    refused: Option<String>,
    ends: Option<Vec<String>>,
    endless: Option<String>,
    args: Option<Vec<JsonArg<'a>>>,
}

/// The JSON object `instance_arg`.
#[derive(Serialize)]
struct JsonArg<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    ty: &'a str,
    place: Option<String>,
}

/// Shows one place.
///
/// # Errors
/// The writer's.
pub fn show(
    at: &InlinedAt,
    instance: &Result<Instance, Unclear>,
    go_sources: Option<&str>,
    format: Format,
    out: &mut dyn Write,
) -> io::Result<()> {
    if format == Format::Json {
        return json_line(out, &json(at, instance));
    }
    writeln!(out, "{} inlined into {}", visible(at.call.name), inlined_at(at, go_sources))?;
    let instance = match instance {
        Ok(instance) => instance,
        Err(why) => return writeln!(out, "  no probe: {why}"),
    };
    writeln!(out, "  probe at {}: {}", place_of(at, &instance.begins), price(instance.begins.class))?;
    match &instance.ends {
        Ok(ends) => {
            writeln!(out, "  ends at {}", ends.iter().map(|end| place_of(at, end)).collect::<Vec<_>>().join(", "))?
        }
        Err(why) => writeln!(out, "  no duration: {why}")?,
    }
    let Some(signature) = &instance.signature else { return writeln!(out, "  arguments: DWARF does not describe it") };
    for arg in &signature.args {
        let place = place(arg, instance.sp_adjust).unwrap_or_else(|| "not located there".to_owned());
        writeln!(out, "  {} {}: {place}", visible(&arg.name), visible(&arg.type_name))?;
    }
    Ok(())
}

fn json<'a>(at: &InlinedAt<'a>, instance: &'a Result<Instance, Unclear>) -> JsonInstance<'a> {
    let (file, line) = at.place().unzip();
    let known = instance.as_ref().ok();
    let signature = known.and_then(|known| known.signature.as_ref());
    let adjust = known.map_or(0, |known| known.sp_adjust);
    let arg = |arg: &'a Arg| JsonArg { name: &arg.name, ty: &arg.type_name, place: place(arg, adjust) };
    JsonInstance {
        name: at.call.name,
        into: at.into.name(),
        file,
        line,
        addr: known.map(|known| hex(pc(at, &known.begins))),
        offset: known.map(|known| known.begins.offset),
        class: known.map(|known| known.begins.class.word()),
        refused: instance.as_ref().err().map(ToString::to_string),
        ends: known
            .and_then(|known| known.ends.as_ref().ok())
            .map(|ends| ends.iter().map(|end| hex(pc(at, end))).collect()),
        endless: known.and_then(|known| known.ends.as_ref().err()).map(ToString::to_string),
        args: signature.map(|signature| signature.args.iter().map(arg).collect()),
    }
}

fn pc(at: &InlinedAt, point: &Point) -> VAddr {
    at.into.entry().plus(u64::from(point.offset))
}

fn place_of(at: &InlinedAt, point: &Point) -> String {
    format!("{} (+{:#x})", pc(at, point), point.offset)
}

/// Where an argument is; `None` where DWARF does not say.
fn place(arg: &Arg, adjust: u32) -> Option<String> {
    match &arg.place {
        Place::Unknown => None,
        Place::Stack(at) => Some(format!("[rsp+{}]", at + 8 + u64::from(adjust))),
        place => Some(place.to_string()),
    }
}
