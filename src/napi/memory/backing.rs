//! Backing stores of buffers: how long the bytes of a memory stay mapped once JavaScript has had buffers over them.
//!
//! libuv and other native code read and write the bytes of a buffer on their own threads, also after the memory has
//! left the store. The bytes may be unmapped once both of these are true, as for a buffer that V8 allocated:
//!
//! - V8 has collected the `ArrayBuffer` object. A request in flight holds the view, and so the object, even if a growth
//!   has detached it. V8's deleter does not wait for such requests, since it runs on detach.
//! - V8's deleter has run. Native code may hold the backing store without the object, and the bytes may move to another
//!   object (`ArrayBuffer.prototype.transfer`, a byte stream) while V8 collects the first one.

use crate::napi::env::external_memory::report_external_memory;
use crate::napi::env::reference::WeakReference;
use crate::store::DetachedMemory;
use napi::sys;
use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::{Rc, Weak};

/// The backing store of one memory. Its buffers hold it, and the context does while the memory is in the store.
#[derive(Default)]
pub struct Backing {
    /// The detached memory, once it has left the store
    retained: RefCell<Option<Retained>>,
}

/// An `ArrayBuffer` over a memory. The object holds it until its finalizer has run, and V8's backing store holds it
/// until the deleter has run.
pub struct Buffer {
    env: sys::napi_env,
    /// The object; set right after N-API has made it
    object: OnceCell<WeakReference>,
    /// Length in bytes
    length: usize,
    #[expect(dead_code, reason = "held for its destructor")]
    backing: Rc<Backing>,
}

/// Size of the detached memories of a store that are still mapped, in bytes.
#[derive(Default)]
pub struct RetainedBytes(Cell<u64>);

/// A detached memory. Its size is reported to V8 as external memory, so that V8 collects its buffers sooner.
struct Retained {
    env: sys::napi_env,
    total: Rc<RetainedBytes>,
    remains: DetachedMemory,
}

/// Least size reported to V8 for one, in bytes: an empty memory reserves address space too.
const LEAST: u64 = 64 << 10;

impl RetainedBytes {
    /// The size in bytes.
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

impl Retained {
    fn new(env: sys::napi_env, total: &Rc<RetainedBytes>, remains: DetachedMemory) -> Self {
        total.0.set(total.0.get() + remains.bytes());
        report_external_memory(env, remains.bytes().max(LEAST) as i64);
        Self { env, total: total.clone(), remains }
    }
}

impl Drop for Retained {
    fn drop(&mut self) {
        let bytes = self.remains.bytes();
        self.total.0.set(self.total.0.get() - bytes);
        report_external_memory(self.env, -(bytes.max(LEAST) as i64));
    }
}

impl Backing {
    /// Makes an `ArrayBuffer` over the bytes at `base`. None if this build of Node forbids external buffers.
    ///
    /// # Safety
    /// This is the thread of `env`. The bytes are those of this memory, and stay mapped until `retain` gets them.
    pub unsafe fn buffer(
        self: &Rc<Self>,
        env: sys::napi_env,
        base: *mut u8,
        length: usize,
    ) -> Option<(sys::napi_value, Weak<Buffer>)> {
        let buffer = Rc::new(Buffer { env, object: OnceCell::new(), length, backing: self.clone() });
        let mut value = ptr::null_mut();
        let data = Rc::into_raw(buffer.clone()).cast_mut().cast::<c_void>();
        // SAFETY: by the contract of this function. `data` holds the backing until the deleter has run.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(env, base.cast(), length, Some(released), data, &mut value)
        };
        if status != sys::Status::napi_ok {
            // SAFETY: N-API failed, so it did not take `data`.
            drop(unsafe { Rc::from_raw(data.cast::<Buffer>()) });
            return None;
        }
        let data = Rc::into_raw(buffer.clone()).cast_mut().cast::<c_void>();
        // SAFETY: `value` is the object that was just made; `data` holds the backing until V8 has collected it.
        let object = unsafe {
            sys::napi_add_finalizer(env, value, data, Some(collected), ptr::null_mut(), ptr::null_mut());
            WeakReference::new(env, value)
        };
        let is_first = buffer.object.set(object).is_ok();
        debug_assert!(is_first, "a buffer has one object");
        Some((value, Rc::downgrade(&buffer)))
    }

    /// Takes a memory that has left its store, and unmaps it when its last buffer is gone.
    pub fn retain(self: Rc<Self>, env: sys::napi_env, total: &Rc<RetainedBytes>, remains: DetachedMemory) {
        if Rc::strong_count(&self) > 1 {
            *self.retained.borrow_mut() = Some(Retained::new(env, total, remains));
        }
    }
}

impl Buffer {
    /// Its length in bytes while it is attached.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The object; none if it was collected or detached.
    pub fn attached(&self) -> Option<sys::napi_value> {
        self.object.get()?.get().filter(|object| {
            let mut is_detached = false;
            // SAFETY: a plain N-API call on an ArrayBuffer.
            unsafe { sys::napi_is_detached_arraybuffer(self.env, *object, &mut is_detached) };
            !is_detached
        })
    }

    /// Detaches the object.
    pub fn detach(&self) {
        if let Some(object) = self.attached() {
            // SAFETY: a plain N-API call. An external buffer is always detachable.
            unsafe { sys::napi_detach_arraybuffer(self.env, object) };
        }
    }
}

/// V8's deleter.
unsafe extern "C" fn released(_env: sys::napi_env, _bytes: *mut c_void, data: *mut c_void) {
    // SAFETY: `data` came from `Rc::into_raw` in `buffer`, and N-API calls this once, on the thread of the environment.
    drop(unsafe { Rc::from_raw(data.cast::<Buffer>()) });
}

/// Finalizer of the object.
unsafe extern "C" fn collected(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `data` came from `Rc::into_raw` in `buffer`, and N-API calls this once, on the thread of the environment.
    drop(unsafe { Rc::from_raw(data.cast::<Buffer>()) });
}
