//! A compiled module: its metadata, its image and its loaded code.

pub(in crate::engine) mod compiled_code;
pub(in crate::engine) mod image;
pub(in crate::engine) mod lazy_decoded;
pub(in crate::engine) mod loaded;
pub(in crate::engine) mod pipeline;
pub(in crate::engine) mod ranges;
