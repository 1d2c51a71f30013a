//! Giving memory back to the system, that compiled modules have left in the allocator.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes of code that has gone since memory was last given back.
static GONE: AtomicUsize = AtomicUsize::new(0);

/// So much is worth the milliseconds that it takes.
const MUCH: usize = 32 << 20;

/// Notes that code of so many bytes goes.
pub(in crate::engine) fn note_gone(bytes: usize) {
    GONE.fetch_add(bytes, Ordering::Relaxed);
}

/// Gives memory back, if much code has gone since the last time. A compiled module is many small allocations, between
/// which an allocator finds no whole pages by itself.
pub fn trim() {
    if GONE.load(Ordering::Relaxed) >= MUCH {
        trim_all();
    }
}

/// Gives back all the memory that there is to give.
pub fn trim_all() {
    GONE.store(0, Ordering::Relaxed);
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it has no preconditions, and locks what it looks at.
    unsafe {
        libc::malloc_trim(0);
    }
}
