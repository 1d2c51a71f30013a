//! Marking: nodes, their edges, and the roots that JavaScript holds.

use crate::store::instance::entity::{Instance, InstanceId};
use crate::store::object::index::{ObjectIndex, Owner, handle_at, index_of};
use crate::store::{ExternRef, FuncRef, GlobalId, MemoryId, Store, TableId, TagId};
use rustc_hash::FxHashSet;
use wasmer::Type;
use wasmer::sys::vm::{
    InternalStoreHandle, StoreObject, TableElement, VMExceptionObj, VMGlobal, VMMemory, VMTable, VMTag,
};

/// The unit of the collector: an instance with all that it defines, since the definitions lie in its context, or an
/// object that the host made, by its object index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    /// An instance
    Instance(InstanceId),
    /// A memory that the host made
    Memory(usize),
    /// A table that the host made
    Table(usize),
    /// A global that the host made
    Global(usize),
    /// A tag that the host made
    Tag(usize),
}

impl Node {
    /// Whether the node can hold functions or externrefs.
    pub fn leads_on(self) -> bool {
        matches!(self, Self::Instance(_) | Self::Table(_) | Self::Global(_))
    }
}

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

    fn reach(&mut self, node: Node, todo: &mut Vec<Node>) {
        if self.reached.insert(node) {
            todo.push(node);
        }
    }
}

/// Returns the functions that may be written back into a table: it keeps them alive like its entries.
pub type Restorable<'a> = &'a dyn Fn(TableId) -> Vec<FuncRef>;

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
        let memories = roots.memories.iter().filter_map(|id| self.memory_node(self.memories.borrow().find(id.0)?));
        let tables = roots.tables.iter().filter_map(|id| self.table_node(self.tables.borrow().find(id.0)?));
        let globals = roots.globals.iter().filter_map(|id| self.global_node(self.globals.borrow().find(id.0)?));
        let tags = roots.tags.iter().filter_map(|id| self.tag_node(self.tags.borrow().find(id.0)?));
        let all = functions.chain(memories).chain(tables).chain(globals).chain(tags).chain(self.roots.nodes());
        all.chain(self.thrown()).for_each(|node| marks.reach(node, &mut todo));
        while let Some(node) = todo.pop() {
            let leads = node.edges(self, restorable);
            leads.iter().for_each(|next| marks.reach(*next, &mut todo));
            if node.leads_on() {
                marks.edges.push((node, leads));
            }
        }
        marks
    }

    fn leads_of_instance(&self, instance: &Instance, restorable: Restorable<'_>, leads: &mut Edges) {
        let parts = &instance.parts;
        let own = Some(Node::Instance(instance.id));
        let mut add = |node: Option<Node>| leads.add(node.filter(|_| node != own));
        parts.imports.iter().chain(&parts.held).for_each(|function| add(function.node(self)));
        add(instance.tier_up().map(|tier_up| Node::Instance(tier_up.id)));
        let places = &parts.imported.places;
        places.memories.iter().for_each(|handle| add(self.memory_node(*handle)));
        places.tables.iter().for_each(|handle| add(self.table_node(*handle)));
        places.globals.iter().for_each(|handle| add(self.global_node(*handle)));
        parts.imported.tags.iter().for_each(|handle| add(self.tag_node(*handle)));
        parts.own.places.tables.iter().for_each(|handle| self.leads_of_table(*handle, restorable, leads));
        parts.own.places.globals.iter().for_each(|handle| self.leads_of_global(*handle, leads));
        leads.0.retain(|node| Some(*node) != own);
    }

    fn leads_of_table(&self, handle: InternalStoreHandle<VMTable>, restorable: Restorable<'_>, leads: &mut Edges) {
        let mut last = None;
        self.with_objects(|objects| {
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
                    leads.add(function.node(self));
                }
            }
        });
        let id = self.tables.borrow().known_id(handle);
        let restorable = id.map(|id| restorable(TableId(id))).unwrap_or_default();
        restorable.into_iter().for_each(|function| leads.add(function.node(self)));
    }

    fn leads_of_global(&self, handle: InternalStoreHandle<VMGlobal>, leads: &mut Edges) {
        let held = self.with_objects(|objects| {
            let global = handle.get(objects);
            // SAFETY: the definition lives as long as its global, and `funcref` is the member of its type.
            (global.ty().ty == Type::FuncRef)
                .then(|| unsafe { FuncRef::from_raw((*global.vmglobal().as_ptr()).val.funcref) })
        });
        leads.add(held.flatten().and_then(|function| function.node(self)));
    }

    /// Nodes that the store's exceptions hold: wasm may still throw these.
    fn thrown(&self) -> Vec<Node> {
        self.with_objects(|objects| {
            let mut nodes = Vec::new();
            for exception in VMExceptionObj::list(objects) {
                nodes.extend(self.tag_node(exception.tag()));
                for (ty, value) in crate::store::object::exception::values(objects, exception) {
                    if ty == Type::FuncRef {
                        // SAFETY: the value has type funcref.
                        let function = unsafe { FuncRef::from_raw(value.funcref) };
                        nodes.extend(function.and_then(|function| function.node(self)));
                    }
                }
            }
            nodes
        })
    }

    fn memory_node(&self, handle: InternalStoreHandle<VMMemory>) -> Option<Node> {
        node(&self.memories.borrow(), handle, Node::Memory)
    }

    fn table_node(&self, handle: InternalStoreHandle<VMTable>) -> Option<Node> {
        node(&self.tables.borrow(), handle, Node::Table)
    }

    fn global_node(&self, handle: InternalStoreHandle<VMGlobal>) -> Option<Node> {
        node(&self.globals.borrow(), handle, Node::Global)
    }

    fn tag_node(&self, handle: InternalStoreHandle<VMTag>) -> Option<Node> {
        node(&self.tags.borrow(), handle, Node::Tag)
    }
}

impl Node {
    /// The edges of a node, each target once.
    pub fn edges(self, store: &Store, restorable: Restorable<'_>) -> Vec<Node> {
        let mut leads = Edges::default();
        match self {
            Node::Instance(id) => {
                let instance = store.instances.borrow().get(&id).cloned();
                if let Some(instance) = instance {
                    store.leads_of_instance(&instance, restorable, &mut leads);
                }
            }
            Node::Table(place) => store.leads_of_table(handle_at(place), restorable, &mut leads),
            Node::Global(place) => store.leads_of_global(handle_at(place), &mut leads),
            Node::Memory(_) | Node::Tag(_) => {}
        }
        leads.0
    }
}

impl Instance {
    /// The edges of a new instance, for whose tables no slot has restorable functions yet.
    pub fn edges(&self, store: &Store) -> Vec<Node> {
        let mut leads = Edges::default();
        store.leads_of_instance(self, &|_| Vec::new(), &mut leads);
        leads.0
    }

    /// Nodes of the imported tables and globals that code of the instance may write.
    pub fn written_nodes(&self, store: &Store) -> Vec<Node> {
        let (places, code) = (&self.parts.imported.places, self.code());
        let tables = code.written_tables.iter().filter_map(|index| places.tables.get(*index as usize));
        let globals = code.written_globals.iter().filter_map(|index| places.globals.get(*index as usize));
        let tables = tables.filter_map(|handle| store.table_node(*handle));
        tables.chain(globals.filter_map(|handle| store.global_node(*handle))).collect()
    }
}

impl ExternRef {
    /// Calls `visit` for each externref in a table or global, with the node of that object, and for each externref in
    /// an exception, with no node.
    pub fn each(store: &Store, mut visit: impl FnMut(Option<Node>, ExternRef)) {
        store.with_objects(|objects| {
            for (handle, _) in store.tables.borrow().all() {
                let table = handle.get(objects);
                let elements = if table.ty().ty == Type::ExternRef { table.size() } else { 0 };
                for index in 0..elements {
                    if let Some(TableElement::ExternRef(entry)) = table.get(index) {
                        visit(store.table_node(handle), ExternRef::from_element(entry));
                    }
                }
            }
            for (handle, _) in store.globals.borrow().all() {
                let global = handle.get(objects);
                if global.ty().ty == Type::ExternRef {
                    // SAFETY: the definition lives as long as its global, which has type externref.
                    let reference = unsafe { ExternRef::from_raw((*global.vmglobal().as_ptr()).val) };
                    visit(store.global_node(handle), reference);
                }
            }
            for exception in VMExceptionObj::list(objects) {
                for (ty, value) in crate::store::object::exception::values(objects, exception) {
                    if ty == Type::ExternRef {
                        // SAFETY: the value has type externref.
                        visit(None, unsafe { ExternRef::from_raw(value) });
                    }
                }
            }
        });
    }
}

impl FuncRef {
    /// The node of the instance that defines a function or, for a host function, imports it.
    pub fn node(self, store: &Store) -> Option<Node> {
        let by_context = store.by_context.borrow();
        by_context.get(&self.context()).map(|resident| Node::Instance(resident.instance.id))
    }
}

impl MemoryId {
    /// The node that a memory belongs to.
    pub fn node(self, store: &Store) -> Option<Node> {
        store.memory_node(self.handle(store))
    }
}

impl TableId {
    /// The node that a table belongs to.
    pub fn node(self, store: &Store) -> Option<Node> {
        store.table_node(self.handle(store))
    }
}

impl GlobalId {
    /// The node that a global belongs to.
    pub fn node(self, store: &Store) -> Option<Node> {
        store.global_node(self.handle(store))
    }
}

impl TagId {
    /// The node that a tag belongs to.
    pub(in crate::store) fn node(self, store: &Store) -> Option<Node> {
        store.tag_node(self.handle(store))
    }
}

fn node<T>(arena: &ObjectIndex<T>, handle: InternalStoreHandle<T>, host: impl Fn(usize) -> Node) -> Option<Node> {
    match arena.owner(handle) {
        Owner::Nobody => None,
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
