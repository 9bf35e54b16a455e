//! The world of the checker's own tests, by the names that it has there.

pub(crate) use probe::target::{
    DynamicType, FIELDS, Field, Found, Hook, HookKind, Inlined, InlinedPlaces, Runtime, SystemCalls, Target, World,
};

#[path = "../../../probe/src/target/fake.rs"]
pub(crate) mod fake;
