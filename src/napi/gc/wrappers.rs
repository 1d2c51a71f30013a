//! The wrappers of a store: the JavaScript objects that stand for things in it.

use crate::link::Slots;
use crate::napi::env::reference::WeakReference;
use crate::napi::env::value::{JsEnv, Value};
use crate::store::{GlobalId, Node, Store, TableId};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;

/// The kind of thing that a wrapper stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WrapperKind {
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
}

impl WrapperKind {
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

    /// The node that a thing of this kind is part of; none for kinds through which no function can be reached.
    pub fn node(self, id: u32, store: &Store, slots: &Slots) -> Option<Node> {
        match self {
            Self::Instance => Some(Node::Instance(id)),
            Self::Table => TableId(id).node(store),
            Self::Global => GlobalId(id).node(store),
            Self::Slot => slots.open(id).ok()?.primary_entry.table.node(store),
            Self::Memory | Self::Tag => None,
        }
    }
}

/// Weak references to the wrappers of a store: one JavaScript object for each kind and id.
#[derive(Default)]
pub struct Wrappers {
    objects: RefCell<FxHashMap<(WrapperKind, u32), WeakReference>>,
    /// Closed things whose uses do nothing, instead of throwing
    silent: RefCell<FxHashSet<(WrapperKind, u32)>>,
}

impl Wrappers {
    /// Makes `object` the wrapper of a thing.
    pub fn register(&self, env: JsEnv<'_>, kind: WrapperKind, id: u32, object: Value<'_>) {
        self.objects.borrow_mut().insert((kind, id), WeakReference::new(env, object));
    }

    /// The wrapper of a thing, if it has one.
    pub fn find<'a>(&self, env: JsEnv<'a>, kind: WrapperKind, id: u32) -> Option<Value<'a>> {
        self.objects.borrow().get(&(kind, id))?.get(env)
    }

    /// The ids and wrappers of all things of a kind.
    pub fn all_of<'a>(&self, env: JsEnv<'a>, kind: WrapperKind) -> Vec<(u32, Value<'a>)> {
        let objects = self.objects.borrow();
        let all = objects.iter().filter(|((of, _), _)| *of == kind);
        all.filter_map(|((_, id), object)| Some((*id, object.get(env)?))).collect()
    }

    /// Marks closed things of a kind as silent. Things without a wrapper are skipped: JavaScript cannot use them.
    pub fn silence(&self, kind: WrapperKind, ids: impl Iterator<Item = u32>) {
        let objects = self.objects.borrow();
        let held = ids.map(|id| (kind, id)).filter(|key| objects.contains_key(key));
        self.silent.borrow_mut().extend(held);
    }

    /// Whether uses of a closed thing do nothing, instead of throwing.
    pub fn is_silent(&self, kind: WrapperKind, id: u32) -> bool {
        self.silent.borrow().contains(&(kind, id))
    }

    /// Whether a thing has a wrapper.
    pub fn has(&self, env: JsEnv<'_>, kind: WrapperKind, id: u32) -> bool {
        self.find(env, kind, id).is_some()
    }

    /// Removes the wrappers that V8 has collected, and returns the kinds and ids of the others.
    pub fn live(&self, env: JsEnv<'_>) -> Vec<(WrapperKind, u32)> {
        let mut objects = self.objects.borrow_mut();
        objects.retain(|_, reference| reference.get(env).is_some());
        self.silent.borrow_mut().retain(|key| objects.contains_key(key));
        objects.keys().copied().collect()
    }
}
