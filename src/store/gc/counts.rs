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

#[cfg(test)]
mod tests {
    use crate::engine::Compiler;
    use crate::store::Roots;
    use crate::store::test_support::{EVERYTHING, collect, compile, everything, new_store};

    #[test]
    fn what_was_there_is_what_was_freed() {
        let store = new_store();
        let code = compile(EVERYTHING, Compiler::Cranelift);
        let instances = [everything(&store, &code), everything(&store, &code)];
        let counts = store.counts();
        assert_eq!(
            (counts.instances, counts.functions, store.code_bytes()),
            (2, 6, code.size as u64),
            "shared code counts once"
        );
        assert_eq!((counts.memories, counts.memory_bytes), (2, 2 << 16));
        assert_eq!((counts.tables, counts.globals, counts.tags), (2, 2, 4));
        assert_eq!(store.len(), 2);
        drop(instances);
        collect(&store, &Roots::default());
        let (freed, left) = (store.freed(), store.counts());
        assert_eq!((freed.instances, freed.functions, freed.memory_bytes), (2, 6, 2 << 16));
        assert_eq!((freed.memories, freed.tables, freed.globals, freed.tags), (2, 2, 2, 4));
        assert_eq!((left.instances, left.memories, left.tables, left.globals, left.tags), (0, 0, 0, 0, 0));
    }
}
