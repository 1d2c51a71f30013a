use super::slot::{Slot, SlotKind};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{FuncRef, Instance, Store, TableId};
use crate::wasm::Declaration;
use std::collections::HashMap;
use std::rc::Rc;

/// A slot of a store.
pub type SlotId = u32;
/// A link of a store: a change that can be taken back.
pub type LinkId = u32;

/// A link that stands.
struct Link {
    slot: SlotId,
    implementation: FuncRef,
    previous: Option<FuncRef>,
}

/// What a link has done.
#[derive(Debug, Clone, Copy)]
pub struct Linked {
    /// The change
    pub id: LinkId,
    /// What the slot held before
    pub previous: Option<FuncRef>,
}

/// The slots of a store, and the links that stand in them.
#[derive(Default)]
pub struct Slots {
    slots: Vec<Slot>,
    /// The links that stand in each slot, the newest last
    standing: Vec<Vec<LinkId>>,
    links: HashMap<LinkId, Link>,
    next_link: LinkId,
    by_entry: HashMap<(TableId, u32), SlotId>,
    by_thunk: HashMap<FuncRef, SlotId>,
    /// Slots by their original. The compiler may have made one function of several equal ones.
    by_original: HashMap<FuncRef, Vec<SlotId>>,
}

impl Slots {
    /// The declared slots of a new instance.
    pub fn declare(&mut self, store: &Store, instance: &Rc<Instance>) -> Vec<SlotId> {
        let code = instance.code();
        let Some(index) = code.dispatch_table else { return Vec::new() };
        let table = store.instance_table(instance, index);
        let mut ids = Vec::with_capacity(code.slots.len());
        for (entry, declared) in code.slots.iter().enumerate() {
            let original = store.function(instance, declared.original);
            let id = self.add(Slot {
                name: declared.name.clone(),
                kind: SlotKind::Declared,
                ty: store.type_of(original),
                table,
                index: entry as u32,
                original,
                declaration: declared.declaration.clone(),
                instance: Some(instance.clone()),
            });
            self.by_thunk.insert(store.function(instance, declared.thunk), id);
            self.by_original.entry(original).or_default().push(id);
            ids.push(id);
        }
        ids
    }

    /// The slot that is entry `index` of `table`.
    ///
    /// # Errors
    /// `OutOfRange`, `EmptySlot` for an entry that is null, `UnsupportedValue` for a table of
    /// anything but functions.
    pub fn table_slot(&mut self, store: &Store, table: TableId, index: u32) -> Result<SlotId> {
        if let Some(id) = self.by_entry.get(&(table, index)) {
            return Ok(*id);
        }
        let name = format!("table[{index}]");
        let Some(original) = store.table_get(table, index)? else {
            return Err(ErrorKind::EmptySlot { slot: name }.into());
        };
        Ok(self.add(Slot {
            name,
            kind: SlotKind::Table,
            ty: store.type_of(original),
            table,
            index,
            original,
            declaration: None,
            instance: None,
        }))
    }

    fn add(&mut self, slot: Slot) -> SlotId {
        let id = self.slots.len() as SlotId;
        self.by_entry.insert((slot.table, slot.index), id);
        self.slots.push(slot);
        self.standing.push(Vec::new());
        id
    }

    /// The slot with this id.
    ///
    /// # Panics
    /// If there is none: ids come from `declare` and `table_slot` only.
    pub fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[id as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What the slot holds at this moment.
    pub fn current(&self, store: &Store, id: SlotId) -> Option<FuncRef> {
        let slot = self.slot(id);
        // A table does not shrink, so the entry is there.
        store.table_get(slot.table, slot.index).ok().flatten()
    }

    /// Whether a link stands in the slot.
    pub fn is_linked(&self, id: SlotId) -> bool {
        !self.standing[id as usize].is_empty()
    }

    pub(super) fn slot_of_thunk(&self, function: FuncRef) -> Option<SlotId> {
        self.by_thunk.get(&function).copied()
    }

    /// What the authors of `function` declared, if it is the original of declared slots.
    pub(super) fn declarations_of(&self, function: FuncRef) -> impl Iterator<Item = &Declaration> {
        let slots = self.by_original.get(&function).into_iter().flatten();
        slots.filter_map(|id| self.slot(*id).declaration.as_ref())
    }

    /// Links one implementation, once all checks are passed.
    ///
    /// # Errors
    /// Those of `check`; then nothing has changed.
    pub fn link(&mut self, store: &Store, implementation: FuncRef, id: SlotId) -> Result<Linked> {
        self.check(store, implementation, id, &[])?;
        store.native_to_table(implementation, self.slot(id).table)?;
        Ok(self.commit(store, implementation, id))
    }

    /// Checks changes that are to be made in this order. Each comes with its position in what the
    /// caller was given; `refusals` are those that the caller itself has.
    ///
    /// # Errors
    /// `Refused` with every change that cannot be made, by its position.
    pub fn check_all(
        &self,
        store: &Store,
        changes: &[(usize, FuncRef, SlotId)],
        mut refusals: Vec<(usize, String, Error)>,
    ) -> Result<()> {
        let mut pending = Vec::with_capacity(changes.len());
        for (position, implementation, id) in changes {
            if let Err(error) = self.check(store, *implementation, *id, &pending) {
                refusals.push((*position, self.slot(*id).name.clone(), error));
            }
            pending.push((*implementation, *id));
        }
        if refusals.is_empty() {
            return Ok(());
        }
        refusals.sort_by_key(|(position, ..)| *position);
        Err(ErrorKind::Refused { refusals }.into())
    }

    /// Links many, in order, once all of them are checked.
    ///
    /// # Errors
    /// Those of `check_all`; then nothing has changed.
    pub fn relink(
        &mut self,
        store: &Store,
        changes: &[(usize, FuncRef, SlotId)],
        refusals: Vec<(usize, String, Error)>,
    ) -> Result<Vec<Linked>> {
        self.check_all(store, changes, refusals)?;
        // What may still be refused comes before the first change.
        for (_, implementation, id) in changes {
            store.native_to_table(*implementation, self.slot(*id).table)?;
        }
        Ok(changes.iter().map(|(_, implementation, id)| self.commit(store, *implementation, *id)).collect())
    }

    fn commit(&mut self, store: &Store, implementation: FuncRef, id: SlotId) -> Linked {
        let previous = self.current(store, id);
        self.write(store, id, Some(implementation));
        let link = self.next_link;
        self.next_link += 1;
        self.links.insert(link, Link { slot: id, implementation, previous });
        self.standing[id as usize].push(link);
        Linked { id: link, previous }
    }

    fn write(&self, store: &Store, id: SlotId, value: Option<FuncRef>) {
        let slot = self.slot(id);
        let written = store.table_set(slot.table, slot.index, value);
        debug_assert!(written.is_ok(), "a slot is an entry of a funcref table, and tables do not shrink");
    }

    /// Takes back links, the last one first, once all of them are checked. `slot` names the slot of
    /// a link in messages, where the link itself is gone.
    ///
    /// # Errors
    /// `Undone`, `Order`, `Changed` or `Cycle`; then nothing has changed.
    pub fn undo(&mut self, store: &Store, links: &[(LinkId, SlotId)]) -> Result<()> {
        // What each slot would hold, and how many of its links would be left, as the links go.
        let mut after: HashMap<SlotId, (usize, Option<FuncRef>)> = HashMap::new();
        for (id, slot) in links.iter().rev() {
            let name = || self.slot(*slot).name.clone();
            let Some(link) = self.links.get(id) else { return Err(ErrorKind::Undone { slot: name() }.into()) };
            let standing = &self.standing[link.slot as usize];
            let state = after.entry(link.slot).or_insert_with(|| (standing.len(), self.current(store, link.slot)));
            let (count, held) = *state;
            if count == 0 || standing[count - 1] != *id {
                return Err(ErrorKind::Order { slot: name() }.into());
            }
            if held != Some(link.implementation) {
                return Err(ErrorKind::Changed { slot: name() }.into());
            }
            *state = (count - 1, link.previous);
        }
        let restored: Vec<_> = after.iter().filter_map(|(slot, (_, held))| Some(((*held)?, *slot))).collect();
        self.check_cycles(store, &restored)?;
        for (id, _) in links.iter().rev() {
            if let Some(link) = self.links.remove(id) {
                self.standing[link.slot as usize].pop();
                self.write(store, link.slot, link.previous);
            }
        }
        Ok(())
    }

    /// Whether slots may go back to what they held: what was no cycle then may be one now.
    fn check_cycles(&self, store: &Store, restored: &[(FuncRef, SlotId)]) -> Result<()> {
        match restored.iter().find(|(function, slot)| self.leads_to(store, *function, *slot, restored)) {
            Some((_, slot)) => Err(ErrorKind::Cycle { slot: self.slot(*slot).name.clone() }.into()),
            None => Ok(()),
        }
    }

    /// Puts the original back, and ends every link of the slot; also of a closed instance's.
    ///
    /// # Errors
    /// `Cycle` when the original, a thunk of another slot, leads back here by now.
    pub fn reset(&mut self, store: &Store, id: SlotId) -> Result<()> {
        let slot = self.slot(id);
        self.check_cycles(store, &[(slot.original, id)])?;
        self.write(store, id, Some(slot.original));
        for link in std::mem::take(&mut self.standing[id as usize]) {
            self.links.remove(&link);
        }
        Ok(())
    }
}
