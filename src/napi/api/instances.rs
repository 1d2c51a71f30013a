//! The methods of instances: making them, tier-up, and their slots.

use crate::engine::{Quota, SharedBytes};
use crate::error::{ErrorKind, Subject};
use crate::link::skip_forwarders;
use crate::napi::api::module::NativeModule;
use crate::napi::api::native_store::NativeStore;
use crate::napi::api::store::amounts;
use crate::napi::call::import::ImportedFunction;
use crate::napi::call::parked::{end_abandoned, here};
use crate::napi::call::scope::CallScope;
use crate::napi::convert::describe::NativeSlot;
use crate::napi::convert::exported::{ExportedFunction, function, retarget};
use crate::napi::convert::thrown::{refuse_failure, take_failure};
use crate::napi::env::exception::PendingException;
use crate::napi::env::parked_calls::ParkedCalls;
use crate::napi::env::reference::WrapReference;
use crate::napi::env::throw::{NativeError, refuse};
use crate::napi::env::value::Value;
use crate::napi::gc::collect::{collect, collect_before_refusal, collect_if_due};
use crate::napi::wasi::import::WasiImport;
use crate::store::{Callable, Extern, Failure, FuncRef, GlobalId, Instance, MemoryId, Node, TableId, TagId, Timeout};
use crate::wasm::{ExternType, FuncType, Import, PAGE_SIZE};
use napi::bindgen_prelude::{Array, Unknown};
use napi_derive::napi;
use std::rc::Rc;
use std::sync::Arc;

/// A new instance.
#[napi(object, object_from_js = false)]
pub struct NativeInstance<'a> {
    /// Its id
    pub id: u32,
    /// Its retainer, which keeps its imports alive: everything that may call the instance must hold it
    #[napi(ts_type = "object")]
    pub retainer: Unknown<'a>,
    /// Its exports
    pub exports: Vec<NativeInstanceExport<'a>>,
}

/// An export of an instance: a function, or the id of another object.
#[napi(object, object_from_js = false)]
pub struct NativeInstanceExport<'a> {
    /// Its name
    pub name: String,
    /// Its kind, like "function"
    pub kind: String,
    /// The function, or the id
    pub value: Unknown<'a>,
}

/// The options of a new instance.
#[derive(Default)]
struct Terms {
    /// The quota of its objects; none for an instance of the store's own
    quota: Option<Arc<Quota>>,
    /// The timeout of each call of its functions
    timeout: Option<Timeout>,
    /// Whether it may be recycled
    is_recyclable: bool,
}

/// A new instance and its retainer.
type MadeInstance<'a> = (Rc<Instance>, Value<'a>);

#[napi]
impl NativeStore {
    /// Makes an instance. `imports` has one function or id for each import of the module; `shared` has one of Node's
    /// own memories for each shared memory that the module defines. `timeout` is that of each call of its functions, in
    /// milliseconds; `limits` are those of the instance, in the order of `Resource::ALL`. With `recyclable`, `recycle` may make it
    /// begin again.
    #[napi(catch_unwind)]
    pub fn instantiate<'a>(
        &'a self,
        module: &NativeModule,
        imports: Array<'a>,
        shared: Vec<Unknown<'a>>,
        timeout: Option<f64>,
        limits: Option<Vec<f64>>,
        recyclable: Option<bool>,
    ) -> Result<NativeInstance<'a>, NativeError> {
        let (context, imports) = (&self.context, Value::of(&imports));
        self.check_open()?;
        // They put collections off.
        end_abandoned(&ParkedCalls::of_thread(), here());
        collect_if_due(context);
        let quota = match limits {
            None => context.store.quota.clone(),
            limits => context.store.quota.of_instance(amounts(limits)),
        };
        // If there was no room, collecting may make some.
        let timeout = Timeout::shorter(context.store.timeout, timeout.map(Timeout::new));
        let terms = Terms { quota: Some(quota), timeout, is_recyclable: recyclable.unwrap_or_default() };
        let first = self.try_instantiate(module, imports, &shared, &terms)?;
        let (instance, retainer) = match first {
            Ok(made) => made,
            Err(failure) => {
                if !collect_before_refusal(context, failure.is_limit()) {
                    return Err(refuse_failure(context, failure));
                }
                let made = self.try_instantiate(module, imports, &shared, &terms)?;
                made.map_err(|failure| refuse_failure(context, failure))?
            }
        };
        // The start function may have closed the store, before this instance was registered in it.
        if let Err(error) = context.check_open() {
            instance.close(&context.store, context.silent.get());
            collect(context);
            return Err(refuse(error));
        }
        let binary = &module.code.binary;
        let memories = binary.memories.iter().skip(binary.imported_memories());
        let bytes = memories.map(|memory| match memory {
            ExternType::Memory { limits, .. } => limits.minimum * PAGE_SIZE as u64,
            _ => 0,
        });
        context.gc_policy.note_instance(self.js(), &context.retainers, bytes.sum(), &module.code);
        context.slots.borrow_mut().register_instance(&context.store, &instance);
        let exports = instance.exports(&context.store).into_iter().map(|(name, value)| self.export(name, value));
        Ok(NativeInstance { id: instance.id, retainer: self.unknown(retainer), exports: exports.collect() })
    }

    /// Tiers an instance up to the code of `module`, with the `imports` of the instance. Returns false if it cannot:
    /// then nothing has changed.
    #[napi(catch_unwind)]
    pub fn attach_tier_up(&self, id: u32, module: &NativeModule, imports: Array<'_>) -> Result<bool, NativeError> {
        let (context, imports) = (&self.context, Value::of(&imports));
        let old = Instance::find(&context.store, id).filter(|old| !old.is_closed() && old.tier_up().is_none());
        let Some(old) = old.filter(|_| !context.closed.get()) else { return Ok(false) };
        let given = old.code().binary.imports.len();
        // An import may be closed by now; then the instance keeps its code.
        let Ok(mut externs) = self.externs(module, imports, given, old.quota()) else { return Ok(false) };
        externs.extend(old.state(&context.store));
        let terms = Terms { timeout: old.timeout.get(), ..Terms::default() };
        let Ok(Ok((new, _))) = self.try_make(module, externs, Vec::new(), imports, &terms) else {
            return Ok(false);
        };
        if old.attach_tier_up(&context.store, &new).is_err() {
            return Ok(false);
        }
        context.retainers.add_edge(self.js(), &context.store, Node::Instance(old.id), Node::Instance(new.id));
        retarget(context, &old);
        Ok(true)
    }

    /// The slot of an instance at a position in the slot list of its module.
    #[napi(catch_unwind)]
    pub fn instance_slot(&self, id: u32, position: u32) -> Result<NativeSlot, NativeError> {
        let instance = Instance::find(&self.context.store, id).filter(|instance| !instance.is_closed());
        let instance = instance.ok_or_else(|| refuse(ErrorKind::ClosedObject { what: "slot" }.into()))?;
        let slot = self.context.slots.borrow_mut().of_instance(&self.context.store, &instance, position);
        Ok(self.slot_info(&self.context.slots.borrow(), slot))
    }
}

impl NativeStore {
    /// Makes an instance and its retainer. The inner error means that there was no room; the caller may retry.
    fn try_instantiate(
        &self,
        module: &NativeModule,
        imports: Value<'_>,
        shared: &[Unknown<'_>],
        terms: &Terms,
    ) -> Result<std::result::Result<MadeInstance<'_>, Failure>, NativeError> {
        let context = &self.context;
        let given = module.code.binary.imports.len();
        let externs = self.externs(module, imports, given, terms.quota.as_ref())?;
        Instance::check_imports(&context.store, &module.code, &externs).map_err(refuse)?;
        self.replace_with_thunks(module, &externs);
        if module.code.original.exceptions {
            context.exceptions.prepare_to_catch(&context.store);
        }
        let shared = shared.iter().map(|memory| {
            let memory = context.shared_memories.add(context, Value::of(memory))?;
            Ok(memory as Rc<dyn SharedBytes>)
        });
        let shared = shared.collect::<std::result::Result<_, PendingException>>()?;
        self.try_make(module, externs, shared, imports, terms)
    }

    /// `try_instantiate` with imports that are already converted.
    fn try_make(
        &self,
        module: &NativeModule,
        externs: Vec<Extern>,
        shared: Vec<Rc<dyn SharedBytes>>,
        imports: Value<'_>,
        terms: &Terms,
    ) -> Result<std::result::Result<MadeInstance<'_>, Failure>, NativeError> {
        let (context, env) = (&self.context, self.js());
        let Terms { quota, timeout, is_recyclable } = terms;
        let mut retainer = None;
        // SAFETY: no function is being called.
        let scope = unsafe { CallScope::enter(context, WrapReference::NONE, false) };
        let scope = scope.map_err(|PendingException| refuse_failure(context, take_failure(env)))?;
        let deadline = context.store.deadline(*timeout).map_err(refuse)?;
        // SAFETY: `self` holds the context, which owns the store, and no `RefCell` of it is borrowed. The host
        // functions were made for this call.
        let made = unsafe {
            Instance::new(&context.store, &module.code, externs, shared, quota.as_ref(), |instance| {
                instance.timeout.set(*timeout);
                if let Some(quota) = quota.as_ref().filter(|_| *is_recyclable) {
                    instance.make_recyclable(&context.store, quota);
                }
                retainer = Some(context.retainers.make_for_instance(env, &context.store, instance, imports));
            })
        };
        drop(deadline);
        context.buffers.detach_grown(env, &context.store);
        match (made, retainer) {
            // A deferred collection stays deferred: the new instance has no wrapper yet.
            (Ok(instance), Some(retainer)) => {
                skip_forwarders(&context.store, &instance);
                scope.end_without_collection();
                Ok(Ok((instance, retainer)))
            }
            (Ok(_), None) => unreachable!("an instance gets its retainer before it starts"),
            (Err(failure), None) if failure.is_no_room() => Ok(Err(failure)),
            // Converted before `scope` is dropped: a deferred collection frees wasm exceptions.
            (Err(failure), _) => Err(refuse_failure(context, failure)),
        }
    }

    /// Puts thunks into the imported tables from which code of the module may take functions.
    fn replace_with_thunks(&self, module: &NativeModule, externs: &[Extern]) {
        let tables = externs.iter().filter_map(|value| match value {
            Extern::Table(id) => Some(*id),
            _ => None,
        });
        let tables: Vec<_> = tables.collect();
        let mut slots = self.context.slots.borrow_mut();
        let read = module.code.read_tables.iter().filter_map(|index| tables.get(*index as usize));
        read.into_iter().for_each(|table| slots.replace_with_thunks(&self.context.store, *table));
    }

    /// The first `count` imports of a module, from the functions and ids in `imports`, for an instance with this quota.
    fn externs(
        &self,
        module: &NativeModule,
        imports: Value<'_>,
        count: usize,
        quota: Option<&Arc<Quota>>,
    ) -> Result<Vec<Extern>, NativeError> {
        let imported = module.code.binary.imports.iter().take(count);
        // An array with 1 for each suspending import, if there is one.
        let suspending = self.js().property(imports, c"suspending");
        let suspending = Some(suspending).filter(|list| !self.js().is_undefined(*list));
        (0..)
            .zip(imported)
            .map(|(index, import)| {
                let flag = suspending.and_then(|list| self.js().get_uint32(self.js().element(list, index)));
                self.import(module, import, self.js().element(imports, index), flag == Some(1), quota)
            })
            .collect()
    }

    /// An import, from the function or the id that `lib/` passes for it.
    fn import(
        &self,
        module: &NativeModule,
        import: &Import,
        value: Value<'_>,
        is_suspending: bool,
        quota: Option<&Arc<Quota>>,
    ) -> Result<Extern, NativeError> {
        let store = &self.context.store;
        let subject = || Subject::Import {
            kind: import.ty.kind().name().to_owned(),
            module: import.module.clone(),
            field: import.name.clone(),
        };
        let id = self.js().get_uint32(value).unwrap_or_default();
        let (is_open, object) = match &import.ty {
            ExternType::Function(ty) => {
                let host = |import: ImportedFunction| import.with_suspending(is_suspending).with_quota(quota);
                return self.import_function(module, ty, value, host, subject);
            }
            ExternType::Table(_) => (TableId(id).is_open(store), Extern::Table(TableId(id))),
            ExternType::Memory { .. } => (MemoryId(id).is_open(store), Extern::Memory(MemoryId(id))),
            ExternType::Global(_) => (GlobalId(id).is_open(store), Extern::Global(GlobalId(id))),
            ExternType::Tag(_) => (TagId(id).is_open(store), Extern::Tag(TagId(id))),
        };
        if !is_open {
            return Err(refuse(ErrorKind::Closed(subject()).into()));
        }
        if let Extern::Memory(memory) = &object {
            self.context.shared_memories.set_strong(memory.data(store).0, true);
        }
        Ok(object)
    }

    fn import_function(
        &self,
        module: &NativeModule,
        ty: &FuncType,
        value: Value<'_>,
        host: impl FnOnce(ImportedFunction) -> ImportedFunction,
        subject: impl FnOnce() -> Subject,
    ) -> Result<Extern, NativeError> {
        let (context, env) = (&self.context, self.js());
        if let Some(function) = ExportedFunction::of(env, value) {
            return Ok(Extern::Function(Callable::Wasm(function.in_store(context, subject).map_err(refuse)?)));
        }
        if let Some(import) = WasiImport::of(context, value) {
            let expected = import.ty();
            if expected != *ty {
                let Subject::Import { module, field, .. } = subject() else { unreachable!("it is an import") };
                let (expected, actual) = (format!("func {ty}"), format!("the function of WASI, func {expected}"));
                return Err(refuse(ErrorKind::Import { module, field, expected, actual }.into()));
            }
            return Ok(Extern::Function(Callable::Host(Box::new(import))));
        }
        // `lib/` has checked that the value is a function.
        let (compiler, catches) = (module.code.compiler, module.code.original.exceptions);
        let import = ImportedFunction::new(context, value, ty.clone(), compiler, catches);
        let import = Box::new(host(import));
        Ok(Extern::Function(if catches {
            let adapted = FuncRef::adapt(&context.store, ty, import, compiler).map_err(refuse)?;
            context.retainers.hold_import(env, &context.store, adapted, value);
            Callable::Adapted(adapted)
        } else {
            Callable::Host(import)
        }))
    }

    fn export(&self, name: String, value: Extern) -> NativeInstanceExport<'_> {
        let id = |id| self.js().uint32(id);
        let (kind, value) = match value {
            Extern::Function(Callable::Wasm(function)) => ("function", self::function(&self.context, function)),
            Extern::Function(_) => unreachable!("an instance exports functions of the store"),
            Extern::Table(table) => ("table", id(table.0)),
            Extern::Memory(memory) => ("memory", id(memory.0)),
            Extern::Global(global) => ("global", id(global.0)),
            Extern::Tag(tag) => ("tag", id(tag.0)),
        };
        NativeInstanceExport { name, kind: kind.to_owned(), value: self.unknown(value) }
    }
}
