//! Calls from the host into wasm.

use crate::store::call::call_stacks::AVAILABLE;
use crate::store::call::trap::Failure;
use crate::store::{FuncRef, RawValue, Store};

/// Whether `Store::call_fast` exists on this platform.
pub const HAS_FAST_CALLS: bool = AVAILABLE;

impl Store {
    /// The same as `call`, by a call stack that stays inside wasmer.
    ///
    /// # Errors
    /// Those of `call`.
    ///
    /// # Safety
    /// As for `call`. This platform has fast calls.
    #[inline]
    pub unsafe fn call_fast(&self, function: FuncRef, values: *mut RawValue) -> Result<(), Failure> {
        let _entered = self.host_stack.enter();
        // SAFETY: by the contract of this function.
        unsafe { self.stacks.call(&self.wasm_stack, function, values) }
    }

    /// Runs host code that wasm calls on the host's stack.
    pub fn on_host_stack<T>(&self, host: impl FnOnce() -> T) -> T {
        self.stacks.on_host_stack(host)
    }

    /// Calls `function`. Arguments are read from `values` and results written there.
    ///
    /// # Errors
    /// The trap, what a host function threw, or `Memory` where there is no room for a stack.
    ///
    /// # Safety
    /// `function` is of this store; `values` points to as many values as it has parameters or results, whichever is
    /// more, and holds arguments of the types of its parameters. None of the store's objects is borrowed. The caller
    /// keeps the store alive for the whole call.
    pub unsafe fn call(&self, function: FuncRef, values: *mut RawValue) -> Result<(), Failure> {
        self.stacks.leave_idle();
        let entered = self.host_stack.enter();
        // SAFETY: by the contract of this function; a callee's trampoline fits its own type.
        unsafe {
            if entered.is_outermost() {
                self.wasm_stack.call(function, values)
            } else {
                self.wasm_stack.call_within(function, values)
            }
        }
    }
}
