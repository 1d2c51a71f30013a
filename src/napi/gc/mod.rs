//! Garbage collection: when a store collects, and how JavaScript objects and store objects keep each other alive.

pub(in crate::napi) mod collect;
pub(in crate::napi) mod functions;
pub(in crate::napi) mod pace;
pub(in crate::napi) mod policy;
pub(in crate::napi) mod retainers;
pub(in crate::napi) mod undo_roots;
pub(in crate::napi) mod wrappers;
