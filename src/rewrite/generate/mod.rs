//! Modules and function bodies that are written from nothing.

pub(in crate::rewrite) mod adapter;
pub(in crate::rewrite) mod batch;
pub(in crate::rewrite) mod forwarding_body;
