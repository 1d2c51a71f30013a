//! The checks before a link.

use super::implementation::CheckedImplementation;
use super::planned::PlannedChanges;
use super::slot::{Slot, SlotId};
use super::slots::Slots;
use crate::abi::differences_of_texts;
use crate::error::{ErrorKind, Result, Subject};
use crate::rewrite::SlotKind;
use crate::store::{FuncRef, Store};
use crate::wasm::Declaration;

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
    /// `merged` allows a slot whose function stands for several; `planned` are the changes to be made before this one.
    ///
    /// # Errors
    /// `Closed`, `Signature`, `Abi`, `Merged` or `Cycle`, and the errors of `TableId::native`.
    pub(super) fn check(
        &mut self,
        store: &Store,
        implementation: FuncRef,
        id: SlotId,
        merged: bool,
        planned: &mut PlannedChanges,
    ) -> Result<CheckedImplementation> {
        let known = planned.facts(self, store, implementation);
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
            check_types(store, implementation, &slot.name, declared)?;
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
    /// link, the function that the entry holds now.
    fn model(&self, store: &Store) -> FuncRef {
        let free = self.kind == SlotKind::Table && !self.active.is_any();
        let held = if free { self.current(store) } else { None };
        held.unwrap_or(self.original)
    }
}

/// Whether `fits` accepts the declaration of a slot that has `function` as its original or thunk. A merged function is the
/// original of several slots: `fits` is called for each until it accepts one.
fn is_declared(store: &Store, function: FuncRef, fits: impl FnMut(&Declaration) -> bool) -> bool {
    let Some((instance, index)) = function.locate(store) else { return false };
    let slots = &instance.code().slots;
    let declared = slots.iter().take_while(|slot| slot.kind == SlotKind::Declared);
    let own = declared.filter(|slot| slot.original == index);
    let through = instance.code().slot_of_thunk(index).map(|position| &slots[position as usize]);
    own.chain(through).filter_map(|slot| slot.declaration.as_ref()).any(fits)
}

/// Checks that `implementation`, if it is declared, has the types of the slot.
fn check_types(store: &Store, implementation: FuncRef, slot: &str, expected: &Declaration) -> Result<()> {
    let mut refusal = None;
    // A thunk has its slot's types: every function that the slot holds was checked against them.
    let fits = is_declared(store, implementation, |actual| {
        let difference = difference(slot, expected, actual);
        let fits = difference.is_none();
        refusal = refusal.take().or(difference);
        fits
    });
    refusal.filter(|_| !fits).map_or(Ok(()), |refusal| Err(refusal.into()))
}

/// Why a function of type `actual` does not fit a slot of type `expected`. Typed functions are compared by the structure of
/// their types, the others by their Rust types.
fn difference(slot: &str, expected: &Declaration, actual: &Declaration) -> Option<ErrorKind> {
    let slot = slot.to_owned();
    if let (Some(wit), Some(other)) = (&expected.wit, &actual.wit) {
        let differences = differences_of_texts(wit, other);
        if differences.is_empty() {
            return None;
        }
        let (expected, actual) = (expected.types.to_string(), actual.types.to_string());
        return Some(ErrorKind::Types { slot, expected, actual, differences });
    }
    if expected.types == actual.types && expected.wit.is_none() == actual.wit.is_none() {
        return None;
    }
    Some(ErrorKind::Abi { slot, expected: expected.types.to_string(), actual: actual.types.to_string() })
}
