//! Counts of the objects in a store.

use crate::engine::Code;
use crate::store::Store;
use crate::store::gc::object_counts::ObjectCounts;
use crate::store::gc::removal::bytes_of;
use std::sync::Arc;

impl Store {
    /// Counts of what has been freed so far.
    pub fn freed(&self) -> ObjectCounts {
        self.freed.get()
    }

    /// Number of instances; O(1).
    pub fn len(&self) -> usize {
        self.instances.borrow().len()
    }

    /// Counts the objects of the store.
    pub fn counts(&self) -> ObjectCounts {
        let instances = self.instances.borrow();
        let memories: Vec<_> = self.memories.borrow().all().map(|(handle, _)| handle).collect();
        ObjectCounts {
            instances: instances.values().filter(|instance| instance.is_users()).count() as u64,
            functions: instances.values().map(|instance| instance.function_count()).sum(),
            memories: memories.len() as u64,
            memory_bytes: bytes_of(self, memories.into_iter()),
            tables: self.tables.borrow().all().count() as u64,
            globals: self.globals.borrow().all().count() as u64,
            tags: self.tags.borrow().all().count() as u64,
        }
    }

    /// Size of the machine code of all instances, in bytes; shared code counts once.
    pub fn code_bytes(&self) -> u64 {
        let instances = self.instances.borrow();
        let mut codes: Vec<&Arc<Code>> = instances.values().map(|instance| instance.code()).collect();
        codes.sort_by_key(|code| Arc::as_ptr(code));
        codes.dedup_by_key(|code| Arc::as_ptr(code));
        codes.iter().map(|code| code.size as u64).sum()
    }
}
