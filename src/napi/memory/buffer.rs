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

/// A memory of which JavaScript has had a buffer.
#[derive(Default)]
struct Shown {
    backing: Rc<Backing>,
    /// The buffer that JavaScript may have of it now
    current: Weak<Buffer>,
}

impl Buffers {
    /// The bytes of memories that have left the store, and that native code may still use.
    pub fn retained_bytes(&self) -> u64 {
        self.retained.get()
    }
}

impl Context {
    /// The `ArrayBuffer` over a memory: no copy, and the same one until the memory grows.
    pub fn memory_buffer(&self, id: MemoryId) -> Result<sys::napi_value, PendingException> {
        let (base, length) = self.store.memory_data(id);
        let mut memories = self.buffers.memories.borrow_mut();
        let shown = memories.entry(id).or_default();
        let current = shown.current.upgrade();
        if let Some(current) = &current
            && current.length() == length
            && let Some(value) = current.attached()
        {
            return Ok(value);
        }
        // SAFETY: a static memory never moves, and shrinks only when it is freed; it goes to `retain` when it leaves the
        // store. When the memory grows, the buffer is detached before JavaScript sees it again.
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

    /// Detaches the buffer of a memory that JavaScript has grown, be it by nothing.
    pub fn detach_buffer(&self, id: MemoryId) {
        let mut memories = self.buffers.memories.borrow_mut();
        if let Some(current) = memories.get_mut(&id).and_then(Shown::take_current) {
            current.detach();
        }
    }

    /// Keeps the bytes of memories that have left the store mapped, as long as anyone can use them through a buffer.
    pub fn keep_remains(&self, memories: Vec<(MemoryId, DetachedMemory)>) {
        for (id, remains) in memories {
            let shown = self.buffers.memories.borrow_mut().remove(&id);
            if let Some(Shown { backing, .. }) = shown {
                backing.retain(self.env, &self.buffers.retained, remains);
            }
        }
    }

    /// Detaches the buffers of memories that have grown. Called whenever wasm gives control to
    /// JavaScript.
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
            let length = self.store.memory_data(*id).1;
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
    /// The memories that are still in the store go with it, but not the bytes of those that anyone can use through a buffer.
    fn drop(&mut self) {
        let memories = self.buffers.memories.take();
        for (id, Shown { backing, .. }) in memories {
            if let Some(remains) = self.store.take_memory(id) {
                backing.retain(self.env, &self.buffers.retained, remains);
            }
        }
    }
}
