//! Calls between JavaScript and WebAssembly: of exported functions, of imported functions, and `fn.map`.

pub(in crate::napi) mod after;
pub(in crate::napi) mod function;
pub(in crate::napi) mod import;
pub(in crate::napi) mod invoke;
pub(in crate::napi) mod look;
pub(in crate::napi) mod map;
pub(in crate::napi) mod parked;
pub(in crate::napi) mod resume;
pub(in crate::napi) mod scope;
