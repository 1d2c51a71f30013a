//! A slot: its entries, its active links and its forwarding.

use super::active::ActiveLinks;
use super::entry::TableEntry;
use crate::rewrite::SlotKind;
use crate::store::{FuncRef, Instance, Store};
use crate::wasm::{Declaration, FuncType};
use std::rc::Rc;

/// The id of a slot of a store. It is reused once the slot is forgotten, which cannot happen while the host holds the
/// slot.
pub type SlotId = u32;

/// An entry, besides the primary one, that a link writes too.
pub struct MirroredEntry {
    /// The entry
    pub entry: TableEntry,
    /// Whether an active link wrote it
    pub written: bool,
}

/// The forwarding of a slot that holds another slot's thunk.
#[derive(Debug, Clone, Copy)]
pub struct Forwarding {
    /// The thunk of the other slot
    pub thunk: FuncRef,
    /// The other slot
    pub slot: SlotId,
    /// Index of the forwarding slot in the other slot's `dependents`
    pub position: usize,
}

/// A place where an implementation can be changed.
pub struct Slot {
    /// Its name
    pub name: String,
    /// Origin of the slot
    pub kind: SlotKind,
    /// The type that an implementation must have; none for an empty table entry
    pub ty: Option<Rc<FuncType>>,
    /// The entry that decides what the slot holds
    pub primary_entry: TableEntry,
    /// Other entries that hold what the slot holds, unless someone wrote something else there
    pub mirrored_entries: Vec<MirroredEntry>,
    /// Active links
    pub active: ActiveLinks,
    /// Whether only links write the primary entry and only calls read it: it is in the dispatch table
    pub private: bool,
    /// Set while the slot holds another slot's thunk. The primary entry then holds that slot's function instead, if
    /// callers of this slot can call it directly
    pub forwards_to: Option<Forwarding>,
    /// The slots that forward to this one; `Forwarding::position` is an index into this list
    pub dependents: Vec<SlotId>,
    /// The function that the slot held before its first link; none for an empty table entry
    pub original: Option<FuncRef>,
    /// Names of the functions that the compiler merged into the original; empty if it merged none
    pub merged: Vec<String>,
    /// The author's declaration
    pub declaration: Option<Box<Declaration>>,
    /// The instance that the slot belongs to; none for a slot that is only a table entry
    pub instance: Option<Rc<Instance>>,
    /// The number of the last check of several changes that had this slot in its list
    pub listed: u64,
    /// Whether its table or instance was freed: only its name, kind and type may be used from then on
    pub ended: bool,
}

impl Slot {
    /// The function that it holds now.
    pub fn current(&self, store: &Store) -> Option<FuncRef> {
        self.forwards_to.map_or_else(|| self.primary_entry.get(store), |forwarding| Some(forwarding.thunk))
    }

    /// Whether its instance was closed, or its table or instance was freed.
    pub fn is_closed(&self) -> bool {
        self.ended || self.instance.as_ref().is_some_and(|instance| instance.is_closed())
    }
}
