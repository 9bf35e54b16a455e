//! Values in as many columns as there are: what stands deepest is left out first, so that one sees all of a value from
//! afar rather than its first part from near.
//!
//! What is left out is seen: `&http.Request{Method: "GET", URL: &url.URL{…}, …+20}`.

use event::go::Types;
use event::go::value::GoValue;

use super::{Style, Writer};
use crate::text::cut;

/// Nothing stands in more others.
const DEEPEST: usize = 32;
/// What no leaving out makes short enough may be so many times as wide.
const AT_LAST: usize = 2;

/// A value in about so many columns.
pub(super) fn fitting(value: &GoValue, types: &Types, style: Style, width: usize) -> String {
    let at_depth = |levels, most| {
        let mut out = String::new();
        Writer { types, style, levels, most, start: 0, out: &mut out }.whole(value);
        out
    };
    let mut best = at_depth(1, usize::MAX);
    if !fits(&best, width) {
        // No more than what begins within the columns, where a column is no less than a byte.
        return cut(&at_depth(1, width), width * AT_LAST).into_owned();
    }
    for levels in 2..=DEEPEST {
        let deeper = at_depth(levels, usize::MAX);
        let same = deeper == best;
        if same || !fits(&deeper, width) {
            break;
        }
        best = deeper;
    }
    best
}

fn fits(text: &str, width: usize) -> bool {
    text.len() <= width || text.chars().count() <= width
}
