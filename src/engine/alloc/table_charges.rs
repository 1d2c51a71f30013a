//! The charges of tables: wasmer's table is no trait, so what its entries cost is kept beside it, by its definition.

use crate::engine::alloc::quota::{Charge, Exceeded, Quota, Resource};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use wasmer::sys::vm::{VMContext, VMInstance, VMTable, VMTableDefinition};
use wasmer_types::{LocalTableIndex, TableIndex};

/// Charges by the address of the table's definition, which no two tables have at a time.
static CHARGES: LazyLock<Mutex<HashMap<usize, Charge>>> = LazyLock::new(Mutex::default);

/// The definitions of an instance's tables, by the address of its context.
static CONTEXTS: LazyLock<Mutex<HashMap<usize, Definitions>>> = LazyLock::new(Mutex::default);

/// Addresses of the definitions of an instance's tables.
struct Definitions {
    all: Box<[usize]>,
    /// Number of imported tables, which come first
    imported: usize,
}

fn charges() -> MutexGuard<'static, HashMap<usize, Charge>> {
    CHARGES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn contexts() -> MutexGuard<'static, HashMap<usize, Definitions>> {
    CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a table has a charge.
#[cfg(test)]
pub fn is_charged(definition: NonNull<VMTableDefinition>) -> bool {
    charges().contains_key(&(definition.as_ptr() as usize))
}

/// The charge for a table that is about to be made.
///
/// # Errors
/// `Exceeded`.
pub fn charge_for_table(quota: &Arc<Quota>, entries: u32) -> Result<Charge, Exceeded> {
    quota.charge(Resource::TableElements, entries.into())
}

/// Keeps the charge of a new table, until `release_table`.
pub fn keep_table_charge(table: &VMTable, charge: Charge) {
    charges().insert(table.vmtable().as_ptr() as usize, charge);
}

/// Gives back what a table has, which is about to be dropped.
pub fn release_table(table: &VMTable) {
    charges().remove(&(table.vmtable().as_ptr() as usize));
}

/// Takes the charge of a table out, for `keep_table_charge`.
pub fn take_table_charge(table: &VMTable) -> Option<Charge> {
    charges().remove(&(table.vmtable().as_ptr() as usize))
}

/// Charges the growth of a table by `delta` entries.
///
/// # Errors
/// `Exceeded`.
pub fn charge_table_growth(definition: NonNull<VMTableDefinition>, delta: u32) -> Result<(), Exceeded> {
    let charges = charges();
    charges.get(&(definition.as_ptr() as usize)).map_or(Ok(()), |charge| charge.grow(delta.into()))
}

/// Gives back a charged growth that has failed.
pub fn release_table_growth(definition: NonNull<VMTableDefinition>, delta: u32) {
    if let Some(charge) = charges().get(&(definition.as_ptr() as usize)) {
        charge.shrink(delta.into());
    }
}

/// A table of an instance, as its code counts it.
#[derive(Clone, Copy)]
pub(in crate::engine) enum TableOf {
    /// One that it defines, without the imported ones
    Own(u32),
    /// One that it imports
    Import(u32),
}

/// The definition of a table of the instance with this context.
pub(in crate::engine) fn definition_in(context: *mut VMContext, table: TableOf) -> Option<NonNull<VMTableDefinition>> {
    let contexts = contexts();
    let definitions = contexts.get(&(context as usize))?;
    let index = match table {
        TableOf::Own(index) => definitions.imported + index as usize,
        TableOf::Import(index) => index as usize,
    };
    NonNull::new(std::ptr::with_exposed_provenance_mut(*definitions.all.get(index)?))
}

/// Makes the definitions of an instance's tables known to its `table.grow`, until it is dropped.
pub struct KnownTables {
    context: usize,
}

impl KnownTables {
    /// The tables of a new instance; none if it has none.
    pub fn of(instance: &VMInstance) -> Option<Self> {
        let (context, offsets, module) = (instance.vmctx_ptr(), instance.vmoffsets(), instance.module());
        let imported = module.num_imported_tables;
        if module.tables.is_empty() {
            return None;
        }
        let at = |offset: u32| context.cast::<u8>().wrapping_add(offset as usize);
        let definitions = (0..module.tables.len()).map(|index| match index.checked_sub(imported) {
            None => {
                let place = at(offsets.vmctx_vmtable_import_definition(TableIndex::from_u32(index as u32)));
                // SAFETY: this offset in the context of an instance holds a pointer to the definition of the import.
                unsafe { place.cast::<*mut VMTableDefinition>().read() }.expose_provenance()
            }
            Some(own) => {
                at(offsets.vmctx_vmtable_definition(LocalTableIndex::from_u32(own as u32))).expose_provenance()
            }
        });
        contexts().insert(context as usize, Definitions { all: definitions.collect(), imported });
        Some(Self { context: context as usize })
    }
}

impl Drop for KnownTables {
    fn drop(&mut self) {
        contexts().remove(&self.context);
    }
}
