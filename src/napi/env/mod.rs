//! The N-API environment: the context of a store, references to JavaScript values, background work, thrown errors.

pub(in crate::napi) mod background;
pub(in crate::napi) mod context;
pub(in crate::napi) mod reference;
pub(in crate::napi) mod throw;
