//! The imports of an instance, ready for wasmer.

use crate::engine::{Compiler, function_type};
use crate::error::Result;
use crate::store::call::host::HostFunction;
use crate::store::instance::entity::Objects;
use crate::store::{FuncRef, GlobalId, MemoryId, Store, TableId, TagId};
use crate::wasm::FuncType;
use wasmer::sys::vm::{InternalStoreHandle, MaybeInstanceOwned, VMExtern, VMFunction, VMFunctionKind};

/// The imports of an instance in wasmer's form and in this store's, in the order of the module.
#[derive(Default)]
pub(in crate::store) struct ResolvedImports {
    pub externs: Vec<VMExtern>,
    pub functions: Vec<FuncRef>,
    pub objects: Objects,
}

impl ResolvedImports {
    /// Adds a table.
    pub fn add_table(&mut self, store: &Store, id: TableId) {
        self.objects.tables.push(id.handle(store));
        self.externs.push(VMExtern::Table(id.handle(store)));
    }

    /// Adds a memory.
    pub fn add_memory(&mut self, store: &Store, id: MemoryId) {
        self.objects.memories.push(id.handle(store));
        self.externs.push(VMExtern::Memory(id.handle(store)));
    }

    /// Adds a global.
    pub fn add_global(&mut self, store: &Store, id: GlobalId) {
        self.objects.globals.push(id.handle(store));
        self.externs.push(VMExtern::Global(id.handle(store)));
    }

    /// Adds a tag.
    pub fn add_tag(&mut self, store: &Store, id: TagId) {
        self.objects.tags.push(id.handle(store));
        self.externs.push(VMExtern::Tag(id.handle(store)));
    }

    /// Adds a wasm function of type `ty`, which code of the importer can call as it is.
    pub fn add_wasm(&mut self, store: &Store, ty: &FuncType, function: FuncRef) {
        let shared = VMFunction {
            anyfunc: MaybeInstanceOwned::Instance(function.raw().0),
            signature: function_type(ty),
            kind: VMFunctionKind::Static,
            host_data: Box::new(()),
        };
        let handle = store.with_objects(|objects| InternalStoreHandle::new(objects, shared));
        self.externs.push(VMExtern::Function(handle));
        self.functions.push(function);
    }

    /// Adds a host function of type `ty` for an importer of `compiler`, in whose author's module it has this `index`.
    ///
    /// # Errors
    /// `SignatureHash`.
    pub fn add_host(
        &mut self,
        store: &Store,
        ty: &FuncType,
        function: Box<dyn HostFunction>,
        compiler: Compiler,
        index: u32,
    ) -> Result<FuncRef> {
        let (handle, function) = FuncRef::host(store, ty, function)?;
        function.set_host(store, compiler, index);
        self.externs.push(VMExtern::Function(handle));
        self.functions.push(function);
        Ok(function)
    }
}
