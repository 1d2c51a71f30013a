//! The running function: the innermost exported function that JavaScript is calling.

use crate::napi::env::reference::WrapReference;
use crate::napi::env::value::JsEnv;
use std::cell::Cell;

/// The running function of a store.
pub struct RunningFunction(Cell<Running>);

/// A function, and whether its reference is strong for the call.
#[derive(Clone, Copy)]
pub struct Running {
    function: WrapReference,
    is_held: bool,
}

impl Default for RunningFunction {
    fn default() -> Self {
        Self(Cell::new(Running { function: WrapReference::NONE, is_held: false }))
    }
}

impl RunningFunction {
    /// Begins a call of a function, `WrapReference::NONE` for none. Returns the enclosing one, for `leave`.
    ///
    /// # Safety
    /// Until `leave`, JavaScript is calling the function: so its reference is not deleted.
    #[inline]
    pub unsafe fn enter(&self, function: WrapReference) -> Running {
        self.0.replace(Running { function, is_held: false })
    }

    /// Ends the call that `enter` began. Calls end in reverse order.
    #[inline]
    pub fn leave(&self, env: JsEnv<'_>, enclosing: Running) {
        let Running { function, is_held } = self.0.replace(enclosing);
        if is_held {
            // SAFETY: `hold` made the reference strong.
            unsafe { function.release(env) };
        }
    }

    /// Makes the reference to the running function strong until its call ends. To be called before JavaScript runs,
    /// since V8 may then collect: the function keeps alive what its code may call.
    #[inline]
    pub fn hold(&self, env: JsEnv<'_>) {
        let Running { function, is_held } = self.0.get();
        if !is_held && !function.is_none() {
            self.0.set(Running { function, is_held: true });
            // SAFETY: by the contract of `enter`.
            unsafe { function.hold(env) };
        }
    }
}
