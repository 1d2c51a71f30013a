//! When a store collects, and which objects of JavaScript and of the store keep each other alive.

pub(in crate::napi) mod collect;
pub(in crate::napi) mod handles;
pub(in crate::napi) mod retainers;
pub(in crate::napi) mod undo_roots;
