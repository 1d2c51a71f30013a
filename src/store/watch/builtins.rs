//! Checkpoints at all other instructions that call the host. In a loop of such instructions, a signal would seldom or
//! never find the thread in wasm code, however short they are.

use crate::engine::replace_builtins;
use crate::store::watch::checkpoint::{brief, checkpoint};
use crate::store::watch::record::ThreadRecord;
use wasmer::sys::vm::libcalls::{
    wasmer_vm_alloc_exception, wasmer_vm_data_drop, wasmer_vm_elem_drop, wasmer_vm_func_ref,
    wasmer_vm_imported_memory32_atomic_notify, wasmer_vm_imported_memory32_atomic_wait32,
    wasmer_vm_imported_memory32_atomic_wait64, wasmer_vm_imported_memory32_size, wasmer_vm_imported_table_get,
    wasmer_vm_imported_table_size, wasmer_vm_memory32_atomic_notify, wasmer_vm_memory32_atomic_wait32,
    wasmer_vm_memory32_atomic_wait64, wasmer_vm_memory32_size, wasmer_vm_read_exnref, wasmer_vm_table_get,
    wasmer_vm_table_set, wasmer_vm_table_size, wasmer_vm_throw,
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

/// Defines functions that are at a brief checkpoint, and then call one of wasmer's, which takes nanoseconds.
macro_rules! with_brief_checkpoint {
    ($($name:ident = $function:ident($($argument:ident: $ty:ty),*) $(-> $result:ty)?;)*) => {
        $(unsafe extern "C-unwind" fn $name(context: *mut VMContext, $($argument: $ty),*) $(-> $result)? {
            type Function = unsafe extern "C-unwind" fn(*mut VMContext, $($ty),*) $(-> $result)?;
            // SAFETY: the types differ only in references, which the C ABI passes and returns as pointers.
            let function: Function = unsafe { std::mem::transmute($function as *const ()) };
            // SAFETY: compiled code passes the arguments that wasmer's builtin function expects, and is on the stack.
            unsafe {
                brief();
                function(context, $($argument),*)
            }
        })*
    };
}

with_brief_checkpoint! {
    memory_size = wasmer_vm_memory32_size(memory: u32) -> u32;
    imported_memory_size = wasmer_vm_imported_memory32_size(memory: u32) -> u32;
    table_size = wasmer_vm_table_size(table: u32) -> u32;
    imported_table_size = wasmer_vm_imported_table_size(table: u32) -> u32;
    table_get = wasmer_vm_table_get(table: u32, entry: u32) -> usize;
    imported_table_get = wasmer_vm_imported_table_get(table: u32, entry: u32) -> usize;
    table_set = wasmer_vm_table_set(table: u32, entry: u32, value: usize);
    func_ref = wasmer_vm_func_ref(function: u32) -> usize;
    read_exnref = wasmer_vm_read_exnref(exception: u32) -> usize;
}

/// `throw_ref` and the end of `throw`: a loop that throws one exception again and again allocates none.
unsafe extern "C-unwind" fn throw(context: *mut VMContext, exception: u32) -> ! {
    // SAFETY: compiled code passes the arguments that wasmer's builtin function expects, and is on the stack.
    unsafe {
        brief();
        wasmer_vm_throw(context, exception)
    }
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
            (Index::get_memory32_size_index(), memory_size as *const ()),
            (Index::get_imported_memory32_size_index(), imported_memory_size as *const ()),
            (Index::get_table_size_index(), table_size as *const ()),
            (Index::get_imported_table_size_index(), imported_table_size as *const ()),
            (Index::get_table_get_index(), table_get as *const ()),
            (Index::get_imported_table_get_index(), imported_table_get as *const ()),
            (Index::get_table_set_index(), table_set as *const ()),
            (Index::get_func_ref_index(), func_ref as *const ()),
            (Index::get_imported_read_exnref_index(), read_exnref as *const ()),
            (Index::get_imported_throw_index(), throw as *const ()),
        ],
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test_support::{COMPILERS, compile, instantiate, new_store};
    use wasmer::sys::vm::LibCall as L;
    use wasmer::sys::vm::libcalls::function_pointer;

    /// wasmer's functions without a checkpoint: those that only trap or debug, and those between a throw and its handler.
    const WITHOUT: [L; 5] =
        [L::RaiseTrap, L::DebugUsize, L::DebugStr, L::EHPersonality2, L::LibunwindExceptionIntoExnRef];

    /// The others, but for `memory.grow`, which `LibCall` does not have.
    const REPLACED: [L; 29] = [
        L::Memory32Size,
        L::ImportedMemory32Size,
        L::TableCopy,
        L::TableInit,
        L::TableFill,
        L::TableSize,
        L::ImportedTableSize,
        L::TableGet,
        L::ImportedTableGet,
        L::TableSet,
        L::ImportedTableSet,
        L::TableGrow,
        L::ImportedTableGrow,
        L::FuncRef,
        L::ElemDrop,
        L::Memory32Copy,
        L::Memory32Fill,
        L::ImportedMemory32Fill,
        L::Memory32Init,
        L::DataDrop,
        L::Memory32AtomicWait32,
        L::ImportedMemory32AtomicWait32,
        L::Memory32AtomicWait64,
        L::ImportedMemory32AtomicWait64,
        L::Memory32AtomicNotify,
        L::ImportedMemory32AtomicNotify,
        L::Throw,
        L::AllocException,
        L::ReadExnRef,
    ];

    #[test]
    fn every_builtin_function_has_a_checkpoint() {
        for compiler in COMPILERS {
            let store = new_store();
            let instance = instantiate(&store, &compile("(module)", compiler), vec![]).unwrap();
            let vm = instance.vm.borrow();
            let (context, offsets) = (vm.as_ref().unwrap().vmctx_ptr().cast::<u8>(), vm.as_ref().unwrap().vmoffsets());
            let begin = offsets.vmctx_builtin_function(Index::get_memory32_grow_index()) as usize;
            let count = Index::builtin_functions_total_number() as usize;
            // SAFETY: the list of builtin functions, with the first one at its begin.
            let list = unsafe { std::slice::from_raw_parts(context.add(begin).cast::<usize>(), count) };
            assert_eq!(list.len(), REPLACED.len() + WITHOUT.len() + 2);
            for call in WITHOUT {
                assert!(list.contains(&function_pointer(call)), "{call:?}");
            }
            for call in REPLACED {
                assert!(!list.contains(&function_pointer(call)), "{call:?}");
            }
        }
    }
}
