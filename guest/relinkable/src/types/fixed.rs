//! Arrays and boxes.

use alloc::boxed::Box;

use crate::abi::{Position, Scope, Shape, Source, Target, Type, Value, What, Wit};

/// The position of an element of an array.
#[inline(always)]
fn element(shape: &Shape, index: usize) -> Position {
    Position { bytes: shape.size * index, words: shape.flat.len() * index }
}

// SAFETY: an array is its elements one after the other.
unsafe impl<V: Value, const N: usize> Type for [V; N] {
    type Owned = Self;
    const SHAPE: Shape = Shape::array(&V::SHAPE, N);
    const WIT_WITHOUT_RECURSION: &'static Wit = &Wit::Array(V::WIT_WITHOUT_RECURSION, N);
    const IN_PLACE: bool = V::IN_PLACE;
    const ANY_BYTES: bool = V::ANY_BYTES;

    #[inline]
    unsafe fn lend<T: Target>(&self, to: T, scope: &mut Scope) {
        for (index, value) in self.iter().enumerate() {
            // SAFETY: by the contract of this function.
            unsafe { value.lend(to.at(element(&V::SHAPE, index)), scope) };
        }
    }
}

// SAFETY: as above.
unsafe impl<V: Value, const N: usize> Value for [V; N] {
    #[inline]
    unsafe fn give<T: Target>(self, to: T) {
        for (index, value) in self.into_iter().enumerate() {
            // SAFETY: by the contract of this function.
            unsafe { value.give(to.at(element(&V::SHAPE, index))) };
        }
    }

    #[inline]
    unsafe fn take<S: Source>(from: S, what: What) -> Self {
        // SAFETY: by the contract of this function.
        core::array::from_fn(|index| unsafe { V::take(from.at(element(&V::SHAPE, index)), what) })
    }

    #[inline]
    unsafe fn copy<S: Source>(from: S, what: What) -> Self {
        // SAFETY: by the contract of this function.
        core::array::from_fn(|index| unsafe { V::copy(from.at(element(&V::SHAPE, index)), what) })
    }

    #[inline]
    unsafe fn discard<S: Source>(from: S) {
        for index in 0..N {
            // SAFETY: by the contract of this function.
            unsafe { V::discard(from.at(element(&V::SHAPE, index))) };
        }
    }
}

// SAFETY: a box is its content.
unsafe impl<V: Value> Type for Box<V> {
    type Owned = Self;
    const SHAPE: Shape = V::SHAPE;
    const WIT_WITHOUT_RECURSION: &'static Wit = V::WIT_WITHOUT_RECURSION;

    #[inline]
    unsafe fn lend<T: Target>(&self, to: T, scope: &mut Scope) {
        // SAFETY: by the contract of this function.
        unsafe { V::lend(self, to, scope) }
    }
}

// SAFETY: as above.
unsafe impl<V: Value> Value for Box<V> {
    #[inline]
    unsafe fn give<T: Target>(self, to: T) {
        // SAFETY: by the contract of this function.
        unsafe { V::give(*self, to) }
    }

    #[inline]
    unsafe fn take<S: Source>(from: S, what: What) -> Self {
        // SAFETY: by the contract of this function.
        Self::new(unsafe { V::take(from, what) })
    }

    #[inline]
    unsafe fn copy<S: Source>(from: S, what: What) -> Self {
        // SAFETY: by the contract of this function.
        Self::new(unsafe { V::copy(from, what) })
    }

    #[inline]
    unsafe fn discard<S: Source>(from: S) {
        // SAFETY: by the contract of this function.
        unsafe { V::discard(from) };
    }
}
