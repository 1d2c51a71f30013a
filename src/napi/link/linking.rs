//! Linking in a context: the steps of a link before and after the steps of `link::Slots`.

use crate::error::{ErrorKind, RefusedChange, Result, Subject};
use crate::link::{Change, Link, SlotId};
use crate::napi::context::Context;
use crate::napi::convert::exported::ExportedFunction;
use crate::napi::gc::wrappers::WrapperKind;
use crate::napi::link::record::Requested;
use crate::store::FuncRef;

/// The original of an open slot; none for an empty table entry.
///
/// # Errors
/// `ClosedStore` or `Closed`.
pub fn open_slot(context: &Context, slot: SlotId) -> Result<Option<FuncRef>> {
    context.check_open()?;
    context.slots.borrow().open(slot).map(|slot| slot.original)
}

/// The function to be linked into a slot, by its address.
///
/// # Errors
/// `Closed` or `OtherStore`.
pub fn implementation(context: &Context, address: usize, slot: SlotId) -> Result<FuncRef> {
    function_at(context, address, || Subject::Implementation(context.slots.borrow().slot(slot).name.clone()))
}

/// The function of the store at an address, which `subject` names in errors.
///
/// # Errors
/// `Closed` or `OtherStore`.
pub fn function_at(context: &Context, address: usize, subject: impl Fn() -> Subject) -> Result<FuncRef> {
    let function = ExportedFunction::at(address).ok_or_else(|| {
        let message = "internal error: there is no function at this address".to_owned();
        ErrorKind::Internal { message }
    })?;
    function.in_store(context, subject)
}

/// The changes for requested links, and `refused` with the refused changes added.
pub fn changes(
    context: &Context,
    requested: &[Requested],
    mut refused: Vec<RefusedChange>,
) -> (Vec<Change>, Vec<RefusedChange>) {
    let mut changes = Vec::with_capacity(requested.len());
    // Consecutive changes often have the same function.
    let mut last = None;
    for Requested { position, address, slot } in requested {
        let known = last.filter(|(last, _)| last == address).map(|(_, implementation)| Ok(implementation));
        match known.unwrap_or_else(|| implementation(context, *address, *slot)) {
            Ok(implementation) => {
                last = Some((*address, implementation));
                changes.push(Change { position: *position, implementation, slot: *slot });
            }
            Err(error) => {
                refused.push(RefusedChange::new(*position, &context.slots.borrow().slot(*slot).name, &error));
            }
        }
    }
    (changes, refused)
}

/// Adds the edge for a function that is about to be written into a slot.
pub fn add_slot_edge(context: &Context, slot: SlotId, function: FuncRef) {
    let node = WrapperKind::Slot.node(slot, &context.store, &context.slots.borrow());
    context.retainers.add_function_edge(context.js(), &context.store, node, function);
}

/// `add_slot_edge` for many functions. Consecutive ones often have the same table and function: such repetitions are
/// skipped.
pub fn add_slot_edges(context: &Context, functions: impl Iterator<Item = (SlotId, FuncRef)>) {
    let mut last = None;
    for (slot, function) in functions {
        let table = context.slots.borrow().slot(slot).primary_entry.table;
        if last.replace((table, function)) != Some((table, function)) {
            add_slot_edge(context, slot, function);
        }
    }
}

/// Undoes links, the last one first: all or none.
///
/// # Errors
/// `ClosedStore`, and the errors of `Slots::undo`.
pub fn undo(context: &Context, links: &[Link]) -> Result<()> {
    context.check_open()?;
    add_slot_edges(context, links.iter().filter_map(|link| Some((link.slot, link.previous?))));
    context.slots.borrow_mut().undo(&context.store, links)
}
