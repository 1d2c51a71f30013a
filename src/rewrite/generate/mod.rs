//! Generated modules and function bodies.

pub(in crate::rewrite) mod adapter;
pub(in crate::rewrite) mod batch;
pub(in crate::rewrite) mod forwarding_body;
pub(in crate::rewrite) mod split;
