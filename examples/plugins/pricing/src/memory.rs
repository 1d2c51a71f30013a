//! Memory into which the host writes an order.

use std::alloc::{Layout, alloc as allocate, dealloc};
use std::slice;

/// Allocates `length` bytes; null if there are none.
#[unsafe(no_mangle)]
pub extern "C" fn alloc(length: usize) -> *mut u8 {
    match Layout::array::<u8>(length) {
        // SAFETY: the layout is not empty.
        Ok(layout) if length > 0 => unsafe { allocate(layout) },
        _ => std::ptr::null_mut(),
    }
}

/// Frees a buffer of `alloc`.
///
/// # Safety
/// `pointer` and `length` are those of one `alloc`, and the buffer is no longer used.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))] // on the host it would be libc's
pub unsafe extern "C" fn free(pointer: *mut u8, length: usize) {
    if let (false, Ok(layout)) = (pointer.is_null(), Layout::array::<u8>(length)) {
        // SAFETY: by the contract of this function.
        unsafe { dealloc(pointer, layout) }
    }
}

/// The bytes that the host wrote. None if `length` is 0, for any `pointer`.
///
/// # Safety
/// The bytes are initialized, and not written while the result lives.
pub unsafe fn bytes<'a>(pointer: *const u8, length: usize) -> &'a [u8] {
    // SAFETY: by the contract of this function. An empty buffer may be null, which a slice must not be.
    if length == 0 { &[] } else { unsafe { slice::from_raw_parts(pointer, length) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_taken_back() {
        let pointer = alloc(16);
        assert!(!pointer.is_null());
        // SAFETY: both from the `alloc` above.
        unsafe { free(pointer, 16) };
        assert!(alloc(0).is_null());
    }
}
