//! What links put back. There is one JavaScript object, a *keeper*, for each list of slots with what they held before: all
//! links that have that past hold it, and what is in the list lives as long as one of them. So a link that is made again
//! and again, and undone, makes nothing new.

use crate::link::SlotId;
use crate::napi::env::context::Context;
use crate::napi::gc::handles::Kind;
use crate::store::FuncRef;
use napi::sys;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::ptr;

/// A slot, and what it held.
pub type PreviousValue = (SlotId, Option<FuncRef>);

/// A keeper of a store.
pub type UndoRootId = u64;

/// The keepers of a store.
#[derive(Default)]
pub struct UndoRoots {
    pasts: RefCell<FxHashMap<UndoRootId, Vec<PreviousValue>>>,
    /// Those of slots that are open
    ids: RefCell<FxHashMap<Box<[PreviousValue]>, UndoRootId>>,
    last: Cell<UndoRootId>,
}

impl UndoRoots {
    /// What a slot that is open held before, by a keeper that is there.
    pub fn find(&self, undo_root: UndoRootId, index: usize) -> Option<FuncRef> {
        self.pasts.borrow().get(&undo_root)?.get(index)?.1
    }
}

impl Context {
    /// The keeper of a list, with its id.
    pub fn undo_root(&self, past: &[PreviousValue]) -> (sys::napi_value, UndoRootId) {
        let known = self.undo_roots.ids.borrow().get(past).copied();
        let id = known.unwrap_or_else(|| {
            let id = self.undo_roots.last.get() + 1;
            self.undo_roots.last.set(id);
            self.undo_roots.ids.borrow_mut().insert(past.into(), id);
            self.undo_roots.pasts.borrow_mut().insert(id, past.to_vec());
            id
        });
        (self.handles.find(Kind::UndoRoot, id).unwrap_or_else(|| self.make_keeper(id, past)), id)
    }

    /// A list of the cells of what may come back, which V8 is not to collect either.
    fn make_keeper(&self, id: UndoRootId, past: &[PreviousValue]) -> sys::napi_value {
        let mut nodes: Vec<_> = past.iter().filter_map(|(_, function)| self.store.node_of((*function)?)).collect();
        nodes.dedup();
        let mut undo_root = ptr::null_mut();
        // SAFETY: plain N-API calls on the thread of the environment.
        unsafe {
            sys::napi_create_array_with_length(self.env, nodes.len(), &mut undo_root);
            for (index, node) in (0..).zip(nodes) {
                sys::napi_set_element(self.env, undo_root, index, self.retainer(node));
            }
            self.handles.keep(self.env, Kind::UndoRoot, id, undo_root);
        }
        self.retainers.note_change(1);
        undo_root
    }

    /// Forgets the keepers that V8 has collected, and what is of slots that are closed or gone, which nobody can undo. Gives
    /// what the others may bring back: no function stays in a list that is not among these.
    pub fn live_undo_roots(&self) -> Vec<FuncRef> {
        let slots = self.slots.borrow();
        let mut pasts = self.undo_roots.pasts.borrow_mut();
        pasts.retain(|id, _| self.handles.has(Kind::UndoRoot, *id));
        let is_open = |slot: SlotId| slots.find(slot).is_some_and(|slot| !slot.is_closed());
        let mut ids = self.undo_roots.ids.borrow_mut();
        ids.retain(|past, id| pasts.contains_key(id) && past.iter().all(|(slot, _)| is_open(*slot)));
        let mut all = Vec::new();
        for (slot, function) in pasts.values_mut().flatten() {
            *function = function.filter(|_| is_open(*slot));
            all.extend(*function);
        }
        all
    }
}
