//! The mark-and-sweep collector.

pub(in crate::store) mod collector;
pub(in crate::store) mod mark;
pub(in crate::store) mod rooted;
