//! Thunks in tables that JavaScript or other modules read.

use super::entry::TableEntry;
use super::slots::Slots;
use crate::store::{FuncRef, Store, TableId};

impl Slots {
    /// The function that JavaScript gets when it reads `function` from an entry. The thunk replaces the original of a
    /// slot, so that the function that JavaScript holds follows later links.
    pub fn visible_function(&self, store: &Store, entry: TableEntry, function: FuncRef) -> FuncRef {
        let Some((instance, position)) = self.owner(entry) else { return function };
        let slot = &instance.code().slots[position as usize];
        // Thunk entries held the thunk from the start. So an original in such an entry was written later, and stays
        // visible.
        let own = self.owners.get(&entry.table).map(|(_, own)| *own);
        let holds_thunk = slot.thunk_entries.iter().any(|thunk| Some(thunk.table) == own && thunk.index == entry.index);
        match slot.thunk {
            Some(thunk) if !holds_thunk && instance.function(store, slot.original).canonical(store) == function => {
                instance.function(store, thunk)
            }
            _ => function,
        }
    }

    /// Puts thunks into the direct entries of a table before code of another module can read it: functions copied from
    /// there must follow later links.
    pub fn replace_with_thunks(&mut self, store: &Store, table: TableId) {
        if self.with_thunks.contains(&table) {
            return;
        }
        let Some((instance, own)) = self.owners.get(&table).cloned() else { return };
        let code = instance.code();
        for (position, slot) in (0..).zip(&code.slots) {
            let Some(thunk) = slot.thunk else { continue };
            for entry in slot.direct_entries.iter().filter(|entry| entry.table == own) {
                let id = self.of_instance(store, &instance, position);
                let entry = TableEntry { table, index: entry.index };
                if entry.get(store) == self.current(store, id) {
                    entry.set(store, Some(instance.function(store, thunk)));
                }
            }
        }
        self.with_thunks.insert(table);
        self.slots.iter_mut().for_each(|(_, slot)| slot.mirrored_entries.retain(|each| each.entry.table != table));
    }
}
