use super::buffer::Buffers;
use super::context::{Context, FunctionReference, Host};
use super::describe::NativeSlot;
use super::exceptions::Exceptions;
use super::function::{Exported, exported};
use super::import::Import;
use super::module::NativeModule;
use super::references::References;
use super::shared::SharedMemories;
use super::throw::{Result, refuse};
use crate::engine::{SharedBytes, prepare};
use crate::error::{Error, ErrorKind, Subject};
use crate::link::Slots;
use crate::store::{Callable, Extern, FuncRef, GlobalId, Instance, MemoryId, Store, TableId, TagId};
use crate::wasm::ExternType;
use napi::bindgen_prelude::{Array, Function, JsValue, Unknown};
use napi::sys;
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

/// A store. It belongs to the thread that made it.
#[napi]
pub struct NativeStore {
    pub(super) context: Rc<Context>,
    /// Instances by the id that `lib/` has of them
    instances: RefCell<Vec<Rc<Instance>>>,
}

/// What `lib/` lends to a store.
#[napi(object, object_to_js = false)]
pub struct NativeHost<'a> {
    /// Builds the error that a JSON description tells of
    #[napi(ts_type = "(json: string) => Error")]
    pub error: Function<'a, String, Unknown<'a>>,
    /// ToBigInt64
    #[napi(js_name = "toBigInt64", ts_type = "(value: unknown) => bigint")]
    pub to_bigint64: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// ToNumber
    #[napi(ts_type = "(value: unknown) => number")]
    pub to_number: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// Iterates a value into an array
    #[napi(ts_type = "(value: unknown) => unknown[]")]
    pub to_list: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// Says what a thrown value is for wasm that catches
    #[napi(ts_type = "(value: unknown) => unknown[] | null | undefined")]
    pub to_exception: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// Makes an `Exception`
    #[napi(ts_type = "(list: unknown[]) => object")]
    pub from_exception: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// The bytes of a shared memory of Node's own
    #[napi(ts_type = "(memory: object) => Uint8Array")]
    pub shared_bytes: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// Grows it, and says whether it could
    #[napi(ts_type = "(memory: object, pages: number) => boolean")]
    pub shared_grow: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// `memory.atomic.wait`
    #[napi(ts_type = "(memory: object, offset: number, expected: number | bigint, milliseconds: number) => number")]
    pub shared_wait: Function<'a, Unknown<'a>, Unknown<'a>>,
    /// `memory.atomic.notify`
    #[napi(ts_type = "(memory: object, offset: number, count: number) => number")]
    pub shared_notify: Function<'a, Unknown<'a>, Unknown<'a>>,
}

/// A new instance.
#[napi(object, object_from_js = false)]
pub struct NativeInstance<'a> {
    /// Its id
    pub id: u32,
    /// What it exports
    pub exports: Vec<NativeInstanceExport<'a>>,
}

/// An export of an instance: a function, or the id of another object.
#[napi(object, object_from_js = false)]
pub struct NativeInstanceExport<'a> {
    /// Its name
    pub name: String,
    /// What it is
    pub kind: String,
    /// The function, or the id
    pub value: Unknown<'a>,
}

#[napi]
impl NativeStore {
    /// Makes an empty store.
    #[napi(constructor)]
    pub fn new(env: napi::Env, host: NativeHost<'_>) -> Self {
        let env = env.raw();
        // SAFETY: `host` holds functions of the environment that calls.
        let reference = |value| unsafe { FunctionReference::new(env, value) };
        let host = Host {
            error: reference(host.error.raw()),
            to_bigint64: reference(host.to_bigint64.raw()),
            to_number: reference(host.to_number.raw()),
            to_list: reference(host.to_list.raw()),
            to_exception: reference(host.to_exception.raw()),
            from_exception: reference(host.from_exception.raw()),
            shared_bytes: reference(host.shared_bytes.raw()),
            shared_grow: reference(host.shared_grow.raw()),
            shared_wait: reference(host.shared_wait.raw()),
            shared_notify: reference(host.shared_notify.raw()),
        };
        let context = Rc::new(Context {
            env,
            host,
            slots: RefCell::new(Slots::default()),
            functions: RefCell::default(),
            // SAFETY: this is the thread of the environment that calls.
            references: unsafe { References::new(env) },
            exceptions: Exceptions::default(),
            shared: SharedMemories::default(),
            depth: Cell::new(0),
            buffers: RefCell::new(Buffers::default()),
            store: Store::default(),
        });
        Self { context, instances: RefCell::default() }
    }

    /// Makes an instance; `imports` holds one function or id for each import of the module, `shared` one
    /// of Node's own memories for each shared memory that it defines.
    #[napi(catch_unwind)]
    pub fn instantiate<'a>(
        &self,
        module: &NativeModule,
        imports: Array<'a>,
        shared: Vec<Unknown<'a>>,
    ) -> Result<NativeInstance<'a>> {
        let context = &self.context;
        let externs = self.externs(module, imports.raw())?;
        context.store.check_imports(&module.code, &externs).map_err(refuse)?;
        self.release(module, &externs)?;
        if module.code.original.exceptions {
            context.prepare_to_catch();
        }
        // SAFETY: the values are of the environment that calls.
        let memory = |value: Unknown<'_>| unsafe { context.shared_memory(value.raw()) };
        let shared = shared.into_iter().map(|value| memory(value).map(|memory| memory as Rc<dyn SharedBytes>));
        prepare(shared.collect::<std::result::Result<_, _>>()?);
        let entered = context.enter();
        // SAFETY: `context`, which owns the store, is held by `self`, and no cell of it is borrowed;
        // the host functions were made for this call.
        let made = unsafe { context.store.instantiate(&module.code, externs) };
        drop(entered);
        context.settle_memories();
        let instance = made.map_err(|failure| context.refuse_failure(failure))?;
        let id = self.instances.borrow().len() as u32;
        self.instances.borrow_mut().push(instance.clone());
        context.slots.borrow_mut().welcome(&context.store, &instance);
        let exports = context.store.exports(&instance).into_iter().map(|(name, value)| self.export(name, value));
        Ok(NativeInstance { id, exports: exports.collect() })
    }

    /// The slot at a position of the list that the instance's module has.
    #[napi(catch_unwind)]
    pub fn instance_slot(&self, id: u32, position: u32) -> NativeSlot {
        let instance = self.instances.borrow()[id as usize].clone();
        let slot = self.context.slots.borrow_mut().of_instance(&self.context.store, &instance, position);
        self.slot_info(slot)
    }

    /// Ends an instance for JavaScript.
    #[napi(catch_unwind)]
    pub fn close_instance(&self, id: u32) {
        self.instances.borrow()[id as usize].close();
    }

    /// Whether `value` is a wasm function, of whatever store.
    #[napi(catch_unwind)]
    pub fn is_wasm_function(&self, value: Unknown<'_>) -> bool {
        // SAFETY: the value is of the environment that calls, and on its stack.
        unsafe { exported(self.context.env, value.raw()) }.is_some()
    }
}

impl NativeStore {
    /// Readies the tables from which code of the module may take functions.
    fn release(&self, module: &NativeModule, externs: &[Extern]) -> Result<()> {
        let tables = externs.iter().filter_map(|value| match value {
            Extern::Table(id) => Some(*id),
            _ => None,
        });
        let tables: Vec<_> = tables.collect();
        let mut slots = self.context.slots.borrow_mut();
        let read = module.code.read_tables.iter().filter_map(|index| tables.get(*index as usize));
        read.into_iter().try_for_each(|table| slots.release(&self.context.store, *table)).map_err(refuse)
    }

    fn externs(&self, module: &NativeModule, imports: sys::napi_value) -> Result<Vec<Extern>> {
        let env = self.context.env;
        let mut externs = Vec::with_capacity(module.code.binary.imports.len());
        for (index, import) in module.code.binary.imports.iter().enumerate() {
            let (mut value, mut id) = (ptr::null_mut(), 0);
            // SAFETY: plain N-API calls; `lib/` gives a function or an id for each import.
            unsafe {
                sys::napi_get_element(env, imports, index as u32, &mut value);
                sys::napi_get_value_uint32(env, value, &mut id);
            }
            externs.push(match &import.ty {
                ExternType::Table(_) => Extern::Table(TableId(id)),
                ExternType::Memory { .. } => Extern::Memory(MemoryId(id)),
                ExternType::Global(_) => Extern::Global(GlobalId(id)),
                ExternType::Tag(_) => Extern::Tag(TagId(id)),
                // SAFETY: the value is of the environment that calls, and in its array.
                ExternType::Function(ty) => Extern::Function(match unsafe { exported(env, value) } {
                    Some(function) => {
                        let subject = || Subject::Import { module: import.module.clone(), field: import.name.clone() };
                        let own = self.own(function, subject).map_err(refuse)?;
                        if function.is_closed() {
                            return Err(refuse(ErrorKind::Closed(subject()).into()));
                        }
                        Callable::Wasm(own)
                    }
                    None => {
                        let (compiler, catches) = (module.code.compiler, module.code.original.exceptions);
                        // SAFETY: `lib/` has checked that it is a function.
                        let import = unsafe { Import::new(&self.context, value, ty.clone(), compiler, catches) };
                        if catches {
                            let adapted = self.context.store.adapt(ty, Box::new(import), compiler);
                            Callable::Adapted(adapted.map_err(refuse)?)
                        } else {
                            Callable::Host(Box::new(import))
                        }
                    }
                }),
            });
        }
        Ok(externs)
    }

    /// The function that `exported` is, if it is one of this store.
    pub(super) fn own(&self, exported: &Exported, subject: impl FnOnce() -> Subject) -> Result<FuncRef, Error> {
        if Rc::ptr_eq(&exported.context, &self.context) {
            return Ok(exported.function);
        }
        Err(ErrorKind::OtherStore(subject()).into())
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
