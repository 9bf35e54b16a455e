//! The made-up program of other crates' tests.

use plan::FieldForm;
use plan::target::{
    DynamicType, FIELDS, Found, Hook, HookKind, Inlined, InlinedPlaces, Runtime, Start, SystemCalls, Target,
};
use plan::world::{Field, World};

#[path = "../../../../../../plan/src/fakes/fake.rs"]
mod fake;

pub(super) use fake::Fake;
