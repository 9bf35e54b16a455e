//! The world of the checker's own tests, by the names that it has there.

pub(crate) use plan::target::{
    DynamicType, FIELDS, Field, FieldForm, Found, Hook, HookKind, Inlined, InlinedPlaces, Runtime, Start, SystemCalls,
    Target, World,
};

#[path = "../../../plan/src/target/fake.rs"]
pub(crate) mod fake;
