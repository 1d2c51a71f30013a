//! Marking: the nodes that are reached from the roots.

use crate::store::gc::edges::{Restorable, thrown};
use crate::store::{FuncRef, GlobalId, InstanceId, MemoryId, Node, Store, TableId, TagId};
use rustc_hash::FxHashSet;

/// The roots that JavaScript holds. The roots that Rust code holds are `Rooted`.
#[derive(Default)]
pub struct Roots {
    /// Instances
    pub instances: Vec<InstanceId>,
    /// Functions
    pub functions: Vec<FuncRef>,
    /// Memories
    pub memories: Vec<MemoryId>,
    /// Tables
    pub tables: Vec<TableId>,
    /// Globals
    pub globals: Vec<GlobalId>,
    /// Tags
    pub tags: Vec<TagId>,
}

/// The nodes that marking reached. Valid until an object is made or wasm runs.
#[derive(Default)]
pub struct Marks {
    reached: FxHashSet<Node>,
    /// Edges of each reached node whose kind can have any
    pub edges: Vec<(Node, Vec<Node>)>,
}

impl Marks {
    /// Whether the node was reached.
    pub fn has(&self, node: Node) -> bool {
        self.reached.contains(&node)
    }

    /// Marks a node that has no edges.
    pub fn add(&mut self, node: Node) {
        self.reached.insert(node);
    }

    /// Whether the instance that a function belongs to was not reached.
    pub fn is_unreached(&self, store: &Store, function: FuncRef) -> bool {
        function.node(store).is_none_or(|node| !self.has(node))
    }

    fn reach(&mut self, node: Node, todo: &mut Vec<Node>) {
        if self.reached.insert(node) {
            todo.push(node);
        }
    }
}

impl Store {
    /// Finds the nodes that are reached from `roots`, `Rooted` and exceptions. No wasm may be on the stack.
    pub fn mark(&self, roots: &Roots, restorable: Restorable<'_>) -> Marks {
        let (mut marks, mut todo) = (Marks::default(), Vec::new());
        for id in &roots.instances {
            if self.instances.borrow().contains_key(id) {
                marks.reach(Node::Instance(*id), &mut todo);
            }
        }
        let functions = roots.functions.iter().filter_map(|function| function.node(self));
        let memories = roots.memories.iter().filter(|id| id.is_open(self)).filter_map(|id| id.node(self));
        let tables = roots.tables.iter().filter(|id| id.is_open(self)).filter_map(|id| id.node(self));
        let globals = roots.globals.iter().filter(|id| id.is_open(self)).filter_map(|id| id.node(self));
        let tags = roots.tags.iter().filter(|id| id.is_open(self)).filter_map(|id| id.node(self));
        let all = functions.chain(memories).chain(tables).chain(globals).chain(tags).chain(self.roots.nodes());
        all.chain(thrown(self)).for_each(|node| marks.reach(node, &mut todo));
        while let Some(node) = todo.pop() {
            let edges = node.edges(self, restorable);
            edges.iter().for_each(|next| marks.reach(*next, &mut todo));
            if node.has_edges() {
                marks.edges.push((node, edges));
            }
        }
        marks
    }
}
