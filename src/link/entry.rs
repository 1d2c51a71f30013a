//! Table entries: all reads and writes of what slots hold.

use crate::store::{Batch, FuncRef, Reference, Store, TableId};

/// An entry of a funcref table of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TableEntry {
    /// The table
    pub table: TableId,
    /// Index of the entry
    pub index: u32,
}

impl TableEntry {
    /// The function that the entry holds.
    pub fn get(self, store: &Store) -> Option<FuncRef> {
        // A table does not shrink, so the entry is there.
        self.table.function(store, self.index).ok().flatten()
    }

    /// Writes any function of the store, or null.
    pub(super) fn set(self, store: &Store, function: Option<FuncRef>) {
        Batch::end_shortcuts(store);
        let written = self.table.set(store, self.index, Reference::Func(function));
        debug_assert!(written.is_ok(), "a slot is an entry of a funcref table, and tables do not shrink");
    }

    /// Writes a function that callers of the table can call.
    pub(super) fn put(self, store: &Store, native: FuncRef) {
        Batch::end_shortcuts(store);
        let written = self.table.put(store, self.index, native);
        debug_assert!(written.is_ok(), "a slot is an entry of a funcref table, and tables do not shrink");
    }
}
