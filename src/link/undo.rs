//! Undoing links, and resetting slots.

use super::active::LinkId;
use super::entry::TableEntry;
use super::planned::PlannedChanges;
use super::record::Link;
use super::slot::SlotId;
use super::slots::Slots;
use crate::error::{ErrorKind, Result};
use crate::store::{FuncRef, Store};

impl Slots {
    /// Undoes links, the last one first.
    ///
    /// # Errors
    /// `Closed`, `Undone`, `Order`, `Changed` or `Cycle`; then nothing has changed.
    pub fn undo(&mut self, store: &Store, links: &[Link]) -> Result<()> {
        // Links are taken back one by one, and put back if one is refused. No wasm runs in between.
        let mut undone = Undone::default();
        let mut last_first = links.iter().rev();
        let result = last_first
            .try_for_each(|link| self.undo_one(store, link, &mut undone))
            .and_then(|()| self.check_restored(store, links));
        if result.is_err() {
            undone.entries.iter().rev().for_each(|(entry, held)| entry.set(store, Some(*held)));
            for (slot, id, held) in undone.links.into_iter().rev() {
                self.slot_mut(slot).active.newest = id;
                self.set_primary(store, slot, Some(held), None);
            }
        }
        result
    }

    /// Whether the link can still be undone: its slot is open, and it has been neither undone nor reset.
    pub fn is_active(&self, link: &Link) -> bool {
        self.find(link.slot).is_some_and(|slot| !slot.is_closed() && link.id >= slot.active.ended.max(1))
    }

    /// Undoes one link, and notes in `undone` what puts it back.
    fn undo_one(&mut self, store: &Store, link: &Link, undone: &mut Undone) -> Result<()> {
        let slot = self.open(link.slot)?;
        let name = || slot.name.clone();
        if link.id < slot.active.ended.max(1) {
            return Err(ErrorKind::Undone { slot: name() }.into());
        }
        if link.id != slot.active.newest {
            return Err(ErrorKind::Order { slot: name() }.into());
        }
        let entries = slot.mirrored_entries.iter().map(|mirrored| mirrored.entry);
        let held = slot.current(store).filter(|held| held.address() == link.implementation);
        let following: Vec<_> = entries.filter(|entry| entry.get(store) == held).collect();
        let Some(held) = held.filter(|_| slot.mirrored_entries.len() - following.len() <= link.skipped) else {
            return Err(ErrorKind::Changed { slot: name() }.into());
        };
        for entry in following {
            entry.set(store, link.previous);
            undone.entries.push((entry, held));
        }
        self.set_primary(store, link.slot, link.previous, None);
        self.slot_mut(link.slot).active.newest = link.below;
        undone.links.push((link.slot, link.id, held));
        Ok(())
    }

    /// Refuses a slot whose restored function calls through that slot: later links may have closed a cycle.
    fn check_restored(&mut self, store: &Store, links: &[Link]) -> Result<()> {
        let mut planned = PlannedChanges::of(links.len());
        for Link { slot, .. } in links {
            if let Some(held) = self.current(store, *slot) {
                self.check_cycle(store, held, *slot, &mut planned)?;
            }
        }
        Ok(())
    }

    /// Puts the original back, and ends all links of the slot.
    ///
    /// # Errors
    /// `Closed`; `Cycle` when the original is a thunk of another slot that now calls this one.
    pub fn reset(&mut self, store: &Store, id: SlotId) -> Result<()> {
        let original = self.open(id)?.original;
        let mut planned = PlannedChanges::default();
        if let Some(original) = original {
            planned.plan(self, store, original, id);
            self.check_cycle(store, original, id, &mut planned)?;
        }
        let slot = self.slot_mut(id);
        let written = slot.mirrored_entries.iter().filter(|mirrored| mirrored.written && slot.active.is_any());
        written.for_each(|mirrored| mirrored.entry.set(store, original));
        slot.active.end();
        self.set_primary(store, id, original, None);
        Ok(())
    }
}

/// State to restore if an undo is refused: entries and links, each with the function that was held before the undo.
#[derive(Default)]
struct Undone {
    entries: Vec<(TableEntry, FuncRef)>,
    links: Vec<(SlotId, LinkId, FuncRef)>,
}
