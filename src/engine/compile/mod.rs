//! Compilers, and the steps of a compile.

pub(in crate::engine) mod cache_target;
pub(in crate::engine) mod cancellation;
pub(in crate::engine) mod choice;
pub(in crate::engine) mod compiler;
pub(in crate::engine) mod options;
pub(in crate::engine) mod pipeline;
pub(in crate::engine) mod threads;
