//! The stack of a suspendable call: mapped and guarded by this library, since wasmer's own stacks must be left in the reverse
//! order of their entries.

use crate::engine::has_headroom_besides;
use crate::store::call::stack_bases::note_stack;
use crate::store::call::stack_guard::{GUARD, LENT, protect};
use corosensei::stack::{DefaultStack, Stack};
use std::cell::Cell;
use std::ops::Range;

/// A stack whose guard is set.
pub struct SuspendableStack {
    stack: DefaultStack,
    /// Address at which the stack ends and its guard begins
    limit: usize,
    /// Whether the upper part of the guard was lent to host code
    is_lent: Cell<bool>,
}

impl SuspendableStack {
    /// A stack of `size` bytes, a multiple of the page size; none where there is no room.
    pub fn new(size: usize) -> Option<Self> {
        let mapped = size + GUARD;
        let stack = has_headroom_besides(mapped).then(|| DefaultStack::new(mapped).ok()).flatten()?;
        let limit = stack.base().get() - size;
        note_stack(limit - GUARD, stack.base().get());
        // SAFETY: the range is part of the new stack, which nothing uses yet.
        unsafe { protect(limit - GUARD, GUARD, true) }.then_some(Self { stack, limit, is_lent: Cell::new(false) })
    }

    /// The address after its highest byte.
    pub fn base(&self) -> usize {
        self.stack.base().get()
    }

    /// Its size in bytes, without the guard.
    pub fn size(&self) -> usize {
        self.base() - self.limit
    }

    /// Its addresses, with those of the guard.
    pub fn range(&self) -> Range<usize> {
        self.limit - GUARD..self.base()
    }

    /// Lends the upper part of the guard to host code that has touched `address`. Returns whether it did. A signal handler may
    /// call this.
    pub fn lend(&self, address: usize) -> bool {
        let lent = self.limit - LENT..self.limit;
        // SAFETY: the range is part of the guard of this stack.
        let is_lent = lent.contains(&address) && unsafe { protect(lent.start, LENT, false) };
        self.is_lent.set(self.is_lent.get() || is_lent);
        is_lent
    }

    /// Sets the guard again after it was lent. Returns whether it is set.
    pub fn take_back(&self) -> bool {
        if !self.is_lent.get() {
            return true;
        }
        // SAFETY: the range is part of the guard of this stack, and nothing of it is in use.
        let is_set = unsafe { protect(self.limit - LENT, LENT, true) };
        self.is_lent.set(!is_set);
        is_set
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_lent_guard_is_set_again() {
        let stack = SuspendableStack::new(64 << 10).unwrap();
        assert_eq!(stack.size(), 64 << 10);
        assert!(!stack.lend(stack.base() - 1), "no part of the guard");
        assert!(stack.take_back() && stack.lend(stack.limit - 1));
        let lent: *mut u8 = std::ptr::with_exposed_provenance_mut(stack.limit - 1);
        // SAFETY: the byte was lent just now.
        unsafe { lent.write_volatile(1) };
        assert!(stack.take_back() && !stack.is_lent.get());
    }
}
