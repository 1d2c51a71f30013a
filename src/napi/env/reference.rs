use napi::sys;
use std::cell::Cell;
use std::ptr;

/// A reference to a JavaScript object or function, deleted with its owner. Owners live and die on the thread of its
/// environment.
struct RawReference {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl RawReference {
    /// # Safety
    /// `value` is an object or a function of `env`, which is that of this thread.
    unsafe fn new(env: sys::napi_env, value: sys::napi_value, count: u32) -> Self {
        let mut reference = ptr::null_mut();
        // SAFETY: by the contract of this function.
        unsafe { sys::napi_create_reference(env, value, count, &mut reference) };
        Self { env, reference }
    }

    fn get(&self) -> sys::napi_value {
        let mut value = ptr::null_mut();
        // SAFETY: the reference is this owner's own.
        unsafe { sys::napi_get_reference_value(self.env, self.reference, &mut value) };
        value
    }
}

impl Drop for RawReference {
    fn drop(&mut self) {
        // SAFETY: the reference is this owner's own, and this is its thread.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

/// Keeps what it refers to.
pub struct StrongReference(RawReference);

impl StrongReference {
    /// # Safety
    /// `value` is an object or a function of `env`, which is that of this thread.
    pub unsafe fn new(env: sys::napi_env, value: sys::napi_value) -> Self {
        // SAFETY: by the contract of this function.
        Self(unsafe { RawReference::new(env, value, 1) })
    }

    /// What it refers to.
    pub fn get(&self, _env: sys::napi_env) -> sys::napi_value {
        self.0.get()
    }
}

/// Keeps what it refers to, or lets V8 collect it, as it is told.
pub struct ToggleReference {
    reference: RawReference,
    keeps: Cell<bool>,
}

impl ToggleReference {
    /// One that keeps what it refers to.
    ///
    /// # Safety
    /// `value` is an object or a function of `env`, which is that of this thread.
    pub unsafe fn new(env: sys::napi_env, value: sys::napi_value) -> Self {
        // SAFETY: by the contract of this function.
        Self { reference: unsafe { RawReference::new(env, value, 1) }, keeps: Cell::new(true) }
    }

    /// What it refers to, unless V8 has collected it.
    pub fn get(&self) -> Option<sys::napi_value> {
        Some(self.reference.get()).filter(|value| !value.is_null())
    }

    /// Says whether it is to keep that. What V8 has collected does not come back.
    pub fn keep(&self, keep: bool) {
        let RawReference { env, reference } = self.reference;
        let mut count = 0;
        if self.keeps.replace(keep) == keep {
            return;
        }
        // SAFETY: the reference is this owner's own, and counts one or none.
        unsafe {
            if keep {
                sys::napi_reference_ref(env, reference, &mut count);
            } else {
                sys::napi_reference_unref(env, reference, &mut count);
            }
        }
    }
}

/// Lets V8 collect what it refers to, and knows at once when it has: finalizers run no earlier than the event loop.
pub struct WeakReference(RawReference);

impl WeakReference {
    /// # Safety
    /// `value` is an object or a function of `env`, which is that of this thread.
    pub unsafe fn new(env: sys::napi_env, value: sys::napi_value) -> Self {
        // SAFETY: by the contract of this function.
        Self(unsafe { RawReference::new(env, value, 0) })
    }

    /// What it refers to, unless V8 has collected it.
    pub fn get(&self) -> Option<sys::napi_value> {
        Some(self.0.get()).filter(|value| !value.is_null())
    }
}
