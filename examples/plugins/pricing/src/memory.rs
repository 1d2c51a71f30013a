//! Memory for the host to write an order into.

use std::alloc::{Layout, alloc as allocate, dealloc};
use std::slice;

/// `length` bytes; null where there are none.
#[unsafe(no_mangle)]
pub extern "C" fn alloc(length: usize) -> *mut u8 {
    match Layout::array::<u8>(length) {
        // SAFETY: the layout is not empty.
        Ok(layout) if length > 0 => unsafe { allocate(layout) },
        _ => std::ptr::null_mut(),
    }
}

/// Takes back what `alloc` gave.
///
/// # Safety
/// `pointer` and `length` are those of one `alloc`, and nobody uses them any more.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))] // on the host it would be libc's
pub unsafe extern "C" fn free(pointer: *mut u8, length: usize) {
    if let (false, Ok(layout)) = (pointer.is_null(), Layout::array::<u8>(length)) {
        // SAFETY: the caller's promise.
        unsafe { dealloc(pointer, layout) }
    }
}

/// The bytes that the host wrote; none where `length` is 0, wherever `pointer` points.
///
/// # Safety
/// The bytes are initialized, and nobody writes them while the result lives.
pub unsafe fn bytes<'a>(pointer: *const u8, length: usize) -> &'a [u8] {
    // SAFETY: the caller's promise; and `alloc(0)` is null, which no slice may be.
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
