//! On other targets than `wasm32`, a slot is a plain function.

use relinkable::relinkable;

/// Half, rounded down.
#[relinkable]
pub fn half(number: u64) -> u64 {
    number / 2
}

#[relinkable(name = "shop::price")]
#[must_use]
pub(crate) fn price(mut cents: u32, _: bool) -> u32 {
    cents += 1;
    cents
}

/// # Safety
/// `byte` must be valid for reads.
#[inline(never)]
#[relinkable]
unsafe fn first(byte: *const u8) -> u8 {
    // SAFETY: by the contract of this function.
    unsafe { *byte }
}

#[relinkable]
fn factorial(n: u64) -> u64 {
    if n < 2 {
        return 1;
    }
    n * factorial(n - 1)
}

// `#[cfg]` may stand before or after the attribute; one of the two functions remains.
#[cfg(target_arch = "wasm32")]
#[relinkable]
fn platform() -> char {
    'w'
}

#[relinkable]
#[cfg(not(target_arch = "wasm32"))]
fn platform() -> char {
    'h'
}

mod inner {
    use super::relinkable;

    #[relinkable(name = "inner/half")]
    pub fn half(number: f64) -> f64 {
        number / 2.0
    }
}

#[test]
fn the_functions_work() {
    assert_eq!(half(7), 3);
    assert_eq!(price(1, true), 2);
    // SAFETY: a reference is valid for reads.
    assert_eq!(unsafe { first(&5) }, 5);
    assert_eq!(factorial(10), 3_628_800);
    assert_eq!(platform(), 'h');
    assert_eq!(inner::half(1.0), 0.5);
}

#[test]
fn their_types_are_unchanged() {
    let _: fn(u64) -> u64 = half;
    let _: fn(u32, bool) -> u32 = price;
    let _: unsafe fn(*const u8) -> u8 = first;
}

#[test]
fn a_function_body_can_hold_one() {
    #[relinkable]
    fn local(a: i8) -> i8 {
        -a
    }
    assert_eq!(local(3), -3);
}
