//! Values of any shape, as JSON text.

use alloc::string::String;
use core::ops::{Deref, DerefMut};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::abi::{Definition, Held, Keyword, Member, Scope, Shape, Source, Target, Type, Value, What, Wit};

/// A value of any type of serde, for data whose shape changes more often than the plugin is built.
///
/// It goes as JSON text, and JavaScript gets the parsed value. It costs more than a type of its own, and the host checks
/// only that it is JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> From<T> for Json<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| panic!("a value cannot be written as JSON: {error}"))
}

fn parsed<T: DeserializeOwned>(text: &str, what: What) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{what} has JSON of another shape: {error}"))
}

// SAFETY: it is a string.
unsafe impl<V: Serialize + DeserializeOwned> Type for Json<V> {
    type Owned = Self;
    const SHAPE: Shape = Shape::LIST;
    const WIT_WITHOUT_RECURSION: &'static Wit = &Wit::Defined(&Definition {
        id: "relinkable::Json",
        name: "json",
        docs: "",
        keyword: Keyword::Alias,
        members: &[Member { name: "", docs: "", wit: <str as Type>::WIT_WITHOUT_RECURSION }],
    });

    unsafe fn lend<T: Target>(&self, to: T, scope: &mut Scope) {
        let text = text(&self.0);
        let memory = scope.allocate(text.len(), 1);
        // SAFETY: the memory has room for the text, and lives as long as the scope; `to` by the contract of this function.
        unsafe {
            memory.0.copy_from_nonoverlapping(text.as_ptr(), text.len());
            to.put::<4>(memory.address());
            to.at(crate::abi::Position::LENGTH).put::<4>(text.len() as u32);
        }
    }
}

// SAFETY: it is a string.
unsafe impl<V: Serialize + DeserializeOwned> Value for Json<V> {
    unsafe fn give<T: Target>(self, to: T) {
        // SAFETY: by the contract of this function.
        unsafe { text(&self.0).give(to) }
    }

    unsafe fn take<S: Source>(from: S, what: What) -> Self {
        // SAFETY: by the contract of this function.
        Self(parsed(&unsafe { String::take(from, what) }, what))
    }

    unsafe fn copy<S: Source>(from: S, what: What) -> Self {
        // SAFETY: by the contract of this function.
        let text: Held<'_, str> = unsafe { str::hold(from, what) };
        Self(parsed(&text, what))
    }

    unsafe fn discard<S: Source>(from: S) {
        // SAFETY: by the contract of this function.
        unsafe { String::discard(from) };
    }
}
