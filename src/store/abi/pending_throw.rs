//! `PendingThrow`: how a host function throws an exception that wasm can catch.

use crate::store::gc::rooted::Rooted;
use crate::store::{ExceptionRef, GlobalId, RawValue, Store};
use crate::wasm::{GlobalType, RefType, ValType};
use std::ptr::NonNull;
use wasmer::sys::vm::VMGlobalDefinition;

/// The global in which a host function leaves an exception for its adapter.
#[derive(Clone, Copy)]
pub(in crate::store) struct PendingThrow(NonNull<VMGlobalDefinition>);

impl PendingThrow {
    /// The definition of the global that adapters check for a pending exception.
    pub(in crate::store) fn of(store: &Store) -> Self {
        let handle = Self::global(store).handle(store);
        Self(store.with_objects(|objects| handle.get(objects).vmglobal()))
    }

    /// The global that adapters import to check for a pending exception.
    pub(in crate::store) fn global(store: &Store) -> GlobalId {
        let pending = store.pending.get_or_init(|| {
            let ty = GlobalType { value: ValType::Ref(RefType::Exn), mutable: true };
            Rooted::new(store, GlobalId::new(store, ty, RawValue::default()))
        });
        **pending
    }

    /// Leaves `exception` there.
    pub(in crate::store) fn throw(self, exception: ExceptionRef) {
        // SAFETY: the definition is that of a global that the store roots for its whole life, and its host functions do
        // not outlive it. Only this thread uses it.
        unsafe { (*self.0.as_ptr()).val = RawValue { exnref: exception.0 } };
    }
}

impl ExceptionRef {
    /// Throws the exception into the wasm that called the running host function. The call goes through an adapter, which
    /// checks for a pending exception when the host function returns.
    pub fn throw(self, store: &Store) {
        PendingThrow::of(store).throw(self);
    }
}
