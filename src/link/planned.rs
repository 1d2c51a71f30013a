//! Changes of slots that are planned but not made.

use super::implementation::{CheckedImplementation, Implementation};
use super::rust_types::is_declared;
use super::slot::SlotId;
use super::slots::Slots;
use crate::error::Result;
use crate::store::{FuncRef, Store, TableId};
use rustc_hash::FxHashMap;

/// The state that the planned changes will leave.
#[derive(Default)]
pub(super) struct PlannedChanges {
    /// For each slot, the slot whose thunk it holds
    pub next: FxHashMap<SlotId, Option<SlotId>>,
    /// Whether to cache `next` of slots that are not changed: pays off for several changes
    pub are_many: bool,
    /// Cache of the last look-up: many slots often get the same function
    last: Option<Implementation>,
}

impl PlannedChanges {
    /// Makes room for this number of changes.
    pub fn of(changes: usize) -> Self {
        let next = FxHashMap::with_capacity_and_hasher(changes, Default::default());
        Self { next, are_many: changes > 1, last: None }
    }

    /// Notes that a slot is going to hold `function`.
    pub fn plan(&mut self, slots: &mut Slots, store: &Store, function: FuncRef, slot: SlotId) {
        let next = self.facts(slots, store, function).thunk_of;
        self.next.insert(slot, next);
    }

    /// The facts about `function`.
    pub fn facts(&mut self, slots: &mut Slots, store: &Store, function: FuncRef) -> Implementation {
        if let Some(known) = self.last.filter(|last| last.function == function) {
            return known;
        }
        let located = function.locate(store);
        let is_closed = located.as_ref().is_some_and(|(instance, _)| instance.is_closed());
        let declares_pointers = located.as_ref().is_some_and(|(instance, _)| instance.code().declares_pointers);
        let has_pointers = declares_pointers && is_declared(store, function, |declared| declared.types.has_pointers());
        let thunk_of = located.and_then(|(instance, index)| slots.slot_of(store, &instance, index));
        *self.last.insert(Implementation { function, is_closed, thunk_of, has_pointers, native: None })
    }

    /// The function that callers of `table` can call for a function that was just looked up.
    ///
    /// # Errors
    /// The errors of `TableId::native`.
    pub fn check_native(
        &mut self,
        store: &Store,
        known: Implementation,
        table: TableId,
    ) -> Result<CheckedImplementation> {
        let Implementation { function, thunk_of, native, .. } = known;
        if let Some((_, native)) = native.filter(|(known, _)| *known == table) {
            return Ok(CheckedImplementation { native, thunk_of });
        }
        let native = table.native(store, function)?;
        self.last = Some(Implementation { native: Some((table, native)), ..known });
        Ok(CheckedImplementation { native, thunk_of })
    }
}
