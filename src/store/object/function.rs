//! Functions in their store: type, instance and canonical function.

use crate::engine::Compiler;
use crate::store::instance::entity::Instance;
use crate::store::{FuncRef, Store};
use crate::wasm::FuncType;
use std::rc::Rc;

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

    /// Its context owner: the instance that defines it or, for a host function, imports it. None before
    /// that instance is registered.
    pub fn context_owner(self, store: &Store) -> Option<Rc<Instance>> {
        store.by_context.borrow().get(&self.context()).map(|owner| owner.instance.clone())
    }

    /// The canonical function of a bridge, tier-up copy or forwarder; any other function itself.
    pub fn canonical(self, store: &Store) -> FuncRef {
        store.bridges.borrow().canonical.get(&self).copied().unwrap_or(self)
    }

    /// Makes `function` the canonical function of this one.
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
