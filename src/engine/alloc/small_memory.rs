//! `SmallMemory`: a linear memory that reserves only its own bytes and a guard.

use crate::engine::alloc::addresses::Addresses;
use crate::engine::alloc::growths::note_growth;
use crate::engine::alloc::quota::Charge;
use crate::engine::alloc::reserve::{GUARD, Reserve};
use crate::engine::alloc::room::{has_headroom_besides, no_headroom};
use crate::engine::alloc::unmapper::drop_elsewhere;
use std::cell::UnsafeCell;
use std::fmt;
use std::io;
use std::ptr::NonNull;
use wasmer::sys::vm::{LinearMemory, MaybeInstanceOwned, MemoryError, VMMemoryDefinition};
use wasmer::{MemoryStyle, MemoryType, Pages};

/// A linear memory that reserves only its own bytes and a guard. It grows into the addresses after it and never moves,
/// so buffers over it stay valid.
pub(in crate::engine) struct SmallMemory {
    ty: MemoryType,
    size: Pages,
    definition: MaybeInstanceOwned<VMMemoryDefinition>,
    /// Taken only by `drop`
    addresses: Option<Addresses>,
    charge: Charge,
}

// SAFETY: wasmer's object lists require the marker, but a memory stays in its store, which stays on one thread.
unsafe impl Send for SmallMemory {}
// SAFETY: as for `Send`.
unsafe impl Sync for SmallMemory {}

impl SmallMemory {
    /// A memory that no instance defines. `charge` is for its bytes.
    ///
    /// # Errors
    /// `Region` if there is no room.
    pub fn new(ty: &MemoryType, charge: Charge) -> Result<Self, MemoryError> {
        Self::of(ty, charge, |definition| MaybeInstanceOwned::Host(Box::new(UnsafeCell::new(definition))))
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
        location: NonNull<VMMemoryDefinition>,
        charge: Charge,
    ) -> Result<Self, MemoryError> {
        Self::of(ty, charge, |definition| {
            // SAFETY: the caller promises that `location` may be written.
            unsafe { location.write(definition) };
            MaybeInstanceOwned::Instance(location)
        })
    }

    fn of(
        ty: &MemoryType,
        charge: Charge,
        own: impl FnOnce(VMMemoryDefinition) -> MaybeInstanceOwned<VMMemoryDefinition>,
    ) -> Result<Self, MemoryError> {
        let (size, most) = (ty.minimum, ty.maximum.unwrap_or(Pages::max_value()).min(Pages::max_value()));
        if size > most {
            return Err(MemoryError::MinimumMemoryTooLarge { min_requested: size, max_allowed: most });
        }
        let addresses = Addresses::new(size.bytes().0, GUARD, most.bytes().0).map_err(no_room)?;
        let definition = own(VMMemoryDefinition { base: addresses.base(), current_length: size.bytes().0 });
        Ok(Self { ty: *ty, size, definition, addresses: Some(addresses), charge })
    }

    fn grow_charged(&mut self, size: Pages, delta: Pages) -> Result<(), MemoryError> {
        if !has_headroom_besides(delta.bytes().0) {
            return Err(no_headroom());
        }
        let addresses = self.addresses.as_mut().expect("only `drop` takes them");
        addresses.grow(self.size.bytes().0, size.bytes().0, GUARD).map_err(no_room)
    }
}

impl Drop for SmallMemory {
    fn drop(&mut self) {
        if let Some(addresses) = self.addresses.take() {
            drop_elsewhere(addresses, self.charge.amount());
        }
    }
}

fn no_room(error: io::Error) -> MemoryError {
    MemoryError::Region(error.to_string())
}

impl fmt::Debug for SmallMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmallMemory({:?})", self.ty)
    }
}

impl LinearMemory for SmallMemory {
    fn ty(&self) -> MemoryType {
        MemoryType { minimum: self.size, ..self.ty }
    }

    fn size(&self) -> Pages {
        self.size
    }

    fn style(&self) -> MemoryStyle {
        Reserve::Small.style()
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        let before = self.size;
        let most = self.ty.maximum.unwrap_or(Pages::max_value()).min(Pages::max_value());
        let size = before.checked_add(delta).filter(|size| *size <= most);
        let size = size.ok_or(MemoryError::CouldNotGrow { current: before, attempted_delta: delta })?;
        let bytes = delta.bytes().0 as u64;
        self.charge.grow(bytes)?;
        self.grow_charged(size, delta).inspect_err(|_| self.charge.shrink(bytes))?;
        self.size = size;
        // SAFETY: the definition lives as long as this memory. Only code on this thread reads it, and that is not
        // running now.
        unsafe { (*self.definition.as_ptr().as_ptr()).current_length = size.bytes().0 };
        note_growth();
        Ok(before)
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.definition.as_ptr()
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Err(MemoryError::MemoryNotShared)
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        self.try_clone()
    }
}
