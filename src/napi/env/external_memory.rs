//! External memory: memory that V8 does not see, reported to it so that it collects the objects that hold it sooner.

use crate::engine::has_headroom;
use crate::napi::env::value::JsEnv;
use napi::sys;
use std::cell::Cell;

thread_local! {
    /// Bytes that this thread has not reported for want of headroom
    static WITHHELD: Cell<i64> = const { Cell::new(0) };
}

/// Reports a change in bytes. Reported growth may start a collection, and V8 ends the process if that cannot map pages.
/// So without headroom, growth is reported later.
pub fn report_change(env: JsEnv<'_>, change: i64) {
    let change = change.saturating_add(WITHHELD.get());
    let is_withheld = change > 0 && !has_headroom();
    WITHHELD.set(if is_withheld { change } else { 0 });
    if !is_withheld {
        env.adjust_external_memory(change);
    }
}

/// A report of external memory, taken back when this is dropped. It holds a raw pointer, so it stays on the thread of its
/// environment.
pub struct ExternalMemory {
    env: sys::napi_env,
    bytes: i64,
}

impl ExternalMemory {
    /// Reports `bytes` to V8.
    pub fn report(env: JsEnv<'_>, bytes: u64) -> Self {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        report_change(env, bytes);
        Self { env: env.raw(), bytes }
    }
}

impl Drop for ExternalMemory {
    fn drop(&mut self) {
        // SAFETY: `report` got the environment from a `JsEnv` of this thread. No handle is made.
        report_change(unsafe { JsEnv::from_raw(self.env) }, -self.bytes);
    }
}
