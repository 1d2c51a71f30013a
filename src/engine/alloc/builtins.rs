//! Functions of ours that compiled code calls in the place of wasmer's: where wasmer drops why something failed, or
//! ends the process.
//!
//! Code finds the engine's functions in a list in the context of its instance.

use crate::engine::alloc::room::has_room;
use crate::engine::alloc::shared_memory::take_stopped;
use wasmer::sys::vm::libcalls::{
    wasmer_vm_imported_memory32_grow, wasmer_vm_imported_table_grow, wasmer_vm_imported_table_size,
    wasmer_vm_memory32_grow, wasmer_vm_table_grow, wasmer_vm_table_size,
};
use wasmer::sys::vm::{VMBuiltinFunctionIndex as Index, VMContext, VMInstance, raise_user_trap};

/// What instructions that grow something give if it did not grow.
const FAILED: u32 = u32::MAX;

/// `table.grow` of the engine: the context, the value of new entries, how many, and the table. A value is a pointer.
type TableGrow = unsafe extern "C" fn(*mut VMContext, usize, u32, u32) -> u32;

/// Lets the code of a new instance, which has not run yet, call these.
pub fn install(instance: &VMInstance) {
    let functions = [
        (Index::get_memory32_grow_index(), memory_grow as *const ()),
        (Index::get_imported_memory32_grow_index(), imported_memory_grow as *const ()),
        (Index::get_table_grow_index(), table_grow as *const ()),
        (Index::get_imported_table_grow_index(), imported_table_grow as *const ()),
    ];
    let (context, offsets) = (instance.vmctx_ptr().cast::<u8>(), instance.vmoffsets());
    for (index, function) in functions {
        // SAFETY: the context of an instance has a pointer to each of the engine's functions there. No code of it runs.
        unsafe { context.add(offsets.vmctx_builtin_function(index) as usize).cast::<*const ()>().write(function) };
    }
}

/// `memory.grow` of a memory that the instance defines.
unsafe extern "C" fn memory_grow(context: *mut VMContext, delta: u32, memory: u32) -> u32 {
    // SAFETY: compiled code calls this as it would call that.
    unsafe { unless_stopped(wasmer_vm_memory32_grow(context, delta, memory)) }
}

/// `memory.grow` of a memory that it imports.
unsafe extern "C" fn imported_memory_grow(context: *mut VMContext, delta: u32, memory: u32) -> u32 {
    // SAFETY: as above.
    unsafe { unless_stopped(wasmer_vm_imported_memory32_grow(context, delta, memory)) }
}

/// Ends the wasm on the stack if the host could not even be asked for more memory.
///
/// # Safety
/// Wasm is on the stack, and nothing else that has something to drop.
unsafe fn unless_stopped(before: u32) -> u32 {
    if before == FAILED
        && let Some(stopped) = take_stopped()
    {
        // SAFETY: by the contract of this function.
        unsafe { raise_user_trap(stopped) }
    }
    before
}

/// `table.grow` of a table that the instance defines.
unsafe extern "C" fn table_grow(context: *mut VMContext, value: usize, delta: u32, table: u32) -> u32 {
    // SAFETY: compiled code calls this as it would call that.
    let size = unsafe { wasmer_vm_table_size(context, table) };
    if !may_grow(size, delta) {
        return FAILED;
    }
    // SAFETY: a union of pointers is passed as a pointer.
    let grow: TableGrow = unsafe { std::mem::transmute(wasmer_vm_table_grow as *const ()) };
    // SAFETY: as above.
    unsafe { grow(context, value, delta, table) }
}

/// `table.grow` of a table that it imports.
unsafe extern "C" fn imported_table_grow(context: *mut VMContext, value: usize, delta: u32, table: u32) -> u32 {
    // SAFETY: compiled code calls this as it would call that.
    let size = unsafe { wasmer_vm_imported_table_size(context, table) };
    if !may_grow(size, delta) {
        return FAILED;
    }
    // SAFETY: a union of pointers is passed as a pointer.
    let grow: TableGrow = unsafe { std::mem::transmute(wasmer_vm_imported_table_grow as *const ()) };
    // SAFETY: as above.
    unsafe { grow(context, value, delta, table) }
}

/// The bytes of an entry of a table.
const ENTRY: usize = size_of::<usize>();

/// Whether there is room for a table to grow, which wasmer does not ask: growing ends the process where there is none.
pub fn may_grow(size: u32, delta: u32) -> bool {
    // The entries move to a place with room for twice as many as there was room for, which was for fewer than there
    // will be.
    delta == 0 || has_room((size as usize + delta as usize) * 2 * ENTRY)
}

/// Whether there is room for a new table.
pub fn may_begin(entries: u32) -> bool {
    has_room(entries as usize * ENTRY)
}
