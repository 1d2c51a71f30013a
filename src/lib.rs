//! wasm-relink: replaces functions of running WebAssembly plugins, from Node.js.
//!
//! Layers, from the top: `napi`, `wasi`, `link`, `store`, `engine`, `rewrite`, `abi`, `wasm`, `error`. Each uses only
//! those below it. See `docs/internals/overview.md`.

mod abi;
mod engine;
mod error;
mod link;
mod napi;
mod rewrite;
mod store;
mod wasi;
mod wasm;
