use super::context::Context;
use super::reference::WeakReference;
use super::throw::Pending;
use crate::engine::memory_growths;
use crate::error::ErrorKind;
use crate::store::{MemoryId, Remains};
use napi::sys;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::{Rc, Weak};

/// The `ArrayBuffer` of each memory that has one.
#[derive(Default)]
pub struct Buffers {
    live: HashMap<MemoryId, Buffer>,
    /// Those of each memory whose bytes some buffer may still have
    pins: HashMap<MemoryId, Vec<Pinned>>,
}

/// A pin, and the buffer that it was made for.
type Pinned = (Weak<Pin>, Rc<WeakReference>);

struct Buffer {
    env: sys::napi_env,
    /// Weak: the buffer is JavaScript's
    reference: Rc<WeakReference>,
    length: usize,
}

/// What keeps the bytes of a buffer until V8 has let go of them.
struct Pin {
    _context: Rc<Context>,
    /// The memory, once it is no longer in the store
    remains: RefCell<Option<Rc<Remains>>>,
}

impl Buffer {
    fn detach(&self) {
        if let Some(value) = self.reference.get() {
            // SAFETY: a plain N-API call. An external buffer of ours is always detachable.
            unsafe { sys::napi_detach_arraybuffer(self.env, value) };
        }
    }
}

fn is_detached(env: sys::napi_env, buffer: sys::napi_value) -> bool {
    let mut detached = false;
    // SAFETY: a plain N-API call on an ArrayBuffer.
    unsafe { sys::napi_is_detached_arraybuffer(env, buffer, &mut detached) };
    detached
}

impl Context {
    /// The `ArrayBuffer` over a memory: no copy, and the same one until the memory grows.
    pub fn memory_buffer(self: &Rc<Self>, id: MemoryId) -> Result<sys::napi_value, Pending> {
        let (base, length) = self.store.memory_data(id);
        if let Some(buffer) = self.buffers.borrow().live.get(&id)
            && buffer.length == length
            && let Some(value) = buffer.reference.get()
            && !is_detached(self.env, value)
        {
            return Ok(value);
        }
        let mut value = ptr::null_mut();
        let pin = Rc::new(Pin { _context: self.clone(), remains: RefCell::default() });
        let pinned = Rc::downgrade(&pin);
        let pin = Rc::into_raw(pin).cast_mut().cast::<c_void>();
        // SAFETY: a static memory never moves, and shrinks only when it is freed; `pin` keeps the store, and the
        // memory when that leaves the store, until V8 has let go of the bytes. When the memory grows, the buffer
        // is detached before JavaScript sees it again.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(self.env, base.cast(), length, Some(unpin), pin, &mut value)
        };
        if status != sys::Status::napi_ok {
            // SAFETY: N-API did not take the buffer, so the pin is still ours.
            drop(unsafe { Rc::from_raw(pin.cast::<Pin>()) });
            let message = "this build of Node allows no ArrayBuffer over memory of an addon".to_owned();
            return Err(self.throw(&ErrorKind::Memory { message }.into()));
        }
        // SAFETY: `value` is the buffer that was just made.
        let reference = Rc::new(unsafe { WeakReference::new(self.env, value) });
        let mut buffers = self.buffers.borrow_mut();
        let pins = buffers.pins.entry(id).or_default();
        pins.retain(|(pin, _)| pin.strong_count() > 0);
        pins.push((pinned, reference.clone()));
        let replaced = buffers.live.insert(id, Buffer { env: self.env, reference, length });
        drop(buffers);
        if let Some(old) = replaced {
            old.detach();
        }
        Ok(value)
    }

    /// Detaches the buffer of a memory that JavaScript has grown, be it by nothing.
    pub fn detach_buffer(&self, id: MemoryId) {
        let buffer = self.buffers.borrow_mut().live.remove(&id);
        if let Some(buffer) = buffer {
            buffer.detach();
        }
    }

    /// Detaches all buffers.
    pub fn detach_all(&self) {
        let buffers: Vec<_> = self.buffers.borrow_mut().live.drain().collect();
        buffers.iter().for_each(|(_, buffer)| buffer.detach());
    }

    /// Keeps the bytes of memories that have left the store, as long as a buffer may have them: where buffers can be
    /// transferred, until V8 says that it has let go of the bytes, which it does in a turn of the event loop of its own.
    pub fn keep_remains(&self, memories: Vec<(MemoryId, Remains)>) {
        let mut buffers = self.buffers.borrow_mut();
        for (id, remains) in memories {
            buffers.live.remove(&id);
            let remains = Rc::new(remains);
            for (pin, buffer) in buffers.pins.remove(&id).into_iter().flatten() {
                let has = || buffer.get().is_some_and(|buffer| !is_detached(self.env, buffer));
                if let Some(pin) = pin.upgrade().filter(|_| self.host.transfers || has()) {
                    *pin.remains.borrow_mut() = Some(remains.clone());
                }
            }
        }
    }

    /// Detaches the buffers of memories that have grown. Called whenever wasm gives control to
    /// JavaScript.
    #[inline]
    pub fn settle_memories(&self) {
        let growths = memory_growths();
        if self.growths.replace(growths) != growths {
            self.detach_grown();
        }
    }

    #[cold]
    fn detach_grown(&self) {
        let store = &self.store;
        let grown = |id: &MemoryId, buffer: &mut Buffer| store.memory_data(*id).1 != buffer.length;
        let buffers: Vec<_> = self.buffers.borrow_mut().live.extract_if(grown).collect();
        buffers.iter().for_each(|(_, buffer)| buffer.detach());
    }
}

/// Lets go of the store, once its buffer is gone.
unsafe extern "C" fn unpin(_env: sys::napi_env, _data: *mut c_void, pin: *mut c_void) {
    // SAFETY: `pin` came from `Rc::into_raw` in `memory_buffer`, and N-API calls this once.
    drop(unsafe { Rc::from_raw(pin.cast::<Pin>()) });
}
