//! The record of a thread that calls wasm: all that the watchdog and the signal handler know of it.

use crate::store::watch::clock::NEVER;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Flag: a deadline may have passed, or somebody may have asked for a stop.
pub const STOP: u32 = 1;
/// Flag: the call lasts, so V8 should be asked whether it still wants the result.
pub const LOOK: u32 = 2;
/// Flag: the watchdog sleeps, and the next call must wake it.
pub const WAKE: u32 = 4;

/// `entered_at` of a thread without wasm on its stack.
pub const OUTSIDE: usize = usize::MAX;

/// Most threads that are watched at once.
const MOST: usize = 1024;

/// The flags for which wasm must pause.
const PAUSE: u32 = STOP | LOOK;

/// Number of records with a flag of `PAUSE`.
static FLAGGED: AtomicU32 = AtomicU32::new(0);

/// The records, which live for ever: those of ended threads are reused.
static RECORDS: [AtomicPtr<ThreadRecord>; MOST] = [const { AtomicPtr::new(ptr::null_mut()) }; MOST];

/// Taken while a thread begins or ends, and while the watchdog sends signals: so the threads that it sends them to exist.
static THREADS: Mutex<()> = Mutex::new(());

/// The record of a thread. The thread itself writes most of it; others read.
#[repr(align(128))]
pub struct ThreadRecord {
    /// An address on the host's stack, in the innermost call; the greatest one while no wasm is on the stack
    entered_at: AtomicUsize,
    flags: AtomicU32,
    /// The nearest deadline, by `clock::now`
    pub deadline: AtomicU64,
    /// The timeout of that deadline: milliseconds, as the bits of an f64
    pub timeout: AtomicU64,
    /// The address at which the signal handler has interrupted wasm, until `pad` takes it
    pub interrupted: AtomicUsize,
    /// The fault with which it was interrupted, for `fault`; 0 for none
    pub fault: AtomicU32,
    /// The system's id of the thread; 0 for none
    pub thread: AtomicI32,
    /// Whether a signal is on its way
    pub is_sent: AtomicBool,
    /// Whether the last signal found the thread on the host's stack
    pub is_on_host: AtomicBool,
    /// The host's stack: its lowest address, and the one after its highest
    pub host_stack: [AtomicUsize; 2],
    /// Whether other threads may interrupt stores of this thread
    pub is_interruptible: AtomicBool,
    /// Interrupts of stores of this thread
    pub requests: Mutex<Vec<Request>>,
    index: usize,
}

/// A request to end the calls of a store.
#[derive(Debug, Clone)]
pub struct Request {
    /// The token of the store
    pub token: u128,
    /// The reason, in the form in which `lib/` gave it
    pub reason: String,
}

/// Makes the thread's record free again when the thread ends.
struct OfThread(&'static ThreadRecord);

thread_local! {
    static OF_THREAD: OfThread = OfThread(ThreadRecord::take());
}

impl Drop for OfThread {
    fn drop(&mut self) {
        let _threads = threads();
        self.0.thread.store(0, Ordering::Release);
        self.0.take_flags();
    }
}

/// See `THREADS`.
pub fn threads() -> MutexGuard<'static, ()> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether `STOP` or `LOOK` is set in some record. A load of this costs less than finding the own record.
#[inline]
pub fn is_any_flagged() -> bool {
    FLAGGED.load(Ordering::Relaxed) != 0
}

impl ThreadRecord {
    /// The record of this thread.
    pub fn of_thread() -> &'static Self {
        OF_THREAD.with(|record| record.0)
    }

    /// The record with an index. A signal handler may call this.
    pub fn at(index: usize) -> Option<&'static Self> {
        // SAFETY: records are never freed.
        RECORDS.get(index).and_then(|record| unsafe { record.load(Ordering::Acquire).as_ref() })
    }

    /// The records of all threads, also of ended ones.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        (0..MOST).map_while(Self::at)
    }

    /// A record for this thread.
    fn take() -> &'static Self {
        let [low, high] = bounds_of_stack();
        let _threads = threads();
        let free = Self::all().find(|record| record.thread.load(Ordering::Acquire) == 0);
        let record = free.unwrap_or_else(|| {
            let index = Self::all().count();
            let record: &'static Self = Box::leak(Box::new(Self::new(index)));
            if let Some(entry) = RECORDS.get(index) {
                entry.store(ptr::from_ref(record).cast_mut(), Ordering::Release);
            }
            record
        });
        record.entered_at.store(OUTSIDE, Ordering::Relaxed);
        record.deadline.store(NEVER, Ordering::Relaxed);
        record.interrupted.store(0, Ordering::Relaxed);
        record.fault.store(0, Ordering::Relaxed);
        record.is_sent.store(false, Ordering::Relaxed);
        record.is_interruptible.store(false, Ordering::Relaxed);
        record.host_stack[0].store(low, Ordering::Relaxed);
        record.host_stack[1].store(high, Ordering::Relaxed);
        record.requests.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // The first call wakes the watchdog, which may not exist yet.
        record.take_flags();
        record.set_flags(WAKE);
        record.thread.store(thread_id(), Ordering::Release);
        record
    }

    fn new(index: usize) -> Self {
        Self {
            entered_at: AtomicUsize::new(OUTSIDE),
            flags: AtomicU32::new(0),
            deadline: AtomicU64::new(NEVER),
            timeout: AtomicU64::new(0),
            interrupted: AtomicUsize::new(0),
            fault: AtomicU32::new(0),
            thread: AtomicI32::new(0),
            is_sent: AtomicBool::new(false),
            is_on_host: AtomicBool::new(false),
            host_stack: [const { AtomicUsize::new(0) }; 2],
            is_interruptible: AtomicBool::new(false),
            requests: Mutex::default(),
            index,
        }
    }

    /// Its index among all records.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether the watchdog sees this record.
    pub fn is_watched(&self) -> bool {
        self.index < MOST
    }

    /// The flags that are set.
    #[inline]
    pub fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// Clears all flags, and returns those that were set.
    pub fn take_flags(&self) -> u32 {
        let before = self.flags.swap(0, Ordering::AcqRel);
        if before & PAUSE != 0 {
            FLAGGED.fetch_sub(1, Ordering::Relaxed);
        }
        before
    }

    pub fn set_flags(&self, flags: u32) {
        let before = self.flags.fetch_or(flags, Ordering::AcqRel);
        // Another thread may take them now, and subtract first: the number wraps around until this is added.
        if before & PAUSE == 0 && flags & PAUSE != 0 {
            FLAGGED.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn clear_wake(&self) {
        self.flags.fetch_and(!WAKE, Ordering::AcqRel);
    }

    /// Whether wasm is on the stack.
    #[inline]
    pub fn is_in_call(&self) -> bool {
        self.entered_at() != OUTSIDE
    }

    /// An address on the host's stack, in the innermost call; the greatest one for none.
    #[inline]
    pub fn entered_at(&self) -> usize {
        self.entered_at.load(Ordering::Relaxed)
    }

    /// Sets `entered_at`, and returns its value before.
    #[inline]
    pub fn set_entered_at(&self, address: usize) -> usize {
        // Only this thread writes it, so the two operations need not be one.
        let before = self.entered_at();
        self.entered_at.store(address, Ordering::Relaxed);
        before
    }
}

#[cfg(target_os = "linux")]
fn thread_id() -> i32 {
    // SAFETY: the call has no preconditions.
    unsafe { libc::gettid() }
}

#[cfg(not(target_os = "linux"))]
fn thread_id() -> i32 {
    // Threads of these systems are not watched, but their records are in use.
    1
}

/// The bounds of this thread's stack; an empty range where they are not known.
#[cfg(target_os = "linux")]
fn bounds_of_stack() -> [usize; 2] {
    use std::mem;
    let mut attributes = mem::MaybeUninit::uninit();
    let (mut low, mut size) = (ptr::null_mut(), 0);
    // SAFETY: `attributes` is written by the first call, read by the second and freed by the third.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return [0; 2];
        }
        let is_known = libc::pthread_attr_getstack(attributes.as_ptr(), &mut low, &mut size) == 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        if is_known { [low.addr(), low.addr() + size] } else { [0; 2] }
    }
}

#[cfg(not(target_os = "linux"))]
fn bounds_of_stack() -> [usize; 2] {
    [0; 2]
}
