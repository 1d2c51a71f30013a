//! Making links.

use super::active::LinkId;
use super::allowed::Allowed;
use super::implementation::CheckedImplementation;
use super::planned::PlannedChanges;
use super::record::Link;
use super::slot::SlotId;
use super::slots::Slots;
use crate::error::{ErrorKind, RefusedChange, Result};
use crate::store::{FuncRef, Store};

/// A link to be made.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// Index in the list that the caller was given
    pub position: usize,
    /// The function to link
    pub implementation: FuncRef,
    /// The slot to write
    pub slot: SlotId,
}

impl Slots {
    /// Checks one change and makes it, as link `id`.
    ///
    /// # Errors
    /// The errors of `check`; then nothing has changed.
    pub fn link(&mut self, store: &Store, change: &Change, allowed: Allowed, id: LinkId) -> Result<Link> {
        let Change { implementation, slot, .. } = *change;
        let mut planned = PlannedChanges::default();
        let checked = self.check(store, implementation, slot, allowed, &mut planned)?;
        Ok(self.commit(store, *change, checked, id))
    }

    /// Checks changes that are to be made in this order, and returns the functions to write. `refused` are changes
    /// with invalid arguments.
    ///
    /// # Errors
    /// `Refused` with every change that cannot be made, by its position.
    fn check_all(
        &mut self,
        store: &Store,
        changes: &[Change],
        allowed: Allowed,
        mut refused: Vec<RefusedChange>,
    ) -> Result<Vec<CheckedImplementation>> {
        let mut planned = PlannedChanges::of(changes.len());
        let mut checked = Vec::with_capacity(changes.len());
        self.checks += 1;
        for Change { position, implementation, slot } in changes {
            let is_new = self.note_listed(*slot);
            let checked_one = self.check(store, *implementation, *slot, allowed, &mut planned);
            match checked_one.and_then(|function| is_new.map(|()| function)) {
                Ok(function) => {
                    planned.plan(self, store, *implementation, *slot);
                    checked.push(function);
                }
                Err(error) => refused.push(RefusedChange::new(*position, &self.slot(*slot).name, &error)),
            }
        }
        if refused.is_empty() {
            return Ok(checked);
        }
        refused.sort_by_key(|change| change.index);
        Err(ErrorKind::Refused { changes: refused }.into())
    }

    /// Notes that a slot is in the list that is being checked.
    ///
    /// # Errors
    /// `Duplicate` for a slot that was in it before.
    fn note_listed(&mut self, id: SlotId) -> Result<()> {
        let check = self.checks;
        let slot = self.slot_mut(id);
        if std::mem::replace(&mut slot.listed, check) == check {
            return Err(ErrorKind::Duplicate { slot: slot.name.clone() }.into());
        }
        Ok(())
    }

    /// Checks all changes, and makes none.
    ///
    /// # Errors
    /// The errors of `check_all`.
    pub fn check_changes(
        &mut self,
        store: &Store,
        changes: &[Change],
        allowed: Allowed,
        refused: Vec<RefusedChange>,
    ) -> Result<()> {
        self.check_all(store, changes, allowed, refused).map(drop)
    }

    /// Checks all changes, then makes them in order. Link ids count up from `first`.
    ///
    /// # Errors
    /// The errors of `check_all`; then nothing has changed.
    pub fn relink(
        &mut self,
        store: &Store,
        changes: &[Change],
        allowed: Allowed,
        refused: Vec<RefusedChange>,
        first: LinkId,
    ) -> Result<Vec<Link>> {
        let checked = self.check_all(store, changes, allowed, refused)?;
        let all = changes.iter().zip(checked).zip(first..);
        Ok(all.map(|((change, checked), id)| self.commit(store, *change, checked, id)).collect())
    }

    /// Writes a checked implementation into the entries of a slot. Cannot fail.
    fn commit(
        &mut self,
        store: &Store,
        Change { implementation, slot: id, .. }: Change,
        checked: CheckedImplementation,
        link: LinkId,
    ) -> Link {
        let slot = self.slot_mut(id);
        let previous = slot.current(store);
        let below = std::mem::replace(&mut slot.active.newest, link);
        let mut skipped = 0;
        for mirrored in &mut slot.mirrored_entries {
            // An entry with another function was written by someone else: skip it.
            let follows = previous.is_some() && mirrored.entry.get(store) == previous;
            // Writes of ended links do not count: `reset` must leave those entries alone.
            mirrored.written = follows || (mirrored.written && below != 0);
            if follows {
                mirrored.entry.put(store, checked.native);
            } else {
                skipped += 1;
            }
        }
        if checked.thunk_of.is_none() && slot.forwards_to.is_none() && slot.dependents.is_empty() {
            slot.primary_entry.put(store, checked.native);
        } else {
            self.set_primary(store, id, Some(implementation), Some(checked));
        }
        Link { slot: id, id: link, below, implementation: implementation.address(), skipped, previous }
    }
}
