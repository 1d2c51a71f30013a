//! Objects of a store: memories, tables, globals, tags, exceptions, and references to functions and values.

pub(in crate::store) mod detached_memory;
pub(in crate::store) mod exception;
pub(in crate::store) mod forwarders;
pub(in crate::store) mod funcref;
pub(in crate::store) mod global;
pub(in crate::store) mod id;
pub(in crate::store) mod importer_memory;
pub(in crate::store) mod index;
pub(in crate::store) mod memory;
pub(in crate::store) mod reference;
pub(in crate::store) mod table;
pub(in crate::store) mod table_facts;
pub(in crate::store) mod tag;
