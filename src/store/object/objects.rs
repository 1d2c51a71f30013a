use crate::engine::{Code, Compiler, FreeLists};
use crate::store::abi::bridge::Bridges;
use crate::store::abi::signatures::Signatures;
use crate::store::call::batch::Batches;
use crate::store::call::host_stack::HostStack;
use crate::store::call::wasm_stack::{DEFAULT_SIZE, WasmStack};
use crate::store::gc::collector::Freed;
use crate::store::gc::rooted::{RootSet, Rooted};
use crate::store::instance::entity::{Instance, InstanceId, Objects};
use crate::store::object::index::{ObjectIndex, Owner};
use crate::store::object::table::TableFacts;
use crate::store::{GlobalId, TableId};
use crate::wasm::FuncType;
use rustc_hash::FxHashMap;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use wasmer::sys::vm::{StoreObjects, VMGlobal, VMMemory, VMTable, VMTag, init_traps};

/// The objects that may meet: instances, memories, tables, globals and functions of one store. It
/// belongs to one thread.
///
/// wasmer's own `Store` keeps a vector that only grows for each kind, and hands a lock around. This
/// one owns the same `StoreObjects` and works on them directly.
pub struct Store {
    /// Instances hold this address, so the objects stay where they are. Owned: see `Drop`.
    objects: *mut StoreObjects,
    pub(in crate::store) signatures: RefCell<Signatures>,
    pub(in crate::store) memories: RefCell<ObjectIndex<VMMemory>>,
    pub(in crate::store) tables: RefCell<ObjectIndex<VMTable>>,
    /// What is known of each table that has an id
    pub(in crate::store) table_facts: RefCell<FxHashMap<TableId, TableFacts>>,
    pub(in crate::store) globals: RefCell<ObjectIndex<VMGlobal>>,
    pub(in crate::store) tags: RefCell<ObjectIndex<VMTag>>,
    /// Where a host function leaves an exception for the wasm that called it
    pub(in crate::store) pending: OnceCell<Rooted<GlobalId>>,
    /// Those that have started. They hold their code, which goes after the objects
    pub(in crate::store) instances: RefCell<FxHashMap<InstanceId, Rc<Instance>>>,
    pub(in crate::store) next_instance: Cell<InstanceId>,
    /// Code that makes functions of the host wasm functions, by their type and caller
    pub(in crate::store) adapters: RefCell<HashMap<(FuncType, Compiler), Arc<Code>>>,
    pub(in crate::store) bridges: RefCell<Bridges>,
    pub(in crate::store) batches: RefCell<Batches>,
    /// Whether the table of a batch has what a slot holds, instead of the function that calls through it: any write into a
    /// table may change that
    pub(in crate::store) has_shortcuts: Cell<bool>,
    pub(in crate::store) host_stack: HostStack,
    pub(in crate::store) wasm_stack: WasmStack,
    /// Instances by the address of a context, which every function holds
    pub(in crate::store) by_context: RefCell<FxHashMap<usize, ContextOwner>>,
    /// What Rust code holds across collections
    pub(in crate::store) roots: Rc<RootSet>,
    pub(in crate::store) freed: Cell<Freed>,
}

/// Whose a context is.
pub(in crate::store) struct ContextOwner {
    /// The instance
    pub instance: Rc<Instance>,
    /// Whether the context is that of a function of the host, which the instance imports
    pub is_host: bool,
}

impl Default for Store {
    fn default() -> Self {
        Self::new(DEFAULT_SIZE)
    }
}

impl Store {
    /// An empty store, whose calls run on stacks of so many bytes.
    pub fn new(stack_size: usize) -> Self {
        init_traps();
        Self {
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
            adapters: RefCell::default(),
            bridges: RefCell::default(),
            batches: RefCell::default(),
            has_shortcuts: Cell::default(),
            host_stack: HostStack::default(),
            wasm_stack: WasmStack::new(stack_size),
            by_context: RefCell::default(),
            roots: Rc::default(),
            freed: Cell::default(),
        }
    }

    /// Runs `f` on the objects.
    ///
    /// `f` must not run wasm, host functions or JavaScript: any of them may come back here.
    pub(in crate::store) fn with_objects<T>(&self, f: impl FnOnce(&mut StoreObjects) -> T) -> T {
        // SAFETY: `objects` came from a box that only `drop` frees. The store is not `Sync`, and
        // no caller in this module runs anything that comes back here while `f` runs. Compiled code
        // and wasmer's library calls use the same pointer, but only while no `f` is running.
        f(unsafe { &mut *self.objects })
    }

    /// The places that new objects may take.
    pub(in crate::store) fn lend_free_lists(&self) -> FreeLists {
        FreeLists {
            memories: std::mem::take(self.memories.borrow_mut().free_list()),
            tables: std::mem::take(self.tables.borrow_mut().free_list()),
            globals: std::mem::take(self.globals.borrow_mut().free_list()),
        }
    }

    /// Those that were not taken.
    pub(in crate::store) fn return_free_lists(&self, left: FreeLists) {
        *self.memories.borrow_mut().free_list() = left.memories;
        *self.tables.borrow_mut().free_list() = left.tables;
        *self.globals.borrow_mut().free_list() = left.globals;
    }

    /// Notes whose new objects are.
    pub(in crate::store) fn note_owners(&self, Objects { places, tags }: &Objects, owner: Owner) {
        places.memories.iter().for_each(|handle| self.memories.borrow_mut().set_owner(*handle, owner));
        places.tables.iter().for_each(|handle| self.tables.borrow_mut().set_owner(*handle, owner));
        places.globals.iter().for_each(|handle| self.globals.borrow_mut().set_owner(*handle, owner));
        tags.iter().for_each(|handle| self.tags.borrow_mut().set_owner(*handle, owner));
    }

    /// Notes that an open instance imports these objects, or no longer does.
    pub(in crate::store) fn count_importers(&self, Objects { places, tags }: &Objects, more: bool) {
        places.memories.iter().for_each(|handle| self.memories.borrow_mut().count_importer(*handle, more));
        places.tables.iter().for_each(|handle| self.tables.borrow_mut().count_importer(*handle, more));
        places.globals.iter().for_each(|handle| self.globals.borrow_mut().count_importer(*handle, more));
        tags.iter().for_each(|handle| self.tags.borrow_mut().count_importer(*handle, more));
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: `objects` came from `Box::into_raw`, and nothing uses it from here on: running
        // wasm holds an `Rc` of whatever owns this store. The code that they run is held by
        // `instances`, a field, which drops after this.
        drop(unsafe { Box::from_raw(self.objects) });
    }
}
