//! Types that no executable describes as a whole, put together from those that one does: what a user says that a
//! function takes, words of which no more than the size is known, what reflection makes while a program runs.
//!
//! A type is kept once, so that whoever speaks of the same one has the same number for it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::types::{Field, Kind, Type, TypeRef};

/// All of them, by the number in [`TypeRef::Made`].
#[derive(Debug, Default)]
pub struct Made {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    types: Vec<Arc<Type>>,
    numbers: HashMap<Arc<Type>, u32>,
}

impl Made {
    /// The reference to a type, which is added if it is not there yet.
    pub fn add(&self, ty: Type) -> TypeRef {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = known.numbers.get(&ty) {
            return TypeRef::Made(number);
        }
        let (number, ty) = (known.types.len() as u32, Arc::new(ty));
        known.types.push(ty.clone());
        known.numbers.insert(ty, number);
        TypeRef::Made(number)
    }

    /// A type by its number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<Arc<Type>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).types.get(number as usize).cloned()
    }
}

impl Type {
    /// A type that stands in no file.
    #[must_use]
    pub fn made(name: impl Into<String>, size: u64, kind: Kind) -> Type {
        Type { name: name.into(), size, kind, runtime_offset: None }
    }
}

impl Field {
    /// A field that is not embedded.
    #[must_use]
    pub fn of(name: impl Into<String>, ty: TypeRef, offset: u64) -> Field {
        Field { name: name.into(), ty, offset, embedded: false }
    }
}
