//! Calls between JavaScript and WebAssembly: exported functions, imported functions, `fn.map`, and raw callbacks.

pub(in crate::napi) mod exported;
pub(in crate::napi) mod function;
pub(in crate::napi) mod import;
pub(in crate::napi) mod invoke;
pub(in crate::napi) mod look;
pub(in crate::napi) mod map;
pub(in crate::napi) mod raw_callbacks;
pub(in crate::napi) mod scope;
