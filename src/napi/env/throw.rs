//! Errors and exceptions: what native code throws at JavaScript, and JavaScript exceptions on their way through wasm.

use crate::error::{Error, ErrorKind};
use crate::napi::env::context::Context;
use crate::store::Failure;
use napi::bindgen_prelude::{JsValue, Unknown};
use napi::{Env, JsError, sys};
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

/// The error of a cold call. `lib/errors.js` recognizes it by its code and builds the error that is thrown.
pub type Refusal = napi::Error<&'static str>;

/// The result of a cold call.
pub type Result<T, E = Refusal> = std::result::Result<T, E>;

const NATIVE: &str = "ERR_RELINK_NATIVE";

/// Marks that a JavaScript exception is pending in the environment: the next return to JavaScript throws it.
#[derive(Debug)]
pub struct PendingException;

/// Converts an error to one that `lib/` rebuilds, with its data as JSON.
#[cold]
pub fn refuse(error: Error) -> Refusal {
    Refusal::new(NATIVE, error.to_json(usize::MAX))
}

impl From<PendingException> for Refusal {
    fn from(_: PendingException) -> Self {
        // With this status, napi-rs leaves the pending exception as it is.
        Self::new("PendingException", String::new())
    }
}

/// Makes an `Internal` error of a panic's message.
pub fn panicked(panic: &(dyn Any + Send)) -> Error {
    let says = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
    let message = format!("internal error: {}", says.unwrap_or("a panic without a message"));
    ErrorKind::Internal { message }.into()
}

/// Runs code and converts a panic to an error.
pub fn guard<T>(run: impl FnOnce() -> std::result::Result<T, Error>) -> std::result::Result<T, Error> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// `guard` for a cold call.
pub fn guarded<T>(run: impl FnOnce() -> std::result::Result<T, Error>) -> Result<T> {
    guard(run).map_err(refuse)
}

/// A thrown JavaScript value while it unwinds wasm.
pub struct Exception {
    env: sys::napi_env,
    /// Reference to an array that holds the value, since N-API has no references to primitives; may be null
    holder: sys::napi_ref,
}

// SAFETY: an exception is created, thrown and dropped on the thread of its environment. The engine's trap type requires
// the marker, but a trap never leaves the thread on which it was raised.
unsafe impl Send for Exception {}
// SAFETY: as for `Send`.
unsafe impl Sync for Exception {}

impl Exception {
    /// Takes the pending exception of `env`.
    ///
    /// # Safety
    /// This is the thread of `env`.
    pub unsafe fn take(env: sys::napi_env) -> Self {
        let (mut value, mut array, mut holder) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: plain N-API calls on the thread of `env`. During its teardown they fail, and `holder` stays null.
        unsafe {
            sys::napi_get_and_clear_last_exception(env, &mut value);
            sys::napi_create_array_with_length(env, 1, &mut array);
            if sys::napi_set_element(env, array, 0, value) == sys::Status::napi_ok {
                sys::napi_create_reference(env, array, 1, &mut holder);
            }
        }
        Self { env, holder }
    }

    /// The value; none while the environment is torn down.
    pub fn value(&self, env: sys::napi_env) -> Option<sys::napi_value> {
        let (mut array, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: plain N-API calls on the thread of `env`; only `drop` deletes the reference.
        let found = unsafe {
            !self.holder.is_null()
                && sys::napi_get_reference_value(env, self.holder, &mut array) == sys::Status::napi_ok
                && sys::napi_get_element(env, array, 0, &mut value) == sys::Status::napi_ok
        };
        found.then_some(value)
    }

    /// Rethrows the value.
    pub fn throw(&self) {
        if let Some(value) = self.value(self.env) {
            // SAFETY: a plain N-API call on the thread of the environment.
            unsafe { sys::napi_throw(self.env, value) };
        }
    }
}

impl Drop for Exception {
    fn drop(&mut self) {
        if !self.holder.is_null() {
            // SAFETY: only this deletes the reference, and this is its thread.
            unsafe { sys::napi_delete_reference(self.env, self.holder) };
        }
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exception")
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JavaScript exception")
    }
}

impl std::error::Error for Exception {}

impl Context {
    /// Throws the JavaScript error that `lib/` builds of `error`.
    #[cold]
    pub fn throw(&self, error: &Error) -> PendingException {
        let env = self.env;
        let json = error.to_json(self.most_frames());
        let (mut text, mut built, mut receiver) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: plain N-API calls on the thread of `env`. If `lib/` itself throws, its exception is the pending one.
        unsafe {
            sys::napi_create_string_utf8(env, json.as_ptr().cast(), json.len() as isize, &mut text);
            sys::napi_get_undefined(env, &mut receiver);
            let build = self.host.error.get(env);
            if sys::napi_call_function(env, receiver, build, 1, &text, &mut built) == sys::Status::napi_ok {
                sys::napi_throw(env, built);
            }
        }
        PendingException
    }

    /// Takes the pending exception, as the failure of a call into wasm.
    #[cold]
    pub fn failure(&self, PendingException: PendingException) -> Failure {
        // SAFETY: this is the thread of the environment.
        Failure::Thrown(Box::new(unsafe { Exception::take(self.env) }))
    }

    /// Whether a `FinalizationRegistry` callback is running.
    pub fn in_finalizer(&self) -> bool {
        let (mut receiver, mut result, mut answer) = (ptr::null_mut(), ptr::null_mut(), false);
        // SAFETY: plain N-API calls on the thread of the environment.
        unsafe {
            sys::napi_get_undefined(self.env, &mut receiver);
            let function = self.host.in_finalizer.get(self.env);
            let status = sys::napi_call_function(self.env, receiver, function, 0, ptr::null(), &mut result);
            if status == sys::Status::napi_ok {
                sys::napi_get_value_bool(self.env, result, &mut answer);
            }
        }
        answer
    }

    /// `Error.stackTraceLimit`, in frames.
    fn most_frames(&self) -> usize {
        let (mut receiver, mut value, mut most) = (ptr::null_mut(), ptr::null_mut(), 0.0);
        // SAFETY: plain N-API calls on the thread of the environment. Where JavaScript cannot run, it stays 0.
        unsafe {
            sys::napi_get_undefined(self.env, &mut receiver);
            let ask = self.host.stack_trace_limit.get(self.env);
            if sys::napi_call_function(self.env, receiver, ask, 0, ptr::null(), &mut value) == sys::Status::napi_ok {
                sys::napi_get_value_double(self.env, value, &mut most);
            }
        }
        most as usize
    }

    /// Converts the failure of a cold call. A JavaScript exception is thrown unchanged, other errors go through `lib/`.
    #[cold]
    pub fn refuse_failure(self: &Rc<Self>, failure: Failure) -> Refusal {
        match failure {
            Failure::Error(error) => refuse(error),
            thrown => self.throw_failure(thrown).into(),
        }
    }

    /// Throws the failure of a call. A JavaScript exception is thrown unchanged.
    #[cold]
    pub fn throw_failure(self: &Rc<Self>, failure: Failure) -> PendingException {
        match failure {
            Failure::Error(error) => self.throw(&error),
            Failure::Exception(exception) => self.throw_exception(exception),
            Failure::Thrown(thrown) => match thrown.downcast::<Exception>() {
                Ok(exception) => {
                    exception.throw();
                    PendingException
                }
                Err(other) => match other.downcast::<Error>() {
                    Ok(error) => self.throw(&error),
                    Err(other) => self.throw(&ErrorKind::Internal { message: other.to_string() }.into()),
                },
            },
        }
    }
}

/// The rejection of a task's promise. It wraps the error object, since a task's `napi::Error` has no code of its own.
pub fn rejection(env: Env, error: Error) -> napi::Error {
    let refusal: Refusal = refuse(error);
    let object: Unknown<'_> = JsError::from(refusal).into_unknown(env);
    debug_assert!(!object.raw().is_null());
    napi::Error::from(object)
}
