//! Contexts: a chain that is shown from its root on, in the words of the functions that made it.

use super::{field, field_value, sync};
use crate::go::decode::Decoder;
use crate::go::kinds::Read;
use crate::go::span::Span;
use crate::go::value::{GoValue, Is, Link};
use crate::go::{GoKind, GoType};

/// `context.Background()` and `context.TODO()`.
// +rtype 1.21- context.backgroundCtx.emptyCtx context.emptyCtx @0
// +rtype 1.21- context.todoCtx.emptyCtx context.emptyCtx @0
#[allow(clippy::unnecessary_wraps, reason = "it stands in the table")]
pub(super) fn root(_: &mut Decoder<'_>, ty: &GoType, _: Span<'_>) -> Option<Read> {
    let name = if ty.name.ends_with("todoCtx") { "TODO" } else { "Background" };
    Some(Ok(Is::Context(vec![Link::Root(name)])))
}

/// `context.WithValue`.
// +rtype 1.21- context.valueCtx.Context context.Context @0
// +rtype 1.21- context.valueCtx.key any @16
// +rtype 1.21- context.valueCtx.val any @32
pub(super) fn value(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    chain(decoder, ty, span, |decoder, ty, span| {
        let (key, val) = (field_value(decoder, ty, span, "key")?, field_value(decoder, ty, span, "val")?);
        Some((parent(decoder, ty, span)?, Link::Value(key, val)))
    })
}

/// `context.WithCancel`.
// +rtype 1.21- context.cancelCtx.Context context.Context @0
pub(super) fn cancel(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    chain(decoder, ty, span, |decoder, ty, span| {
        let done = is_done(decoder, ty, span);
        Some((parent(decoder, ty, span)?, Link::Cancel { done }))
    })
}

/// `context.WithDeadline`.
// +rtype 1.21- context.timerCtx.cancelCtx context.cancelCtx @0
pub(super) fn timer(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    chain(decoder, ty, span, |decoder, ty, span| {
        let at = field_value(decoder, ty, span, "deadline")?;
        let (cancel, _, span) = field(decoder, ty, span, "cancelCtx")?;
        let done = is_done(decoder, cancel, span);
        Some((parent(decoder, cancel, span)?, Link::Deadline { at, done }))
    })
}

/// `context.WithoutCancel`.
// +rtype 1.21- context.withoutCancelCtx.c context.Context @0
pub(super) fn without_cancel(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let parent = field_value(decoder, ty, span, "c")?;
    Some(Ok(after(parent, Link::Named("WithoutCancel"))))
}

/// `context.AfterFunc`.
// +rtype 1.21- context.afterFuncCtx.cancelCtx context.cancelCtx @0
pub(super) fn after_func(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    chain(decoder, ty, span, |decoder, ty, span| {
        let (cancel, _, span) = field(decoder, ty, span, "cancelCtx")?;
        Some((parent(decoder, cancel, span)?, Link::Named("AfterFunc")))
    })
}

/// What a context keeps between itself and the one whose end it follows.
// +rtype 1.21- context.stopCtx.Context context.Context @0
pub(super) fn stop(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    chain(decoder, ty, span, |decoder, ty, span| Some((parent(decoder, ty, span)?, Link::Named("stopCtx"))))
}

fn is_done(decoder: &Decoder<'_>, ty: &GoType, span: Span<'_>) -> bool {
    sync::is_set(decoder, ty, span, "err").unwrap_or(false)
}

/// The context that this one was made from. A chain is one value: its links do not count towards the depth.
fn parent(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<GoValue> {
    decoder.beside(|decoder| field_value(decoder, ty, span, "Context"))
}

/// Follows the pointer that a context is, and reads the one above it and what is special about itself.
fn chain(
    decoder: &mut Decoder<'_>,
    ty: &GoType,
    span: Span<'_>,
    own: impl FnOnce(&mut Decoder<'_>, &GoType, Span<'_>) -> Option<(GoValue, Link)>,
) -> Option<Read> {
    let GoKind::Pointer(Some(row)) = ty.kind else { return None };
    let to = decoder.types.get(row)?;
    let start = match span.word(0) {
        Ok(0) => return Some(Ok(Is::Nil)),
        Ok(start) => start,
        Err(why) => return Some(Err(why)),
    };
    let links = decoder.follow(start, row, |decoder| {
        let there = decoder.memory(start, row, to.size as usize)?;
        Ok(own(decoder, to, there).map(|(parent, link)| after(parent, link)))
    });
    links.transpose()
}

/// The parent's chain with one more link.
fn after(parent: GoValue, link: Link) -> Is {
    let mut links = match parent.is {
        Is::Interface(value) => match value.is {
            Is::Context(links) => links,
            Is::Missing(why) => vec![Link::Missing(why)],
            _ => vec![Link::Other(*value)],
        },
        Is::Missing(why) => vec![Link::Missing(why)],
        _ => vec![Link::Other(parent)],
    };
    links.push(link);
    Is::Context(links)
}
