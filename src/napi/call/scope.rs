//! The scope of a call from JavaScript into wasm.

use crate::napi::call::after::run_deferred;
use crate::napi::context::Context;
use crate::napi::env::exception::PendingException;
use crate::napi::env::reference::WrapReference;
use crate::napi::env::running::Running;
use crate::store::ExternRef;
use std::mem::ManuallyDrop;

/// A call from JavaScript into wasm; it ends when this is dropped.
pub struct CallScope<'a> {
    context: &'a Context,
    /// The running function of the enclosing call
    enclosing: Running,
}

impl<'a> CallScope<'a> {
    /// Begins a call of a function, `WrapReference::NONE` for none. An outermost call first sweeps exceptions and
    /// externrefs that wasm no longer holds, if they are many; externrefs only without `arguments`: JavaScript has made
    /// externrefs of the arguments already.
    ///
    /// # Errors
    /// The errors of `SharedMemories::publish_lengths`.
    ///
    /// # Safety
    /// As long as this lives, JavaScript is calling the function.
    #[inline(always)] // returned in memory, it would be read before the processor has written it
    pub unsafe fn enter(
        context: &'a Context,
        function: WrapReference,
        arguments: bool,
    ) -> Result<Self, PendingException> {
        context.shared_memories.publish_lengths(&context.environment)?;
        let depth = context.depth.get();
        // SAFETY: by the contract of this function; `drop` leaves it.
        let enclosing = unsafe { context.environment.running.enter(function) };
        if depth == 0 {
            context.exceptions.sweep_if_many(&context.store);
            if !arguments {
                sweep_externrefs_if_many(context);
            }
        }
        context.depth.set(depth + 1);
        Ok(Self { context, enclosing })
    }

    /// Keeps the scope open while the call is parked. Returns what `resume` takes.
    #[inline]
    pub fn suspend(self) -> Running {
        ManuallyDrop::new(self).enclosing
    }

    /// The scope of a parked call, which goes on or ends.
    #[inline]
    pub fn resume(context: &'a Context, enclosing: Running) -> Self {
        Self { context, enclosing }
    }

    /// Ends the call, while JavaScript has not read its results yet. `results` are the externrefs among them. Sweeps
    /// externrefs if they are many.
    #[inline]
    pub fn end_with_results(self, results: impl FnOnce() -> Vec<ExternRef>) {
        let context = self.context;
        if context.deferred.is_any() || context.externrefs.are_many() {
            let end = || {
                drop(self);
                sweep_externrefs_if_many(context);
            };
            context.externrefs.with_results(results(), end);
        }
    }

    /// Ends the call without running deferred work. For callers with a new object that has no wrapper yet.
    pub fn end_without_collection(self) {
        let context = self.context;
        let deferred = context.deferred.take();
        drop(self);
        context.deferred.put_back(deferred);
    }
}

/// Sweeps the externrefs that wasm no longer holds, if they are many and no wasm is running, which may hold some on its
/// stack.
#[inline]
pub fn sweep_externrefs_if_many(context: &Context) {
    if context.externrefs.are_many() && context.depth.get() == 0 {
        sweep_externrefs(context);
    }
}

#[cold]
fn sweep_externrefs(context: &Context) {
    if !context.externrefs.may_sweep() || !context.js().can_use_objects() {
        return;
    }
    context.environment.running.hold(context.js());
    let scope = context.js().open_scope();
    let Context { environment, store, retainers, exceptions, .. } = context;
    context.externrefs.sweep(scope.env(), environment, store, retainers, exceptions);
}

impl Drop for CallScope<'_> {
    #[inline]
    fn drop(&mut self) {
        let context = self.context;
        context.environment.running.leave(context.js(), self.enclosing);
        context.depth.set(context.depth.get() - 1);
        if context.depth.get() == 0 && context.deferred.is_any() {
            run_deferred(context);
        }
    }
}
