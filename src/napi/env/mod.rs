//! The N-API environment: the context of a store, references to JavaScript values, background work, external memory, thrown errors.

pub(in crate::napi) mod background;
pub(in crate::napi) mod context;
pub(in crate::napi) mod external_memory;
pub(in crate::napi) mod reference;
pub(in crate::napi) mod throw;
