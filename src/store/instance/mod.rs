//! Instances: instantiation, tier-up, recycling, and the open flag.

pub(in crate::store) mod entity;
pub(in crate::store) mod exports;
pub(in crate::store) mod extern_value;
pub(in crate::store) mod forwarders;
pub(in crate::store) mod functions;
pub(in crate::store) mod imported_tables;
pub(in crate::store) mod imports;
pub(in crate::store) mod instantiate;
pub(in crate::store) mod open_flag;
pub(in crate::store) mod recycle;
pub(in crate::store) mod resolved;
pub(in crate::store) mod tier_up;
pub(in crate::store) mod unwound;
