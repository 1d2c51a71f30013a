//! The N-API baseline: functions that measure the cost of N-API itself, for `bench/` to compare with.

use napi::bindgen_prelude::{Function, JsValue, Unknown};
use napi::sys;
use napi_derive::napi;
use std::ffi::c_void;
use std::ptr;

/// Reads two integers and returns the first.
unsafe extern "C" fn first(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut count, mut arguments, mut value) = (2, [ptr::null_mut(); 2], ptr::null_mut());
    let (mut one, mut other) = (0, 0);
    // SAFETY: plain N-API calls; `arguments` has room for `count` values, and N-API fills missing ones with undefined.
    unsafe {
        sys::napi_get_cb_info(env, info, &mut count, arguments.as_mut_ptr(), ptr::null_mut(), ptr::null_mut());
        sys::napi_get_value_int32(env, arguments[0], &mut one);
        sys::napi_get_value_int32(env, arguments[1], &mut other);
        sys::napi_create_int32(env, one, &mut value);
    }
    value
}

/// A bare function of type `(i32, i32) -> i32`.
#[napi]
pub fn bare_function(env: napi::Env) -> Unknown<'static> {
    let mut value = ptr::null_mut();
    // SAFETY: a plain N-API call; the function has no data.
    unsafe {
        sys::napi_create_function(env.raw(), ptr::null(), 0, Some(first), ptr::null_mut::<c_void>(), &mut value);
        Unknown::from_raw_unchecked(env.raw(), value)
    }
}

/// Calls a function of type `(i32) -> i32` `calls` times, each in its own handle scope.
#[napi]
pub fn bare_calls(env: napi::Env, callee: Function<'_, Unknown<'_>, Unknown<'_>>, calls: u32) {
    let env = env.raw();
    for call in 0..calls {
        let (mut scope, mut argument, mut receiver, mut result, mut number) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), 0);
        // SAFETY: plain N-API calls on the thread of the environment.
        unsafe {
            sys::napi_open_handle_scope(env, &mut scope);
            sys::napi_create_int32(env, call.cast_signed(), &mut argument);
            sys::napi_get_undefined(env, &mut receiver);
            sys::napi_call_function(env, receiver, callee.raw(), 1, &argument, &mut result);
            sys::napi_get_value_int32(env, result, &mut number);
            sys::napi_close_handle_scope(env, scope);
        }
    }
}
