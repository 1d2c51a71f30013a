//! A compiled module: its image, and its code where it can be run.

pub(in crate::engine) mod compiled_code;
pub(in crate::engine) mod image;
pub(in crate::engine) mod lazy_decoded;
pub(in crate::engine) mod loaded;
pub(in crate::engine) mod parts;
