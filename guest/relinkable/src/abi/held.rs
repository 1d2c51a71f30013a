//! A parameter that the function gets by reference.

use core::borrow::Borrow;
use core::ops::Deref;

use crate::abi::traits::Type;

/// A parameter of the type `&T`: where it lies in the caller's memory, or made from it.
pub enum Held<'a, T: Type + ?Sized> {
    /// The caller's own bytes
    Lent(&'a T),
    /// A value that was made for the call
    Made(T::Owned),
}

impl<T: Type + ?Sized> Deref for Held<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Lent(value) => value,
            Self::Made(value) => value.borrow(),
        }
    }
}
