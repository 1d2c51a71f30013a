//! The N-API baseline: functions that measure the cost of N-API itself, for `bench/` to compare with.

use crate::napi::env::function::CallInfo;
use crate::napi::env::value::{JsEnv, Value};
use napi::bindgen_prelude::{Function, Unknown};
use napi::{Env, sys};
use napi_derive::napi;
use std::ptr;

/// Reads two integers and returns the first.
///
/// # Safety
/// N-API calls this.
unsafe extern "C" fn first(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: by the contract of this function.
    let info = unsafe { CallInfo::new(env, info) };
    let (env, ([one, other], _)) = (info.env(), info.arguments::<2>());
    let one = env.get_int32(one).unwrap_or_default();
    env.get_int32(other);
    env.int32(one).raw()
}

/// A baseline function of type `(i32, i32) -> i32`.
#[napi]
pub fn bare_function(env: &Env) -> Unknown<'_> {
    let env = JsEnv::of(env);
    // SAFETY: the callback uses no data.
    let function = unsafe { env.function("", first, ptr::null_mut()) };
    env.to_unknown(function)
}

/// Calls a function of type `(i32) -> i32` `calls` times, each in its own handle scope.
#[napi]
pub fn bare_calls(env: &Env, callee: Function<'_, Unknown<'_>, Unknown<'_>>, calls: u32) {
    let (env, callee) = (JsEnv::of(env), Value::of(&callee));
    for call in 0..calls {
        let scope = env.open_scope();
        let env = scope.env();
        if let Ok(result) = env.call(callee, &[env.int32(call.cast_signed())]) {
            env.get_int32(result);
        }
    }
}
