//! Which functions become slots, and the module in which calls go through them.

pub(in crate::rewrite) mod body;
pub(in crate::rewrite) mod declared;
pub(in crate::rewrite) mod encode;
pub(in crate::rewrite) mod naming;
pub(in crate::rewrite) mod origins;
pub(in crate::rewrite) mod plan;
pub(in crate::rewrite) mod report;
pub(in crate::rewrite) mod sections;
pub(in crate::rewrite) mod selection;
pub(in crate::rewrite) mod slot;
