//! Batches: many calls of one function in one call into WebAssembly.

pub(in crate::store) mod batches;
pub(in crate::store) mod running_batch;
