use super::links::Ready;
use super::slot::Slot;
use super::slots::{SlotId, Slots};
use crate::error::{ErrorKind, Result, Subject};
use crate::rewrite::SlotKind;
use crate::store::{FuncRef, Store, TableId};
use crate::wasm::RustSignature;
use rustc_hash::FxHashMap;

impl Slots {
    /// Whether the slot takes any implementation.
    ///
    /// # Errors
    /// `Closed` or `Merged`.
    pub fn check_slot(&self, id: SlotId, merged: bool) -> Result<()> {
        self.slot(id).check(merged)
    }

    /// Whether `implementation`, a function of `store`, may go into the slot, and what is to be written then. Changes nothing.
    ///
    /// `merged` allows a slot whose function stands for several; `pending` are the changes that would
    /// be made before this one.
    ///
    /// # Errors
    /// `Closed`, `Signature`, `Abi`, `Merged` or `Cycle`, and those of `Store::native_to_table`.
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
        if !store.same_type(implementation, model) {
            let (expected, actual) = (store.type_of(model).to_string(), store.type_of(implementation).to_string());
            return Err(ErrorKind::Signature { slot: name(), expected, actual }.into());
        }
        if let Some(declared) = &slot.declaration {
            self.check_rust_types(store, implementation, &slot.name, &declared.types)?;
        }
        let table = slot.primary_entry.0;
        self.check_way(store, known.through, id, pending)?;
        pending.ready(store, known, table)
    }

    /// Whether a slot may hold `function`, once the changes are made that are pending.
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

    /// The same for a function that calls through a slot, or through none.
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

    /// Whether `implementation` is declared with the Rust types of a slot, if it is declared at all.
    fn check_rust_types(
        &self,
        store: &Store,
        implementation: FuncRef,
        slot: &str,
        expected: &RustSignature,
    ) -> Result<()> {
        let mut other = None;
        // A thunk runs what its slot holds, which is of that slot's types.
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

    /// Whether calling through `slot` does nothing but call through slot `target`: it is that, or holds a thunk of
    /// it, or of a slot that holds such a thunk, and so on.
    fn leads_to(&mut self, store: &Store, mut slot: SlotId, target: SlotId, pending: &mut PlannedChanges) -> bool {
        // The way is no longer than there are slots, of which it makes some.
        for _ in 0..=self.len() {
            if slot == target {
                return true;
            }
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

    /// A function of the type that an implementation must have: of an entry that is nobody's slot and that no link
    /// stands in, what it holds by now.
    fn model(&self, store: &Store) -> FuncRef {
        let free = self.kind == SlotKind::Table && !self.active.is_any();
        let held = if free { self.current(store) } else { None };
        held.unwrap_or(self.original)
    }
}

/// Where slots lead, once changes are made that are not made yet.
#[derive(Default)]
pub(super) struct PlannedChanges {
    /// The slot that each slot does nothing but call, if it does nothing else
    next: FxHashMap<SlotId, Option<SlotId>>,
    /// Whether it pays to remember what was found out about other slots
    are_many: bool,
    /// The function that was asked for last: often many slots get one
    last: Option<Known>,
}

/// What is known of a function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    function: FuncRef,
    /// Whether its instance was closed
    pub is_closed: bool,
    /// The slot that it calls through, if that is all it does
    pub through: Option<SlotId>,
    /// What callers of a table take for it
    native: Option<(TableId, FuncRef)>,
}

impl PlannedChanges {
    /// For so many changes.
    pub(super) fn of(changes: usize) -> Self {
        let next = FxHashMap::with_capacity_and_hasher(changes, Default::default());
        Self { next, are_many: changes > 1, last: None }
    }

    /// Notes that a slot is going to hold `function`.
    pub(super) fn promise(&mut self, slots: &mut Slots, store: &Store, function: FuncRef, slot: SlotId) {
        let next = self.know(slots, store, function).through;
        self.next.insert(slot, next);
    }

    /// What is known of `function`.
    pub(super) fn know(&mut self, slots: &mut Slots, store: &Store, function: FuncRef) -> Known {
        if let Some(known) = self.last.filter(|last| last.function == function) {
            return known;
        }
        let located = store.locate(function);
        let is_closed = located.as_ref().is_some_and(|(instance, _)| instance.is_closed());
        let through = located.and_then(|(instance, index)| slots.slot_of(store, &instance, index));
        *self.last.insert(Known { function, is_closed, through, native: None })
    }

    /// The function that was asked for last as the callers of slots in a table take it.
    fn ready(&mut self, store: &Store, known: Known, table: TableId) -> Result<Ready> {
        let Known { function, through, native, .. } = known;
        if let Some((_, native)) = native.filter(|(known, _)| *known == table) {
            return Ok(Ready { native, through });
        }
        let native = store.native_to_table(function, table)?;
        self.last = Some(Known { native: Some((table, native)), ..known });
        Ok(Ready { native, through })
    }
}
