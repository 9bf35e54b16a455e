//! Whole numbers in JSON, whose readers often keep all numbers as doubles.

use serde::ser::{Serialize, Serializer};

/// A whole number on its way to JSON.
pub(crate) struct Whole(pub i128);

/// Up to here every whole number is its own nearest double.
const EXACT: i128 = 1 << 53;

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(self.0) {
            Ok(small) if (-EXACT..=EXACT).contains(&self.0) => to.serialize_i64(small),
            _ => to.collect_str(&self.0),
        }
    }
}
