//! External memory: memory that V8 does not see, reported to it so that it collects the objects that hold it sooner.

use crate::napi::env::value::JsEnv;
use napi::sys;

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
        env.adjust_external_memory(bytes);
        Self { env: env.raw(), bytes }
    }
}

impl Drop for ExternalMemory {
    fn drop(&mut self) {
        // SAFETY: `report` got the environment from a `JsEnv` of this thread. No handle is made.
        unsafe { JsEnv::from_raw(self.env) }.adjust_external_memory(-self.bytes);
    }
}
