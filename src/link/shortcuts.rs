//! Shortcuts: functions that are called in place of the thunks and forwarders that would call them.

use super::entry::TableEntry;
use crate::rewrite::{ModuleSlot, SlotKind};
use crate::store::{FuncRef, Instance, Store};

/// The function that a slot holds, if `function` is its thunk. A batch may call it in the thunk's place until the next
/// link: every write of `TableEntry` ends the shortcuts of batches.
pub fn held_by_slot_of(store: &Store, function: FuncRef) -> Option<FuncRef> {
    let (instance, index) = function.locate(store)?;
    let code = instance.code();
    let entry = code.slots[code.slot_of_thunk(index)? as usize].primary_entry;
    // Compiled code writes to other tables, which does not end shortcuts.
    if entry.table != code.dispatch_table() {
        return None;
    }
    TableEntry { table: instance.table(store, entry.table), index: entry.index }.get(store)
}

/// Replaces the forwarders in the dispatch table of a new instance by the functions that they call, if the module's code
/// can call these directly. Saves one call. A host function only replaces its forwarder for calls: see
/// `Instance::skip_forwarders`.
pub fn skip_forwarders(store: &Store, instance: &Instance) {
    let code = instance.code();
    let dispatch = code.dispatch_table();
    let is_import = |slot: &&ModuleSlot| slot.kind == SlotKind::Import && slot.primary_entry.table == dispatch;
    let mut slots = code.slots.iter().filter(is_import).peekable();
    // Without such slots, the module may have no dispatch table.
    if slots.peek().is_none() {
        return;
    }
    let table = instance.table(store, dispatch);
    instance.skip_forwarders(store, table);
    for slot in slots {
        let forwarder = instance.function(store, slot.original);
        let function = forwarder.canonical(store);
        let entry = TableEntry { table, index: slot.primary_entry.index };
        // The start function may have made a link there, which must stay.
        if entry.get(store) == Some(function) && entry.table.is_native(store, function) {
            entry.put(store, function);
        }
    }
}
