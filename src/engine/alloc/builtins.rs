//! Replacements for builtin functions of wasmer that drop the cause of a failure, end the process, or write a table
//! without its copy.
//!
//! Compiled code finds builtin functions in a list in its instance's `VMContext`.

use crate::engine::alloc::room::has_room;
use crate::engine::alloc::shared_memory::take_stopped;
use crate::engine::alloc::table_charges::{TableOf, charge_table_growth, definition_in, release_table_growth};
use crate::engine::alloc::table_copies::copy_entries;
use std::sync::OnceLock;
use wasmer::sys::vm::libcalls::{
    wasmer_vm_imported_memory32_grow, wasmer_vm_imported_table_grow, wasmer_vm_imported_table_set,
    wasmer_vm_imported_table_size, wasmer_vm_memory32_grow, wasmer_vm_table_copy, wasmer_vm_table_fill,
    wasmer_vm_table_grow, wasmer_vm_table_init, wasmer_vm_table_set, wasmer_vm_table_size,
};
use wasmer::sys::vm::{VMBuiltinFunctionIndex as Index, VMContext, VMInstance, on_host_stack, raise_user_trap};

/// Result of `memory.grow` and `table.grow` on failure.
const FAILED: u32 = u32::MAX;

/// wasmer's `table.grow`: context, value of the new entries (a pointer), their number, and table index.
type TableGrow = unsafe extern "C" fn(*mut VMContext, usize, u32, u32) -> u32;
/// wasmer's `table.set`: context, table index, entry, and value (a pointer).
type TableSet = unsafe extern "C" fn(*mut VMContext, u32, u32, usize);
/// wasmer's `table.fill`: context, table index, first entry, value (a pointer), and number of entries.
type TableFill = unsafe extern "C" fn(*mut VMContext, u32, u32, usize, u32);

/// Called after each of these instructions, before wasm goes on.
type Checkpoint = fn();

static CHECKPOINT: OnceLock<Checkpoint> = OnceLock::new();

/// Installs the replacements in a new instance whose code has not run yet. They call `checkpoint` after each growth and
/// each `table.set`, which may raise a trap; every instance has the same one.
pub fn install(instance: &VMInstance, checkpoint: Checkpoint) {
    CHECKPOINT.get_or_init(|| checkpoint);
    replace_builtins(
        instance,
        &[
            (Index::get_memory32_grow_index(), memory_grow as *const ()),
            (Index::get_imported_memory32_grow_index(), imported_memory_grow as *const ()),
            (Index::get_table_grow_index(), table_grow as *const ()),
            (Index::get_imported_table_grow_index(), imported_table_grow as *const ()),
            (Index::get_imported_table_set_index(), imported_table_set as *const ()),
        ],
    );
}

/// Replaces builtin functions in a new instance whose code has not run yet, by functions that code may call in their place.
pub fn replace_builtins(instance: &VMInstance, functions: &[(Index, *const ())]) {
    let (context, offsets) = (instance.vmctx_ptr().cast::<u8>(), instance.vmoffsets());
    for (index, function) in functions {
        // SAFETY: each of these offsets in a `VMContext` holds a pointer to a builtin function. The code of the
        // instance, the only reader, does not run yet.
        unsafe { context.add(offsets.vmctx_builtin_function(*index) as usize).cast::<*const ()>().write(*function) };
    }
}

/// `memory.grow` of a memory that the instance defines.
unsafe extern "C" fn memory_grow(context: *mut VMContext, delta: u32, memory: u32) -> u32 {
    // SAFETY: compiled code passes the arguments that wasmer's builtin function expects, and is on the stack.
    unsafe { unless_stopped(wasmer_vm_memory32_grow(context, delta, memory)) }
}

/// `memory.grow` of a memory that the instance imports.
unsafe extern "C" fn imported_memory_grow(context: *mut VMContext, delta: u32, memory: u32) -> u32 {
    // SAFETY: compiled code passes the arguments that wasmer's builtin function expects, and is on the stack.
    unsafe { unless_stopped(wasmer_vm_imported_memory32_grow(context, delta, memory)) }
}

/// Raises a trap if growth failed because the host has stopped answering; else passes the result on.
///
/// # Safety
/// Wasm is on the stack, and no frame above it has a value to drop.
unsafe fn unless_stopped(before: u32) -> u32 {
    if before == FAILED
        && let Some(stopped) = take_stopped()
    {
        // SAFETY: the caller promises that wasm is on the stack, and no frame above it has a value to drop.
        unsafe { raise_user_trap(stopped) }
    }
    grown(before)
}

/// The result of a growth, after which wasm goes on.
fn grown(before: u32) -> u32 {
    at_checkpoint();
    before
}

fn at_checkpoint() {
    if let Some(checkpoint) = CHECKPOINT.get() {
        checkpoint();
    }
}

/// `table.grow` of a table that the instance defines.
unsafe extern "C" fn table_grow(context: *mut VMContext, value: usize, delta: u32, table: u32) -> u32 {
    // SAFETY: compiled code passes the arguments that wasmer's builtin function expects.
    unsafe { grow_table(context, value, delta, table) }
}

/// wasmer's `table.set` of a table that the instance defines.
///
/// # Safety
/// The instance with this context defines the table, which has the entry and holds references to functions. `value` is one.
pub unsafe fn set_own_table(context: *mut VMContext, table: u32, entry: u32, value: usize) {
    // SAFETY: the types differ only in the value, a union of pointers, which the C ABI passes as a pointer.
    let set: TableSet = unsafe { std::mem::transmute(wasmer_vm_table_set as *const ()) };
    // SAFETY: by the contract of this function.
    unsafe { set(context, table, entry, value) };
}

/// `table.grow` of a table that the instance defines, with its charge.
///
/// # Safety
/// Compiled code, whose instance has this context, passes these arguments and is on the stack.
pub unsafe fn grow_table(context: *mut VMContext, value: usize, delta: u32, table: u32) -> u32 {
    // SAFETY: compiled code passes the arguments that wasmer's builtin function expects.
    let size = unsafe { wasmer_vm_table_size(context, table) };
    // SAFETY: the types differ only in the value, a union of pointers, which the C ABI passes as a pointer.
    let grow: TableGrow = unsafe { std::mem::transmute(wasmer_vm_table_grow as *const ()) };
    // SAFETY: compiled code passes the arguments that wasmer's builtin function expects.
    grown(grow_charged(context, TableOf::Own(table), size, delta, || unsafe { grow(context, value, delta, table) }))
}

/// `table.grow` of a table that the instance imports.
unsafe extern "C" fn imported_table_grow(context: *mut VMContext, value: usize, delta: u32, table: u32) -> u32 {
    // SAFETY: compiled code passes the arguments that wasmer's builtin function expects.
    let size = unsafe { wasmer_vm_imported_table_size(context, table) };
    // SAFETY: the types differ only in the value, a union of pointers, which the C ABI passes as a pointer.
    let grow: TableGrow = unsafe { std::mem::transmute(wasmer_vm_imported_table_grow as *const ()) };
    // SAFETY: compiled code passes the arguments that wasmer's builtin function expects.
    grown(grow_charged(context, TableOf::Import(table), size, delta, || unsafe { grow(context, value, delta, table) }))
}

/// Runs `grow`, if there is room for `delta` more entries of a table and no limit refuses them. On the host's stack: at the
/// end of wasm's, a trap would leave the charges locked.
fn grow_charged(context: *mut VMContext, table: TableOf, size: u32, delta: u32, grow: impl FnOnce() -> u32) -> u32 {
    on_host_stack(|| {
        let definition = definition_in(context, table);
        let is_refused = |definition| charge_table_growth(definition, delta).is_err();
        if !may_grow(size, delta) || definition.is_some_and(is_refused) {
            return FAILED;
        }
        let before = grow();
        if before == FAILED
            && let Some(definition) = definition
        {
            release_table_growth(definition, delta);
        }
        before
    })
}

/// `table.set` of a table that the instance imports.
unsafe extern "C" fn imported_table_set(context: *mut VMContext, table: u32, entry: u32, value: usize) {
    // SAFETY: the types differ only in the value, a union of pointers, which the C ABI passes as a pointer.
    let set: TableSet = unsafe { std::mem::transmute(wasmer_vm_imported_table_set as *const ()) };
    // SAFETY: compiled code passes the arguments that wasmer's builtin function expects.
    unsafe { set(context, table, entry, value) };
    copy_entries(context, table, entry, 1);
    at_checkpoint();
}

/// wasmer's `table.fill`, which also writes the copy of an imported table.
///
/// # Safety
/// Compiled code, whose instance has this context, passes these arguments and is on the stack.
pub unsafe fn fill_table(context: *mut VMContext, table: u32, first: u32, value: usize, count: u32) {
    // SAFETY: the types differ only in the value, a union of pointers, which the C ABI passes as a pointer.
    let fill: TableFill = unsafe { std::mem::transmute(wasmer_vm_table_fill as *const ()) };
    // SAFETY: by the contract of this function.
    unsafe { fill(context, table, first, value, count) };
    copy_entries(context, table, first, count);
}

/// wasmer's `table.init`, which also writes the copy of an imported table.
///
/// # Safety
/// Compiled code, whose instance has this context, passes these arguments and is on the stack.
pub unsafe fn init_table(context: *mut VMContext, table: u32, segment: u32, to: u32, from: u32, count: u32) {
    // SAFETY: by the contract of this function.
    unsafe { wasmer_vm_table_init(context, table, segment, to, from, count) };
    copy_entries(context, table, to, count);
}

/// wasmer's `table.copy`, which also writes the copy of an imported table.
///
/// # Safety
/// Compiled code, whose instance has this context, passes these arguments and is on the stack.
pub unsafe fn copy_table(context: *mut VMContext, table: u32, source: u32, to: u32, from: u32, count: u32) {
    // SAFETY: by the contract of this function.
    unsafe { wasmer_vm_table_copy(context, table, source, to, from, count) };
    copy_entries(context, table, to, count);
}

/// Size of an entry of a table in bytes.
const ENTRY: usize = size_of::<usize>();

/// Whether there is room for a table to grow. wasmer does not check, and a failed allocation ends the process.
pub fn may_grow(size: u32, delta: u32) -> bool {
    // The new `Vec` has at most twice the new size: it doubles a capacity that was below the new size.
    delta == 0 || has_room((size as usize + delta as usize) * 2 * ENTRY)
}

/// Whether there is room for a new table.
pub fn may_begin(entries: u32) -> bool {
    has_room(entries as usize * ENTRY)
}
