//! The errors of cold calls: refusals, from which `lib/` builds JavaScript errors, and panics as errors.

use crate::error::{Error, ErrorKind};
use crate::napi::env::exception::PendingException;
use napi::bindgen_prelude::{JsValue, Unknown};
use napi::{Env, JsError};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The error of a cold call. `lib/errors.js` recognizes it by its code and builds the error that is thrown.
pub type NativeError = napi::Error<&'static str>;

const NATIVE: &str = "ERR_RELINK_NATIVE";

/// Converts an error to one that `lib/` rebuilds, with its data as JSON.
#[cold]
pub fn refuse(error: Error) -> NativeError {
    NativeError::new(NATIVE, error.to_json(usize::MAX))
}

impl From<PendingException> for NativeError {
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
pub fn guard<T>(run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// `guard` for a cold call.
pub fn guarded<T>(run: impl FnOnce() -> Result<T, Error>) -> Result<T, NativeError> {
    guard(run).map_err(refuse)
}

/// The rejection of a task's promise. It wraps the error object, since a task's `napi::Error` has no code of its own.
pub fn rejection(env: Env, error: Error) -> napi::Error {
    let refusal: NativeError = refuse(error);
    let object: Unknown<'_> = JsError::from(refusal).into_unknown(env);
    debug_assert!(!object.raw().is_null());
    napi::Error::from(object)
}
