//! The policy of a preopen: whether it may be written, and its limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasi_common::Error;
use wasi_common::snapshots::preview_1::types::Errno;

/// The policy of a preopen, shared by all that was opened through it.
pub struct Policy {
    is_read_only: bool,
    /// Bytes that may still be written; `u64::MAX` for any number
    bytes_left: AtomicU64,
    /// Files and folders that may still be opened; `u64::MAX` for any number
    files_left: AtomicU64,
}

/// An open file or folder: it counts until it is dropped.
pub struct Opened(Arc<Policy>);

impl Policy {
    /// A policy with limits; none for any number.
    pub fn new(is_read_only: bool, most_bytes: Option<u64>, most_files: Option<u64>) -> Arc<Self> {
        let [bytes_left, files_left] = [most_bytes, most_files].map(|most| AtomicU64::new(most.unwrap_or(u64::MAX)));
        Arc::new(Self { is_read_only, bytes_left, files_left })
    }

    /// Refuses a change if the preopen is read-only.
    ///
    /// # Errors
    /// `ROFS`.
    pub fn check_writable(&self) -> Result<(), Error> {
        if self.is_read_only { Err(Errno::Rofs.into()) } else { Ok(()) }
    }

    /// Whether the preopen is read-only.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Takes room for up to `wanted` bytes; returns how many there is room for.
    ///
    /// # Errors
    /// `NOSPC` if there is no room at all.
    pub fn take_bytes(&self, wanted: u64) -> Result<u64, Error> {
        let left = self.bytes_left.load(Ordering::Relaxed);
        if left == u64::MAX {
            return Ok(wanted);
        }
        if left == 0 && wanted > 0 {
            return Err(Errno::Nospc.into());
        }
        let taken = wanted.min(left);
        // Only the thread of the store writes it.
        self.bytes_left.store(left - taken, Ordering::Relaxed);
        Ok(taken)
    }

    /// Gives back room that was taken and not used.
    pub fn give_back(&self, bytes: u64) {
        let left = self.bytes_left.load(Ordering::Relaxed);
        if left != u64::MAX {
            self.bytes_left.store(left.saturating_add(bytes), Ordering::Relaxed);
        }
    }

    /// Counts one more open file or folder.
    ///
    /// # Errors
    /// `MFILE` if there may be no more.
    pub fn open(self: &Arc<Self>) -> Result<Opened, Error> {
        let left = self.files_left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(Errno::Mfile.into());
        }
        if left != u64::MAX {
            self.files_left.store(left - 1, Ordering::Relaxed);
        }
        Ok(Opened(self.clone()))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let left = self.0.files_left.load(Ordering::Relaxed);
        if left != u64::MAX {
            self.0.files_left.store(left + 1, Ordering::Relaxed);
        }
    }
}
