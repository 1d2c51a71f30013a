//! Retainers: JavaScript arrays through which V8 traces the edges of the store.
//!
//! A JavaScript function that wasm imports may hold, as a closure, the instance that imports it. A strong reference
//! from the store would make that cycle a leak. So a *retainer* holds the function: a JavaScript array for each node
//! that may reach such functions. Every wrapper and function of a node holds the node's retainer, and retainers hold
//! each other along the edges of the nodes. V8 can then collect a cycle through JavaScript and wasm.

use crate::napi::env::context::Context;
use crate::napi::env::reference::{StrongReference, WeakReference};
use crate::store::{FuncRef, Instance, Marks, Node};
use napi::sys;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::{Cell, RefCell};
use std::ptr;

/// Indices in a retainer: the store's JavaScript object, the imports of the node, the array of the retainers that it
/// has edges to, and the array of the externref values that its tables and globals hold.
const STORE: u32 = 0;
const HELD: u32 = 1;
const EDGES: u32 = 2;
const VALUES: u32 = 3;

/// The retainers of a store.
pub struct Retainers {
    cells: RefCell<FxHashMap<Node, Retainer>>,
    /// The store's object in `lib/`
    store: WeakReference,
    /// Retainers of functions that went into wasm since the last collection, which may have put them anywhere
    fresh: RefCell<Fresh>,
    /// Weight of the objects and edges made since the last collection
    changes: Cell<u32>,
}

struct Retainer {
    reference: WeakReference,
    /// The nodes whose retainers the array at `EDGES` holds
    edges: Vec<Node>,
}

struct Fresh {
    /// Holds the retainers of `nodes`
    array: StrongReference,
    nodes: FxHashSet<Node>,
}

fn array(env: sys::napi_env) -> sys::napi_value {
    let mut array = ptr::null_mut();
    // SAFETY: a plain N-API call on the thread of `env`.
    unsafe { sys::napi_create_array(env, &mut array) };
    array
}

fn set(env: sys::napi_env, array: sys::napi_value, index: u32, value: sys::napi_value) {
    // SAFETY: a plain N-API call on the thread of `env`.
    unsafe { sys::napi_set_element(env, array, index, value) };
}

impl Retainers {
    /// # Safety
    /// `store` is an object of `env`, and this is the thread of `env`.
    pub unsafe fn new(env: sys::napi_env, store: sys::napi_value) -> Self {
        // SAFETY: by the contract of this function.
        let (store, array) = unsafe { (WeakReference::new(env, store), StrongReference::new(env, array(env))) };
        let fresh = Fresh { array, nodes: FxHashSet::default() };
        Self { cells: RefCell::default(), store, fresh: fresh.into(), changes: Cell::new(0) }
    }

    /// Counts a new object or edge; `weight` is its weight as a reason to collect.
    pub fn note_change(&self, weight: u32) {
        self.changes.set(self.changes.get().saturating_add(weight));
    }

    /// Weight of the objects and edges made since the last collection.
    pub fn changes(&self) -> u32 {
        self.changes.get()
    }

    fn find(&self, node: Node) -> Option<sys::napi_value> {
        self.cells.borrow().get(&node)?.reference.get()
    }
}

impl Context {
    /// The retainer of a node, which is made if there is none.
    pub fn retainer(&self, node: Node) -> sys::napi_value {
        self.retainers.find(node).unwrap_or_else(|| {
            let leads = node.edges(&self.store, &|_| Vec::new());
            self.make_retainer(node, None, leads)
        })
    }

    /// Makes the retainer of an instance that has not started. It holds the imports.
    pub fn new_retainer(&self, instance: &Instance, imports: sys::napi_value) -> sys::napi_value {
        let leads = instance.edges(&self.store);
        let retainer = self.make_retainer(Node::Instance(instance.id), Some(imports), leads);
        let imported = &instance.code().binary;
        // Its segments and its code may put its functions into imported tables and globals.
        if imported.imported_tables > 0 || !instance.code().written_globals.is_empty() {
            self.hold_node_for_now(Node::Instance(instance.id), retainer);
        }
        retainer
    }

    /// Makes the retainer of the node of `function` hold a JavaScript value, in the place of its imports.
    pub fn hold_with(&self, function: FuncRef, value: sys::napi_value) {
        if let Some(node) = function.node(&self.store) {
            set(self.env, self.retainer(node), HELD, value);
        }
    }

    /// Sets the array of externref values that a node's tables and globals hold.
    pub fn set_values(&self, node: Node, values: sys::napi_value) {
        set(self.env, self.retainer(node), VALUES, values);
    }

    /// An externref value of a node; undefined if V8 has collected the node's retainer.
    pub fn value_at(&self, node: Node, index: u32) -> sys::napi_value {
        let mut value = ptr::null_mut();
        // SAFETY: plain N-API calls on the thread of the environment.
        unsafe {
            sys::napi_get_undefined(self.env, &mut value);
            if let Some(retainer) = self.retainers.find(node) {
                let mut values = ptr::null_mut();
                sys::napi_get_element(self.env, retainer, VALUES, &mut values);
                sys::napi_get_element(self.env, values, index, &mut value);
            }
        }
        value
    }

    fn make_retainer(&self, node: Node, held: Option<sys::napi_value>, leads: Vec<Node>) -> sys::napi_value {
        let env = self.env;
        let retainer = array(env);
        if let Some(store) = self.retainers.store.get() {
            set(env, retainer, STORE, store);
        }
        if let Some(held) = held {
            set(env, retainer, HELD, held);
        }
        set(env, retainer, EDGES, array(env));
        // SAFETY: the array was just made in this environment.
        let reference = unsafe { WeakReference::new(env, retainer) };
        self.retainers.cells.borrow_mut().insert(node, Retainer { reference, edges: Vec::new() });
        self.set_edges(node, retainer, leads);
        retainer
    }

    fn set_edges(&self, node: Node, retainer: sys::napi_value, mut leads: Vec<Node>) {
        leads.retain(|lead| lead.has_edges());
        let same = self.retainers.cells.borrow().get(&node).is_some_and(|retainer| retainer.edges == leads);
        if same {
            return;
        }
        let edges = array(self.env);
        for (index, lead) in (0..).zip(&leads) {
            set(self.env, edges, index, self.retainer(*lead));
        }
        set(self.env, retainer, EDGES, edges);
        if let Some(retainer) = self.retainers.cells.borrow_mut().get_mut(&node) {
            retainer.edges = leads;
        }
    }

    /// Adds an edge for a function that is put into a node's table or slot.
    pub fn add_edge(&self, from: Option<Node>, function: FuncRef) {
        if let Some(to) = function.node(&self.store) {
            self.add_edge_to(from, to);
        }
    }

    /// Adds an edge from a node to another one.
    pub fn add_edge_to(&self, from: Option<Node>, to: Node) {
        let Some(from) = from else { return };
        let known =
            |cells: &FxHashMap<Node, Retainer>| cells.get(&from).is_some_and(|retainer| retainer.edges.contains(&to));
        if from == to || known(&self.retainers.cells.borrow()) {
            return;
        }
        let (retainer, lead, mut edges) = (self.retainer(from), self.retainer(to), ptr::null_mut());
        // `retainer` may just have made the array, with this edge.
        let mut cells = self.retainers.cells.borrow_mut();
        let known = known(&cells);
        if let Some(Retainer { edges: nodes, .. }) = cells.get_mut(&from).filter(|_| !known) {
            // SAFETY: a plain N-API call on the thread of the environment.
            unsafe { sys::napi_get_element(self.env, retainer, EDGES, &mut edges) };
            set(self.env, edges, nodes.len() as u32, lead);
            nodes.push(to);
            self.retainers.note_change(1);
        }
    }

    /// Holds the retainer of a function that goes into wasm until the next collection: wasm may put the function
    /// anywhere, and only `sync_edges` finds out where.
    pub fn hold_for_now(&self, function: FuncRef) {
        if let Some(node) = function.node(&self.store) {
            let is_new = !self.retainers.fresh.borrow().nodes.contains(&node);
            if is_new {
                self.hold_node_for_now(node, self.retainer(node));
            }
        }
    }

    fn hold_node_for_now(&self, node: Node, retainer: sys::napi_value) {
        let mut fresh = self.retainers.fresh.borrow_mut();
        if fresh.nodes.insert(node) {
            set(self.env, fresh.array.get(self.env), fresh.nodes.len() as u32 - 1, retainer);
            self.retainers.note_change(1);
        }
    }

    /// Sets the edges of all retainers to those of the reached nodes, and drops the retainers of the others.
    pub fn sync_edges(&self, marks: &Marks) {
        let mut written: FxHashMap<Node, Vec<Node>> = FxHashMap::default();
        for (node, _) in &marks.edges {
            let Node::Instance(id) = node else { continue };
            let Some(instance) = Instance::find(&self.store, *id) else { continue };
            // The instance may later put anything that it reaches into the tables and globals that it writes.
            for place in instance.written_nodes(&self.store) {
                written.entry(place).or_default().push(*node);
            }
        }
        for (node, leads) in &marks.edges {
            let mut leads = leads.clone();
            let back = written.remove(node).unwrap_or_default();
            leads.extend(back.into_iter().filter(|each| each != node));
            let retainer = self.retainer(*node);
            self.set_edges(*node, retainer, leads);
        }
        self.retainers.cells.borrow_mut().retain(|node, _| marks.has(*node));
        // SAFETY: a plain N-API call on the thread of the environment.
        let array = unsafe { StrongReference::new(self.env, array(self.env)) };
        *self.retainers.fresh.borrow_mut() = Fresh { array, nodes: FxHashSet::default() };
        self.retainers.changes.set(0);
    }
}
