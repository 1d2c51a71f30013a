//! Shared memories: V8 owns their bytes, since only V8 can make a `SharedArrayBuffer`.

use crate::engine::{Expected, SharedBytes, Stopped, publish};
use crate::error::ErrorKind;
use crate::napi::env::context::{Context, Host};
use crate::napi::env::reference::{StrongReference, ToggleReference};
use crate::napi::env::throw::{Exception, PendingException};
use crate::store::Thrown;
use napi::sys;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::ptr;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// The shared memories of a store, by the addresses of their bytes.
#[derive(Default)]
pub struct SharedMemories {
    by_base: RefCell<FxHashMap<usize, Rc<NodeSharedMemory>>>,
}

/// A shared memory: Node's own `WebAssembly.Memory`, which owns the bytes.
pub struct NodeSharedMemory {
    context: Weak<Context>,
    /// Strong while an instance may use the bytes
    memory: ToggleReference,
    base: *mut u8,
}

impl Context {
    /// The shared memory of Node's own `memory`, held strongly until the next `keep_shared`.
    ///
    /// # Safety
    /// `memory` is a value of this context's environment.
    pub unsafe fn shared_memory(
        self: &Rc<Self>,
        memory: sys::napi_value,
    ) -> Result<Rc<NodeSharedMemory>, PendingException> {
        let (base, _) = self.shared_bytes(memory)?;
        if let Some(known) = self.shared.by_base.borrow().get(&(base as usize)) {
            known.memory.keep(true);
            return Ok(known.clone());
        }
        // SAFETY: by the contract of this function.
        let memory = unsafe { ToggleReference::new(self.env, memory) };
        let shared = Rc::new(NodeSharedMemory { context: Rc::downgrade(self), memory, base });
        self.shared.by_base.borrow_mut().insert(base as usize, shared.clone());
        Ok(shared)
    }

    /// Node's own Memory for the bytes at `base`.
    pub fn shared_memory_at(&self, base: *mut u8) -> Option<sys::napi_value> {
        self.shared.by_base.borrow().get(&(base as usize)).and_then(|shared| shared.memory.get())
    }

    /// Sets whether the store keeps the shared memory at `base`: it must while an instance may use the bytes.
    pub fn keep_shared(&self, base: *mut u8, keep: bool) {
        if let Some(shared) = self.shared.by_base.borrow().get(&(base as usize)) {
            shared.memory.keep(keep);
        }
    }

    /// Drops the shared memories that are no longer in the store.
    pub fn forget_shared(&self) {
        self.shared.by_base.borrow_mut().retain(|_, memory| Rc::strong_count(memory) > 1);
    }

    /// Publishes the lengths of shared memories, which another thread or Node's own `grow` may have grown.
    ///
    /// # Errors
    /// The exception that JavaScript throws when its thread is being terminated: no wasm may run after that.
    #[inline]
    pub fn settle_shared(&self) -> Result<(), PendingException> {
        if self.shared.by_base.borrow().is_empty() { Ok(()) } else { self.publish_lengths() }
    }

    #[cold]
    fn publish_lengths(&self) -> Result<(), PendingException> {
        let memories: Vec<_> = self.shared.by_base.borrow().values().cloned().collect();
        memories.iter().try_for_each(|memory| {
            publish(memory.base, memory.ask_length(self)?);
            Ok(())
        })
    }

    /// The address of a shared memory's bytes, and its current length in bytes.
    fn shared_bytes(&self, memory: sys::napi_value) -> Result<(*mut u8, usize), PendingException> {
        let view = self.call_host(self.host.shared_bytes.get(self.env), memory)?;
        let (mut length, mut data) = (0, ptr::null_mut());
        // SAFETY: a plain N-API call; `lib/` returns a Uint8Array.
        unsafe {
            let (kind, buffer, offset) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
            sys::napi_get_typedarray_info(self.env, view, kind, &mut length, &mut data, buffer, offset);
        }
        Ok((data.cast(), length))
    }
}

impl NodeSharedMemory {
    fn context(&self) -> Result<Rc<Context>, Stopped> {
        let closed = || Thrown::error(ErrorKind::ClosedStore.into());
        Ok(self.context.upgrade().ok_or_else(closed)?)
    }

    /// The current length in bytes.
    fn ask_length(&self, context: &Context) -> Result<usize, PendingException> {
        let mut scope = ptr::null_mut();
        // SAFETY: plain N-API calls on the thread of the environment.
        unsafe { sys::napi_open_handle_scope(context.env, &mut scope) };
        let length = self.memory.get().map_or(Ok(0), |memory| context.shared_bytes(memory).map(|(_, length)| length));
        // SAFETY: the scope was opened above.
        unsafe { sys::napi_close_handle_scope(context.env, scope) };
        length
    }

    /// Calls a function of `lib/` with the memory and the arguments that `make` writes; `read` gets the result.
    ///
    /// # Errors
    /// The exception that the function throws. When the thread is being terminated there is no exception to take, and
    /// no JavaScript runs any more.
    fn ask(
        &self,
        function: impl FnOnce(&Host) -> &StrongReference,
        make: impl FnOnce(sys::napi_env, &mut [sys::napi_value; 3]),
        read: impl FnOnce(sys::napi_env, sys::napi_value),
    ) -> Result<(), Stopped> {
        let context = self.context()?;
        context.store.on_host_stack(|| self.ask_here(function, make, read))
    }

    fn ask_here(
        &self,
        function: impl FnOnce(&Host) -> &StrongReference,
        make: impl FnOnce(sys::napi_env, &mut [sys::napi_value; 3]),
        read: impl FnOnce(sys::napi_env, sys::napi_value),
    ) -> Result<(), Stopped> {
        let context = self.context()?;
        let env = context.env;
        let (mut scope, mut receiver, mut result) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let mut arguments = [ptr::null_mut(); 3];
        // SAFETY: plain N-API calls on the thread of the environment.
        unsafe {
            sys::napi_open_handle_scope(env, &mut scope);
            sys::napi_get_undefined(env, &mut receiver);
            arguments.fill(receiver);
            make(env, &mut arguments);
            let all = [self.memory.get().unwrap_or(receiver), arguments[0], arguments[1], arguments[2]];
            let function = function(&context.host).get(env);
            let status = sys::napi_call_function(env, receiver, function, all.len(), all.as_ptr(), &mut result);
            let answered = if status == sys::Status::napi_ok {
                read(env, result);
                Ok(())
            } else {
                Err(Thrown(Box::new(Exception::take(env))))
            };
            sys::napi_close_handle_scope(env, scope);
            Ok(answered?)
        }
    }
}

impl SharedBytes for NodeSharedMemory {
    fn base(&self) -> *mut u8 {
        self.base
    }

    fn length(&self) -> Result<usize, Stopped> {
        let context = self.context()?;
        // SAFETY: this is the thread of the environment.
        let stopped = |PendingException| Thrown(Box::new(unsafe { Exception::take(context.env) }));
        Ok(context.store.on_host_stack(|| self.ask_length(&context)).map_err(stopped)?)
    }

    fn grow(&self, pages: u32) -> Result<bool, Stopped> {
        let mut grown = false;
        // SAFETY: plain N-API calls on the thread of the environment.
        let make = |env, arguments: &mut [_; 3]| unsafe {
            sys::napi_create_uint32(env, pages, &mut arguments[0]);
        };
        // SAFETY: a plain N-API call on the thread of the environment.
        let read = |env, result| unsafe {
            sys::napi_get_value_bool(env, result, &mut grown);
        };
        self.ask(|host| &host.shared_grow, make, read)?;
        Ok(grown)
    }

    fn wait(&self, offset: u32, expected: Expected, timeout: Option<Duration>) -> Result<u32, Stopped> {
        let mut outcome = 0;
        let milliseconds = timeout.map_or(f64::INFINITY, |timeout| timeout.as_secs_f64() * 1000.0);
        // SAFETY: plain N-API calls on the thread of the environment.
        let make = |env, arguments: &mut [_; 3]| unsafe {
            sys::napi_create_uint32(env, offset, &mut arguments[0]);
            match expected {
                Expected::I32(value) => sys::napi_create_int32(env, value, &mut arguments[1]),
                Expected::I64(value) => sys::napi_create_bigint_int64(env, value, &mut arguments[1]),
            };
            sys::napi_create_double(env, milliseconds, &mut arguments[2]);
        };
        // SAFETY: a plain N-API call on the thread of the environment.
        let read = |env, result| unsafe {
            sys::napi_get_value_uint32(env, result, &mut outcome);
        };
        self.ask(|host| &host.shared_wait, make, read)?;
        Ok(outcome)
    }

    fn notify(&self, offset: u32, count: u32) -> Result<u32, Stopped> {
        let mut woken = 0;
        // SAFETY: plain N-API calls on the thread of the environment.
        let make = |env, arguments: &mut [_; 3]| unsafe {
            sys::napi_create_uint32(env, offset, &mut arguments[0]);
            sys::napi_create_uint32(env, count, &mut arguments[1]);
        };
        // SAFETY: a plain N-API call on the thread of the environment.
        let read = |env, result| unsafe {
            sys::napi_get_value_uint32(env, result, &mut woken);
        };
        self.ask(|host| &host.shared_notify, make, read)?;
        Ok(woken)
    }
}
