//! The cold API for `lib/`: a file for each noun. The frequent calls are in `call/` and `link/`.

#[cfg(feature = "bench")]
mod bench_baseline;
pub(in crate::napi) mod cache;
mod collector;
pub(in crate::napi) mod compile;
mod inspect;
mod instances;
mod interruption;
mod manifest;
pub(in crate::napi) mod module;
pub(in crate::napi) mod native_store;
pub(in crate::napi) mod objects;
mod recycling;
mod refusals;
mod store;
mod typed;
