//! Instantiation.

use crate::engine::{
    self, Charge, Code, InObjectList, KnownTables, Quota, Resource, SharedBytes, has_headroom_besides, install,
};
use crate::error::{Error, ErrorKind, Result};
use crate::store::call::host::HostContext;
use crate::store::instance::entity::{Held, Instance, InstanceContents, Objects};
use crate::store::instance::resolved::ResolvedImports;
use crate::store::object::importer_memory::ImporterMemory;
use crate::store::object::index::{Owner, handle_at};
use crate::store::state::ContextOwner;
use crate::store::trap::Failure;
use crate::store::watch::{builtins, bulk, checkpoint, dropped_segments};
use crate::store::{Store, free_id};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use wasmer::InstantiationError;
use wasmer::sys::vm::{MaybeInstanceOwned, StoreObject, VMConfig, VMFunction, VMInstance, VMTag};
use wasmer_compiler::{InstantiationError as Refused, LinkError};

/// A new instance that has not started.
struct UnstartedInstance {
    resolved: ResolvedImports,
    own: Objects,
    vm: VMInstance,
}

/// Makes an instance of `code` and runs its start function. `resolve` returns the imports; host functions that it makes
/// belong to the instance. `shared` are the bytes for the shared memories that the code defines. What the instance takes is
/// charged to `quota`; without one, the store makes it for its own use. `made` is called with the instance before any of its
/// code runs.
///
/// # Errors
/// `SignatureHash`, `Memory` and the errors of `resolve`; then no wasm has run. A trap of a segment or the start
/// function, or what a host function threw: then the instance is not returned, but it stays alive while imported tables
/// hold functions that it wrote there.
///
/// # Safety
/// The caller keeps the store alive for the whole call. The resolved imports fit the imports of `code`.
pub(in crate::store) unsafe fn instantiate(
    store: &Store,
    code: &Arc<Code>,
    resolve: impl FnOnce() -> Result<ResolvedImports>,
    shared: Vec<Rc<dyn SharedBytes>>,
    quota: Option<&Arc<Quota>>,
    made: impl FnOnce(&Rc<Instance>),
) -> Result<Rc<Instance>, Failure> {
    let charges = quota.map(|quota| charge(quota, code)).transpose()?.unwrap_or_default();
    {
        let mut signatures = store.signatures.borrow_mut();
        code.binary.types.iter().try_for_each(|ty| signatures.register(ty).map(drop))?;
    }
    // Objects that are added to the list of functions from here on are taken out again below.
    let functions = store.with_objects(|objects| VMFunction::list(objects).len());
    let resolved = resolve().map_err(Failure::from);
    let allocated = resolved.and_then(|resolved| allocate(store, code, resolved, shared, quota));
    let hosts: Vec<_> = store.with_objects(|objects| {
        let added = VMFunction::list_mut(objects).drain(functions..);
        added.filter(|function| matches!(function.anyfunc, MaybeInstanceOwned::Host(_))).collect()
    });
    let mut allocated = allocated.inspect_err(|_| {
        let hosts: Vec<_> = hosts.iter().map(|host| host.anyfunc.as_ptr()).collect();
        store.bridges.borrow_mut().forget(|function| hosts.contains(&function.raw().0));
    })?;
    let instance = register(store, code, quota, &mut allocated, hosts);
    let mut vm = allocated.vm;
    let entries = Instance::find_entries(store, code, &mut vm, instance.contents.first_function);
    *instance.held.borrow_mut() = Some(Held { charges, tables: KnownTables::of(&vm), entries });
    instance.write_table_copies(store, &mut vm);
    made(&instance);
    if instance.is_recyclable() {
        dropped_segments::install(&vm);
    }
    let has_start = vm.module().start_function.is_some();
    let may_start = if has_start { checkpoint::enter(store.host_stack.record) } else { Ok(()) };
    let _entered = store.host_stack.enter();
    let data = code.data();
    // SAFETY: called once, right after the instance was made. It may run wasm, which may use this store: none of its
    // objects is borrowed here.
    let mut finish = |config: &_, handler| unsafe { vm.finish_instantiation(config, handler, &data) };
    store.call_stacks.before_entry();
    let start = || match has_start {
        // SAFETY: no collection runs while wasm is on the stack.
        true => unsafe {
            may_start?;
            store.shadow_stacks.call(instance.stack_pointer(), || store.wasm_stack.start(finish))
        },
        false => finish(&VMConfig { wasm_stack_size: None }, None).map_err(Failure::from),
    };
    // A panic must not drop the instance: imported tables may hold its functions by now.
    let started = catch_unwind(AssertUnwindSafe(start)).unwrap_or_else(|_| {
        let message = "starting the instance panicked".to_owned();
        Err(Error::from(ErrorKind::Internal { message }).into())
    });
    *instance.vm.borrow_mut() = Some(vm);
    store.instances.borrow_mut().insert(instance.id, instance.clone());
    for forwarder in &code.forwarders {
        let import = instance.contents.imports[forwarder.import as usize];
        // A host function without an adapter is not canonical: JavaScript sees its forwarder instead.
        if import.instance(store).is_some() || import.canonical(store) != import {
            instance.function(store, forwarder.function).set_canonical(store, import);
        }
    }
    started.map(|()| instance).map_err(|failure| store.after_failure(failure))
}

/// The charges for an instance besides its objects. Refuses an instance whose objects would exceed a limit, before the first
/// of them is made: each may take gigabytes.
fn charge(quota: &Arc<Quota>, code: &Code) -> Result<Vec<Charge>> {
    code.initial_sizes().into_iter().try_for_each(|(resource, size)| quota.check_more(resource, size))?;
    let functions = code.binary.functions.len() as u64;
    Ok(vec![quota.charge(Resource::Instances, 1)?, quota.charge(Resource::Functions, functions)?])
}

/// Makes wasmer's instance and its objects. Runs no wasm.
fn allocate(
    store: &Store,
    code: &Code,
    resolved: ResolvedImports,
    shared: Vec<Rc<dyn SharedBytes>>,
    quota: Option<&Arc<Quota>>,
) -> Result<UnstartedInstance, Failure> {
    let unlimited = Quota::unlimited();
    let quota = quota.unwrap_or(&unlimited);
    store.quota.take_refusal();
    if !has_headroom_besides(code.instance_size()) {
        let message = format!("there is no room for the {} bytes of an instance", code.instance_size());
        return Err(Error::from(ErrorKind::Memory { message }).into());
    }
    let free = store.lend_free_lists();
    let own_tags = code.binary.tags.len() - resolved.objects.tags.len();
    let room = store.tags.borrow_mut().take_run(own_tags, &resolved.objects.tags);
    let (made, tags) = store.with_objects(|objects| {
        // wasmer appends an instance's tags to its list. To reuse free indices, the tail of the list is split off
        // meanwhile. wasmer only reads imported tags, and all of these have smaller indices.
        let list = VMTag::list_mut(objects);
        let aside = room.map(|at| list.split_off(at + own_tags)).unwrap_or_default();
        let first = room.unwrap_or(list.len());
        list.truncate(first);
        // SAFETY: the objects outlive the instance, which the store holds together with its code; the imports were
        // checked.
        let made = unsafe { code.allocate(&resolved.externs, objects, free, shared, quota) };
        let list = VMTag::list_mut(objects);
        if room.is_some() {
            list.resize_with(first + own_tags, InObjectList::placeholder);
        }
        let tags = (first..list.len()).map(handle_at).collect();
        list.extend(aside);
        (made, tags)
    });
    let engine::Allocated { instance, made, free, lacks_addresses } = made;
    store.return_free_lists(free);
    let own = Objects { memories: made.memories, tables: made.tables, globals: made.globals, tags };
    let limit = || store.quota.take_refusal().map(|exceeded| Error::from(exceeded).into());
    match instance.map_err(|error| limit().unwrap_or_else(|| refused(error, lacks_addresses))) {
        Ok(vm) => {
            install(&vm, || {
                // SAFETY: an instruction of wasm calls this, and no frame above it has a value to drop.
                unsafe { checkpoint::here() }
            });
            bulk::install(&vm);
            builtins::install(&vm);
            Ok(UnstartedInstance { resolved, own, vm })
        }
        Err(failure) => {
            store.set_owners(&own, Owner::Gone);
            drop(own.remove(store));
            Err(failure)
        }
    }
}

/// Registers a new instance before it starts: while it starts, imported tables may already hold its functions.
fn register(
    store: &Store,
    code: &Arc<Code>,
    quota: Option<&Arc<Quota>>,
    allocated: &mut UnstartedInstance,
    hosts: Vec<VMFunction>,
) -> Rc<Instance> {
    let mut next = store.next_instance.get();
    let id = free_id(&mut next, |id| store.instances.borrow().contains_key(&id));
    store.next_instance.set(next);
    let UnstartedInstance { resolved, own, vm } = allocated;
    store.set_owners(own, Owner::Instance(id));
    store.count_importers(&resolved.objects, true);
    let first_function = Instance::first_function(store, code, vm);
    let stack_pointer = Instance::find_stack_pointer(store, code, vm);
    store.shadow_stacks.add(stack_pointer);
    let contexts: Vec<_> = hosts.iter().map(HostContext::address_in).collect();
    let instance = Rc::new(Instance::unstarted(
        id,
        code.clone(),
        quota.cloned(),
        InstanceContents {
            imports: std::mem::take(&mut resolved.functions).into(),
            imported: std::mem::take(&mut resolved.objects),
            own: std::mem::take(own),
            held: hosts.iter().filter_map(HostContext::held_by).collect(),
            hosts,
            first_function,
            stack_pointer,
        },
    ));
    let contents = &instance.contents;
    if let Some(memory) = contents.imported.memories.first().or(contents.own.memories.first()) {
        let memory = store.with_objects(|objects| ImporterMemory::new(memory.get(objects)));
        contents.hosts.iter().for_each(|host| HostContext::set_memory(host, memory));
    }
    let mut by_context = store.by_context.borrow_mut();
    for context in contexts {
        by_context.insert(context, ContextOwner { instance: instance.clone(), is_host: true });
    }
    let context = vm.vmctx_ptr() as usize;
    by_context.insert(context, ContextOwner { instance: instance.clone(), is_host: false });
    drop(by_context);
    store.contexts.borrow_mut().insert(context, instance.id);
    instance
}

/// Converts wasmer's error for an instance that could not be made. `lacks_addresses` says that the system has refused
/// address space.
fn refused(error: Refused, lacks_addresses: bool) -> Failure {
    match error {
        Refused::Start(trap) => trap.into(),
        Refused::Link(LinkError::Trap(trap)) => trap.into(),
        Refused::Link(LinkError::Resource(message)) if lacks_addresses => {
            Error::from(ErrorKind::AddressSpace { message }).into()
        }
        Refused::Link(LinkError::Resource(message)) => Error::from(ErrorKind::Memory { message }).into(),
        // `check_imports` has accepted the imports, so the two checks differ: an internal error.
        other => Error::from(ErrorKind::Internal { message: InstantiationError::from(other).to_string() }).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test_support::instantiate as make;
    use crate::store::test_support::{COMPILERS, call, function, new_store};

    /// A module with everything that loading has to handle: relocations to itself and to the engine, data, and all kinds of
    /// traps.
    const OF_ALL_KINDS: &str = r#"(module
        (type $f (func (result i32)))
        (memory 1) (data (i32.const 8) "\2a") (data $later "\07")
        (table 2 2 funcref) (elem (i32.const 1) $load)
        (global $g (mut f64) (f64.const 2.5))
        (func $load (type $f) i32.const 8 i32.load8_u)
        (func (export "call") (type $f) i32.const 1 call_indirect (type $f) call $load i32.sub)
        (func (export "rounds") (type $f) global.get $g f64.nearest global.get $g f64.ceil f64.add i32.trunc_f64_s)
        (func (export "grows") (type $f) i32.const 1 memory.grow)
        (func (export "copies") (type $f)
            i32.const 0 i32.const 0 i32.const 1 memory.init $later i32.const 16 i32.const 0 i32.const 9 memory.copy
            i32.const 24 i32.load8_u i32.const 16 i32.load8_u i32.add)
        (func (export "null") (type $f) i32.const 0 call_indirect (type $f))
        (func (export "outside") (type $f) i32.const 65536 i32.const 8 i32.shl i32.load)
        (func $divides (type $f) i32.const 1 i32.const 0 i32.div_s)
        (func (export "divides") (type $f) call $divides i32.const 1 i32.add)
        (func (export "unreachable") (type $f) nop unreachable)
        (func $deep (export "deep") (type $f) call $deep i32.const 1 i32.add))"#;

    #[test]
    fn code_does_the_same_in_either_form() {
        let bytes = wat::parse_str(OF_ALL_KINDS).unwrap();
        for compiler in COMPILERS {
            let outcomes = |code: Arc<Code>| {
                let store = new_store();
                let instance = make(&store, &code, Vec::new()).unwrap();
                let outcome = |name| match call(&store, function(&store, &instance, name)) {
                    Err(Failure::Error(error)) => match error.kind() {
                        ErrorKind::Trap { trap, trace, .. } => {
                            let frames = trace.as_ref().unwrap().frames(usize::MAX);
                            Err((*trap, frames.iter().map(|frame| (frame.index, frame.offset)).collect::<Vec<_>>()))
                        }
                        other => panic!("{other:?}"),
                    },
                    other => Ok(other.unwrap()),
                };
                ["call", "rounds", "grows", "copies", "null", "outside", "divides", "unreachable", "deep"].map(outcome)
            };
            let linked = outcomes(Code::compile_as_it_is(&bytes, compiler).unwrap());
            assert_eq!(linked, outcomes(Code::compile_serialized(&bytes, compiler).unwrap()));
            assert_eq!(linked[..4], [Ok(0), Ok(5), Ok(1), Ok(49)]);
            let traps = linked[4..].iter().map(|outcome| outcome.as_ref().unwrap_err().0);
            let expected = ["null-function", "memory-out-of-bounds", "divide-by-zero", "unreachable", "stack-overflow"];
            assert_eq!(traps.collect::<Vec<_>>(), expected);
            let indices: Vec<_> = linked[6].as_ref().unwrap_err().1.iter().map(|(index, _)| *index).collect();
            assert_eq!(indices, [7, 8]);
        }
    }
}
