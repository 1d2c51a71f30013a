//! Returning memory of dropped modules from the allocator to the system.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of code dropped since the last trim.
static GONE: AtomicUsize = AtomicUsize::new(0);

/// Bytes that an ended thread leaves to the allocator, about: its own, and those of its compiles.
const OF_THREAD: usize = 2 << 20;

/// Bytes from which a trim is worth its milliseconds.
const MUCH: usize = 32 << 20;

/// Counts dropped code, in bytes.
pub(in crate::engine) fn note_gone(bytes: usize) {
    GONE.fetch_add(bytes, Ordering::Relaxed);
}

/// Counts a thread of JavaScript that has ended.
pub fn note_end_of_thread() {
    note_gone(OF_THREAD);
    trim();
}

/// Trims, if much code has been dropped since the last time. A compiled module is many small allocations: after it
/// drops, the allocator returns none of their pages by itself.
pub fn trim() {
    if GONE.load(Ordering::Relaxed) >= MUCH {
        trim_all();
    }
}

/// Returns all free memory to the system.
pub fn trim_all() {
    GONE.store(0, Ordering::Relaxed);
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` has no preconditions, and locks the arenas that it visits.
    unsafe {
        libc::malloc_trim(0);
    }
}
