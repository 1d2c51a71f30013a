//! Calls from the host into wasm.

use crate::store::call::trap::Failure;
use crate::store::{FuncRef, RawValue, Store};

impl FuncRef {
    /// Calls the function. Arguments are read from `values` and results written there.
    ///
    /// # Errors
    /// The trap, what a host function threw, or `Memory` where there is no room for a stack.
    ///
    /// # Safety
    /// The function is of `store`; `values` points to as many values as it has parameters or results, whichever is
    /// more, and holds arguments of the types of its parameters. None of the store's objects is borrowed. The caller
    /// keeps the store alive for the whole call.
    pub unsafe fn call(self, store: &Store, values: *mut RawValue) -> Result<(), Failure> {
        let entered = store.host_stack.enter();
        // SAFETY: by the contract of this function; a callee's trampoline fits its own type.
        unsafe {
            if entered.is_outermost() {
                store.wasm_stack.call(self, values)
            } else {
                store.wasm_stack.call_within(self, values)
            }
        }
    }
}
