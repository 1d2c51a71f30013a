//! Roots that Rust code holds.

use crate::store::Node;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

/// The nodes that Rust code holds, each with its number of holders. Marking starts from these and from the nodes that
/// JavaScript holds.
#[derive(Default)]
pub(in crate::store) struct RootSet(RefCell<FxHashMap<Node, usize>>);

impl RootSet {
    /// The nodes, each once.
    pub fn nodes(&self) -> Vec<Node> {
        self.0.borrow().keys().copied().collect()
    }

    /// Counts one more holder of a node.
    fn add(&self, node: Node) {
        *self.0.borrow_mut().entry(node).or_default() += 1;
    }
}

/// A root: keeps the node of `T` alive until it is dropped.
///
/// An id, a `FuncRef` and an `Rc<Instance>` keep nothing alive: each is valid until the next collection. No collection
/// runs while wasm is on the stack. To keep one longer, hold it as `Rooted`. `docs/internals/memory-and-collector.md`
/// lists the holders, and says why other code needs no `Rooted`.
pub struct Rooted<T> {
    held: T,
    node: Option<Node>,
    set: Rc<RootSet>,
}

impl<T> Rooted<T> {
    /// Keeps `node`, which `held` belongs to, from being collected.
    pub(in crate::store) fn of(held: T, node: Option<Node>, set: &Rc<RootSet>) -> Self {
        node.iter().for_each(|node| set.add(*node));
        Self { held, node, set: set.clone() }
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
