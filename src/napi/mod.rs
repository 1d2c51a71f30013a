//! The N-API layer: the call trampoline, value conversion, buffers, and a store's references to its environment. It has
//! no policy: `link` and `store` decide what may be linked, imported or grown.
// napi-derive registers no items in test builds, so this code is unused there.
#![cfg_attr(test, allow(dead_code))]

mod api;
mod call;
mod context;
mod convert;
mod env;
mod gc;
mod link;
mod memory;
mod wasi;
