//! Nodes: the units of the collector.

use crate::store::InstanceId;

/// The unit of the collector: an instance with all that it defines, since the definitions lie in its context, or an
/// object that the host made, by its object index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    /// An instance
    Instance(InstanceId),
    /// A memory that the host made
    Memory(usize),
    /// A table that the host made
    Table(usize),
    /// A global that the host made
    Global(usize),
    /// A tag that the host made
    Tag(usize),
}

impl Node {
    /// Whether the node can hold functions or externrefs.
    pub fn has_edges(self) -> bool {
        matches!(self, Self::Instance(_) | Self::Table(_) | Self::Global(_))
    }
}
