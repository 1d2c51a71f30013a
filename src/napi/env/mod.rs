//! The environment: the store in it, references to values of JavaScript, and errors that are thrown.

pub(in crate::napi) mod background;
pub(in crate::napi) mod context;
pub(in crate::napi) mod reference;
pub(in crate::napi) mod throw;
