//! The first memory of an instance, for the host functions that the instance imports.

use std::ptr::NonNull;
use wasmer::sys::vm::{LinearMemory, VMMemory, VMMemoryDefinition};

/// The first memory of the instance that imports a host function. The instance owns its host functions and keeps its
/// memories, so the memory exists whenever the function runs.
#[derive(Debug, Clone, Copy)]
pub struct ImporterMemory {
    definition: NonNull<VMMemoryDefinition>,
    /// Whether other threads may use it
    pub is_shared: bool,
}

impl ImporterMemory {
    pub(in crate::store) fn new(memory: &VMMemory) -> Self {
        Self { definition: memory.vmmemory(), is_shared: memory.ty().shared }
    }

    /// Address of the memory and its size in bytes. A memory never moves or shrinks.
    pub fn data(self) -> (*mut u8, usize) {
        // SAFETY: the memory exists while the importer calls the function, and only this thread writes the definition.
        let VMMemoryDefinition { base, current_length } = unsafe { *self.definition.as_ptr() };
        (base, current_length)
    }
}
