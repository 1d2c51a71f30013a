//! JavaScript exceptions: pending in the environment, or taken out of it.

use crate::napi::env::reference::StrongReference;
use crate::napi::env::value::{JsEnv, Value};
use napi::sys;
use std::ffi::CStr;
use std::fmt;
use std::ptr;

/// Marks that a JavaScript exception is pending in the environment: the next return to JavaScript throws it.
#[derive(Debug)]
pub struct PendingException;

/// A thrown JavaScript value that is no longer pending, as while it unwinds wasm.
pub struct ThrownValue {
    /// An array that holds the value, since N-API has no references to primitives; none while the environment is torn
    /// down
    holder: Option<StrongReference>,
}

// SAFETY: an exception is created, thrown and dropped on the thread of its environment. The engine's trap type requires
// the marker, but a trap never leaves the thread on which it was raised.
unsafe impl Send for ThrownValue {}
// SAFETY: as for `Send`.
unsafe impl Sync for ThrownValue {}

impl JsEnv<'_> {
    /// Throws a value: it is pending from then on.
    pub fn throw(self, value: Value<'_>) {
        // SAFETY: see `JsEnv`.
        unsafe { sys::napi_throw(self.raw(), value.raw()) };
    }

    /// Throws a plain `Error`, where there is no store that has the functions of `lib/`.
    pub fn throw_error(self, code: &CStr, message: &CStr) {
        // SAFETY: see `JsEnv`; both end with a NUL.
        unsafe { sys::napi_throw_error(self.raw(), code.as_ptr(), message.as_ptr()) };
    }

    /// Whether an exception is pending. N-API refuses most calls while one is.
    pub fn is_exception_pending(self) -> bool {
        let mut pending = false;
        // SAFETY: see `JsEnv`.
        unsafe { sys::napi_is_exception_pending(self.raw(), &mut pending) };
        pending
    }
}

impl ThrownValue {
    /// Takes the pending exception.
    pub fn take(env: JsEnv<'_>) -> Self {
        let mut value = ptr::null_mut();
        // SAFETY: see `JsEnv`. While the environment is torn down this fails, and the handle stays null.
        let value = unsafe {
            sys::napi_get_and_clear_last_exception(env.raw(), &mut value);
            env.value(value)
        };
        value.map_or(Self { holder: None }, |value| Self::new(env, value))
    }

    /// A value that was thrown and caught.
    pub fn new(env: JsEnv<'_>, value: Value<'_>) -> Self {
        let holder = env.array_of(1);
        let is_held = env.set_element(holder, 0, value);
        Self { holder: is_held.then(|| StrongReference::new(env, holder)) }
    }

    /// The value; none while the environment is torn down.
    pub fn value<'a>(&self, env: JsEnv<'a>) -> Option<Value<'a>> {
        env.find_element(self.holder.as_ref()?.get(env), 0)
    }

    /// Throws the value again.
    pub fn throw(&self, env: JsEnv<'_>) {
        if let Some(value) = self.value(env) {
            env.throw(value);
        }
    }
}

impl fmt::Debug for ThrownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ThrownValue")
    }
}

impl fmt::Display for ThrownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JavaScript exception")
    }
}

impl std::error::Error for ThrownValue {}
