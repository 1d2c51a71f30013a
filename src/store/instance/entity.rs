//! An instance, and what it holds.

use crate::engine::{Charge, Code, KnownTables, Quota, forget_imported_tables};
use crate::store::call::stack_pointer::StackPointer;
use crate::store::call::tail_calls::KnownEntries;
use crate::store::instance::open_flag::OpenFlag;
use crate::store::watch::deadline::Timeout;
use crate::store::watch::dropped_segments;
use crate::store::{FuncRef, InstanceId, RawValue};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use wasmer::sys::vm::{InternalStoreHandle, VMFunction, VMGlobal, VMInstance, VMMemory, VMTable, VMTag};

/// Memories, tables, globals and tags that an instance defines or imports.
#[derive(Default)]
pub(in crate::store) struct Objects {
    pub memories: Vec<InternalStoreHandle<VMMemory>>,
    pub tables: Vec<InternalStoreHandle<VMTable>>,
    pub globals: Vec<InternalStoreHandle<VMGlobal>>,
    pub tags: Vec<InternalStoreHandle<VMTag>>,
}

/// The functions and objects of an instance.
pub(in crate::store) struct InstanceContents {
    /// Imported functions
    pub imports: Box<[FuncRef]>,
    /// Imported objects
    pub imported: Objects,
    /// Objects that it defines; their definitions lie in its context
    pub own: Objects,
    /// Imported host functions; no other instance may import these directly (see `FuncRef::host`)
    pub hosts: Vec<VMFunction>,
    /// Functions that these host functions call
    pub held: Vec<FuncRef>,
    /// The first function that the module defines; the others follow it in memory
    pub first_function: Option<FuncRef>,
    /// Its stack pointer
    pub stack_pointer: StackPointer,
}

/// The data of an instance in its store, until it is freed.
pub(in crate::store) struct Held {
    #[expect(dead_code, reason = "held for its destructor")]
    pub charges: Vec<Charge>,
    #[expect(dead_code, reason = "held for its destructor")]
    pub tables: Option<KnownTables>,
    #[expect(dead_code, reason = "held for its destructor")]
    pub entries: Option<KnownEntries>,
}

/// How an instance that may be recycled began.
pub(in crate::store) struct InitialState {
    /// Values of the globals that it defines
    pub globals: Box<[RawValue]>,
    /// The quota of its objects
    pub quota: Arc<Quota>,
}

/// An instance of a module.
///
/// The collector frees it when no root reaches it. Until then it holds everything that its code needs. The host holds
/// no part of it but its `OpenFlag`.
pub struct Instance {
    /// Its id in the store
    pub id: InstanceId,
    open_flag: Rc<OpenFlag>,
    /// The tier-up instance, which works on the memories and globals of this one
    tier_up: RefCell<Option<Rc<Instance>>>,
    /// The timeout of each call of its functions from the host, if it has one
    pub timeout: Cell<Option<Timeout>>,
    /// The quota of its objects; none for an instance of the store's own
    pub(in crate::store) quota: Option<Arc<Quota>>,
    /// How it began, if it may be recycled
    pub(in crate::store) initial: OnceCell<InitialState>,
    /// Whether the store made it for its own use: as an adapter, a batch or a tier-up instance
    is_adapter: Cell<bool>,
    /// The charges that end when the instance is freed
    pub(in crate::store) held: RefCell<Option<Held>>,
    /// The functions that calls through its dispatch table reach in the place of its forwarders, in their order
    pub(in crate::store) called: OnceCell<Box<[FuncRef]>>,
    // Fields drop in this order: the code must go last.
    /// wasmer's instance, once it has started
    pub(in crate::store) vm: RefCell<Option<VMInstance>>,
    pub(in crate::store) contents: InstanceContents,
    code: Arc<Code>,
}

impl Instance {
    pub(in crate::store) fn unstarted(
        id: InstanceId,
        code: Arc<Code>,
        quota: Option<Arc<Quota>>,
        contents: InstanceContents,
    ) -> Self {
        Self {
            id,
            open_flag: Rc::default(),
            tier_up: RefCell::default(),
            timeout: Cell::new(None),
            quota,
            initial: OnceCell::new(),
            is_adapter: Cell::new(false),
            held: RefCell::default(),
            called: OnceCell::new(),
            vm: RefCell::new(None),
            contents,
            code,
        }
    }

    /// Frees wasmer's instance, and with it the context.
    pub(in crate::store) fn free_vm(&self) {
        if let Some(vm) = self.vm.take() {
            forget_imported_tables(vm.vmctx_ptr());
            drop(dropped_segments::take(vm.vmctx_ptr()));
        }
    }

    /// The code that it runs.
    pub fn code(&self) -> &Arc<Code> {
        &self.code
    }

    /// The open flag.
    pub fn open_flag(&self) -> &Rc<OpenFlag> {
        &self.open_flag
    }

    /// The tier-up instance.
    pub fn tier_up(&self) -> Option<Rc<Self>> {
        self.tier_up.borrow().clone()
    }

    pub(in crate::store) fn set_tier_up(&self, tier_up: Option<Rc<Self>>) {
        *self.tier_up.borrow_mut() = tier_up;
    }

    /// The quota of its objects; none for an instance of the store's own.
    pub fn quota(&self) -> Option<&Arc<Quota>> {
        self.quota.as_ref()
    }

    /// Whether its start function has run, so that its objects can be looked up.
    pub fn has_started(&self) -> bool {
        self.vm.borrow().is_some()
    }

    /// Notes that the store made the instance for its own use.
    pub(in crate::store) fn make_adapter(&self) {
        self.is_adapter.set(true);
    }

    /// Whether the user made the instance.
    pub(in crate::store) fn is_users(&self) -> bool {
        !self.is_adapter.get()
    }

    /// Number of functions that it defines, plus host functions that it imports.
    pub(in crate::store) fn function_count(&self) -> u64 {
        let binary = &self.code.binary;
        (binary.functions.len() - binary.imported_functions as usize + self.contents.hosts.len()) as u64
    }

    /// Its stack pointer.
    pub fn stack_pointer(&self) -> StackPointer {
        self.contents.stack_pointer
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.open_flag.is_closed()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.free_vm();
    }
}
