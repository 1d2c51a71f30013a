//! The slots of a store, and the look-ups that make them.

use super::entry::TableEntry;
use super::links::ActiveLinks;
use super::slot::{Forwarding, MirroredEntry, Slot};
use crate::error::{ErrorKind, Result, Subject};
use crate::rewrite::{ModuleEntry, SlotKind};
use crate::store::{FuncRef, Instance, InstanceId, Store, Swept, TableId};
use crate::wasm::{RefType, RustSignature};
use rustc_hash::{FxHashMap, FxHashSet};
use slab::Slab;
use std::rc::Rc;

/// A slot of a store. The id is reused once the slot is forgotten, which cannot happen while the host holds the slot.
pub type SlotId = u32;

/// The slots of a store, each made on first use.
#[derive(Default)]
pub struct Slots {
    slots: Slab<Slot>,
    /// Slots of instances, by instance and index in its code's list of slots
    of_instance: FxHashMap<(InstanceId, u32), SlotId>,
    /// Slots that are only a table entry
    by_entry: FxHashMap<TableEntry, SlotId>,
    /// Tables that JavaScript can read and that hold functions of slots: instance, and table index in its module
    owners: FxHashMap<TableId, (Rc<Instance>, u32)>,
    /// Tables whose entries hold thunks, since code of other modules may copy functions out of them
    released: FxHashSet<TableId>,
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
        let entries = slot.direct_entries.iter().map(entry).filter(|entry| !self.released.contains(&entry.table));
        let mirrored_entries = entries.map(|entry| MirroredEntry { entry, written: false }).collect();
        let id = self.add(Slot {
            name: named.name.clone(),
            kind: slot.kind,
            ty: original.ty(store),
            primary_entry: entry(&slot.primary_entry),
            mirrored_entries,
            active: ActiveLinks::default(),
            private: slot.primary_entry.table == code.dispatch_table(),
            forwards_to: None,
            dependents: Vec::new(),
            original,
            merged: named.merged(slot.kind).to_vec(),
            declaration: slot.declaration.clone().map(Box::new),
            instance: Some(instance.clone()),
            ended: false,
        });
        self.of_instance.insert(key, id);
        id
    }

    /// The slot of entry `index` of `table`. If the module put a slot's function there, and the entry still holds that
    /// slot's thunk or current function, it is that slot. Otherwise the entry is a slot of its own.
    ///
    /// # Errors
    /// `OutOfRange`; `EmptySlot` for an entry that is null; `UnsupportedValue` for a table of another element type.
    pub fn table_slot(&mut self, store: &Store, table: TableId, index: u32) -> Result<SlotId> {
        let name = format!("table[{index}]");
        let entry = TableEntry { table, index };
        let known = self.by_entry.get(&entry).copied();
        if let Some(id) = known.filter(|id| self.is_linked(*id)) {
            return Ok(id);
        }
        if table.element_type(store) != RefType::Func {
            let message = "expected a table of functions, got one of externref: its entries are no slots".to_owned();
            return Err(ErrorKind::UnsupportedValue { message }.into());
        }
        let Some(original) = table.function(store, index)? else {
            return Err(ErrorKind::EmptySlot { slot: name }.into());
        };
        if let Some((instance, position)) = self.owner(entry) {
            let id = self.of_instance(store, &instance, position);
            let thunk = instance.code().slots[position as usize].thunk;
            let own = thunk.is_some_and(|thunk| instance.function(store, thunk) == original);
            if own || self.current(store, id) == Some(original) {
                return Ok(id);
            }
        }
        // A write to the entry since then makes it another slot, with another original.
        if let Some(id) = known.filter(|id| self.slot(*id).original == original) {
            return Ok(id);
        }
        let id = self.add(Slot {
            name,
            kind: SlotKind::Table,
            ty: original.ty(store),
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
            ended: false,
        });
        self.by_entry.insert(entry, id);
        Ok(id)
    }

    /// The instance whose module put a slot's function into the entry, and the index of that slot.
    fn owner(&self, TableEntry { table, index }: TableEntry) -> Option<(Rc<Instance>, u32)> {
        let (instance, own) = self.owners.get(&table)?;
        let position = instance.code().slot_at(ModuleEntry { table: *own, index })?;
        Some((instance.clone(), position))
    }

    /// The function that JavaScript gets when it reads `function` from an entry. The thunk replaces the original of a
    /// slot, so that the function that JavaScript holds follows later links.
    pub fn visible_function(&self, store: &Store, entry: TableEntry, function: FuncRef) -> FuncRef {
        let Some((instance, position)) = self.owner(entry) else { return function };
        let slot = &instance.code().slots[position as usize];
        // Thunk entries held the thunk from the start: an original in one was written there, and stays visible.
        let own = self.owners.get(&entry.table).map(|(_, own)| *own);
        let shown = slot.thunk_entries.iter().any(|thunk| Some(thunk.table) == own && thunk.index == entry.index);
        match slot.thunk {
            Some(thunk) if !shown && instance.function(store, slot.original).canonical(store) == function => {
                instance.function(store, thunk)
            }
            _ => function,
        }
    }

    /// Puts thunks into the direct entries of a table before code of another module can read it: functions copied from
    /// there must follow later links.
    pub fn replace_with_thunks(&mut self, store: &Store, table: TableId) {
        if self.released.contains(&table) {
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
        self.released.insert(table);
        self.slots.iter_mut().for_each(|(_, slot)| slot.mirrored_entries.retain(|each| each.entry.table != table));
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

    /// The function that the slot holds now.
    pub fn current(&self, store: &Store, id: SlotId) -> Option<FuncRef> {
        self.slot(id).current(store)
    }

    /// Whether the slot has an active link.
    pub fn is_linked(&self, id: SlotId) -> bool {
        self.slot(id).active.is_any()
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

    /// Whether `fits` accepts the Rust types of a declared slot that has `function` as its original or thunk. A merged
    /// function is the original of several slots: `fits` is called for each until it accepts one.
    pub(super) fn declared_types(
        &self,
        store: &Store,
        function: FuncRef,
        mut fits: impl FnMut(&RustSignature) -> bool,
    ) -> bool {
        let Some((instance, index)) = function.locate(store) else { return false };
        let slots = &instance.code().slots;
        let declared = slots.iter().take_while(|slot| slot.kind == SlotKind::Declared);
        let own = declared.filter(|slot| slot.original == index);
        let through = instance.code().slot_of_thunk(index).map(|position| &slots[position as usize]);
        own.chain(through).filter_map(|slot| slot.declaration.as_ref()).any(|declaration| fits(&declaration.types))
    }

    /// Functions that slots may write back into tables, by table: originals of table slots, and thunks that forwarding
    /// slots hold. An instance keeps the originals of its own slots alive.
    pub fn restorable(&self) -> FxHashMap<TableId, Vec<FuncRef>> {
        let mut restorable: FxHashMap<TableId, Vec<FuncRef>> = FxHashMap::default();
        for slot in self.slots.iter().map(|(_, slot)| slot).filter(|slot| !slot.ended) {
            let original = (slot.kind == SlotKind::Table).then_some(slot.original);
            let functions = original.into_iter().chain(slot.forwards_to.map(|forwarding| forwarding.thunk));
            functions.for_each(|function| restorable.entry(slot.primary_entry.table).or_default().push(function));
        }
        restorable
    }

    /// Ends the slots of freed tables and instances. Forgets slots that the host does not hold, unless they are linked,
    /// forward to another slot or have dependents.
    pub fn forget(&mut self, swept: &Swept, is_held: impl Fn(SlotId) -> bool) {
        let is_gone = |instance: &Rc<Instance>| swept.instances.contains(&instance.id);
        for (_, slot) in &mut self.slots {
            if swept.tables.contains(&slot.primary_entry.table) || slot.instance.as_ref().is_some_and(is_gone) {
                slot.ended = true;
                slot.instance = None;
                slot.mirrored_entries.clear();
                slot.active.end();
                slot.forwards_to = None;
            }
        }
        self.count_dependents();
        let stands = |slot: &Slot| slot.active.is_any() || slot.forwards_to.is_some() || !slot.dependents.is_empty();
        self.slots.retain(|id, slot| is_held(id as SlotId) || (!slot.ended && stands(slot)));
        let slots = &self.slots;
        let stays = |id: &SlotId| slots.get(*id as usize).is_some_and(|slot| !slot.ended);
        self.of_instance.retain(|_, id| stays(id));
        self.by_entry.retain(|_, id| stays(id));
        self.owners.retain(|table, (instance, _)| !is_gone(instance) && !swept.tables.contains(table));
        self.released.retain(|table| !swept.tables.contains(table));
    }

    /// Rebuilds `dependents` of all slots.
    fn count_dependents(&mut self) {
        self.slots.iter_mut().for_each(|(_, slot)| slot.dependents.clear());
        let forwardings: Vec<_> =
            self.slots.iter().filter_map(|(id, slot)| Some((id as SlotId, slot.forwards_to?.slot))).collect();
        for (id, through) in forwardings {
            // A freed slot's id may be reused: a forwarding must not keep it.
            if self.find(through).is_some_and(|through| !through.ended) {
                self.add_dependent(id, through);
            } else {
                self.slot_mut(id).forwards_to = None;
            }
        }
    }

    /// Notes that slot `id` forwards to slot `through`.
    pub(super) fn add_dependent(&mut self, id: SlotId, through: SlotId) {
        let dependents = &mut self.slot_mut(through).dependents;
        dependents.push(id);
        let position = dependents.len() - 1;
        if let Some(forwarding) = &mut self.slot_mut(id).forwards_to {
            forwarding.position = position;
        }
    }

    /// Notes that a slot no longer has this forwarding.
    pub(super) fn remove_dependent(&mut self, Forwarding { slot, position, .. }: Forwarding) {
        let dependents = &mut self.slot_mut(slot).dependents;
        dependents.swap_remove(position);
        if let Some(moved) = dependents.get(position).copied()
            && let Some(forwarding) = &mut self.slot_mut(moved).forwards_to
        {
            forwarding.position = position;
        }
    }
}
