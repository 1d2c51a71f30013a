//! Counts of what a store has freed.

/// Counts of what a store has freed since it was made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Freed {
    /// Instances
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
