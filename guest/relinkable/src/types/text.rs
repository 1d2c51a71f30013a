//! Strings.

use alloc::string::String;
use alloc::vec::Vec;

use crate::abi::{Held, Scope, Shape, Source, Target, Type, Value, What, Wit, refusal};
use crate::types::list::{Parts, give_parts};

// SAFETY: a string is the address and the length of its bytes.
unsafe impl Type for str {
    type Owned = String;
    const SHAPE: Shape = Shape::LIST;
    const WIT_WITHOUT_RECURSION: &'static Wit = &Wit::Name("string");

    #[inline]
    unsafe fn lend<T: Target>(&self, to: T, scope: &mut Scope) {
        // SAFETY: by the contract of this function.
        unsafe { self.as_bytes().lend(to, scope) }
    }

    #[inline]
    unsafe fn hold<'a, S: Source>(from: S, what: What) -> Held<'a, Self> {
        // SAFETY: by the contract of this function.
        Held::Lent(checked(unsafe { Parts::<u8>::read(from, what).slice() }, what))
    }
}

// SAFETY: as for `str`.
unsafe impl Type for String {
    type Owned = Self;
    const SHAPE: Shape = Shape::LIST;
    const WIT_WITHOUT_RECURSION: &'static Wit = <str as Type>::WIT_WITHOUT_RECURSION;

    #[inline]
    unsafe fn lend<T: Target>(&self, to: T, scope: &mut Scope) {
        // SAFETY: by the contract of this function.
        unsafe { self.as_bytes().lend(to, scope) }
    }
}

// SAFETY: as for `str`; the bytes move with their address.
unsafe impl Value for String {
    #[inline]
    unsafe fn give<T: Target>(self, to: T) {
        // SAFETY: by the contract of this function.
        unsafe { give_parts(self.into_bytes(), to) }
    }

    #[inline]
    unsafe fn take<S: Source>(from: S, what: What) -> Self {
        // SAFETY: by the contract of this function.
        let bytes = unsafe { Parts::<u8>::read(from, what).into_vec() };
        checked(&bytes, what);
        // SAFETY: they were checked.
        unsafe { Self::from_utf8_unchecked(bytes) }
    }

    #[inline]
    unsafe fn copy<S: Source>(from: S, what: What) -> Self {
        // SAFETY: by the contract of this function.
        checked(unsafe { Parts::<u8>::read(from, what).slice() }, what).into()
    }

    #[inline]
    unsafe fn discard<S: Source>(from: S) {
        // SAFETY: by the contract of this function.
        unsafe { Vec::<u8>::discard(from) };
    }
}

#[inline]
fn checked(bytes: &[u8], what: What) -> &str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => refusal::text(what, bytes),
    }
}
