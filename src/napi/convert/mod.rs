//! Conversion between WebAssembly and JavaScript: values, functions, externrefs, exceptions, and descriptions.

pub(in crate::napi) mod describe;
pub(in crate::napi) mod exceptions;
pub(in crate::napi) mod exported;
pub(in crate::napi) mod externref_charges;
pub(in crate::napi) mod externref_sweep;
pub(in crate::napi) mod externrefs;
pub(in crate::napi) mod free_numbers;
pub(in crate::napi) mod holders;
pub(in crate::napi) mod retained_values;
pub(in crate::napi) mod thrown;
pub(in crate::napi) mod types;
pub(in crate::napi) mod value;
