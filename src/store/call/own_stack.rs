//! The shadow stack that a call which may be suspended has to itself.

use crate::store::call::stack_pointer::StackPointer;

/// A shadow stack of a call that may be suspended.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct OwnStack {
    /// The pointer of the instances that use it
    pub(super) pointer: StackPointer,
    /// Its upper end
    pub(super) end: i32,
    /// `ShadowStack::replaced` when it was made
    pub(super) replaced: u32,
}

impl OwnStack {
    /// The pointer of the instances that use it.
    pub fn pointer(self) -> StackPointer {
        self.pointer
    }

    /// Its upper end.
    pub fn end(self) -> i32 {
        self.end
    }
}
