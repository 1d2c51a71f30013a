//! Memories.

use crate::engine::{Reserve, SharedBytes, StoreTunables, memory_type, no_memory, shared_memory, take_stopped};
use crate::error::{Error, ErrorKind, Result};
use crate::store::trap::Failure;
use crate::store::{MemoryId, Store};
use crate::wasm::{Limits, MOST_PAGES, PAGE_SIZE};
use std::rc::Rc;
use wasmer::sys::Tunables;
use wasmer::sys::vm::{InternalStoreHandle, LinearMemory, Trap, VMMemory};
use wasmer::{MemoryStyle, MemoryType, Pages};

impl MemoryId {
    /// Makes a memory; `limits` in pages.
    ///
    /// # Errors
    /// `Memory` if the address space or memory that it reserves is not available, `Limit`.
    pub fn new(store: &Store, limits: Limits, reserve: Reserve) -> Result<MemoryId> {
        let tunables = StoreTunables::new(Vec::new(), reserve);
        let ty = memory_type(limits);
        let style = tunables.memory_style(&ty);
        store.quota.take_refusal();
        let memory = tunables
            .host_memory(&ty, &style, &store.quota)
            .map_err(|error| store.limit_or(ErrorKind::Memory { message: no_memory(&style, &error) }))?;
        let handle = store.with_objects(|objects| store.memories.borrow_mut().add(objects, memory));
        Ok(MemoryId::of(store, handle))
    }

    /// Makes a memory over bytes that threads share; `limits` in pages.
    ///
    /// # Errors
    /// `Memory` if the host does not return the length of the bytes, `Limit`.
    pub fn shared(store: &Store, limits: Limits, bytes: Rc<dyn SharedBytes>) -> Result<MemoryId> {
        store.quota.take_refusal();
        let memory = shared_memory(MemoryType { shared: true, ..memory_type(limits) }, bytes, &store.quota).map_err(
            |error| store.limit_or(ErrorKind::Memory { message: format!("could not share memory: {error}") }),
        )?;
        let handle = store.with_objects(|objects| store.memories.borrow_mut().add(objects, memory));
        Ok(MemoryId::of(store, handle))
    }

    pub(in crate::store) fn of(store: &Store, handle: InternalStoreHandle<VMMemory>) -> MemoryId {
        MemoryId(store.memories.borrow_mut().id(handle))
    }

    /// Whether the memory exists and JavaScript's handles of it have not ended.
    pub fn is_open(self, store: &Store) -> bool {
        store.memories.borrow().find(self.0).is_some()
    }

    pub(in crate::store) fn handle(self, store: &Store) -> InternalStoreHandle<VMMemory> {
        store.memories.borrow().handle(self.0)
    }

    /// Address of the memory and its size in bytes. A memory never moves or shrinks.
    pub fn data(self, store: &Store) -> (*mut u8, usize) {
        let handle = self.handle(store);
        store.with_objects(|objects| {
            // SAFETY: the definition lives as long as its memory, and only this thread writes the definition.
            let definition = unsafe { *handle.get(objects).vmmemory().as_ptr() };
            (definition.base, definition.current_length)
        })
    }

    /// Whether the memory is shared: other threads may hold it.
    pub fn is_shared(self, store: &Store) -> bool {
        let handle = self.handle(store);
        store.with_objects(|objects| handle.get(objects).ty().shared)
    }

    /// Whether the memory reserves all addresses that an instruction can reach.
    pub(in crate::store) fn is_full(self, store: &Store) -> bool {
        let handle = self.handle(store);
        store.with_objects(|objects| handle.get(objects).style() == MemoryStyle::Static)
    }

    /// Grows the memory by `delta` pages, and returns the previous number of pages.
    ///
    /// # Errors
    /// `OutOfRange` beyond its maximum, `Limit`, `Memory` where there is no room; then it has not grown. For a shared memory,
    /// also what the host threw when asked for more bytes.
    pub fn grow(self, store: &Store, delta: u32) -> Result<u32, Failure> {
        let handle = self.handle(store);
        // A shared memory grows on what wasmer takes for the host's stack. While a call stack is idle, that is the wrong one.
        store.call_stacks.before_entry();
        store.quota.take_refusal();
        let grown = store.with_objects(|objects| handle.get_mut(objects).grow(Pages(delta)));
        grown.map(|pages| pages.0).map_err(|_| {
            if let Some(stopped) = take_stopped() {
                return Failure::from(Trap::User(stopped));
            }
            let pages = self.data(store).1 / PAGE_SIZE;
            let ty = store.with_objects(|objects| handle.get(objects).ty());
            let (most, limit) = match ty.maximum {
                Some(most) => (most.0 as usize, format!("a maximum of {} pages", most.0)),
                None => (MOST_PAGES, "no maximum".to_owned()),
            };
            if pages + delta as usize <= most {
                let message = format!("there is no room for the memory to grow from {pages} pages by {delta}");
                return store.limit_or(ErrorKind::Memory { message }).into();
            }
            let message = format!("the memory has {pages} pages and {limit}: it cannot grow by {delta} pages");
            Error::from(ErrorKind::OutOfRange { message }).into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test_support::new_store;

    #[test]
    fn a_memory_grows_up_to_its_maximum_and_stays_where_it_is() {
        let store = new_store();
        let id = MemoryId::new(&store, Limits { minimum: 1, maximum: Some(3) }, Reserve::available()).unwrap();
        let (base, bytes) = id.data(&store);
        assert_eq!(bytes, PAGE_SIZE);
        // SAFETY: the memory has a page.
        unsafe { base.write(7) };
        assert_eq!(id.grow(&store, 2).unwrap(), 1);
        assert_eq!(id.data(&store), (base, 3 * PAGE_SIZE));
        let Err(Failure::Error(error)) = id.grow(&store, 1) else { panic!("beyond its maximum") };
        assert!(matches!(error.kind(), ErrorKind::OutOfRange { .. }), "{error:?}");
        assert_eq!(id.data(&store), (base, 3 * PAGE_SIZE));
        // SAFETY: as above.
        assert_eq!(unsafe { base.read() }, 7);
        assert!(!id.is_shared(&store) && id.is_open(&store));
    }
}
