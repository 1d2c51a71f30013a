//! The mark-and-sweep collector.

pub(in crate::store) mod close;
pub(in crate::store) mod counts;
pub(in crate::store) mod edges;
pub(in crate::store) mod externrefs;
pub(in crate::store) mod mark;
pub(in crate::store) mod node;
pub(in crate::store) mod object_counts;
pub(in crate::store) mod removal;
pub(in crate::store) mod root;
pub(in crate::store) mod rooted;
pub(in crate::store) mod stack_roots;
pub(in crate::store) mod sweep;
