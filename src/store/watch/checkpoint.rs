//! Checkpoints: where a thread sees that wasm must not go on.

use crate::engine::CapturedStack;
use crate::error::{Error, ErrorKind, Trace};
use crate::store::trap::Thrown;
use crate::store::watch::clock;
use crate::store::watch::interrupts::has_calls;
use crate::store::watch::record::{LOOK, Request, STOP, ThreadRecord, WAKE, is_any_flagged};
use crate::store::watch::watchdog;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError};
use wasmer::sys::vm::raise_user_trap;

/// Runs JavaScript that does nothing, from the wasm stack. Fails if the thread is being terminated.
type Look = dyn Fn() -> Result<(), Thrown> + Send + Sync;

static LOOK_AT_V8: OnceLock<Box<Look>> = OnceLock::new();

/// Sets the function by which calls that last look at V8.
pub fn set_look(look: impl Fn() -> Result<(), Thrown> + Send + Sync + 'static) {
    LOOK_AT_V8.get_or_init(|| Box::new(look));
}

/// To be called before wasm begins, while the new call is not on the stack yet.
///
/// # Errors
/// `Timeout` or `Interrupted`, if the calls on the stack must end.
#[inline]
pub fn enter(record: &ThreadRecord) -> Result<(), Error> {
    if record.flags() == 0 { Ok(()) } else { enter_flagged(record) }
}

#[cold]
fn enter_flagged(record: &ThreadRecord) -> Result<(), Error> {
    let flags = record.take_flags();
    if flags & WAKE != 0 {
        watchdog::wake();
    }
    let stop = if flags & STOP != 0 { stop(record, || None) } else { None };
    stop.map_or(Ok(()), Err)
}

/// To be called on the wasm stack, before wasm goes on. Raises a trap if it must not.
///
/// # Safety
/// The record is that of this thread. Wasm is on the stack, and no frame above it has a value to drop.
#[inline]
pub unsafe fn checkpoint(record: &ThreadRecord) {
    if record.flags() != 0 {
        // SAFETY: by the contract of this function.
        unsafe { pause(record, 0) }
    }
}

/// `checkpoint` for this thread.
///
/// # Safety
/// As for `checkpoint`.
pub unsafe fn here() {
    // SAFETY: by the contract of this function.
    unsafe { checkpoint(ThreadRecord::of_thread()) }
}

/// `here` for instructions that take nanoseconds: cheaper while no thread has a flag. It comes before the instruction, which
/// can then be a tail call.
///
/// # Safety
/// As for `checkpoint`.
#[inline]
pub unsafe fn brief() {
    #[cold]
    #[inline(never)]
    unsafe fn flagged() {
        // SAFETY: by the contract of `brief`.
        unsafe { here() }
    }
    if is_any_flagged() {
        // SAFETY: by the contract of this function.
        unsafe { flagged() }
    }
}

/// The same once a flag is set. `interrupted` is the address of the instruction at which wasm was interrupted, 0 for none.
///
/// # Safety
/// As for `checkpoint`.
#[cold]
#[inline(never)]
pub unsafe fn pause(record: &ThreadRecord, interrupted: usize) {
    if let Err(thrown) = go_on(record, interrupted) {
        // SAFETY: by the contract of this function. `thrown` moves into the trap.
        unsafe { raise_user_trap(thrown) }
    }
}

fn go_on(record: &ThreadRecord, interrupted: usize) -> Result<(), Box<Thrown>> {
    let flags = record.take_flags();
    if flags & WAKE != 0 {
        watchdog::wake();
    }
    if flags & LOOK != 0 {
        // Flags that arrive meanwhile are for the next checkpoint, or for the next signal.
        look()?;
    }
    let trace = || Some(Arc::new(CapturedStack::here(interrupted)) as Arc<dyn Trace>);
    match stop(record, trace) {
        None => Ok(()),
        Some(error) => Err(Box::new(Thrown::error(error))),
    }
}

/// To be called by a host function that waits, between two slices of the wait: whether wasm must stop. Then the function
/// returns, and wasm comes to a checkpoint.
///
/// # Errors
/// The error that unwinds wasm while its thread is being terminated.
pub fn must_stop() -> Result<bool, Thrown> {
    let record = ThreadRecord::of_thread();
    if record.take_flags() & WAKE != 0 {
        watchdog::wake();
    }
    look().map_err(|thrown| *thrown)?;
    Ok(stop(record, || None).is_some())
}

fn look() -> Result<(), Box<Thrown>> {
    let Some(look) = LOOK_AT_V8.get() else { return Ok(()) };
    let result = catch_unwind(AssertUnwindSafe(look));
    result.unwrap_or_else(|_| Err(Thrown::error(Error::internal(&"a look at V8 panicked")))).map_err(Box::new)
}

/// Why the wasm on the stack must end, if it must. It must until the calls that are concerned have ended, so the flag stays
/// set.
fn stop(record: &ThreadRecord, trace: impl FnOnce() -> Option<Arc<dyn Trace>>) -> Option<Error> {
    let kind = if record.deadline.load(Ordering::Relaxed) <= clock::now() {
        let timeout = f64::from_bits(record.timeout.load(Ordering::Relaxed));
        ErrorKind::Timeout { timeout, trace: trace() }
    } else {
        let Request { reason, .. } = request(record)?;
        ErrorKind::Interrupted { reason, trace: trace() }
    };
    record.set_flags(STOP);
    Some(kind.into())
}

/// A request for a store with calls on the stack. Others came too late, and are dropped.
fn request(record: &ThreadRecord) -> Option<Request> {
    let mut requests = record.requests.lock().unwrap_or_else(PoisonError::into_inner);
    requests.retain(|request| has_calls(request.token));
    requests.first().cloned()
}
