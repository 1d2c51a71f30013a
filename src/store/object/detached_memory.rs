//! Memories that have left their store.

use crate::engine::SetAside;
use wasmer::sys::vm::{LinearMemory, VMMemory};

/// A memory that has left its store. Its bytes stay mapped until this is dropped.
pub struct DetachedMemory {
    // Dropped before the memory, whose charge ends then.
    #[expect(dead_code, reason = "held for its destructor")]
    aside: Option<SetAside>,
    #[expect(dead_code, reason = "held for its destructor")]
    memory: VMMemory,
    bytes: u64,
}

impl DetachedMemory {
    /// # Safety
    /// The definition of the memory is still allocated.
    pub(in crate::store) unsafe fn new(memory: VMMemory) -> Self {
        // SAFETY: by the contract of this function.
        let bytes = unsafe { (*memory.vmmemory().as_ptr()).current_length };
        Self { aside: None, memory, bytes: bytes as u64 }
    }

    /// A memory whose definition is another memory's now; `bytes` is its size. It no longer counts in the quota of its instance,
    /// if its charge was set aside there.
    pub(in crate::store) fn replaced(memory: VMMemory, bytes: u64, aside: Option<SetAside>) -> Self {
        Self { aside, memory, bytes }
    }

    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
