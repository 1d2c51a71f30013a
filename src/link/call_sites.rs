//! Call sites: the types by which code calls the entries of a table.

use super::allowed::Allowed;
use super::entry::TableEntry;
use super::slot::{Slot, SlotId};
use super::slots::Slots;
use crate::error::{ErrorKind, Result};
use crate::rewrite::{ModuleEntry, SlotKind};
use crate::store::{FuncRef, Store, TableId};
use crate::wasm::FuncType;
use std::rc::Rc;

/// The types by which code of open instances calls entries of a table, each once.
fn types_of(store: &Store, table: TableId) -> Vec<FuncType> {
    let mut found = Vec::new();
    for instance in store.instances().iter().filter(|instance| !instance.is_closed()) {
        let code = instance.code();
        let sites = code.details().call_sites.iter().filter(|(index, _)| instance.table(store, **index) == table);
        for ty in sites.flat_map(|(_, types)| types).map(|ty| &code.binary.types[*ty as usize]) {
            if !found.contains(ty) {
                found.push(ty.clone());
            }
        }
    }
    found
}

/// The refusal of a function of type `actual`; of a JavaScript function, which has no type, if there is none.
fn no_call_site(slot: &Slot, types: &[FuncType], actual: Option<String>) -> crate::error::Error {
    let types = types.iter().map(ToString::to_string).collect();
    ErrorKind::CallSite { slot: slot.name.clone(), types, actual }.into()
}

impl Slots {
    /// The types by which code calls the entries of slot `id`; none for a slot without an entry that JavaScript can reach.
    pub fn call_types(&self, store: &Store, id: SlotId) -> Vec<FuncType> {
        let slot = self.slot(id);
        let table = match slot.kind {
            SlotKind::Table => Some(slot.primary_entry.table),
            _ => self.entries_of(store, id).first().map(|entry| entry.table),
        };
        table.map_or_else(Vec::new, |table| types_of(store, table))
    }

    /// Checks that a function which is not of the slot's type has the type of a call site, and that a link may rely on that:
    /// in an empty entry, or with the permission `call_sites`.
    ///
    /// # Errors
    /// `Signature` or `CallSite`.
    #[cold]
    pub(super) fn check_call_site(
        &self,
        store: &Store,
        implementation: FuncRef,
        id: SlotId,
        model: Option<FuncRef>,
        allowed: Allowed,
    ) -> Result<()> {
        let (slot, actual) = (self.slot(id), implementation.ty(store));
        let types = self.call_types(store, id);
        let is_called = types.contains(&actual);
        if slot.kind == SlotKind::Table && (allowed.call_sites || model.is_none()) {
            return if is_called { Ok(()) } else { Err(no_call_site(slot, &types, Some(actual.to_string()))) };
        }
        let expected = model.map_or_else(String::new, |model| model.ty(store).to_string());
        let (slot, actual) = (slot.name.clone(), actual.to_string());
        Err(ErrorKind::Signature { slot, expected, actual, is_called }.into())
    }

    /// The type of the adapter of a JavaScript function for slot `id`: the slot's, or that of a call site if the caller allows
    /// it or the entry is empty. `wanted` is the type that the caller names.
    ///
    /// # Errors
    /// `CallSite` if no call site has the type that is wanted, or if several types are possible.
    pub fn adapter_type(
        &self,
        store: &Store,
        id: SlotId,
        wanted: Option<FuncType>,
        allowed: Allowed,
    ) -> Result<Rc<FuncType>> {
        let slot = self.slot(id);
        if let (Some(ty), false, None) = (&slot.ty, allowed.call_sites, &wanted) {
            return Ok(ty.clone());
        }
        let mut types = self.call_types(store, id);
        match (wanted, &slot.ty) {
            (Some(wanted), _) if types.contains(&wanted) => Ok(Rc::new(wanted)),
            (Some(wanted), Some(ty)) if **ty == wanted => Ok(ty.clone()),
            (Some(wanted), _) => Err(no_call_site(slot, &types, Some(wanted.to_string()))),
            (None, own) => {
                types.retain(|ty| own.as_deref() != Some(ty));
                match (types.len(), own) {
                    (1, _) => Ok(Rc::new(types.remove(0))),
                    (0, Some(own)) => Ok(own.clone()),
                    _ => Err(no_call_site(slot, &types, None)),
                }
            }
        }
    }

    /// The slot of the table entry of slot `id` alone. The slot of a function stops following the entry, which holds the
    /// function's thunk until a link writes it: calls through it run what the function's slot holds.
    ///
    /// # Errors
    /// `Entries` for a function that no entry holds which JavaScript can reach, or that several hold.
    pub fn entry_slot(&mut self, store: &Store, id: SlotId) -> Result<SlotId> {
        if self.slot(id).kind == SlotKind::Table {
            return Ok(id);
        }
        match self.entries_of(store, id)[..] {
            [entry] => Ok(self.separate(store, entry)),
            ref entries => {
                let entries = entries.iter().map(|entry| entry.index).collect();
                Err(ErrorKind::Entries { slot: self.slot(id).name.clone(), entries }.into())
            }
        }
    }

    /// The slot of entry `index` of `table` alone, as `entry_slot` makes it.
    ///
    /// # Errors
    /// The errors of `table_slot`.
    pub fn entry_slot_at(&mut self, store: &Store, table: TableId, index: u32) -> Result<SlotId> {
        let id = self.table_slot(store, table, index)?;
        let is_entry = self.slot(id).kind == SlotKind::Table;
        Ok(if is_entry { id } else { self.separate(store, TableEntry { table, index }) })
    }

    /// The entries of exported tables that hold the function of slot `id` from the start.
    fn entries_of(&self, store: &Store, id: SlotId) -> Vec<TableEntry> {
        let Some(instance) = &self.slot(id).instance else { return Vec::new() };
        let position = self.of_instance.iter().find_map(|((_, position), slot)| (*slot == id).then_some(*position));
        let Some(slot) = position.and_then(|position| instance.code().slots.get(position as usize)) else {
            return Vec::new();
        };
        let exported = instance.code().tables_with_slots();
        let entries =
            slot.direct_entries.iter().chain(&slot.thunk_entries).filter(|entry| exported.contains(&entry.table));
        entries
            .map(|ModuleEntry { table, index }| TableEntry { table: instance.table(store, *table), index: *index })
            .collect()
    }

    /// Makes an entry that belongs to a function's slot a slot of its own.
    fn separate(&mut self, store: &Store, entry: TableEntry) -> SlotId {
        if let Some((instance, position)) = self.owner(entry) {
            let id = self.of_instance(store, &instance, position);
            let thunk = instance.code().slots[position as usize].thunk;
            if let Some(thunk) = thunk.filter(|_| entry.get(store) == self.current(store, id)) {
                entry.set(store, Some(instance.function(store, thunk)));
            }
            self.slot_mut(id).mirrored_entries.retain(|mirrored| mirrored.entry != entry);
            self.separate.insert(entry);
        }
        self.slot_of_entry(store, entry, entry.get(store))
    }
}
