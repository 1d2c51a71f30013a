use super::shared_memory;
use super::types::table_maximum;
use crate::wasm::Limits;
use std::cell::Cell;
use std::ptr::NonNull;
use wasmer::sys::vm::{
    InternalStoreHandle, LinearMemory, MemoryError, StoreObjects, VMMemory, VMMemoryDefinition, VMOwnedMemory, VMTable,
    VMTableDefinition,
};
use wasmer::sys::{BaseTunables, Tunables};
use wasmer::{MemoryStyle, MemoryType, ModuleInfo, Pages, TableStyle, TableType};
use wasmer_compiler::LinkError;
use wasmer_types::entity::PrimaryMap;
use wasmer_types::{LocalTableIndex, TableIndex};

thread_local! {
    static GROWN: Cell<bool> = const { Cell::new(false) };
}

/// Whether a memory has grown on this thread since this was last asked.
pub fn memory_has_grown() -> bool {
    GROWN.replace(false)
}

/// How a module's instances make their memories and tables.
pub struct StoreTunables {
    base: BaseTunables,
    /// The limits of the module's own tables as their author wrote them
    tables: Vec<Limits>,
}

impl StoreTunables {
    /// `tables` are the limits that the module's own tables have at run time; the bytes that were
    /// compiled give fixed-size ones more room (see `rewrite`).
    pub fn new(tables: Vec<Limits>) -> Self {
        Self { base: BaseTunables::new(), tables }
    }
}

impl Tunables for StoreTunables {
    fn memory_style(&self, memory: &MemoryType) -> MemoryStyle {
        if memory.shared { shared_memory::STYLE } else { self.base.memory_style(memory) }
    }

    fn table_style(&self, table: &TableType) -> TableStyle {
        self.base.table_style(table)
    }

    fn create_host_memory(&self, ty: &MemoryType, style: &MemoryStyle) -> Result<VMMemory, MemoryError> {
        if ty.shared {
            return Err(MemoryError::Generic("a shared memory is made of the host's bytes".into()));
        }
        Ok(VMMemory(Box::new(WatchedMemory(VMOwnedMemory::new(ty, style)?))))
    }

    unsafe fn create_vm_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
        location: NonNull<VMMemoryDefinition>,
    ) -> Result<VMMemory, MemoryError> {
        if ty.shared {
            return shared_memory::prepared(ty, location);
        }
        // SAFETY: as above.
        let memory = unsafe { VMOwnedMemory::from_definition(ty, style, location)? };
        Ok(VMMemory(Box::new(WatchedMemory(memory))))
    }

    fn create_host_table(&self, ty: &TableType, style: &TableStyle) -> Result<VMTable, String> {
        self.base.create_host_table(ty, style)
    }

    unsafe fn create_vm_table(
        &self,
        ty: &TableType,
        style: &TableStyle,
        location: NonNull<VMTableDefinition>,
    ) -> Result<VMTable, String> {
        // SAFETY: the caller's promise about `location` is passed on.
        unsafe { self.base.create_vm_table(ty, style, location) }
    }

    unsafe fn create_tables(
        &self,
        context: &mut StoreObjects,
        module: &ModuleInfo,
        styles: &PrimaryMap<TableIndex, TableStyle>,
        locations: &[NonNull<VMTableDefinition>],
    ) -> Result<PrimaryMap<LocalTableIndex, InternalStoreHandle<VMTable>>, LinkError> {
        let mut tables = PrimaryMap::with_capacity(self.tables.len());
        let own = module.tables.iter().skip(module.num_imported_tables);
        for (((index, ty), location), written) in own.zip(locations).zip(&self.tables) {
            // The bytes give a fixed-size table a greater maximum than its author did, and others none.
            let ty = TableType { maximum: table_maximum(written), ..*ty };
            // SAFETY: the caller's promise about `locations` is passed on.
            let table = unsafe { self.create_vm_table(&ty, &styles[index], *location) };
            tables.push(InternalStoreHandle::new(context, table.map_err(LinkError::Resource)?));
        }
        Ok(tables)
    }
}

/// A memory that leaves word when it grows, so that its `ArrayBuffer` can be detached without
/// looking at every memory after every call.
#[derive(Debug)]
struct WatchedMemory(VMOwnedMemory);

impl LinearMemory for WatchedMemory {
    fn ty(&self) -> MemoryType {
        self.0.ty()
    }

    fn size(&self) -> Pages {
        self.0.size()
    }

    fn style(&self) -> MemoryStyle {
        self.0.style()
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        let before = self.0.grow(delta)?;
        GROWN.set(true);
        Ok(before)
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.0.vmmemory()
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        LinearMemory::try_clone(&self.0)
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        LinearMemory::copy(&self.0)
    }
}
