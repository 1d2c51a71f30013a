use super::crossing::Crossings;
use super::instance::Instance;
use super::registry::Registry;
use super::signatures::Signatures;
use super::{GlobalId, TableId};
use crate::engine::{Code, Compiler};
use crate::wasm::FuncType;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use wasmer::sys::vm::{StoreObjects, VMCallerCheckedAnyfunc, VMGlobal, VMMemory, VMTable, VMTag, init_traps};

/// The objects that may meet: instances, memories, tables, globals and functions of one store. It
/// belongs to one thread.
///
/// wasmer's own `Store` keeps a vector that only grows for each kind, and hands a lock around. This
/// one owns the same `StoreObjects` and works on them directly.
pub struct Store {
    /// Instances hold this address, so the objects stay where they are. Owned: see `Drop`.
    objects: *mut StoreObjects,
    pub(super) signatures: RefCell<Signatures>,
    pub(super) memories: RefCell<Registry<VMMemory>>,
    pub(super) tables: RefCell<Registry<VMTable>>,
    /// Where calls find the entries of a table that wasmer copies into its instance
    pub(super) copied: RefCell<HashMap<TableId, NonNull<VMCallerCheckedAnyfunc>>>,
    pub(super) globals: RefCell<Registry<VMGlobal>>,
    pub(super) tags: RefCell<Registry<VMTag>>,
    /// Where a host function leaves an exception for the wasm that called it
    pub(super) pending: OnceCell<GlobalId>,
    /// They hold their code, which goes after the objects
    pub(super) instances: RefCell<Vec<Rc<Instance>>>,
    /// Code that makes functions of the host wasm functions, by their type and caller
    pub(super) adapters: RefCell<HashMap<(FuncType, Compiler), Arc<Code>>>,
    pub(super) crossings: RefCell<Crossings>,
    /// Instances by the address of their context, which every function of theirs holds
    pub(super) by_context: RefCell<HashMap<usize, Rc<Instance>>>,
}

impl Default for Store {
    fn default() -> Self {
        init_traps();
        Self {
            objects: Box::into_raw(Box::default()),
            signatures: RefCell::default(),
            memories: RefCell::default(),
            tables: RefCell::default(),
            copied: RefCell::default(),
            globals: RefCell::default(),
            tags: RefCell::default(),
            pending: OnceCell::new(),
            instances: RefCell::default(),
            adapters: RefCell::default(),
            crossings: RefCell::default(),
            by_context: RefCell::default(),
        }
    }
}

impl Store {
    /// Runs `f` on the objects.
    ///
    /// `f` must not run wasm, host functions or JavaScript: any of them may come back here.
    pub(super) fn with_objects<T>(&self, f: impl FnOnce(&mut StoreObjects) -> T) -> T {
        // SAFETY: `objects` came from a box that only `drop` frees. The store is not `Sync`, and
        // no caller in this module runs anything that comes back here while `f` runs. Compiled code
        // and wasmer's library calls use the same pointer, but only while no `f` is running.
        f(unsafe { &mut *self.objects })
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
