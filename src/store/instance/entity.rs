//! Instances: their functions, tables and exports.

use crate::engine::{Code, FreeLists};
use crate::store::instance::open_flag::OpenFlag;
use crate::store::object::extern_value::{Callable, Extern};
use crate::store::{FuncRef, GlobalId, MemoryId, Store, TableId, TagId};
use crate::wasm::ExternKind;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use wasmer::ExportIndex;
use wasmer::sys::vm::{InternalStoreHandle, StoreObject, VMExtern, VMFunction, VMInstance, VMTag};
use wasmer_types::{FunctionIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex};

/// The id of an instance in its store.
pub type InstanceId = u32;

/// Tables, memories, globals and tags that an instance defines or imports.
#[derive(Default)]
pub(in crate::store) struct Objects {
    pub places: FreeLists,
    pub tags: Vec<InternalStoreHandle<VMTag>>,
}

/// The functions and objects of an instance.
pub(in crate::store) struct InstanceParts {
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
}

/// An instance of a module.
///
/// The collector frees it when no root reaches it. Until then it holds everything that its code needs. The host holds
/// no part of it but its `OpenFlag`.
pub struct Instance {
    /// Its id in the store
    pub id: InstanceId,
    life: Rc<OpenFlag>,
    /// The tier-up instance, which works on the memories and globals of this one
    tier_up: RefCell<Option<Rc<Instance>>>,
    /// Whether the store made it for its own use: as an adapter, a batch or a tier-up instance
    is_adapter: Cell<bool>,
    // Fields drop in this order: the code must go last.
    /// wasmer's instance, once it has started
    pub(in crate::store) vm: RefCell<Option<VMInstance>>,
    pub(in crate::store) parts: InstanceParts,
    code: Arc<Code>,
}

impl Instance {
    pub(in crate::store) fn of_parts(id: InstanceId, code: Arc<Code>, parts: InstanceParts) -> Self {
        Self {
            id,
            life: Rc::default(),
            tier_up: RefCell::default(),
            is_adapter: Cell::new(false),
            vm: RefCell::new(None),
            parts,
            code,
        }
    }

    /// The code that it runs.
    pub fn code(&self) -> &Arc<Code> {
        &self.code
    }

    /// The open flag.
    pub fn life(&self) -> &Rc<OpenFlag> {
        &self.life
    }

    /// The tier-up instance.
    pub fn tier_up(&self) -> Option<Rc<Self>> {
        self.tier_up.borrow().clone()
    }

    pub(in crate::store) fn set_tier_up(&self, tier_up: Option<Rc<Self>>) {
        *self.tier_up.borrow_mut() = tier_up;
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
    pub(in crate::store) fn functions(&self) -> u64 {
        let binary = &self.code.binary;
        (binary.functions.len() - binary.imported_functions as usize + self.parts.hosts.len()) as u64
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.life.is_closed()
    }
}

impl Instance {
    /// wasmer's handle of an object. Not for imported functions.
    pub(in crate::store) fn lookup(&self, index: ExportIndex) -> VMExtern {
        let mut vm = self.vm.borrow_mut();
        // For a function, this adds to the store's list of functions: see `FuncRef::take`.
        vm.as_mut().expect("an instance is handed out after it has started").lookup_by_declaration(index)
    }

    /// The first function that a new instance defines.
    pub(in crate::store) fn first_function(store: &Store, code: &Code, vm: &mut VMInstance) -> Option<FuncRef> {
        let index = code.binary.imported_functions;
        if index as usize >= code.binary.functions.len() {
            return None;
        }
        let index = ExportIndex::Function(FunctionIndex::from_u32(index));
        let VMExtern::Function(handle) = vm.lookup_by_declaration(index) else { unreachable!("asked for a function") };
        Some(FuncRef::take(store, handle))
    }

    /// The function with this index in its module.
    pub fn function(&self, store: &Store, index: u32) -> FuncRef {
        if let Some(import) = self.parts.imports.get(index as usize) {
            return *import;
        }
        let index = ExportIndex::Function(FunctionIndex::from_u32(index));
        let VMExtern::Function(handle) = self.lookup(index) else { unreachable!("asked for a function") };
        FuncRef::take(store, handle)
    }

    /// The table with this index in its module.
    pub fn table(&self, store: &Store, index: u32) -> TableId {
        match self.lookup(ExportIndex::Table(TableIndex::from_u32(index))) {
            VMExtern::Table(handle) => {
                let id = TableId::of(store, handle);
                id.bind(store, self.code().compiler);
                self.note_copy(store, id, TableIndex::from_u32(index));
                id
            }
            _ => unreachable!("asked for a table"),
        }
    }

    /// Notes its copy of a table's entries, if there is one: wasmer keeps a copy of each funcref table that
    /// the instance defines and that cannot grow.
    fn note_copy(&self, store: &Store, id: TableId, index: TableIndex) {
        let vm = self.vm.borrow();
        let copy = vm.as_ref().and_then(|vm| {
            let index = vm.module_ref().local_table_index(index)?;
            let offset = vm.vmoffsets().vmctx_fixed_funcref_table_anyfuncs(index)?;
            // SAFETY: the offset is that of the copy in the context that `vmctx_ptr` points to. The collector forgets
            // the table's facts, which hold the pointer, when it frees the instance.
            NonNull::new(unsafe { vm.vmctx_ptr().cast::<u8>().add(offset as usize) }.cast())
        });
        if let Some(copy) = copy {
            id.change_facts(store, |facts| facts.copy = Some(copy));
        }
    }

    /// Names and values of the exports, in the order of the module.
    pub fn exports(&self, store: &Store) -> Vec<(String, Extern)> {
        let exports = self.code().binary.exports.iter().map(|export| {
            let value = match export.kind {
                ExternKind::Function => {
                    Extern::Function(Callable::Wasm(self.function(store, export.index).canonical(store)))
                }
                ExternKind::Table => Extern::Table(self.table(store, export.index)),
                ExternKind::Memory => {
                    let index = ExportIndex::Memory(MemoryIndex::from_u32(export.index));
                    match self.lookup(index) {
                        VMExtern::Memory(handle) => Extern::Memory(MemoryId::of(store, handle)),
                        _ => unreachable!("asked for a memory"),
                    }
                }
                ExternKind::Global => {
                    let index = ExportIndex::Global(GlobalIndex::from_u32(export.index));
                    match self.lookup(index) {
                        VMExtern::Global(handle) => {
                            let id = GlobalId::of(store, handle);
                            id.bind(store, self.code().compiler);
                            Extern::Global(id)
                        }
                        _ => unreachable!("asked for a global"),
                    }
                }
                ExternKind::Tag => {
                    let index = ExportIndex::Tag(TagIndex::from_u32(export.index));
                    match self.lookup(index) {
                        VMExtern::Tag(handle) => Extern::Tag(TagId::of(store, handle)),
                        _ => unreachable!("asked for a tag"),
                    }
                }
            };
            (export.name.clone(), value)
        });
        exports.collect()
    }
}

impl FuncRef {
    /// The function of the object that a look-up has just added to the list of functions. Takes the object out again.
    fn take(store: &Store, handle: InternalStoreHandle<VMFunction>) -> FuncRef {
        let pointer = store.with_objects(|objects| {
            let pointer = handle.get(objects).anyfunc.as_ptr();
            VMFunction::list_mut(objects).pop();
            pointer
        });
        // SAFETY: the function lies in the context of an instance, which lives while a root reaches it.
        unsafe { FuncRef::new(pointer) }
    }

    /// Its `name` in the JS API: its index in the author's module that defines it or, for a host
    /// function, imports it.
    pub fn name(self, store: &Store) -> String {
        // Host functions first: an adapter stands for one, and is also a function that an instance defines.
        let own = || self.locate(store).map(|(instance, index)| instance.code().original_index(index));
        self.host_index(store).or_else(own).map_or_else(String::new, |index| index.to_string())
    }

    /// The instance that defines it, and its index in that instance's module; none for a host function.
    pub fn locate(self, store: &Store) -> Option<(Rc<Instance>, u32)> {
        let instance = self.instance(store)?;
        let distance = instance.parts.first_function.map_or(0, |first| self.distance(first));
        let index = instance.parts.imports.len() as u32 + distance;
        Some((instance, index))
    }
}
