//! Shared memories: linear memories whose bytes belong to the host (a `SharedArrayBuffer`).

use crate::engine::alloc::quota::{Charge, Quota, Resource};
use crate::wasm::PAGE_SIZE;
use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use wasmer::sys::vm::{
    ExpectedValue, LinearMemory, MaybeInstanceOwned, MemoryError, VMMemory, VMMemoryDefinition, WaiterError,
    on_host_stack, raise_user_trap,
};
use wasmer::{MemoryStyle, MemoryType, Pages};

/// The trap that ends the wasm on the stack if the host has stopped answering: JavaScript fails like this when its
/// thread is being terminated.
pub type Stopped = Box<dyn Error + Send + Sync>;

/// The bytes of a shared memory, through the host of the thread that uses them.
pub trait SharedBytes {
    /// The first address. The bytes never move, and stay mapped as long as this lives.
    fn base(&self) -> *mut u8;
    /// The current length in bytes, which never shrinks.
    ///
    /// # Errors
    /// `Stopped`.
    fn length(&self) -> Result<usize, Stopped>;
    /// Asks the host to grow the memory. Returns whether it has grown.
    ///
    /// # Errors
    /// `Stopped`.
    fn grow(&self, pages: u32) -> Result<bool, Stopped>;
    /// Waits until another thread notifies the offset: `memory.atomic.wait`. Returns that instruction's result.
    ///
    /// # Errors
    /// `Stopped`.
    fn wait(&self, offset: u32, expected: Expected, timeout: Option<Duration>) -> Result<u32, Stopped>;
    /// Wakes up to `count` waiters at the offset: `memory.atomic.notify`. Returns the number of threads woken.
    ///
    /// # Errors
    /// `Stopped`.
    fn notify(&self, offset: u32, count: u32) -> Result<u32, Stopped>;
}

/// The value that a waiter expects at its offset.
#[derive(Debug, Clone, Copy)]
pub enum Expected {
    /// Four bytes
    I32(i32),
    /// Eight bytes
    I64(i64),
}

/// Memory style of shared memories. Code compares each access with the length, since the addresses after the host's
/// bytes may hold anything.
pub const STYLE: MemoryStyle = MemoryStyle::Dynamic { offset_guard_size: 0 };

/// The lengths of each shared memory on all threads of this process, by its base. Compiled code reads the length of its
/// thread.
static LENGTHS: LazyLock<Mutex<HashMap<usize, Vec<Length>>>> = LazyLock::new(Mutex::default);

/// A pointer to the length in a memory's definition, and the charge for that many bytes.
#[derive(Clone)]
struct Length(*const AtomicUsize, Arc<Charge>);

// SAFETY: it points into the definition of a `HostSharedMemory`, whose drop removes it from `LENGTHS`, under its lock.
unsafe impl Send for Length {}

/// Raises the length of the memory at `base` on all threads.
pub fn publish(base: *mut u8, length: usize) {
    let lengths = LENGTHS.lock().unwrap_or_else(PoisonError::into_inner);
    for Length(other, charge) in lengths.get(&(base as usize)).into_iter().flatten() {
        // SAFETY: a length in `LENGTHS` is valid while the lock is held (see `Length`).
        unsafe { (**other).fetch_max(length, Ordering::Relaxed) };
        charge.raise_to(length as u64);
    }
}

thread_local! {
    /// Cause of the last failed growth on this thread, if the host has stopped answering
    static STOPPED: RefCell<Option<Stopped>> = RefCell::default();
}

/// Takes the cause of the growth that has just failed, if the host has stopped answering. The caller must then end the
/// wasm on the stack.
pub fn take_stopped() -> Option<Stopped> {
    STOPPED.take()
}

/// A shared memory of an instance; its definition is at `location`.
///
/// # Errors
/// `Generic` if the host has stopped answering, or at a limit of `quota`.
pub(in crate::engine) fn of_instance(
    ty: &MemoryType,
    location: NonNull<VMMemoryDefinition>,
    bytes: Rc<dyn SharedBytes>,
    quota: &Arc<Quota>,
) -> Result<VMMemory, MemoryError> {
    HostSharedMemory::new(*ty, MaybeInstanceOwned::Instance(location), bytes, quota)
}

/// A shared memory that no instance defines.
///
/// # Errors
/// `Generic` if the host has stopped answering, or at a limit of `quota`.
pub fn shared_memory(ty: MemoryType, bytes: Rc<dyn SharedBytes>, quota: &Arc<Quota>) -> Result<VMMemory, MemoryError> {
    let definition = VMMemoryDefinition { base: bytes.base(), current_length: 0 };
    HostSharedMemory::new(ty, MaybeInstanceOwned::Host(Box::new(definition.into())), bytes, quota)
}

struct HostSharedMemory {
    ty: MemoryType,
    definition: MaybeInstanceOwned<VMMemoryDefinition>,
    bytes: Rc<dyn SharedBytes>,
    /// For the bytes; every thread that grows the memory raises it
    charge: Arc<Charge>,
}

// SAFETY: wasmer's object lists require the marker, but a memory stays in its store, which stays on one thread.
unsafe impl Send for HostSharedMemory {}
// SAFETY: as for `Send`.
unsafe impl Sync for HostSharedMemory {}

impl HostSharedMemory {
    #[expect(clippy::new_ret_no_self, reason = "the engine's word for any memory")]
    fn new(
        ty: MemoryType,
        definition: MaybeInstanceOwned<VMMemoryDefinition>,
        bytes: Rc<dyn SharedBytes>,
        quota: &Arc<Quota>,
    ) -> Result<VMMemory, MemoryError> {
        let length = || bytes.length().map_err(|stopped| MemoryError::Generic(stopped.to_string()));
        let (base, current_length) = (bytes.base(), length()?);
        let charge = Arc::new(quota.charge(Resource::MemorySize, current_length as u64)?);
        // SAFETY: the definition belongs to this memory, and no code uses it yet.
        unsafe { *definition.as_ptr().as_ptr() = VMMemoryDefinition { base, current_length } };
        let memory = Self { ty, definition, bytes: bytes.clone(), charge };
        let mut lengths = LENGTHS.lock().unwrap_or_else(PoisonError::into_inner);
        lengths.entry(base as usize).or_default().push(memory.length());
        drop(lengths);
        // Another thread may have grown the memory before its length was in the list.
        publish(base, length()?);
        Ok(VMMemory(Box::new(memory)))
    }

    fn length(&self) -> Length {
        // SAFETY: the definition lives as long as this memory.
        let length = unsafe { &raw const (*self.definition.as_ptr().as_ptr()).current_length };
        Length(length.cast(), self.charge.clone())
    }
}

impl Drop for HostSharedMemory {
    fn drop(&mut self) {
        let (base, own) = (self.bytes.base() as usize, self.length().0);
        let mut lengths = LENGTHS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lengths.get_mut(&base) {
            list.retain(|length| length.0 != own);
            if list.is_empty() {
                lengths.remove(&base);
            }
        }
    }
}

impl fmt::Debug for HostSharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedMemory({:?})", self.ty)
    }
}

impl LinearMemory for HostSharedMemory {
    fn ty(&self) -> MemoryType {
        self.ty
    }

    fn size(&self) -> Pages {
        // SAFETY: the definition, with its length, lives as long as this memory.
        let length = unsafe { (*self.length().0).load(Ordering::Relaxed) };
        Pages((length / PAGE_SIZE) as u32)
    }

    fn style(&self) -> MemoryStyle {
        STYLE
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        let bytes = &self.bytes;
        let more = delta.bytes().0 as u64;
        self.charge.grow(more)?;
        // Call JavaScript on the host's stack: V8's stack limit is for that stack.
        let before = on_host_stack(|| {
            let grow = || {
                let before = bytes.length()? / PAGE_SIZE;
                if !bytes.grow(delta.0)? {
                    return Ok(None);
                }
                publish(bytes.base(), bytes.length()?);
                Ok(Some(before as u32))
            };
            // wasmer drops the cause of a failed growth, so keep it for `take_stopped`.
            grow().unwrap_or_else(|stopped| {
                STOPPED.set(Some(stopped));
                None
            })
        });
        if before.is_none() {
            self.charge.shrink(more);
        }
        let failed = MemoryError::CouldNotGrow { current: self.size(), attempted_delta: delta };
        before.map(Pages).ok_or(failed)
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.definition.as_ptr()
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Err(MemoryError::InvalidMemory { reason: "a shared memory is the host's".into() })
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        self.try_clone()
    }

    unsafe fn do_wait(
        &mut self,
        offset: u32,
        expected: ExpectedValue,
        timeout: Option<Duration>,
    ) -> Result<u32, WaiterError> {
        let expected = match expected {
            ExpectedValue::U32(value) => Expected::I32(value as i32),
            ExpectedValue::U64(value) => Expected::I64(value as i64),
            ExpectedValue::None => return Err(WaiterError::Unimplemented),
        };
        Ok(answer_to_wasm(|| self.bytes.wait(offset, expected, timeout)))
    }

    fn do_notify(&mut self, offset: u32, count: u32) -> u32 {
        answer_to_wasm(|| self.bytes.notify(offset, count))
    }
}

/// The host's answer to wasm. If the host has stopped answering, the wasm on the stack ends.
fn answer_to_wasm(ask: impl FnOnce() -> Result<u32, Stopped>) -> u32 {
    match on_host_stack(ask) {
        Ok(answer) => answer,
        // SAFETY: only instructions of wasm wait and notify, so wasm is on the stack. Above it are only frames of
        // wasmer, which have nothing to drop: wasmer's own traps of these instructions unwind them in the same way.
        Err(stopped) => unsafe { raise_user_trap(stopped) },
    }
}
