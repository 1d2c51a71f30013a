//! The slots of a store, and the look-ups that make them.

use super::active::{ActiveLinks, LinkId};
use super::entry::TableEntry;
use super::slot::{MirroredEntry, Slot, SlotId};
use crate::error::{ErrorKind, Result, Subject};
use crate::rewrite::{ModuleEntry, SlotKind};
use crate::store::{FuncRef, Instance, InstanceId, Store, TableId};
use crate::wasm::RefType;
use rustc_hash::{FxHashMap, FxHashSet};
use slab::Slab;
use std::rc::Rc;

/// The slots of a store, each made on first use.
#[derive(Default)]
pub struct Slots {
    pub(super) slots: Slab<Slot>,
    /// Slots of instances, by instance and index in its code's list of slots
    pub(super) of_instance: FxHashMap<(InstanceId, u32), SlotId>,
    /// Slots that are only a table entry
    pub(super) by_entry: FxHashMap<TableEntry, SlotId>,
    /// Tables that JavaScript can read and that hold functions of slots: instance, and table index in its module
    pub(super) owners: FxHashMap<TableId, (Rc<Instance>, u32)>,
    /// Tables whose entries hold thunks, since code of other modules may copy functions out of them
    pub(super) with_thunks: FxHashSet<TableId>,
    /// Number of checks of several changes so far
    pub(super) checks: u64,
    /// Entries that their function's slot no longer follows, since they are slots of their own
    pub(super) separate: FxHashSet<TableEntry>,
}

impl Slots {
    /// Registers the tables of a new instance.
    pub fn register_instance(&mut self, store: &Store, instance: &Rc<Instance>) {
        for index in instance.code().tables_with_slots() {
            let table = instance.table(store, *index);
            self.owners.insert(table, (instance.clone(), *index));
        }
    }

    /// The slot at index `position` of the code's list of slots.
    ///
    /// # Panics
    /// If the code has no such slot.
    pub fn of_instance(&mut self, store: &Store, instance: &Rc<Instance>, position: u32) -> SlotId {
        let key = (instance.id, position);
        if let Some(id) = self.of_instance.get(&key) {
            return *id;
        }
        let code = instance.code();
        let (slot, named) = (&code.slots[position as usize], &code.details().names[position as usize]);
        let original = instance.function(store, slot.original).canonical(store);
        let entry = |entry: &ModuleEntry| TableEntry { table: instance.table(store, entry.table), index: entry.index };
        let follows = |entry: &TableEntry| !self.with_thunks.contains(&entry.table) && !self.separate.contains(entry);
        let entries = slot.direct_entries.iter().map(entry).filter(follows);
        let mirrored_entries = entries.map(|entry| MirroredEntry { entry, written: false }).collect();
        let id = self.add(Slot {
            name: named.name.clone(),
            kind: slot.kind,
            ty: Some(original.ty(store)),
            primary_entry: entry(&slot.primary_entry),
            mirrored_entries,
            active: ActiveLinks::default(),
            private: slot.primary_entry.table == code.dispatch_table(),
            forwards_to: None,
            dependents: Vec::new(),
            original: Some(original),
            merged: named.merged(slot.kind).to_vec(),
            declaration: slot.declaration.clone().map(Box::new),
            instance: Some(instance.clone()),
            listed: 0,
            ended: false,
        });
        self.of_instance.insert(key, id);
        id
    }

    /// The slot of entry `index` of `table`. If the module put a slot's function there, and the entry still holds that
    /// slot's thunk or current function, it is that slot. Otherwise the entry is a slot of its own.
    ///
    /// # Errors
    /// `OutOfRange`; `UnsupportedValue` for a table of another element type.
    pub fn table_slot(&mut self, store: &Store, table: TableId, index: u32) -> Result<SlotId> {
        let entry = TableEntry { table, index };
        let known = self.by_entry.get(&entry).copied();
        if let Some(id) = known.filter(|id| self.is_linked(*id)) {
            return Ok(id);
        }
        if table.element_type(store) != RefType::Func {
            let message = "expected a table of functions, got one of externref, whose entries are not slots".to_owned();
            return Err(ErrorKind::UnsupportedValue { message }.into());
        }
        let original = table.function(store, index)?;
        if original.is_some()
            && let Some((instance, position)) = self.owner(entry)
        {
            let id = self.of_instance(store, &instance, position);
            let thunk = instance.code().slots[position as usize].thunk;
            let own = thunk.is_some_and(|thunk| Some(instance.function(store, thunk)) == original);
            if own || self.current(store, id) == original {
                return Ok(id);
            }
        }
        Ok(self.slot_of_entry(store, entry, original))
    }

    /// The slot of an entry alone, which holds `original`.
    pub(super) fn slot_of_entry(&mut self, store: &Store, entry: TableEntry, original: Option<FuncRef>) -> SlotId {
        let known = self.by_entry.get(&entry).copied();
        // A write to the entry since then makes it another slot, with another original.
        if let Some(id) = known.filter(|id| self.is_linked(*id) || self.slot(*id).original == original) {
            return id;
        }
        let id = self.add(Slot {
            name: format!("table[{}]", entry.index),
            kind: SlotKind::Table,
            ty: original.map(|original| original.ty(store)),
            primary_entry: entry,
            mirrored_entries: Vec::new(),
            active: ActiveLinks::default(),
            private: false,
            forwards_to: None,
            dependents: Vec::new(),
            original,
            merged: Vec::new(),
            declaration: None,
            instance: None,
            listed: 0,
            ended: false,
        });
        self.by_entry.insert(entry, id);
        id
    }

    /// The instance whose module put a slot's function into the entry, and the index of that slot.
    pub(super) fn owner(&self, TableEntry { table, index }: TableEntry) -> Option<(Rc<Instance>, u32)> {
        let (instance, own) = self.owners.get(&table)?;
        let position = instance.code().slot_at(ModuleEntry { table: *own, index })?;
        Some((instance.clone(), position))
    }

    fn add(&mut self, slot: Slot) -> SlotId {
        self.slots.insert(slot) as SlotId
    }

    /// The slot with this id.
    ///
    /// # Panics
    /// If there is none. Ids come only from `of_instance` and `table_slot`, and a slot stays while the host holds it.
    pub fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[id as usize]
    }

    /// The slot with this id, if there is one.
    pub fn find(&self, id: SlotId) -> Option<&Slot> {
        self.slots.get(id as usize)
    }

    pub(super) fn slot_mut(&mut self, id: SlotId) -> &mut Slot {
        &mut self.slots[id as usize]
    }

    /// The slot with this id, if the host may use it.
    ///
    /// # Errors
    /// `Closed`.
    pub fn open(&self, id: SlotId) -> Result<&Slot> {
        let slot = self.slot(id);
        if slot.is_closed() {
            return Err(ErrorKind::Closed(Subject::Slot(slot.name.clone())).into());
        }
        Ok(slot)
    }

    /// Number of slots.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Number of slots with an active link.
    pub fn linked(&self) -> usize {
        self.slots.iter().map(|(_, slot)| slot).filter(|slot| slot.active.is_any()).count()
    }

    /// The open slots with an active link, each with the id of its newest one.
    pub fn active_links(&self) -> Vec<(SlotId, LinkId)> {
        let linked = self.slots.iter().filter(|(_, slot)| slot.active.is_any() && !slot.is_closed());
        linked.map(|(id, slot)| (id as SlotId, slot.active.newest)).collect()
    }

    /// The function that the slot holds now.
    pub fn current(&self, store: &Store, id: SlotId) -> Option<FuncRef> {
        self.slot(id).current(store)
    }

    /// Whether the slot has an active link.
    pub fn is_linked(&self, id: SlotId) -> bool {
        self.slot(id).active.is_any()
    }

    /// A function, and if it is the thunk of a slot, the functions that this slot holds and held first, each with those behind it.
    pub fn behind(&mut self, store: &Store, function: FuncRef) -> Vec<FuncRef> {
        let mut functions = vec![function.canonical(store)];
        let mut next = 0;
        while let Some(function) = functions.get(next).copied() {
            next += 1;
            let Some(id) = self.slot_of_thunk(store, function) else { continue };
            let slot = self.slot(id);
            for held in [slot.current(store), slot.original].into_iter().flatten() {
                let held = held.canonical(store);
                if !functions.contains(&held) {
                    functions.push(held);
                }
            }
        }
        functions
    }

    /// The slot whose thunk `function` is.
    pub(super) fn slot_of_thunk(&mut self, store: &Store, function: FuncRef) -> Option<SlotId> {
        let (instance, index) = function.locate(store)?;
        self.slot_of(store, &instance, index)
    }

    /// The slot whose thunk is function `index` of the instance's module.
    pub(super) fn slot_of(&mut self, store: &Store, instance: &Rc<Instance>, index: u32) -> Option<SlotId> {
        let position = instance.code().slot_of_thunk(index)?;
        // An instance that is still starting has no slots yet.
        instance.has_started().then(|| self.of_instance(store, instance, position))
    }
}
