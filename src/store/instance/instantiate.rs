use crate::engine::{Code, InObjectList, MOST_ENTRIES, Reserve, function_type, has_room, install, with_free_lists};
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

/// The imports of an instance, as wasmer takes them and as we look at them.
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
    /// Makes an instance of `code`, one import for each that `code.binary` has, and runs its start
    /// function. `made` sees it before anything of it runs.
    ///
    /// # Errors
    /// `Import` when an import does not fit, `Compiler`, `SignatureHash`, `OutOfRange`, `Memory`; then nothing has
    /// run. A trap of a segment or the start function, or what a host function threw: then the
    /// instance is not handed out, and what it put into imported tables stays alive.
    ///
    /// # Safety
    /// Whoever owns the store holds it for the whole call. Host functions among the imports are
    /// made for this call.
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
        // What is added to the list of functions from here on is taken out again.
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
        // SAFETY: called once, right after the instance was made. It may run wasm and so come back
        // to this store, whose objects are not borrowed.
        let mut finish = |config: &_, handler| unsafe { vm.finish_instantiation(config, handler, &data) };
        let start = || match has_start {
            true => self.wasm_stack.start(finish),
            false => finish(&VMConfig { wasm_stack_size: None }, None).map_err(Failure::from),
        };
        // A panic must not drop what imported tables may hold by now.
        let started = catch_unwind(AssertUnwindSafe(start)).unwrap_or_else(|_| {
            let message = "starting the instance panicked".to_owned();
            Err(Error::from(ErrorKind::Internal { message }).into())
        });
        *instance.vm.borrow_mut() = Some(vm);
        self.instances.borrow_mut().insert(instance.id, instance.clone());
        let mut skippable = false;
        for forwarder in &code.forwarders {
            let import = instance.parts.imports[forwarder.import as usize];
            // A forwarder of a function of the host is the function, for the host.
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

    /// Puts functions of other instances where forwarders of theirs stand, if the same code can call them: one call less.
    fn skip_forwarders(&self, instance: &Instance) {
        let code = instance.code();
        let dispatch = code.dispatch_table();
        let is_import = |slot: &&ModuleSlot| slot.kind == SlotKind::Import && slot.primary_entry.table == dispatch;
        let slots: Vec<_> = code.slots.iter().filter(is_import).collect();
        // Without any, there may be no such table.
        let Some(table) = slots.first().map(|_| self.instance_table(instance, dispatch)) else { return };
        for slot in slots {
            let forwarder = self.function(instance, slot.original);
            let function = self.canonical_function(forwarder);
            // The start function may have had something linked.
            let stands = self.table_get(table, slot.primary_entry.index).is_ok_and(|held| held == Some(function));
            if function != forwarder && stands && self.is_native_to_table(function, table) {
                let written = self.table_put(table, slot.primary_entry.index, function);
                debug_assert!(written.is_ok(), "the entry was just read");
            }
        }
    }

    /// Makes wasmer's side of a new instance. Runs nothing.
    fn allocate(&self, code: &Code, resolved: Resolved) -> Result<Allocated, Failure> {
        if !has_room(code.instance_size()) {
            let message = format!("there is no room for the {} bytes of an instance", code.instance_size());
            return Err(Error::from(ErrorKind::Memory { message }).into());
        }
        let mut vacant = self.lend_free_lists();
        let own_tags = code.binary.tags.len() - resolved.objects.tags.len();
        let room = self.tags.borrow_mut().take_run(own_tags, &resolved.objects.tags);
        let (made, places, tags) = self.with_objects(|objects| {
            // wasmer appends the tags of an instance to its list, so what comes after the vacant places stands
            // aside meanwhile. It looks at imported tags only, all of which come before.
            let list = VMTag::list_mut(objects);
            let aside = room.map(|at| list.split_off(at + own_tags)).unwrap_or_default();
            let first = room.unwrap_or(list.len());
            list.truncate(first);
            let make = || {
                // SAFETY: the objects outlive the instance, which the store holds together with its code. This
                // makes the instance and runs nothing.
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

    /// Notes a new instance, before it starts: its functions may be in imported tables then, and be looked at.
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

    /// The imports as wasmer takes them.
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
}

/// Whether there can be tables as large as the module defines them.
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
