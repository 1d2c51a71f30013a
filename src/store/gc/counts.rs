//! Counts of the objects in a store.

use crate::engine::Code;
use crate::store::Store;
use crate::store::gc::freed::Freed;
use crate::store::gc::removal::bytes_of;
use std::sync::Arc;

/// Counts of the objects in a store.
#[derive(Debug, Clone, Copy, Default)]
pub struct ObjectCounts {
    /// Instances that the user made, including closed ones that are still linked
    pub instances: u64,
    /// Functions that instances define, plus host functions that they import
    pub functions: u64,
    /// Memories
    pub memories: u64,
    /// Size of these memories, in bytes
    pub memory_bytes: u64,
    /// Tables
    pub tables: u64,
    /// Globals
    pub globals: u64,
    /// Tags
    pub tags: u64,
    /// Size of the machine code of all instances, in bytes; shared code counts once
    pub code_bytes: u64,
}

impl Store {
    /// Counts of what has been freed so far.
    pub fn freed(&self) -> Freed {
        self.freed.get()
    }

    /// Number of instances; O(1).
    pub fn len(&self) -> usize {
        self.instances.borrow().len()
    }

    /// Counts the objects of the store.
    pub fn counts(&self) -> ObjectCounts {
        let instances = self.instances.borrow();
        let mut codes: Vec<&Arc<Code>> = instances.values().map(|instance| instance.code()).collect();
        codes.sort_by_key(|code| Arc::as_ptr(code));
        codes.dedup_by_key(|code| Arc::as_ptr(code));
        let memories: Vec<_> = self.memories.borrow().all().map(|(handle, _)| handle).collect();
        ObjectCounts {
            instances: instances.values().filter(|instance| instance.is_users()).count() as u64,
            functions: instances.values().map(|instance| instance.function_count()).sum(),
            memories: memories.len() as u64,
            memory_bytes: bytes_of(self, memories.into_iter()),
            tables: self.tables.borrow().all().count() as u64,
            globals: self.globals.borrow().all().count() as u64,
            tags: self.tags.borrow().all().count() as u64,
            code_bytes: codes.iter().map(|code| code.size as u64).sum(),
        }
    }
}
