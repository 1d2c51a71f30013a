//! Shared memories: V8 owns their bytes, since only V8 can make a `SharedArrayBuffer`.

use crate::engine::{Expected, SharedBytes, Stopped, publish};
use crate::error::ErrorKind;
use crate::napi::env::bytes::TypedArray;
use crate::napi::env::environment::{Environment, InEnvironment};
use crate::napi::env::exception::{PendingException, ThrownValue};
use crate::napi::env::reference::ToggleReference;
use crate::napi::env::value::{JsEnv, Value};
use crate::store::{Thrown, on_host_stack, wait_until_stopped};
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
    /// The context of the store
    context: Weak<dyn InEnvironment>,
    /// Strong while an instance may use the bytes
    memory: ToggleReference,
    base: *mut u8,
}

impl SharedMemories {
    /// The shared memory of Node's own `memory`, held strongly until the next `set_strong`.
    ///
    /// # Errors
    /// The exception that JavaScript throws when its thread is being terminated.
    pub fn add(
        &self,
        context: &Rc<impl InEnvironment + 'static>,
        memory: Value<'_>,
    ) -> Result<Rc<NodeSharedMemory>, PendingException> {
        let (base, _) = bytes(context.environment(), memory)?;
        if let Some(known) = self.by_base.borrow().get(&(base as usize)) {
            known.memory.set_strong(true);
            return Ok(known.clone());
        }
        let memory = ToggleReference::new(context.environment().js(), memory);
        let context: Rc<dyn InEnvironment> = context.clone();
        let shared = Rc::new(NodeSharedMemory { context: Rc::downgrade(&context), memory, base });
        self.by_base.borrow_mut().insert(base as usize, shared.clone());
        Ok(shared)
    }

    /// Node's own Memory for the bytes at `base`.
    pub fn find<'a>(&self, env: JsEnv<'a>, base: *mut u8) -> Option<Value<'a>> {
        self.by_base.borrow().get(&(base as usize)).and_then(|shared| shared.memory.get(env))
    }

    /// Sets whether the store keeps the shared memory at `base`: it must while an instance may use the bytes.
    pub fn set_strong(&self, base: *mut u8, strong: bool) {
        if let Some(shared) = self.by_base.borrow().get(&(base as usize)) {
            shared.memory.set_strong(strong);
        }
    }

    /// Drops the shared memories that are no longer in the store.
    pub fn forget_removed(&self) {
        self.by_base.borrow_mut().retain(|_, memory| Rc::strong_count(memory) > 1);
    }

    /// Publishes the lengths of shared memories, which another thread or Node's own `grow` may have grown.
    ///
    /// # Errors
    /// The exception that JavaScript throws when its thread is being terminated: no wasm may run after that.
    #[inline]
    pub fn publish_lengths(&self, environment: &Environment) -> Result<(), PendingException> {
        if self.by_base.borrow().is_empty() { Ok(()) } else { self.publish_all(environment) }
    }

    #[cold]
    fn publish_all(&self, environment: &Environment) -> Result<(), PendingException> {
        let memories: Vec<_> = self.by_base.borrow().values().cloned().collect();
        memories.iter().try_for_each(|memory| {
            publish(memory.base, memory.length_in(environment)?);
            Ok(())
        })
    }
}

/// The address of a shared memory's bytes, and its current length in bytes.
fn bytes(environment: &Environment, memory: Value<'_>) -> Result<(*mut u8, usize), PendingException> {
    let view = environment.call(|lib| &lib.shared_bytes, &[memory])?;
    // `lib/` returns a Uint8Array.
    let array = environment.js().typed_array(view);
    Ok(array.map_or((ptr::null_mut(), 0), |TypedArray { data, length, .. }| (data.cast(), length)))
}

impl NodeSharedMemory {
    fn context(&self) -> Result<Rc<dyn InEnvironment>, Stopped> {
        let closed = || Thrown::error(ErrorKind::ClosedStore.into());
        Ok(self.context.upgrade().ok_or_else(closed)?)
    }

    /// The current length in bytes.
    fn length_in(&self, environment: &Environment) -> Result<usize, PendingException> {
        let scope = environment.js().open_scope();
        self.memory.get(scope.env()).map_or(Ok(0), |memory| bytes(environment, memory).map(|(_, length)| length))
    }

    /// Runs `call`, which calls a function of `lib/` with the memory, in a handle scope. `call` returns the result as a number
    /// or a boolean.
    ///
    /// # Errors
    /// The exception that the function throws. When the thread is being terminated there is no exception to take, and
    /// no JavaScript runs any more.
    fn in_scope<T: Default>(
        &self,
        call: impl FnOnce(&Environment, Value<'_>) -> Result<Option<T>, PendingException>,
    ) -> Result<T, Stopped> {
        on_host_stack(|| self.in_scope_here(call))
    }

    fn in_scope_here<T: Default>(
        &self,
        call: impl FnOnce(&Environment, Value<'_>) -> Result<Option<T>, PendingException>,
    ) -> Result<T, Stopped> {
        let context = self.context()?;
        let environment = context.environment();
        let scope = environment.js().open_scope();
        let memory = self.memory.get(scope.env()).unwrap_or_else(|| scope.env().undefined());
        let result = call(environment, memory);
        let result = result.map_err(|PendingException| Thrown(Box::new(ThrownValue::take(scope.env()))))?;
        Ok(result.unwrap_or_default())
    }
}

impl SharedBytes for NodeSharedMemory {
    fn base(&self) -> *mut u8 {
        self.base
    }

    fn length(&self) -> Result<usize, Stopped> {
        let context = self.context()?;
        let environment = context.environment();
        let stopped = |PendingException| Thrown(Box::new(ThrownValue::take(environment.js())));
        Ok(on_host_stack(|| self.length_in(environment).map_err(stopped))?)
    }

    fn grow(&self, pages: u32) -> Result<bool, Stopped> {
        self.in_scope(|environment, memory| {
            let env = environment.js();
            let grown = environment.call(|lib| &lib.shared_grow, &[memory, env.uint32(pages)])?;
            Ok(env.get_bool(grown))
        })
    }

    fn wait(&self, offset: u32, expected: Expected, timeout: Option<Duration>) -> Result<u32, Stopped> {
        wait_until_stopped(timeout, |timeout| {
            let milliseconds = timeout.map_or(f64::INFINITY, |timeout| timeout.as_secs_f64() * 1000.0);
            self.in_scope(|environment, memory| {
                let env = environment.js();
                let expected = match expected {
                    Expected::I32(value) => env.int32(value),
                    Expected::I64(value) => env.bigint64(value),
                };
                let arguments = [memory, env.uint32(offset), expected, env.double(milliseconds)];
                let outcome = environment.call(|lib| &lib.shared_wait, &arguments)?;
                Ok(env.get_uint32(outcome))
            })
        })
    }

    fn notify(&self, offset: u32, count: u32) -> Result<u32, Stopped> {
        self.in_scope(|environment, memory| {
            let env = environment.js();
            let arguments = [memory, env.uint32(offset), env.uint32(count)];
            let woken = environment.call(|lib| &lib.shared_notify, &arguments)?;
            Ok(env.get_uint32(woken))
        })
    }
}
