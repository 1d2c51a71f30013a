//! Memories.

use crate::engine::{Reserve, SharedBytes, StoreTunables, memory_type, no_memory, shared_memory, take_stopped};
use crate::error::{Error, ErrorKind, Result};
use crate::store::Store;
use crate::store::call::trap::Failure;
use crate::wasm::Limits;
use std::rc::Rc;
use wasmer::sys::Tunables;
use wasmer::sys::vm::{InternalStoreHandle, LinearMemory, Trap, VMMemory};
use wasmer::{MemoryStyle, MemoryType, Pages};

/// Size of a page in bytes.
const PAGE: usize = 65_536;

/// Maximum size of a memory, in pages.
const MOST_PAGES: usize = 65_536;

/// A memory of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemoryId(pub u32);

impl Store {
    /// Makes a memory; `limits` in pages.
    ///
    /// # Errors
    /// `Memory` if the address space or memory that it reserves is not available.
    pub fn memory_new(&self, limits: Limits, reserve: Reserve) -> Result<MemoryId> {
        let tunables = StoreTunables::new(Vec::new(), reserve);
        let ty = memory_type(limits);
        let style = tunables.memory_style(&ty);
        let memory = tunables
            .create_host_memory(&ty, &style)
            .map_err(|error| ErrorKind::Memory { message: no_memory(&style, &error) })?;
        let handle = self.with_objects(|objects| self.memories.borrow_mut().add(objects, memory));
        Ok(self.memory_id(handle))
    }

    /// Makes a memory over bytes that threads share; `limits` in pages.
    ///
    /// # Errors
    /// `Memory` if the host does not return the length of the bytes.
    pub fn memory_of(&self, limits: Limits, bytes: Rc<dyn SharedBytes>) -> Result<MemoryId> {
        let memory = shared_memory(MemoryType { shared: true, ..memory_type(limits) }, bytes)
            .map_err(|error| ErrorKind::Memory { message: format!("could not share memory: {error}") })?;
        let handle = self.with_objects(|objects| self.memories.borrow_mut().add(objects, memory));
        Ok(self.memory_id(handle))
    }

    pub(in crate::store) fn memory_id(&self, handle: InternalStoreHandle<VMMemory>) -> MemoryId {
        MemoryId(self.memories.borrow_mut().id(handle))
    }

    /// Whether the memory exists and JavaScript's handles of it have not ended.
    pub fn has_memory(&self, id: MemoryId) -> bool {
        self.memories.borrow().find(id.0).is_some()
    }

    pub(in crate::store) fn memory(&self, id: MemoryId) -> InternalStoreHandle<VMMemory> {
        self.memories.borrow().handle(id.0)
    }

    /// Address of the memory and its size in bytes. A memory never moves or shrinks.
    pub fn memory_data(&self, id: MemoryId) -> (*mut u8, usize) {
        let handle = self.memory(id);
        self.with_objects(|objects| {
            // SAFETY: the definition lives as long as its memory, and only this thread writes the definition.
            let definition = unsafe { *handle.get(objects).vmmemory().as_ptr() };
            (definition.base, definition.current_length)
        })
    }

    /// Whether the memory is shared: other threads may hold it.
    pub fn memory_is_shared(&self, id: MemoryId) -> bool {
        let handle = self.memory(id);
        self.with_objects(|objects| handle.get(objects).ty().shared)
    }

    /// Whether the memory reserves all addresses that an instruction can reach.
    pub(in crate::store) fn memory_is_full(&self, id: MemoryId) -> bool {
        let handle = self.memory(id);
        self.with_objects(|objects| handle.get(objects).style() == MemoryStyle::Static)
    }

    /// Grows the memory by `delta` pages, and returns the previous number of pages.
    ///
    /// # Errors
    /// `OutOfRange` beyond its maximum, `Memory` where there is no room; then it has not grown. For a shared memory,
    /// also what the host threw when asked for more bytes.
    pub fn memory_grow(&self, id: MemoryId, delta: u32) -> Result<u32, Failure> {
        let handle = self.memory(id);
        // A shared memory grows on the stack that wasmer takes for the host's: with an idle call stack, that is the wrong one.
        self.stacks.leave_idle();
        let grown = self.with_objects(|objects| handle.get_mut(objects).grow(Pages(delta)));
        grown.map(|pages| pages.0).map_err(|_| {
            if let Some(stopped) = take_stopped() {
                return Failure::from(Trap::User(stopped));
            }
            let pages = self.memory_data(id).1 / PAGE;
            let ty = self.with_objects(|objects| handle.get(objects).ty());
            let (most, limit) = match ty.maximum {
                Some(most) => (most.0 as usize, format!("a maximum of {} pages", most.0)),
                None => (MOST_PAGES, "no maximum".to_owned()),
            };
            if pages + delta as usize <= most {
                let message = format!("there is no room for the memory to grow from {pages} pages by {delta}");
                return Error::from(ErrorKind::Memory { message }).into();
            }
            let message = format!("the memory has {pages} pages and {limit}, it cannot grow by {delta}");
            Error::from(ErrorKind::OutOfRange { message }).into()
        })
    }
}
