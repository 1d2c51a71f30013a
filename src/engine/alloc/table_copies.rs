//! `TableCopy`: wasmer's copy of a table of fixed size, and who writes it.
//!
//! wasmer keeps the entries of a funcref table of fixed size also in the context of the instance that defines it, since
//! calls are faster there. Its builtin functions write the copy only for code of that instance. For code of other
//! instances, which import the table, the functions in `builtins` do it.

use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::ptr::NonNull;
use wasmer::sys::vm::{VMCallerCheckedAnyfunc, VMContext, VMTableDefinition};

/// A table with a copy.
#[derive(Debug, Clone, Copy)]
pub struct TableCopy {
    /// The table
    pub definition: NonNull<VMTableDefinition>,
    /// The copy, with as many entries
    pub copy: NonNull<VMCallerCheckedAnyfunc>,
}

thread_local! {
    /// The imported tables of this thread's instances, by the address of the importer's context. Only importers of a
    /// table with a copy are here.
    static IMPORTED: RefCell<FxHashMap<usize, Box<[Option<TableCopy>]>>> = RefCell::default();
}

/// Notes which imported tables of a new instance have copies, in the order of the module. Call it for each instance,
/// also for one without such tables: an earlier instance may have had the same context address.
///
/// # Safety
/// The tables and copies stay allocated while code of the instance can run.
pub unsafe fn note_imported_tables(context: *mut VMContext, tables: Box<[Option<TableCopy>]>) {
    let key = context.addr();
    IMPORTED.with_borrow_mut(|imported| match tables.iter().any(Option::is_some) {
        true => drop(imported.insert(key, tables)),
        false => drop(imported.remove(&key)),
    });
}

/// Forgets the imported tables of an instance that is about to be freed.
pub fn forget_imported_tables(context: *mut VMContext) {
    // At the end of a thread the map may be gone before the instances.
    let _ = IMPORTED.try_with(|imported| imported.borrow_mut().remove(&context.addr()));
}

/// Copies the entries that code of this instance has just written, if it imports the table, and the table has a copy.
/// `table` is the index of the table in the instance's module.
pub(in crate::engine) fn copy_entries(context: *mut VMContext, table: u32, first: u32, count: u32) {
    IMPORTED.with_borrow(|imported| {
        let tables = imported.get(&context.addr());
        let copied = tables.and_then(|tables| tables.get(table as usize).copied().flatten());
        if let Some(copied) = copied {
            // SAFETY: `note_imported_tables` was called with a table that stays allocated while this code can run.
            unsafe { copied.copy_entries(first, count) };
        }
    });
}

impl TableCopy {
    /// Copies entries of the table.
    ///
    /// # Safety
    /// The table and the copy are allocated; no wasm runs meanwhile.
    unsafe fn copy_entries(self, first: u32, count: u32) {
        // SAFETY: by the contract of this function.
        let VMTableDefinition { base, current_elements } = unsafe { self.definition.read() };
        let end = first.saturating_add(count).min(current_elements);
        for index in first as usize..end as usize {
            // SAFETY: the index is in bounds. An entry of a funcref table is a pointer to a function of the table's
            // store, which the table keeps alive, or null. The copy has as many entries as the table.
            unsafe {
                let entry = *base.cast::<*const VMCallerCheckedAnyfunc>().add(index);
                let function = if entry.is_null() { VMCallerCheckedAnyfunc::null() } else { *entry };
                *self.copy.as_ptr().add(index) = function;
            }
        }
    }
}
