//! The checks before a link.

use super::allowed::Allowed;
use super::implementation::CheckedImplementation;
use super::planned::PlannedChanges;
use super::rust_types::check_types;
use super::slot::{Slot, SlotId};
use super::slots::Slots;
use crate::error::{ErrorKind, Result, Subject};
use crate::rewrite::SlotKind;
use crate::store::{FuncRef, Store};

impl Slots {
    /// Checks that the slot can be linked at all; `merged` allows a slot whose function stands for several.
    ///
    /// # Errors
    /// `Closed` or `Merged`.
    pub fn check_slot(&self, id: SlotId, merged: bool) -> Result<()> {
        self.slot(id).check(merged)
    }

    /// Checks that `implementation`, a function of `store`, may go into the slot, and returns the function to write.
    /// Writes no entry.
    ///
    /// `allowed` says what the caller permits; `planned` are the changes to be made before this one.
    ///
    /// # Errors
    /// `Closed`, `Signature`, `CallSite`, `Abi`, `Memories`, `Merged` or `Cycle`, and the errors of `TableId::native`.
    pub(super) fn check(
        &mut self,
        store: &Store,
        implementation: FuncRef,
        id: SlotId,
        allowed: Allowed,
        planned: &mut PlannedChanges,
    ) -> Result<CheckedImplementation> {
        let known = planned.facts(self, store, implementation);
        let slot = self.slot(id);
        slot.check(allowed.merged)?;
        let name = || slot.name.clone();
        if known.is_closed {
            return Err(ErrorKind::Closed(Subject::Implementation(name())).into());
        }
        let model = slot.model(store);
        if !model.is_some_and(|model| implementation.has_type_of(model)) {
            self.check_call_site(store, implementation, id, model, allowed)?;
        }
        if let Some(declared) = &slot.declaration {
            check_types(store, implementation, &slot.name, declared)?;
        }
        let has_pointers = slot.declaration.as_ref().is_some_and(|declared| declared.types.has_pointers());
        if (has_pointers || known.has_pointers) && !allowed.pointers {
            slot.check_memory(store, implementation)?;
        }
        let table = slot.primary_entry.table;
        self.check_path(store, known.thunk_of, id, planned)?;
        planned.check_native(store, known, table)
    }

    /// Checks that slot `id` holding `function` closes no cycle once the planned changes are made.
    ///
    /// # Errors
    /// `Cycle`.
    pub(super) fn check_cycle(
        &mut self,
        store: &Store,
        function: FuncRef,
        id: SlotId,
        planned: &mut PlannedChanges,
    ) -> Result<()> {
        let through = planned.facts(self, store, function).thunk_of;
        self.check_path(store, through, id, planned)
    }

    /// Like `check_cycle`, for a function that is the thunk of slot `through`, or no thunk.
    fn check_path(
        &mut self,
        store: &Store,
        through: Option<SlotId>,
        id: SlotId,
        planned: &mut PlannedChanges,
    ) -> Result<()> {
        if through.is_some_and(|through| self.reaches(store, through, id, planned)) {
            return Err(ErrorKind::Cycle { slot: self.slot(id).name.clone() }.into());
        }
        Ok(())
    }

    /// Whether `slot` is `target`, or reaches it through a chain of slots that each hold the next one's thunk.
    fn reaches(&mut self, store: &Store, mut slot: SlotId, target: SlotId, planned: &mut PlannedChanges) -> bool {
        let mut steps = 0;
        // A walk of more steps than there are slots has met a slot twice. `slot_of_thunk` adds slots on the way.
        while steps <= self.len() {
            if slot == target {
                return true;
            }
            steps += 1;
            let next = match planned.next.get(&slot) {
                Some(next) => *next,
                None => {
                    let held = self.current(store, slot);
                    let next = held.and_then(|held| self.slot_of_thunk(store, held));
                    if planned.are_many {
                        planned.next.insert(slot, next);
                    }
                    next
                }
            };
            match next {
                Some(next) => slot = next,
                None => return false,
            }
        }
        true
    }
}

impl Slot {
    fn check(&self, merged: bool) -> Result<()> {
        let name = || self.name.clone();
        if self.is_closed() {
            return Err(ErrorKind::Closed(Subject::Slot(name())).into());
        }
        if !self.merged.is_empty() && !merged {
            return Err(ErrorKind::Merged { slot: name(), names: self.merged.clone() }.into());
        }
        Ok(())
    }

    /// A function of the type that an implementation must have: the original or, in a table slot without an active
    /// link, the function that the entry holds now. None for an empty entry.
    fn model(&self, store: &Store) -> Option<FuncRef> {
        let free = self.kind == SlotKind::Table && !self.active.is_any();
        let held = if free { self.current(store) } else { None };
        held.or(self.original)
    }
}
