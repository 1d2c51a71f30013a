//! The parts of the addon that need neither an engine nor Node, as a library of their own.
#![allow(dead_code, reason = "the rest of the addon uses it")]

#[path = "../../src/abi/mod.rs"]
pub mod abi;
pub mod engine;
#[path = "../../src/error/mod.rs"]
pub mod error;
#[path = "../../src/link/manifest.rs"]
pub mod manifest;
#[path = "../../src/rewrite/mod.rs"]
pub mod rewrite;
#[path = "../../src/wasm/mod.rs"]
pub mod wasm;
