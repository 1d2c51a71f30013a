//! The allocator for memories, tables and globals, and the reuse of their space.

pub(in crate::engine) mod addresses;
pub(in crate::engine) mod builtins;
pub(in crate::engine) mod free_list;
pub(in crate::engine) mod full_memory;
pub(in crate::engine) mod growths;
pub(in crate::engine) mod instance_allocator;
pub(in crate::engine) mod limits;
pub(in crate::engine) mod quota;
pub(in crate::engine) mod reserve;
pub(in crate::engine) mod room;
pub(in crate::engine) mod shared_memory;
pub(in crate::engine) mod small_memory;
pub(in crate::engine) mod table_charges;
pub(in crate::engine) mod table_copies;
pub(in crate::engine) mod trim;
pub(in crate::engine) mod tunables;
pub(in crate::engine) mod unmapper;
