//! Calls from the host into wasm.

use crate::store::call::call_stacks::{AVAILABLE, CallStacks};
use crate::store::call::shadow_stack::StackPointer;
use crate::store::trap::{Failure, Thrown};
use crate::store::watch::checkpoint;
use crate::store::{FuncRef, RawValue, Store};
use wasmer::sys::vm;

/// Whether `FuncRef::call_fast` exists on this platform.
pub const HAS_FAST_CALLS: bool = AVAILABLE;

/// Frees the idle call stacks of this thread. To be called before the thread ends.
pub fn free_idle_call_stacks() {
    CallStacks::of_thread().free_idle();
}

impl FuncRef {
    /// Like `call`, but on a call stack that stays inside wasmer.
    ///
    /// # Errors
    /// The errors of `call`.
    ///
    /// # Safety
    /// As for `call`. This platform has fast calls.
    #[inline]
    pub unsafe fn call_fast(self, store: &Store, pointer: StackPointer, values: *mut RawValue) -> Result<(), Failure> {
        checkpoint::enter(store.host_stack.record)?;
        let _entered = store.host_stack.enter();
        // SAFETY: by the contract of this function. No collection runs while wasm is on the stack.
        unsafe { store.shadow_stacks.call(pointer, || store.call_stacks.call(&store.wasm_stack, self, values)) }
            .map_err(|failure| failure.with_panic(store))
    }

    /// Calls the function. Arguments are read from `values` and results written there. `pointer` is the stack pointer of
    /// its instance. If the call fails, all stack pointers of the store are what they were before.
    ///
    /// # Errors
    /// The trap, what a host function threw, `Memory` where there is no room for a stack, `Timeout` or `Interrupted`.
    ///
    /// # Safety
    /// The function is of `store`; `values` points to as many values as it has parameters or results, whichever is
    /// more, and holds arguments of the types of its parameters. None of the store's objects is borrowed. The caller
    /// keeps the store alive for the whole call.
    pub unsafe fn call(self, store: &Store, pointer: StackPointer, values: *mut RawValue) -> Result<(), Failure> {
        checkpoint::enter(store.host_stack.record)?;
        store.call_stacks.leave_idle();
        let entered = store.host_stack.enter();
        // SAFETY: by the contract of this function; a callee's trampoline fits its own type.
        let run = || unsafe {
            if entered.is_outermost() {
                store.wasm_stack.call(self, values)
            } else {
                store.wasm_stack.call_within(self, values)
            }
        };
        // SAFETY: no collection runs while wasm is on the stack.
        unsafe { store.shadow_stacks.call(pointer, run) }.map_err(|failure| failure.with_panic(store))
    }
}

/// Sets the function by which calls that last look at V8. It runs on the host's stack, and fails if this thread is being
/// terminated.
pub fn set_look(look: fn() -> Result<(), Thrown>) {
    checkpoint::set_look(move || vm::on_host_stack(|| on_host_stack(look)));
}

/// Runs host code that wasm calls, on the host's stack: JavaScript can run on that stack only.
pub fn on_host_stack<T>(host: impl FnOnce() -> T) -> T {
    CallStacks::of_thread().on_host_stack(host)
}
