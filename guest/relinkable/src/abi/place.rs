//! Where values are written to and read from: memory, or core values.

use crate::abi::shape::{MAX_FLAT, Position};

/// Where a value is.
pub trait Place: Copy {
    /// The place of a part.
    fn at(self, position: Position) -> Self;
}

/// Where a value is written to.
pub trait Target: Place {
    /// Writes an integer of `SIZE` bytes: 1, 2 or 4. `value` is it extended to 32 bits.
    ///
    /// # Safety
    /// The place is valid for writes of its type, which has `SIZE` bytes.
    unsafe fn put<const SIZE: usize>(self, value: u32);

    /// Writes 64 bits.
    ///
    /// # Safety
    /// The place is valid for writes of its type, which has 64 bits.
    unsafe fn put_64(self, value: u64);
}

/// Where a value is read from.
pub trait Source: Place {
    /// Reads an integer of `SIZE` bytes: 1, 2 or 4. The bits above are not to be relied on.
    ///
    /// # Safety
    /// The place is valid for reads of its type, which has `SIZE` bytes.
    unsafe fn get<const SIZE: usize>(self) -> u32;

    /// Reads 64 bits.
    ///
    /// # Safety
    /// The place is valid for reads of its type, which has 64 bits.
    unsafe fn get_64(self) -> u64;
}

/// A place in memory.
///
/// It need not be aligned: the address may come from another module.
#[derive(Clone, Copy)]
pub struct Memory(pub *mut u8);

impl Memory {
    /// The place at an address that another module gave.
    pub fn of_address(address: u32) -> Self {
        Self(core::ptr::with_exposed_provenance_mut(address as usize))
    }

    /// Its address.
    pub fn address(self) -> u32 {
        self.0.expose_provenance() as u32
    }
}

impl Place for Memory {
    #[inline(always)]
    fn at(self, position: Position) -> Self {
        Self(self.0.wrapping_add(position.bytes))
    }
}

impl Target for Memory {
    #[inline(always)]
    unsafe fn put<const SIZE: usize>(self, value: u32) {
        // SAFETY: by the contract of this function.
        unsafe {
            match SIZE {
                1 => self.0.write(value as u8),
                2 => self.0.cast::<u16>().write_unaligned(value as u16),
                _ => self.0.cast::<u32>().write_unaligned(value),
            }
        }
    }

    #[inline(always)]
    unsafe fn put_64(self, value: u64) {
        // SAFETY: by the contract of this function.
        unsafe { self.0.cast::<u64>().write_unaligned(value) }
    }
}

impl Source for Memory {
    #[inline(always)]
    unsafe fn get<const SIZE: usize>(self) -> u32 {
        // SAFETY: by the contract of this function.
        unsafe {
            match SIZE {
                1 => u32::from(self.0.read()),
                2 => u32::from(self.0.cast::<u16>().read_unaligned()),
                _ => self.0.cast::<u32>().read_unaligned(),
            }
        }
    }

    #[inline(always)]
    unsafe fn get_64(self) -> u64 {
        // SAFETY: by the contract of this function.
        unsafe { self.0.cast::<u64>().read_unaligned() }
    }
}

/// The core values of a call, each as 64 bits: a narrower one in the lower bits, zero above.
///
/// In this form, the canonical ABI's conversions between the cases of a variant change nothing.
pub struct Words(pub [u64; MAX_FLAT + 1]);

impl Words {
    /// All zero: what a case has where another case has data.
    #[inline(always)]
    pub fn zero() -> Self {
        Self([0; MAX_FLAT + 1])
    }

    /// The place of the first value, to write to.
    #[inline(always)]
    pub fn target(&mut self) -> WordsTarget<'_> {
        WordsTarget { first: self.0.as_mut_ptr(), words: core::marker::PhantomData }
    }

    /// The place of the first value, to read from.
    #[inline(always)]
    pub fn source(&self) -> WordsSource<'_> {
        WordsSource { first: self.0.as_ptr(), words: core::marker::PhantomData }
    }
}

/// A place among core values, to write to.
#[derive(Clone, Copy)]
pub struct WordsTarget<'a> {
    first: *mut u64,
    words: core::marker::PhantomData<&'a Words>,
}

impl Place for WordsTarget<'_> {
    #[inline(always)]
    fn at(self, position: Position) -> Self {
        Self { first: self.first.wrapping_add(position.words), ..self }
    }
}

impl Target for WordsTarget<'_> {
    #[inline(always)]
    unsafe fn put<const SIZE: usize>(self, value: u32) {
        // SAFETY: by the contract of this function.
        unsafe { self.first.write(u64::from(value)) }
    }

    #[inline(always)]
    unsafe fn put_64(self, value: u64) {
        // SAFETY: by the contract of this function.
        unsafe { self.first.write(value) }
    }
}

/// A place among core values, to read from.
#[derive(Clone, Copy)]
pub struct WordsSource<'a> {
    first: *const u64,
    words: core::marker::PhantomData<&'a Words>,
}

impl Place for WordsSource<'_> {
    #[inline(always)]
    fn at(self, position: Position) -> Self {
        Self { first: self.first.wrapping_add(position.words), ..self }
    }
}

impl Source for WordsSource<'_> {
    #[inline(always)]
    unsafe fn get<const SIZE: usize>(self) -> u32 {
        // SAFETY: by the contract of this function.
        unsafe { self.first.read() as u32 }
    }

    #[inline(always)]
    unsafe fn get_64(self) -> u64 {
        // SAFETY: by the contract of this function.
        unsafe { self.first.read() }
    }
}
