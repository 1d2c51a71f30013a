//! Slots and links of a store, by id.

use super::describe::{NativeSlot, strings};
use super::function::exported;
use super::handles::Kind;
use super::import::Import;
use super::store::NativeStore;
use super::throw::{Result, refuse};
use super::value::crosses;
use crate::engine::Compiler;
use crate::error::{Error, ErrorKind, Subject};
use crate::link::{Change, LinkId, Linked, SlotId};
use crate::store::FuncRef;
use napi::bindgen_prelude::{Array, JsValue, Unknown};
use napi::sys;
use napi_derive::napi;
use std::ptr;

/// A link that was made.
#[napi(object, object_from_js = false)]
pub struct NativeLink<'a> {
    /// Its id
    pub id: u32,
    /// The function that the slot held before, or null
    pub previous: Unknown<'a>,
}

#[napi]
impl NativeStore {
    /// The slot that is an entry of a table.
    #[napi(catch_unwind)]
    pub fn table_slot(&self, table: u32, index: u32) -> Result<NativeSlot> {
        let table = self.table(table)?;
        let slot = self.context.slots.borrow_mut().table_slot(&self.context.store, table, index);
        slot.map(|id| self.slot_info(id)).map_err(refuse)
    }

    /// The function that a slot holds, or null.
    #[napi(catch_unwind)]
    pub fn slot_current(&self, slot: u32) -> Result<Unknown<'_>> {
        self.open_slot(slot)?;
        let current = self.context.slots.borrow().current(&self.context.store, slot);
        Ok(self.unknown(self.context.function_or_null(current)))
    }

    /// The function that a slot held first.
    #[napi(catch_unwind)]
    pub fn slot_original(&self, slot: u32) -> Result<Unknown<'_>> {
        let original = self.open_slot(slot)?;
        Ok(self.unknown(self.context.function(original)))
    }

    /// Whether a link stands in a slot.
    #[napi(catch_unwind)]
    pub fn slot_linked(&self, slot: u32) -> Result<bool> {
        self.open_slot(slot)?;
        Ok(self.context.slots.borrow().is_linked(slot))
    }

    /// Puts a slot's original back.
    #[napi(catch_unwind)]
    pub fn slot_reset(&self, slot: u32) -> Result<()> {
        let original = self.open_slot(slot)?;
        self.lead(slot, original);
        self.context.slots.borrow_mut().reset(&self.context.store, slot).map_err(refuse)
    }

    /// What an adapter for a slot depends on, as a key: its type, and whose code calls it.
    #[napi(catch_unwind)]
    pub fn slot_type(&self, slot: u32) -> Result<String> {
        self.open_slot(slot)?;
        let slots = self.context.slots.borrow();
        let slot = slots.slot(slot);
        let caller = self.context.store.table_compiler(slot.home.0).map_or("", Compiler::name);
        Ok(format!("{} {caller}", slot.ty))
    }

    /// Makes a JavaScript function a wasm function of a slot's type, if the slot takes any.
    #[napi(catch_unwind)]
    pub fn adapt(&self, value: Unknown<'_>, slot: u32, merged: bool) -> Result<Unknown<'_>> {
        self.open_slot(slot)?;
        self.context.slots.borrow().check_slot(slot, merged).map_err(refuse)?;
        self.context.collect_if_due();
        let (ty, table) = {
            let slots = self.context.slots.borrow();
            let slot = slots.slot(slot);
            (slot.ty.clone(), slot.home.0)
        };
        if let Some(stays) = ty.parameters.iter().chain(&ty.results).find(|ty| !crosses(**ty)) {
            let message = format!(
                "slot \"{}\" takes a function of type {ty}, and values of type {stays} do not cross to JavaScript",
                self.slot_name(slot)
            );
            return Err(refuse(ErrorKind::UnsupportedValue { message }.into()));
        }
        let caller = self.context.store.table_compiler(table).unwrap_or(Compiler::Cranelift);
        // SAFETY: `lib/` has checked that it is a function, and it is of the environment that calls.
        let import = unsafe { Import::new(&self.context, value.raw(), (*ty).clone(), caller, caller.catches()) };
        let function = self.context.store.adapt(&ty, Box::new(import), caller).map_err(refuse)?;
        self.context.hold_with(function, value.raw());
        self.context.cells.note_change(1);
        Ok(self.unknown(self.context.function(function)))
    }

    /// Links one function. `merged` allows a slot whose function stands for several.
    #[napi(catch_unwind)]
    pub fn link(&self, implementation: Unknown<'_>, slot: u32, merged: bool) -> Result<NativeLink<'_>> {
        self.context.collect_if_due();
        self.open_slot(slot)?;
        let function = self.implementation(implementation.raw(), slot).map_err(refuse)?;
        self.lead(slot, function);
        let linked = self.context.slots.borrow_mut().link(&self.context.store, function, slot, merged);
        Ok(self.linked(linked.map_err(refuse)?))
    }

    /// Links many functions, or none. `merged` allows slots whose function stands for several.
    #[napi(catch_unwind)]
    pub fn relink(&self, implementations: Array<'_>, slots: Vec<u32>, merged: bool) -> Result<Vec<NativeLink<'_>>> {
        self.context.check_open().map_err(refuse)?;
        self.context.collect_if_due();
        let (changes, refusals) = self.changes(&implementations, slots);
        changes.iter().for_each(|change| self.lead(change.slot, change.implementation));
        // The borrow ends before functions are made for JavaScript, which may collect garbage.
        let linked = self.context.slots.borrow_mut().relink(&self.context.store, &changes, merged, refusals);
        Ok(linked.map_err(refuse)?.into_iter().map(|linked| self.linked(linked)).collect())
    }

    /// Whether these many could be linked; throws what `relink` would.
    #[napi(catch_unwind)]
    pub fn check_changes(&self, implementations: Array<'_>, slots: Vec<u32>, merged: bool) -> Result<()> {
        self.context.check_open().map_err(refuse)?;
        let (changes, refusals) = self.changes(&implementations, slots);
        self.context.slots.borrow_mut().check_all(&self.context.store, &changes, merged, refusals).map_err(refuse)
    }

    /// Takes links back, the last one first, all or none. `slots` are those of the links.
    #[napi(catch_unwind)]
    pub fn undo(&self, links: Vec<u32>, slots: Vec<u32>) -> Result<()> {
        self.context.check_open().map_err(refuse)?;
        let links: Vec<(LinkId, SlotId)> = links.into_iter().zip(slots).collect();
        let previous: Vec<_> = {
            let slots = self.context.slots.borrow();
            let open = links.iter().filter(|(_, slot)| slots.open(*slot).is_ok());
            open.filter_map(|(link, slot)| Some((*slot, slots.previous_of(*link)?))).collect()
        };
        previous.into_iter().for_each(|(slot, function)| self.lead(slot, function));
        self.context.slots.borrow_mut().undo(&self.context.store, &links).map_err(refuse)
    }
}

impl NativeStore {
    /// Notes that a function goes into a slot.
    fn lead(&self, slot: SlotId, function: FuncRef) {
        self.context.lead(self.context.node_of(Kind::Slot, slot), function);
    }

    /// The original of a slot that is not closed.
    fn open_slot(&self, slot: SlotId) -> Result<FuncRef> {
        self.context.check_open().map_err(refuse)?;
        self.context.slots.borrow().open(slot).map(|slot| slot.original).map_err(refuse)
    }

    pub(super) fn slot_info(&self, id: SlotId) -> NativeSlot {
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

    /// The changes that are asked for, and what is no change.
    fn changes(&self, implementations: &Array<'_>, slots: Vec<u32>) -> (Vec<Change>, Vec<(usize, String, Error)>) {
        let mut changes = Vec::with_capacity(slots.len());
        let mut refusals = Vec::new();
        for (index, slot) in slots.into_iter().enumerate() {
            let mut value = ptr::null_mut();
            // SAFETY: a plain N-API call.
            unsafe { sys::napi_get_element(self.context.env, implementations.raw(), index as u32, &mut value) };
            match self.implementation(value, slot) {
                Ok(implementation) => changes.push(Change { position: index, implementation, slot }),
                Err(error) => refusals.push((index, self.slot_name(slot), error)),
            }
        }
        (changes, refusals)
    }

    fn slot_name(&self, id: SlotId) -> String {
        self.context.slots.borrow().slot(id).name.clone()
    }

    /// The function of this store that `value` is.
    fn implementation(&self, value: sys::napi_value, slot: SlotId) -> Result<FuncRef, Error> {
        // SAFETY: the value is of the environment that calls, and held by it.
        match unsafe { exported(self.context.env, value) } {
            Some(function) => self.own(function, || Subject::Implementation(self.slot_name(slot))),
            None => {
                let message = "expected a WebAssembly function as implementation".to_owned();
                Err(ErrorKind::ArgumentType { message }.into())
            }
        }
    }

    fn linked(&self, linked: Linked) -> NativeLink<'_> {
        NativeLink { id: linked.id, previous: self.unknown(self.context.function_or_null(linked.previous)) }
    }
}
