//! Globals.

use crate::engine::{raw_type, value_type};
use crate::store::{GlobalId, RawValue, Store};
use crate::wasm::GlobalType;
use wasmer::Mutability;
use wasmer::sys::vm::{InternalStoreHandle, VMGlobal};

impl GlobalId {
    /// Makes a global; `value` has its type.
    pub fn new(store: &Store, ty: GlobalType, value: RawValue) -> GlobalId {
        let mutability = if ty.mutable { Mutability::Var } else { Mutability::Const };
        let global = VMGlobal::new(wasmer::GlobalType::new(raw_type(ty.value), mutability));
        // SAFETY: the new global owns its definition, and nothing else has its address yet.
        unsafe { (*global.vmglobal().as_ptr()).val = value };
        let handle = store.with_objects(|objects| store.globals.borrow_mut().add(objects, global));
        GlobalId::of(store, handle)
    }

    pub(in crate::store) fn of(store: &Store, handle: InternalStoreHandle<VMGlobal>) -> GlobalId {
        GlobalId(store.globals.borrow_mut().id(handle))
    }

    /// Whether the global exists and JavaScript's handles of it have not ended.
    pub fn is_open(self, store: &Store) -> bool {
        store.globals.borrow().find(self.0).is_some()
    }

    pub(in crate::store) fn handle(self, store: &Store) -> InternalStoreHandle<VMGlobal> {
        store.globals.borrow().handle(self.0)
    }

    /// Value type and mutability.
    pub fn ty(self, store: &Store) -> GlobalType {
        let handle = self.handle(store);
        let ty = store.with_objects(|objects| *handle.get(objects).ty());
        GlobalType { value: value_type(ty.ty), mutable: ty.mutability == Mutability::Var }
    }

    /// The current value.
    pub fn get(self, store: &Store) -> RawValue {
        let handle = self.handle(store);
        // SAFETY: the definition lives as long as its global, and only this thread uses it.
        store.with_objects(|objects| unsafe { (*handle.get(objects).vmglobal().as_ptr()).val })
    }

    /// Writes the value. The caller has checked that the global is mutable and that `value` has its type.
    pub fn set(self, store: &Store, value: RawValue) {
        let handle = self.handle(store);
        // SAFETY: as in `global_get`.
        store.with_objects(|objects| unsafe { (*handle.get(objects).vmglobal().as_ptr()).val = value });
    }
}
