//! Conversion between WebAssembly and JavaScript: values, externrefs, exceptions, descriptions of modules.

pub(in crate::napi) mod describe;
pub(in crate::napi) mod exceptions;
pub(in crate::napi) mod references;
pub(in crate::napi) mod value;
