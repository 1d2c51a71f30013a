//! The thread that frees what is large: the system takes 75 ms to unmap each written GiB.

use crate::engine::alloc::limits::is_limited;
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

/// Size from which something is dropped by another thread, in bytes.
const LARGE: u64 = 64 << 20;

/// Something to be dropped there.
type Dropped = Box<dyn Send>;

/// The way to the thread, which is never joined; none if the system gives no thread.
static UNMAPPER: LazyLock<Option<Mutex<Sender<Dropped>>>> = LazyLock::new(|| {
    let (sender, receiver) = channel::<Dropped>();
    let work = move || receiver.into_iter().for_each(drop);
    thread::Builder::new().name("wasm-relink-unmap".to_owned()).spawn(work).ok().map(|_| Mutex::new(sender))
});

/// Drops something of `bytes` that nothing refers to any more: on another thread, if it is large. In a process
/// with limits here, since a caller may need the room at once.
pub fn drop_elsewhere(dropped: impl Send + 'static, bytes: u64) {
    if bytes < LARGE || is_limited() {
        return drop(dropped);
    }
    if let Some(unmapper) = &*UNMAPPER {
        // If the thread has ended, the error has it, and drops it here.
        drop(unmapper.lock().unwrap_or_else(PoisonError::into_inner).send(Box::new(dropped)));
    }
}
