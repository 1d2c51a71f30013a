//! Compilers, and the registry of modules that this process has compiled.

pub(in crate::engine) mod cancellation;
pub(in crate::engine) mod choice;
pub(in crate::engine) mod compiled;
pub(in crate::engine) mod compiler;
pub(in crate::engine) mod options;
pub(in crate::engine) mod threads;
pub(in crate::engine) mod tier_up;
pub(in crate::engine) mod types;
