//! Faults on stacks that are not wasmer's, where they are not handled: there are no suspendable calls.

use crate::store::watch::record::ThreadRecord;
use std::ffi::c_void;
use std::ops::Range;

/// # Safety
/// None.
#[cfg(unix)]
pub unsafe fn handle(
    _stack: &Range<usize>,
    _entered: usize,
    _record: &ThreadRecord,
    _lend: impl FnOnce(usize) -> bool,
    _info: *const libc::siginfo_t,
    _context: *const c_void,
) -> bool {
    false
}
