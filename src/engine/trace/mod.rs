//! Stack traces: the function to which an address of code belongs, and its name.

pub(in crate::engine) mod author_offsets;
pub(in crate::engine) mod frames;
pub(in crate::engine) mod function_names;
