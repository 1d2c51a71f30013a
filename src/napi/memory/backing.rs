//! Backing stores of buffers: how long the bytes of a memory stay mapped once JavaScript has had buffers over them.
//!
//! libuv and other native code read and write the bytes of a buffer on their own threads, also after the memory has
//! left the store. The bytes may be unmapped once both of these are true, as for a buffer that V8 allocated:
//!
//! - V8 has collected the `ArrayBuffer` object. A request in flight holds the view, and so the object, even if a growth
//!   has detached it. V8's deleter does not wait for such requests, since it runs on detach.
//! - V8's deleter has run. Native code may hold the backing store without the object, and the bytes may move to another
//!   object (`ArrayBuffer.prototype.transfer`, a byte stream) while V8 collects the first one.

use crate::engine::Charge;
use crate::napi::env::external_memory::ExternalMemory;
use crate::napi::env::reference::WeakReference;
use crate::napi::env::value::{JsEnv, Value};
use crate::store::DetachedMemory;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

/// The backing store of one memory. Its buffers hold it. The context also holds it, while the memory is in the store.
#[derive(Default)]
pub struct Backing {
    /// The detached memory, once it has left the store
    retained: RefCell<Option<RetainedMemory>>,
}

/// An `ArrayBuffer` over a memory. The object holds it until its finalizer has run, and V8's backing store holds it
/// until the deleter has run.
pub struct Buffer {
    /// The object; set right after N-API has made it
    object: OnceCell<WeakReference>,
    /// Length in bytes
    length: usize,
    #[expect(dead_code, reason = "held for its destructor")]
    backing: Rc<Backing>,
    #[expect(dead_code, reason = "held for its destructor")]
    charge: Charge,
}

/// Size of the detached memories of a store that are still mapped, in bytes.
#[derive(Default)]
pub struct RetainedBytes(Cell<u64>);

/// A detached memory. Its size is reported to V8 as external memory, so that V8 collects its buffers sooner.
struct RetainedMemory {
    total: Rc<RetainedBytes>,
    memory: DetachedMemory,
    #[expect(dead_code, reason = "held for its destructor")]
    external: ExternalMemory,
}

/// Least size reported to V8 for a detached memory, in bytes: an empty memory reserves address space too.
const LEAST: u64 = 64 << 10;

impl RetainedBytes {
    /// The size in bytes.
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

impl RetainedMemory {
    fn new(env: JsEnv<'_>, total: &Rc<RetainedBytes>, memory: DetachedMemory) -> Self {
        total.0.set(total.0.get() + memory.bytes());
        let external = ExternalMemory::report(env, memory.bytes().max(LEAST));
        Self { total: total.clone(), memory, external }
    }
}

impl Drop for RetainedMemory {
    fn drop(&mut self) {
        self.total.0.set(self.total.0.get() - self.memory.bytes());
    }
}

impl Backing {
    /// Makes an `ArrayBuffer` over the bytes at `base`; `charge` is for it. None if this build of Node forbids external buffers.
    ///
    /// # Safety
    /// The bytes belong to this memory, and stay mapped until `retain` gets them.
    pub unsafe fn buffer<'a>(
        self: &Rc<Self>,
        env: JsEnv<'a>,
        base: *mut u8,
        length: usize,
        charge: Charge,
    ) -> Option<(Value<'a>, Weak<Buffer>)> {
        let buffer = Rc::new(Buffer { object: OnceCell::new(), length, backing: self.clone(), charge });
        // SAFETY: by the contract of this function. The buffer holds the backing, to which `retain` moves the memory.
        let value = unsafe { env.external_buffer(base, length, buffer.clone())? };
        // The object holds the buffer too, until V8 has collected the object.
        env.hold_with(value, buffer.clone());
        let is_first = buffer.object.set(WeakReference::new(env, value)).is_ok();
        debug_assert!(is_first, "a buffer has one object");
        Some((value, Rc::downgrade(&buffer)))
    }

    /// Takes a memory that has left its store, and unmaps it when its last buffer is gone.
    pub fn retain(self: Rc<Self>, env: JsEnv<'_>, total: &Rc<RetainedBytes>, memory: DetachedMemory) {
        if Rc::strong_count(&self) > 1 {
            *self.retained.borrow_mut() = Some(RetainedMemory::new(env, total, memory));
        }
    }
}

impl Buffer {
    /// Its length in bytes while it is attached.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The object; none if it was collected or detached.
    pub fn attached<'a>(&self, env: JsEnv<'a>) -> Option<Value<'a>> {
        self.object.get()?.get(env).filter(|object| !env.is_detached(*object))
    }

    /// Detaches the object.
    pub fn detach(&self, env: JsEnv<'_>) {
        if let Some(object) = self.attached(env) {
            env.detach(object);
        }
    }
}
