//! Undo roots: JavaScript arrays that keep alive the functions that undoing a link would put back. There is one for
//! each list of slots with their previous values. All links with the same list share it, and the functions in the list
//! live as long as one of these links. So making and undoing the same link repeatedly allocates only once.

use crate::link::SlotId;
use crate::napi::env::context::Context;
use crate::napi::gc::handles::Kind;
use crate::store::FuncRef;
use napi::sys;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::ptr;

/// A slot, and the function that it held before a link; none for null.
pub type PreviousValue = (SlotId, Option<FuncRef>);

/// The id of an undo root; never 0.
pub type UndoRootId = u64;

/// The undo roots of a store.
#[derive(Default)]
pub struct UndoRoots {
    /// The previous values of each undo root
    pasts: RefCell<FxHashMap<UndoRootId, Vec<PreviousValue>>>,
    /// Undo roots by their lists, only those whose slots are all open
    ids: RefCell<FxHashMap<Box<[PreviousValue]>, UndoRootId>>,
    /// The newest id
    last: Cell<UndoRootId>,
}

impl UndoRoots {
    /// The previous value at an index of an undo root that is alive, for a slot that is open.
    pub fn find(&self, undo_root: UndoRootId, index: usize) -> Option<FuncRef> {
        self.pasts.borrow().get(&undo_root)?.get(index)?.1
    }
}

impl Context {
    /// The undo root of a list, with its id.
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

    /// Makes the array: it holds the retainers of the previous values.
    fn make_keeper(&self, id: UndoRootId, past: &[PreviousValue]) -> sys::napi_value {
        let mut nodes: Vec<_> = past.iter().filter_map(|(_, function)| ((*function)?).node(&self.store)).collect();
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

    /// Removes the undo roots that V8 has collected, and clears the previous values of slots that are closed or gone,
    /// since their links cannot be undone. Returns all functions that stay in the lists: they are roots.
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
