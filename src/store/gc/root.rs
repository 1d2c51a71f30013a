//! Values that Rust code can hold as roots.

use crate::store::instance::entity::Instance;
use crate::store::{GlobalId, MemoryId, Node, Rooted, Store, TableId, TagId};
use std::rc::Rc;

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

impl<T: Root> Rooted<T> {
    /// Keeps the node of `held` from being collected.
    pub fn new(store: &Store, held: T) -> Self {
        let node = held.root_node(store);
        Self::of(held, node, &store.roots)
    }
}
