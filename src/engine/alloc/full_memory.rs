//! `FullMemory`: a linear memory that reserves all addresses that an instruction can reach.

use crate::engine::alloc::growths::note_growth;
use crate::engine::alloc::quota::Charge;
use crate::engine::alloc::room::{has_headroom_besides, no_headroom};
use crate::engine::alloc::unmapper::drop_elsewhere;
use std::ptr::NonNull;
use wasmer::sys::vm::{LinearMemory, MemoryError, VMMemoryDefinition, VMOwnedMemory};
use wasmer::{MemoryStyle, MemoryType, Pages};

/// wasmer's static memory. It counts its growths, so that a call need not check every memory for an `ArrayBuffer` to detach: an
/// unchanged count means that none has grown.
#[derive(Debug)]
pub(in crate::engine) struct FullMemory {
    /// Taken only by `drop`
    memory: Option<VMOwnedMemory>,
    charge: Charge,
}

impl FullMemory {
    /// A memory that no instance defines. `charge` is for its bytes.
    ///
    /// # Errors
    /// `Region` if there is no room.
    pub fn new(ty: &MemoryType, style: &MemoryStyle, charge: Charge) -> Result<Self, MemoryError> {
        VMOwnedMemory::new(ty, style).map(|memory| Self { memory: Some(memory), charge })
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
        charge: Charge,
    ) -> Result<Self, MemoryError> {
        // SAFETY: the caller's promise about `location` is passed on.
        let memory = unsafe { VMOwnedMemory::from_definition(ty, style, location) }?;
        Ok(Self { memory: Some(memory), charge })
    }

    fn memory(&self) -> &VMOwnedMemory {
        self.memory.as_ref().expect("only `drop` takes it")
    }

    fn grow_charged(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        if !has_headroom_besides(delta.bytes().0) {
            return Err(no_headroom());
        }
        self.memory.as_mut().expect("only `drop` takes it").grow(delta)
    }
}

impl Drop for FullMemory {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            drop_elsewhere(memory, self.charge.amount());
        }
    }
}

impl LinearMemory for FullMemory {
    fn ty(&self) -> MemoryType {
        self.memory().ty()
    }

    fn size(&self) -> Pages {
        self.memory().size()
    }

    fn style(&self) -> MemoryStyle {
        self.memory().style()
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        let bytes = delta.bytes().0 as u64;
        self.charge.grow(bytes)?;
        let before = self.grow_charged(delta).inspect_err(|_| self.charge.shrink(bytes))?;
        note_growth();
        Ok(before)
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.memory().vmmemory()
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        LinearMemory::try_clone(self.memory())
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        LinearMemory::copy(self.memory())
    }
}
