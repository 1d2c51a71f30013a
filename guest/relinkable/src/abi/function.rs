//! The core types of a typed function.

use crate::abi::shape::{Core, MAX_FLAT, Position, Shape, positions};

/// The core types of a function with `N` parameters, in both shapes of the canonical ABI: as an import (lowered) and as an
/// export (lifted).
pub struct Abi<const N: usize> {
    /// The parameters as one record
    pub parameters: Shape,
    /// The result
    pub result: Shape,
    /// The positions of the parameters in their record
    pub positions: [Position; N],
}

impl<const N: usize> Abi<N> {
    /// The core types of a function.
    pub const fn new(parameters: [Shape; N], result: Shape) -> Self {
        Self { parameters: Shape::record(&parameters), result, positions: positions(parameters) }
    }

    /// Whether the parameters go through memory, and the one core parameter is their address.
    pub const fn in_memory(&self) -> bool {
        self.parameters.flat.len() > MAX_FLAT
    }

    /// Whether the result goes through memory.
    pub const fn returns_area(&self) -> bool {
        self.result.flat.len() > 1
    }

    /// The index of the import's last parameter, the address for the result.
    pub const fn return_pointer(&self) -> usize {
        if self.in_memory() { 1 } else { self.parameters.flat.len() }
    }

    /// Size in bytes of the caller's area for the parameters: none if they do not go through memory.
    pub const fn parameter_area(&self) -> usize {
        if self.in_memory() { self.parameters.size } else { 0 }
    }

    /// Size in bytes of the area for the result: none if it does not go through memory.
    pub const fn result_area(&self) -> usize {
        if self.returns_area() { self.result.size } else { 0 }
    }

    /// The type of the import's parameter at `index`.
    pub const fn lowered(&self, index: usize) -> u8 {
        if self.returns_area() && index == self.return_pointer() { Core::I32 as u8 } else { self.lifted(index) }
    }

    /// The type of the import's result.
    pub const fn lowered_result(&self) -> u8 {
        if self.returns_area() { Core::Absent as u8 } else { self.result.flat.kind(0) as u8 }
    }

    /// The type of the export's parameter at `index`.
    pub const fn lifted(&self, index: usize) -> u8 {
        match (self.in_memory(), index) {
            (true, 0) => Core::I32 as u8,
            (true, _) => Core::Absent as u8,
            (false, _) => self.parameters.flat.kind(index) as u8,
        }
    }

    /// The type of the export's result.
    pub const fn lifted_result(&self) -> u8 {
        if self.returns_area() { Core::I32 as u8 } else { self.result.flat.kind(0) as u8 }
    }
}

/// A core type by its number, see [`Core`].
pub struct Numbered<const KIND: u8>;

/// The Rust type of a core type.
pub trait CoreType {
    /// The type itself; the unit, which an `extern "C"` function leaves out, for no value
    type Wire;
    /// The value as 64 bits.
    fn bits(value: Self::Wire) -> u64;
    /// The value from its bits.
    fn of(bits: u64) -> Self::Wire;
}

/// The Rust type of the core type with a number.
pub type Wire<const KIND: u8> = <Numbered<KIND> as CoreType>::Wire;

impl CoreType for Numbered<{ Core::Absent as u8 }> {
    type Wire = ();
    #[inline(always)]
    fn bits((): ()) -> u64 {
        0
    }
    #[inline(always)]
    fn of(_: u64) {}
}

impl CoreType for Numbered<{ Core::I32 as u8 }> {
    type Wire = u32;
    #[inline(always)]
    fn bits(value: u32) -> u64 {
        u64::from(value)
    }
    #[inline(always)]
    fn of(bits: u64) -> u32 {
        bits as u32
    }
}

impl CoreType for Numbered<{ Core::I64 as u8 }> {
    type Wire = u64;
    #[inline(always)]
    fn bits(value: u64) -> u64 {
        value
    }
    #[inline(always)]
    fn of(bits: u64) -> u64 {
        bits
    }
}

impl CoreType for Numbered<{ Core::F32 as u8 }> {
    type Wire = f32;
    #[inline(always)]
    fn bits(value: f32) -> u64 {
        u64::from(value.to_bits())
    }
    #[inline(always)]
    fn of(bits: u64) -> f32 {
        f32::from_bits(bits as u32)
    }
}

impl CoreType for Numbered<{ Core::F64 as u8 }> {
    type Wire = f64;
    #[inline(always)]
    fn bits(value: f64) -> u64 {
        value.to_bits()
    }
    #[inline(always)]
    fn of(bits: u64) -> f64 {
        f64::from_bits(bits)
    }
}
