//! Roots on the stacks of suspended calls.
//!
//! Compiled code does not say where it keeps references. So each word that may be one counts: an address in the context of an
//! instance, or in the code of a module, of which any instance then keeps the code. Numbers of externrefs are looked for by
//! who knows them.

use crate::engine::module_code;
use crate::store::{InstanceId, Node, Store};
use std::ops::Range;

impl Store {
    /// The nodes that `words` may refer to, each once.
    pub(in crate::store) fn nodes_in(&self, words: impl Iterator<Item = usize>) -> Vec<Node> {
        let (mut nodes, mut modules) = (Vec::new(), Vec::<Range<usize>>::new());
        for word in words {
            if let Some(node) = self.node_at(word) {
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            } else if !modules.iter().any(|module| module.contains(&word)) {
                modules.extend(module_code(word));
            }
        }
        let instances = self.instances.borrow();
        for module in modules {
            let has_code =
                |id: &InstanceId| instances.get(id).is_some_and(|instance| instance.code().has(module.start));
            let is_known = nodes.iter().any(|node| matches!(node, Node::Instance(id) if has_code(id)));
            let other = || instances.keys().find(|id| has_code(id)).map(|id| Node::Instance(*id));
            if !is_known {
                nodes.extend(other());
            }
        }
        nodes
    }

    /// Calls `visit` for each number on the stacks of suspended calls that may be that of an externref.
    pub(in crate::store) fn each_suspended_number(&self, mut visit: impl FnMut(u32)) {
        for call in self.suspended.borrow().keys() {
            // SAFETY: a call is taken out of the map before it goes on or is freed.
            for word in unsafe { (**call).words() } {
                visit(*word as u32);
                visit((*word as u64 >> u32::BITS) as u32);
            }
        }
    }

    /// Makes the suspended calls fail that may use objects of an instance, as soon as they would go on: the objects are about
    /// to be replaced.
    pub(in crate::store) fn end_suspended(&self, instance: InstanceId) {
        let used = Node::Instance(instance);
        for (call, nodes) in self.suspended.borrow().iter() {
            let uses = |node: &Node| *node == used || node.edges(self, &|_| Vec::new()).contains(&used);
            if nodes.iter().any(uses) {
                // SAFETY: as above.
                unsafe { (**call).end() };
            }
        }
    }

    /// The instance whose context, or that of one of whose host functions, has this address.
    fn node_at(&self, address: usize) -> Option<Node> {
        if let Some(owner) = self.by_context.borrow().get(&address) {
            return Some(Node::Instance(owner.instance.id));
        }
        let contexts = self.contexts.borrow();
        let (begin, id) = contexts.range(..=address).next_back()?;
        let instance = self.instances.borrow().get(id).cloned()?;
        (address - begin < instance.code().instance_size()).then_some(Node::Instance(*id))
    }
}
