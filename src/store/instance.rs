use super::call::config;
use super::crossing::Crossing;
use super::extern_value::{Callable, Extern};
use super::host_stack;
use super::trap::Failure;
use super::{FuncRef, Store, TableId};
use crate::engine::{Code, function_type};
use crate::error::{Error, ErrorKind, Result};
use crate::wasm::{ExternKind, ExternType, FuncType};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use wasmer::sys::vm::{
    InternalStoreHandle, MaybeInstanceOwned, StoreObject, VMExtern, VMFunction, VMFunctionKind, VMInstance,
};
use wasmer::{ExportIndex, InstantiationError};
use wasmer_compiler::{InstantiationError as Refused, LinkError};
use wasmer_types::{FunctionIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex};

/// An instance of a module.
pub struct Instance {
    code: Arc<Code>,
    /// The functions that it imports
    imports: Box<[FuncRef]>,
    /// wasmer's side of it; at home in the store's objects once it has started
    vm: Cell<Option<InternalStoreHandle<VMInstance>>>,
    closed: Cell<bool>,
    /// The first function that the module defines; the others lie behind it
    first_function: Cell<Option<FuncRef>>,
}

impl Instance {
    /// The code that it runs.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// Ends it for the host: its exports no longer run, its slots no longer link.
    pub fn close(&self) {
        self.closed.set(true);
    }

    /// Whether its start function has run, so that it is at home in the store.
    pub fn has_started(&self) -> bool {
        self.vm.get().is_some()
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }
}

impl Store {
    /// Makes an instance of `code`, one import for each that `code.binary` has, and runs its start
    /// function.
    ///
    /// # Errors
    /// `Import` when an import does not fit, `Compiler`, `SignatureHash`, `Memory`; then nothing has
    /// run. A trap of a segment or the start function, or what a host function threw: then the
    /// instance is not handed out, and what it put into imported tables stays alive.
    ///
    /// # Safety
    /// Whoever owns the store holds it for the whole call. Host functions among the imports are
    /// made for this call.
    pub unsafe fn instantiate(&self, code: &Arc<Code>, imports: Vec<Extern>) -> Result<Rc<Instance>, Failure> {
        {
            let mut signatures = self.signatures.borrow_mut();
            code.binary.types.iter().try_for_each(|ty| signatures.register(ty).map(drop))?;
        }
        self.check_imports(code, &imports)?;
        let (externs, functions) = self.resolve(code, imports)?;
        let artifact = code.artifact();
        let made = self.with_objects(|objects| {
            // SAFETY: the objects outlive the instance, which they are going to own, and the code
            // outlives both. This makes the instance and runs nothing.
            unsafe { artifact.instantiate(code.tunables(), &externs, objects) }.map_err(refused)
        });
        let mut vm = made?;
        let instance = Rc::new(Instance {
            code: code.clone(),
            imports: functions,
            vm: Cell::new(None),
            closed: Cell::new(false),
            first_function: Cell::new(None),
        });
        // Known before it starts: its functions may be in imported tables by then, and be looked at.
        instance.first_function.set(self.first_function(code, &mut vm));
        self.by_context.borrow_mut().insert(vm.vmctx_ptr() as usize, instance.clone());
        let _entered = host_stack::enter();
        // SAFETY: called once, right after the instance was made. It may run wasm and so come back
        // to this store, whose objects are not borrowed.
        let start = || unsafe { artifact.finish_instantiation(config(), None, &mut vm) }.map_err(refused);
        // A panic must not drop what imported tables may hold by now.
        let started = catch_unwind(AssertUnwindSafe(start)).unwrap_or_else(|_| {
            let message = "starting the instance panicked".to_owned();
            Err(Error::from(ErrorKind::Internal { message }).into())
        });
        let handle = self.with_objects(|objects| InternalStoreHandle::new(objects, vm));
        instance.vm.set(Some(handle));
        for forwarder in &code.forwarders {
            let import = instance.imports[forwarder.import as usize];
            // A forwarder of a function of the host is the function, for the host.
            if self.instance_of(import).is_some() || self.behind(import) != import {
                self.note_behind(self.function(&instance, forwarder.function), import);
            }
        }
        self.instances.borrow_mut().push(instance.clone());
        started.map(|()| instance)
    }

    /// Whether these may be the imports of an instance of `code`.
    ///
    /// # Errors
    /// `Import` and `Compiler`.
    pub fn check_imports(&self, code: &Code, imports: &[Extern]) -> Result<()> {
        for (import, value) in code.binary.imports.iter().zip(imports) {
            if let Some(actual) = self.mismatch(value, &import.ty) {
                let (module, field) = (import.module.clone(), import.name.clone());
                let expected = import.ty.to_string();
                return Err(ErrorKind::Import { module, field, expected, actual }.into());
            }
            match value {
                Extern::Table(id) => self.check_table(*id, code.compiler)?,
                Extern::Global(id) => self.check_global(*id, code.compiler)?,
                Extern::Function(_) | Extern::Memory(_) | Extern::Tag(_) => {}
            }
        }
        Ok(())
    }

    /// The imports as wasmer takes them, and the functions among them.
    fn resolve(&self, code: &Code, imports: Vec<Extern>) -> Result<(Vec<VMExtern>, Box<[FuncRef]>)> {
        let mut externs = Vec::with_capacity(imports.len());
        let mut functions = Vec::new();
        for (import, value) in code.binary.imports.iter().zip(imports) {
            externs.push(match value {
                Extern::Table(id) => {
                    self.bind_table(id, code.compiler);
                    VMExtern::Table(self.table(id))
                }
                Extern::Memory(id) => VMExtern::Memory(self.memory(id)),
                Extern::Tag(id) => VMExtern::Tag(self.tag(id)),
                Extern::Global(id) => {
                    self.bind_global(id, code.compiler);
                    VMExtern::Global(self.global(id))
                }
                Extern::Function(callable) => {
                    let ExternType::Function(ty) = &import.ty else { unreachable!("checked by mismatch") };
                    let index = code.original_index(functions.len() as u32);
                    let (handle, function) = match callable {
                        Callable::Host(function) => {
                            let (handle, function) = self.host_function(ty, function)?;
                            self.note_host(function, code.compiler, index);
                            (handle, function)
                        }
                        Callable::Wasm(function) if !self.imports_directly(function, code.compiler) => {
                            if self.compiler_of(function) != code.compiler {
                                self.check_crossing(ty, function, code.compiler)?;
                            }
                            if code.original.exceptions {
                                self.shared(ty, self.native_to(function, code.compiler)?)
                            } else {
                                let crossing = Crossing { function, pending: None };
                                let (handle, crossing) = self.host_function(ty, Box::new(crossing))?;
                                self.note_host(crossing, code.compiler, index);
                                self.note_behind(crossing, function);
                                (handle, crossing)
                            }
                        }
                        Callable::Wasm(function) => self.shared(ty, function),
                        Callable::Adapted(function) => {
                            self.note_host(function, code.compiler, index);
                            self.shared(ty, function)
                        }
                    };
                    functions.push(function);
                    VMExtern::Function(handle)
                }
            });
        }
        Ok((externs, functions.into()))
    }

    /// A wasm function as another instance imports it.
    fn shared(&self, ty: &FuncType, function: FuncRef) -> (InternalStoreHandle<VMFunction>, FuncRef) {
        let shared = VMFunction {
            anyfunc: MaybeInstanceOwned::Instance(function.raw().0),
            signature: function_type(ty),
            kind: VMFunctionKind::Static,
            host_data: Box::new(()),
        };
        (self.with_objects(|objects| InternalStoreHandle::new(objects, shared)), function)
    }

    /// wasmer's word for an object of the instance. Not for functions that it imports.
    fn lookup(&self, instance: &Instance, index: ExportIndex) -> VMExtern {
        let handle = instance.vm.get().expect("an instance is handed out after it has started");
        let vm: *mut VMInstance = self.with_objects(|objects| &raw mut *handle.get_mut(objects));
        // SAFETY: the instance is at home in the objects, which no one moves or borrows meanwhile.
        // The lookup itself may add to the list of functions, another list.
        unsafe { (*vm).lookup_by_declaration(index) }
    }

    /// The first function that a new instance defines.
    fn first_function(&self, code: &Code, vm: &mut VMInstance) -> Option<FuncRef> {
        let index = code.binary.imported_functions;
        if index as usize >= code.binary.functions.len() {
            return None;
        }
        let index = ExportIndex::Function(FunctionIndex::from_u32(index));
        let VMExtern::Function(handle) = vm.lookup_by_declaration(index) else { unreachable!("asked for a function") };
        Some(self.take_function(handle))
    }

    /// The function of an object that a lookup added to the list: only its address matters.
    fn take_function(&self, handle: InternalStoreHandle<VMFunction>) -> FuncRef {
        let pointer = self.with_objects(|objects| {
            let pointer = handle.get(objects).anyfunc.as_ptr();
            VMFunction::list_mut(objects).pop();
            pointer
        });
        // SAFETY: the function is an instance's own, which lives as long as the store.
        unsafe { FuncRef::new(pointer) }
    }

    /// The function with this index in the instance's module.
    pub fn function(&self, instance: &Instance, index: u32) -> FuncRef {
        if let Some(import) = instance.imports.get(index as usize) {
            return *import;
        }
        let index = ExportIndex::Function(FunctionIndex::from_u32(index));
        let VMExtern::Function(handle) = self.lookup(instance, index) else { unreachable!("asked for a function") };
        self.take_function(handle)
    }

    /// What the JS API calls `function`: its index in the module that defines it, as its author
    /// compiled it; for a host function, in the module that imports it.
    pub fn function_name(&self, function: FuncRef) -> String {
        // First of the host: its adapter, which is defined somewhere, stands for it.
        let own = || self.locate(function).map(|(instance, index)| instance.code.original_index(index));
        self.host_index(function).or_else(own).map_or_else(String::new, |index| index.to_string())
    }

    /// The instance that defines `function`, and its index in the instance's module; none for a
    /// host function.
    pub fn locate(&self, function: FuncRef) -> Option<(Rc<Instance>, u32)> {
        let instance = self.instance_of(function)?;
        let distance = instance.first_function.get().map_or(0, |first| function.distance(first));
        let index = instance.imports.len() as u32 + distance;
        Some((instance, index))
    }

    /// The table with this index in the instance's module.
    pub fn instance_table(&self, instance: &Instance, index: u32) -> super::TableId {
        match self.lookup(instance, ExportIndex::Table(TableIndex::from_u32(index))) {
            VMExtern::Table(handle) => {
                let id = self.table_id(handle);
                self.bind_table(id, instance.code.compiler);
                self.note_copy(id, instance, TableIndex::from_u32(index));
                id
            }
            _ => unreachable!("asked for a table"),
        }
    }

    /// Notes where the instance has a copy of a table's entries, if it has one: wasmer keeps one of each
    /// of its own function tables that cannot grow.
    fn note_copy(&self, id: TableId, instance: &Instance, index: TableIndex) {
        let Some(handle) = instance.vm.get() else { return };
        let copy = self.with_objects(|objects| {
            let vm = handle.get(objects);
            let index = vm.module_ref().local_table_index(index)?;
            let offset = vm.vmoffsets().vmctx_fixed_funcref_table_anyfuncs(index)?;
            // SAFETY: the offset is that of the copy in the instance's own context, which lives as long as
            // the store.
            NonNull::new(unsafe { vm.vmctx_ptr().cast::<u8>().add(offset as usize) }.cast())
        });
        if let Some(copy) = copy {
            self.copied.borrow_mut().insert(id, copy);
        }
    }

    /// What the instance exports, in the order of its module.
    pub fn exports(&self, instance: &Instance) -> Vec<(String, Extern)> {
        let exports = instance.code.binary.exports.iter().map(|export| {
            let value = match export.kind {
                ExternKind::Function => {
                    Extern::Function(Callable::Wasm(self.behind(self.function(instance, export.index))))
                }
                ExternKind::Table => Extern::Table(self.instance_table(instance, export.index)),
                ExternKind::Memory => {
                    let index = ExportIndex::Memory(MemoryIndex::from_u32(export.index));
                    match self.lookup(instance, index) {
                        VMExtern::Memory(handle) => Extern::Memory(self.memory_id(handle)),
                        _ => unreachable!("asked for a memory"),
                    }
                }
                ExternKind::Global => {
                    let index = ExportIndex::Global(GlobalIndex::from_u32(export.index));
                    match self.lookup(instance, index) {
                        VMExtern::Global(handle) => {
                            let id = self.global_id(handle);
                            self.bind_global(id, instance.code.compiler);
                            Extern::Global(id)
                        }
                        _ => unreachable!("asked for a global"),
                    }
                }
                ExternKind::Tag => {
                    let index = ExportIndex::Tag(TagIndex::from_u32(export.index));
                    match self.lookup(instance, index) {
                        VMExtern::Tag(handle) => Extern::Tag(self.tag_id(handle)),
                        _ => unreachable!("asked for a tag"),
                    }
                }
            };
            (export.name.clone(), value)
        });
        exports.collect()
    }
}

/// What wasmer says of an instance that could not be made.
fn refused(error: Refused) -> Failure {
    match error {
        Refused::Start(trap) => trap.into(),
        Refused::Link(LinkError::Trap(trap)) => trap.into(),
        Refused::Link(LinkError::Resource(message)) => Error::from(ErrorKind::Memory { message }).into(),
        // The imports were checked, so this says that the two checks differ.
        other => Error::from(ErrorKind::Internal { message: InstantiationError::from(other).to_string() }).into(),
    }
}
