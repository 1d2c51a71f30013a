//! The `ArrayBuffer`s over the memories of a store.

use crate::engine::{Resource, memory_growths};
use crate::error::{ErrorKind, Result};
use crate::napi::env::value::{JsEnv, Value};
use crate::napi::memory::backing::{Backing, Buffer, RetainedBytes};
use crate::store::{DetachedMemory, MemoryId, Store};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

/// The buffers of the memories of a store.
pub struct Buffers {
    memories: RefCell<HashMap<MemoryId, BufferedMemory>>,
    retained: Rc<RetainedBytes>,
    /// Count of memory growths when the buffers were last checked
    growths: Cell<u32>,
}

/// Memories whose bytes were replaced, as they were before.
pub struct FormerBuffers(Vec<(MemoryId, BufferedMemory)>);

/// A memory that JavaScript has had a buffer of.
#[derive(Default)]
struct BufferedMemory {
    backing: Rc<Backing>,
    /// The newest buffer, which JavaScript may still have
    current: Weak<Buffer>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { memories: RefCell::default(), retained: Rc::default(), growths: Cell::new(memory_growths()) }
    }
}

impl Buffers {
    /// Size of the detached memories that native code may still use, in bytes.
    pub fn retained_bytes(&self) -> u64 {
        self.retained.get()
    }

    /// The `ArrayBuffer` over a memory: no copy, and the same object until the memory grows.
    ///
    /// # Errors
    /// `Memory` if this build of Node forbids external buffers, `Limit`.
    pub fn buffer<'a>(&self, env: JsEnv<'a>, store: &Store, id: MemoryId) -> Result<Value<'a>> {
        let (base, length) = id.data(store);
        let mut memories = self.memories.borrow_mut();
        let memory = memories.entry(id).or_default();
        let current = memory.current.upgrade();
        if let Some(current) = &current
            && current.length() == length
            && let Some(value) = current.attached(env)
        {
            return Ok(value);
        }
        let charge = store.quota_of(id.node(store)).charge(Resource::Buffers, 1)?;
        // SAFETY: a static memory never moves, and never shrinks before it is freed. It goes to `retain` when it leaves
        // the store, or when another one takes its place. When it grows, its buffer is detached before JavaScript runs again.
        let made = unsafe { memory.backing.buffer(env, base, length, charge) };
        let (value, buffer) = made.ok_or_else(|| {
            let message = "this build of Node allows no ArrayBuffer over memory of an addon".to_owned();
            ErrorKind::Memory { message }
        })?;
        memory.current = buffer;
        drop(memories);
        if let Some(current) = current {
            current.detach(env);
        }
        Ok(value)
    }

    /// Detaches the buffer of a memory that JavaScript has grown, even by 0 pages.
    pub fn detach(&self, env: JsEnv<'_>, id: MemoryId) {
        let mut memories = self.memories.borrow_mut();
        if let Some(current) = memories.get_mut(&id).and_then(BufferedMemory::take_current) {
            current.detach(env);
        }
    }

    /// Keeps memories that have left the store mapped while their buffers may be in use.
    pub fn retain_detached(&self, env: JsEnv<'_>, memories: Vec<(MemoryId, DetachedMemory)>) {
        for (id, detached) in memories {
            let memory = self.memories.borrow_mut().remove(&id);
            if let Some(BufferedMemory { backing, .. }) = memory {
                backing.retain(env, &self.retained, detached);
            }
        }
    }

    /// Takes memories out whose bytes are about to be replaced, and detaches their buffers.
    pub fn take_out(&self, env: JsEnv<'_>, ids: &[MemoryId]) -> FormerBuffers {
        let mut memories = self.memories.borrow_mut();
        let taken: Vec<_> = ids.iter().filter_map(|id| Some((*id, memories.remove(id)?))).collect();
        drop(memories);
        FormerBuffers(
            taken
                .into_iter()
                .map(|(id, mut memory)| {
                    memory.take_current().into_iter().for_each(|current| current.detach(env));
                    (id, memory)
                })
                .collect(),
        )
    }

    /// Keeps the replaced memories mapped while their former buffers may be in use.
    pub fn retain_former(&self, env: JsEnv<'_>, former: FormerBuffers, memories: Vec<(MemoryId, DetachedMemory)>) {
        let mut former: HashMap<_, _> = former.0.into_iter().collect();
        for (id, detached) in memories {
            if let Some(BufferedMemory { backing, .. }) = former.remove(&id) {
                backing.retain(env, &self.retained, detached);
            }
        }
    }

    /// Puts memories back whose bytes are the former ones again. `given_up` are those that had taken their place.
    pub fn put_back(&self, env: JsEnv<'_>, former: FormerBuffers, given_up: Vec<(MemoryId, DetachedMemory)>) {
        given_up.iter().for_each(|(id, _)| self.detach(env, *id));
        self.retain_detached(env, given_up);
        self.memories.borrow_mut().extend(former.0);
    }

    /// Detaches the buffers of memories that have grown. To be called whenever control passes from wasm to JavaScript.
    #[inline]
    pub fn detach_grown(&self, env: JsEnv<'_>, store: &Store) {
        let growths = memory_growths();
        if self.growths.replace(growths) != growths {
            self.find_grown(env, store);
        }
    }

    #[cold]
    fn find_grown(&self, env: JsEnv<'_>, store: &Store) {
        for (id, memory) in &mut *self.memories.borrow_mut() {
            let length = id.data(store).1;
            if memory.current.upgrade().is_some_and(|current| current.length() != length)
                && let Some(current) = memory.take_current()
            {
                current.detach(env);
            }
        }
    }

    /// Takes the memories of which JavaScript has had buffers out of a store that ends, so that memories in use stay
    /// mapped. The store frees the others.
    pub fn end(&self, env: JsEnv<'_>, store: &Store) {
        for (id, BufferedMemory { backing, .. }) in self.memories.take() {
            if let Some(detached) = id.detach(store) {
                backing.retain(env, &self.retained, detached);
            }
        }
    }
}

impl BufferedMemory {
    fn take_current(&mut self) -> Option<Rc<Buffer>> {
        std::mem::take(&mut self.current).upgrade()
    }
}
