//! Calls from the host into wasm.

use crate::store::call::call_stacks::{AVAILABLE, CallStacks};
use crate::store::call::host_stack::OpenScope;
use crate::store::call::shadow_stack::ShadowCall;
use crate::store::call::stack_pointer::StackPointer;
use crate::store::call::suspendable_calls::SuspendableCalls;
use crate::store::call::tail_calls::forget_waiting;
use crate::store::trap::{Failure, Thrown};
use crate::store::watch::checkpoint;
use crate::store::{FuncRef, RawValue, Store};
use std::ffi::c_void;
use wasmer::sys::vm;

pub use crate::store::call::call_stacks::{Called, PATIENCE, Parks};

/// Whether `FuncRef::call_fast` exists on this platform.
pub const HAS_FAST_CALLS: bool = AVAILABLE;

/// Most parameters or results of an import that parks a call.
pub const MOST_SHARED: usize = 32;

/// Frees the idle call stacks of this thread. To be called before the thread ends.
pub fn free_idle_call_stacks() {
    CallStacks::of_thread().free_idle();
    SuspendableCalls::of_thread().free_spare();
}

/// A call that has parked. Calls are resumed in the reverse order of their beginnings.
#[derive(Debug, Clone, Copy)]
pub struct ParkedCall {
    /// Number of this parking, from 1 on; no other has it
    pub number: u32,
    /// The address that `HostFunction::parkable` of the called import gave
    pub import: *const c_void,
}

impl Store {
    /// The innermost call of the thread, which has just parked.
    #[inline]
    pub fn parked_call(&self) -> ParkedCall {
        let (number, import) = self.call_stacks.parked();
        ParkedCall { number, import }
    }

    /// The import for which the innermost call is parked; none if the call does not have this number.
    #[inline(always)]
    pub fn parked_import(&self, number: u32) -> Option<*const c_void> {
        self.call_stacks.parked_import(number)
    }

    /// The failure of a call that has just failed: a trap, what a host function threw, or lack of memory.
    #[cold]
    pub fn take_failure(&self) -> Failure {
        self.call_stacks.take_failure()
    }

    /// Resumes the innermost call: the import returns the results that stand in the values of the call, or throws. The call
    /// fails if it is not parked with this number.
    ///
    /// # Safety
    /// As for `FuncRef::call_fast`. The values are of the types of the import's results.
    #[inline(always)]
    pub unsafe fn resume(&self, number: u32, result: Result<(), Thrown>) -> Called {
        self.host_stack.enter_again();
        let thrown = result.err().map(Box::new);
        self.call_stacks.resume(number, thrown)
    }

    /// Ends a parked call and its scope, since nothing will resume it. Calls above it were ended.
    pub fn abandon(&self, number: u32, scope: SuspendedScope) {
        self.call_stacks.abandon(number);
        self.host_stack.end(scope.entered);
        // SAFETY: as in `end_scope`.
        unsafe { self.shadow_stacks.end(scope.shadow, true) };
        drop(self.shadow_stacks.take_lowered());
        self.clear_pending_throw();
    }

    /// Ends the scope of a call that has returned or failed.
    #[inline(always)]
    pub fn end_scope(&self, scope: SuspendedScope, called: Called) {
        self.host_stack.end(scope.entered);
        let has_failed = called == Called::Failed;
        // SAFETY: the scope has kept all instances alive, since no collection runs within it.
        unsafe { self.shadow_stacks.end(scope.shadow, has_failed) };
        if has_failed {
            self.complete_failure();
        }
    }

    #[cold]
    fn complete_failure(&self) {
        let failure = self.call_stacks.take_failure();
        self.call_stacks.fail(self.after_failure(failure));
    }

    /// The failure of a call that has just failed, with the panic that caused it, if one did. No exception and no tail call
    /// is pending afterwards: the call may have been stopped before wasm saw the one that its import had thrown.
    #[cold]
    pub(in crate::store) fn after_failure(&self, failure: Failure) -> Failure {
        self.clear_pending_throw();
        forget_waiting();
        failure.with_panic(self)
    }

    /// Removes the exception that a host function has left for its adapter, if any.
    fn clear_pending_throw(&self) {
        if let Some(pending) = self.pending.get() {
            pending.set(self, RawValue::default());
        }
    }
}

/// The scope of a call that an import may park: it stays open while the call is parked.
pub struct SuspendedScope {
    entered: OpenScope,
    shadow: ShadowCall,
}

impl FuncRef {
    /// Like `call`, but on a call stack that stays inside wasmer. An import that may park does so: then the call is to be
    /// resumed, and its scope, in `suspended`, to be ended when it has returned or failed.
    ///
    /// # Safety
    /// As for `call`. This platform has fast calls. There is room for `MOST_SHARED` values, and they are not used while wasm
    /// runs.
    #[inline(always)]
    pub unsafe fn call_fast(
        self,
        store: &Store,
        pointer: StackPointer,
        values: *mut RawValue,
        parks: Parks,
        suspended: &mut Option<SuspendedScope>,
    ) -> Called {
        if let Err(error) = checkpoint::enter(store.host_stack.record) {
            return store.call_stacks.fail(error.into());
        }
        let entered = store.host_stack.enter().suspend();
        // SAFETY: by the contract of this function. No collection runs while wasm is on the stack.
        let (shadow, called) = unsafe {
            let shadow = store.shadow_stacks.begin(pointer);
            (shadow, store.call_stacks.call(&store.wasm_stack, self, values, parks))
        };
        let scope = SuspendedScope { entered, shadow };
        if called == Called::Parked {
            *suspended = Some(scope);
        } else {
            store.end_scope(scope, called);
        }
        called
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
        store.call_stacks.before_entry();
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
        unsafe { store.shadow_stacks.call(pointer, run) }.map_err(|failure| store.after_failure(failure))
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
