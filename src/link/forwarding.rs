//! Primary entries, and the slots that forward to each other.

use super::implementation::CheckedImplementation;
use super::slot::{Forwarding, Slot, SlotId};
use super::slots::Slots;
use crate::store::{FuncRef, Store};

impl Slots {
    /// Writes `function` into the primary entry of slot `id`, and updates the slots that forward to it.
    /// `checked` is the result of the check, if the function was just checked.
    pub(super) fn set_primary(
        &mut self,
        store: &Store,
        id: SlotId,
        function: Option<FuncRef>,
        checked: Option<CheckedImplementation>,
    ) {
        let Slot { primary_entry, private, forwards_to: before, ref dependents, .. } = *self.slot(id);
        let has_dependents = !dependents.is_empty();
        let forwarding = function.filter(|_| private).and_then(|thunk| self.forwarding(store, id, thunk, checked));
        if let Some(before) = before {
            self.remove_dependent(before);
        }
        if before.is_some() || forwarding.is_some() {
            self.slot_mut(id).forwards_to = forwarding;
        }
        let shortcut = forwarding.and_then(|forwarding| {
            self.add_dependent(id, forwarding.slot);
            let entry_of_other = self.slot(forwarding.slot).primary_entry;
            entry_of_other.get(store).filter(|function| primary_entry.table.is_native(store, *function))
        });
        match shortcut.or(checked.map(|checked| checked.native)) {
            Some(native) => primary_entry.put(store, native),
            None => primary_entry.set(store, function),
        }
        if has_dependents {
            let dependents = self.slot(id).dependents.clone();
            for dependent in dependents {
                let thunk = self.slot(dependent).forwards_to.map(|forwarding| forwarding.thunk);
                self.set_primary(store, dependent, thunk, None);
            }
        }
    }

    /// The forwarding of slot `id`, which is private, when it holds `thunk`. None if the thunk's slot is not private.
    fn forwarding(
        &mut self,
        store: &Store,
        id: SlotId,
        thunk: FuncRef,
        checked: Option<CheckedImplementation>,
    ) -> Option<Forwarding> {
        let slot = checked.map_or_else(|| self.slot_of_thunk(store, thunk), |checked| checked.thunk_of)?;
        let through = self.slot(slot);
        if !through.private {
            return None;
        }
        // Forwardings stay acyclic at every step, also in the middle of an `undo` that may still fail.
        let mut ahead = std::iter::successors(through.forwards_to, |forwarding| self.slot(forwarding.slot).forwards_to);
        let is_cycle = slot == id || ahead.any(|forwarding| forwarding.slot == id);
        (!is_cycle).then_some(Forwarding { thunk, slot, position: 0 })
    }

    /// Rebuilds `dependents` of all slots.
    pub(super) fn rebuild_dependents(&mut self) {
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
    fn add_dependent(&mut self, id: SlotId, through: SlotId) {
        let dependents = &mut self.slot_mut(through).dependents;
        dependents.push(id);
        let position = dependents.len() - 1;
        if let Some(forwarding) = &mut self.slot_mut(id).forwards_to {
            forwarding.position = position;
        }
    }

    /// Notes that a slot no longer has this forwarding.
    fn remove_dependent(&mut self, Forwarding { slot, position, .. }: Forwarding) {
        let dependents = &mut self.slot_mut(slot).dependents;
        dependents.swap_remove(position);
        if let Some(moved) = dependents.get(position).copied()
            && let Some(forwarding) = &mut self.slot_mut(moved).forwards_to
        {
            forwarding.position = position;
        }
    }
}
