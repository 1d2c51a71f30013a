//! The N-API environment: safe values, references and exceptions, the functions of `lib/`, background work, and the errors
//! of cold calls. Nothing here knows a store.

pub(in crate::napi) mod background;
pub(in crate::napi) mod bytes;
pub(in crate::napi) mod deferred;
pub(in crate::napi) mod environment;
pub(in crate::napi) mod exception;
pub(in crate::napi) mod external_memory;
pub(in crate::napi) mod function;
pub(in crate::napi) mod lib_functions;
pub(in crate::napi) mod parked_calls;
pub(in crate::napi) mod reference;
pub(in crate::napi) mod running;
pub(in crate::napi) mod shared_values;
pub(in crate::napi) mod throw;
pub(in crate::napi) mod value;
