//! In the place of `signal.rs` where wasm cannot be interrupted.

use crate::store::watch::record::ThreadRecord;

/// Whether this platform has interruption.
pub const AVAILABLE: bool = false;

/// Does nothing: there is no watchdog.
pub fn send(_: &ThreadRecord) {}
