//! The number of memory growths in this process.

use std::sync::atomic::{AtomicU32, Ordering};

/// Not a thread-local: in a library that is loaded late, access to one costs a call.
static GROWTHS: AtomicU32 = AtomicU32::new(0);

/// Number of memory growths so far: while it stays the same, no memory has grown.
#[inline]
pub fn memory_growths() -> u32 {
    GROWTHS.load(Ordering::Relaxed)
}

/// Counts a growth of a memory.
pub(in crate::engine) fn note_growth() {
    GROWTHS.fetch_add(1, Ordering::Relaxed);
}
