use super::slots::{SlotId, Slots};
use crate::error::{ErrorKind, Result, Subject};
use crate::store::{FuncRef, Store};

impl Slots {
    /// Whether `implementation`, a function of `store`, may go into the slot. Changes nothing.
    ///
    /// `merged` allows a slot whose function stands for several; `pending` are the changes that would
    /// be made before this one.
    ///
    /// # Errors
    /// `Closed`, `Signature`, `Abi`, `Merged` or `Cycle`.
    pub fn check(
        &mut self,
        store: &Store,
        implementation: FuncRef,
        id: SlotId,
        merged: bool,
        pending: &[(FuncRef, SlotId)],
    ) -> Result<()> {
        let is_declared = self.slot(id).declaration.is_some();
        // A thunk runs what its slot holds, which is of that slot's types.
        let through = if is_declared { self.slot_of_thunk(store, implementation) } else { None };
        let slot = self.slot(id);
        let name = || slot.name.clone();
        if slot.instance.as_ref().is_some_and(|instance| instance.is_closed()) {
            return Err(ErrorKind::Closed(Subject::Slot(name())).into());
        }
        if store.instance_of(implementation).is_some_and(|instance| instance.is_closed()) {
            return Err(ErrorKind::Closed(Subject::Implementation(name())).into());
        }
        let actual = store.type_of(implementation);
        if actual != slot.ty {
            let (expected, actual) = (slot.ty.to_string(), actual.to_string());
            return Err(ErrorKind::Signature { slot: name(), expected, actual }.into());
        }
        if let Some(declared) = &slot.declaration {
            let mut others = self.declared_types(store, implementation);
            let through = through.and_then(|through| self.slot(through).declaration.as_ref());
            others.extend(through.map(|declaration| declaration.types.clone()));
            if !others.is_empty() && !others.contains(&declared.types) {
                let (expected, actual) = (declared.types.to_string(), others[0].to_string());
                return Err(ErrorKind::Abi { slot: name(), expected, actual }.into());
            }
        }
        if !slot.merged.is_empty() && !merged {
            return Err(ErrorKind::Merged { slot: name(), names: slot.merged.clone() }.into());
        }
        let name = name();
        if self.leads_to(store, implementation, id, pending) {
            return Err(ErrorKind::Cycle { slot: name }.into());
        }
        Ok(())
    }

    /// Whether calling `function` does nothing but call through slot `target`: it is a thunk of
    /// it, or of a slot that holds such a thunk, and so on.
    pub(super) fn leads_to(
        &mut self,
        store: &Store,
        mut function: FuncRef,
        target: SlotId,
        pending: &[(FuncRef, SlotId)],
    ) -> bool {
        let mut steps = 0;
        // Without a cycle, the way is no longer than there are slots; it makes some of them.
        while steps <= self.len() {
            steps += 1;
            let Some(next) = self.slot_of_thunk(store, function) else { return false };
            if next == target {
                return true;
            }
            let promised = pending.iter().rev().find(|(_, slot)| *slot == next).map(|(function, _)| *function);
            let Some(held) = promised.or_else(|| self.current(store, next)) else { return false };
            function = held;
        }
        true
    }
}
