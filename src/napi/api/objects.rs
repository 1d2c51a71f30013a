//! The methods of memories, tables, globals and tags of a store, by id.

use crate::engine::Compiler;
use crate::error::{Error, ErrorKind};
use crate::link::TableEntry;
use crate::napi::api::compile;
use crate::napi::api::store::NativeStore;
use crate::napi::call::function::exported;
use crate::napi::convert::describe::NativeGlobalType;
use crate::napi::env::throw::{Refusal, Result, refuse};
use crate::store::{ExternRef, GlobalId, MemoryId, Reference, Store, TableId, TagId};
use crate::wasm::{FuncType, GlobalType, Limits, PAGE_SIZE, RefType, TableType, ValType};
use napi::bindgen_prelude::{JsValue, Unknown};
use napi::sys;
use napi_derive::napi;

fn limits(minimum: u32, maximum: Option<u32>) -> Limits {
    Limits { minimum: minimum.into(), maximum: maximum.map(u64::from) }
}

#[napi]
impl NativeStore {
    /// Makes a memory; `minimum` and `maximum` are in pages.
    #[napi(catch_unwind)]
    pub fn memory_create(&self, minimum: u32, maximum: Option<u32>, reserve: Option<String>) -> Result<u32> {
        let (context, reserve) = (&self.context, compile::reserve(reserve.as_deref())?);
        context.check_open().map_err(refuse)?;
        context.collect_if_due();
        let made = MemoryId::new(&context.store, limits(minimum, maximum), reserve).or_else(|_| {
            // Collecting may make room.
            context.collect_all();
            MemoryId::new(&context.store, limits(minimum, maximum), reserve)
        });
        let id = made.map_err(refuse)?;
        context.note_memory(u64::from(minimum) * PAGE_SIZE as u64);
        Ok(id.0)
    }

    /// Makes a shared memory over the bytes of `memory`, which is Node's own; `minimum` and `maximum` are in pages.
    #[napi(catch_unwind)]
    pub fn memory_of(&self, minimum: u32, maximum: u32, memory: Unknown<'_>) -> Result<u32> {
        self.context.check_open().map_err(refuse)?;
        // SAFETY: the value belongs to the calling environment, which is that of the context.
        let bytes = unsafe { self.context.shared_memory(memory.raw())? };
        MemoryId::shared(&self.context.store, limits(minimum, Some(maximum)), bytes).map(|id| id.0).map_err(refuse)
    }

    /// Node's own Memory that owns the bytes of a shared memory; null for a memory that is not shared.
    #[napi(catch_unwind)]
    pub fn memory_shared(&self, id: u32) -> Result<Option<Unknown<'_>>> {
        let (store, id) = (&self.context.store, self.memory(id)?);
        if !id.is_shared(store) {
            return Ok(None);
        }
        Ok(self.context.shared_memory_at(id.data(store).0).map(|memory| self.unknown(memory)))
    }

    /// Whether there is a memory with this id.
    #[napi(catch_unwind)]
    pub fn has_memory(&self, id: u32) -> bool {
        MemoryId(id).is_open(&self.context.store)
    }

    /// The `ArrayBuffer` over a memory.
    #[napi(catch_unwind)]
    pub fn memory_buffer(&self, id: u32) -> Result<Unknown<'_>> {
        Ok(self.unknown(self.context.memory_buffer(self.memory(id)?)?))
    }

    /// Grows a memory by `delta` pages; returns its former size in pages.
    #[napi(catch_unwind)]
    pub fn memory_grow(&self, id: u32, delta: u32) -> Result<u32> {
        let id = self.memory(id)?;
        let pages = id.grow(&self.context.store, delta);
        let pages = pages.map_err(|failure| self.context.refuse_failure(failure))?;
        self.context.note_memory(u64::from(delta) * PAGE_SIZE as u64);
        self.context.detach_buffer(id);
        self.context.detach_grown_memories();
        Ok(pages)
    }

    /// Makes a table, with `init` in every entry.
    #[napi(catch_unwind)]
    pub fn table_create(&self, element: String, minimum: u32, maximum: Option<u32>, init: Unknown<'_>) -> Result<u32> {
        let ValType::Ref(element) = value_type(&element)? else { return Err(unknown_type(&element)) };
        self.context.check_open().map_err(refuse)?;
        self.context.collect_if_due();
        let store = &self.context.store;
        let ty = TableType { element, limits: limits(minimum, maximum) };
        let id = TableId::new(store, &ty).map_err(refuse)?;
        let init = self.reference(id, init)?;
        // A new table is already filled with null.
        let is_null = matches!(init, Reference::Func(None) | Reference::Extern(ExternRef(0)));
        let mut entries = if is_null { 0..0 } else { 0..minimum };
        entries.try_for_each(|index| id.set(store, index, init)).map(|()| id.0).map_err(refuse)
    }

    /// The number of entries of a table.
    #[napi(catch_unwind)]
    pub fn table_length(&self, id: u32) -> Result<u32> {
        Ok(self.table(id)?.size(&self.context.store))
    }

    /// The element type of a table.
    #[napi(catch_unwind)]
    pub fn table_element(&self, id: u32) -> Result<&'static str> {
        Ok(match self.table(id)?.element_type(&self.context.store) {
            RefType::Func => "anyfunc",
            RefType::Extern | RefType::Exn => "externref",
        })
    }

    /// Reads an entry of a table. An entry that holds its slot's original reads as the thunk, which follows the slot.
    #[napi(catch_unwind)]
    pub fn table_get(&self, id: u32, index: u32) -> Result<Unknown<'_>> {
        let (store, table) = (&self.context.store, self.table(id)?);
        let value = match table.get(store, index).map_err(refuse)? {
            Reference::Func(function) => {
                let visible_function = |function| {
                    self.context.slots.borrow().visible_function(store, TableEntry { table, index }, function)
                };
                self.context.function_or_null(function.map(visible_function))
            }
            Reference::Extern(reference) => self.context.externref_value(reference),
        };
        Ok(self.unknown(value))
    }

    /// Writes an entry of a table.
    #[napi(catch_unwind)]
    pub fn table_set(&self, id: u32, index: u32, value: Unknown<'_>) -> Result<()> {
        let id = self.table(id)?;
        let value = self.reference(id, value)?;
        id.set(&self.context.store, index, value).map_err(refuse)
    }

    /// Grows a table by `delta` entries of `value`; returns its former number of entries.
    #[napi(catch_unwind)]
    pub fn table_grow(&self, id: u32, delta: u32, value: Unknown<'_>) -> Result<u32> {
        let id = self.table(id)?;
        let value = self.reference(id, value)?;
        id.grow(&self.context.store, delta, value).map_err(refuse)
    }

    /// Makes a global.
    #[napi(catch_unwind)]
    pub fn global_create(&self, value_type: String, mutable: bool, value: Unknown<'_>) -> Result<u32> {
        let value_type = self::value_type(&value_type)?;
        self.context.check_open().map_err(refuse)?;
        self.context.collect_if_due();
        // SAFETY: the value belongs to the calling environment, which is that of the context.
        let (raw, compiler) = unsafe {
            let function = exported(self.context.env, value.raw());
            let compiler = function.map_or(Compiler::Cranelift, |function| function.compiler());
            (self.context.read(value_type, value.raw(), compiler)?, function.map(|_| compiler))
        };
        // The conversion may have run JavaScript that closed the store.
        self.context.check_open().map_err(refuse)?;
        let id = GlobalId::new(&self.context.store, GlobalType { value: value_type, mutable }, raw);
        if let Some(compiler) = compiler {
            id.bind(&self.context.store, compiler);
        }
        Ok(id.0)
    }

    /// The type of a global.
    #[napi(catch_unwind)]
    pub fn global_type(&self, id: u32) -> Result<NativeGlobalType> {
        let ty = self.global(id)?.ty(&self.context.store);
        Ok(NativeGlobalType { value: ty.value.to_string(), mutable: ty.mutable })
    }

    /// The value of a global.
    #[napi(catch_unwind)]
    pub fn global_get(&self, id: u32) -> Result<Unknown<'_>> {
        let id = self.global(id)?;
        let ty = id.ty(&self.context.store);
        let raw = id.get(&self.context.store);
        // SAFETY: a global holds a value of its type.
        Ok(self.unknown(unsafe { self.context.write(ty.value, &raw)? }))
    }

    /// Writes a global.
    #[napi(catch_unwind)]
    pub fn global_set(&self, id: u32, value: Unknown<'_>) -> Result<()> {
        let id = self.global(id)?;
        let ty = id.ty(&self.context.store);
        if !ty.mutable {
            let message =
                "this global is immutable: only one that is made with { mutable: true } can be set".to_owned();
            return Err(refuse(Error::from(ErrorKind::ArgumentType { message })));
        }
        let reader = id.compiler(&self.context.store).unwrap_or(Compiler::Cranelift);
        // SAFETY: the value belongs to the calling environment, which is that of the context.
        let raw = unsafe { self.context.read(ty.value, value.raw(), reader)? };
        // The conversion may have run JavaScript that closed the global's instance, so the id is checked again.
        self.global(id.0)?.set(&self.context.store, raw);
        Ok(())
    }
}

#[napi]
impl NativeStore {
    /// Makes a tag of exceptions that carry values of these types.
    #[napi(catch_unwind)]
    pub fn tag_create(&self, parameters: Vec<String>) -> Result<u32> {
        let parameters = parameters.iter().map(|name| value_type(name)).collect::<Result<_>>()?;
        self.context.check_open().map_err(refuse)?;
        Ok(TagId::new(&self.context.store, &FuncType { parameters, ..FuncType::default() }).0)
    }

    /// The types of the values that exceptions with this tag carry.
    #[napi(catch_unwind)]
    pub fn tag_parameters(&self, id: u32) -> Result<Vec<String>> {
        let id = self.tag(id)?;
        Ok(id.ty(&self.context.store).parameters.iter().map(ToString::to_string).collect())
    }

    /// Converts a value to a wasm type and back to JavaScript.
    #[napi(catch_unwind)]
    pub fn convert(&self, ty: String, value: Unknown<'_>) -> Result<Unknown<'_>> {
        let ty = value_type(&ty)?;
        if ty == ValType::Ref(RefType::Extern) {
            return Ok(self.unknown(value.raw()));
        }
        // SAFETY: the value belongs to the calling environment; `write` gets the type that `read` converted to.
        let value = unsafe {
            let raw = self.context.read(ty, value.raw(), Compiler::Cranelift)?;
            self.context.write(ty, &raw)?
        };
        Ok(self.unknown(value))
    }
}

/// The type with this name in the JS API.
fn value_type(name: &str) -> Result<ValType> {
    Ok(match name {
        "i32" => ValType::I32,
        "i64" => ValType::I64,
        "f32" => ValType::F32,
        "f64" => ValType::F64,
        "v128" => ValType::V128,
        "anyfunc" | "funcref" => ValType::Ref(RefType::Func),
        "externref" => ValType::Ref(RefType::Extern),
        _ => return Err(unknown_type(name)),
    })
}

#[cold]
fn unknown_type(name: &str) -> Refusal {
    let message = format!("expected a value type, got {name:?}");
    refuse(ErrorKind::ArgumentValue { message }.into())
}

impl NativeStore {
    /// Checks the id of an object: fails if the store or the object's instance is closed.
    fn alive<T>(&self, id: T, what: &'static str, is_there: impl Fn(&Store, &T) -> bool) -> Result<T> {
        self.context.check_open().map_err(refuse)?;
        if is_there(&self.context.store, &id) { Ok(id) } else { Err(refuse(ErrorKind::ClosedObject { what }.into())) }
    }

    fn memory(&self, id: u32) -> Result<MemoryId> {
        self.alive(MemoryId(id), "memory", |store, id| id.is_open(store))
    }

    pub(in crate::napi) fn table(&self, id: u32) -> Result<TableId> {
        self.alive(TableId(id), "table", |store, id| id.is_open(store))
    }

    fn global(&self, id: u32) -> Result<GlobalId> {
        self.alive(GlobalId(id), "global", |store, id| id.is_open(store))
    }

    fn tag(&self, id: u32) -> Result<TagId> {
        self.alive(TagId(id), "tag", |store, id| id.is_open(store))
    }

    /// Converts a value to a table entry, and adds the edge for a function.
    fn reference(&self, table: TableId, value: Unknown<'_>) -> Result<Reference> {
        // SAFETY: the value belongs to the calling environment, which is that of the context.
        unsafe {
            Ok(match table.element_type(&self.context.store) {
                RefType::Func => {
                    let function = self.context.funcref(value.raw())?;
                    let node = table.node(&self.context.store);
                    function.into_iter().for_each(|function| self.context.add_edge(node, function));
                    Reference::Func(function)
                }
                RefType::Extern | RefType::Exn => Reference::Extern(self.context.externref(value.raw())),
            })
        }
    }

    /// Wraps a value of this environment, so that napi-rs can return it.
    pub(in crate::napi) fn unknown(&self, value: sys::napi_value) -> Unknown<'_> {
        // SAFETY: all callers pass a value of this environment, within its handle scope.
        unsafe { Unknown::from_raw_unchecked(self.context.env, value) }
    }
}
