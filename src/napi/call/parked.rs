//! Parked calls that have to end: JavaScript was terminated, or the environment ends.

use crate::napi::call::scope::CallScope;
use crate::napi::convert::exported::ExportedFunction;
use crate::napi::env::parked_calls::{Parked, ParkedCalls};
use std::rc::Rc;

/// Ends the calls that JavaScript has left without resuming them, as it does if it is terminated. `here` is the position of the
/// running callback: an address of its `info`, or a lower one.
#[inline(always)]
pub fn end_abandoned(calls: &ParkedCalls, here: usize) {
    if calls.len() > 0 {
        end_each_abandoned(calls, here);
    }
}

#[inline(never)] // most calls begin while none is parked
fn end_each_abandoned(calls: &ParkedCalls, here: usize) {
    while let Some(parked) = calls.pop_abandoned(here) {
        abandon(parked);
    }
}

/// An address on the host's stack.
#[inline]
pub fn here() -> usize {
    let marker = 0_u8;
    (&raw const marker).addr()
}

/// Ends all calls but the `count` outermost ones.
#[inline]
pub fn end_above(calls: &ParkedCalls, count: usize) {
    while calls.len() > count {
        calls.pop().into_iter().for_each(abandon);
    }
}

/// Ends all calls above the one with this number.
#[cold]
pub fn end_above_number(calls: &ParkedCalls, number: u32) {
    while let Some(parked) = calls.pop_above(number) {
        abandon(parked);
    }
}

/// Ends a parked call that nothing will resume. Runs no JavaScript.
#[cold]
fn abandon(parked: Parked) {
    // SAFETY: `park` in resume.rs has leaked this count of the data.
    let function = unsafe { Rc::from_raw(parked.function.cast::<ExportedFunction>()) };
    let scope = CallScope::resume(&function.context, parked.enclosing);
    function.context.store.abandon(parked.number, parked.scope);
    scope.end_without_collection();
}
