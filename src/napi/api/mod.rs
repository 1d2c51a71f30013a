//! The cold functions and methods that `lib/` calls.

pub(in crate::napi) mod bench_baseline;
pub(in crate::napi) mod cache;
pub(in crate::napi) mod compile;
pub(in crate::napi) mod inspect;
pub(in crate::napi) mod module;
pub(in crate::napi) mod objects;
pub(in crate::napi) mod refusals;
pub(in crate::napi) mod store;
