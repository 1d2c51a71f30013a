//! The edges of nodes.

use crate::store::gc::node::Node;
use crate::store::instance::entity::Instance;
use crate::store::object::exception::values;
use crate::store::object::index::{ObjectIndex, Owner, handle_at, index_of};
use crate::store::{FuncRef, GlobalId, MemoryId, Store, TableId, TagId};
use wasmer::Type;
use wasmer::sys::vm::{
    InternalStoreHandle, StoreObject, TableElement, VMExceptionObj, VMGlobal, VMMemory, VMTable, VMTag,
};

/// Returns the functions that may be written back into a table: it keeps them alive like its entries.
pub type Restorable<'a> = &'a dyn Fn(TableId) -> Vec<FuncRef>;

impl Node {
    /// Its edges, each target once.
    pub fn edges(self, store: &Store, restorable: Restorable<'_>) -> Vec<Node> {
        let mut edges = Edges::default();
        match self {
            Node::Instance(id) => {
                let instance = store.instances.borrow().get(&id).cloned();
                if let Some(instance) = instance {
                    add_instance(store, &instance, restorable, &mut edges);
                }
            }
            Node::Table(index) => add_table(store, handle_at(index), restorable, &mut edges),
            Node::Global(index) => add_global(store, handle_at(index), &mut edges),
            Node::Memory(_) | Node::Tag(_) => {}
        }
        edges.0
    }
}

impl Instance {
    /// The edges of a new instance, for whose tables no slot has restorable functions yet.
    pub fn edges(&self, store: &Store) -> Vec<Node> {
        let mut edges = Edges::default();
        add_instance(store, self, &|_| Vec::new(), &mut edges);
        edges.0
    }

    /// Nodes of the imported tables and globals that code of the instance may write.
    pub fn written_nodes(&self, store: &Store) -> Vec<Node> {
        let (imported, code) = (&self.contents.imported, self.code());
        let tables = code.written_tables.iter().filter_map(|index| imported.tables.get(*index as usize));
        let globals = code.written_globals.iter().filter_map(|index| imported.globals.get(*index as usize));
        let tables = tables.filter_map(|handle| table_node(store, *handle));
        tables.chain(globals.filter_map(|handle| global_node(store, *handle))).collect()
    }
}

impl FuncRef {
    /// The node of the instance that defines it or, for a host function, imports it.
    pub fn node(self, store: &Store) -> Option<Node> {
        let by_context = store.by_context.borrow();
        by_context.get(&self.context()).map(|owner| Node::Instance(owner.instance.id))
    }
}

impl MemoryId {
    /// The node that it belongs to.
    pub fn node(self, store: &Store) -> Option<Node> {
        memory_node(store, self.handle(store))
    }
}

impl TableId {
    /// The node that it belongs to.
    pub fn node(self, store: &Store) -> Option<Node> {
        table_node(store, self.handle(store))
    }
}

impl GlobalId {
    /// The node that it belongs to.
    pub fn node(self, store: &Store) -> Option<Node> {
        global_node(store, self.handle(store))
    }
}

impl TagId {
    /// The node that it belongs to.
    pub(in crate::store) fn node(self, store: &Store) -> Option<Node> {
        tag_node(store, self.handle(store))
    }
}

fn add_instance(store: &Store, instance: &Instance, restorable: Restorable<'_>, edges: &mut Edges) {
    let contents = &instance.contents;
    let own = Some(Node::Instance(instance.id));
    let mut add = |node: Option<Node>| edges.add(node.filter(|_| node != own));
    contents.imports.iter().chain(&contents.held).for_each(|function| add(function.node(store)));
    add(instance.tier_up().map(|tier_up| Node::Instance(tier_up.id)));
    let imported = &contents.imported;
    imported.memories.iter().for_each(|handle| add(memory_node(store, *handle)));
    imported.tables.iter().for_each(|handle| add(table_node(store, *handle)));
    imported.globals.iter().for_each(|handle| add(global_node(store, *handle)));
    imported.tags.iter().for_each(|handle| add(tag_node(store, *handle)));
    contents.own.tables.iter().for_each(|handle| add_table(store, *handle, restorable, edges));
    contents.own.globals.iter().for_each(|handle| add_global(store, *handle, edges));
    edges.0.retain(|node| Some(*node) != own);
}

fn add_table(store: &Store, handle: InternalStoreHandle<VMTable>, restorable: Restorable<'_>, edges: &mut Edges) {
    let mut last = None;
    store.with_objects(|objects| {
        let table = handle.get(objects);
        if table.ty().ty != Type::FuncRef {
            return;
        }
        for index in 0..table.size() {
            let Some(TableElement::FuncRef(Some(entry))) = table.get(index) else { continue };
            // SAFETY: every entry of a funcref table points to a function of its store.
            let function = unsafe { FuncRef::new(entry.0) };
            // Most entries of a table are functions of one instance.
            if last.replace(function.context()) != Some(function.context()) {
                edges.add(function.node(store));
            }
        }
    });
    let id = store.tables.borrow().known_id(handle);
    let restorable = id.map(|id| restorable(TableId(id))).unwrap_or_default();
    restorable.into_iter().for_each(|function| edges.add(function.node(store)));
}

fn add_global(store: &Store, handle: InternalStoreHandle<VMGlobal>, edges: &mut Edges) {
    let held = store.with_objects(|objects| {
        let global = handle.get(objects);
        // SAFETY: the definition lives as long as its global, and `funcref` is the member of its type.
        (global.ty().ty == Type::FuncRef)
            .then(|| unsafe { FuncRef::from_raw((*global.vmglobal().as_ptr()).val.funcref) })
    });
    edges.add(held.flatten().and_then(|function| function.node(store)));
}

/// Nodes that the store's exceptions hold: wasm may still throw these.
pub(in crate::store) fn thrown(store: &Store) -> Vec<Node> {
    store.with_objects(|objects| {
        let mut nodes = Vec::new();
        for exception in VMExceptionObj::list(objects) {
            nodes.extend(tag_node(store, exception.tag()));
            for (ty, value) in values(objects, exception) {
                if ty == Type::FuncRef {
                    // SAFETY: the value has type funcref.
                    let function = unsafe { FuncRef::from_raw(value.funcref) };
                    nodes.extend(function.and_then(|function| function.node(store)));
                }
            }
        }
        nodes
    })
}

pub(in crate::store) fn memory_node(store: &Store, handle: InternalStoreHandle<VMMemory>) -> Option<Node> {
    node(&store.memories.borrow(), handle, Node::Memory)
}

pub(in crate::store) fn table_node(store: &Store, handle: InternalStoreHandle<VMTable>) -> Option<Node> {
    node(&store.tables.borrow(), handle, Node::Table)
}

pub(in crate::store) fn global_node(store: &Store, handle: InternalStoreHandle<VMGlobal>) -> Option<Node> {
    node(&store.globals.borrow(), handle, Node::Global)
}

pub(in crate::store) fn tag_node(store: &Store, handle: InternalStoreHandle<VMTag>) -> Option<Node> {
    node(&store.tags.borrow(), handle, Node::Tag)
}

fn node<T>(index: &ObjectIndex<T>, handle: InternalStoreHandle<T>, host: impl Fn(usize) -> Node) -> Option<Node> {
    match index.owner(handle) {
        Owner::Gone => None,
        Owner::Host => Some(host(index_of(handle))),
        Owner::Instance(id) => Some(Node::Instance(id)),
    }
}

/// A set of nodes. A vector is enough, since there are few.
#[derive(Default)]
struct Edges(Vec<Node>);

impl Edges {
    fn add(&mut self, node: Option<Node>) {
        if let Some(node) = node.filter(|node| !self.0.contains(node)) {
            self.0.push(node);
        }
    }
}
