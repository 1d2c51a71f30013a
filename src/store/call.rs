use super::trap::Failure;
use super::{FuncRef, RawValue, Store};
use wasmer::sys::vm::{VMConfig, wasmer_call_trampoline};

/// wasmer's default: 1 MiB of stack for each entry into wasm.
const CONFIG: VMConfig = VMConfig { wasm_stack_size: None };

impl Store {
    /// Calls `function`. Arguments are read from `values` and results written there.
    ///
    /// # Errors
    /// The trap, or what a host function threw.
    ///
    /// # Safety
    /// `function` is of this store; `values` points to as many values as it has parameters or
    /// results, whichever is more, and holds arguments of the types of its parameters. No borrow of
    /// the store's objects is held. Whoever owns the store holds it for the whole call.
    pub unsafe fn call(&self, function: FuncRef, values: *mut RawValue) -> Result<(), Failure> {
        let _entered = self.host_stack.enter();
        // SAFETY: by the contract of this function.
        unsafe { invoke(function, values) }
    }
}

/// Calls a function of whatever store.
///
/// # Safety
/// As for `Store::call`.
pub(super) unsafe fn invoke(function: FuncRef, values: *mut RawValue) -> Result<(), Failure> {
    let callee = function.callee();
    // SAFETY: by the contract of this function, and the callee's trampoline fits its own type.
    let result = unsafe {
        wasmer_call_trampoline(None, &CONFIG, callee.vmctx, callee.call_trampoline, callee.func_ptr, values.cast())
    };
    result.map_err(Failure::from)
}

pub(super) fn config() -> &'static VMConfig {
    &CONFIG
}
