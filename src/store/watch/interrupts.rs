//! Interrupts: requests from any thread to end the calls of a store.

use crate::store::watch::record::{Request, STOP, ThreadRecord, WatchedStore};
use crate::store::watch::watchdog;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// A store that can be interrupted.
#[derive(Clone)]
struct Target {
    record: &'static ThreadRecord,
    /// See `Request::calls`
    calls: Arc<AtomicU32>,
}

/// The targets by their tokens, which are not guessed.
static TARGETS: LazyLock<Mutex<HashMap<u128, Target>>> = LazyLock::new(Mutex::default);

fn targets() -> MutexGuard<'static, HashMap<u128, Target>> {
    TARGETS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets `interrupt` find a store of this thread by `token`.
pub(in crate::store) fn add(token: u128, store: &WatchedStore) {
    let record = ThreadRecord::of_thread();
    record.is_interruptible.store(true, Ordering::Relaxed);
    targets().insert(token, Target { record, calls: store.calls.clone() });
}

/// Forgets a store.
pub(in crate::store) fn remove(token: u128) {
    targets().remove(&token);
}

/// Ends the calls that run in the store of `token`. Returns whether that store still exists.
pub fn interrupt(token: u128, reason: String) -> bool {
    let targets = targets();
    let Some(Target { record, calls }) = targets.get(&token).cloned() else { return false };
    let mut requests = record.requests.lock().unwrap_or_else(PoisonError::into_inner);
    // The first reason holds.
    if !requests.iter().any(|request| Arc::ptr_eq(&request.calls, &calls)) {
        requests.push(Request { calls, reason });
    }
    drop(requests);
    record.set_flags(STOP);
    watchdog::call();
    true
}
