//! Slots: the selection of functions, the plan, and the module whose calls go through slots.

pub(in crate::rewrite) mod body;
pub(in crate::rewrite) mod declared;
pub(in crate::rewrite) mod encode;
pub(in crate::rewrite) mod fixed_tables;
pub(in crate::rewrite) mod naming;
pub(in crate::rewrite) mod origins;
pub(in crate::rewrite) mod plan;
pub(in crate::rewrite) mod report;
pub(in crate::rewrite) mod sections;
pub(in crate::rewrite) mod selection;
pub(in crate::rewrite) mod slot;
