//! Calls into WebAssembly and out of it.

pub(in crate::store) mod active_calls;
pub(in crate::store) mod call_stack;
pub(in crate::store) mod call_stacks;
pub(in crate::store) mod host;
pub(in crate::store) mod host_call;
pub(in crate::store) mod host_stack;
pub(in crate::store) mod import_stub;
pub(in crate::store) mod invoke;
pub(in crate::store) mod lowered_stack;
pub(in crate::store) mod own_stack;
pub(in crate::store) mod own_stacks;
pub(in crate::store) mod return_stack;
pub(in crate::store) mod shadow_stack;
pub(in crate::store) mod stack_bases;
pub(in crate::store) mod stack_guard;
pub(in crate::store) mod stack_pointer;
pub(in crate::store) mod stack_switch;
pub(in crate::store) mod static_code;
pub(in crate::store) mod suspendable_call;
pub(in crate::store) mod suspendable_calls;
pub(in crate::store) mod suspendable_stack;
pub(in crate::store) mod suspension;
pub(in crate::store) mod tail_calls;
pub(in crate::store) mod wasm_stack;
