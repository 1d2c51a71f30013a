//! The cold methods of slots and links, by id. The frequent ones are in `raw_callbacks`.

use crate::engine::Compiler;
use crate::error::{ErrorKind, Subject};
use crate::link::{Allowed, SlotId, Slots};
use crate::napi::api::native_store::NativeStore;
use crate::napi::call::import::ImportedFunction;
use crate::napi::call::parked::{end_abandoned, here};
use crate::napi::convert::describe::{NativeFunctionType, NativeSlot};
use crate::napi::convert::exported::{function, function_or_null};
use crate::napi::convert::types::is_convertible;
use crate::napi::env::parked_calls::ParkedCalls;
use crate::napi::env::throw::{NativeError, refuse};
use crate::napi::env::value::Value;
use crate::napi::gc::collect::collect_if_due;
use crate::napi::link::{linking, record};
use crate::rewrite::split;
use crate::store::FuncRef;
use crate::wasm::FuncType;
use napi::bindgen_prelude::{Uint8Array, Unknown};
use napi_derive::napi;
use std::rc::Rc;

/// A slot with an active link.
#[napi(object, object_from_js = false)]
pub struct NativeLinkedSlot {
    /// The slot
    pub slot: NativeSlot,
    /// The id of its newest active link
    pub link: f64,
    /// The id of the instance that it belongs to; none for a slot that is only a table entry
    pub instance: Option<u32>,
}

#[napi]
impl NativeStore {
    /// The slot of a table entry; that of the entry alone if `entry` is set.
    #[napi(catch_unwind)]
    pub fn table_slot(&self, table: u32, index: u32, entry: bool) -> Result<NativeSlot, NativeError> {
        let table = self.table(table)?;
        let (store, slots) = (&self.context.store, &mut *self.context.slots.borrow_mut());
        let slot = if entry { slots.entry_slot_at(store, table, index) } else { slots.table_slot(store, table, index) };
        slot.map(|id| self.slot_info(slots, id)).map_err(refuse)
    }

    /// The slot that takes a function by the type of a call site, in place of a slot of another type: that of its table entry
    /// alone. The slot itself for a function of its own type, and for a JavaScript function that gets this type.
    #[napi(catch_unwind)]
    pub fn call_site_slot(
        &self,
        slot: u32,
        address: f64,
        wanted: Option<NativeFunctionType>,
    ) -> Result<NativeSlot, NativeError> {
        self.open_slot(slot)?;
        let address = address as usize;
        let function = (address != 0).then(|| linking::implementation(&self.context, address, slot));
        let function = function.transpose().map_err(refuse)?;
        let (store, slots) = (&self.context.store, &mut *self.context.slots.borrow_mut());
        let ty = match function {
            Some(function) => {
                let (actual, wanted) = (function.ty(store), wanted.and_then(|wanted| wanted.parse()));
                if let Some(wanted) = wanted.filter(|wanted| *wanted != *actual) {
                    let (slot, expected) = (slots.slot(slot).name.clone(), wanted.to_string());
                    let actual = actual.to_string();
                    return Err(refuse(ErrorKind::Signature { slot, expected, actual, is_called: false }.into()));
                }
                actual
            }
            None => self.adapter_type(slots, slot, wanted, Allowed { call_sites: true, ..Allowed::default() })?,
        };
        let own = slots.slot(slot).ty.as_ref().is_some_and(|own| **own == *ty);
        let id = if own { slot } else { slots.entry_slot(store, slot).map_err(refuse)? };
        Ok(self.slot_info(slots, id))
    }

    /// The types by which code calls the table entries of a slot.
    #[napi(catch_unwind)]
    pub fn slot_call_types(&self, slot: u32) -> Result<Vec<NativeFunctionType>, NativeError> {
        self.open_slot(slot)?;
        let types = self.context.slots.borrow().call_types(&self.context.store, slot);
        Ok(types.iter().map(NativeFunctionType::of).collect())
    }

    /// Number of calls in progress inside a function of the store, or in those that it calls as the thunk of a slot.
    #[napi(catch_unwind)]
    pub fn active_in(&self, address: f64) -> Result<u32, NativeError> {
        self.context.check_open().map_err(refuse)?;
        end_abandoned(&ParkedCalls::of_thread(), here());
        let function = linking::function_at(&self.context, address as usize, || Subject::Function);
        let store = &self.context.store;
        let functions = self.context.slots.borrow_mut().behind(store, function.map_err(refuse)?);
        Ok(store.active_calls(&functions))
    }

    /// The function that a slot holds; null for none.
    #[napi(catch_unwind)]
    pub fn slot_current(&self, slot: u32) -> Result<Unknown<'_>, NativeError> {
        self.open_slot(slot)?;
        let current = self.context.slots.borrow().current(&self.context.store, slot);
        Ok(self.unknown(function_or_null(&self.context, current)))
    }

    /// The original of a slot: the function that it held first; null for none.
    #[napi(catch_unwind)]
    pub fn slot_original(&self, slot: u32) -> Result<Unknown<'_>, NativeError> {
        let original = self.open_slot(slot)?;
        Ok(self.unknown(function_or_null(&self.context, original)))
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
        let slots = self.context.slots.borrow();
        Ok(linked
            .into_iter()
            .map(|(id, link)| NativeLinkedSlot {
                slot: self.slot_info(&slots, id),
                link: link as f64,
                instance: slots.slot(id).instance.as_ref().map(|instance| instance.id),
            })
            .collect())
    }

    /// Puts a slot's original back.
    #[napi(catch_unwind)]
    pub fn slot_reset(&self, slot: u32) -> Result<(), NativeError> {
        let original = self.open_slot(slot)?;
        if let Some(original) = original {
            linking::add_slot_edge(&self.context, slot, original);
        }
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

    /// The key of an adapter for a slot: the adapter's type, and the compiler of the code that calls the slot. `wanted` is the
    /// type that the caller chose.
    #[napi(catch_unwind)]
    pub fn slot_type(
        &self,
        slot: u32,
        allowed: u32,
        wanted: Option<NativeFunctionType>,
    ) -> Result<String, NativeError> {
        self.open_slot(slot)?;
        let slots = self.context.slots.borrow();
        let ty = self.adapter_type(&slots, slot, wanted, Allowed::from_bits(allowed.into()))?;
        let caller = slots.slot(slot).primary_entry.table.compiler(&self.context.store).map_or("", Compiler::name);
        Ok(format!("{ty} {caller}"))
    }

    /// A module that splits the calls of a slot between `count` functions (`rewrite::split`).
    #[napi(catch_unwind)]
    pub fn split_module(&self, slot: u32, count: u32) -> Result<Uint8Array, NativeError> {
        self.open_slot(slot)?;
        let slots = self.context.slots.borrow();
        let ty = slots.slot(slot).ty.as_ref().ok_or_else(|| {
            let message =
                "an empty table entry has no type, so its calls cannot be split: link a function first".to_owned();
            refuse(ErrorKind::UnsupportedValue { message }.into())
        })?;
        Ok(Uint8Array::new(split(ty, count.max(1))))
    }

    /// Makes a wasm function for a slot that calls a JavaScript function, if the slot can be linked. `wanted` is the type that
    /// the caller chose.
    #[napi(catch_unwind)]
    pub fn adapt(
        &self,
        value: Unknown<'_>,
        slot: u32,
        allowed: u32,
        suspending: bool,
        wanted: Option<NativeFunctionType>,
    ) -> Result<Unknown<'_>, NativeError> {
        self.open_slot(slot)?;
        let allowed = Allowed::from_bits(allowed.into());
        self.context.slots.borrow().check_slot(slot, allowed.merged).map_err(refuse)?;
        collect_if_due(&self.context);
        let (ty, table) = {
            let slots = self.context.slots.borrow();
            (self.adapter_type(&slots, slot, wanted, allowed)?, slots.slot(slot).primary_entry.table)
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
        let import = Box::new(import.with_suspending(suspending));
        let adapted = FuncRef::adapt(&context.store, &ty, import, caller).map_err(refuse)?;
        context.retainers.hold_import(self.js(), &context.store, adapted, value);
        context.retainers.note_change(1);
        Ok(self.unknown(function(context, adapted)))
    }
}

impl NativeStore {
    /// The type of the adapter of a JavaScript function: see `Slots::adapter_type`.
    fn adapter_type(
        &self,
        slots: &Slots,
        slot: SlotId,
        wanted: Option<NativeFunctionType>,
        allowed: Allowed,
    ) -> Result<Rc<FuncType>, NativeError> {
        // `lib/` has checked the names of the types.
        let wanted = wanted.and_then(|wanted| wanted.parse());
        slots.adapter_type(&self.context.store, slot, wanted, allowed).map_err(refuse)
    }

    /// The original of an open slot.
    fn open_slot(&self, slot: SlotId) -> Result<Option<FuncRef>, NativeError> {
        linking::open_slot(&self.context, slot).map_err(refuse)
    }

    pub(in crate::napi) fn slot_info(&self, slots: &Slots, id: SlotId) -> NativeSlot {
        let slot = slots.slot(id);
        let ty = slot.ty.as_deref().map(NativeFunctionType::of);
        let suspend = slot.declaration.as_ref().is_some_and(|declaration| declaration.suspend);
        NativeSlot { id, name: slot.name.clone(), kind: slot.kind.name().to_owned(), ty, suspend }
    }

    fn slot_name(&self, id: SlotId) -> String {
        self.context.slots.borrow().slot(id).name.clone()
    }
}
