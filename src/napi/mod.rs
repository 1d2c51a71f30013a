//! N-API: the call trampoline, value conversion, buffers, what a store holds of its environment.
//! No policy: what may be linked, imported or grown is decided below.
// napi-derive registers nothing in test builds, which leaves all of this unused there.
#![cfg_attr(test, allow(dead_code))]

mod background;
mod backing;
mod bare;
mod buffer;
mod cache;
mod cells;
mod collect;
mod compile;
mod context;
mod describe;
mod direct;
mod exceptions;
mod function;
mod handles;
mod import;
mod inspect;
mod keepers;
mod map;
mod module;
mod objects;
mod record;
mod reference;
mod references;
mod relink;
mod shared;
mod store;
mod throw;
mod value;
