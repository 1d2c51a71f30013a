use super::slots::{SlotId, Slots};
use crate::error::{ErrorKind, Result, Subject};
use crate::store::{FuncRef, Store};

impl Slots {
    /// Whether `implementation`, a function of `store`, may go into the slot. Changes nothing.
    ///
    /// `pending` are the changes that would be made before this one.
    ///
    /// # Errors
    /// `Closed`, `Signature`, `Abi` or `Cycle`.
    pub fn check(
        &self,
        store: &Store,
        implementation: FuncRef,
        id: SlotId,
        pending: &[(FuncRef, SlotId)],
    ) -> Result<()> {
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
            // A thunk runs what the slot holds, which is of the slot's types.
            let slot_itself = self.slot_of_thunk(implementation).and_then(|id| self.slot(id).declaration.as_ref());
            let declarations = self.declarations_of(implementation).chain(slot_itself);
            let mut others = declarations.map(|other| &other.types).peekable();
            if let Some(first) = others.peek().copied()
                && others.all(|other| *other != declared.types)
            {
                let (expected, actual) = (declared.types.to_string(), first.to_string());
                return Err(ErrorKind::Abi { slot: name(), expected, actual }.into());
            }
        }
        if self.leads_to(store, implementation, id, pending) {
            return Err(ErrorKind::Cycle { slot: name() }.into());
        }
        Ok(())
    }

    /// Whether calling `function` does nothing but call through slot `target`: it is a thunk of
    /// it, or of a slot that holds such a thunk, and so on.
    pub(super) fn leads_to(
        &self,
        store: &Store,
        mut function: FuncRef,
        target: SlotId,
        pending: &[(FuncRef, SlotId)],
    ) -> bool {
        // Without a cycle, the way is no longer than there are slots.
        for _ in 0..=self.len() {
            let Some(next) = self.slot_of_thunk(function) else { return false };
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
