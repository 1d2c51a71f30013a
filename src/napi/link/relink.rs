//! The cold methods of slots and links, by id. The frequent ones are in `raw_callbacks`.

use crate::engine::Compiler;
use crate::error::ErrorKind;
use crate::link::SlotId;
use crate::napi::api::native_store::NativeStore;
use crate::napi::call::import::ImportedFunction;
use crate::napi::convert::describe::{NativeSlot, strings};
use crate::napi::convert::exported::{function, function_or_null};
use crate::napi::convert::types::is_convertible;
use crate::napi::env::throw::{NativeError, refuse};
use crate::napi::env::value::Value;
use crate::napi::gc::collect::collect_if_due;
use crate::napi::link::{linking, record};
use crate::rewrite::split;
use crate::store::FuncRef;
use napi::bindgen_prelude::{Uint8Array, Unknown};
use napi_derive::napi;

/// A slot with an active link.
#[napi(object, object_from_js = false)]
pub struct NativeLinkedSlot {
    /// The slot
    pub slot: NativeSlot,
    /// The id of its newest active link
    pub link: f64,
}

#[napi]
impl NativeStore {
    /// The slot of a table entry.
    #[napi(catch_unwind)]
    pub fn table_slot(&self, table: u32, index: u32) -> Result<NativeSlot, NativeError> {
        let table = self.table(table)?;
        let slot = self.context.slots.borrow_mut().table_slot(&self.context.store, table, index);
        slot.map(|id| self.slot_info(id)).map_err(refuse)
    }

    /// The function that a slot holds; null for none.
    #[napi(catch_unwind)]
    pub fn slot_current(&self, slot: u32) -> Result<Unknown<'_>, NativeError> {
        self.open_slot(slot)?;
        let current = self.context.slots.borrow().current(&self.context.store, slot);
        Ok(self.unknown(function_or_null(&self.context, current)))
    }

    /// The original of a slot: the function that it held first.
    #[napi(catch_unwind)]
    pub fn slot_original(&self, slot: u32) -> Result<Unknown<'_>, NativeError> {
        let original = self.open_slot(slot)?;
        Ok(self.unknown(function(&self.context, original)))
    }

    /// Whether a slot has active links.
    #[napi(catch_unwind)]
    pub fn slot_linked(&self, slot: u32) -> Result<bool, NativeError> {
        self.open_slot(slot)?;
        Ok(self.context.slots.borrow().is_linked(slot))
    }

    /// The open slots with an active link, each with the id of its newest one.
    #[napi(catch_unwind)]
    pub fn linked_slots(&self) -> Result<Vec<NativeLinkedSlot>, NativeError> {
        self.check_open()?;
        let linked = self.context.slots.borrow().active_links();
        Ok(linked
            .into_iter()
            .map(|(id, link)| NativeLinkedSlot { slot: self.slot_info(id), link: link as f64 })
            .collect())
    }

    /// Puts a slot's original back.
    #[napi(catch_unwind)]
    pub fn slot_reset(&self, slot: u32) -> Result<(), NativeError> {
        let original = self.open_slot(slot)?;
        linking::add_slot_edge(&self.context, slot, original);
        self.context.slots.borrow_mut().reset(&self.context.store, slot).map_err(refuse)
    }

    /// The function that a slot held before the link in the link scratch; null for none. `index` is the link's index in
    /// its undo root.
    #[napi(catch_unwind)]
    pub fn previous(&self, index: u32, _undo_root: Unknown<'_>) -> Result<Unknown<'_>, NativeError> {
        let links = record::read(&self.context.link_scratch.get(), &self.context.undo_roots, index as usize);
        let [link] = links[..] else { unreachable!("the link scratch holds one link") };
        self.open_slot(link.slot)?;
        Ok(self.unknown(function_or_null(&self.context, link.previous)))
    }

    /// The key of an adapter for a slot: the slot's type, and the compiler of the code that calls it.
    #[napi(catch_unwind)]
    pub fn slot_type(&self, slot: u32) -> Result<String, NativeError> {
        self.open_slot(slot)?;
        let slots = self.context.slots.borrow();
        let slot = slots.slot(slot);
        let caller = slot.primary_entry.table.compiler(&self.context.store).map_or("", Compiler::name);
        Ok(format!("{} {caller}", slot.ty))
    }

    /// A module that splits the calls of a slot between `count` functions (`rewrite::split`).
    #[napi(catch_unwind)]
    pub fn split_module(&self, slot: u32, count: u32) -> Result<Uint8Array, NativeError> {
        self.open_slot(slot)?;
        let slots = self.context.slots.borrow();
        Ok(Uint8Array::new(split(&slots.slot(slot).ty, count.max(1))))
    }

    /// Makes a wasm function of a slot's type that calls a JavaScript function, if the slot can be linked.
    #[napi(catch_unwind)]
    pub fn adapt(&self, value: Unknown<'_>, slot: u32, merged: bool) -> Result<Unknown<'_>, NativeError> {
        self.open_slot(slot)?;
        self.context.slots.borrow().check_slot(slot, merged).map_err(refuse)?;
        collect_if_due(&self.context);
        let (ty, table) = {
            let slots = self.context.slots.borrow();
            let slot = slots.slot(slot);
            (slot.ty.clone(), slot.primary_entry.table)
        };
        if let Some(value_type) = ty.parameters.iter().chain(&ty.results).find(|ty| !is_convertible(**ty)) {
            let message = format!(
                "slot \"{}\" takes a function of type {ty}, but values of type {value_type} do not cross between WebAssembly and \
                 JavaScript: link a WebAssembly function",
                self.slot_name(slot)
            );
            return Err(refuse(ErrorKind::UnsupportedValue { message }.into()));
        }
        let caller = table.compiler(&self.context.store).unwrap_or(Compiler::Cranelift);
        let (context, value) = (&self.context, Value::of(&value));
        // `lib/` has checked that the value is a function.
        let import = ImportedFunction::new(context, value, (*ty).clone(), caller, caller.catches());
        let adapted = FuncRef::adapt(&context.store, &ty, Box::new(import), caller).map_err(refuse)?;
        context.retainers.hold_import(self.js(), &context.store, adapted, value);
        context.retainers.note_change(1);
        Ok(self.unknown(function(context, adapted)))
    }
}

impl NativeStore {
    /// The original of an open slot.
    fn open_slot(&self, slot: SlotId) -> Result<FuncRef, NativeError> {
        linking::open_slot(&self.context, slot).map_err(refuse)
    }

    pub(in crate::napi) fn slot_info(&self, id: SlotId) -> NativeSlot {
        let slots = self.context.slots.borrow();
        let slot = slots.slot(id);
        NativeSlot {
            id,
            name: slot.name.clone(),
            kind: slot.kind.name().to_owned(),
            parameters: strings(&slot.ty.parameters),
            results: strings(&slot.ty.results),
        }
    }

    fn slot_name(&self, id: SlotId) -> String {
        self.context.slots.borrow().slot(id).name.clone()
    }
}
