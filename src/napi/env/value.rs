//! JavaScript values as safe handles, and the N-API calls that make and read them.

use napi::bindgen_prelude::{JsValue, Unknown};
use napi::sys;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

/// A JavaScript environment, on its thread, for as long as the handles that are made in it may be used.
///
/// Invariants, on which the SAFETY reasons in this room rest: a `JsEnv` exists only on the thread of its environment, and
/// a `Value` is a handle of the environment of that thread in a scope that is open. Both hold raw pointers, so neither
/// leaves the thread, and `'a` keeps them out of everything that outlives a call: for that there are references
/// (`env::reference`).
///
/// A call that makes a value and fails, as for an argument of the wrong type, gives undefined.
#[derive(Clone, Copy)]
pub struct JsEnv<'a> {
    raw: sys::napi_env,
    lifetime: PhantomData<&'a ()>,
}

/// A handle to a JavaScript value.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Value<'a> {
    raw: NonNull<sys::napi_value__>,
    lifetime: PhantomData<&'a ()>,
}

/// A handle scope. It closes when this is dropped; values made through it cannot outlive it.
pub struct HandleScope<'a> {
    env: JsEnv<'a>,
    raw: sys::napi_handle_scope,
}

impl<'a> Value<'a> {
    /// The handle of a value of napi-rs, which is in an open scope.
    ///
    /// # Panics
    /// Never: napi-rs has no values without a handle.
    pub fn of(value: &impl JsValue<'a>) -> Self {
        Self::from_raw(value.raw()).expect("a value has a handle")
    }

    #[inline]
    fn from_raw(raw: sys::napi_value) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self { raw, lifetime: PhantomData })
    }

    /// The raw handle.
    #[inline]
    pub fn raw(self) -> sys::napi_value {
        self.raw.as_ptr()
    }
}

impl<'a> JsEnv<'a> {
    /// # Safety
    /// This is the thread of `raw`, and `'a` ends before the handle scope that is open now closes.
    #[inline]
    pub unsafe fn from_raw(raw: sys::napi_env) -> Self {
        Self { raw, lifetime: PhantomData }
    }

    /// The environment that napi-rs passed to a function.
    pub fn of(env: &'a napi::Env) -> Self {
        Self { raw: env.raw(), lifetime: PhantomData }
    }

    /// The raw environment.
    #[inline]
    pub fn raw(self) -> sys::napi_env {
        self.raw
    }

    /// A handle that an N-API call has made; none if that failed.
    ///
    /// # Safety
    /// `raw` is null, or a handle of this environment in a scope that stays open for `'a`.
    #[inline]
    pub unsafe fn value(self, raw: sys::napi_value) -> Option<Value<'a>> {
        Value::from_raw(raw)
    }

    /// The value for napi-rs to return.
    pub fn to_unknown(self, value: Value<'a>) -> Unknown<'a> {
        // SAFETY: the value is a handle of this thread's environment (see `JsEnv`).
        unsafe { Unknown::from_raw_unchecked(self.raw, value.raw()) }
    }

    /// Opens a handle scope: values made while it is open do not pile up in the enclosing one.
    #[inline]
    pub fn open_scope(self) -> HandleScope<'a> {
        let mut raw = ptr::null_mut();
        // SAFETY: this is the thread of the environment (see `JsEnv`). `drop` closes the scope.
        unsafe { sys::napi_open_handle_scope(self.raw, &mut raw) };
        HandleScope { env: self, raw }
    }

    /// Runs an N-API call that writes a handle; none if it fails.
    #[inline]
    fn try_make(self, call: impl FnOnce(sys::napi_env, *mut sys::napi_value) -> sys::napi_status) -> Option<Value<'a>> {
        let mut raw = ptr::null_mut();
        call(self.raw, &mut raw);
        Value::from_raw(raw)
    }

    /// Runs an N-API call that writes a handle; undefined if it fails.
    #[inline]
    fn make(self, call: impl FnOnce(sys::napi_env, *mut sys::napi_value) -> sys::napi_status) -> Value<'a> {
        self.try_make(call).unwrap_or_else(|| self.undefined_instead())
    }

    /// Runs an N-API call that writes plain data; none if it fails.
    #[inline]
    fn read<T: Default>(self, call: impl FnOnce(sys::napi_env, *mut T) -> sys::napi_status) -> Option<T> {
        let mut data = T::default();
        (call(self.raw, &mut data) == sys::Status::napi_ok).then_some(data)
    }

    /// Undefined.
    ///
    /// # Panics
    /// Never: N-API has undefined in every environment.
    #[inline]
    pub fn undefined(self) -> Value<'a> {
        // SAFETY: see `JsEnv`.
        self.try_make(|env, to| unsafe { sys::napi_get_undefined(env, to) }).expect("undefined has a handle")
    }

    /// Undefined, for a call that failed.
    #[cold]
    fn undefined_instead(self) -> Value<'a> {
        self.undefined()
    }

    /// Null.
    pub fn null(self) -> Value<'a> {
        // SAFETY: see `JsEnv`.
        self.make(|env, to| unsafe { sys::napi_get_null(env, to) })
    }

    /// A number.
    #[inline]
    pub fn int32(self, number: i32) -> Value<'a> {
        // SAFETY: see `JsEnv`.
        self.make(|env, to| unsafe { sys::napi_create_int32(env, number, to) })
    }

    /// A number.
    pub fn uint32(self, number: u32) -> Value<'a> {
        // SAFETY: see `JsEnv`.
        self.make(|env, to| unsafe { sys::napi_create_uint32(env, number, to) })
    }

    /// A number.
    #[inline]
    pub fn double(self, number: f64) -> Value<'a> {
        // SAFETY: see `JsEnv`.
        self.make(|env, to| unsafe { sys::napi_create_double(env, number, to) })
    }

    /// A BigInt.
    #[inline]
    pub fn bigint64(self, number: i64) -> Value<'a> {
        // SAFETY: see `JsEnv`.
        self.make(|env, to| unsafe { sys::napi_create_bigint_int64(env, number, to) })
    }

    /// A string.
    pub fn string(self, text: &str) -> Value<'a> {
        // SAFETY: see `JsEnv`; N-API reads `text.len()` bytes.
        self.make(|env, to| unsafe { sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, to) })
    }

    /// A new object without properties.
    pub fn object(self) -> Value<'a> {
        // SAFETY: see `JsEnv`.
        self.make(|env, to| unsafe { sys::napi_create_object(env, to) })
    }

    /// A new empty array.
    pub fn array(self) -> Value<'a> {
        // SAFETY: see `JsEnv`.
        self.make(|env, to| unsafe { sys::napi_create_array(env, to) })
    }

    /// A new array of this length.
    pub fn array_of(self, length: usize) -> Value<'a> {
        // SAFETY: see `JsEnv`.
        self.make(|env, to| unsafe { sys::napi_create_array_with_length(env, length, to) })
    }

    /// The element of an array; none if that failed, as while the environment is torn down.
    pub fn find_element(self, array: Value<'_>, index: u32) -> Option<Value<'a>> {
        // SAFETY: see `JsEnv`.
        self.try_make(|env, to| unsafe { sys::napi_get_element(env, array.raw(), index, to) })
    }

    /// The element of an array; undefined if there is none.
    #[inline]
    pub fn element(self, array: Value<'_>, index: u32) -> Value<'a> {
        // SAFETY: see `JsEnv`.
        self.make(|env, to| unsafe { sys::napi_get_element(env, array.raw(), index, to) })
    }

    /// Whether N-API reads and writes objects. It does not while an exception is pending, nor while V8 ends the running
    /// JavaScript (a timeout of `vm`, `worker.terminate()`): then reads return undefined, and writes are lost.
    pub fn can_use_objects(self) -> bool {
        let scope = self.open_scope();
        let array = scope.env().array();
        self.set_element(array, 0, array)
    }

    /// Sets an element of an array; false if that failed, as while the environment is torn down.
    #[inline]
    pub fn set_element(self, array: Value<'_>, index: u32, value: Value<'_>) -> bool {
        // SAFETY: see `JsEnv`.
        unsafe { sys::napi_set_element(self.raw, array.raw(), index, value.raw()) == sys::Status::napi_ok }
    }

    /// The length of an array; none for any other value.
    pub fn array_length(self, array: Value<'_>) -> Option<u32> {
        // SAFETY: see `JsEnv`.
        self.read(|env, to| unsafe { sys::napi_get_array_length(env, array.raw(), to) })
    }

    /// A property of an object.
    pub fn property(self, object: Value<'_>, name: &CStr) -> Value<'a> {
        // SAFETY: see `JsEnv`; `name` ends with a NUL.
        self.make(|env, to| unsafe { sys::napi_get_named_property(env, object.raw(), name.as_ptr(), to) })
    }

    /// Sets a property of an object; false if that failed, as while the environment is torn down.
    pub fn set_property(self, object: Value<'_>, name: &CStr, value: Value<'_>) -> bool {
        // SAFETY: see `JsEnv`; `name` ends with a NUL.
        let status = unsafe { sys::napi_set_named_property(self.raw, object.raw(), name.as_ptr(), value.raw()) };
        status == sys::Status::napi_ok
    }

    /// ToInt32 of a number; none for any other value.
    #[inline]
    pub fn get_int32(self, value: Value<'_>) -> Option<i32> {
        // SAFETY: see `JsEnv`.
        self.read(|env, to| unsafe { sys::napi_get_value_int32(env, value.raw(), to) })
    }

    /// ToUint32 of a number; none for any other value.
    pub fn get_uint32(self, value: Value<'_>) -> Option<u32> {
        // SAFETY: see `JsEnv`.
        self.read(|env, to| unsafe { sys::napi_get_value_uint32(env, value.raw(), to) })
    }

    /// A number as an integer; none for any other value.
    #[inline]
    pub fn get_int64(self, value: Value<'_>) -> Option<i64> {
        // SAFETY: see `JsEnv`.
        self.read(|env, to| unsafe { sys::napi_get_value_int64(env, value.raw(), to) })
    }

    /// A number; none for any other value.
    #[inline]
    pub fn get_double(self, value: Value<'_>) -> Option<f64> {
        // SAFETY: see `JsEnv`.
        self.read(|env, to| unsafe { sys::napi_get_value_double(env, value.raw(), to) })
    }

    /// A BigInt modulo 2^64; none for any other value.
    #[inline]
    pub fn get_bigint64(self, value: Value<'_>) -> Option<i64> {
        let mut lossless = false;
        // SAFETY: see `JsEnv`.
        self.read(|env, to| unsafe { sys::napi_get_value_bigint_int64(env, value.raw(), to, &mut lossless) })
    }

    /// A boolean; none for any other value.
    #[inline]
    pub fn get_bool(self, value: Value<'_>) -> Option<bool> {
        // SAFETY: see `JsEnv`.
        self.read(|env, to| unsafe { sys::napi_get_value_bool(env, value.raw(), to) })
    }

    /// A string; none for any other value.
    pub fn get_string(self, value: Value<'_>) -> Option<String> {
        // SAFETY: see `JsEnv`; without a buffer, N-API writes only the length in bytes.
        let length =
            self.read(|env, to| unsafe { sys::napi_get_value_string_utf8(env, value.raw(), ptr::null_mut(), 0, to) })?;
        let mut text = vec![0; length + 1];
        // SAFETY: see `JsEnv`; N-API writes at most `text.len()` bytes, of which the last one is a NUL.
        let length = self.read(|env, to| unsafe {
            sys::napi_get_value_string_utf8(env, value.raw(), text.as_mut_ptr().cast(), text.len(), to)
        })?;
        text.truncate(length);
        String::from_utf8(text).ok()
    }

    #[inline]
    fn type_of(self, value: Value<'_>) -> Option<sys::napi_valuetype> {
        // SAFETY: see `JsEnv`.
        self.read(|env, to| unsafe { sys::napi_typeof(env, value.raw(), to) })
    }

    /// Whether a value is null.
    #[inline]
    pub fn is_null(self, value: Value<'_>) -> bool {
        self.type_of(value) == Some(sys::ValueType::napi_null)
    }

    /// Whether a value is undefined.
    pub fn is_undefined(self, value: Value<'_>) -> bool {
        self.type_of(value) == Some(sys::ValueType::napi_undefined)
    }

    /// Whether a value is an object, and no function.
    pub fn is_object(self, value: Value<'_>) -> bool {
        self.type_of(value) == Some(sys::ValueType::napi_object)
    }

    /// Reports a change of external memory to V8, in bytes.
    pub fn adjust_external_memory(self, change: i64) {
        let mut total = 0;
        // SAFETY: see `JsEnv`.
        unsafe { sys::napi_adjust_external_memory(self.raw, change, &mut total) };
    }
}

impl HandleScope<'_> {
    /// The environment, for values that end with this scope.
    #[inline]
    pub fn env(&self) -> JsEnv<'_> {
        self.env
    }
}

impl Drop for HandleScope<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `open_scope` opened it on this thread, and only this closes it. Guards drop in reverse order.
        unsafe { sys::napi_close_handle_scope(self.env.raw, self.raw) };
    }
}
