//! The external memory that is reported to V8, which collects sooner the more there is.

use crate::engine::has_headroom;
use napi::sys;
use std::cell::Cell;

thread_local! {
    /// Bytes that this thread has not reported for want of headroom
    static WITHHELD: Cell<i64> = const { Cell::new(0) };
}

/// Reports a change in bytes. A report of more may make V8 collect at once, and V8 ends the process if it cannot map
/// the pages that this takes: without headroom, the bytes are withheld until a later report.
pub fn report_external_memory(env: sys::napi_env, change: i64) {
    let change = change.saturating_add(WITHHELD.get());
    let is_withheld = change > 0 && !has_headroom();
    WITHHELD.set(if is_withheld { change } else { 0 });
    if !is_withheld {
        let mut total = 0;
        // SAFETY: a plain N-API call on the thread of the environment.
        unsafe { sys::napi_adjust_external_memory(env, change, &mut total) };
    }
}
