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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Compiler;
    use crate::store::test_support::{
        EVERYTHING, call, collect, compile, everything, export, function, instantiate, new_store, table,
    };
    use crate::store::{Extern, Reference};

    #[test]
    fn an_instance_is_reached_through_tables_imports_and_functions() {
        let store = new_store();
        let code = compile(EVERYTHING, Compiler::Cranelift);
        let reader = compile(
            r#"(module (import "a" "memory" (memory 1)) (table (export "table") 1 funcref))"#,
            Compiler::Cranelift,
        );
        let first = everything(&store, &code);
        let Extern::Memory(memory) = export(&store, &first, "memory") else { panic!("a memory") };
        let second = instantiate(&store, &reader, vec![Extern::Memory(memory)]).unwrap();
        let third = everything(&store, &code);
        let seven = function(&store, &third, "seven");
        table(&store, &second, "table").set(&store, 0, Reference::Func(Some(seven))).unwrap();
        let roots = Roots { instances: vec![second.id], ..Roots::default() };
        assert!(collect(&store, &roots).instances.is_empty(), "one by its memory, one by its function");
        let entries = Roots { functions: vec![seven], ..Roots::default() };
        assert_eq!(collect(&store, &entries).instances.len(), 2);
        assert_eq!(call(&store, seven).unwrap(), 7);
        assert!(second.is_closed() && !third.is_closed());
    }
}
