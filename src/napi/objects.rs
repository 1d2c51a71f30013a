//! Memories, tables and globals of a store, by id.

use super::store::NativeStore;
use super::throw::{Result, refuse};
use crate::engine::Compiler;
use crate::error::{Error, ErrorKind};
use crate::store::{GlobalId, MemoryId, TableId};
use crate::wasm::{GlobalType, Limits, RefType, TableType, ValType};
use napi::bindgen_prelude::{JsValue, Unknown};
use napi::sys;
use napi_derive::napi;

/// What a global holds, as `lib/` reads it.
#[napi(object)]
pub struct NativeGlobalType {
    /// Its value type
    pub value: String,
    /// Whether it may be written
    pub mutable: bool,
}

fn limits(minimum: u32, maximum: Option<u32>) -> Limits {
    Limits { minimum: minimum.into(), maximum: maximum.map(u64::from) }
}

#[napi]
impl NativeStore {
    /// Makes a memory; sizes in pages.
    #[napi(catch_unwind)]
    pub fn memory_create(&self, minimum: u32, maximum: Option<u32>) -> Result<u32> {
        self.context.store.memory_new(limits(minimum, maximum)).map(|id| id.0).map_err(refuse)
    }

    /// The memory's `ArrayBuffer`.
    #[napi(catch_unwind)]
    pub fn memory_buffer(&self, id: u32) -> Result<Unknown<'_>> {
        Ok(self.unknown(self.context.memory_buffer(MemoryId(id))?))
    }

    /// Grows a memory by `delta` pages; gives the pages it had.
    #[napi(catch_unwind)]
    pub fn memory_grow(&self, id: u32, delta: u32) -> Result<u32> {
        let pages = self.context.store.memory_grow(MemoryId(id), delta).map_err(refuse)?;
        self.context.detach_buffer(MemoryId(id));
        self.context.settle_memories();
        Ok(pages)
    }

    /// Makes a table, with `init` in every entry.
    #[napi(catch_unwind)]
    pub fn table_create(&self, element: String, minimum: u32, maximum: Option<u32>, init: Unknown<'_>) -> Result<u32> {
        if element != "anyfunc" {
            let message = "tables of externref cannot be made from JavaScript in this version".to_owned();
            return Err(refuse(ErrorKind::UnsupportedValue { message }.into()));
        }
        let store = &self.context.store;
        // SAFETY: the value is of the environment that calls.
        let init = unsafe { self.context.funcref(init.raw())? };
        let ty = TableType { element: RefType::Func, limits: limits(minimum, maximum) };
        let fill = |id: TableId| {
            // Without a value, every entry is null as it is.
            let entries = init.map_or(0..0, |_| 0..minimum);
            entries.into_iter().try_for_each(|index| store.table_set(id, index, init)).map(|()| id.0)
        };
        store.table_new(&ty).and_then(fill).map_err(refuse)
    }

    /// How many entries a table has.
    #[napi(catch_unwind)]
    pub fn table_length(&self, id: u32) -> u32 {
        self.context.store.table_size(TableId(id))
    }

    /// What a table's entries are.
    #[napi(catch_unwind)]
    pub fn table_element(&self, id: u32) -> &'static str {
        match self.context.store.table_element(TableId(id)) {
            RefType::Func => "anyfunc",
            RefType::Extern | RefType::Exn => "externref",
        }
    }

    /// Reads an entry.
    #[napi(catch_unwind)]
    pub fn table_get(&self, id: u32, index: u32) -> Result<Unknown<'_>> {
        let store = &self.context.store;
        let entry = store.table_get(TableId(id), index).map_err(refuse)?;
        let outside = |function| self.context.slots.borrow().outside(store, (TableId(id), index), function);
        Ok(self.unknown(self.context.function_or_null(entry.map(outside))))
    }

    /// Writes an entry.
    #[napi(catch_unwind)]
    pub fn table_set(&self, id: u32, index: u32, value: Unknown<'_>) -> Result<()> {
        // SAFETY: the value is of the environment that calls.
        let value = unsafe { self.context.funcref(value.raw())? };
        self.context.store.table_set(TableId(id), index, value).map_err(refuse)
    }

    /// Grows a table by `delta` entries of `value`; gives the number it had.
    #[napi(catch_unwind)]
    pub fn table_grow(&self, id: u32, delta: u32, value: Unknown<'_>) -> Result<u32> {
        // SAFETY: the value is of the environment that calls.
        let value = unsafe { self.context.funcref(value.raw())? };
        self.context.store.table_grow(TableId(id), delta, value).map_err(refuse)
    }

    /// Makes a global of a numeric type.
    #[napi(catch_unwind)]
    pub fn global_create(&self, value_type: String, mutable: bool, value: Unknown<'_>) -> Result<u32> {
        let numeric = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
        let Some(ty) = numeric.into_iter().find(|ty| ty.to_string() == value_type) else {
            let message = format!("expected a global of type \"i32\", \"i64\", \"f32\" or \"f64\", got {value_type:?}");
            return Err(refuse(ErrorKind::ArgumentValue { message }.into()));
        };
        // SAFETY: the value is of the environment that calls.
        let raw = unsafe { self.context.read(ty, value.raw(), Compiler::Cranelift)? };
        Ok(self.context.store.global_new(GlobalType { value: ty, mutable }, raw).0)
    }

    /// What a global holds.
    #[napi(catch_unwind)]
    pub fn global_type(&self, id: u32) -> NativeGlobalType {
        let ty = self.context.store.global_type(GlobalId(id));
        NativeGlobalType { value: ty.value.to_string(), mutable: ty.mutable }
    }

    /// The value of a global.
    #[napi(catch_unwind)]
    pub fn global_get(&self, id: u32) -> Result<Unknown<'_>> {
        let ty = self.context.store.global_type(GlobalId(id));
        let raw = self.context.store.global_get(GlobalId(id));
        // SAFETY: a global holds a value of its type.
        Ok(self.unknown(unsafe { self.context.write(ty.value, raw)? }))
    }

    /// Writes a global.
    #[napi(catch_unwind)]
    pub fn global_set(&self, id: u32, value: Unknown<'_>) -> Result<()> {
        let ty = self.context.store.global_type(GlobalId(id));
        if !ty.mutable {
            let message = "this global is immutable".to_owned();
            return Err(refuse(Error::from(ErrorKind::ArgumentType { message })));
        }
        let reader = self.context.store.global_compiler(GlobalId(id)).unwrap_or(Compiler::Cranelift);
        // SAFETY: the value is of the environment that calls.
        let raw = unsafe { self.context.read(ty.value, value.raw(), reader)? };
        self.context.store.global_set(GlobalId(id), raw);
        Ok(())
    }
}

impl NativeStore {
    /// A value of this environment, as napi-rs hands it to JavaScript.
    pub(super) fn unknown(&self, value: sys::napi_value) -> Unknown<'_> {
        // SAFETY: callers give a value that was just made in this environment.
        unsafe { Unknown::from_raw_unchecked(self.context.env, value) }
    }
}
