//! Slots and the collector: what slots keep alive, and which slots are forgotten.

use super::slot::{Slot, SlotId};
use super::slots::Slots;
use crate::rewrite::SlotKind;
use crate::store::{FuncRef, Instance, Swept, TableId};
use rustc_hash::FxHashMap;
use std::rc::Rc;

impl Slots {
    /// Functions that slots may write back into tables, by table: originals of table slots, and thunks that forwarding
    /// slots hold. An instance keeps the originals of its own slots alive.
    pub fn restorable(&self) -> FxHashMap<TableId, Vec<FuncRef>> {
        let mut restorable: FxHashMap<TableId, Vec<FuncRef>> = FxHashMap::default();
        for slot in self.slots.iter().map(|(_, slot)| slot).filter(|slot| !slot.ended) {
            let original = slot.original.filter(|_| slot.kind == SlotKind::Table);
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
        self.rebuild_dependents();
        let is_needed = |slot: &Slot| slot.active.is_any() || slot.forwards_to.is_some() || !slot.dependents.is_empty();
        self.slots.retain(|id, slot| is_held(id as SlotId) || (!slot.ended && is_needed(slot)));
        let slots = &self.slots;
        let stays = |id: &SlotId| slots.get(*id as usize).is_some_and(|slot| !slot.ended);
        self.of_instance.retain(|_, id| stays(id));
        self.by_entry.retain(|_, id| stays(id));
        self.owners.retain(|table, (instance, _)| !is_gone(instance) && !swept.tables.contains(table));
        self.with_thunks.retain(|table| !swept.tables.contains(table));
        self.separate.retain(|entry| !swept.tables.contains(&entry.table));
    }
}
