//! wasm-relink: replaces functions of running WebAssembly plugins, from Node.js.
//!
//! Layers, from the top: `napi`, `wasi`, `link`, `store`, `engine`, `rewrite`, `wasm`, `error`. Each uses only those below it. See
//! `docs/internals/overview.md`.

mod engine;
mod error;
mod link;
mod napi;
mod rewrite;
mod store;
mod wasi;
mod wasm;
