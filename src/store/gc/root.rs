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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Compiler;
    use crate::store::test_support::{EVERYTHING, collect, compile, everything, export, new_store};
    use crate::store::{Extern, Roots};
    use crate::wasm::FuncType;

    #[test]
    fn what_is_rooted_stays_until_the_last_holder_lets_go() {
        let store = new_store();
        let instance = everything(&store, &compile(EVERYTHING, Compiler::Cranelift));
        let Extern::Memory(memory) = export(&store, &instance, "memory") else { panic!("a memory") };
        let tag = TagId::new(&store, &FuncType::default());
        let (first, second, tagged) =
            (Rooted::new(&store, memory), Rooted::new(&store, instance.clone()), Rooted::new(&store, tag));
        drop(Rooted::new(&store, instance.clone()));
        assert!(collect(&store, &Roots::default()).instances.is_empty());
        drop(second);
        assert!(collect(&store, &Roots::default()).instances.is_empty(), "by its memory");
        assert!(first.is_open(&store) && tagged.exists(&store));
        drop((first, tagged));
        assert_eq!(collect(&store, &Roots::default()).instances.len(), 1);
        assert!(!memory.is_open(&store) && !tag.exists(&store));
    }
}
