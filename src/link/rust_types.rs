//! The Rust types of declared functions: what they say that WebAssembly types cannot.

use super::slot::Slot;
use crate::error::{ErrorKind, Result};
use crate::rewrite::SlotKind;
use crate::store::{FuncRef, Store};
use crate::wasm::RustSignature;

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
        declared_types(store, implementation, |types| {
            declared.get_or_insert_with(|| types.to_string());
            true
        });
        Err(ErrorKind::Memories { slot: self.name.clone(), types: declared.unwrap_or_default() }.into())
    }
}

/// Whether `fits` accepts the Rust types of a declared slot that has `function` as its original or thunk. A merged
/// function is the original of several slots: `fits` is called for each until it accepts one.
pub(super) fn declared_types(store: &Store, function: FuncRef, mut fits: impl FnMut(&RustSignature) -> bool) -> bool {
    let Some((instance, index)) = function.locate(store) else { return false };
    let slots = &instance.code().slots;
    let declared = slots.iter().take_while(|slot| slot.kind == SlotKind::Declared);
    let own = declared.filter(|slot| slot.original == index);
    let through = instance.code().slot_of_thunk(index).map(|position| &slots[position as usize]);
    own.chain(through).filter_map(|slot| slot.declaration.as_ref()).any(|declaration| fits(&declaration.types))
}

/// Checks that `implementation`, if it is declared, has the Rust types of the slot.
pub(super) fn check_rust_types(
    store: &Store,
    implementation: FuncRef,
    slot: &str,
    expected: &RustSignature,
) -> Result<()> {
    let mut other = None;
    // A thunk has its slot's Rust types: every function that the slot holds was checked against them.
    let fits = declared_types(store, implementation, |types| {
        other = other.take().or_else(|| Some(types.clone()).filter(|types| types != expected));
        types == expected
    });
    match other {
        Some(actual) if !fits => {
            let (expected, actual) = (expected.to_string(), actual.to_string());
            Err(ErrorKind::Abi { slot: slot.to_owned(), expected, actual }.into())
        }
        _ => Ok(()),
    }
}
