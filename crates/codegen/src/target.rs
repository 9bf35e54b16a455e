//! The fake world of tests.

use plan::target::{
    DynamicType, FIELDS, Field, FieldForm, Found, Hook, HookKind, Inlined, InlinedPlaces, Runtime, Start, SystemCalls,
    Target, World,
};

#[path = "../../plan/src/target/fake.rs"]
pub(crate) mod fake;
