//! `Option` and `Result`.

use crate::abi::{Position, Scope, Shape, Source, Target, Type, Value, What, Wit, payload, refusal};

/// Writes the discriminant, and returns the place of the data.
///
/// # Safety
/// `to` is the place of a variant with a discriminant of one byte.
#[inline(always)]
unsafe fn tag<T: Target>(to: T, value: u32, position: Position) -> T {
    // SAFETY: by the contract of this function.
    unsafe {
        to.put::<1>(value);
        to.at(position)
    }
}

// SAFETY: an option is a variant of two cases: `none` and `some`.
unsafe impl<V: Value> Type for Option<V> {
    type Owned = Self;
    const SHAPE: Shape = Shape::variant(&[Shape::UNIT, V::SHAPE]);
    const WIT_WITHOUT_RECURSION: &'static Wit = &Wit::Generic("option", &[V::WIT_WITHOUT_RECURSION]);

    #[inline]
    unsafe fn lend<T: Target>(&self, to: T, scope: &mut Scope) {
        let position = const { payload(&[V::SHAPE]) };
        // SAFETY: by the contract of this function.
        unsafe {
            match self {
                None => to.put::<1>(0),
                Some(value) => value.lend(tag(to, 1, position), scope),
            }
        }
    }
}

// SAFETY: as above.
unsafe impl<V: Value> Value for Option<V> {
    #[inline]
    unsafe fn give<T: Target>(self, to: T) {
        let position = const { payload(&[V::SHAPE]) };
        // SAFETY: by the contract of this function.
        unsafe {
            match self {
                None => to.put::<1>(0),
                Some(value) => value.give(tag(to, 1, position)),
            }
        }
    }

    #[inline]
    unsafe fn take<S: Source>(from: S, what: What) -> Self {
        let position = const { payload(&[V::SHAPE]) };
        // SAFETY: by the contract of this function.
        unsafe {
            match from.get::<1>() {
                0 => None,
                1 => Some(V::take(from.at(position), what)),
                other => refusal::discriminant(what, "option", other, 2),
            }
        }
    }

    #[inline]
    unsafe fn copy<S: Source>(from: S, what: What) -> Self {
        let position = const { payload(&[V::SHAPE]) };
        // SAFETY: by the contract of this function.
        unsafe {
            match from.get::<1>() {
                0 => None,
                1 => Some(V::copy(from.at(position), what)),
                other => refusal::discriminant(what, "option", other, 2),
            }
        }
    }

    #[inline]
    unsafe fn discard<S: Source>(from: S) {
        let position = const { payload(&[V::SHAPE]) };
        // SAFETY: by the contract of this function.
        unsafe {
            if from.get::<1>() == 1 {
                V::discard(from.at(position));
            }
        }
    }
}

// SAFETY: a result is a variant of two cases: `ok` and `err`.
unsafe impl<V: Value, E: Value> Type for Result<V, E> {
    type Owned = Self;
    const SHAPE: Shape = Shape::variant(&[V::SHAPE, E::SHAPE]);
    const WIT_WITHOUT_RECURSION: &'static Wit = &Wit::Result(V::WIT_WITHOUT_RECURSION, E::WIT_WITHOUT_RECURSION);

    #[inline]
    unsafe fn lend<T: Target>(&self, to: T, scope: &mut Scope) {
        let position = const { payload(&[V::SHAPE, E::SHAPE]) };
        // SAFETY: by the contract of this function.
        unsafe {
            match self {
                Ok(value) => value.lend(tag(to, 0, position), scope),
                Err(error) => error.lend(tag(to, 1, position), scope),
            }
        }
    }
}

// SAFETY: as above.
unsafe impl<V: Value, E: Value> Value for Result<V, E> {
    #[inline]
    unsafe fn give<T: Target>(self, to: T) {
        let position = const { payload(&[V::SHAPE, E::SHAPE]) };
        // SAFETY: by the contract of this function.
        unsafe {
            match self {
                Ok(value) => value.give(tag(to, 0, position)),
                Err(error) => error.give(tag(to, 1, position)),
            }
        }
    }

    #[inline]
    unsafe fn take<S: Source>(from: S, what: What) -> Self {
        let position = const { payload(&[V::SHAPE, E::SHAPE]) };
        // SAFETY: by the contract of this function.
        unsafe {
            match from.get::<1>() {
                0 => Ok(V::take(from.at(position), what)),
                1 => Err(E::take(from.at(position), what)),
                other => refusal::discriminant(what, "result", other, 2),
            }
        }
    }

    #[inline]
    unsafe fn copy<S: Source>(from: S, what: What) -> Self {
        let position = const { payload(&[V::SHAPE, E::SHAPE]) };
        // SAFETY: by the contract of this function.
        unsafe {
            match from.get::<1>() {
                0 => Ok(V::copy(from.at(position), what)),
                1 => Err(E::copy(from.at(position), what)),
                other => refusal::discriminant(what, "result", other, 2),
            }
        }
    }

    #[inline]
    unsafe fn discard<S: Source>(from: S) {
        let position = const { payload(&[V::SHAPE, E::SHAPE]) };
        // SAFETY: by the contract of this function.
        unsafe {
            match from.get::<1>() {
                0 => V::discard(from.at(position)),
                _ => E::discard(from.at(position)),
            }
        }
    }
}
