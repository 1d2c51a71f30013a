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
