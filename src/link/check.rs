use super::slots::{SlotId, Slots};
use crate::error::{ErrorKind, Result, Subject};
use crate::rewrite::SlotKind;
use crate::store::{FuncRef, Store};
use crate::wasm::RustSignature;
use rustc_hash::FxHashMap;

impl Slots {
    /// Whether the slot takes any implementation.
    ///
    /// # Errors
    /// `Closed` or `Merged`.
    pub fn check_slot(&self, id: SlotId, merged: bool) -> Result<()> {
        let slot = self.slot(id);
        let name = || slot.name.clone();
        if slot.is_closed() {
            return Err(ErrorKind::Closed(Subject::Slot(name())).into());
        }
        if !slot.merged.is_empty() && !merged {
            return Err(ErrorKind::Merged { slot: name(), names: slot.merged.clone() }.into());
        }
        Ok(())
    }

    /// Whether `implementation`, a function of `store`, may go into the slot. Changes nothing.
    ///
    /// `merged` allows a slot whose function stands for several; `pending` are the changes that would
    /// be made before this one.
    ///
    /// # Errors
    /// `Closed`, `Signature`, `Abi`, `Merged` or `Cycle`.
    pub(super) fn check(
        &mut self,
        store: &Store,
        implementation: FuncRef,
        id: SlotId,
        merged: bool,
        pending: &mut Pending,
    ) -> Result<()> {
        self.check_slot(id, merged)?;
        let slot = self.slot(id);
        let name = || slot.name.clone();
        if store.instance_of(implementation).is_some_and(|instance| instance.is_closed()) {
            return Err(ErrorKind::Closed(Subject::Implementation(name())).into());
        }
        let model = self.model(store, id);
        if !store.same_type(implementation, model) {
            let (expected, actual) = (store.type_of(model).to_string(), store.type_of(implementation).to_string());
            return Err(ErrorKind::Signature { slot: name(), expected, actual }.into());
        }
        if let Some(declared) = &slot.declaration {
            self.check_rust_types(store, implementation, &slot.name, &declared.types)?;
        }
        self.check_cycle(store, implementation, id, pending)
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
        pending: &mut Pending,
    ) -> Result<()> {
        if self.leads_to(store, function, id, pending) {
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

    /// A function of the type that an implementation must have: of an entry that is nobody's slot and that no link
    /// stands in, what it holds by now.
    fn model(&self, store: &Store, id: SlotId) -> FuncRef {
        let slot = self.slot(id);
        let free = slot.kind == SlotKind::Table && !self.is_linked(id);
        let held = if free { self.current(store, id) } else { None };
        held.unwrap_or(slot.original)
    }

    /// Whether calling `function` does nothing but call through slot `target`: it is a thunk of
    /// it, or of a slot that holds such a thunk, and so on.
    fn leads_to(&mut self, store: &Store, function: FuncRef, target: SlotId, pending: &mut Pending) -> bool {
        let Some(mut slot) = pending.slot_of_thunk(self, store, function) else { return false };
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

/// Where slots lead, once changes are made that are not made yet.
#[derive(Default)]
pub(super) struct Pending {
    /// The slot that each slot does nothing but call, if it does nothing else
    next: FxHashMap<SlotId, Option<SlotId>>,
    /// Whether it pays to remember what was found out about other slots
    are_many: bool,
    /// The function that was asked for last, and the slot that it calls through: many slots get one function
    last: Option<(FuncRef, Option<SlotId>)>,
}

impl Pending {
    /// For so many changes.
    pub(super) fn of(changes: usize) -> Self {
        let next = FxHashMap::with_capacity_and_hasher(changes, Default::default());
        Self { next, are_many: changes > 1, last: None }
    }

    /// Notes that a slot is going to hold `function`, and gives the slot that this calls through.
    pub(super) fn promise(
        &mut self,
        slots: &mut Slots,
        store: &Store,
        function: FuncRef,
        slot: SlotId,
    ) -> Option<SlotId> {
        let next = self.slot_of_thunk(slots, store, function);
        self.next.insert(slot, next);
        next
    }

    /// The slot that `function` calls through, if that is all it does.
    pub(super) fn slot_of_thunk(&mut self, slots: &mut Slots, store: &Store, function: FuncRef) -> Option<SlotId> {
        if let Some((last, slot)) = self.last
            && last == function
        {
            return slot;
        }
        let slot = slots.slot_of_thunk(store, function);
        self.last = Some((function, slot));
        slot
    }
}
