use crate::error::ErrorKind;
use crate::napi::env::context::Context;
use crate::napi::env::reference::WeakReference;
use crate::store::{GlobalId, InstanceId, MemoryId, Node, Roots, TableId, TagId};
use napi::sys;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;

/// What a JavaScript object stands for.
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
    /// What links put back
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

/// The one JavaScript object for each thing in a store, as long as V8 keeps it.
#[derive(Default)]
pub struct Handles {
    objects: RefCell<FxHashMap<(Kind, u64), WeakReference>>,
    /// Those that do nothing, now that they are closed
    silent: RefCell<FxHashSet<(Kind, u64)>>,
}

impl Handles {
    /// Makes `object` the one that stands for a thing.
    ///
    /// # Safety
    /// `object` is one of `env`, which is that of this thread.
    pub unsafe fn keep(&self, env: sys::napi_env, kind: Kind, id: u64, object: sys::napi_value) {
        // SAFETY: by the contract of this function.
        let reference = unsafe { WeakReference::new(env, object) };
        self.objects.borrow_mut().insert((kind, id), reference);
    }

    /// The object that stands for a thing, if there is one.
    pub fn find(&self, kind: Kind, id: u64) -> Option<sys::napi_value> {
        self.objects.borrow().get(&(kind, id))?.get()
    }

    /// The ids of all things of a kind, and the objects that stand for them.
    pub fn all_of(&self, kind: Kind) -> Vec<(u64, sys::napi_value)> {
        let objects = self.objects.borrow();
        let all = objects.iter().filter(|((of, _), _)| *of == kind);
        all.filter_map(|((_, id), object)| Some((*id, object.get()?))).collect()
    }

    /// Lets things of a kind do nothing when they are used: those that JavaScript has.
    pub fn silence(&self, kind: Kind, ids: impl Iterator<Item = u32>) {
        let objects = self.objects.borrow();
        let held = ids.map(|id| (kind, id.into())).filter(|key| objects.contains_key(key));
        self.silent.borrow_mut().extend(held);
    }

    /// Whether a thing does nothing when it is used.
    pub fn is_silent(&self, kind: Kind, id: u64) -> bool {
        self.silent.borrow().contains(&(kind, id))
    }

    /// Whether there is one.
    pub fn has(&self, kind: Kind, id: u64) -> bool {
        self.find(kind, id).is_some()
    }

    /// Forgets the objects that V8 has collected, and gives what the others stand for.
    pub fn live(&self) -> Vec<(Kind, u64)> {
        let mut objects = self.objects.borrow_mut();
        objects.retain(|_, reference| reference.get().is_some());
        self.silent.borrow_mut().retain(|key| objects.contains_key(key));
        objects.keys().copied().collect()
    }
}

impl Context {
    /// What JavaScript holds of the store.
    pub fn roots(&self) -> Roots {
        let mut roots = Roots::default();
        for (kind, id) in self.handles.live() {
            // Only ids of keepers are longer.
            let id = id as u32;
            match kind {
                Kind::Instance => roots.instances.extend(Some(id).filter(|id| self.is_open(*id))),
                // See `mark_shared_memories`.
                Kind::Memory => roots.memories.extend(Some(MemoryId(id)).filter(|id| self.is_own_memory(*id))),
                Kind::Table => roots.tables.push(TableId(id)),
                Kind::Global => roots.globals.push(GlobalId(id)),
                Kind::Tag => roots.tags.push(TagId(id)),
                Kind::Slot => {
                    let slots = self.slots.borrow();
                    roots.tables.extend(slots.open(id).ok().map(|slot| slot.primary_entry.0));
                    roots.instances.extend(slots.open(id).ok().and_then(|slot| Some(slot.instance.as_ref()?.id)));
                }
                Kind::UndoRoot => {}
            }
        }
        roots.functions = self.live_undo_roots();
        for (function, reference) in &*self.functions.borrow() {
            let mut value = std::ptr::null_mut();
            // SAFETY: an entry is removed before its reference is deleted.
            unsafe { sys::napi_get_reference_value(self.env, *reference, &mut value) };
            if !value.is_null() && self.store.owner_of(*function).is_some_and(|owner| !owner.is_closed()) {
                roots.functions.push(*function);
            }
        }
        roots
    }

    fn is_own_memory(&self, id: MemoryId) -> bool {
        self.store.has_memory(id) && !self.store.memory_is_shared(id)
    }

    fn is_open(&self, id: InstanceId) -> bool {
        self.store.find_instance(id).is_some_and(|instance| !instance.is_closed())
    }

    /// What a thing is part of, as far as functions may be reached through it.
    pub fn node_of(&self, kind: Kind, id: u32) -> Option<Node> {
        match kind {
            Kind::Instance => Some(Node::Instance(id)),
            Kind::Table => self.store.node_of_table(TableId(id)),
            Kind::Global => self.store.node_of_global(GlobalId(id)),
            Kind::Slot => {
                let home = self.slots.borrow().open(id).ok()?.primary_entry.0;
                self.store.node_of_table(home)
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
