//! The types that go through typed functions.

use core::borrow::Borrow;

use crate::abi::area::Scope;
use crate::abi::held::Held;
use crate::abi::place::{Source, Target};
use crate::abi::refusal::What;
use crate::abi::shape::Shape;
use crate::abi::wit::Wit;

/// A type that goes through typed slots, exports and imports.
///
/// Derive it for structs and enums whose fields have such types: `#[derive(relinkable::Type)]`. The built-in ones are the
/// numbers, `bool`, `char`, `String` and `&str`, `Vec<T>` and `&[T]`, `[T; N]`, `Option<T>`, `Result<T, E>`, tuples of up to
/// twelve, `Box<T>` and, with the feature `json`, `Json<T>`.
///
/// # Safety
/// The constants describe what the methods write and read, and each other: the derive macro does it right.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot go through a typed slot, export or import",
    label = "not a type of the canonical ABI",
    note = "put `#[derive(relinkable::Type)]` on a struct or enum of your own",
    note = "use numbers, `bool`, `char`, `String`, `Vec<T>`, `[T; N]`, `Option<T>`, `Result<T, E>`, tuples, `Box<T>`, or \
            `relinkable::Json<T>` (feature `json`) for any serde type"
)]
pub unsafe trait Type {
    /// The type that holds its values: `String` for `str`, `Vec<T>` for `[T]`, itself otherwise
    #[doc(hidden)]
    type Owned: Value + Borrow<Self>;

    /// Its layout
    #[doc(hidden)]
    const SHAPE: Shape;
    /// Its WIT type. The name is part of the compiler's error for types that contain each other.
    #[doc(hidden)]
    const WIT_WITHOUT_RECURSION: &'static Wit;
    /// Whether its values lie in Rust's memory as the canonical ABI wants them, so that lists of it need no conversion
    #[doc(hidden)]
    const IN_PLACE: bool = false;
    /// Whether, besides, any bytes are a valid value
    #[doc(hidden)]
    const ANY_BYTES: bool = false;

    /// Writes the value, with addresses of memory that stays the caller's.
    ///
    /// # Safety
    /// `to` is a place for this type. What was written is used only while `self` and `scope` live.
    #[doc(hidden)]
    unsafe fn lend<T: Target>(&self, to: T, scope: &mut Scope);

    /// Reads a value that was lent, where it lies if possible.
    ///
    /// # Safety
    /// `from` is a value of this type that a caller lent, for `'a`.
    #[doc(hidden)]
    #[inline]
    unsafe fn hold<'a, S: Source>(from: S, what: What) -> Held<'a, Self> {
        // SAFETY: by the contract of this function.
        Held::Made(unsafe { <Self::Owned as Value>::copy(from, what) })
    }
}

/// A [`Type`] with values that can be owned.
///
/// # Safety
/// As for [`Type`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot go through a typed slot, export or import by value",
    label = "a value of this type cannot be owned",
    note = "put `#[derive(relinkable::Type)]` on a struct or enum of your own; take `&str` and `&[T]` by reference"
)]
pub unsafe trait Value: Type<Owned = Self> + Sized {
    /// Writes the value, and gives the memory it owns away.
    ///
    /// # Safety
    /// `to` is a place for this type. Each value is read by [`take`](Self::take) at most once.
    #[doc(hidden)]
    unsafe fn give<T: Target>(self, to: T);

    /// Reads a value, and owns its memory from then on.
    ///
    /// # Safety
    /// `from` is a value of this type whose memory this plugin's allocator made, and that nothing else uses.
    #[doc(hidden)]
    unsafe fn take<S: Source>(from: S, what: What) -> Self;

    /// Reads a value that stays the caller's.
    ///
    /// # Safety
    /// `from` is a value of this type.
    #[doc(hidden)]
    unsafe fn copy<S: Source>(from: S, what: What) -> Self;

    /// Frees the memory of a value that was given away and read.
    ///
    /// # Safety
    /// As for [`take`](Self::take).
    #[doc(hidden)]
    #[inline]
    unsafe fn discard<S: Source>(from: S) {
        // SAFETY: by the contract of this function.
        drop(unsafe { Self::take(from, "a result of this plugin") });
    }
}
