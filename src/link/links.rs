use super::check::PlannedChanges;
use super::slot::{Forwarding, Slot, TableEntry};
use super::slots::{SlotId, Slots};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{FuncRef, Reference, Store};

/// A link of a store. No two have the same id, later ones have greater ids, and none is 0.
pub type LinkId = u64;

/// A link, with all that it takes to undo it. Whoever may do so keeps it: of what nobody keeps, nothing is left but that a
/// link stands.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// Its id; 0 if it has been undone
    pub id: LinkId,
    /// The newest link of the slot before it; 0 if there was none
    pub below: LinkId,
    /// Where the function is that it put there
    pub implementation: usize,
    /// How many of the slot's places it left alone
    pub skipped: usize,
    /// What the slot held before
    pub previous: Option<FuncRef>,
}

/// A change that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// Its position in what the caller was given
    pub position: usize,
    /// What is to be linked
    pub implementation: FuncRef,
    /// Where
    pub slot: SlotId,
}

/// What is known of a function that may be linked.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// It, as callers of the slot take it
    pub(super) native: FuncRef,
    /// The slot that it calls through, if it does nothing else
    pub(super) through: Option<SlotId>,
}

/// The links that stand in a slot.
#[derive(Debug, Default)]
pub struct ActiveLinks {
    /// The newest; 0 if there is none
    newest: LinkId,
    /// All that are older than this one are over
    ended: LinkId,
}

impl ActiveLinks {
    /// Whether there is one.
    pub fn is_any(&self) -> bool {
        self.newest != 0
    }

    /// Ends all.
    pub fn end(&mut self) {
        self.ended = self.ended.max(self.newest + 1);
        self.newest = 0;
    }
}

impl Slots {
    /// Makes one change, once all checks are passed, as a link that is known by `id`.
    ///
    /// # Errors
    /// Those of `check`; then nothing has changed.
    pub fn link(&mut self, store: &Store, change: &Change, merged: bool, id: LinkId) -> Result<Link> {
        let Change { implementation, slot, .. } = *change;
        let mut pending = PlannedChanges::default();
        let ready = self.check(store, implementation, slot, merged, &mut pending)?;
        Ok(self.commit(store, *change, ready, id))
    }

    /// Checks changes that are to be made in this order, and gives the functions to be written. `refusals` are those that
    /// the caller itself has.
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

    /// Links many, in order, once all of them are checked; `first` is the id of the first.
    ///
    /// # Errors
    /// Those of `check_all`; then nothing has changed.
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
            // What else stands in one, someone put there.
            let follows = previous.is_some() && read(store, mirrored.place) == previous;
            // What links wrote that are over is nothing to put back.
            mirrored.written = follows || (mirrored.written && below != 0);
            if follows {
                put(store, mirrored.place, ready.native);
            } else {
                skipped += 1;
            }
        }
        self.hold(store, id, Some(implementation), Some(ready));
        Link { id: link, below, implementation: implementation.address(), skipped, previous }
    }

    /// Writes what a slot holds into its home, and into those of the slots that hold it by way of this one.
    /// `ready` says what was found out about the function, if it was just checked.
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
            read(store, entry_of_other).filter(|function| store.is_native_to_table(*function, primary_entry.0))
        });
        match short.or(ready.map(|ready| ready.native)) {
            Some(native) => put(store, primary_entry, native),
            None => write(store, primary_entry, function),
        }
        if leads_on {
            let dependents = self.slot(id).dependents.clone();
            for dependent in dependents {
                let thunk = self.slot(dependent).forwards_to.map(|forwarding| forwarding.thunk);
                self.hold(store, dependent, thunk, None);
            }
        }
    }

    /// The way of a function through a slot, for a slot whose home is private: as far as the other's is, too.
    fn forwarding(&mut self, store: &Store, id: SlotId, thunk: FuncRef, ready: Option<Ready>) -> Option<Forwarding> {
        let slot = ready.map_or_else(|| self.slot_of_thunk(store, thunk), |ready| ready.through)?;
        let through = self.slot(slot);
        if !through.private {
            return None;
        }
        // No circle, also not while links are taken back that may turn out to make one.
        let mut ahead = std::iter::successors(through.forwards_to, |forwarding| self.slot(forwarding.slot).forwards_to);
        let leads_back = slot == id || ahead.any(|forwarding| forwarding.slot == id);
        (!leads_back).then_some(Forwarding { thunk, slot, position: 0 })
    }

    /// Takes back links of slots, the last one first.
    ///
    /// # Errors
    /// `Closed`, `Undone`, `Order`, `Changed` or `Cycle`; then nothing has changed.
    pub fn undo(&mut self, store: &Store, links: &[(SlotId, Link)]) -> Result<()> {
        // They are taken back one by one, and put back if one of them may not be: no code runs meanwhile.
        let mut undone = Undone::default();
        let mut last_first = links.iter().rev();
        let result = last_first
            .try_for_each(|(slot, link)| self.take_back(store, *slot, link, &mut undone))
            .and_then(|()| self.check_held(store, links));
        if result.is_err() {
            undone.places.iter().rev().for_each(|(place, held)| write(store, *place, Some(*held)));
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
        let places = slot.mirrored_entries.iter().map(|mirrored| mirrored.place);
        let held = self.current(store, id).filter(|held| held.address() == link.implementation);
        let following: Vec<_> = places.filter(|place| read(store, *place) == held).collect();
        let Some(held) = held.filter(|_| slot.mirrored_entries.len() - following.len() <= link.skipped) else {
            return Err(ErrorKind::Changed { slot: name() }.into());
        };
        for place in following {
            write(store, place, link.previous);
            undone.places.push((place, held));
        }
        self.hold(store, id, link.previous, None);
        self.slot_mut(id).active.newest = link.below;
        undone.links.push((id, link.id, held));
        Ok(())
    }

    /// Whether what slots hold leads back to them: what was no cycle once may be one now.
    fn check_held(&mut self, store: &Store, links: &[(SlotId, Link)]) -> Result<()> {
        let mut pending = PlannedChanges::of(links.len());
        for (slot, _) in links {
            if let Some(held) = self.current(store, *slot) {
                self.check_cycle(store, held, *slot, &mut pending)?;
            }
        }
        Ok(())
    }

    /// Puts the original back, and ends every link of the slot.
    ///
    /// # Errors
    /// `Closed`; `Cycle` when the original, a thunk of another slot, leads back here by now.
    pub fn reset(&mut self, store: &Store, id: SlotId) -> Result<()> {
        let original = self.open(id)?.original;
        let mut pending = PlannedChanges::default();
        pending.promise(self, store, original, id);
        self.check_cycle(store, original, id, &mut pending)?;
        let slot = self.slot_mut(id);
        let written = slot.mirrored_entries.iter().filter(|mirrored| mirrored.written && slot.active.is_any());
        written.for_each(|mirrored| write(store, mirrored.place, Some(original)));
        slot.active.end();
        self.hold(store, id, Some(original), None);
        Ok(())
    }
}

/// What was taken back, to be put back: entries with what they held, and links with their slots and what these held.
#[derive(Default)]
struct Undone {
    places: Vec<(TableEntry, FuncRef)>,
    links: Vec<(SlotId, LinkId, FuncRef)>,
}

/// What an entry holds.
pub(super) fn read(store: &Store, (table, index): TableEntry) -> Option<FuncRef> {
    // A table does not shrink, so the entry is there.
    store.table_get(table, index).ok().flatten()
}

fn write(store: &Store, (table, index): TableEntry, value: Option<FuncRef>) {
    let written = store.table_set(table, index, Reference::Func(value));
    debug_assert!(written.is_ok(), "a slot is an entry of a funcref table, and tables do not shrink");
}

/// The same with a function as the table's callers take it.
fn put(store: &Store, (table, index): TableEntry, native: FuncRef) {
    let written = store.table_put(table, index, native);
    debug_assert!(written.is_ok(), "a slot is an entry of a funcref table, and tables do not shrink");
}
