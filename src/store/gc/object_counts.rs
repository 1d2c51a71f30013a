//! Counts of objects by kind.

use std::ops::Sub;

/// Counts of the objects in a store, or of the objects that it has freed.
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
}

impl Sub for ObjectCounts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            instances: self.instances - other.instances,
            functions: self.functions - other.functions,
            memories: self.memories - other.memories,
            memory_bytes: self.memory_bytes - other.memory_bytes,
            tables: self.tables - other.tables,
            globals: self.globals - other.globals,
            tags: self.tags - other.tags,
        }
    }
}
