//! References from Rust to JavaScript objects: strong, weak and toggle.

use crate::napi::env::value::{JsEnv, Value};
use napi::sys;
use std::cell::Cell;
use std::ptr;

/// A reference to a JavaScript object or function, deleted on drop. It holds a raw pointer, so it stays on the thread of
/// its environment.
struct RawReference {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl RawReference {
    fn new(env: JsEnv<'_>, value: Value<'_>, count: u32) -> Self {
        let mut reference = ptr::null_mut();
        // SAFETY: see `JsEnv`. For a value that is no object this fails, and the reference stays null.
        unsafe { sys::napi_create_reference(env.raw(), value.raw(), count, &mut reference) };
        Self { env: env.raw(), reference }
    }

    /// The value; none if V8 has collected it.
    #[inline]
    fn get<'a>(&self, env: JsEnv<'a>) -> Option<Value<'a>> {
        let mut value = ptr::null_mut();
        // SAFETY: only `drop` deletes the reference. N-API makes the handle in the open scope.
        unsafe {
            sys::napi_get_reference_value(env.raw(), self.reference, &mut value);
            env.value(value)
        }
    }
}

impl Drop for RawReference {
    fn drop(&mut self) {
        // SAFETY: only this deletes the reference, and this is its thread. N-API refuses a null one.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

/// A strong reference.
pub struct StrongReference(RawReference);

impl StrongReference {
    /// A reference to an object or a function.
    pub fn new(env: JsEnv<'_>, value: Value<'_>) -> Self {
        Self(RawReference::new(env, value, 1))
    }

    /// The value; undefined only if the reference could not be made.
    #[inline]
    pub fn get<'a>(&self, env: JsEnv<'a>) -> Value<'a> {
        self.0.get(env).unwrap_or_else(|| env.undefined())
    }
}

/// A toggle reference: strong or weak, as its owner says.
pub struct ToggleReference {
    reference: RawReference,
    is_strong: Cell<bool>,
}

impl ToggleReference {
    /// A reference to an object or a function that starts strong.
    pub fn new(env: JsEnv<'_>, value: Value<'_>) -> Self {
        Self { reference: RawReference::new(env, value, 1), is_strong: Cell::new(true) }
    }

    /// The value; none if V8 has collected it.
    pub fn get<'a>(&self, env: JsEnv<'a>) -> Option<Value<'a>> {
        self.reference.get(env)
    }

    /// Makes the reference strong or weak. A value that V8 has collected does not come back.
    pub fn set_strong(&self, strong: bool) {
        let RawReference { env, reference } = self.reference;
        if self.is_strong.replace(strong) == strong {
            return;
        }
        let mut count = 0;
        // SAFETY: only `drop` deletes the reference. `is_strong` says whether its count is 1 or 0.
        unsafe {
            if strong {
                sys::napi_reference_ref(env, reference, &mut count);
            } else {
                sys::napi_reference_unref(env, reference, &mut count);
            }
        }
    }
}

/// A weak reference. It is empty as soon as V8 has collected the value; finalizers run no earlier than the event loop.
pub struct WeakReference(RawReference);

impl WeakReference {
    /// A reference to an object or a function.
    pub fn new(env: JsEnv<'_>, value: Value<'_>) -> Self {
        Self(RawReference::new(env, value, 0))
    }

    /// The value; none if V8 has collected it.
    #[inline]
    pub fn get<'a>(&self, env: JsEnv<'a>) -> Option<Value<'a>> {
        self.0.get(env)
    }
}

/// The weak reference that N-API makes for a wrapped object. The finalizer of the wrap deletes it, so whoever keeps a
/// copy must drop that in the finalizer, before: all methods rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrapReference(sys::napi_ref);

impl WrapReference {
    /// The reference of no object.
    pub const NONE: Self = Self(ptr::null_mut());

    pub(in crate::napi) fn from_raw(reference: sys::napi_ref) -> Self {
        Self(reference)
    }

    /// Whether this is the reference of no object.
    #[inline]
    pub fn is_none(self) -> bool {
        self.0.is_null()
    }

    /// The object; none if V8 has collected it.
    ///
    /// # Safety
    /// The reference is not deleted.
    pub unsafe fn get<'a>(self, env: JsEnv<'a>) -> Option<Value<'a>> {
        let mut value = ptr::null_mut();
        // SAFETY: by the contract of this function. N-API makes the handle in the open scope.
        unsafe {
            sys::napi_get_reference_value(env.raw(), self.0, &mut value);
            env.value(value)
        }
    }

    /// Makes the reference strong, until `release`.
    ///
    /// # Safety
    /// The reference is not deleted.
    pub unsafe fn hold(self, env: JsEnv<'_>) {
        let mut count = 0;
        // SAFETY: by the contract of this function.
        unsafe { sys::napi_reference_ref(env.raw(), self.0, &mut count) };
    }

    /// Makes the reference weak again.
    ///
    /// # Safety
    /// `hold` made it strong.
    pub unsafe fn release(self, env: JsEnv<'_>) {
        let mut count = 0;
        // SAFETY: by the contract of this function: a strong reference is not deleted.
        unsafe { sys::napi_reference_unref(env.raw(), self.0, &mut count) };
    }

    /// Deletes the reference.
    ///
    /// # Safety
    /// The finalizer of the wrap is running, and no copy is used after this.
    pub unsafe fn delete(self, env: JsEnv<'_>) {
        // SAFETY: by the contract of this function.
        unsafe { sys::napi_delete_reference(env.raw(), self.0) };
    }
}
