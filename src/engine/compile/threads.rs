//! The threads that compile: how many there is room for, and the pool that they work for.

use crate::engine::alloc::room::has_headroom_besides;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

/// Address space of a thread's stack, in bytes: 2 MiB and a guard.
const STACK: usize = (2 << 20) + (64 << 10);

/// Number of compiles that are expected to run at once: `MOST` of napi/env/background.rs, and a tier-up.
const AT_ONCE: usize = 5;

/// The pool that all compiles share; wasmer also makes a pool of its own for each compile. Without the shared pool,
/// wasmer would use rayon's global pool, and would panic in each compile if that cannot be made.
static POOL: Mutex<Option<Arc<ThreadPool>>> = Mutex::new(None);

/// Held by a compile for which there is little room.
static ALONE: Mutex<()> = Mutex::new(());

/// The threads of one compile.
pub(in crate::engine) struct Threads {
    /// Number of threads in each of its pools
    pub number: NonZero<usize>,
    pool: Arc<ThreadPool>,
    _alone: Option<MutexGuard<'static, ()>>,
}

impl Threads {
    /// The threads for a compile that takes up to `bytes` of memory: one for each processor. With little room it is a
    /// single thread, and only one such compile runs at a time. None where there is no room.
    pub fn new(bytes: usize) -> Option<Self> {
        Self::all(bytes).or_else(|| Self::alone(bytes))
    }

    fn all(bytes: usize) -> Option<Self> {
        let number = available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        let stacks = number.get() * (AT_ONCE + 1) * STACK;
        if !has_headroom_besides(bytes.saturating_add(stacks)) {
            return None;
        }
        pool(number).map(|pool| Self { number, pool, _alone: None })
    }

    /// A single thread. Waits until no other compile has a single thread.
    pub fn alone(bytes: usize) -> Option<Self> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let number = NonZero::<usize>::MIN;
        if !has_headroom_besides(bytes.saturating_add(2 * STACK)) {
            return None;
        }
        pool(number).map(|pool| Self { number, pool, _alone: Some(alone) })
    }

    /// Runs a closure on the pool.
    pub fn run<T: Send>(&self, run: impl FnOnce() -> T + Send) -> T {
        self.pool.install(run)
    }
}

/// Whether there is room for another thread of this library.
pub fn has_room_for_thread() -> bool {
    has_headroom_besides(STACK)
}

/// The pool; with `number` threads if it is made now, or with one if the system gives no more.
fn pool(number: NonZero<usize>) -> Option<Arc<ThreadPool>> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.is_none() {
        let make = |number: usize| {
            ThreadPoolBuilder::new()
                .num_threads(number)
                .thread_name(|index| format!("wasm-relink-{index}"))
                .build()
                .ok()
        };
        *pool = make(number.get()).or_else(|| make(1)).map(Arc::new);
    }
    pool.clone()
}

/// Number of bytes from which hashing on all threads is faster.
const MANY: usize = 1 << 17;

/// The BLAKE3 hash of bytes.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    let threads = if bytes.len() < MANY { None } else { Threads::all(0) };
    match threads {
        Some(threads) => threads.run(|| *blake3::Hasher::new().update_rayon(bytes).finalize().as_bytes()),
        None => *blake3::hash(bytes).as_bytes(),
    }
}
