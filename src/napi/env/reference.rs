//! References from Rust to JavaScript objects: strong, weak and toggle.

use napi::sys;
use std::cell::Cell;
use std::ptr;

/// A reference to a JavaScript object or function, deleted on drop. Its owners stay on the thread of its environment.
struct RawReference {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl RawReference {
    /// # Safety
    /// `value` is an object or a function of `env`, and this is the thread of `env`.
    unsafe fn new(env: sys::napi_env, value: sys::napi_value, count: u32) -> Self {
        let mut reference = ptr::null_mut();
        // SAFETY: by the contract of this function.
        unsafe { sys::napi_create_reference(env, value, count, &mut reference) };
        Self { env, reference }
    }

    fn get(&self) -> sys::napi_value {
        let mut value = ptr::null_mut();
        // SAFETY: only `drop` deletes the reference.
        unsafe { sys::napi_get_reference_value(self.env, self.reference, &mut value) };
        value
    }
}

impl Drop for RawReference {
    fn drop(&mut self) {
        // SAFETY: only this deletes the reference, and this is its thread.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

/// A strong reference.
pub struct StrongReference(RawReference);

impl StrongReference {
    /// # Safety
    /// `value` is an object or a function of `env`, and this is the thread of `env`.
    pub unsafe fn new(env: sys::napi_env, value: sys::napi_value) -> Self {
        // SAFETY: by the contract of this function.
        Self(unsafe { RawReference::new(env, value, 1) })
    }

    /// The value.
    pub fn get(&self, _env: sys::napi_env) -> sys::napi_value {
        self.0.get()
    }
}

/// A toggle reference: strong or weak, as its owner says.
pub struct ToggleReference {
    reference: RawReference,
    keeps: Cell<bool>,
}

impl ToggleReference {
    /// A reference that starts strong.
    ///
    /// # Safety
    /// `value` is an object or a function of `env`, and this is the thread of `env`.
    pub unsafe fn new(env: sys::napi_env, value: sys::napi_value) -> Self {
        // SAFETY: by the contract of this function.
        Self { reference: unsafe { RawReference::new(env, value, 1) }, keeps: Cell::new(true) }
    }

    /// The value; none if V8 has collected it.
    pub fn get(&self) -> Option<sys::napi_value> {
        Some(self.reference.get()).filter(|value| !value.is_null())
    }

    /// Makes the reference strong or weak. A value that V8 has collected does not come back.
    pub fn keep(&self, keep: bool) {
        let RawReference { env, reference } = self.reference;
        let mut count = 0;
        if self.keeps.replace(keep) == keep {
            return;
        }
        // SAFETY: only `drop` deletes the reference. `keeps` says whether its count is 1 or 0.
        unsafe {
            if keep {
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
    /// # Safety
    /// `value` is an object or a function of `env`, and this is the thread of `env`.
    pub unsafe fn new(env: sys::napi_env, value: sys::napi_value) -> Self {
        // SAFETY: by the contract of this function.
        Self(unsafe { RawReference::new(env, value, 0) })
    }

    /// The value; none if V8 has collected it.
    pub fn get(&self) -> Option<sys::napi_value> {
        Some(self.0.get()).filter(|value| !value.is_null())
    }
}
