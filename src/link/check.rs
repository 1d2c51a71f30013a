//! The checks before a link.

use super::links::Ready;
use super::slot::Slot;
use super::slots::{SlotId, Slots};
use crate::error::{ErrorKind, Result, Subject};
use crate::rewrite::SlotKind;
use crate::store::{FuncRef, Store, TableId};
use crate::wasm::RustSignature;
use rustc_hash::FxHashMap;

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
    /// `merged` allows a slot whose function stands for several; `pending` are the changes to be made before this one.
    ///
    /// # Errors
    /// `Closed`, `Signature`, `Abi`, `Merged` or `Cycle`, and those of `TableId::native`.
    pub(super) fn check(
        &mut self,
        store: &Store,
        implementation: FuncRef,
        id: SlotId,
        merged: bool,
        pending: &mut PlannedChanges,
    ) -> Result<Ready> {
        let known = pending.know(self, store, implementation);
        let slot = self.slot(id);
        slot.check(merged)?;
        let name = || slot.name.clone();
        if known.is_closed {
            return Err(ErrorKind::Closed(Subject::Implementation(name())).into());
        }
        let model = slot.model(store);
        if !implementation.has_type_of(model) {
            let (expected, actual) = (model.ty(store).to_string(), implementation.ty(store).to_string());
            return Err(ErrorKind::Signature { slot: name(), expected, actual }.into());
        }
        if let Some(declared) = &slot.declaration {
            self.check_rust_types(store, implementation, &slot.name, &declared.types)?;
        }
        let table = slot.primary_entry.table;
        self.check_way(store, known.through, id, pending)?;
        pending.ready(store, known, table)
    }

    /// Checks that slot `id` holding `function` closes no cycle once the pending changes are made.
    ///
    /// # Errors
    /// `Cycle`.
    pub(super) fn check_cycle(
        &mut self,
        store: &Store,
        function: FuncRef,
        id: SlotId,
        pending: &mut PlannedChanges,
    ) -> Result<()> {
        let through = pending.know(self, store, function).through;
        self.check_way(store, through, id, pending)
    }

    /// Like `check_cycle`, for a function that is the thunk of slot `through`, or no thunk.
    fn check_way(
        &mut self,
        store: &Store,
        through: Option<SlotId>,
        id: SlotId,
        pending: &mut PlannedChanges,
    ) -> Result<()> {
        if through.is_some_and(|through| self.leads_to(store, through, id, pending)) {
            return Err(ErrorKind::Cycle { slot: self.slot(id).name.clone() }.into());
        }
        Ok(())
    }

    /// Checks that `implementation`, if it is declared, has the Rust types of the slot.
    fn check_rust_types(
        &self,
        store: &Store,
        implementation: FuncRef,
        slot: &str,
        expected: &RustSignature,
    ) -> Result<()> {
        let mut other = None;
        // A thunk has its slot's Rust types: every function that the slot holds was checked against them.
        let fits = self.declared_types(store, implementation, |types| {
            other = other.take().or_else(|| Some(types.clone()).filter(|types| types != expected));
            types == expected
        });
        match other {
            Some(actual) if !fits => {
                let (expected, actual) = (expected.to_string(), actual.to_string());
                Err(ErrorKind::Abi { slot: slot.to_owned(), expected, actual }.into())
            }
            _ => Ok(()),
        }
    }

    /// Whether `slot` is `target`, or reaches it through a chain of slots that each hold the next one's thunk.
    fn leads_to(&mut self, store: &Store, mut slot: SlotId, target: SlotId, pending: &mut PlannedChanges) -> bool {
        let mut steps = 0;
        // A walk of more steps than there are slots has met one twice. `slot_of_thunk` adds slots on the way.
        while steps <= self.len() {
            if slot == target {
                return true;
            }
            steps += 1;
            let next = match pending.next.get(&slot) {
                Some(next) => *next,
                None => {
                    let held = self.current(store, slot);
                    let next = held.and_then(|held| self.slot_of_thunk(store, held));
                    if pending.are_many {
                        pending.next.insert(slot, next);
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
    /// link, the function that the entry holds now.
    fn model(&self, store: &Store) -> FuncRef {
        let free = self.kind == SlotKind::Table && !self.active.is_any();
        let held = if free { self.current(store) } else { None };
        held.unwrap_or(self.original)
    }
}

/// The slots that slots will call through once pending changes are made.
#[derive(Default)]
pub(super) struct PlannedChanges {
    /// For each slot, the slot whose thunk it holds
    next: FxHashMap<SlotId, Option<SlotId>>,
    /// Whether to cache `next` of slots that are not changed: pays off for several changes
    are_many: bool,
    /// Cache of the last look-up: many slots often get the same function
    last: Option<Known>,
}

/// Cached facts about a function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    function: FuncRef,
    /// Whether its instance was closed
    pub is_closed: bool,
    /// The slot whose thunk it is
    pub through: Option<SlotId>,
    /// The function that callers of a table can call for it
    native: Option<(TableId, FuncRef)>,
}

impl PlannedChanges {
    /// Makes room for this number of changes.
    pub(super) fn of(changes: usize) -> Self {
        let next = FxHashMap::with_capacity_and_hasher(changes, Default::default());
        Self { next, are_many: changes > 1, last: None }
    }

    /// Notes that a slot is going to hold `function`.
    pub(super) fn promise(&mut self, slots: &mut Slots, store: &Store, function: FuncRef, slot: SlotId) {
        let next = self.know(slots, store, function).through;
        self.next.insert(slot, next);
    }

    /// The facts about `function`.
    pub(super) fn know(&mut self, slots: &mut Slots, store: &Store, function: FuncRef) -> Known {
        if let Some(known) = self.last.filter(|last| last.function == function) {
            return known;
        }
        let located = function.locate(store);
        let is_closed = located.as_ref().is_some_and(|(instance, _)| instance.is_closed());
        let through = located.and_then(|(instance, index)| slots.slot_of(store, &instance, index));
        *self.last.insert(Known { function, is_closed, through, native: None })
    }

    /// The function that callers of `table` can call for a function that was just looked up.
    fn ready(&mut self, store: &Store, known: Known, table: TableId) -> Result<Ready> {
        let Known { function, through, native, .. } = known;
        if let Some((_, native)) = native.filter(|(known, _)| *known == table) {
            return Ok(Ready { native, through });
        }
        let native = table.native(store, function)?;
        self.last = Some(Known { native: Some((table, native)), ..known });
        Ok(Ready { native, through })
    }
}
