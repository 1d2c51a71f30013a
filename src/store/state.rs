//! The store: lists of objects, and the state of its subsystems.

use crate::engine::{Code, Compiler, ObjectIndices, Quota, release_table};
use crate::error::{Error, ErrorKind, Result};
use crate::store::abi::bridges::Bridges;
use crate::store::abi::signatures::Signatures;
use crate::store::batch::batches::Batches;
use crate::store::call::call_stacks::CallStacks;
use crate::store::call::host_stack::HostStack;
use crate::store::call::shadow_stack::ShadowStacks;
use crate::store::call::suspendable_call::SuspendableCall;
use crate::store::call::wasm_stack::WasmStack;
use crate::store::gc::object_counts::ObjectCounts;
use crate::store::gc::rooted::{RootSet, Rooted};
use crate::store::instance::entity::{Instance, Objects};
use crate::store::object::index::{ObjectIndex, Owner};
use crate::store::object::table_facts::TableFacts;
use crate::store::watch::deadline::{Deadline, Timeout};
use crate::store::watch::{interrupts, pad};
use crate::store::{GlobalId, InstanceId, Node, TableId};
use crate::wasm::FuncType;
use rustc_hash::FxHashMap;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use wasmer::sys::vm::{StoreObjects, VMGlobal, VMMemory, VMTable, VMTag, init_traps};

/// A store: instances, memories, tables, globals and functions that can be linked with each other. It belongs to one
/// thread.
///
/// wasmer's own `Store` adds to its lists with each look-up, and takes a lock for each call. This store owns the same
/// `StoreObjects` and works on them directly.
pub struct Store {
    /// The limits of the store, and what is in use
    pub quota: Arc<Quota>,
    /// Owned, and freed by `Drop`. Instances hold this address, so the objects must not move
    objects: *mut StoreObjects,
    pub(in crate::store) signatures: RefCell<Signatures>,
    pub(in crate::store) memories: RefCell<ObjectIndex<VMMemory>>,
    pub(in crate::store) tables: RefCell<ObjectIndex<VMTable>>,
    /// Facts about each table that has an id
    pub(in crate::store) table_facts: RefCell<FxHashMap<TableId, TableFacts>>,
    pub(in crate::store) globals: RefCell<ObjectIndex<VMGlobal>>,
    pub(in crate::store) tags: RefCell<ObjectIndex<VMTag>>,
    /// The global in which a host function leaves an exception for the wasm that called it
    pub(in crate::store) pending: OnceCell<Rooted<GlobalId>>,
    /// Instances that have started. They hold their code, which must be freed after the objects
    pub(in crate::store) instances: RefCell<FxHashMap<InstanceId, Rc<Instance>>>,
    pub(in crate::store) next_instance: Cell<InstanceId>,
    /// Whether an instance that may be recycled was made
    pub(in crate::store) has_recyclable: Cell<bool>,
    /// Code of adapters, by function type and calling compiler
    pub(in crate::store) adapters: RefCell<HashMap<(FuncType, Compiler), Arc<Code>>>,
    pub(in crate::store) bridges: RefCell<Bridges>,
    pub(in crate::store) batches: RefCell<Batches>,
    /// Whether the table of a batch holds a shortcut
    pub(in crate::store) has_shortcuts: Cell<bool>,
    pub(in crate::store) shadow_stacks: ShadowStacks,
    pub(in crate::store) host_stack: HostStack,
    pub(in crate::store) wasm_stack: WasmStack,
    /// The token by which `interrupt` finds the store, once it has one
    pub(in crate::store) interrupt_token: OnceCell<u128>,
    /// The timeout of each call from the host
    pub timeout: Option<Timeout>,
    pub(in crate::store) call_stacks: CallStacks,
    /// Context owners, by the address of the context that every function holds
    pub(in crate::store) by_context: RefCell<FxHashMap<usize, ContextOwner>>,
    /// Its instances by the addresses of their contexts, in order
    pub(in crate::store) contexts: RefCell<BTreeMap<usize, InstanceId>>,
    /// The calls that are suspended, each with the nodes that its stack may refer to
    pub(in crate::store) suspended: RefCell<FxHashMap<*const SuspendableCall, Vec<Node>>>,
    /// Roots that Rust code holds
    pub(in crate::store) roots: Rc<RootSet>,
    pub(in crate::store) freed: Cell<ObjectCounts>,
}

/// The owner of a context.
pub(in crate::store) struct ContextOwner {
    /// The instance
    pub instance: Rc<Instance>,
    /// Whether the context belongs to a host function that the instance imports
    pub is_host: bool,
}

impl Store {
    /// An empty store with these limits; `stack_size` of its call stacks in bytes.
    ///
    /// # Errors
    /// `Memory` if there is no room for such a call stack.
    pub fn new(stack_size: usize, quota: Arc<Quota>) -> Result<Self> {
        let wasm_stack = WasmStack::new(stack_size)?;
        init_traps();
        pad::install();
        Ok(Self {
            quota,
            objects: Box::into_raw(Box::default()),
            signatures: RefCell::default(),
            memories: RefCell::default(),
            tables: RefCell::default(),
            table_facts: RefCell::default(),
            globals: RefCell::default(),
            tags: RefCell::default(),
            pending: OnceCell::new(),
            instances: RefCell::default(),
            next_instance: Cell::new(0),
            has_recyclable: Cell::new(false),
            adapters: RefCell::default(),
            bridges: RefCell::default(),
            batches: RefCell::default(),
            has_shortcuts: Cell::default(),
            shadow_stacks: ShadowStacks::default(),
            host_stack: HostStack::default(),
            wasm_stack,
            interrupt_token: OnceCell::new(),
            timeout: None,
            call_stacks: CallStacks::of_thread(),
            by_context: RefCell::default(),
            contexts: RefCell::default(),
            suspended: RefCell::default(),
            roots: Rc::default(),
            freed: Cell::default(),
        })
    }

    /// Runs `f` on the objects.
    ///
    /// `f` must not run wasm, host functions or JavaScript: any of them may call this function again.
    pub(in crate::store) fn with_objects<T>(&self, f: impl FnOnce(&mut StoreObjects) -> T) -> T {
        // SAFETY: `objects` came from a box that only `drop` frees. The store is not `Sync`, and no `f` calls this
        // function again. Compiled code and wasmer's library calls use the same pointer, but never while `f` runs.
        f(unsafe { &mut *self.objects })
    }

    /// The error of a refusal: that of the limit, if one refused it; else `otherwise`.
    pub(in crate::store) fn limit_or(&self, otherwise: ErrorKind) -> Error {
        self.quota.take_refusal().map_or_else(|| otherwise.into(), Error::from)
    }

    /// The quota of a node: that of its instance, if it has one; else that of the store.
    pub fn quota_of(&self, node: Option<Node>) -> Arc<Quota> {
        let instance = match node {
            Some(Node::Instance(id)) => Instance::find(self, id),
            _ => None,
        };
        instance.and_then(|instance| instance.quota().cloned()).unwrap_or_else(|| self.quota.clone())
    }

    /// Begins a deadline for the wasm of this thread, if there is a timeout.
    ///
    /// # Errors
    /// `Memory` if there is no room for the watchdog.
    #[inline]
    pub fn deadline(&self, timeout: Option<Timeout>) -> Result<Option<Deadline>> {
        timeout.map(|timeout| Deadline::begin(self.host_stack.record, timeout)).transpose()
    }

    /// A token by which `interrupt` finds this store, from any thread.
    pub fn interrupt_token(&self, random: impl FnOnce() -> u128) -> u128 {
        *self.interrupt_token.get_or_init(|| {
            let token = random();
            interrupts::add(token, self.shadow_stacks.depth().clone());
            token
        })
    }

    /// All instances.
    pub fn instances(&self) -> Vec<Rc<Instance>> {
        self.instances.borrow().values().cloned().collect()
    }

    /// Takes the free lists, for a new instance.
    pub(in crate::store) fn lend_free_lists(&self) -> ObjectIndices {
        ObjectIndices {
            memories: std::mem::take(self.memories.borrow_mut().free_list()),
            tables: std::mem::take(self.tables.borrow_mut().free_list()),
            globals: std::mem::take(self.globals.borrow_mut().free_list()),
        }
    }

    /// Puts back the indices that the new instance did not take.
    pub(in crate::store) fn return_free_lists(&self, left: ObjectIndices) {
        *self.memories.borrow_mut().free_list() = left.memories;
        *self.tables.borrow_mut().free_list() = left.tables;
        *self.globals.borrow_mut().free_list() = left.globals;
    }

    /// Sets the owner of new objects.
    pub(in crate::store) fn set_owners(&self, objects: &Objects, owner: Owner) {
        objects.memories.iter().for_each(|handle| self.memories.borrow_mut().set_owner(*handle, owner));
        objects.tables.iter().for_each(|handle| self.tables.borrow_mut().set_owner(*handle, owner));
        objects.globals.iter().for_each(|handle| self.globals.borrow_mut().set_owner(*handle, owner));
        objects.tags.iter().for_each(|handle| self.tags.borrow_mut().set_owner(*handle, owner));
    }

    /// Counts one more or one fewer open importer of these objects.
    pub(in crate::store) fn count_importers(&self, objects: &Objects, more: bool) {
        objects.memories.iter().for_each(|handle| self.memories.borrow_mut().count_importer(*handle, more));
        objects.tables.iter().for_each(|handle| self.tables.borrow_mut().count_importer(*handle, more));
        objects.globals.iter().for_each(|handle| self.globals.borrow_mut().count_importer(*handle, more));
        objects.tags.iter().for_each(|handle| self.tags.borrow_mut().count_importer(*handle, more));
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let tables: Vec<_> = self.tables.borrow().all().map(|(handle, _)| handle).collect();
        self.with_objects(|objects| tables.iter().for_each(|handle| release_table(handle.get(objects))));
        if let Some(token) = self.interrupt_token.get() {
            interrupts::remove(*token);
        }
        // SAFETY: `objects` came from `Box::into_raw`, and this is its last use: running wasm holds an `Rc` of the
        // store's owner, so none is running. The field `instances` holds the code of the objects and drops after this.
        drop(unsafe { Box::from_raw(self.objects) });
    }
}
