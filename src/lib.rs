//! wasm-relink: change what a running WebAssembly plugin does, from Node.js.
//!
//! Layers, each knowing those below it only: `napi`, `link`, `store`, `engine`, `rewrite`,
//! `wasm`, `error`. See `docs/internals/overview.md`.

mod engine;
mod error;
mod link;
mod napi;
mod rewrite;
mod store;
mod wasm;
