//! Numbers, `bool`, `char` and the unit.

use crate::abi::{Core, Scope, Shape, Source, Target, Type, Value, What, Wit, refusal};

/// A type of one core value: how it is written, and how it is read.
macro_rules! scalar {
    ($ty:ty, $wit:literal, $shape:expr, in_place: $in_place:expr, any_bytes: $any:expr,
     |$to:ident, $value:ident| $put:expr, |$from:ident, $what:pat_param| $get:expr) => {
        // SAFETY: the shape is the canonical ABI's for this type, and one integer of its size is written and read.
        unsafe impl Type for $ty {
            type Owned = Self;
            const SHAPE: Shape = $shape;
            const WIT_WITHOUT_RECURSION: &'static Wit = &Wit::Name($wit);
            const IN_PLACE: bool = $in_place;
            const ANY_BYTES: bool = $any;

            #[inline(always)]
            unsafe fn lend<T: Target>(&self, $to: T, _: &mut Scope) {
                let $value = *self;
                // SAFETY: by the contract of this function.
                unsafe { $put }
            }
        }

        // SAFETY: as above.
        unsafe impl Value for $ty {
            #[inline(always)]
            unsafe fn give<T: Target>(self, $to: T) {
                let $value = self;
                // SAFETY: by the contract of this function.
                unsafe { $put }
            }

            #[inline(always)]
            unsafe fn take<S: Source>($from: S, $what: What) -> Self {
                // SAFETY: by the contract of this function.
                unsafe { $get }
            }

            #[inline(always)]
            unsafe fn copy<S: Source>($from: S, $what: What) -> Self {
                // SAFETY: by the contract of this function.
                unsafe { $get }
            }
        }
    };
}

/// An integer of at most 32 bits, which is extended to 32 with its sign.
macro_rules! integer {
    ($ty:ty, $wit:literal, $size:literal) => {
        scalar!($ty, $wit, Shape::scalar($size, Core::I32), in_place: size_of::<$ty>() == $size, any_bytes: true,
            |to, value| to.put::<$size>(value as u32), |from, _| from.get::<$size>() as $ty);
    };
}

integer!(u8, "u8", 1);
integer!(i8, "s8", 1);
integer!(u16, "u16", 2);
integer!(i16, "s16", 2);
integer!(u32, "u32", 4);
integer!(i32, "s32", 4);
integer!(usize, "u32", 4);
integer!(isize, "s32", 4);
scalar!(u64, "u64", Shape::scalar(8, Core::I64), in_place: true, any_bytes: true,
    |to, value| to.put_64(value), |from, _| from.get_64());
scalar!(i64, "s64", Shape::scalar(8, Core::I64), in_place: true, any_bytes: true,
    |to, value| to.put_64(value as u64), |from, _| from.get_64() as i64);
scalar!(f32, "f32", Shape::scalar(4, Core::F32), in_place: true, any_bytes: true,
    |to, value| to.put::<4>(value.to_bits()), |from, _| f32::from_bits(from.get::<4>()));
scalar!(f64, "f64", Shape::scalar(8, Core::F64), in_place: true, any_bytes: true,
    |to, value| to.put_64(value.to_bits()), |from, _| f64::from_bits(from.get_64()));
scalar!(bool, "bool", Shape::scalar(1, Core::I32), in_place: true, any_bytes: false,
    |to, value| to.put::<1>(u32::from(value)), |from, _| from.get::<1>() != 0);
scalar!(char, "char", Shape::scalar(4, Core::I32), in_place: true, any_bytes: false,
|to, value| to.put::<4>(u32::from(value)),
|from, what| {
    let number = from.get::<4>();
    match char::from_u32(number) {
        Some(c) => c,
        None => refusal::character(what, number),
    }
});

// SAFETY: there is nothing to write or read.
unsafe impl Type for () {
    type Owned = Self;
    const SHAPE: Shape = Shape::UNIT;
    const WIT_WITHOUT_RECURSION: &'static Wit = &Wit::Unit;

    #[inline(always)]
    unsafe fn lend<T: Target>(&self, _: T, _: &mut Scope) {}
}

// SAFETY: as above.
unsafe impl Value for () {
    #[inline(always)]
    unsafe fn give<T: Target>(self, _: T) {}

    #[inline(always)]
    unsafe fn take<S: Source>(_: S, _: What) -> Self {}

    #[inline(always)]
    unsafe fn copy<S: Source>(_: S, _: What) -> Self {}
}
