//! N-API: the call trampoline, value conversion, buffers, what a store holds of its environment.
//! No policy: what may be linked, imported or grown is decided below.
// napi-derive registers nothing in test builds, which leaves all of this unused there.
#![cfg_attr(test, allow(dead_code))]

mod api;
mod call;
mod convert;
mod env;
mod gc;
mod link;
mod memory;
