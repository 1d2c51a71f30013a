//! Interrupts: requests from any thread to end the calls of a store.

use crate::store::watch::record::{Request, STOP, ThreadRecord};
use crate::store::watch::watchdog;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// A store that can be interrupted.
#[derive(Clone, Copy)]
struct Target {
    record: &'static ThreadRecord,
    store: u64,
}

/// The targets by their tokens, which are not guessed.
static TARGETS: LazyLock<Mutex<HashMap<u128, Target>>> = LazyLock::new(Mutex::default);

fn targets() -> MutexGuard<'static, HashMap<u128, Target>> {
    TARGETS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets `interrupt` find a store of this thread by `token`.
pub(in crate::store) fn add(token: u128, store: u64) {
    let record = ThreadRecord::of_thread();
    record.is_interruptible.store(true, Ordering::Relaxed);
    targets().insert(token, Target { record, store });
}

/// Forgets a store.
pub(in crate::store) fn remove(token: u128) {
    targets().remove(&token);
}

/// Ends the calls that run in the store of `token`. Returns whether that store still exists.
pub fn interrupt(token: u128, reason: String) -> bool {
    let targets = targets();
    let Some(Target { record, store }) = targets.get(&token).copied() else { return false };
    let mut requests = record.requests.lock().unwrap_or_else(PoisonError::into_inner);
    // The first reason holds.
    if requests.iter().all(|request| request.store != store) {
        requests.push(Request { store, reason });
    }
    drop(requests);
    record.set_flags(STOP);
    watchdog::call();
    true
}
