//! The forwarders of an instance, and the functions that calls through its dispatch table reach in their place.

use crate::store::FuncRef;

/// The forwarders of an instance, which follow each other in memory.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Forwarders {
    first: FuncRef,
    count: usize,
    /// The function that calls reach in the place of each
    called: *const FuncRef,
}

impl Forwarders {
    /// # Safety
    /// `first` is the first of as many forwarders of an instance as `called` has functions. `called` lives while this is used.
    pub unsafe fn new(first: FuncRef, called: &[FuncRef]) -> Self {
        Self { first, count: called.len(), called: called.as_ptr() }
    }

    /// The function that calls reach if the dispatch table holds `function`.
    #[inline]
    pub fn called(self, function: FuncRef) -> FuncRef {
        let bytes = function.address().wrapping_sub(self.first.address());
        let position = bytes / FuncRef::SIZE;
        // SAFETY: by the contract of `new`.
        if position < self.count { unsafe { *self.called.add(position) } } else { function }
    }
}
