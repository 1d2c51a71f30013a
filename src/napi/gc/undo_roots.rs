//! Undo roots: JavaScript arrays that keep alive the functions that undoing a link would put back. There is one for
//! each list of slots with their previous values. All links with the same list share it, and the functions in the list
//! live as long as one of these links. So making and undoing the same link repeatedly allocates only once.

use crate::link::{SlotId, Slots};
use crate::napi::env::reference::WeakReference;
use crate::napi::env::value::{JsEnv, Value};
use crate::napi::gc::retainers::Retainers;
use crate::store::{FuncRef, Store};
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};

/// A slot, and the function that it held before a link; none for null.
pub type PreviousValue = (SlotId, Option<FuncRef>);

/// The id of an undo root; never 0.
pub type UndoRootId = u64;

struct UndoRoot {
    /// The JavaScript array, which holds the retainers of the previous values
    array: WeakReference,
    previous: Vec<PreviousValue>,
}

/// The undo roots of a store.
#[derive(Default)]
pub struct UndoRoots {
    roots: RefCell<FxHashMap<UndoRootId, UndoRoot>>,
    /// Undo roots by their lists, only those whose slots are all open
    ids: RefCell<FxHashMap<Box<[PreviousValue]>, UndoRootId>>,
    /// The newest id
    last: Cell<UndoRootId>,
}

impl UndoRoots {
    /// The previous value at an index of an undo root that is alive, for a slot that is open.
    pub fn previous(&self, id: UndoRootId, index: usize) -> Option<FuncRef> {
        self.roots.borrow().get(&id)?.previous.get(index)?.1
    }

    /// The undo root of a list, which is made if there is none, and its id.
    pub fn undo_root<'a>(
        &self,
        env: JsEnv<'a>,
        store: &Store,
        retainers: &Retainers,
        previous: &[PreviousValue],
    ) -> (Value<'a>, UndoRootId) {
        let known = self.ids.borrow().get(previous).copied();
        let id = known.unwrap_or_else(|| {
            let id = self.last.get() + 1;
            self.last.set(id);
            self.ids.borrow_mut().insert(previous.into(), id);
            id
        });
        let found = self.roots.borrow().get(&id).and_then(|root| root.array.get(env));
        let array = found.unwrap_or_else(|| {
            let array = make_array(env, store, retainers, previous);
            let root = UndoRoot { array: WeakReference::new(env, array), previous: previous.to_vec() };
            self.roots.borrow_mut().insert(id, root);
            retainers.note_change(1);
            array
        });
        (array, id)
    }

    /// Removes the undo roots that V8 has collected, and clears the previous values of slots that are closed or gone,
    /// since their links cannot be undone. Returns all functions that stay in the lists: they are roots.
    pub fn live(&self, env: JsEnv<'_>, slots: &Slots) -> Vec<FuncRef> {
        let mut roots = self.roots.borrow_mut();
        roots.retain(|_, root| root.array.get(env).is_some());
        let is_open = |slot: SlotId| slots.find(slot).is_some_and(|slot| !slot.is_closed());
        let mut ids = self.ids.borrow_mut();
        ids.retain(|previous, id| roots.contains_key(id) && previous.iter().all(|(slot, _)| is_open(*slot)));
        let mut functions = Vec::new();
        for (slot, function) in roots.values_mut().flat_map(|root| &mut root.previous) {
            *function = function.filter(|_| is_open(*slot));
            functions.extend(*function);
        }
        functions
    }
}

fn make_array<'a>(env: JsEnv<'a>, store: &Store, retainers: &Retainers, previous: &[PreviousValue]) -> Value<'a> {
    let mut nodes: Vec<_> = previous.iter().filter_map(|(_, function)| (*function)?.node(store)).collect();
    nodes.dedup();
    let array = env.array_of(nodes.len());
    for (index, node) in (0..).zip(nodes) {
        env.set_element(array, index, retainers.retainer(env, store, node));
    }
    array
}
