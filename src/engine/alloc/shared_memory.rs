//! Memories that threads share. The bytes are the host's: this is what compiled code sees of them.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::fmt;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;
use wasmer::sys::vm::{
    ExpectedValue, LinearMemory, MaybeInstanceOwned, MemoryError, VMMemory, VMMemoryDefinition, WaiterError,
    on_host_stack, raise_user_trap,
};
use wasmer::{MemoryStyle, MemoryType, Pages};

/// Size of a page in bytes.
const PAGE: usize = 65_536;

/// Why the host answers no more: the trap that ends the wasm on the stack. JavaScript fails like this when its thread
/// is being ended.
pub type Stopped = Box<dyn Error + Send + Sync>;

/// The bytes of a shared memory, as the thread that has them asks the host for them.
pub trait SharedBytes {
    /// Where they are. They never move, and stay as long as this lives.
    fn base(&self) -> *mut u8;
    /// How many there are by now. They never become fewer.
    ///
    /// # Errors
    /// `Stopped`, as for all that the host is asked.
    fn length(&self) -> Result<usize, Stopped>;
    /// Asks for more, and says whether they are there.
    ///
    /// # Errors
    /// `Stopped`.
    fn grow(&self, pages: u32) -> Result<bool, Stopped>;
    /// Waits until another thread notifies the offset: `memory.atomic.wait`.
    ///
    /// # Errors
    /// `Stopped`.
    fn wait(&self, offset: u32, expected: Expected, timeout: Option<Duration>) -> Result<u32, Stopped>;
    /// Wakes so many who wait at the offset: `memory.atomic.notify`. Gives how many there were.
    ///
    /// # Errors
    /// `Stopped`.
    fn notify(&self, offset: u32, count: u32) -> Result<u32, Stopped>;
}

/// What a waiter expects to find.
#[derive(Debug, Clone, Copy)]
pub enum Expected {
    /// In four bytes
    I32(i32),
    /// In eight bytes
    I64(i64),
}

/// How code reaches a shared memory: it compares each access with the length, since nothing is known
/// of what lies behind the host's bytes.
pub const STYLE: MemoryStyle = MemoryStyle::Dynamic { offset_guard_size: 0 };

/// Where the threads of this process keep the length of each shared memory, by its base. Compiled code
/// reads it from there.
static LENGTHS: LazyLock<Mutex<HashMap<usize, Vec<Length>>>> = LazyLock::new(Mutex::default);

/// The address of a length.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Length(*const AtomicUsize);

// SAFETY: it points into a memory that takes it out of the list before it goes, under the same lock.
unsafe impl Send for Length {}

/// Tells all threads the length of the memory at `base`.
pub fn publish(base: *mut u8, length: usize) {
    let lengths = LENGTHS.lock().unwrap_or_else(PoisonError::into_inner);
    for Length(other) in lengths.get(&(base as usize)).into_iter().flatten() {
        // SAFETY: see `Length`.
        unsafe { (**other).fetch_max(length, Ordering::Relaxed) };
    }
}

/// Memories of the instance that is about to be made, in the order of its module.
pub type Prepared = VecDeque<Rc<dyn SharedBytes>>;

thread_local! {
    static PREPARED: RefCell<Prepared> = RefCell::default();
    /// Why the last growth on this thread failed, if the host answered no more
    static STOPPED: RefCell<Option<Stopped>> = RefCell::default();
}

/// Why the growth that has just failed did so, if the host answered no more: whoever asked for it ends the wasm on the
/// stack.
pub fn take_stopped() -> Option<Stopped> {
    STOPPED.take()
}

/// Sets the bytes for the shared memories of the instance that this thread makes next.
pub fn prepare(memories: Prepared) {
    PREPARED.set(memories);
}

/// The memory of a new instance, whose definition is at `location`.
pub(in crate::engine) fn prepared(
    ty: &MemoryType,
    location: NonNull<VMMemoryDefinition>,
) -> Result<VMMemory, MemoryError> {
    let bytes = PREPARED.with_borrow_mut(VecDeque::pop_front);
    let bytes = bytes.ok_or_else(|| MemoryError::Generic("the host gave no bytes for a shared memory".into()))?;
    HostSharedMemory::new(*ty, MaybeInstanceOwned::Instance(location), bytes)
}

/// A memory of the host's own making.
///
/// # Errors
/// `Generic` if the host answers no more.
pub fn shared_memory(ty: MemoryType, bytes: Rc<dyn SharedBytes>) -> Result<VMMemory, MemoryError> {
    let definition = VMMemoryDefinition { base: bytes.base(), current_length: 0 };
    HostSharedMemory::new(ty, MaybeInstanceOwned::Host(Box::new(definition.into())), bytes)
}

struct HostSharedMemory {
    ty: MemoryType,
    definition: MaybeInstanceOwned<VMMemoryDefinition>,
    bytes: Rc<dyn SharedBytes>,
}

// SAFETY: a memory belongs to a store, which lives and dies on one thread; the engine's list asks for
// the marker.
unsafe impl Send for HostSharedMemory {}
// SAFETY: as above.
unsafe impl Sync for HostSharedMemory {}

impl HostSharedMemory {
    #[expect(clippy::new_ret_no_self, reason = "the engine's word for any memory")]
    fn new(
        ty: MemoryType,
        definition: MaybeInstanceOwned<VMMemoryDefinition>,
        bytes: Rc<dyn SharedBytes>,
    ) -> Result<VMMemory, MemoryError> {
        let length = || bytes.length().map_err(|stopped| MemoryError::Generic(stopped.to_string()));
        let (base, current_length) = (bytes.base(), length()?);
        // SAFETY: the definition is this memory's own, and no code uses it yet.
        unsafe { *definition.as_ptr().as_ptr() = VMMemoryDefinition { base, current_length } };
        let memory = Self { ty, definition, bytes: bytes.clone() };
        let mut lengths = LENGTHS.lock().unwrap_or_else(PoisonError::into_inner);
        lengths.entry(base as usize).or_default().push(memory.length());
        drop(lengths);
        // Another thread may have grown it meanwhile.
        publish(base, length()?);
        Ok(VMMemory(Box::new(memory)))
    }

    fn length(&self) -> Length {
        // SAFETY: the definition lives as long as this memory.
        Length(unsafe { &raw const (*self.definition.as_ptr().as_ptr()).current_length }.cast())
    }
}

impl Drop for HostSharedMemory {
    fn drop(&mut self) {
        let (base, own) = (self.bytes.base() as usize, self.length());
        let mut lengths = LENGTHS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lengths.get_mut(&base) {
            list.retain(|length| *length != own);
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
        // SAFETY: as in `length`.
        let length = unsafe { (*self.length().0).load(Ordering::Relaxed) };
        Pages((length / PAGE) as u32)
    }

    fn style(&self) -> MemoryStyle {
        STYLE
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        let bytes = &self.bytes;
        // The host is asked on its own stack: its limits are those of that one.
        let before = on_host_stack(|| {
            let grow = || {
                let before = bytes.length()? / PAGE;
                if !bytes.grow(delta.0)? {
                    return Ok(None);
                }
                publish(bytes.base(), bytes.length()?);
                Ok(Some(before as u32))
            };
            // The engine drops all but the fact that it failed.
            grow().unwrap_or_else(|stopped| {
                STOPPED.set(Some(stopped));
                None
            })
        });
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

/// What the host answers to wasm, which ends where it answers no more.
fn answer_to_wasm(ask: impl FnOnce() -> Result<u32, Stopped>) -> u32 {
    match on_host_stack(ask) {
        Ok(answer) => answer,
        // SAFETY: only instructions of wasm wait and notify, so wasm is on the stack. Between it and this function are
        // the engine's own, of which none has anything to drop, as its own traps leave by the same way.
        Err(stopped) => unsafe { raise_user_trap(stopped) },
    }
}
