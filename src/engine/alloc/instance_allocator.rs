//! `InstanceAllocator`: makes the memories, tables and globals of one instance.

use crate::engine::alloc::free_list::{InObjectList, ObjectIndices, put};
use crate::engine::alloc::quota::Quota;
use crate::engine::alloc::reserve::Reserve;
use crate::engine::alloc::shared_memory::{SharedBytes, of_instance};
use crate::engine::alloc::table_charges::{charge_for_table, keep_table_charge};
use crate::engine::alloc::tunables::{StoreTunables, charge_for_memory, no_memory};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use wasmer::sys::Tunables;
use wasmer::sys::vm::{
    InternalStoreHandle, MemoryError, StoreObjects, VMGlobal, VMGlobalDefinition, VMMemory, VMMemoryDefinition,
    VMTable, VMTableDefinition,
};
use wasmer::{MemoryStyle, MemoryType, ModuleInfo, TableStyle, TableType};
use wasmer_compiler::LinkError;
use wasmer_types::entity::PrimaryMap;
use wasmer_types::{LocalGlobalIndex, LocalMemoryIndex, LocalTableIndex, MemoryIndex, TableIndex};

/// The tunables for one instance. Its objects take indices of the free lists before new ones.
pub(in crate::engine) struct InstanceAllocator<'a> {
    tunables: &'a StoreTunables,
    /// The quota of its memories and tables
    quota: &'a Arc<Quota>,
    /// Number of tables of the author's module that it defines; those after them are the pass's, and are not charged
    charged_tables: usize,
    free: RefCell<ObjectIndices>,
    made: RefCell<ObjectIndices>,
    /// Bytes for the shared memories that the module defines, in its order
    shared: RefCell<VecDeque<Rc<dyn SharedBytes>>>,
    lacks_addresses: Cell<bool>,
}

impl<'a> InstanceAllocator<'a> {
    /// `shared` are the bytes for the shared memories that the module defines. Memories and the first
    /// `charged_tables` tables are charged to `quota`.
    pub fn new(
        tunables: &'a StoreTunables,
        quota: &'a Arc<Quota>,
        charged_tables: usize,
        free: ObjectIndices,
        shared: Vec<Rc<dyn SharedBytes>>,
    ) -> Self {
        Self {
            tunables,
            quota,
            charged_tables,
            free: RefCell::new(free),
            made: RefCell::default(),
            shared: RefCell::new(shared.into()),
            lacks_addresses: Cell::default(),
        }
    }

    /// The indices that are still free, and the indices of all objects that were made, also if the instance failed
    /// half-way.
    pub fn into_lists(self) -> (ObjectIndices, ObjectIndices) {
        (self.free.into_inner(), self.made.into_inner())
    }

    /// Whether the system refused the address space of a full memory.
    pub fn lacks_addresses(&self) -> bool {
        self.lacks_addresses.get()
    }

    fn store<T: InObjectList>(
        &self,
        objects: &mut StoreObjects,
        object: T,
        list: impl Fn(&mut ObjectIndices) -> &mut Vec<InternalStoreHandle<T>>,
    ) -> InternalStoreHandle<T> {
        let handle = put(objects, list(&mut self.free.borrow_mut()).pop(), object);
        list(&mut self.made.borrow_mut()).push(handle);
        handle
    }
}

impl Tunables for InstanceAllocator<'_> {
    fn memory_style(&self, memory: &MemoryType) -> MemoryStyle {
        self.tunables.memory_style(memory)
    }

    fn table_style(&self, table: &TableType) -> TableStyle {
        self.tunables.table_style(table)
    }

    fn create_host_memory(&self, ty: &MemoryType, style: &MemoryStyle) -> Result<VMMemory, MemoryError> {
        self.tunables.create_host_memory(ty, style)
    }

    unsafe fn create_vm_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
        location: NonNull<VMMemoryDefinition>,
    ) -> Result<VMMemory, MemoryError> {
        if ty.shared {
            let bytes = self.shared.borrow_mut().pop_front();
            let bytes =
                bytes.ok_or_else(|| MemoryError::Generic("the host gave no bytes for a shared memory".into()))?;
            return of_instance(ty, location, bytes, self.quota);
        }
        let charge = charge_for_memory(ty, self.quota)?;
        // SAFETY: the caller's promise about `location` is passed on.
        let memory = unsafe { self.tunables.instance_memory(ty, style, location, charge) };
        memory.inspect_err(|_| self.lacks_addresses.set(Reserve::of_style(*style) == Reserve::Full))
    }

    fn create_host_table(&self, ty: &TableType, style: &TableStyle) -> Result<VMTable, String> {
        self.tunables.create_host_table(ty, style)
    }

    unsafe fn create_vm_table(
        &self,
        ty: &TableType,
        style: &TableStyle,
        location: NonNull<VMTableDefinition>,
    ) -> Result<VMTable, String> {
        // SAFETY: the caller's promise about `location` is passed on.
        unsafe { self.tunables.create_vm_table(ty, style, location) }
    }

    unsafe fn create_tables(
        &self,
        context: &mut StoreObjects,
        module: &ModuleInfo,
        styles: &PrimaryMap<TableIndex, TableStyle>,
        locations: &[NonNull<VMTableDefinition>],
    ) -> Result<PrimaryMap<LocalTableIndex, InternalStoreHandle<VMTable>>, LinkError> {
        let mut tables = PrimaryMap::with_capacity(locations.len());
        let own = module.tables.values().skip(module.num_imported_tables);
        let styles = styles.values().skip(module.num_imported_tables);
        for (index, ((ty, style), location)) in self.tunables.table_types(own).zip(styles).zip(locations).enumerate() {
            let charge = (index < self.charged_tables).then(|| charge_for_table(self.quota, ty.minimum)).transpose();
            let charge = charge.map_err(|exceeded| LinkError::Resource(exceeded.to_string()))?;
            // SAFETY: the caller's promise about `locations` is passed on.
            let table = unsafe { self.create_vm_table(&ty, style, *location) };
            let table = table.map_err(LinkError::Resource)?;
            charge.into_iter().for_each(|charge| keep_table_charge(&table, charge));
            tables.push(self.store(context, table, |lists| &mut lists.tables));
        }
        Ok(tables)
    }

    unsafe fn create_memories(
        &self,
        context: &mut StoreObjects,
        module: &ModuleInfo,
        styles: &PrimaryMap<MemoryIndex, MemoryStyle>,
        locations: &[NonNull<VMMemoryDefinition>],
    ) -> Result<PrimaryMap<LocalMemoryIndex, InternalStoreHandle<VMMemory>>, LinkError> {
        let mut memories = PrimaryMap::with_capacity(locations.len());
        let own = module.memories.iter().skip(module.num_imported_memories);
        for ((index, ty), location) in own.zip(locations) {
            // SAFETY: the caller's promise about `locations` is passed on.
            let memory = unsafe { self.create_vm_memory(ty, &styles[index], *location) };
            let memory = memory.map_err(|error| LinkError::Resource(no_memory(&styles[index], &error)))?;
            memories.push(self.store(context, memory, |lists| &mut lists.memories));
        }
        Ok(memories)
    }

    fn create_globals(
        &self,
        context: &mut StoreObjects,
        module: &ModuleInfo,
        locations: &[NonNull<VMGlobalDefinition>],
    ) -> Result<PrimaryMap<LocalGlobalIndex, InternalStoreHandle<VMGlobal>>, LinkError> {
        let mut globals = PrimaryMap::with_capacity(locations.len());
        for (ty, location) in module.globals.values().skip(module.num_imported_globals).zip(locations) {
            // SAFETY: wasmer gives the locations of the new instance's own globals, which outlive them.
            let global = unsafe { self.create_vm_global(*ty, *location) };
            let global = global.map_err(LinkError::Resource)?;
            globals.push(self.store(context, global, |lists| &mut lists.globals));
        }
        Ok(globals)
    }
}
