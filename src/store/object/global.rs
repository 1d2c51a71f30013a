//! Globals.

use crate::engine::{raw_type, value_type};
use crate::store::{RawValue, Store};
use crate::wasm::GlobalType;
use wasmer::Mutability;
use wasmer::sys::vm::{InternalStoreHandle, VMGlobal};

/// A global of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlobalId(pub u32);

impl Store {
    /// Makes a global; `value` has its type.
    pub fn global_new(&self, ty: GlobalType, value: RawValue) -> GlobalId {
        let mutability = if ty.mutable { Mutability::Var } else { Mutability::Const };
        let global = VMGlobal::new(wasmer::GlobalType::new(raw_type(ty.value), mutability));
        // SAFETY: the new global owns its definition, and nothing else has its address yet.
        unsafe { (*global.vmglobal().as_ptr()).val = value };
        let handle = self.with_objects(|objects| self.globals.borrow_mut().add(objects, global));
        self.global_id(handle)
    }

    pub(in crate::store) fn global_id(&self, handle: InternalStoreHandle<VMGlobal>) -> GlobalId {
        GlobalId(self.globals.borrow_mut().id(handle))
    }

    /// Whether the global exists and JavaScript's handles of it have not ended.
    pub fn has_global(&self, id: GlobalId) -> bool {
        self.globals.borrow().find(id.0).is_some()
    }

    pub(in crate::store) fn global(&self, id: GlobalId) -> InternalStoreHandle<VMGlobal> {
        self.globals.borrow().handle(id.0)
    }

    /// Value type and mutability.
    pub fn global_type(&self, id: GlobalId) -> GlobalType {
        let handle = self.global(id);
        let ty = self.with_objects(|objects| *handle.get(objects).ty());
        GlobalType { value: value_type(ty.ty), mutable: ty.mutability == Mutability::Var }
    }

    /// The current value.
    pub fn global_get(&self, id: GlobalId) -> RawValue {
        let handle = self.global(id);
        // SAFETY: the definition lives as long as its global, and only this thread uses it.
        self.with_objects(|objects| unsafe { (*handle.get(objects).vmglobal().as_ptr()).val })
    }

    /// Writes the value. The caller has checked that the global is mutable and that `value` has its type.
    pub fn global_set(&self, id: GlobalId, value: RawValue) {
        let handle = self.global(id);
        // SAFETY: as in `global_get`.
        self.with_objects(|objects| unsafe { (*handle.get(objects).vmglobal().as_ptr()).val = value });
    }
}
