use super::slots::{SlotId, Slots};
use crate::error::{ErrorKind, Result, Subject};
use crate::rewrite::SlotKind;
use crate::store::{FuncRef, Store};
use crate::wasm::FuncType;
use std::collections::HashMap;
use std::rc::Rc;

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
        let actual = store.type_of(implementation);
        let expected = self.type_of(store, id);
        if actual != expected {
            let (expected, actual) = (expected.to_string(), actual.to_string());
            return Err(ErrorKind::Signature { slot: name(), expected, actual }.into());
        }
        if let Some(declared) = &slot.declaration {
            let mut others = self.declared_types(store, implementation);
            // A thunk runs what its slot holds, which is of that slot's types.
            others.extend(self.thunk_types(store, implementation));
            if !others.is_empty() && !others.contains(&declared.types) {
                let (expected, actual) = (declared.types.to_string(), others[0].to_string());
                return Err(ErrorKind::Abi { slot: name(), expected, actual }.into());
            }
        }
        let name = name();
        if self.leads_to(store, implementation, id, pending) {
            return Err(ErrorKind::Cycle { slot: name }.into());
        }
        Ok(())
    }

    /// The type that an implementation must have: of an entry that is nobody's slot and that no link
    /// stands in, that of what it holds by now.
    fn type_of(&self, store: &Store, id: SlotId) -> Rc<FuncType> {
        let slot = self.slot(id);
        let free = slot.kind == SlotKind::Table && !self.is_linked(id);
        let held = if free { self.current(store, id) } else { None };
        held.map_or_else(|| slot.ty.clone(), |function| store.type_of(function))
    }

    /// Whether calling `function` does nothing but call through slot `target`: it is a thunk of
    /// it, or of a slot that holds such a thunk, and so on.
    pub(super) fn leads_to(&mut self, store: &Store, function: FuncRef, target: SlotId, pending: &mut Pending) -> bool {
        let Some(mut slot) = self.slot_of_thunk(store, function) else { return false };
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
                    pending.next.insert(slot, next);
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
    next: HashMap<SlotId, Option<SlotId>>,
}

impl Pending {
    /// Notes that a slot is going to hold `function`.
    pub(super) fn promise(&mut self, slots: &mut Slots, store: &Store, function: FuncRef, slot: SlotId) {
        let next = slots.slot_of_thunk(store, function);
        self.next.insert(slot, next);
    }
}
