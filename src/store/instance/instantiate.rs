//! Instantiation.

use crate::engine::{
    Code, InObjectList, MOST_ENTRIES, Reserve, function_type, has_headroom_besides, install, with_free_lists,
};
use crate::error::{Error, ErrorKind, Result};
use crate::rewrite::{ModuleSlot, SlotKind};
use crate::store::call::host::HostContext;
use crate::store::call::trap::Failure;
use crate::store::instance::entity::{Instance, InstanceParts, Objects};
use crate::store::object::extern_value::{Callable, Extern};
use crate::store::object::index::{Owner, handle_at};
use crate::store::object::objects::ContextOwner;
use crate::store::{FuncRef, Store, free_id};
use crate::wasm::{Binary, ExternType, FuncType};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use wasmer::InstantiationError;
use wasmer::sys::vm::{
    InternalStoreHandle, MaybeInstanceOwned, StoreObject, VMConfig, VMExtern, VMFunction, VMFunctionKind, VMInstance,
    VMTag,
};
use wasmer_compiler::{InstantiationError as Refused, LinkError};

/// The imports of an instance, in wasmer's form and in this store's.
#[derive(Default)]
struct Resolved {
    externs: Vec<VMExtern>,
    functions: Vec<FuncRef>,
    objects: Objects,
}

/// A new instance that has not started.
struct Allocated {
    resolved: Resolved,
    own: Objects,
    vm: VMInstance,
}

impl Store {
    /// Makes an instance of `code` and runs its start function. `imports` has one value for each import of
    /// `code.binary`. `made` is called with the instance before any of its code runs.
    ///
    /// # Errors
    /// `Import` if an import does not fit, `Compiler`, `SignatureHash`, `OutOfRange`, `Memory`; then no wasm has run. A
    /// trap of a segment or the start function, or what a host function threw: then the instance is not returned, but
    /// it stays alive while imported tables hold functions that it wrote there.
    ///
    /// # Safety
    /// The caller keeps the store alive for the whole call. Host functions among the imports were made for this call.
    pub unsafe fn instantiate(
        &self,
        code: &Arc<Code>,
        imports: Vec<Extern>,
        made: impl FnOnce(&Rc<Instance>),
    ) -> Result<Rc<Instance>, Failure> {
        {
            let mut signatures = self.signatures.borrow_mut();
            code.binary.types.iter().try_for_each(|ty| signatures.register(ty).map(drop))?;
        }
        self.check_imports(code, &imports)?;
        check_tables(&code.original)?;
        // Objects that are added to the list of functions from here on are taken out again below.
        let functions = self.with_objects(|objects| VMFunction::list(objects).len());
        let resolved = self.resolve(code, imports).map_err(Failure::from);
        let allocated = resolved.and_then(|resolved| self.allocate(code, resolved));
        let hosts: Vec<_> = self.with_objects(|objects| {
            let added = VMFunction::list_mut(objects).drain(functions..);
            added.filter(|function| matches!(function.anyfunc, MaybeInstanceOwned::Host(_))).collect()
        });
        let mut allocated = allocated.inspect_err(|_| {
            let hosts: Vec<_> = hosts.iter().map(|host| host.anyfunc.as_ptr()).collect();
            self.forget_functions(|function| hosts.contains(&function.raw().0));
        })?;
        let instance = self.register(code, &mut allocated, hosts);
        let mut vm = allocated.vm;
        made(&instance);
        let _entered = self.host_stack.enter();
        let data = code.data();
        let has_start = vm.module().start_function.is_some();
        // SAFETY: called once, right after the instance was made. It may run wasm, which may use this store: none of
        // its objects is borrowed here.
        let mut finish = |config: &_, handler| unsafe { vm.finish_instantiation(config, handler, &data) };
        let start = || match has_start {
            true => self.wasm_stack.start(finish),
            false => finish(&VMConfig { wasm_stack_size: None }, None).map_err(Failure::from),
        };
        // A panic must not drop the instance: imported tables may hold its functions by now.
        let started = catch_unwind(AssertUnwindSafe(start)).unwrap_or_else(|_| {
            let message = "starting the instance panicked".to_owned();
            Err(Error::from(ErrorKind::Internal { message }).into())
        });
        *instance.vm.borrow_mut() = Some(vm);
        self.instances.borrow_mut().insert(instance.id, instance.clone());
        let mut skippable = false;
        for forwarder in &code.forwarders {
            let import = instance.parts.imports[forwarder.import as usize];
            // A bare host function is not canonical: JavaScript sees its forwarder instead.
            if self.instance_of(import).is_some() || self.canonical_function(import) != import {
                self.note_canonical(self.function(&instance, forwarder.function), import);
                skippable = true;
            }
        }
        if skippable {
            self.skip_forwarders(&instance);
        }
        started.map(|()| instance)
    }

    /// Replaces forwarders in the dispatch table by the functions that they call, if the module's code can call these
    /// directly. Saves one call.
    fn skip_forwarders(&self, instance: &Instance) {
        let code = instance.code();
        let dispatch = code.dispatch_table();
        let is_import = |slot: &&ModuleSlot| slot.kind == SlotKind::Import && slot.primary_entry.table == dispatch;
        let slots: Vec<_> = code.slots.iter().filter(is_import).collect();
        // Without such slots, the module may have no dispatch table.
        let Some(table) = slots.first().map(|_| self.instance_table(instance, dispatch)) else { return };
        for slot in slots {
            let forwarder = self.function(instance, slot.original);
            let function = self.canonical_function(forwarder);
            // The start function may have made a link there, which must stay.
            let stands = self.table_get(table, slot.primary_entry.index).is_ok_and(|held| held == Some(function));
            if function != forwarder && stands && self.is_native_to_table(function, table) {
                let written = self.table_put(table, slot.primary_entry.index, function);
                debug_assert!(written.is_ok(), "the entry was just read");
            }
        }
    }

    /// Makes wasmer's instance and its objects. Runs no wasm.
    fn allocate(&self, code: &Code, resolved: Resolved) -> Result<Allocated, Failure> {
        if !has_headroom_besides(code.instance_size()) {
            let message = format!("there is no room for the {} bytes of an instance", code.instance_size());
            return Err(Error::from(ErrorKind::Memory { message }).into());
        }
        let mut vacant = self.lend_free_lists();
        let own_tags = code.binary.tags.len() - resolved.objects.tags.len();
        let room = self.tags.borrow_mut().take_run(own_tags, &resolved.objects.tags);
        let (made, places, tags) = self.with_objects(|objects| {
            // wasmer appends an instance's tags to its list. To reuse free indices, the tail of the list is split off
            // meanwhile. wasmer only reads imported tags, and all of these have smaller indices.
            let list = VMTag::list_mut(objects);
            let aside = room.map(|at| list.split_off(at + own_tags)).unwrap_or_default();
            let first = room.unwrap_or(list.len());
            list.truncate(first);
            let make = || {
                // SAFETY: the objects outlive the instance, which the store holds together with its code. The call
                // makes the instance and runs no wasm.
                unsafe { code.artifact().instantiate(code.tunables(), &resolved.externs, objects) }.map_err(refused)
            };
            let (made, places) = with_free_lists(&mut vacant, make);
            let list = VMTag::list_mut(objects);
            if room.is_some() {
                list.resize_with(first + own_tags, InObjectList::placeholder);
            }
            let tags = (first..list.len()).map(handle_at).collect();
            list.extend(aside);
            (made, places, tags)
        });
        self.return_free_lists(vacant);
        let own = Objects { places, tags };
        match made {
            Ok(vm) => {
                install(&vm);
                Ok(Allocated { resolved, own, vm })
            }
            Err(failure) => {
                self.note_owners(&own, Owner::Nobody);
                drop(self.remove_objects(&own));
                Err(failure)
            }
        }
    }

    /// Registers a new instance before it starts: while it starts, imported tables may already hold its functions.
    fn register(&self, code: &Arc<Code>, allocated: &mut Allocated, hosts: Vec<VMFunction>) -> Rc<Instance> {
        let mut next = self.next_instance.get();
        let id = free_id(&mut next, |id| self.instances.borrow().contains_key(&id));
        self.next_instance.set(next);
        let Allocated { resolved, own, vm } = allocated;
        self.note_owners(own, Owner::Instance(id));
        self.count_importers(&resolved.objects, true);
        let first_function = self.first_function(code, vm);
        let contexts: Vec<_> = hosts.iter().map(HostContext::address_in).collect();
        let instance = Rc::new(Instance::new(
            id,
            code.clone(),
            InstanceParts {
                imports: std::mem::take(&mut resolved.functions).into(),
                imported: std::mem::take(&mut resolved.objects),
                own: std::mem::take(own),
                held: hosts.iter().filter_map(HostContext::held_by).collect(),
                hosts,
                first_function,
            },
        ));
        let mut by_context = self.by_context.borrow_mut();
        for context in contexts {
            by_context.insert(context, ContextOwner { instance: instance.clone(), is_host: true });
        }
        let context = vm.vmctx_ptr() as usize;
        by_context.insert(context, ContextOwner { instance: instance.clone(), is_host: false });
        drop(by_context);
        instance
    }

    /// Checks that these can be the imports of an instance of `code`.
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
                Extern::Memory(id)
                    if code.reserve == Reserve::Full && !self.memory_is_shared(*id) && !self.memory_is_full(*id) =>
                {
                    let (module, field) = (import.module.clone(), import.name.clone());
                    let expected =
                        "a memory of { reserve: 'full' }, since the module was compiled for such ones".to_owned();
                    let actual =
                        "one of { reserve: 'small' }, which takes modules that were compiled with that".to_owned();
                    return Err(ErrorKind::Import { module, field, expected, actual }.into());
                }
                Extern::Function(_) | Extern::Memory(_) | Extern::Tag(_) => {}
            }
        }
        Ok(())
    }

    /// Converts the imports to wasmer's form; makes bridges where needed.
    fn resolve(&self, code: &Code, imports: Vec<Extern>) -> Result<Resolved> {
        let mut resolved = Resolved::default();
        for (import, value) in code.binary.imports.iter().zip(imports) {
            let external = match value {
                Extern::Table(id) => {
                    self.bind_table(id, code.compiler);
                    resolved.objects.places.tables.push(self.table(id));
                    VMExtern::Table(self.table(id))
                }
                Extern::Memory(id) => {
                    resolved.objects.places.memories.push(self.memory(id));
                    VMExtern::Memory(self.memory(id))
                }
                Extern::Tag(id) => {
                    resolved.objects.tags.push(self.tag(id));
                    VMExtern::Tag(self.tag(id))
                }
                Extern::Global(id) => {
                    self.bind_global(id, code.compiler);
                    resolved.objects.places.globals.push(self.global(id));
                    VMExtern::Global(self.global(id))
                }
                Extern::Function(callable) => {
                    let ExternType::Function(ty) = &import.ty else { unreachable!("checked by mismatch") };
                    let index = code.original_index(resolved.functions.len() as u32);
                    let callable = match callable {
                        Callable::Wasm(function) => {
                            Callable::Wasm(self.tier_up_of(function, code.compiler).unwrap_or(function))
                        }
                        other => other,
                    };
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
                                let bridge = self.bridge(function, None);
                                let (handle, bridge) = self.host_function(ty, Box::new(bridge))?;
                                self.note_host(bridge, code.compiler, index);
                                self.note_canonical(bridge, function);
                                (handle, bridge)
                            }
                        }
                        Callable::Wasm(function) => self.shared(ty, function),
                        Callable::Adapted(function) => {
                            self.note_host(function, code.compiler, index);
                            self.shared(ty, function)
                        }
                    };
                    resolved.functions.push(function);
                    VMExtern::Function(handle)
                }
            };
            resolved.externs.push(external);
        }
        Ok(resolved)
    }

    /// A wasm function in the form in which another instance imports it.
    fn shared(&self, ty: &FuncType, function: FuncRef) -> (InternalStoreHandle<VMFunction>, FuncRef) {
        let shared = VMFunction {
            anyfunc: MaybeInstanceOwned::Instance(function.raw().0),
            signature: function_type(ty),
            kind: VMFunctionKind::Static,
            host_data: Box::new(()),
        };
        (self.with_objects(|objects| InternalStoreHandle::new(objects, shared)), function)
    }
}

/// Checks that no table of the module is larger than the store allows.
///
/// # Errors
/// `OutOfRange`.
fn check_tables(binary: &Binary) -> Result<()> {
    let defined = &binary.tables[binary.imported_tables as usize..];
    match defined.iter().map(|table| table.limits.minimum).find(|minimum| *minimum > MOST_ENTRIES.into()) {
        None => Ok(()),
        Some(minimum) => {
            let message = format!("a table may have {MOST_ENTRIES} entries, and the module defines one of {minimum}");
            Err(ErrorKind::OutOfRange { message }.into())
        }
    }
}

/// Converts wasmer's error for an instance that could not be made.
fn refused(error: Refused) -> Failure {
    match error {
        Refused::Start(trap) => trap.into(),
        Refused::Link(LinkError::Trap(trap)) => trap.into(),
        Refused::Link(LinkError::Resource(message)) => Error::from(ErrorKind::Memory { message }).into(),
        // `check_imports` has accepted the imports, so the two checks differ: an internal error.
        other => Error::from(ErrorKind::Internal { message: InstantiationError::from(other).to_string() }).into(),
    }
}
