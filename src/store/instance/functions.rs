//! Functions in their store: type, instance, canonical function, and the functions of an instance.

use crate::engine::{Code, Compiler};
use crate::rewrite::TailCalls;
use crate::store::call::stack_pointer::StackPointer;
use crate::store::call::tail_calls::{Asking, KnownEntries, TailState};
use crate::store::instance::entity::Instance;
use crate::store::{FuncRef, InstanceId, Store};
use crate::wasm::FuncType;
use std::ptr::NonNull;
use std::rc::Rc;
use wasmer::ExportIndex;
use wasmer::sys::vm::{InternalStoreHandle, StoreObject, VMExtern, VMFunction, VMGlobalDefinition, VMInstance};
use wasmer_types::{FunctionIndex, GlobalIndex};

impl Instance {
    /// The instance with this id, if it exists.
    pub fn find(store: &Store, id: InstanceId) -> Option<Rc<Self>> {
        store.instances.borrow().get(&id).cloned()
    }

    /// wasmer's handle of an object. Not for imported functions.
    pub(in crate::store) fn lookup(&self, index: ExportIndex) -> VMExtern {
        let mut vm = self.vm.borrow_mut();
        // For a function, this adds to the store's list of functions: see `FuncRef::take`.
        vm.as_mut().expect("an instance is handed out after it has started").lookup_by_declaration(index)
    }

    /// The first function that a new instance defines.
    pub(in crate::store) fn first_function(store: &Store, code: &Code, vm: &mut VMInstance) -> Option<FuncRef> {
        let index = code.binary.imported_functions;
        if index as usize >= code.binary.functions.len() {
            return None;
        }
        let index = ExportIndex::Function(FunctionIndex::from_u32(index));
        let VMExtern::Function(handle) = vm.lookup_by_declaration(index) else { unreachable!("asked for a function") };
        Some(FuncRef::take(store, handle))
    }

    /// The stack pointer of a new instance.
    pub(in crate::store) fn find_stack_pointer(store: &Store, code: &Code, vm: &mut VMInstance) -> StackPointer {
        StackPointer::new(code.stack_pointer.map(|global| definition(store, vm, global)))
    }

    /// The entries of a new instance whose first function is `first`; none for code without tail calls. Its types are
    /// registered.
    pub(in crate::store) fn find_entries(
        store: &Store,
        code: &Code,
        vm: &mut VMInstance,
        first: Option<FuncRef>,
    ) -> Option<KnownEntries> {
        let TailCalls { table, flag, waiting, entries } = code.tail_calls.as_ref()?;
        let (first, binary) = (first?, &code.binary);
        let mut signatures = store.signatures.borrow_mut();
        let types = binary.types.iter().map(|ty| signatures.register(ty).expect("the types are registered")).collect();
        let waiting = TailState::new(definition(store, vm, *waiting));
        let flag = TailState::new(definition(store, vm, *flag));
        let entries = entries.iter().map(|entry| first.after(entry - binary.imported_functions));
        let asking = Asking { table: table - binary.imported_tables, types, waiting };
        Some(KnownEntries::of(vm, entries, flag, asking))
    }

    /// The function with this index in its module.
    pub fn function(&self, store: &Store, index: u32) -> FuncRef {
        if let Some(import) = self.contents.imports.get(index as usize) {
            return *import;
        }
        let index = ExportIndex::Function(FunctionIndex::from_u32(index));
        let VMExtern::Function(handle) = self.lookup(index) else { unreachable!("asked for a function") };
        FuncRef::take(store, handle)
    }
}

/// The definition of a global of a new instance.
fn definition(store: &Store, vm: &mut VMInstance, index: u32) -> NonNull<VMGlobalDefinition> {
    match vm.lookup_by_declaration(ExportIndex::Global(GlobalIndex::from_u32(index))) {
        VMExtern::Global(handle) => store.with_objects(|objects| handle.get(objects).vmglobal()),
        _ => unreachable!("asked for a global"),
    }
}

impl FuncRef {
    /// Its type.
    ///
    /// # Panics
    /// Never: the type of every function of a store is registered.
    pub fn ty(self, store: &Store) -> Rc<FuncType> {
        let hash = self.callee().type_signature_hash;
        store.signatures.borrow().get(hash).expect("the types of every module are registered before it is instantiated")
    }

    /// The instance that defines it; none for a host function.
    pub fn instance(self, store: &Store) -> Option<Rc<Instance>> {
        let by_context = store.by_context.borrow();
        let owner = by_context.get(&self.context()).filter(|owner| !owner.is_host)?;
        Some(owner.instance.clone())
    }

    /// Its context owner: the instance that defines it or, for a host function, imports it. None before that
    /// instance is registered.
    pub fn context_owner(self, store: &Store) -> Option<Rc<Instance>> {
        store.by_context.borrow().get(&self.context()).map(|owner| owner.instance.clone())
    }

    /// The canonical function of a bridge, tier-up copy or forwarder; any other function itself.
    pub fn canonical(self, store: &Store) -> FuncRef {
        store.bridges.borrow().canonical.get(&self).copied().unwrap_or(self)
    }

    /// Makes `function` the canonical function of this function.
    pub(in crate::store) fn set_canonical(self, store: &Store, function: FuncRef) {
        let function = function.canonical(store);
        store.bridges.borrow_mut().canonical.insert(self, function);
    }

    /// Notes the compiler of the code that imports a host function, and the function's index in that module.
    pub(in crate::store) fn set_host(self, store: &Store, compiler: Compiler, index: u32) {
        store.bridges.borrow_mut().hosts.insert(self, (compiler, index));
    }

    /// The index of a host function in the module that imports it.
    pub(in crate::store) fn host_index(self, store: &Store) -> Option<u32> {
        store.bridges.borrow().hosts.get(&self).map(|(_, index)| *index)
    }

    /// The function of the object that a look-up has just added to the list of functions. Takes the object out again.
    pub(in crate::store) fn take(store: &Store, handle: InternalStoreHandle<VMFunction>) -> FuncRef {
        let pointer = store.with_objects(|objects| {
            let pointer = handle.get(objects).anyfunc.as_ptr();
            VMFunction::list_mut(objects).pop();
            pointer
        });
        // SAFETY: the function lies in the context of an instance, which lives while a root reaches it.
        unsafe { FuncRef::new(pointer) }
    }

    /// The instance that defines it, and its index in that instance's module; none for a host function.
    pub fn locate(self, store: &Store) -> Option<(Rc<Instance>, u32)> {
        let instance = self.instance(store)?;
        let distance = instance.contents.first_function.map_or(0, |first| self.distance(first));
        let index = instance.contents.imports.len() as u32 + distance;
        Some((instance, index))
    }

    /// Its `name` in the JS API: its index in the author's module that defines it or, for a host function,
    /// imports it.
    pub fn name(self, store: &Store) -> String {
        // Host functions first: an adapter stands for one, and is also a function that an instance defines.
        let own = || self.locate(store).map(|(instance, index)| instance.code().original_index(index));
        self.host_index(store).or_else(own).map_or_else(String::new, |index| index.to_string())
    }

    /// The stack pointer of the instance that defines it, or imports it as a host function.
    pub fn stack_pointer(self, store: &Store) -> StackPointer {
        self.context_owner(store).map_or_else(StackPointer::default, |owner| owner.stack_pointer())
    }

    /// The tier-up copy of the function, if its instance has a tier-up instance of `compiler`.
    pub fn tier_up(self, store: &Store, compiler: Compiler) -> Option<FuncRef> {
        let (instance, index) = self.locate(store)?;
        let tier_up = instance.tier_up().filter(|tier_up| tier_up.code().compiler == compiler)?;
        Some(tier_up.function(store, index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test_support::{call, compile, function, instantiate, new_store, table, through_table};
    use crate::store::{Callable, Extern};

    #[test]
    fn functions_keep_their_identity_across_instances() {
        let store = new_store();
        let first = instantiate(&store, &compile(&through_table("1 1"), Compiler::Cranelift), Vec::new()).unwrap();
        let fifty = function(&store, &first, "fifty");
        let text = r#"(module (import "a" "f" (func (result i32))) (export "again" (func 0))
            (table (export "table") 1 funcref) (elem (i32.const 0) 0))"#;
        let imports = vec![Extern::Function(Callable::Wasm(fifty))];
        let second = instantiate(&store, &compile(text, Compiler::Cranelift), imports).unwrap();
        assert_eq!(function(&store, &second, "again"), fifty);
        assert_eq!(table(&store, &second, "table").function(&store, 0).unwrap(), Some(fifty));
        assert_eq!(fifty.name(&store), "1");
    }

    #[test]
    fn code_outlives_its_module() {
        let store = new_store();
        let code = compile(&through_table("1 1"), Compiler::Cranelift);
        let instance = instantiate(&store, &code, Vec::new()).unwrap();
        let fifty = function(&store, &instance, "fifty");
        drop((code, instance));
        assert_eq!(call(&store, fifty).unwrap(), 50);
    }
}
