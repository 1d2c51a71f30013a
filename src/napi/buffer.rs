use super::context::Context;
use super::throw::Pending;
use crate::engine::memory_has_grown;
use crate::error::ErrorKind;
use crate::store::MemoryId;
use napi::sys;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

/// The `ArrayBuffer` of each memory that has one.
#[derive(Default)]
pub struct Buffers {
    live: HashMap<MemoryId, Buffer>,
}

struct Buffer {
    env: sys::napi_env,
    /// Weak: the buffer is JavaScript's
    reference: sys::napi_ref,
    length: usize,
}

impl Buffer {
    /// The buffer, unless JavaScript has let go of it.
    fn value(&self) -> Option<sys::napi_value> {
        let mut value = ptr::null_mut();
        // SAFETY: the reference is this entry's own.
        unsafe { sys::napi_get_reference_value(self.env, self.reference, &mut value) };
        (!value.is_null()).then_some(value)
    }

    fn is_detached(&self, value: sys::napi_value) -> bool {
        let mut detached = false;
        // SAFETY: a plain N-API call on an ArrayBuffer.
        unsafe { sys::napi_is_detached_arraybuffer(self.env, value, &mut detached) };
        detached
    }

    fn detach(&self) {
        if let Some(value) = self.value() {
            // SAFETY: as above. An external buffer of ours is always detachable.
            unsafe { sys::napi_detach_arraybuffer(self.env, value) };
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the reference is this entry's own, and this is its thread.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

impl Context {
    /// The `ArrayBuffer` over a memory: no copy, and the same one until the memory grows.
    pub fn memory_buffer(self: &Rc<Self>, id: MemoryId) -> Result<sys::napi_value, Pending> {
        let (base, length) = self.store.memory_data(id);
        if let Some(buffer) = self.buffers.borrow().live.get(&id)
            && buffer.length == length
            && let Some(value) = buffer.value()
            && !buffer.is_detached(value)
        {
            return Ok(value);
        }
        let (mut value, mut reference) = (ptr::null_mut(), ptr::null_mut());
        let pin = Rc::into_raw(self.clone()).cast_mut().cast::<c_void>();
        // SAFETY: a static memory never moves, and shrinks only when it is freed, with its store;
        // the store is pinned by `pin` until the buffer is gone. When the memory grows, the buffer
        // is detached before JavaScript sees it again.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(self.env, base.cast(), length, Some(unpin), pin, &mut value)
        };
        if status != sys::Status::napi_ok {
            // SAFETY: N-API did not take the buffer, so the pin is still ours.
            drop(unsafe { Rc::from_raw(pin.cast::<Self>()) });
            let message = "this build of Node allows no ArrayBuffer over memory of an addon".to_owned();
            return Err(self.throw(&ErrorKind::Memory { message }.into()));
        }
        // SAFETY: `value` is the buffer that was just made.
        unsafe { sys::napi_create_reference(self.env, value, 0, &mut reference) };
        let replaced = self.buffers.borrow_mut().live.insert(id, Buffer { env: self.env, reference, length });
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

    /// Detaches the buffers of memories that have grown. Called whenever wasm gives control to
    /// JavaScript.
    #[inline]
    pub fn settle_memories(&self) {
        if memory_has_grown() {
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
    drop(unsafe { Rc::from_raw(pin.cast::<Context>()) });
}
