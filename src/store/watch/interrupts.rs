//! Interrupts: requests from any thread to end the calls of a store.

use crate::store::watch::record::{Request, STOP, ThreadRecord};
use crate::store::watch::watchdog;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// The threads of the stores that can be interrupted, by the stores' tokens, which cannot be guessed.
static THREADS: LazyLock<Mutex<HashMap<u128, &'static ThreadRecord>>> = LazyLock::new(Mutex::default);

thread_local! {
    /// Number of calls on the stack of each store of this thread that has a token
    static CALLS: RefCell<HashMap<u128, Rc<Cell<u32>>>> = RefCell::default();
}

fn threads() -> MutexGuard<'static, HashMap<u128, &'static ThreadRecord>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets `interrupt` find a store of this thread by `token`. `calls` is the number of its calls on the stack.
pub(in crate::store) fn add(token: u128, calls: Rc<Cell<u32>>) {
    let record = ThreadRecord::of_thread();
    record.is_interruptible.store(true, Ordering::Relaxed);
    CALLS.with_borrow_mut(|all| all.insert(token, calls));
    threads().insert(token, record);
}

/// Forgets a store.
pub(in crate::store) fn remove(token: u128) {
    threads().remove(&token);
    // At the end of the thread, the map may be gone already.
    let _ = CALLS.try_with(|all| all.borrow_mut().remove(&token));
}

/// Whether the store of `token` has calls on the stack of this thread.
pub(in crate::store) fn has_calls(token: u128) -> bool {
    CALLS.with_borrow(|all| all.get(&token).is_some_and(|calls| calls.get() > 0))
}

/// Ends the calls that run in the store of `token`. Returns whether that store still exists.
pub fn interrupt(token: u128, reason: String) -> bool {
    // Locked meanwhile, so that the thread does not end, and another one gets its record.
    let threads = threads();
    let Some(record) = threads.get(&token) else { return false };
    let mut requests = record.requests.lock().unwrap_or_else(PoisonError::into_inner);
    // The first reason holds.
    if requests.iter().all(|request| request.token != token) {
        requests.push(Request { token, reason });
    }
    drop(requests);
    record.set_flags(STOP);
    watchdog::call();
    true
}
