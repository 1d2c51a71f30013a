//! The methods of memories, tables, globals and tags of a store, by id. Three are raw callbacks
//! (`napi::link::raw_callbacks`), since glue calls them often.

use crate::engine::{Compiler, has_headroom_besides};
use crate::error::{Error, ErrorKind};
use crate::link::TableEntry;
use crate::napi::api::compile;
use crate::napi::api::native_store::NativeStore;
use crate::napi::call::scope::sweep_externrefs_if_many;
use crate::napi::context::Context;
use crate::napi::convert::describe::{NativeGlobalType, strings};
use crate::napi::convert::exported::{ExportedFunction, function_or_null};
use crate::napi::convert::externref_charges::limiting;
use crate::napi::convert::thrown::refuse_failure;
use crate::napi::convert::types;
use crate::napi::convert::value::{externref_to_js, to_funcref, to_js, to_wasm};
use crate::napi::env::exception::PendingException;
use crate::napi::env::throw::{NativeError, refuse};
use crate::napi::env::value::Value;
use crate::napi::gc::collect::{collect_before_refusal, collect_if_due};
use crate::store::{ExternRef, GlobalId, MemoryId, Reference, Store, TableId, TagId};
use crate::wasm::{FuncType, GlobalType, Limits, PAGE_SIZE, RefType, TableType, ValType};
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;
use std::rc::Rc;

fn limits(minimum: u32, maximum: Option<u32>) -> Limits {
    Limits { minimum: minimum.into(), maximum: maximum.map(u64::from) }
}

/// Whether there is room for so many bytes.
#[napi]
pub fn has_room(bytes: f64) -> bool {
    has_headroom_besides(bytes as usize)
}

#[napi]
impl NativeStore {
    /// Makes a memory; `minimum` and `maximum` are in pages.
    #[napi(catch_unwind)]
    pub fn memory_create(
        &self,
        minimum: u32,
        maximum: Option<u32>,
        reserve: Option<String>,
    ) -> Result<u32, NativeError> {
        let (context, reserve) = (&self.context, compile::reserve(reserve.as_deref())?);
        self.check_open()?;
        collect_if_due(context);
        let id = self.collecting(|| MemoryId::new(&context.store, limits(minimum, maximum), reserve))?;
        context.gc_policy.note_memory(self.js(), u64::from(minimum) * PAGE_SIZE as u64);
        Ok(id.0)
    }

    /// Makes a shared memory over the bytes of `memory`, which is Node's own; `minimum` and `maximum` are in pages.
    #[napi(catch_unwind)]
    pub fn memory_of(&self, minimum: u32, maximum: u32, memory: Unknown<'_>) -> Result<u32, NativeError> {
        self.check_open()?;
        let bytes = self.context.shared_memories.add(&self.context, Value::of(&memory))?;
        let (context, limits) = (&self.context, limits(minimum, Some(maximum)));
        self.collecting(|| MemoryId::shared(&context.store, limits, bytes.clone())).map(|id| id.0)
    }

    /// Node's own Memory that owns the bytes of a shared memory; null for a memory that is not shared.
    #[napi(catch_unwind)]
    pub fn memory_shared(&self, id: u32) -> Result<Option<Unknown<'_>>, NativeError> {
        let (store, id) = (&self.context.store, self.memory(id)?);
        if !id.is_shared(store) {
            return Ok(None);
        }
        let memory = self.context.shared_memories.find(self.js(), id.data(store).0);
        Ok(memory.map(|memory| self.unknown(memory)))
    }

    /// Whether there is a memory with this id.
    #[napi(catch_unwind)]
    pub fn has_memory(&self, id: u32) -> bool {
        MemoryId(id).is_open(&self.context.store)
    }

    /// The `ArrayBuffer` over a memory.
    #[napi(catch_unwind)]
    pub fn memory_buffer(&self, id: u32) -> Result<Unknown<'_>, NativeError> {
        let buffer = self.context.buffers.buffer(self.js(), &self.context.store, self.memory(id)?);
        buffer.map(|buffer| self.unknown(buffer)).map_err(refuse)
    }

    /// Grows a memory by `delta` pages; returns its former size in pages.
    #[napi(catch_unwind)]
    pub fn memory_grow(&self, id: u32, delta: u32) -> Result<u32, NativeError> {
        let (context, env) = (&self.context, self.js());
        let id = self.memory(id)?;
        let mut pages = id.grow(&context.store, delta);
        // Collecting may make room. `id` has a wrapper, so it stays.
        if let Err(failure) = &pages
            && failure.is_no_room()
            && collect_before_refusal(context, failure.is_limit())
        {
            pages = id.grow(&context.store, delta);
        }
        let pages = pages.map_err(|failure| refuse_failure(context, failure))?;
        context.gc_policy.note_memory(env, u64::from(delta) * PAGE_SIZE as u64);
        context.buffers.detach(env, id);
        context.buffers.detach_grown(env, &context.store);
        Ok(pages)
    }

    /// Makes a table, with `init` in every entry.
    #[napi(catch_unwind)]
    pub fn table_create(
        &self,
        element: String,
        minimum: u32,
        maximum: Option<u32>,
        init: Unknown<'_>,
    ) -> Result<u32, NativeError> {
        let ValType::Ref(element) = value_type(&element)? else { return Err(unknown_type(&element)) };
        self.check_open()?;
        collect_if_due(&self.context);
        let store = &self.context.store;
        let ty = TableType { element, limits: limits(minimum, maximum) };
        let id = self.collecting(|| TableId::new(store, &ty))?;
        let init = self.reference(id, init)?;
        // A new table is already filled with null.
        let is_null = matches!(init, Reference::Func(None) | Reference::Extern(ExternRef(0)));
        let mut entries = if is_null { 0..0 } else { 0..minimum };
        entries.try_for_each(|index| id.set(store, index, init)).map(|()| id.0).map_err(refuse)
    }

    /// The number of entries of a table.
    #[napi(catch_unwind)]
    pub fn table_length(&self, id: u32) -> Result<u32, NativeError> {
        Ok(self.table(id)?.size(&self.context.store))
    }

    /// The element type of a table.
    #[napi(catch_unwind)]
    pub fn table_element(&self, id: u32) -> Result<&'static str, NativeError> {
        Ok(match self.table(id)?.element_type(&self.context.store) {
            RefType::Func => "anyfunc",
            RefType::Extern | RefType::Exn => "externref",
        })
    }

    /// Grows a table by `delta` entries of `value`; returns its former number of entries.
    #[napi(catch_unwind)]
    pub fn table_grow(&self, id: u32, delta: u32, value: Unknown<'_>) -> Result<u32, NativeError> {
        let id = self.table(id)?;
        let reference = self.reference(id, value)?;
        let grown = id.grow(&self.context.store, delta, reference);
        let collects = |error: &Error| error.is_memory() && collect_before_refusal(&self.context, error.is_limit());
        if !grown.as_ref().is_err_and(collects) {
            return grown.map_err(refuse);
        }
        // The collection has freed the reference, which nothing holds yet.
        let reference = self.reference(id, value)?;
        id.grow(&self.context.store, delta, reference).map_err(refuse)
    }

    /// Makes a global.
    #[napi(catch_unwind)]
    pub fn global_create(&self, value_type: String, mutable: bool, value: Unknown<'_>) -> Result<u32, NativeError> {
        let value_type = self::value_type(&value_type)?;
        self.check_open()?;
        collect_if_due(&self.context);
        let value = Value::of(&value);
        let function = ExportedFunction::of(self.js(), value);
        let compiler = function.map(|function| function.target().1);
        let raw = to_wasm(&self.context, value_type, value, compiler.unwrap_or(Compiler::Cranelift))?;
        // The conversion may have run JavaScript that closed the store.
        self.check_open()?;
        let id = GlobalId::new(&self.context.store, GlobalType { value: value_type, mutable }, raw);
        if let Some(compiler) = compiler {
            id.bind(&self.context.store, compiler);
        }
        Ok(id.0)
    }

    /// The type of a global.
    #[napi(catch_unwind)]
    pub fn global_type(&self, id: u32) -> Result<NativeGlobalType, NativeError> {
        let ty = self.global(id)?.ty(&self.context.store);
        Ok(NativeGlobalType { value: ty.value.to_string(), mutable: ty.mutable })
    }

    /// Writes a global.
    #[napi(catch_unwind)]
    pub fn global_set(&self, id: u32, value: Unknown<'_>) -> Result<(), NativeError> {
        let id = self.global(id)?;
        let ty = id.ty(&self.context.store);
        if !ty.mutable {
            let message =
                "this global is immutable: only one that is made with { mutable: true } can be set".to_owned();
            return Err(refuse(Error::from(ErrorKind::ArgumentType { message })));
        }
        sweep_externrefs_if_many(&self.context);
        let reader = id.compiler(&self.context.store).unwrap_or(Compiler::Cranelift);
        let raw = to_wasm(&self.context, ty.value, Value::of(&value), reader)?;
        if ty.value == ValType::Ref(RefType::Extern)
            && let Some(quota) = limiting(Some(self.context.store.quota_of(id.node(&self.context.store))))
        {
            // SAFETY: the value is of this type.
            unsafe { self.context.externrefs.charge_all(&quota, &[ty.value], &raw).map_err(refuse)? };
        }
        // The conversion may have run JavaScript that closed the global's instance, so the id is checked again.
        self.global(id.0)?.set(&self.context.store, raw);
        Ok(())
    }
}

#[napi]
impl NativeStore {
    /// Makes a tag of exceptions that carry values of these types.
    #[napi(catch_unwind)]
    pub fn tag_create(&self, parameters: Vec<String>) -> Result<u32, NativeError> {
        let parameters = parameters.iter().map(|name| value_type(name)).collect::<Result<_, NativeError>>()?;
        self.check_open()?;
        Ok(TagId::new(&self.context.store, &FuncType { parameters, ..FuncType::default() }).0)
    }

    /// The types of the values that exceptions with this tag carry.
    #[napi(catch_unwind)]
    pub fn tag_parameters(&self, id: u32) -> Result<Vec<String>, NativeError> {
        let id = self.tag(id)?;
        Ok(strings(&id.ty(&self.context.store).parameters))
    }

    /// Converts a value to a wasm type and back to JavaScript.
    #[napi(catch_unwind)]
    pub fn convert<'a>(&'a self, ty: String, value: Unknown<'a>) -> Result<Unknown<'a>, NativeError> {
        let (ty, value) = (value_type(&ty)?, Value::of(&value));
        if ty == ValType::Ref(RefType::Extern) {
            return Ok(self.unknown(value));
        }
        let raw = to_wasm(&self.context, ty, value, Compiler::Cranelift)?;
        // SAFETY: `to_wasm` has made a value of this type.
        Ok(self.unknown(unsafe { to_js(&self.context, ty, &raw)? }))
    }
}

/// The type with this name in the JS API.
fn value_type(name: &str) -> Result<ValType, NativeError> {
    types::from_name(name).ok_or_else(|| unknown_type(name))
}

#[cold]
fn unknown_type(name: &str) -> NativeError {
    let message = format!("expected a value type, got {name:?}");
    refuse(ErrorKind::ArgumentValue { message }.into())
}

impl NativeStore {
    /// Checks the id of an object: fails if the store or the object's instance is closed.
    fn alive<T>(&self, id: T, what: &'static str, is_there: impl Fn(&Store, &T) -> bool) -> Result<T, NativeError> {
        alive(&self.context, id, what, is_there).map_err(refuse)
    }

    /// Makes an object, if need be after a collection, which may make room.
    fn collecting<T>(&self, make: impl Fn() -> Result<T, Error>) -> Result<T, NativeError> {
        let made = make()
            .or_else(|error| if collect_before_refusal(&self.context, error.is_limit()) { make() } else { Err(error) });
        made.map_err(refuse)
    }

    fn memory(&self, id: u32) -> Result<MemoryId, NativeError> {
        self.alive(MemoryId(id), "memory", |store, id| id.is_open(store))
    }

    pub(in crate::napi) fn table(&self, id: u32) -> Result<TableId, NativeError> {
        self.alive(TableId(id), "table", |store, id| id.is_open(store))
    }

    fn global(&self, id: u32) -> Result<GlobalId, NativeError> {
        self.alive(GlobalId(id), "global", |store, id| id.is_open(store))
    }

    fn tag(&self, id: u32) -> Result<TagId, NativeError> {
        self.alive(TagId(id), "tag", |store, id| id.is_open(store))
    }

    fn reference(&self, table: TableId, value: Unknown<'_>) -> Result<Reference, NativeError> {
        Ok(reference(&self.context, table, Value::of(&value))?)
    }
}

/// Checks the id of an object: fails if the store or the object's instance is closed.
fn alive<T>(context: &Context, id: T, what: &'static str, is_there: impl Fn(&Store, &T) -> bool) -> Result<T, Error> {
    context.check_open()?;
    if is_there(&context.store, &id) { Ok(id) } else { Err(ErrorKind::ClosedObject { what }.into()) }
}

/// Converts a value to a table entry, and adds the edge for a function.
fn reference(context: &Context, table: TableId, value: Value<'_>) -> Result<Reference, PendingException> {
    let env = context.js();
    Ok(match table.element_type(&context.store) {
        RefType::Func => {
            let function = to_funcref(context, value)?;
            let node = table.node(&context.store);
            function.into_iter().for_each(|function| {
                context.retainers.add_function_edge(env, &context.store, node, function);
            });
            Reference::Func(function)
        }
        RefType::Extern | RefType::Exn => {
            sweep_externrefs_if_many(context);
            let quota = limiting(Some(context.store.quota_of(table.node(&context.store))));
            let add = || {
                let reference = context.externrefs.add_or_null(env, value, &context.store.quota)?;
                quota.iter().try_for_each(|quota| context.externrefs.charge(quota, reference))?;
                Ok(reference)
            };
            // At the limit, a sweep is due.
            let reference = add().or_else(|_: Error| {
                sweep_externrefs_if_many(context);
                add()
            });
            Reference::Extern(reference.map_err(|error| context.environment.throw(&error))?)
        }
    })
}

/// Reads an entry of a table. An entry that holds its slot's original reads as the thunk, which follows the slot.
///
/// # Errors
/// `ClosedObject`, `ClosedStore`, and a trap for an index that the table does not have.
pub(in crate::napi) fn table_get(context: &Rc<Context>, table: u32, index: u32) -> Result<Value<'_>, Error> {
    let (store, table) = (&context.store, alive(context, TableId(table), "table", |store, id| id.is_open(store))?);
    Ok(match table.get(store, index)? {
        Reference::Func(function) => {
            let visible_function =
                |function| context.slots.borrow().visible_function(store, TableEntry { table, index }, function);
            function_or_null(context, function.map(visible_function))
        }
        Reference::Extern(reference) => externref_to_js(context, reference),
    })
}

/// Writes an entry of a table. If the value cannot be an entry, the exception is pending.
///
/// # Errors
/// As `table_get`.
pub(in crate::napi) fn table_set(context: &Context, table: u32, index: u32, value: Value<'_>) -> Result<(), Error> {
    let table = alive(context, TableId(table), "table", |store, id| id.is_open(store))?;
    match reference(context, table, value) {
        Ok(value) => table.set(&context.store, index, value),
        Err(PendingException) => Ok(()),
    }
}

/// The value of a global; none if the type has no values in JavaScript: then the exception is pending.
///
/// # Errors
/// `ClosedObject` and `ClosedStore`.
pub(in crate::napi) fn global_get(context: &Rc<Context>, global: u32) -> Result<Option<Value<'_>>, Error> {
    let id = alive(context, GlobalId(global), "global", |store, id| id.is_open(store))?;
    let (ty, raw) = (id.ty(&context.store), id.get(&context.store));
    // SAFETY: a global holds a value of its type.
    Ok(unsafe { to_js(context, ty.value, &raw) }.ok())
}
