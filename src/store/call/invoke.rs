use crate::store::call::trap::Failure;
use crate::store::{FuncRef, RawValue, Store};

impl Store {
    /// Calls `function`. Arguments are read from `values` and results written there.
    ///
    /// # Errors
    /// The trap, what a host function threw, or `Memory` where there is no room for a stack.
    ///
    /// # Safety
    /// `function` is of this store; `values` points to as many values as it has parameters or
    /// results, whichever is more, and holds arguments of the types of its parameters. No borrow of
    /// the store's objects is held. Whoever owns the store holds it for the whole call.
    pub unsafe fn call(&self, function: FuncRef, values: *mut RawValue) -> Result<(), Failure> {
        let entered = self.host_stack.enter();
        // SAFETY: by the contract of this function; the callee's trampoline fits its own type.
        unsafe {
            if entered.is_outermost() {
                self.wasm_stack.call(function, values)
            } else {
                self.wasm_stack.call_within(function, values)
            }
        }
    }
}
