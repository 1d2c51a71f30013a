//! The native store class: making stores and instances, tier-up, and wrappers.

use crate::engine::{SharedBytes, memory_growths};
use crate::error::{Error, ErrorKind, Subject};
use crate::link::{Slots, skip_forwarders};
use crate::napi::api::module::NativeModule;
use crate::napi::call::function::{ExportedFunction, exported};
use crate::napi::call::import::ImportedFunction;
use crate::napi::convert::describe::NativeSlot;
use crate::napi::convert::exceptions::Exceptions;
use crate::napi::convert::references::References;
use crate::napi::env::context::{Context, Host};
use crate::napi::env::reference::StrongReference;
use crate::napi::env::throw::{Result, refuse};
use crate::napi::gc::collect::GcPolicy;
use crate::napi::gc::handles::{Handles, Kind};
use crate::napi::gc::retainers::Retainers;
use crate::napi::gc::undo_roots::UndoRoots;
use crate::napi::link::record::LinkScratch;
use crate::napi::memory::buffer::Buffers;
use crate::napi::memory::shared::SharedMemories;
use crate::store::{
    Callable, DEFAULT_SIZE, Extern, Failure, FuncRef, GlobalId, Instance, MemoryId, Node, Store, TableId, TagId,
};
use crate::wasm::{ExternType, PAGE_SIZE};
use napi::bindgen_prelude::{Array, Function, JsValue, Object, Unknown};
use napi::sys;
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

/// A store. It belongs to the thread that made it.
#[napi]
pub struct NativeStore {
    pub(in crate::napi) context: Rc<Context>,
}

/// The functions that `lib/` provides to a store.
#[napi(object, object_to_js = false)]
pub struct NativeHost<'a> {
    /// Builds an error from its JSON description
    #[napi(ts_type = "(json: string) => Error")]
    pub error: Function<'a, String, Unknown<'a>>,
    /// Returns `Error.stackTraceLimit`, in frames
    #[napi(ts_type = "() => number")]
    pub stack_trace_limit: Function<'a, (), Unknown<'a>>,
    /// ToBigInt64
    #[napi(js_name = "toBigInt64", ts_type = "(value: unknown) => bigint")]
    pub to_bigint64: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// ToNumber
    #[napi(ts_type = "(value: unknown) => number")]
    pub to_number: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// Iterates a value into an array
    #[napi(ts_type = "(value: unknown) => unknown[]")]
    pub to_list: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// Makes an array of its arguments
    #[napi(ts_type = "(...values: unknown[]) => unknown[]")]
    pub list_of: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// Converts a thrown value for wasm that catches: an `Exception` to a list of its tag's id and its values, a value
    /// that wasm may not catch to null, any other value to undefined
    #[napi(ts_type = "(value: unknown) => unknown[] | null | undefined")]
    pub to_exception: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// Makes an `Exception` from a list of a tag's id, the names of its types, and the values
    #[napi(ts_type = "(list: unknown[]) => object")]
    pub from_exception: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// Makes a `Uint8Array` over the bytes of a shared memory, which is Node's own `Memory`
    #[napi(ts_type = "(memory: object) => Uint8Array")]
    pub shared_bytes: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// Grows such a memory by a number of pages; returns whether it could
    #[napi(ts_type = "(memory: object, pages: number) => boolean")]
    pub shared_grow: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// `memory.atomic.wait`; returns 0 for "ok", 1 for "not-equal", 2 for "timed-out"
    #[napi(ts_type = "(memory: object, offset: number, expected: number | bigint, milliseconds: number) => number")]
    pub shared_wait: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// `memory.atomic.notify`; returns the number of woken threads
    #[napi(ts_type = "(memory: object, offset: number, count: number) => number")]
    pub shared_notify: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// Returns whether a `FinalizationRegistry` callback is running
    #[napi(ts_type = "() => boolean")]
    pub in_finalizer: Function<'a, (), bool>,
    /// The `map` method of exported functions
    pub map: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// Records a wasm function's address, and the retainer that it keeps alive
    #[napi(ts_type = "(fn: object, address: number, retainer?: object) => void")]
    pub know: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// The store's object in `lib/`
    #[napi(ts_type = "object")]
    pub store: Object<'a>,
}

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

#[napi]
impl NativeStore {
    /// Makes an empty store. `stack_size` is the size of the stack that its calls run on, in bytes.
    #[napi(constructor)]
    pub fn new(env: napi::Env, host: NativeHost<'_>, stack_size: Option<u32>) -> Self {
        let env = env.raw();
        let store = host.store.raw();
        // SAFETY: `host` holds functions of the calling environment, and this is its thread.
        let reference = |value| unsafe { StrongReference::new(env, value) };
        let host = Host {
            error: reference(host.error.raw()),
            stack_trace_limit: reference(host.stack_trace_limit.raw()),
            to_bigint64: reference(host.to_bigint64.raw()),
            to_number: reference(host.to_number.raw()),
            to_list: reference(host.to_list.raw()),
            list_of: reference(host.list_of.raw()),
            to_exception: reference(host.to_exception.raw()),
            from_exception: reference(host.from_exception.raw()),
            shared_bytes: reference(host.shared_bytes.raw()),
            shared_grow: reference(host.shared_grow.raw()),
            shared_wait: reference(host.shared_wait.raw()),
            shared_notify: reference(host.shared_notify.raw()),
            in_finalizer: reference(host.in_finalizer.raw()),
            map: reference(host.map.raw()),
            know: reference(host.know.raw()),
        };
        let context = Rc::new(Context {
            env,
            host,
            slots: RefCell::new(Slots::default()),
            functions: RefCell::default(),
            // SAFETY: this is the thread of `env`.
            references: unsafe { References::new(env) },
            handles: Handles::default(),
            undo_roots: UndoRoots::default(),
            // SAFETY: this is the thread of `env`.
            link_scratch: unsafe { LinkScratch::new(env) },
            // SAFETY: this is the thread of `env`, and `store` is an object of it.
            retainers: unsafe { Retainers::new(env, store) },
            gc_policy: RefCell::new(GcPolicy::default()),
            closed: Cell::new(false),
            silent: Cell::new(false),
            wanted: Cell::new(false),
            running: Cell::new((ptr::null_mut(), false)),
            exceptions: Exceptions::default(),
            shared: SharedMemories::default(),
            growths: Cell::new(memory_growths()),
            depth: Cell::new(0),
            buffers: Buffers::default(),
            store: Store::new(stack_size.map_or(DEFAULT_SIZE, |size| size as usize)),
        });
        Self { context }
    }

    /// Makes an instance. `imports` has one function or id for each import of the module; `shared` has one of Node's
    /// own memories for each shared memory that the module defines.
    #[napi(catch_unwind)]
    pub fn instantiate<'a>(
        &self,
        module: &NativeModule,
        imports: Array<'a>,
        shared: Vec<Unknown<'a>>,
    ) -> Result<NativeInstance<'a>> {
        let context = &self.context;
        context.check_open().map_err(refuse)?;
        context.collect_if_due();
        // If there was no room, collecting may make some.
        let first = self.try_instantiate(module, &imports, &shared)?;
        let (instance, retainer) = match first {
            Ok(made) => made,
            Err(_) => {
                context.collect_all();
                let made = self.try_instantiate(module, &imports, &shared)?;
                made.map_err(|failure| context.refuse_failure(failure))?
            }
        };
        // The start function may have closed the store, before this instance was registered in it.
        if let Err(error) = context.check_open() {
            instance.close(&context.store, context.silent.get());
            context.collect();
            return Err(refuse(error));
        }
        let binary = &module.code.binary;
        let memories = binary.memories.iter().skip(binary.imported_memories());
        let bytes = memories.map(|memory| match memory {
            ExternType::Memory { limits, .. } => limits.minimum * PAGE_SIZE as u64,
            _ => 0,
        });
        context.note_instance(bytes.sum(), &module.code);
        context.slots.borrow_mut().register_instance(&context.store, &instance);
        let exports = instance.exports(&context.store).into_iter().map(|(name, value)| self.export(name, value));
        // SAFETY: the retainer was just made in this environment.
        let retainer = unsafe { Unknown::from_raw_unchecked(context.env, retainer) };
        Ok(NativeInstance { id: instance.id, retainer, exports: exports.collect() })
    }

    /// Tiers an instance up to the code of `module`, with the `imports` of the instance. Returns false if it cannot:
    /// then nothing has changed.
    #[napi(catch_unwind)]
    pub fn attach_tier_up(&self, id: u32, module: &NativeModule, imports: Array<'_>) -> Result<bool> {
        let context = &self.context;
        let old = Instance::find(&context.store, id).filter(|old| !old.is_closed() && old.tier_up().is_none());
        let Some(old) = old.filter(|_| !context.closed.get()) else { return Ok(false) };
        let given = old.code().binary.imports.len();
        // An import may be closed by now; then the instance keeps its code.
        let Ok(mut externs) = self.externs(module, imports.raw(), given) else { return Ok(false) };
        externs.extend(old.state(&context.store));
        let Ok(Ok((new, _))) = self.try_make(module, externs, Vec::new(), &imports) else { return Ok(false) };
        if old.attach_tier_up(&context.store, &new).is_err() {
            return Ok(false);
        }
        context.add_edge_to(Some(Node::Instance(old.id)), Node::Instance(new.id));
        context.hand_over(&old);
        Ok(true)
    }

    /// Makes `object` the wrapper of a thing. Returns the retainer of the thing's node, which the object must hold.
    #[napi(catch_unwind, ts_return_type = "object | null")]
    pub fn keep(&self, kind: String, id: u32, object: Object<'_>) -> Result<Option<Unknown<'_>>> {
        let kind = self::kind(&kind)?;
        let context = &self.context;
        // SAFETY: the object belongs to the calling environment, and this is its thread.
        unsafe { context.handles.keep(context.env, kind, id.into(), object.raw()) };
        context.retainers.note_change(1);
        let retainer = context.node_of(kind, id).map(|node| self.unknown(context.retainer(node)));
        // Creating a wrapper allocates too, so check the threshold here.
        context.collect_if_due();
        Ok(retainer)
    }

    /// The wrapper of a thing; null if it has none.
    #[napi(catch_unwind, ts_return_type = "object | null")]
    pub fn find(&self, kind: String, id: u32) -> Result<Option<Unknown<'_>>> {
        Ok(self.context.handles.find(self::kind(&kind)?, id.into()).map(|object| self.unknown(object)))
    }

    /// Whether uses of a closed thing do nothing, instead of throwing.
    #[napi(catch_unwind)]
    pub fn is_silent(&self, kind: String, id: u32) -> bool {
        let is_silent = |kind| self.context.handles.is_silent(kind, id.into());
        self.context.silent.get() || Kind::from_name(&kind).is_some_and(is_silent)
    }

    /// The slot of an instance at a position in the slot list of its module.
    #[napi(catch_unwind)]
    pub fn instance_slot(&self, id: u32, position: u32) -> Result<NativeSlot> {
        let instance = Instance::find(&self.context.store, id).filter(|instance| !instance.is_closed());
        let instance = instance.ok_or_else(|| refuse(ErrorKind::ClosedObject { what: "slot" }.into()))?;
        let slot = self.context.slots.borrow_mut().of_instance(&self.context.store, &instance, position);
        Ok(self.slot_info(slot))
    }
}

fn kind(name: &str) -> Result<Kind> {
    Kind::from_name(name).ok_or_else(|| {
        let message = format!("expected a kind of object, got {name:?}");
        refuse(ErrorKind::ArgumentValue { message }.into())
    })
}

impl NativeStore {
    /// Makes an instance and its retainer. The inner error is a lack of room, after which the caller may retry.
    fn try_instantiate(
        &self,
        module: &NativeModule,
        imports: &Array<'_>,
        shared: &[Unknown<'_>],
    ) -> Result<std::result::Result<(Rc<Instance>, sys::napi_value), Failure>> {
        let context = &self.context;
        let externs = self.externs(module, imports.raw(), module.code.binary.imports.len())?;
        Instance::check_imports(&context.store, &module.code, &externs).map_err(refuse)?;
        self.replace_with_thunks(module, &externs);
        if module.code.original.exceptions {
            context.prepare_to_catch();
        }
        // SAFETY: the values belong to the calling environment, which is that of the context.
        let memory = |value: &Unknown<'_>| unsafe { context.shared_memory(value.raw()) };
        let shared = shared.iter().map(|value| memory(value).map(|memory| memory as Rc<dyn SharedBytes>));
        let shared = shared.collect::<std::result::Result<_, _>>()?;
        self.try_make(module, externs, shared, imports)
    }

    /// The same with imports that are already converted.
    fn try_make(
        &self,
        module: &NativeModule,
        externs: Vec<Extern>,
        shared: Vec<Rc<dyn SharedBytes>>,
        imports: &Array<'_>,
    ) -> Result<std::result::Result<(Rc<Instance>, sys::napi_value), Failure>> {
        let context = &self.context;
        let mut retainer = ptr::null_mut();
        let entered =
            context.enter(ptr::null_mut()).map_err(|pending| context.refuse_failure(context.failure(pending)))?;
        // SAFETY: `self` holds the context, which owns the store, and no `RefCell` of it is borrowed. The host
        // functions were made for this call.
        let made = unsafe {
            Instance::new(&context.store, &module.code, externs, shared, |instance| {
                retainer = context.new_retainer(instance, imports.raw());
            })
        };
        context.detach_grown_memories();
        match made {
            // A deferred collection stays deferred: the new instance has no handle yet.
            Ok(instance) => {
                skip_forwarders(&context.store, &instance);
                context.put_off(entered);
                Ok(Ok((instance, retainer)))
            }
            Err(failure) if retainer.is_null() && failure.is_no_room() => Ok(Err(failure)),
            // Converted before `entered` is dropped: a deferred collection frees wasm exceptions.
            Err(failure) => Err(context.refuse_failure(failure)),
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

    /// The first `count` imports of a module, from the functions and ids in `imports`.
    fn externs(&self, module: &NativeModule, imports: sys::napi_value, count: usize) -> Result<Vec<Extern>> {
        let env = self.context.env;
        let mut externs = Vec::with_capacity(module.code.binary.imports.len());
        for (index, import) in module.code.binary.imports.iter().take(count).enumerate() {
            let (mut value, mut id) = (ptr::null_mut(), 0);
            // SAFETY: plain N-API calls; `lib/` passes a function or an id for each import.
            unsafe {
                sys::napi_get_element(env, imports, index as u32, &mut value);
                sys::napi_get_value_uint32(env, value, &mut id);
            }
            let store = &self.context.store;
            let is_there = match &import.ty {
                ExternType::Table(_) => TableId(id).is_open(store),
                ExternType::Memory { .. } => MemoryId(id).is_open(store),
                ExternType::Global(_) => GlobalId(id).is_open(store),
                ExternType::Tag(_) => TagId(id).is_open(store),
                ExternType::Function(_) => true,
            };
            let subject = || Subject::Import {
                kind: import.ty.kind().name().to_owned(),
                module: import.module.clone(),
                field: import.name.clone(),
            };
            if !is_there {
                return Err(refuse(ErrorKind::Closed(subject()).into()));
            }
            externs.push(match &import.ty {
                ExternType::Table(_) => Extern::Table(TableId(id)),
                ExternType::Memory { .. } => {
                    self.context.keep_shared(MemoryId(id).data(store).0, true);
                    Extern::Memory(MemoryId(id))
                }
                ExternType::Global(_) => Extern::Global(GlobalId(id)),
                ExternType::Tag(_) => Extern::Tag(TagId(id)),
                // SAFETY: the value belongs to the calling environment, and `imports` keeps it alive.
                ExternType::Function(ty) => Extern::Function(match unsafe { exported(env, value) } {
                    Some(function) => Callable::Wasm(self.own(function, subject).map_err(refuse)?),
                    None => {
                        let (compiler, catches) = (module.code.compiler, module.code.original.exceptions);
                        // SAFETY: `lib/` has checked that the value is a function of this environment.
                        let import =
                            unsafe { ImportedFunction::new(&self.context, value, ty.clone(), compiler, catches) };
                        if catches {
                            let adapted =
                                FuncRef::adapt(&self.context.store, ty, Box::new(import), compiler).map_err(refuse)?;
                            self.context.hold_with(adapted, value);
                            Callable::Adapted(adapted)
                        } else {
                            Callable::Host(Box::new(import))
                        }
                    }
                }),
            });
        }
        Ok(externs)
    }

    /// The function of `exported`, if it belongs to this store and is not closed.
    fn own(&self, exported: &ExportedFunction, subject: impl FnOnce() -> Subject) -> Result<FuncRef, Error> {
        self.context.own(exported, subject)
    }

    fn export<'a>(&self, name: String, value: Extern) -> NativeInstanceExport<'a> {
        let env = self.context.env;
        let id = |id| {
            let mut value = ptr::null_mut();
            // SAFETY: a plain N-API call.
            unsafe { sys::napi_create_uint32(env, id, &mut value) };
            value
        };
        let (kind, value) = match value {
            Extern::Function(Callable::Wasm(function)) => ("function", self.context.function(function)),
            Extern::Function(_) => unreachable!("an instance exports functions of the store"),
            Extern::Table(table) => ("table", id(table.0)),
            Extern::Memory(memory) => ("memory", id(memory.0)),
            Extern::Global(global) => ("global", id(global.0)),
            Extern::Tag(tag) => ("tag", id(tag.0)),
        };
        // SAFETY: the value was just made in this environment.
        let value = unsafe { Unknown::from_raw_unchecked(env, value) };
        NativeInstanceExport { name, kind: kind.to_owned(), value }
    }
}
