//! The method that recycles an instance.

use crate::napi::api::native_store::NativeStore;
use crate::napi::call::after::recycle_trapped;
use crate::napi::call::scope::CallScope;
use crate::napi::convert::thrown::{refuse_failure, take_failure};
use crate::napi::env::deferred::RECYCLING;
use crate::napi::env::exception::PendingException;
use crate::napi::env::reference::WrapReference;
use crate::napi::env::throw::{NativeError, refuse};
use crate::store::{Deadline, Failure, Instance};
use napi_derive::napi;
use std::rc::Rc;

#[napi]
impl NativeStore {
    /// Recycles the instances that traps have left within an instantiation, once the new instance has its wrapper.
    #[napi(catch_unwind)]
    pub fn recycle_trapped(&self) {
        if self.context.deferred.has(RECYCLING) && self.context.depth.get() == 0 {
            recycle_trapped(&self.context);
        }
    }

    /// Recycles an instance: its memories, tables and globals become those of a new one, and its start function runs. Its
    /// functions, slots and links stay. Returns whether it has: not if the instance is closed, was not made for it, or if wasm
    /// of the store is on the stack. If this throws, the instance is what it was.
    #[napi(catch_unwind)]
    pub fn recycle(&self, id: u32) -> Result<bool, NativeError> {
        let context = &self.context;
        let instance = Instance::find(&context.store, id).filter(|each| each.is_recyclable() && !each.is_closed());
        let Some(instance) = instance.filter(|_| !context.closed.get() && context.depth.get() == 0) else {
            return Ok(false);
        };
        let (env, store) = (self.js(), &context.store);
        let tables = instance.recycled_tables(store);
        let linked = |mirrored| context.slots.borrow_mut().linked_entries(store, &tables, mirrored);
        let before = linked(true);
        let memories = instance.own_memories(store);
        let former_buffers = context.buffers.take_out(env, &memories);
        let former = match instance.begin_again(store) {
            Ok(former) => former,
            Err(error) => {
                context.buffers.put_back(env, former_buffers, Vec::new());
                return Err(refuse(error));
            }
        };
        let started =
            self.start_again(&instance, || Ok(context.slots.borrow_mut().write_again(store, &instance, &before)?));
        // The start function may have made links.
        let links = linked(started.is_ok());
        let write_again = || context.slots.borrow_mut().write_again(store, &instance, &links);
        if let Err(error) = started {
            let given_up = former.put_back(store, &instance);
            // The entries were there before, so there is room.
            let written = write_again();
            debug_assert!(written.is_ok(), "{written:?}");
            context.buffers.put_back(env, former_buffers, given_up);
            return Err(error);
        }
        let written = write_again();
        let discarded = former.discard(store);
        context.buffers.retain_former(env, former_buffers, discarded);
        let bytes = memories.iter().map(|memory| memory.data(store).1 as u64).sum();
        context.gc_policy.note_memory(env, bytes);
        written.map(|()| true).map_err(refuse)
    }
}

impl NativeStore {
    /// Runs `prepare`, then what begins an instance whose objects are new, with a deadline of its own.
    fn start_again(
        &self,
        instance: &Rc<Instance>,
        prepare: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), NativeError> {
        let (context, env) = (&self.context, self.js());
        prepare().map_err(|failure| refuse_failure(context, failure))?;
        // SAFETY: no function is being called.
        let scope = unsafe { CallScope::enter(context, WrapReference::NONE, false) };
        let scope = scope.map_err(|PendingException| refuse_failure(context, take_failure(env)))?;
        let deadline = Deadline::begin_again(instance.timeout.get()).map_err(refuse)?;
        // SAFETY: `self` holds the context, which owns the store, and no `RefCell` of it is borrowed.
        let started = unsafe { instance.start_again(&context.store) };
        drop(deadline);
        context.buffers.detach_grown(env, &context.store);
        // Converted before `scope` ends.
        let started = started.map_err(|failure| refuse_failure(context, failure));
        // A collection would find the former objects in the middle of the change.
        scope.end_without_collection();
        started
    }
}
