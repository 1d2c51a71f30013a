//! Checkpoints after other instructions that run on the host's stack or take long. In a loop of such instructions, a
//! signal would seldom find the thread in wasm code.

use crate::engine::replace_builtins;
use crate::store::watch::checkpoint::checkpoint;
use crate::store::watch::record::ThreadRecord;
use wasmer::sys::vm::libcalls::{
    wasmer_vm_alloc_exception, wasmer_vm_data_drop, wasmer_vm_elem_drop, wasmer_vm_imported_memory32_atomic_notify,
    wasmer_vm_imported_memory32_atomic_wait32, wasmer_vm_imported_memory32_atomic_wait64,
    wasmer_vm_memory32_atomic_notify, wasmer_vm_memory32_atomic_wait32, wasmer_vm_memory32_atomic_wait64,
};
use wasmer::sys::vm::{VMBuiltinFunctionIndex as Index, VMContext, VMInstance};

/// Defines functions that call one of wasmer's, and then are at a checkpoint.
macro_rules! with_checkpoint {
    ($($abi:literal $name:ident = $function:ident($($argument:ident: $ty:ty),*) $(-> $result:ty)?;)*) => {
        $(unsafe extern $abi fn $name(context: *mut VMContext, $($argument: $ty),*) $(-> $result)? {
            // SAFETY: compiled code passes the arguments that wasmer's builtin function expects, and is on the stack.
            unsafe {
                let result = $function(context, $($argument),*);
                checkpoint(ThreadRecord::of_thread());
                result
            }
        })*
    };
}

with_checkpoint! {
    "C" wait32 = wasmer_vm_memory32_atomic_wait32(memory: u32, at: u32, value: u32, timeout: i64) -> u32;
    "C" imported_wait32 = wasmer_vm_imported_memory32_atomic_wait32(memory: u32, at: u32, value: u32, timeout: i64) -> u32;
    "C" wait64 = wasmer_vm_memory32_atomic_wait64(memory: u32, at: u32, value: u64, timeout: i64) -> u32;
    "C" imported_wait64 = wasmer_vm_imported_memory32_atomic_wait64(memory: u32, at: u32, value: u64, timeout: i64) -> u32;
    "C" notify = wasmer_vm_memory32_atomic_notify(memory: u32, at: u32, count: u32) -> u32;
    "C" imported_notify = wasmer_vm_imported_memory32_atomic_notify(memory: u32, at: u32, count: u32) -> u32;
    "C" data_drop = wasmer_vm_data_drop(index: u32);
    "C" elem_drop = wasmer_vm_elem_drop(index: u32);
    "C-unwind" alloc_exception = wasmer_vm_alloc_exception(tag: u32) -> u32;
}

/// Installs the functions in a new instance whose code has not run yet.
pub fn install(instance: &VMInstance) {
    replace_builtins(
        instance,
        &[
            (Index::get_memory_atomic_wait32_index(), wait32 as *const ()),
            (Index::get_imported_memory_atomic_wait32_index(), imported_wait32 as *const ()),
            (Index::get_memory_atomic_wait64_index(), wait64 as *const ()),
            (Index::get_imported_memory_atomic_wait64_index(), imported_wait64 as *const ()),
            (Index::get_memory_atomic_notify_index(), notify as *const ()),
            (Index::get_imported_memory_atomic_notify_index(), imported_notify as *const ()),
            (Index::get_data_drop_index(), data_drop as *const ()),
            (Index::get_elem_drop_index(), elem_drop as *const ()),
            (Index::get_imported_alloc_exception_index(), alloc_exception as *const ()),
        ],
    );
}
