//! `FullMemory`: a linear memory that reserves all addresses that an instruction can reach.

use crate::engine::alloc::growths::note_growth;
use crate::engine::alloc::room::{has_headroom_besides, no_headroom};
use std::ptr::NonNull;
use wasmer::sys::vm::{LinearMemory, MemoryError, VMMemoryDefinition, VMOwnedMemory};
use wasmer::{MemoryStyle, MemoryType, Pages};

/// wasmer's static memory. It counts its growths, so that a call need not check every memory for an `ArrayBuffer` to detach: an
/// unchanged count means that none has grown.
#[derive(Debug)]
pub(in crate::engine) struct FullMemory(VMOwnedMemory);

impl FullMemory {
    /// A memory that no instance defines.
    ///
    /// # Errors
    /// `Region` if there is no room.
    pub fn new(ty: &MemoryType, style: &MemoryStyle) -> Result<Self, MemoryError> {
        VMOwnedMemory::new(ty, style).map(Self)
    }

    /// A memory of an instance; its definition is at `location`.
    ///
    /// # Errors
    /// The errors of `new`.
    ///
    /// # Safety
    /// `location` may be written, and outlives the memory.
    pub unsafe fn of_instance(
        ty: &MemoryType,
        style: &MemoryStyle,
        location: NonNull<VMMemoryDefinition>,
    ) -> Result<Self, MemoryError> {
        // SAFETY: the caller's promise about `location` is passed on.
        unsafe { VMOwnedMemory::from_definition(ty, style, location) }.map(Self)
    }
}

impl LinearMemory for FullMemory {
    fn ty(&self) -> MemoryType {
        self.0.ty()
    }

    fn size(&self) -> Pages {
        self.0.size()
    }

    fn style(&self) -> MemoryStyle {
        self.0.style()
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        if !has_headroom_besides(delta.bytes().0) {
            return Err(no_headroom());
        }
        let before = self.0.grow(delta)?;
        note_growth();
        Ok(before)
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.0.vmmemory()
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        LinearMemory::try_clone(&self.0)
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        LinearMemory::copy(&self.0)
    }
}
