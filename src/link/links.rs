//! Links: making them, undoing them, and resetting slots.

use super::check::PlannedChanges;
use super::entry::TableEntry;
use super::slot::{Forwarding, Slot};
use super::slots::{SlotId, Slots};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{FuncRef, Store};

/// A link of a store. Ids are unique, increase from link to link, and are never 0.
pub type LinkId = u64;

/// The record by which a link can be undone. If the caller drops it, the link stays active but can no longer be undone.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// Its id; 0 if it has been undone
    pub id: LinkId,
    /// The newest link of the slot before it; 0 if there was none
    pub below: LinkId,
    /// Address of the function that it put there
    pub implementation: usize,
    /// Number of skipped entries
    pub skipped: usize,
    /// The function that the slot held before
    pub previous: Option<FuncRef>,
}

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

/// A checked implementation.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// The function that callers of the slot can call for it: itself, or its bridge or tier-up copy
    pub(super) native: FuncRef,
    /// The slot whose thunk it is
    pub(super) through: Option<SlotId>,
}

/// The active links of a slot.
#[derive(Debug, Default)]
pub struct ActiveLinks {
    /// The newest active link; 0 if there is none
    newest: LinkId,
    /// Links with a smaller id have ended
    ended: LinkId,
}

impl ActiveLinks {
    /// Whether the slot has an active link.
    pub fn is_any(&self) -> bool {
        self.newest != 0
    }

    /// Ends all links.
    pub fn end(&mut self) {
        self.ended = self.ended.max(self.newest + 1);
        self.newest = 0;
    }
}

impl Slots {
    /// Checks one change and makes it, as link `id`.
    ///
    /// # Errors
    /// The errors of `check`; then nothing has changed.
    pub fn link(&mut self, store: &Store, change: &Change, merged: bool, id: LinkId) -> Result<Link> {
        let Change { implementation, slot, .. } = *change;
        let mut pending = PlannedChanges::default();
        let ready = self.check(store, implementation, slot, merged, &mut pending)?;
        Ok(self.commit(store, *change, ready, id))
    }

    /// Checks changes that are to be made in this order, and returns the functions to write. `refusals` are those that
    /// the caller found itself.
    ///
    /// # Errors
    /// `Refused` with every change that cannot be made, by its position.
    pub fn check_all(
        &mut self,
        store: &Store,
        changes: &[Change],
        merged: bool,
        mut refusals: Vec<(usize, String, Error)>,
    ) -> Result<Vec<Ready>> {
        let mut pending = PlannedChanges::of(changes.len());
        let mut ready = Vec::with_capacity(changes.len());
        for Change { position, implementation, slot } in changes {
            match self.check(store, *implementation, *slot, merged, &mut pending) {
                Ok(function) => {
                    pending.promise(self, store, *implementation, *slot);
                    ready.push(function);
                }
                Err(error) => refusals.push((*position, self.slot(*slot).name.clone(), error)),
            }
        }
        if refusals.is_empty() {
            return Ok(ready);
        }
        refusals.sort_by_key(|(position, ..)| *position);
        Err(ErrorKind::Refused { refusals }.into())
    }

    /// Checks all changes, then makes them in order. Link ids count up from `first`.
    ///
    /// # Errors
    /// The errors of `check_all`; then nothing has changed.
    pub fn relink(
        &mut self,
        store: &Store,
        changes: &[Change],
        merged: bool,
        refusals: Vec<(usize, String, Error)>,
        first: LinkId,
    ) -> Result<Vec<Link>> {
        let ready = self.check_all(store, changes, merged, refusals)?;
        let all = changes.iter().zip(ready).zip(first..);
        Ok(all.map(|((change, ready), id)| self.commit(store, *change, ready, id)).collect())
    }

    fn commit(
        &mut self,
        store: &Store,
        Change { implementation, slot: id, .. }: Change,
        ready: Ready,
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
                mirrored.entry.put(store, ready.native);
            } else {
                skipped += 1;
            }
        }
        self.hold(store, id, Some(implementation), Some(ready));
        Link { id: link, below, implementation: implementation.address(), skipped, previous }
    }

    /// Writes `function` into the primary entry of slot `id`, and updates the slots that forward to it.
    /// `ready` is the result of the check, if the function was just checked.
    fn hold(&mut self, store: &Store, id: SlotId, function: Option<FuncRef>, ready: Option<Ready>) {
        let Slot { primary_entry, private, forwards_to: before, ref dependents, .. } = *self.slot(id);
        let leads_on = !dependents.is_empty();
        let forwarding = function.filter(|_| private).and_then(|thunk| self.forwarding(store, id, thunk, ready));
        if let Some(before) = before {
            self.remove_dependent(before);
        }
        if before.is_some() || forwarding.is_some() {
            self.slot_mut(id).forwards_to = forwarding;
        }
        let short = forwarding.and_then(|forwarding| {
            self.add_dependent(id, forwarding.slot);
            let entry_of_other = self.slot(forwarding.slot).primary_entry;
            entry_of_other.get(store).filter(|function| primary_entry.table.is_native(store, *function))
        });
        match short.or(ready.map(|ready| ready.native)) {
            Some(native) => primary_entry.put(store, native),
            None => primary_entry.set(store, function),
        }
        if leads_on {
            let dependents = self.slot(id).dependents.clone();
            for dependent in dependents {
                let thunk = self.slot(dependent).forwards_to.map(|forwarding| forwarding.thunk);
                self.hold(store, dependent, thunk, None);
            }
        }
    }

    /// The forwarding of slot `id`, which is private, when it holds `thunk`. None if the thunk's slot is not private.
    fn forwarding(&mut self, store: &Store, id: SlotId, thunk: FuncRef, ready: Option<Ready>) -> Option<Forwarding> {
        let slot = ready.map_or_else(|| self.slot_of_thunk(store, thunk), |ready| ready.through)?;
        let through = self.slot(slot);
        if !through.private {
            return None;
        }
        // Forwardings stay acyclic at every step, also while `undo` has taken back links that it may put back again.
        let mut ahead = std::iter::successors(through.forwards_to, |forwarding| self.slot(forwarding.slot).forwards_to);
        let leads_back = slot == id || ahead.any(|forwarding| forwarding.slot == id);
        (!leads_back).then_some(Forwarding { thunk, slot, position: 0 })
    }

    /// Undoes links, the last one first.
    ///
    /// # Errors
    /// `Closed`, `Undone`, `Order`, `Changed` or `Cycle`; then nothing has changed.
    pub fn undo(&mut self, store: &Store, links: &[(SlotId, Link)]) -> Result<()> {
        // Links are taken back one by one, and put back if one is refused. No wasm runs in between.
        let mut undone = Undone::default();
        let mut last_first = links.iter().rev();
        let result = last_first
            .try_for_each(|(slot, link)| self.take_back(store, *slot, link, &mut undone))
            .and_then(|()| self.check_held(store, links));
        if result.is_err() {
            undone.entries.iter().rev().for_each(|(entry, held)| entry.set(store, Some(*held)));
            for (slot, id, held) in undone.links.into_iter().rev() {
                self.slot_mut(slot).active.newest = id;
                self.hold(store, slot, Some(held), None);
            }
        }
        result
    }

    fn take_back(&mut self, store: &Store, id: SlotId, link: &Link, undone: &mut Undone) -> Result<()> {
        let slot = self.open(id)?;
        let name = || slot.name.clone();
        if link.id < slot.active.ended.max(1) {
            return Err(ErrorKind::Undone { slot: name() }.into());
        }
        if link.id != slot.active.newest {
            return Err(ErrorKind::Order { slot: name() }.into());
        }
        let entries = slot.mirrored_entries.iter().map(|mirrored| mirrored.entry);
        let held = self.current(store, id).filter(|held| held.address() == link.implementation);
        let following: Vec<_> = entries.filter(|entry| entry.get(store) == held).collect();
        let Some(held) = held.filter(|_| slot.mirrored_entries.len() - following.len() <= link.skipped) else {
            return Err(ErrorKind::Changed { slot: name() }.into());
        };
        for entry in following {
            entry.set(store, link.previous);
            undone.entries.push((entry, held));
        }
        self.hold(store, id, link.previous, None);
        self.slot_mut(id).active.newest = link.below;
        undone.links.push((id, link.id, held));
        Ok(())
    }

    /// Refuses a slot whose restored function calls through that slot: later links may have closed a cycle.
    fn check_held(&mut self, store: &Store, links: &[(SlotId, Link)]) -> Result<()> {
        let mut pending = PlannedChanges::of(links.len());
        for (slot, _) in links {
            if let Some(held) = self.current(store, *slot) {
                self.check_cycle(store, held, *slot, &mut pending)?;
            }
        }
        Ok(())
    }

    /// Puts the original back, and ends all links of the slot.
    ///
    /// # Errors
    /// `Closed`; `Cycle` when the original is a thunk of another slot that now leads back to this one.
    pub fn reset(&mut self, store: &Store, id: SlotId) -> Result<()> {
        let original = self.open(id)?.original;
        let mut pending = PlannedChanges::default();
        pending.promise(self, store, original, id);
        self.check_cycle(store, original, id, &mut pending)?;
        let slot = self.slot_mut(id);
        let written = slot.mirrored_entries.iter().filter(|mirrored| mirrored.written && slot.active.is_any());
        written.for_each(|mirrored| mirrored.entry.set(store, Some(original)));
        slot.active.end();
        self.hold(store, id, Some(original), None);
        Ok(())
    }
}

/// State to restore if an undo is refused: entries and links, each with the function that was held before the undo.
#[derive(Default)]
struct Undone {
    entries: Vec<(TableEntry, FuncRef)>,
    links: Vec<(SlotId, LinkId, FuncRef)>,
}
