//! The part of a shadow stack that unwound functions have used: a panic's message may lie there.

use crate::store::call::own_stack::OwnStack;
use crate::store::call::stack_pointer::StackPointer;
use std::ops::Range;

/// Bytes of an unwound stack in which a panic is searched.
const SEARCHED: u32 = 64 << 10;

/// The stack of unwound functions.
pub(in crate::store) struct Lowered {
    pub(super) pointer: StackPointer,
    /// Value when the functions were unwound
    pub(super) lowest: i32,
    /// Value when the call began
    pub(super) before: i32,
    /// Whether all its functions were unwound
    pub(super) is_dead: bool,
}

impl Lowered {
    /// What a failed call has left on a shadow stack of its own.
    ///
    /// # Safety
    /// The instance is alive.
    pub unsafe fn on(stack: OwnStack) -> Self {
        // SAFETY: by the contract of this function.
        let lowest = unsafe { stack.pointer.value() };
        Self { pointer: stack.pointer, lowest, before: stack.end, is_dead: true }
    }

    /// Whether it is the stack of the instance with this pointer.
    pub fn is_of(&self, pointer: StackPointer) -> bool {
        self.pointer == pointer
    }

    /// Whether none of its functions goes on.
    pub fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// Addresses of its innermost part.
    pub fn range(&self) -> Range<u32> {
        let [lowest, before] = [self.lowest, self.before].map(i32::cast_unsigned);
        lowest..before.min(lowest.saturating_add(SEARCHED))
    }
}
