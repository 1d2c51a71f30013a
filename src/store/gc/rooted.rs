//! Roots that Rust code holds.

use crate::store::instance::entity::Instance;
use crate::store::{GlobalId, MemoryId, Node, Store, TableId, TagId};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

/// The nodes that Rust code holds, each with its number of holders. Marking starts from these and from JavaScript's.
#[derive(Default)]
pub(in crate::store) struct RootSet(RefCell<FxHashMap<Node, usize>>);

impl RootSet {
    /// The nodes, each once.
    pub fn nodes(&self) -> Vec<Node> {
        self.0.borrow().keys().copied().collect()
    }
}

/// A value that can keep its node alive.
pub trait Root {
    /// The node that it belongs to; none if it was freed.
    fn root_node(&self, store: &Store) -> Option<Node>;
}

impl Root for MemoryId {
    fn root_node(&self, store: &Store) -> Option<Node> {
        self.node(store)
    }
}

impl Root for TableId {
    fn root_node(&self, store: &Store) -> Option<Node> {
        self.node(store)
    }
}

impl Root for GlobalId {
    fn root_node(&self, store: &Store) -> Option<Node> {
        self.node(store)
    }
}

impl Root for TagId {
    fn root_node(&self, store: &Store) -> Option<Node> {
        self.node(store)
    }
}

impl Root for Rc<Instance> {
    fn root_node(&self, _store: &Store) -> Option<Node> {
        Some(Node::Instance(self.id))
    }
}

/// A root: keeps the node of `T` alive until it is dropped.
///
/// An id, a `FuncRef` and an `Rc<Instance>` keep nothing alive: each is valid until the next collection. No collection
/// runs while wasm is on the stack. To keep one longer, hold it as `Rooted`. `docs/internals/memory-and-collector.md` lists
/// the holders, and why the other places need none.
pub struct Rooted<T> {
    held: T,
    node: Option<Node>,
    set: Rc<RootSet>,
}

impl<T: Root> Rooted<T> {
    /// Keeps the node of `held` from being collected.
    pub fn new(store: &Store, held: T) -> Self {
        let node = held.root_node(store);
        if let Some(node) = node {
            *store.roots.0.borrow_mut().entry(node).or_default() += 1;
        }
        Self { held, node, set: store.roots.clone() }
    }
}

impl<T> Deref for Rooted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.held
    }
}

impl<T> Drop for Rooted<T> {
    fn drop(&mut self) {
        let Some(node) = self.node else { return };
        let mut nodes = self.set.0.borrow_mut();
        match nodes.get_mut(&node) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(nodes.remove(&node)),
        }
    }
}
