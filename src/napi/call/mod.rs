//! Calls between JavaScript and WebAssembly.

pub(in crate::napi) mod function;
pub(in crate::napi) mod import;
pub(in crate::napi) mod map;
pub(in crate::napi) mod raw_callbacks;
pub(in crate::napi) mod shared_values;
