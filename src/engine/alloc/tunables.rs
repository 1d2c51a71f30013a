//! `StoreTunables`: how wasmer makes memories and tables.

use crate::engine::alloc::builtins::may_begin;
use crate::engine::alloc::full_memory::FullMemory;
use crate::engine::alloc::quota::{Charge, Quota, Resource};
use crate::engine::alloc::reserve::Reserve;
use crate::engine::alloc::room::{has_headroom, no_headroom};
use crate::engine::alloc::shared_memory;
use crate::engine::alloc::small_memory::SmallMemory;
use crate::engine::types::table_maximum;
use crate::wasm::Limits;
use std::ptr::NonNull;
use std::sync::Arc;
use wasmer::sys::vm::{MemoryError, VMMemory, VMMemoryDefinition, VMTable, VMTableDefinition};
use wasmer::sys::{BaseTunables, Tunables};
use wasmer::{MemoryStyle, MemoryType, TableStyle, TableType};

/// The tunables of a module.
pub struct StoreTunables {
    base: BaseTunables,
    reserve: Reserve,
    /// Limits of the tables that the module defines, as their author wrote them
    tables: Vec<Limits>,
}

impl StoreTunables {
    /// `tables` are the limits at run time of the tables that the module defines; the load-time pass gives fixed-size
    /// tables a larger maximum in the bytes (see `rewrite`). `reserve` is the address space that its memories reserve.
    pub fn new(tables: Vec<Limits>, reserve: Reserve) -> Self {
        Self { base: BaseTunables::new(), reserve, tables }
    }

    /// The types at run time of the tables that the module defines. `defined` are their types in the bytes, where the
    /// load-time pass has raised the maximum of fixed-size tables, and where a table may have no maximum.
    pub(in crate::engine) fn table_types<'a>(
        &'a self,
        defined: impl Iterator<Item = &'a TableType>,
    ) -> impl Iterator<Item = TableType> {
        defined.zip(&self.tables).map(|(ty, written)| TableType { maximum: table_maximum(written), ..*ty })
    }

    /// A memory that no instance defines. Its bytes are charged to `quota`.
    ///
    /// # Errors
    /// `Generic` at a limit, or for a shared memory; else those of the memory.
    pub fn host_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
        quota: &Arc<Quota>,
    ) -> Result<VMMemory, MemoryError> {
        let charge = charge_for_memory(ty, quota)?;
        leaving_headroom(VMMemory(match Reserve::of_style(*style) {
            Reserve::Full => Box::new(FullMemory::new(ty, style, charge)?),
            Reserve::Small => Box::new(SmallMemory::new(ty, charge)?),
        }))
    }

    /// A memory of an instance; its definition is at `location`, and `charge` is for its bytes.
    ///
    /// # Errors
    /// The errors of the memory.
    ///
    /// # Safety
    /// `location` may be written, and outlives the memory.
    pub(in crate::engine) unsafe fn instance_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
        location: NonNull<VMMemoryDefinition>,
        charge: Charge,
    ) -> Result<VMMemory, MemoryError> {
        leaving_headroom(VMMemory(match Reserve::of_style(*style) {
            // SAFETY: the caller's promise about `location` is passed on.
            Reserve::Full => Box::new(unsafe { FullMemory::of_instance(ty, style, location, charge)? }),
            // SAFETY: the caller's promise about `location` is passed on.
            Reserve::Small => Box::new(unsafe { SmallMemory::of_instance(ty, location, charge)? }),
        }))
    }
}

/// The charge for the bytes of a memory that is about to be made.
///
/// # Errors
/// `Generic` at a limit, or for a shared memory.
pub(in crate::engine) fn charge_for_memory(ty: &MemoryType, quota: &Arc<Quota>) -> Result<Charge, MemoryError> {
    if ty.shared {
        return Err(MemoryError::Generic("a shared memory is made of the host's bytes".into()));
    }
    Ok(quota.charge(Resource::MemorySize, ty.minimum.bytes().0 as u64)?)
}

impl Tunables for StoreTunables {
    fn memory_style(&self, memory: &MemoryType) -> MemoryStyle {
        if memory.shared { shared_memory::STYLE } else { self.reserve.style() }
    }

    fn table_style(&self, table: &TableType) -> TableStyle {
        self.base.table_style(table)
    }

    fn create_host_memory(&self, ty: &MemoryType, style: &MemoryStyle) -> Result<VMMemory, MemoryError> {
        self.host_memory(ty, style, &Quota::unlimited())
    }

    unsafe fn create_vm_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
        location: NonNull<VMMemoryDefinition>,
    ) -> Result<VMMemory, MemoryError> {
        let charge = charge_for_memory(ty, &Quota::unlimited())?;
        // SAFETY: the caller's promise about `location` is passed on.
        unsafe { self.instance_memory(ty, style, location, charge) }
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
