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
        let definition = store.with_objects(|objects| handle.get(objects).vmglobal());
        // SAFETY: as in `get`.
        unsafe { (*definition.as_ptr()).val = value };
        store.shadow_stacks.note_set(definition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Compiler;
    use crate::store::FuncRef;
    use crate::store::test_support::{compile, function, instantiate, new_store, through_table};
    use crate::wasm::{RefType, ValType};

    #[test]
    fn a_global_has_its_type_and_its_latest_value() {
        let store = new_store();
        let ty = GlobalType { value: ValType::I64, mutable: true };
        let id = GlobalId::new(&store, ty, RawValue { i64: -1 });
        // SAFETY: the global has type i64.
        let value = || unsafe { id.get(&store).i64 };
        assert_eq!((id.ty(&store), value()), (ty, -1));
        id.set(&store, RawValue { i64: i64::MAX });
        assert_eq!(value(), i64::MAX);
        assert_eq!(id.compiler(&store), None, "only globals of functions have a compiler");
        id.bind(&store, Compiler::Cranelift);
        assert_eq!(id.compiler(&store), None);
    }

    #[test]
    fn the_first_function_decides_the_compiler_of_a_global() {
        let store = new_store();
        let instance = instantiate(&store, &compile(&through_table("1"), Compiler::Singlepass), Vec::new()).unwrap();
        let function = function(&store, &instance, "fifty");
        let ty = GlobalType { value: ValType::Ref(RefType::Func), mutable: true };
        let id = GlobalId::new(&store, ty, RawValue { funcref: FuncRef::to_raw(Some(function)) });
        id.bind(&store, function.compiler(&store));
        id.bind(&store, Compiler::Cranelift);
        assert_eq!(id.compiler(&store), Some(Compiler::Singlepass));
        assert!(id.check_compiler(&store, Compiler::Singlepass).is_ok());
        assert_eq!(id.check_compiler(&store, Compiler::Cranelift).unwrap_err().code().0, "ERR_RELINK_COMPILER");
    }
}
