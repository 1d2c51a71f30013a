//! Retainers: JavaScript arrays through which V8 traces the edges of the store.
//!
//! A JavaScript function that wasm imports may hold, as a closure, the instance that imports it. A strong reference
//! from the store would make that cycle a leak. So a *retainer* holds the function: a JavaScript array for each node
//! that may reach such functions. Every wrapper and function of a node holds the node's retainer, and retainers hold
//! each other along the edges of the nodes. V8 can then collect a cycle through JavaScript and wasm.

use crate::napi::env::reference::{StrongReference, WeakReference};
use crate::napi::env::value::{JsEnv, Value};
use crate::store::{FuncRef, Instance, Marks, Node, Store};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::{Cell, RefCell};

/// Indices in a retainer: the store's JavaScript object, the imports of the node, the array of the retainers that it
/// has edges to, and the array of the externref values that its tables and globals hold.
const STORE: u32 = 0;
const IMPORTS: u32 = 1;
const EDGES: u32 = 2;
const EXTERNREFS: u32 = 3;

/// The retainers of a store.
pub struct Retainers {
    by_node: RefCell<FxHashMap<Node, Retainer>>,
    /// The store's object in `lib/`
    store: WeakReference,
    /// Retainers of functions that went into wasm since the last collection, which may have put them anywhere
    fresh: RefCell<FreshRetainers>,
    /// Weight of the objects and edges made since the last collection
    changes: Cell<u32>,
}

struct Retainer {
    reference: WeakReference,
    /// The nodes whose retainers the array at `EDGES` holds
    edges: Vec<Node>,
}

struct FreshRetainers {
    /// Holds the retainers of `nodes`
    array: StrongReference,
    nodes: FxHashSet<Node>,
}

impl FreshRetainers {
    fn new(env: JsEnv<'_>) -> Self {
        Self { array: StrongReference::new(env, env.array()), nodes: FxHashSet::default() }
    }
}

impl Retainers {
    /// The retainers of the store whose JavaScript object is `store`.
    pub fn new(env: JsEnv<'_>, store: Value<'_>) -> Self {
        Self {
            by_node: RefCell::default(),
            store: WeakReference::new(env, store),
            fresh: FreshRetainers::new(env).into(),
            changes: Cell::new(0),
        }
    }

    /// Counts a new object or edge; `weight` is its weight as a reason to collect.
    pub fn note_change(&self, weight: u32) {
        self.changes.set(self.changes.get().saturating_add(weight));
    }

    /// Weight of the objects and edges made since the last collection.
    pub fn changes(&self) -> u32 {
        self.changes.get()
    }

    fn find<'a>(&self, env: JsEnv<'a>, node: Node) -> Option<Value<'a>> {
        self.by_node.borrow().get(&node)?.reference.get(env)
    }

    /// The retainer of a node, which is made if there is none.
    pub fn retainer<'a>(&self, env: JsEnv<'a>, store: &Store, node: Node) -> Value<'a> {
        self.find(env, node).unwrap_or_else(|| {
            let edges = node.edges(store, &|_| Vec::new());
            self.make(env, store, node, None, edges)
        })
    }

    /// Makes the retainer of an instance that has not started. It holds the imports.
    pub fn make_for_instance<'a>(
        &self,
        env: JsEnv<'a>,
        store: &Store,
        instance: &Instance,
        imports: Value<'_>,
    ) -> Value<'a> {
        let node = Node::Instance(instance.id);
        let retainer = self.make(env, store, node, Some(imports), instance.edges(store));
        // Its segments and its code may put its functions into imported tables and globals.
        if instance.code().binary.imported_tables > 0 || !instance.code().written_globals.is_empty() {
            self.hold_fresh(env, node, retainer);
        }
        retainer
    }

    /// Makes the retainer of the node of `function` hold a JavaScript value, instead of its imports.
    pub fn hold_import(&self, env: JsEnv<'_>, store: &Store, function: FuncRef, value: Value<'_>) {
        if let Some(node) = function.node(store) {
            env.set_element(self.retainer(env, store, node), IMPORTS, value);
        }
    }

    /// Sets the array of externref values that a node's tables and globals hold.
    pub fn set_externrefs(&self, env: JsEnv<'_>, store: &Store, node: Node, values: Value<'_>) {
        env.set_element(self.retainer(env, store, node), EXTERNREFS, values);
    }

    /// The array of the externref values of a node; none if V8 has collected the node's retainer. A new one may stand in its
    /// place: V8 frees a suspended call that nobody waits for before the store hears of it.
    pub fn externrefs<'a>(&self, env: JsEnv<'a>, node: Node) -> Option<Value<'a>> {
        let values = self.find(env, node).map(|retainer| env.element(retainer, EXTERNREFS));
        values.filter(|values| !env.is_undefined(*values))
    }

    /// An externref value of a node; undefined if V8 has collected the node's retainer.
    pub fn externref<'a>(&self, env: JsEnv<'a>, node: Node, index: u32) -> Value<'a> {
        self.externrefs(env, node).map_or_else(|| env.undefined(), |values| env.element(values, index))
    }

    fn make<'a>(
        &self,
        env: JsEnv<'a>,
        store: &Store,
        node: Node,
        imports: Option<Value<'_>>,
        edges: Vec<Node>,
    ) -> Value<'a> {
        let retainer = env.array();
        if let Some(store) = self.store.get(env) {
            env.set_element(retainer, STORE, store);
        }
        if let Some(imports) = imports {
            env.set_element(retainer, IMPORTS, imports);
        }
        env.set_element(retainer, EDGES, env.array());
        let reference = WeakReference::new(env, retainer);
        self.by_node.borrow_mut().insert(node, Retainer { reference, edges: Vec::new() });
        self.set_edges(env, store, node, retainer, edges);
        retainer
    }

    fn set_edges(&self, env: JsEnv<'_>, store: &Store, node: Node, retainer: Value<'_>, mut edges: Vec<Node>) {
        edges.retain(|to| to.has_edges());
        let same = self.by_node.borrow().get(&node).is_some_and(|retainer| retainer.edges == edges);
        if same {
            return;
        }
        let array = env.array();
        for (index, to) in (0..).zip(&edges) {
            env.set_element(array, index, self.retainer(env, store, *to));
        }
        env.set_element(retainer, EDGES, array);
        if let Some(retainer) = self.by_node.borrow_mut().get_mut(&node) {
            retainer.edges = edges;
        }
    }

    /// Adds an edge for a function that is put into a node's table or slot.
    pub fn add_function_edge(&self, env: JsEnv<'_>, store: &Store, from: Option<Node>, function: FuncRef) {
        if let (Some(from), Some(to)) = (from, function.node(store)) {
            self.add_edge(env, store, from, to);
        }
    }

    /// Adds an edge from a node to another one.
    pub fn add_edge(&self, env: JsEnv<'_>, store: &Store, from: Node, to: Node) {
        let has_edge =
            |nodes: &FxHashMap<Node, Retainer>| nodes.get(&from).is_some_and(|retainer| retainer.edges.contains(&to));
        if from == to || has_edge(&self.by_node.borrow()) {
            return;
        }
        let (retainer, target) = (self.retainer(env, store, from), self.retainer(env, store, to));
        // `retainer` may just have made the array, with this edge.
        let mut by_node = self.by_node.borrow_mut();
        let has_edge = has_edge(&by_node);
        if let Some(Retainer { edges, .. }) = by_node.get_mut(&from).filter(|_| !has_edge) {
            env.set_element(env.element(retainer, EDGES), edges.len() as u32, target);
            edges.push(to);
            self.note_change(1);
        }
    }

    /// Holds the retainer of a function that goes into wasm until the next collection: wasm may put the function
    /// anywhere, and only `sync_edges` finds out where.
    pub fn hold_for_now(&self, env: JsEnv<'_>, store: &Store, function: FuncRef) {
        if let Some(node) = function.node(store) {
            let is_new = !self.fresh.borrow().nodes.contains(&node);
            if is_new {
                self.hold_fresh(env, node, self.retainer(env, store, node));
            }
        }
    }

    fn hold_fresh(&self, env: JsEnv<'_>, node: Node, retainer: Value<'_>) {
        let mut fresh = self.fresh.borrow_mut();
        if fresh.nodes.insert(node) {
            env.set_element(fresh.array.get(env), fresh.nodes.len() as u32 - 1, retainer);
            self.note_change(1);
        }
    }

    /// Sets the edges of the reached nodes' retainers to the edges of the nodes, and drops the retainers of other
    /// nodes.
    pub fn sync_edges(&self, env: JsEnv<'_>, store: &Store, marks: &Marks) {
        let mut writers: FxHashMap<Node, Vec<Node>> = FxHashMap::default();
        for (node, _) in &marks.edges {
            let Node::Instance(id) = node else { continue };
            let Some(instance) = Instance::find(store, *id) else { continue };
            // The instance may later put anything that it reaches into the tables and globals that it writes.
            for written in instance.written_nodes(store) {
                writers.entry(written).or_default().push(*node);
            }
        }
        for (node, edges) in &marks.edges {
            let mut edges = edges.clone();
            let writers = writers.remove(node).unwrap_or_default();
            edges.extend(writers.into_iter().filter(|writer| writer != node));
            let retainer = self.retainer(env, store, *node);
            self.set_edges(env, store, *node, retainer, edges);
        }
        self.by_node.borrow_mut().retain(|node, _| marks.has(*node));
        self.fresh.replace(FreshRetainers::new(env));
        self.changes.set(0);
    }
}
