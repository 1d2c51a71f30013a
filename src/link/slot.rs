use super::links::{ActiveLinks, read};
use super::slots::SlotId;
use crate::rewrite::SlotKind;
use crate::store::{FuncRef, Instance, Store, TableId};
use crate::wasm::{Declaration, FuncType};
use std::rc::Rc;

/// An entry of a table of a store.
pub type TableEntry = (TableId, u32);

/// An entry that follows a slot.
pub struct MirroredEntry {
    /// The entry
    pub place: TableEntry,
    /// Whether a link wrote it, of those that stand
    pub written: bool,
}

/// A way through another slot.
#[derive(Debug, Clone, Copy)]
pub struct Forwarding {
    /// The function that calls through it
    pub thunk: FuncRef,
    /// Which one that is
    pub slot: SlotId,
    /// Where that one's dependents have this one
    pub position: usize,
}

/// A place where an implementation can be changed.
pub struct Slot {
    /// Its name
    pub name: String,
    /// Where it comes from
    pub kind: SlotKind,
    /// The type that an implementation must have
    pub ty: Rc<FuncType>,
    /// The entry that decides what the slot holds
    pub primary_entry: TableEntry,
    /// Other entries that hold what the slot holds, unless someone wrote something else there
    pub mirrored_entries: Vec<MirroredEntry>,
    /// The links that stand in it
    pub active: ActiveLinks,
    /// Whether nobody but links writes the home, and nobody but calls reads it: it is in the table that the load-time pass
    /// has added
    pub private: bool,
    /// What it holds, if that does nothing but call through another slot: then its home holds what that one does, where the
    /// same code can call it
    pub forwards_to: Option<Forwarding>,
    /// The slots that hold what this one does, in such a way: the `position` of each is that in here
    pub dependents: Vec<SlotId>,
    /// What stood there first
    pub original: FuncRef,
    /// The names of the functions that the compiler made one of, if there are several
    pub merged: Vec<String>,
    /// What the author declared
    pub declaration: Option<Box<Declaration>>,
    /// Whose slot it is; a table may be nobody's
    pub instance: Option<Rc<Instance>>,
    /// Whether its table is gone: then only its name, kind and type are left
    pub ended: bool,
}

impl Slot {
    /// What it holds at this moment.
    pub fn current(&self, store: &Store) -> Option<FuncRef> {
        self.forwards_to.map_or_else(|| read(store, self.primary_entry), |forwarding| Some(forwarding.thunk))
    }

    /// Whether it belongs to an instance that was closed, or to nothing that there is.
    pub fn is_closed(&self) -> bool {
        self.ended || self.instance.as_ref().is_some_and(|instance| instance.is_closed())
    }
}
