//! The fake world of tests.

use crate::FieldForm;
use crate::target::{
    DynamicType, FIELDS, Found, Hook, HookKind, Inlined, InlinedPlaces, Runtime, Start, SystemCalls, Target,
};
use crate::world::{Field, World};

mod fake;

pub(crate) use fake::Fake;
