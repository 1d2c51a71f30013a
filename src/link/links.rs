use super::check::Pending;
use super::slot::Place;
use super::slots::{SlotId, Slots};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{FuncRef, Reference, Store, TableId};
use rustc_hash::{FxHashMap, FxHashSet};

/// A link of a store: a change that can be taken back.
pub type LinkId = u64;

/// A link that stands.
struct Link {
    /// The first of those that were made together with it: they are held as one
    batch: LinkId,
    slot: SlotId,
    implementation: FuncRef,
    previous: Option<FuncRef>,
    /// The places that it wrote besides the slot's home
    followed: Vec<Place>,
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

/// The links that stand.
#[derive(Default)]
pub(super) struct Links {
    links: FxHashMap<LinkId, Link>,
    /// The links that stand in each slot, the newest last
    standing: FxHashMap<SlotId, Vec<LinkId>>,
}

impl Links {
    /// The newest link of a slot.
    pub fn newest(&self, slot: SlotId) -> Option<LinkId> {
        self.standing.get(&slot)?.last().copied()
    }

    /// How many stand.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    fn push(&mut self, id: LinkId, link: Link) {
        self.standing.entry(link.slot).or_default().push(id);
        self.links.insert(id, link);
    }

    /// Ends every link of a slot, and gives the places that they wrote.
    pub fn end(&mut self, slot: SlotId) -> FxHashSet<Place> {
        let ended = self.standing.remove(&slot).unwrap_or_default();
        let links = ended.iter().filter_map(|id| self.links.remove(id));
        links.flat_map(|link| link.followed).collect()
    }

    /// Of links that the host no longer holds, which nobody can undo, makes one for each slot: that a link stands is
    /// all that is left of them, and where they wrote.
    fn merge(&mut self, is_held: impl Fn(LinkId) -> bool) {
        let held: FxHashSet<LinkId> =
            self.links.iter().filter(|(_, link)| is_held(link.batch)).map(|(id, _)| *id).collect();
        let is_held = |id: LinkId| held.contains(&id);
        for standing in self.standing.values_mut() {
            let Some(newest) = standing.iter().rposition(|id| !is_held(*id)) else { continue };
            let kept = standing[newest];
            let mut written = FxHashSet::default();
            standing.retain(|id| {
                let stays = *id == kept || is_held(*id);
                if !stays {
                    written.extend(self.links.remove(id).into_iter().flat_map(|link| link.followed));
                }
                stays
            });
            if let Some(link) = self.links.get_mut(&kept) {
                written.extend(link.followed.drain(..));
                link.followed.extend(written);
            }
        }
        self.standing.retain(|_, standing| !standing.is_empty());
    }

    /// Forgets the entries of a table.
    pub fn release(&mut self, table: TableId) {
        self.links.values_mut().for_each(|link| link.followed.retain(|(each, _)| *each != table));
    }
}

/// What a slot is going to be while links are taken back.
struct Undoing {
    /// How many of its links are left
    standing: usize,
    /// What its home holds
    held: Option<FuncRef>,
    /// The places that hold it too
    restored: FxHashSet<Place>,
}

impl Slots {
    /// Makes one change, once all checks are passed, as a link that is known by `id` and by no other. Gives what the slot
    /// held before.
    ///
    /// # Errors
    /// Those of `check`; then nothing has changed.
    pub fn link(&mut self, store: &Store, change: &Change, merged: bool, id: LinkId) -> Result<Option<FuncRef>> {
        let Change { implementation, slot, .. } = *change;
        self.check(store, implementation, slot, merged, &mut Pending::default())?;
        let native = store.native_to_table(implementation, self.slot(slot).home.0)?;
        Ok(self.commit(store, *change, native, id, id))
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
    ) -> Result<Vec<FuncRef>> {
        let mut pending = Pending::default();
        let mut natives = Vec::with_capacity(changes.len());
        for Change { position, implementation, slot } in changes {
            let checked = self.check(store, *implementation, *slot, merged, &mut pending);
            // What may still be refused comes before the first change.
            let native = checked.and_then(|()| store.native_to_table(*implementation, self.slot(*slot).home.0));
            match native {
                Ok(native) => {
                    natives.push(native);
                    pending.promise(self, store, *implementation, *slot);
                }
                Err(error) => refusals.push((*position, self.slot(*slot).name.clone(), error)),
            }
        }
        if refusals.is_empty() {
            return Ok(natives);
        }
        refusals.sort_by_key(|(position, ..)| *position);
        Err(ErrorKind::Refused { refusals }.into())
    }

    /// Links many, in order, once all of them are checked; `first` is the id of the first. Gives what the slots held before.
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
    ) -> Result<Vec<Option<FuncRef>>> {
        let natives = self.check_all(store, changes, merged, refusals)?;
        let all = changes.iter().zip(natives).zip(first..);
        Ok(all.map(|((change, native), id)| self.commit(store, *change, native, id, first)).collect())
    }

    fn commit(&mut self, store: &Store, change: Change, native: FuncRef, id: LinkId, batch: LinkId) -> Option<FuncRef> {
        let Change { implementation, slot, .. } = change;
        let previous = self.current(store, slot);
        let followed = self.following(store, slot, previous);
        for (table, index) in followed.iter().copied().chain([self.slot(slot).home]) {
            let written = store.table_put(table, index, native);
            debug_assert!(written.is_ok(), "a slot is an entry of a funcref table, and tables do not shrink");
        }
        self.links.push(id, Link { batch, slot, implementation, previous, followed });
        previous
    }

    /// The places of a slot that hold `held`. What else stands in one, someone put there.
    fn following(&self, store: &Store, id: SlotId, held: Option<FuncRef>) -> Vec<Place> {
        let places = self.slot(id).places.iter().copied();
        places.filter(|place| held.is_some() && read(store, *place) == held).collect()
    }

    /// Writes the home of a slot, and these places.
    fn write(&self, store: &Store, id: SlotId, value: Option<FuncRef>, places: impl IntoIterator<Item = Place>) {
        for (table, index) in places.into_iter().chain([self.slot(id).home]) {
            let written = store.table_set(table, index, Reference::Func(value));
            debug_assert!(written.is_ok(), "a slot is an entry of a funcref table, and tables do not shrink");
        }
    }

    /// Takes back links, the last one first, once all of them are checked. `slot` names the slot of
    /// a link in messages, where the link itself is gone.
    ///
    /// # Errors
    /// `Closed`, `Undone`, `Order`, `Changed` or `Cycle`; then nothing has changed.
    pub fn undo(&mut self, store: &Store, links: &[(LinkId, SlotId)]) -> Result<()> {
        let restored = self.check_undo(store, links)?;
        self.check_cycles(store, &restored)?;
        for (id, _) in links.iter().rev() {
            if let Some(link) = self.links.links.remove(id) {
                self.links.standing.get_mut(&link.slot).and_then(Vec::pop);
                self.write(store, link.slot, link.previous, link.followed);
            }
        }
        Ok(())
    }

    /// What the slots of these links are going to hold, if they may be taken back.
    fn check_undo(&self, store: &Store, links: &[(LinkId, SlotId)]) -> Result<Vec<(FuncRef, SlotId)>> {
        let mut after: FxHashMap<SlotId, Undoing> = FxHashMap::default();
        for (id, slot) in links.iter().rev() {
            let name = || self.slot(*slot).name.clone();
            self.open(*slot)?;
            let Some(link) = self.links.links.get(id) else {
                return Err(ErrorKind::Undone { slot: name() }.into());
            };
            let standing = self.links.standing.get(&link.slot).map_or(&[][..], Vec::as_slice);
            let state = after.entry(link.slot).or_insert_with(|| Undoing {
                standing: standing.len(),
                held: self.current(store, link.slot),
                restored: FxHashSet::default(),
            });
            if state.standing == 0 || standing[state.standing - 1] != *id {
                return Err(ErrorKind::Order { slot: name() }.into());
            }
            let own = Some(link.implementation);
            let kept = |place: &Place| state.restored.contains(place) || read(store, *place) == own;
            if state.held != own || !link.followed.iter().all(kept) {
                return Err(ErrorKind::Changed { slot: name() }.into());
            }
            state.standing -= 1;
            state.held = link.previous;
            state.restored.extend(&link.followed);
        }
        Ok(after.iter().filter_map(|(slot, state)| Some((state.held?, *slot))).collect())
    }

    /// Whether slots may go back to what they held: what was no cycle then may be one now.
    fn check_cycles(&mut self, store: &Store, restored: &[(FuncRef, SlotId)]) -> Result<()> {
        let mut pending = Pending::default();
        for (function, slot) in restored {
            pending.promise(self, store, *function, *slot);
        }
        for (function, slot) in restored {
            if self.leads_to(store, *function, *slot, &mut pending) {
                return Err(ErrorKind::Cycle { slot: self.slot(*slot).name.clone() }.into());
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
        self.check_cycles(store, &[(original, id)])?;
        let written = self.links.end(id);
        self.write(store, id, Some(original), written);
        Ok(())
    }
}

impl Slots {
    /// The functions that come back when links are undone, of all that can be. `is_held` says whether those may be undone
    /// that were made together with a link, the first of them.
    pub fn previous(&mut self, is_held: impl Fn(LinkId) -> bool) -> Vec<FuncRef> {
        self.links.merge(&is_held);
        let is_held = |id: LinkId| self.links.links.get(&id).is_some_and(|link| is_held(link.batch));
        let mut previous = Vec::new();
        for (slot, standing) in &self.links.standing {
            if self.slot(*slot).is_closed() {
                continue;
            }
            // A link that nobody holds covers those below for good.
            let undoable = standing.iter().rev().take_while(|id| is_held(**id));
            previous.extend(undoable.filter_map(|id| self.links.links.get(id)?.previous));
        }
        previous
    }

    /// What a link puts back when it is undone.
    pub fn previous_of(&self, id: LinkId) -> Option<FuncRef> {
        self.links.links.get(&id)?.previous
    }
}

fn read(store: &Store, (table, index): Place) -> Option<FuncRef> {
    store.table_get(table, index).ok().flatten()
}
