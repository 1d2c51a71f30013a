//! The functions of deadlines and interrupts.

use crate::error::ErrorKind;
use crate::napi::api::native_store::NativeStore;
use crate::napi::env::throw::{NativeError, refuse};
use crate::napi::env::value::{JsEnv, Value};
use crate::store::{Deadline, HAS_INTERRUPTION, HAS_SUSPENSION, Timeout};
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

/// Whether this platform has deadlines and interrupts.
#[napi]
pub fn has_interruption() -> bool {
    HAS_INTERRUPTION
}

/// Whether this platform has calls that an import may suspend.
#[napi]
pub fn has_suspension() -> bool {
    HAS_SUSPENSION
}

/// Calls `block` without arguments, and returns its result. All wasm that runs meanwhile has a deadline, in
/// `milliseconds` from now.
#[napi(catch_unwind)]
pub fn with_timeout<'a>(env: &'a Env, milliseconds: f64, block: Unknown<'a>) -> Result<Unknown<'a>, NativeError> {
    let _deadline = Deadline::of_thread(Timeout::new(milliseconds)).map_err(refuse)?;
    let env = JsEnv::of(env);
    Ok(env.to_unknown(env.call(Value::of(&block), &[])?))
}

/// Ends the calls that run in a store, of any thread, by the token of `interruptToken`. `reason` is for `lib/` on that thread.
/// Returns whether the store still exists.
#[napi(catch_unwind)]
pub fn interrupt(token: String, reason: String) -> bool {
    u128::from_str_radix(&token, 16).is_ok_and(|token| crate::store::interrupt(token, reason))
}

#[napi]
impl NativeStore {
    /// The token by which `interrupt` finds the store: hexadecimal, and random, so that it cannot be guessed.
    #[napi(catch_unwind)]
    pub fn interrupt_token(&self) -> Result<String, NativeError> {
        self.check_open()?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            let message = format!("internal error: the system gives no random bytes: {error}");
            refuse(ErrorKind::Internal { message }.into())
        })?;
        Ok(format!("{:032x}", self.context.store.interrupt_token(|| u128::from_le_bytes(random))))
    }
}
