//! Garbage collection: when a store collects, and how JavaScript objects and store objects keep each other alive.

pub(in crate::napi) mod collect;
pub(in crate::napi) mod handles;
pub(in crate::napi) mod retainers;
pub(in crate::napi) mod undo_roots;
