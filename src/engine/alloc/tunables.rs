//! `StoreTunables`: how wasmer makes the memories, tables and globals of an instance.

use crate::engine::alloc::builtins::may_begin;
use crate::engine::alloc::free_list::place;
use crate::engine::alloc::reserve::Reserve;
use crate::engine::alloc::room::{has_headroom, has_headroom_besides};
use crate::engine::alloc::shared_memory;
use crate::engine::alloc::small_memory::{SmallMemory, no_headroom};
use crate::engine::compile::types::table_maximum;
use crate::wasm::Limits;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use wasmer::sys::vm::{
    InternalStoreHandle, LinearMemory, MemoryError, StoreObjects, VMGlobal, VMGlobalDefinition, VMMemory,
    VMMemoryDefinition, VMOwnedMemory, VMTable, VMTableDefinition,
};
use wasmer::sys::{BaseTunables, Tunables};
use wasmer::{MemoryStyle, MemoryType, ModuleInfo, Pages, TableStyle, TableType};
use wasmer_compiler::LinkError;
use wasmer_types::entity::PrimaryMap;
use wasmer_types::{LocalGlobalIndex, LocalMemoryIndex, LocalTableIndex, MemoryIndex, TableIndex};

/// Number of memory growths in this process. Not a thread-local: in a library that is loaded late, access to one costs
/// a call.
static GROWTHS: AtomicU32 = AtomicU32::new(0);

/// Number of memory growths so far: while it stays the same, no memory has grown.
#[inline]
pub fn memory_growths() -> u32 {
    GROWTHS.load(Ordering::Relaxed)
}

/// Counts a growth of a memory.
pub(in crate::engine) fn note_growth() {
    GROWTHS.fetch_add(1, Ordering::Relaxed);
}

/// The tunables of a module.
pub struct StoreTunables {
    base: BaseTunables,
    reserve: Reserve,
    /// Limits of the tables that the module defines, as their author wrote them
    tables: Vec<Limits>,
}

impl StoreTunables {
    /// `tables` are the limits at run time of the tables that the module defines; the load-time pass gives fixed-size
    /// tables a larger maximum in the bytes (see `rewrite`). `reserve` is that of its memories.
    pub fn new(tables: Vec<Limits>, reserve: Reserve) -> Self {
        Self { base: BaseTunables::new(), reserve, tables }
    }
}

impl Tunables for StoreTunables {
    fn memory_style(&self, memory: &MemoryType) -> MemoryStyle {
        if memory.shared { shared_memory::STYLE } else { self.reserve.style() }
    }

    fn table_style(&self, table: &TableType) -> TableStyle {
        self.base.table_style(table)
    }

    fn create_host_memory(&self, ty: &MemoryType, style: &MemoryStyle) -> Result<VMMemory, MemoryError> {
        if ty.shared {
            return Err(MemoryError::Generic("a shared memory is made of the host's bytes".into()));
        }
        leaving_headroom(VMMemory(match Reserve::of_style(*style) {
            Reserve::Full => Box::new(WatchedMemory(VMOwnedMemory::new(ty, style)?)),
            Reserve::Small => Box::new(SmallMemory::new(ty)?),
        }))
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
        leaving_headroom(VMMemory(match Reserve::of_style(*style) {
            // SAFETY: the caller's promise about `location` is passed on.
            Reserve::Full => Box::new(WatchedMemory(unsafe { VMOwnedMemory::from_definition(ty, style, location)? })),
            // SAFETY: the caller's promise about `location` is passed on.
            Reserve::Small => Box::new(unsafe { SmallMemory::of_instance(ty, location)? }),
        }))
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
        if !may_begin(ty.minimum) {
            return Err(format!("there is no room for a table of {} entries", ty.minimum));
        }
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
            // The load-time pass raises the maximum of fixed-size tables in the bytes; others may have none there.
            let ty = TableType { maximum: table_maximum(written), ..*ty };
            // SAFETY: the caller's promise about `locations` is passed on.
            let table = unsafe { self.create_vm_table(&ty, &styles[index], *location) };
            let table = table.map_err(LinkError::Resource)?;
            tables.push(place(context, table, |places| &mut places.tables));
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
            memories.push(place(context, memory, |places| &mut places.memories));
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
            globals.push(place(context, global, |places| &mut places.globals));
        }
        Ok(globals)
    }
}

/// A new memory, if there is headroom beside it.
fn leaving_headroom(memory: VMMemory) -> Result<VMMemory, MemoryError> {
    if has_headroom() { Ok(memory) } else { Err(no_headroom()) }
}

/// The error message if there is no room for a memory.
pub fn no_memory(style: &MemoryStyle, error: &MemoryError) -> String {
    let advice = match Reserve::of_style(*style) {
        Reserve::Full => "; it reserves 8 GiB of address space: with { reserve: 'small' } it needs less",
        Reserve::Small => "",
    };
    format!("there is no room for the memory: {error}{advice}")
}

/// The placeholder of a dropped memory, which no instance and no JavaScript object uses.
#[derive(Debug)]
pub(in crate::engine) struct NoMemory;

impl LinearMemory for NoMemory {
    fn ty(&self) -> MemoryType {
        MemoryType::new(0, Some(0), false)
    }

    fn size(&self) -> Pages {
        Pages(0)
    }

    fn style(&self) -> MemoryStyle {
        MemoryStyle::Static
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        Err(MemoryError::CouldNotGrow { current: Pages(0), attempted_delta: delta })
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        NonNull::dangling()
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Ok(Box::new(Self))
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Ok(Box::new(Self))
    }
}

/// A memory that counts its growths, so that a call need not check every memory for an `ArrayBuffer` to detach: an
/// unchanged count means that none has grown.
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
        if !has_headroom_besides(delta.bytes().0) {
            return Err(no_headroom());
        }
        let before = self.0.grow(delta)?;
        note_growth();
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
