//! Compiled modules on disk.

pub(in crate::engine) mod disk;
pub(in crate::engine) mod entry;
pub(in crate::engine) mod folder;
