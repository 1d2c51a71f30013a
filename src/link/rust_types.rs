//! The Rust types of declared functions: what they say that WebAssembly types cannot.

use super::slot::Slot;
use crate::abi::differences_of_texts;
use crate::error::{ErrorKind, Result};
use crate::rewrite::SlotKind;
use crate::store::{FuncRef, Store};
use crate::wasm::Declaration;

impl Slot {
    /// Checks that addresses mean the same to the slot's callers and to `implementation`. A function without a memory of its
    /// own, as a JavaScript function has none, reads no address.
    ///
    /// # Errors
    /// `Memories`.
    pub(super) fn check_memory(&self, store: &Store, implementation: FuncRef) -> Result<()> {
        let caller = self.instance.clone().or_else(|| self.original?.instance(store));
        let own = caller.and_then(|instance| instance.first_memory(store));
        let other = implementation.instance(store).and_then(|instance| instance.first_memory(store));
        if other.is_none() || other == own {
            return Ok(());
        }
        let mut declared = self.declaration.as_ref().map(|declared| declared.types.to_string());
        is_declared(store, implementation, |other| {
            declared.get_or_insert_with(|| other.types.to_string());
            true
        });
        Err(ErrorKind::Memories { slot: self.name.clone(), types: declared.unwrap_or_default() }.into())
    }
}

/// Whether `fits` accepts the declaration of a slot that has `function` as its original or thunk. A merged function is the
/// original of several slots: `fits` is called for each until it accepts one.
pub(super) fn is_declared(store: &Store, function: FuncRef, fits: impl FnMut(&Declaration) -> bool) -> bool {
    let Some((instance, index)) = function.locate(store) else { return false };
    let slots = &instance.code().slots;
    let declared = slots.iter().take_while(|slot| slot.kind == SlotKind::Declared);
    let own = declared.filter(|slot| slot.original == index);
    let through = instance.code().slot_of_thunk(index).map(|position| &slots[position as usize]);
    own.chain(through).filter_map(|slot| slot.declaration.as_ref()).any(fits)
}

/// Checks that `implementation`, if it is declared, has the types of the slot.
pub(super) fn check_types(store: &Store, implementation: FuncRef, slot: &str, expected: &Declaration) -> Result<()> {
    let mut refusal = None;
    // A thunk has its slot's types: every function that the slot holds was checked against them.
    let fits = is_declared(store, implementation, |actual| {
        let difference = difference(slot, expected, actual);
        let fits = difference.is_none();
        refusal = refusal.take().or(difference);
        fits
    });
    refusal.filter(|_| !fits).map_or(Ok(()), |refusal| Err(refusal.into()))
}

/// Why a function of type `actual` does not fit a slot of type `expected`. Typed functions are compared by the structure of
/// their types, the others by their Rust types.
fn difference(slot: &str, expected: &Declaration, actual: &Declaration) -> Option<ErrorKind> {
    let slot = slot.to_owned();
    if let (Some(wit), Some(other)) = (&expected.wit, &actual.wit) {
        let differences = differences_of_texts(wit, other);
        if differences.is_empty() {
            return None;
        }
        let (expected, actual) = (expected.types.to_string(), actual.types.to_string());
        return Some(ErrorKind::Types { slot, expected, actual, differences });
    }
    if expected.types == actual.types && expected.wit.is_none() == actual.wit.is_none() {
        return None;
    }
    Some(ErrorKind::Abi { slot, expected: expected.types.to_string(), actual: actual.types.to_string() })
}
