//! The clock of deadlines.

/// A time that never comes.
pub const NEVER: u64 = u64::MAX;

/// Nanoseconds of a clock that never goes back. Makes no system call where the system maps its clock into the process.
#[cfg(unix)]
#[inline]
pub fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call only writes to `time`.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Nanoseconds of a clock that never goes back.
#[cfg(not(unix))]
pub fn now() -> u64 {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}
