//! The disk cache: its folder, the form of its entries, and look-up.

pub(in crate::engine) mod disk;
pub(in crate::engine) mod entry;
pub(in crate::engine) mod folder;
