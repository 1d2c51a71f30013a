//! The stack pointer of an instance: the global by which it uses its shadow stack.

use std::ptr::NonNull;
use wasmer::sys::vm::VMGlobalDefinition;

/// The definition of an instance's stack pointer; none for an instance without one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct StackPointer(Option<NonNull<VMGlobalDefinition>>);

impl StackPointer {
    /// The pointer with this definition.
    pub(in crate::store) fn new(definition: Option<NonNull<VMGlobalDefinition>>) -> Self {
        Self(definition)
    }

    /// # Safety
    /// The instance is alive.
    #[inline]
    pub(in crate::store) unsafe fn value(self) -> i32 {
        // SAFETY: an instance keeps the globals that it defines or imports, and only this thread uses them. A stack pointer
        // has type i32.
        self.0.map_or(0, |global| unsafe { (*global.as_ptr()).val.i32 })
    }

    /// # Safety
    /// The instance is alive.
    pub(in crate::store) unsafe fn set(self, value: i32) {
        if let Some(global) = self.0 {
            // SAFETY: as for `value`.
            unsafe { (*global.as_ptr()).val.i32 = value };
        }
    }

    /// Whether it is this global.
    pub(in crate::store) fn is(self, global: NonNull<VMGlobalDefinition>) -> bool {
        self.0 == Some(global)
    }

    /// Whether there is one.
    pub(in crate::store) fn exists(self) -> bool {
        self.0.is_some()
    }
}
