//! Functions that are to be linked.

use super::slot::SlotId;
use crate::store::{FuncRef, TableId};

/// Facts about a function that is to be linked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Implementation {
    /// The function
    pub function: FuncRef,
    /// Whether its instance was closed
    pub is_closed: bool,
    /// The slot whose thunk it is
    pub thunk_of: Option<SlotId>,
    /// Whether its declared Rust types have pointers
    pub has_pointers: bool,
    /// The function that callers of a table can call for it
    pub native: Option<(TableId, FuncRef)>,
}

/// An implementation that was checked for a slot.
#[derive(Debug, Clone, Copy)]
pub struct CheckedImplementation {
    /// The function that callers of the slot can call for it: itself, or its bridge or tier-up copy
    pub(super) native: FuncRef,
    /// The slot whose thunk it is
    pub(super) thunk_of: Option<SlotId>,
}
