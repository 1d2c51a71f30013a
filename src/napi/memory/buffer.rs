//! The `ArrayBuffer`s over the memories of a store.

use crate::engine::memory_growths;
use crate::error::ErrorKind;
use crate::napi::env::context::Context;
use crate::napi::env::throw::PendingException;
use crate::napi::memory::backing::{Backing, Buffer, RetainedBytes};
use crate::store::{DetachedMemory, MemoryId};
use napi::sys;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

/// The buffers of the memories of a store.
#[derive(Default)]
pub struct Buffers {
    memories: RefCell<HashMap<MemoryId, Shown>>,
    retained: Rc<RetainedBytes>,
}

/// A memory that JavaScript has had a buffer of.
#[derive(Default)]
struct Shown {
    backing: Rc<Backing>,
    /// The newest buffer, which JavaScript may still have
    current: Weak<Buffer>,
}

impl Buffers {
    /// Size of the detached memories that native code may still use, in bytes.
    pub fn retained_bytes(&self) -> u64 {
        self.retained.get()
    }
}

impl Context {
    /// The `ArrayBuffer` over a memory: no copy, and the same object until the memory grows.
    pub fn memory_buffer(&self, id: MemoryId) -> Result<sys::napi_value, PendingException> {
        let (base, length) = id.data(&self.store);
        let mut memories = self.buffers.memories.borrow_mut();
        let shown = memories.entry(id).or_default();
        let current = shown.current.upgrade();
        if let Some(current) = &current
            && current.length() == length
            && let Some(value) = current.attached()
        {
            return Ok(value);
        }
        // SAFETY: a static memory never moves, and never shrinks before it is freed. It goes to `retain` when it leaves
        // the store. When it grows, its buffer is detached before JavaScript runs again.
        let made = unsafe { shown.backing.buffer(self.env, base, length) };
        let Some((value, buffer)) = made else {
            drop(memories);
            let message = "this build of Node allows no ArrayBuffer over memory of an addon".to_owned();
            return Err(self.throw(&ErrorKind::Memory { message }.into()));
        };
        shown.current = buffer;
        drop(memories);
        if let Some(current) = current {
            current.detach();
        }
        Ok(value)
    }

    /// Detaches the buffer of a memory that JavaScript has grown, even by 0 pages.
    pub fn detach_buffer(&self, id: MemoryId) {
        let mut memories = self.buffers.memories.borrow_mut();
        if let Some(current) = memories.get_mut(&id).and_then(Shown::take_current) {
            current.detach();
        }
    }

    /// Keeps memories that have left the store mapped while their buffers may be in use.
    pub fn keep_remains(&self, memories: Vec<(MemoryId, DetachedMemory)>) {
        for (id, remains) in memories {
            let shown = self.buffers.memories.borrow_mut().remove(&id);
            if let Some(Shown { backing, .. }) = shown {
                backing.retain(self.env, &self.buffers.retained, remains);
            }
        }
    }

    /// Detaches the buffers of memories that have grown. To be called whenever control passes from wasm to JavaScript.
    #[inline]
    pub fn detach_grown_memories(&self) {
        let growths = memory_growths();
        if self.growths.replace(growths) != growths {
            self.detach_grown();
        }
    }

    #[cold]
    fn detach_grown(&self) {
        for (id, shown) in &mut *self.buffers.memories.borrow_mut() {
            let length = id.data(&self.store).1;
            if shown.current.upgrade().is_some_and(|current| current.length() != length)
                && let Some(current) = shown.take_current()
            {
                current.detach();
            }
        }
    }
}

impl Shown {
    fn take_current(&mut self) -> Option<Rc<Buffer>> {
        std::mem::take(&mut self.current).upgrade()
    }
}

impl Drop for Context {
    /// Takes memories that JavaScript has had buffers of out of the store, so that those in use stay mapped. The store
    /// frees the rest.
    fn drop(&mut self) {
        let memories = self.buffers.memories.take();
        for (id, Shown { backing, .. }) in memories {
            if let Some(remains) = id.detach(&self.store) {
                backing.retain(self.env, &self.buffers.retained, remains);
            }
        }
    }
}
