//! Transforms for an engine or for tier-up, which keep the meaning of a module.

pub(in crate::rewrite) mod atomics;
pub(in crate::rewrite) mod branches;
pub(in crate::rewrite) mod chains;
pub(in crate::rewrite) mod code;
pub(in crate::rewrite) mod elements;
pub(in crate::rewrite) mod legacy;
pub(in crate::rewrite) mod limits;
pub(in crate::rewrite) mod outlined;
pub(in crate::rewrite) mod strip;
pub(in crate::rewrite) mod tail_calls;
pub(in crate::rewrite) mod tier_up;
