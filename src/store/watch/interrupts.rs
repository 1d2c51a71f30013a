//! Interrupts: requests from any thread to end the calls of a store.

use crate::store::watch::record::{Request, STOP, ThreadRecord};
use crate::store::watch::watchdog;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// The stores that can be interrupted, by their tokens, which cannot be guessed.
static TARGETS: LazyLock<Mutex<HashMap<u128, Target>>> = LazyLock::new(Mutex::default);

/// A store that can be interrupted.
struct Target {
    /// Its thread
    record: &'static ThreadRecord,
    /// How often it was interrupted, and the last reason: for its suspended calls
    count: u64,
    reason: String,
}

thread_local! {
    /// Number of calls on the stack of each store of this thread that has a token
    static CALLS: RefCell<HashMap<u128, Rc<Cell<u32>>>> = RefCell::default();
}

fn targets() -> MutexGuard<'static, HashMap<u128, Target>> {
    TARGETS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets `interrupt` find a store of this thread by `token`. `calls` is the number of its calls on the stack.
pub(in crate::store) fn add(token: u128, calls: Rc<Cell<u32>>) {
    let record = ThreadRecord::of_thread();
    record.is_interruptible.store(true, Ordering::Relaxed);
    CALLS.with_borrow_mut(|all| all.insert(token, calls));
    targets().insert(token, Target { record, count: 0, reason: String::new() });
}

/// Forgets a store.
pub(in crate::store) fn remove(token: u128) {
    targets().remove(&token);
    // At the end of the thread, the map may be gone already.
    let _ = CALLS.try_with(|all| all.borrow_mut().remove(&token));
}

/// Whether the store of `token` has calls on the stack of this thread.
pub(in crate::store) fn has_calls(token: u128) -> bool {
    CALLS.with_borrow(|all| all.get(&token).is_some_and(|calls| calls.get() > 0))
}

/// How often the store of `token` was interrupted.
pub(in crate::store) fn count(token: u128) -> u64 {
    targets().get(&token).map_or(0, |target| target.count)
}

/// Ends the calls on the stack of the store of `token`, which is of this thread, if it was interrupted since its `count` was
/// this: for a suspended call that goes on. Returns whether it was.
pub(in crate::store) fn repeat(token: u128, count: u64) -> bool {
    let targets = targets();
    let Some(target) = targets.get(&token).filter(|target| target.count > count) else { return false };
    target.request(token, target.reason.clone());
    true
}

/// Ends the calls that run in the store of `token`, and those that are suspended, when they go on. Returns whether that store
/// still exists.
pub fn interrupt(token: u128, reason: String) -> bool {
    // Locked meanwhile, so that the thread does not end, and another one gets its record.
    let mut targets = targets();
    let Some(target) = targets.get_mut(&token) else { return false };
    target.count += 1;
    target.reason.clone_from(&reason);
    target.request(token, reason);
    true
}

impl Target {
    fn request(&self, token: u128, reason: String) {
        let mut requests = self.record.requests.lock().unwrap_or_else(PoisonError::into_inner);
        // The first reason holds.
        if requests.iter().all(|request| request.token != token) {
            requests.push(Request { token, reason });
        }
        drop(requests);
        self.record.set_flags(STOP);
        watchdog::call();
    }
}
