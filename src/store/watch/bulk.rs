//! Bulk instructions in pieces, with a checkpoint after each piece: on gigabytes they take seconds.
//!
//! Compiled code calls these functions instead of wasmer's, and these call wasmer's for each piece, or those that also
//! write the copies of tables.

use crate::engine::{copy_table, fill_table, init_table, replace_builtins};
use crate::store::watch::checkpoint::checkpoint;
use crate::store::watch::record::{ThreadRecord, is_any_flagged};
use wasmer::sys::vm::libcalls::{
    wasmer_vm_imported_memory32_fill, wasmer_vm_memory32_copy, wasmer_vm_memory32_fill, wasmer_vm_memory32_init,
};
use wasmer::sys::vm::{VMBuiltinFunctionIndex as Index, VMContext, VMInstance};

/// The lengths of an instruction's pieces.
struct Pieces {
    /// Length from which there are always checkpoints; in shorter instructions only while a thread has a flag
    long: u32,
    /// Maximum length of a piece
    most: u32,
}

impl Pieces {
    /// Whether an instruction needs no checkpoint.
    fn is_short(&self, length: u32) -> bool {
        length < self.long && !is_any_flagged()
    }
}

/// In bytes
const MEMORY: Pieces = Pieces { long: 4096, most: 1 << 20 };

/// In entries
const TABLE: Pieces = Pieces { long: 256, most: 1 << 18 };

/// Installs the functions in a new instance whose code has not run yet.
pub fn install(instance: &VMInstance) {
    replace_builtins(
        instance,
        &[
            (Index::get_memory_fill_index(), memory_fill as *const ()),
            (Index::get_imported_memory_fill_index(), imported_memory_fill as *const ()),
            (Index::get_memory_copy_index(), memory_copy as *const ()),
            (Index::get_memory_init_index(), memory_init as *const ()),
            (Index::get_table_fill_index(), table_fill as *const ()),
            (Index::get_table_copy_index(), table_copy as *const ()),
            (Index::get_table_init_index(), table_init as *const ()),
        ],
    );
}

/// Runs `run(offset, length)` for each piece of `length` units; the last one first if `backwards`. If there are several
/// pieces, `run(length, 0)` comes first, which traps if the whole range is out of bounds.
///
/// # Safety
/// `run` may run so. Wasm is on the stack, and no frame above it has a value to drop, nor does `run`.
#[inline(never)]
unsafe fn in_pieces(length: u32, pieces: Pieces, backwards: bool, run: impl Fn(u32, u32)) {
    let record = ThreadRecord::of_thread();
    if length > pieces.most {
        run(length, 0);
    }
    let mut done = 0;
    loop {
        let count = pieces.most.min(length - done);
        let offset = if backwards { length - done - count } else { done };
        run(offset, count);
        done += count;
        // SAFETY: by the contract of this function.
        unsafe { checkpoint(record) };
        if done == length {
            break;
        }
    }
}

/// `memory.fill` of a memory that the instance defines.
unsafe extern "C" fn memory_fill(context: *mut VMContext, memory: u32, to: u32, value: u32, length: u32) {
    // SAFETY: compiled code passes the arguments that wasmer's builtin function expects, and is on the stack.
    unsafe {
        if MEMORY.is_short(length) || to.checked_add(length).is_none() {
            return wasmer_vm_memory32_fill(context, memory, to, value, length);
        }
        in_pieces(length, MEMORY, false, |offset, count| {
            wasmer_vm_memory32_fill(context, memory, to + offset, value, count);
        });
    }
}

/// `memory.fill` of a memory that the instance imports.
unsafe extern "C" fn imported_memory_fill(context: *mut VMContext, memory: u32, to: u32, value: u32, length: u32) {
    // SAFETY: as in `memory_fill`.
    unsafe {
        if MEMORY.is_short(length) || to.checked_add(length).is_none() {
            return wasmer_vm_imported_memory32_fill(context, memory, to, value, length);
        }
        in_pieces(length, MEMORY, false, |offset, count| {
            wasmer_vm_imported_memory32_fill(context, memory, to + offset, value, count);
        });
    }
}

/// `memory.copy`. Both indices may mean the same memory: pieces go in the direction in which no piece overwrites the
/// source of a later one.
unsafe extern "C" fn memory_copy(
    context: *mut VMContext,
    to_memory: u32,
    from_memory: u32,
    to: u32,
    from: u32,
    length: u32,
) {
    // SAFETY: as in `memory_fill`.
    unsafe {
        if MEMORY.is_short(length) || to.max(from).checked_add(length).is_none() {
            return wasmer_vm_memory32_copy(context, to_memory, from_memory, to, from, length);
        }
        in_pieces(length, MEMORY, to > from, |offset, count| {
            wasmer_vm_memory32_copy(context, to_memory, from_memory, to + offset, from + offset, count);
        });
    }
}

/// `memory.init`.
///
/// # Safety
/// Compiled code passes these arguments, and is on the stack.
pub unsafe extern "C" fn memory_init(context: *mut VMContext, memory: u32, data: u32, to: u32, from: u32, length: u32) {
    // SAFETY: as in `memory_fill`.
    unsafe {
        if MEMORY.is_short(length) || to.max(from).checked_add(length).is_none() {
            return wasmer_vm_memory32_init(context, memory, data, to, from, length);
        }
        in_pieces(length, MEMORY, false, |offset, count| {
            wasmer_vm_memory32_init(context, memory, data, to + offset, from + offset, count);
        });
    }
}

/// `table.fill`.
unsafe extern "C" fn table_fill(context: *mut VMContext, table: u32, to: u32, value: usize, length: u32) {
    // SAFETY: as in `memory_fill`.
    unsafe {
        if TABLE.is_short(length) || to.checked_add(length).is_none() {
            return fill_table(context, table, to, value, length);
        }
        in_pieces(length, TABLE, false, |offset, count| fill_table(context, table, to + offset, value, count));
    }
}

/// `table.copy`; see `memory_copy`.
unsafe extern "C" fn table_copy(
    context: *mut VMContext,
    to_table: u32,
    from_table: u32,
    to: u32,
    from: u32,
    length: u32,
) {
    // SAFETY: as in `memory_fill`.
    unsafe {
        if TABLE.is_short(length) || to.max(from).checked_add(length).is_none() {
            return copy_table(context, to_table, from_table, to, from, length);
        }
        in_pieces(length, TABLE, to > from, |offset, count| {
            copy_table(context, to_table, from_table, to + offset, from + offset, count);
        });
    }
}

/// `table.init`.
///
/// # Safety
/// As for `memory_init`.
pub unsafe extern "C" fn table_init(
    context: *mut VMContext,
    table: u32,
    elements: u32,
    to: u32,
    from: u32,
    length: u32,
) {
    // SAFETY: as in `memory_fill`.
    unsafe {
        if TABLE.is_short(length) || to.max(from).checked_add(length).is_none() {
            return init_table(context, table, elements, to, from, length);
        }
        in_pieces(length, TABLE, false, |offset, count| {
            init_table(context, table, elements, to + offset, from + offset, count);
        });
    }
}
