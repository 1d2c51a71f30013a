//! Objects that leave their store.

use crate::engine::release_table;
use crate::store::instance::entity::Objects;
use crate::store::{DetachedMemory, MemoryId, Store};
use wasmer::sys::vm::{InternalStoreHandle, LinearMemory, VMMemory};

impl MemoryId {
    /// Takes the memory out of a store that is about to be dropped. None if there is no memory with this id.
    pub fn detach(self, store: &Store) -> Option<DetachedMemory> {
        let mut memories = store.memories.borrow_mut();
        let handle = memories.known(self.0)?;
        // SAFETY: instances keep their contexts until the store is dropped.
        Some(store.with_objects(|objects| unsafe { DetachedMemory::new(memories.remove(objects, handle)) }))
    }
}

impl Objects {
    /// Takes the objects out of the store. Returns the memories that had an id.
    pub(in crate::store) fn remove(&self, store: &Store) -> Vec<(MemoryId, DetachedMemory)> {
        let Self { memories: freed, tables, globals, tags } = self;
        store.with_objects(|objects| {
            let mut memories = Vec::new();
            for handle in freed {
                let mut index = store.memories.borrow_mut();
                let id = index.known_id(*handle);
                let memory = index.remove(objects, *handle);
                // SAFETY: a memory with an id is defined in an instance's context, which is freed later, or is the
                // host's.
                memories.extend(id.map(|id| (MemoryId(id), unsafe { DetachedMemory::new(memory) })));
            }
            tables.iter().for_each(|handle| release_table(&store.tables.borrow_mut().remove(objects, *handle)));
            globals.iter().for_each(|handle| drop(store.globals.borrow_mut().remove(objects, *handle)));
            tags.iter().for_each(|handle| drop(store.tags.borrow_mut().remove(objects, *handle)));
            memories
        })
    }
}

/// Size of these memories, in bytes.
pub(in crate::store) fn bytes_of(store: &Store, memories: impl Iterator<Item = InternalStoreHandle<VMMemory>>) -> u64 {
    store.with_objects(|objects| {
        // SAFETY: the definition lives as long as its memory.
        let length = |handle: InternalStoreHandle<VMMemory>| unsafe {
            (*handle.get(objects).vmmemory().as_ptr()).current_length
        };
        memories.map(|handle| length(handle) as u64).sum()
    })
}
