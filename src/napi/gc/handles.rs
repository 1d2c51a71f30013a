//! The wrappers of a store: the JavaScript objects that stand for things in it.

use crate::error::ErrorKind;
use crate::napi::env::context::Context;
use crate::napi::env::reference::WeakReference;
use crate::store::{GlobalId, Instance, InstanceId, MemoryId, Node, Roots, TableId, TagId};
use napi::sys;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;

/// The kind of thing that a JavaScript wrapper stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An instance
    Instance,
    /// A memory
    Memory,
    /// A table
    Table,
    /// A global
    Global,
    /// A tag
    Tag,
    /// A slot
    Slot,
    /// An undo root
    UndoRoot,
}

impl Kind {
    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "instance" => Self::Instance,
            "memory" => Self::Memory,
            "table" => Self::Table,
            "global" => Self::Global,
            "tag" => Self::Tag,
            "slot" => Self::Slot,
            _ => return None,
        })
    }
}

/// Weak references to the wrappers of a store: one JavaScript object for each kind and id.
#[derive(Default)]
pub struct Handles {
    objects: RefCell<FxHashMap<(Kind, u64), WeakReference>>,
    /// Closed things whose uses do nothing, instead of throwing
    silent: RefCell<FxHashSet<(Kind, u64)>>,
}

impl Handles {
    /// Makes `object` the wrapper of a thing.
    ///
    /// # Safety
    /// `object` is an object of `env`, and this is the thread of `env`.
    pub unsafe fn keep(&self, env: sys::napi_env, kind: Kind, id: u64, object: sys::napi_value) {
        // SAFETY: by the contract of this function.
        let reference = unsafe { WeakReference::new(env, object) };
        self.objects.borrow_mut().insert((kind, id), reference);
    }

    /// The wrapper of a thing, if it has one.
    pub fn find(&self, kind: Kind, id: u64) -> Option<sys::napi_value> {
        self.objects.borrow().get(&(kind, id))?.get()
    }

    /// The ids and wrappers of all things of a kind.
    pub fn all_of(&self, kind: Kind) -> Vec<(u64, sys::napi_value)> {
        let objects = self.objects.borrow();
        let all = objects.iter().filter(|((of, _), _)| *of == kind);
        all.filter_map(|((_, id), object)| Some((*id, object.get()?))).collect()
    }

    /// Marks closed things of a kind as silent. Things without a wrapper are skipped: JavaScript cannot use them.
    pub fn silence(&self, kind: Kind, ids: impl Iterator<Item = u32>) {
        let objects = self.objects.borrow();
        let held = ids.map(|id| (kind, id.into())).filter(|key| objects.contains_key(key));
        self.silent.borrow_mut().extend(held);
    }

    /// Whether uses of a closed thing do nothing, instead of throwing.
    pub fn is_silent(&self, kind: Kind, id: u64) -> bool {
        self.silent.borrow().contains(&(kind, id))
    }

    /// Whether a thing has a wrapper.
    pub fn has(&self, kind: Kind, id: u64) -> bool {
        self.find(kind, id).is_some()
    }

    /// Removes the wrappers that V8 has collected, and returns the kinds and ids of the others.
    pub fn live(&self) -> Vec<(Kind, u64)> {
        let mut objects = self.objects.borrow_mut();
        objects.retain(|_, reference| reference.get().is_some());
        self.silent.borrow_mut().retain(|key| objects.contains_key(key));
        objects.keys().copied().collect()
    }
}

impl Context {
    /// The roots of a collection: the store objects that JavaScript holds.
    pub fn roots(&self) -> Roots {
        let mut roots = Roots::default();
        for (kind, id) in self.handles.live() {
            // Only ids of undo roots are longer than 32 bits; they are not read here.
            let id = id as u32;
            match kind {
                Kind::Instance => roots.instances.extend(Some(id).filter(|id| self.is_open(*id))),
                // `mark_shared_memories` handles the shared ones.
                Kind::Memory => roots.memories.extend(Some(MemoryId(id)).filter(|id| self.is_own_memory(*id))),
                Kind::Table => roots.tables.push(TableId(id)),
                Kind::Global => roots.globals.push(GlobalId(id)),
                Kind::Tag => roots.tags.push(TagId(id)),
                Kind::Slot => {
                    let slots = self.slots.borrow();
                    roots.tables.extend(slots.open(id).ok().map(|slot| slot.primary_entry.table));
                    roots.instances.extend(slots.open(id).ok().and_then(|slot| Some(slot.instance.as_ref()?.id)));
                }
                Kind::UndoRoot => {}
            }
        }
        roots.functions = self.live_undo_roots();
        for (function, reference) in &*self.functions.borrow() {
            let mut value = std::ptr::null_mut();
            // SAFETY: `finalize` removes an entry before it deletes the entry's reference.
            unsafe { sys::napi_get_reference_value(self.env, *reference, &mut value) };
            if !value.is_null() && function.context_owner(&self.store).is_some_and(|owner| !owner.is_closed()) {
                roots.functions.push(*function);
            }
        }
        roots
    }

    fn is_own_memory(&self, id: MemoryId) -> bool {
        id.is_open(&self.store) && !id.is_shared(&self.store)
    }

    fn is_open(&self, id: InstanceId) -> bool {
        Instance::find(&self.store, id).is_some_and(|instance| !instance.is_closed())
    }

    /// The node that a thing is part of; none for kinds through which no function can be reached.
    pub fn node_of(&self, kind: Kind, id: u32) -> Option<Node> {
        match kind {
            Kind::Instance => Some(Node::Instance(id)),
            Kind::Table => TableId(id).node(&self.store),
            Kind::Global => GlobalId(id).node(&self.store),
            Kind::Slot => {
                let home = self.slots.borrow().open(id).ok()?.primary_entry.table;
                home.node(&self.store)
            }
            Kind::Memory | Kind::Tag | Kind::UndoRoot => None,
        }
    }

    /// Whether the store is open.
    ///
    /// # Errors
    /// `ClosedStore`.
    pub fn check_open(&self) -> crate::error::Result<()> {
        if self.closed.get() { Err(ErrorKind::ClosedStore.into()) } else { Ok(()) }
    }
}
