//! Entries that links have written into the tables of an instance, when it is recycled.

use super::entry::TableEntry;
use super::slots::Slots;
use crate::error::Result;
use crate::store::{FuncRef, Instance, Reference, Store, TableId};
use std::rc::Rc;

/// Entries of slots, each with the function that the slot holds, if it is linked.
pub struct LinkedEntries(Vec<(TableEntry, Option<FuncRef>)>);

impl Slots {
    /// The entries of slots in these tables. With `mirrored`, also those that hold what the slot holds in a new instance.
    pub fn linked_entries(&mut self, store: &Store, tables: &[TableId], mirrored: bool) -> LinkedEntries {
        let mut entries = Vec::new();
        for slot in self.slots.iter_mut().map(|(_, slot)| slot).filter(|slot| !slot.ended) {
            let is_linked = slot.active.is_any() || slot.forwards_to.is_some();
            let current = slot.current(store).filter(|_| is_linked);
            entries.push((slot.primary_entry, current));
            let mirrored = slot.mirrored_entries.iter_mut().filter(|_| mirrored && is_linked);
            for mirrored in mirrored.filter(|mirrored| tables.contains(&mirrored.entry.table)) {
                mirrored.written = true;
                entries.push((mirrored.entry, current));
            }
        }
        entries.retain(|(entry, _)| tables.contains(&entry.table));
        LinkedEntries(entries)
    }

    /// Writes the entries again into tables of an instance that have their initial entries, and the thunks in place of
    /// originals.
    ///
    /// # Errors
    /// `OutOfRange`, `Limit` or `Memory` if a table has no room for an entry with which it had grown.
    pub fn write_again(&mut self, store: &Store, instance: &Rc<Instance>, entries: &LinkedEntries) -> Result<()> {
        for (entry, current) in &entries.0 {
            // A slot is an entry that exists.
            let TableEntry { table, index } = *entry;
            let size = table.size(store);
            if index >= size {
                table.grow(store, index - size + 1, Reference::Func(None))?;
            }
            if current.is_some() {
                entry.set(store, *current);
            }
        }
        self.write_thunks(store, instance);
        Ok(())
    }

    /// Puts the thunks into direct entries that hold originals, in tables whose entries hold thunks.
    fn write_thunks(&self, store: &Store, instance: &Rc<Instance>) {
        let code = instance.code();
        for table in &self.with_thunks {
            let Some((owner, own)) = self.owners.get(table) else { continue };
            if owner.id != instance.id {
                continue;
            }
            for slot in &code.slots {
                let Some(thunk) = slot.thunk else { continue };
                let original = instance.function(store, slot.original).canonical(store);
                for entry in slot.direct_entries.iter().filter(|entry| entry.table == *own) {
                    let entry = TableEntry { table: *table, index: entry.index };
                    if entry.get(store) == Some(original) {
                        entry.set(store, Some(instance.function(store, thunk)));
                    }
                }
            }
        }
    }
}
