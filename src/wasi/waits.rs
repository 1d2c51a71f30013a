//! Waits of calls that block. A wait is made in slices: the call ends after each with "not yet", without a borrow of
//! anything, and its caller makes it again unless wasm must stop.

use crate::store::wait_slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use wasi_common::Error;
use wasi_common::snapshots::preview_1::types::Errno;

/// The wait of the running call.
#[derive(Default)]
pub struct Waits {
    /// When the call began to wait
    begin: Mutex<Option<Instant>>,
    has_begun: AtomicBool,
    is_pending: AtomicBool,
}

impl Waits {
    /// When the running call began to wait: now, if it does so for the first time.
    pub fn begin(&self) -> Instant {
        self.has_begun.store(true, Ordering::Relaxed);
        *self.begin.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now)
    }

    /// When the running call began to wait; now, if it does not wait.
    pub fn frozen_now(&self) -> Instant {
        let begin = *self.begin.lock().unwrap_or_else(PoisonError::into_inner);
        begin.unwrap_or_else(Instant::now)
    }

    /// Ends the wait: the call is done.
    pub fn end(&self) {
        if self.has_begun.load(Ordering::Relaxed) {
            self.has_begun.store(false, Ordering::Relaxed);
            *self.begin.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// The error of a call whose wait goes on in another slice.
    pub fn not_yet(&self) -> Error {
        self.begin();
        self.is_pending.store(true, Ordering::Relaxed);
        Errno::Again.into()
    }

    /// Whether the call that has ended must be made again.
    pub fn take_pending(&self) -> bool {
        // Only the thread of the store writes it.
        let is_pending = self.is_pending.load(Ordering::Relaxed);
        if is_pending {
            self.is_pending.store(false, Ordering::Relaxed);
        }
        is_pending
    }

    /// Waits for `duration` in total, from the begin of the call.
    ///
    /// # Errors
    /// "Not yet".
    pub fn sleep(&self, duration: Duration) -> Result<(), Error> {
        let end = self.begin().checked_add(duration);
        let left = end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
        let slice = left.min(wait_slice());
        std::thread::sleep(slice);
        if slice < left { Err(self.not_yet()) } else { Ok(()) }
    }
}

/// Waits for one of these descriptors, for at most a slice and `timeout`. Writes their events; they have none if a signal
/// arrives.
#[cfg(unix)]
pub fn poll(descriptors: &mut [libc::pollfd], timeout: Option<Duration>) -> std::io::Result<()> {
    let timeout = timeout.unwrap_or(Duration::MAX).min(wait_slice());
    // In milliseconds, rounded up: a shorter wait would only be repeated.
    let timeout = i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
    let count = descriptors.len() as libc::nfds_t;
    // SAFETY: the system writes the events of `count` descriptors.
    if unsafe { libc::poll(descriptors.as_mut_ptr(), count, timeout) } >= 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    descriptors.iter_mut().for_each(|descriptor| descriptor.revents = 0);
    if error.kind() == std::io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }
}
