//! Compiled code: its image, and the image loaded.

pub(in crate::engine) mod image;
pub(in crate::engine) mod lazy_decoded;
pub(in crate::engine) mod loaded;
pub(in crate::engine) mod ranges;
