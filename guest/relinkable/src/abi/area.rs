//! Areas of memory for parameters and results.

use alloc::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use crate::abi::place::Memory;

/// An area on the stack, with the largest alignment of the canonical ABI.
#[repr(C, align(8))]
pub struct Area<const SIZE: usize>(MaybeUninit<[u8; SIZE]>);

impl<const SIZE: usize> Area<SIZE> {
    /// An area that nothing was written to.
    #[inline(always)]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// The place of its first byte.
    #[inline(always)]
    pub fn memory(&mut self) -> Memory {
        Memory(self.0.as_mut_ptr().cast())
    }
}

/// The area of an export's result, which the host reads before it calls the plugin again.
pub struct ResultArea<const SIZE: usize>(UnsafeCell<Area<SIZE>>);

// SAFETY: only the thread that called the export uses the area, and only until it has read the result. Threads that share a
// memory each have an instance of their own, but would share this area: typed exports are for one thread at a time.
unsafe impl<const SIZE: usize> Sync for ResultArea<SIZE> {}

impl<const SIZE: usize> ResultArea<SIZE> {
    /// An area that nothing was written to.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(Area::new()))
    }

    /// The place of its first byte.
    #[inline(always)]
    pub fn memory(&self) -> Memory {
        Memory(self.0.get().cast())
    }
}

/// The memory that a call borrows for lists whose elements look different in Rust; freed at its end.
#[derive(Default)]
pub struct Scope {
    allocated: Vec<(Memory, usize, usize)>,
}

impl Scope {
    /// Nothing allocated.
    #[inline(always)]
    pub const fn new() -> Self {
        Self { allocated: Vec::new() }
    }

    /// Memory until the end of the call.
    pub fn allocate(&mut self, size: usize, align: usize) -> Memory {
        let memory = allocate(size, align);
        self.allocated.push((memory, size, align));
        memory
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        for (memory, size, align) in self.allocated.drain(..) {
            // SAFETY: `allocate` made it with this size and alignment, and nothing uses it after the call.
            unsafe { free(memory, size, align) };
        }
    }
}

/// Allocates memory; none of size 0.
pub fn allocate(size: usize, align: usize) -> Memory {
    if size == 0 {
        return Memory(core::ptr::without_provenance_mut(align));
    }
    let layout = layout(size, align);
    // SAFETY: the size is not 0.
    let memory = unsafe { alloc(layout) };
    if memory.is_null() { handle_alloc_error(layout) } else { Memory(memory) }
}

/// Frees memory of `allocate` or of `cabi_realloc`.
///
/// # Safety
/// It was allocated with this size and alignment, and is not used afterwards.
pub unsafe fn free(memory: Memory, size: usize, align: usize) {
    if size > 0 {
        // SAFETY: by the contract of this function.
        unsafe { dealloc(memory.0, layout(size, align)) }
    }
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a list is larger than half the memory")
}

/// The canonical ABI's allocator: the host and other plugins allocate with it in this plugin's memory.
///
/// # Safety
/// `old` is 0 and `old_size` too, or `old` is memory of this function with `old_size` bytes and this alignment.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_size: usize, align: usize, new_size: usize) -> *mut u8 {
    if old_size == 0 || new_size == 0 {
        // SAFETY: by the contract of this function.
        unsafe { free(Memory(old), old_size, align) };
        return allocate(new_size, align).0;
    }
    // SAFETY: by the contract of this function, and the new size is not 0.
    let new = unsafe { alloc::alloc::realloc(old, layout(old_size, align), new_size) };
    if new.is_null() { handle_alloc_error(layout(new_size, align)) } else { new }
}
