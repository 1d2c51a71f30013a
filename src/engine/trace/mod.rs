//! Stack traces: the function that an address of code belongs to, and its name.

pub(in crate::engine) mod frames;
pub(in crate::engine) mod function_names;
