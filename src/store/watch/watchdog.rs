//! The watchdog: the thread of this process that watches all threads that run wasm.

use crate::engine::has_room_for_thread;
use crate::store::watch::clock::{NEVER, now};
use crate::store::watch::record::{LOOK, STOP, ThreadRecord, WAKE, threads};
use crate::store::watch::signal::{AVAILABLE, send};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

const MILLISECOND: u64 = 1_000_000;

/// The longest time between two looks at the threads while one of them runs wasm, in nanoseconds.
const TICK: u64 = 10 * MILLISECOND;

/// `TICK` while some deadline is shorter than that.
const SHORT_TICK: u64 = MILLISECOND;

/// Time after the last call until the watchdog sleeps.
const QUIET: u64 = 1000 * MILLISECOND;

/// Time between two signals to a thread that must stop.
const AGAIN: u64 = MILLISECOND / 5;

/// `AGAIN` while the host runs on the thread: the host sees the flag itself before wasm goes on.
const AGAIN_ON_HOST: u64 = 5 * MILLISECOND;

/// The present time between two looks, in nanoseconds.
static PACE: AtomicU64 = AtomicU64::new(TICK);

struct WatchdogState {
    is_asleep: bool,
    /// Whether something has happened that the watchdog must look at now
    is_called: bool,
}

static STATE: Mutex<WatchdogState> = Mutex::new(WatchdogState { is_asleep: false, is_called: false });
static CALLED: Condvar = Condvar::new();
static IS_RUNNING: AtomicBool = AtomicBool::new(false);

fn state() -> MutexGuard<'static, WatchdogState> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the watchdog look at the threads now, and starts it if it does not run. Returns whether it runs.
pub fn call() -> bool {
    if !AVAILABLE {
        return false;
    }
    let mut state = state();
    if !is_running() {
        let thread = thread::Builder::new().name("wasm-relink-watchdog".to_owned()).stack_size(128 << 10);
        if !has_room_for_thread() || thread.spawn(run).is_err() {
            return false;
        }
        IS_RUNNING.store(true, Ordering::Relaxed);
    }
    state.is_called = true;
    state.is_asleep = false;
    drop(state);
    CALLED.notify_one();
    true
}

/// Whether there is a watchdog.
#[inline]
pub fn is_running() -> bool {
    IS_RUNNING.load(Ordering::Relaxed)
}

/// Wakes the watchdog, for a thread that has taken the flag `WAKE`. Without room for a thread, nothing is watched.
pub fn wake() {
    call();
    ThreadRecord::all().for_each(|record| record.clear_wake());
}

/// Makes the watchdog look often enough for a timeout, in nanoseconds. Makes no system call, unless it is the first one of
/// that kind for long.
#[inline]
pub fn keep_pace(timeout: u64) {
    if timeout < PACE.load(Ordering::Relaxed) {
        hurry();
    }
}

#[cold]
fn hurry() {
    if PACE.swap(SHORT_TICK, Ordering::Relaxed) != SHORT_TICK {
        call();
    }
}

/// State of the watchdog for one thread.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// When it was first seen in wasm, without a look outside of wasm since; 0 for not in wasm
    since: u64,
}

fn run() {
    block_signals();
    let mut seen = Vec::new();
    let (mut last_busy, mut last_short) = (now(), now());
    loop {
        let time = now();
        let Schedule { next, is_busy, is_short } = scan(time, &mut seen);
        if is_busy {
            last_busy = time;
        }
        if is_short {
            last_short = time;
        } else if time - last_short > QUIET {
            PACE.store(TICK, Ordering::Relaxed);
        }
        if time - last_busy > QUIET && fall_asleep(time, &mut seen) {
            last_busy = now();
            continue;
        }
        let pace = PACE.load(Ordering::Relaxed);
        wait(Some(next.min(time + pace).saturating_sub(now())));
    }
}

/// Waits for `time` nanoseconds (for ever if it is none), or until `call`.
fn wait(time: Option<u64>) {
    let mut state = state();
    if !state.is_called {
        state = match time {
            Some(time) => {
                let waited = CALLED.wait_timeout(state, Duration::from_nanos(time));
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => CALLED.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
    }
    state.is_called = false;
}

/// Sleeps until the next call, if there is none now. Returns whether it slept.
///
/// A call first writes that it has begun, then reads the flag. This function first sets the flag, then looks for calls.
/// Enough time passes in between for all processors to see both writes, so at least one of the two sees the other.
fn fall_asleep(time: u64, seen: &mut Vec<Seen>) -> bool {
    state().is_asleep = true;
    ThreadRecord::all().for_each(|record| record.set_flags(WAKE));
    wait(Some(TICK));
    if !state().is_asleep || scan(time + TICK, seen).is_busy {
        ThreadRecord::all().for_each(|record| record.clear_wake());
        state().is_asleep = false;
        return false;
    }
    while state().is_asleep {
        wait(None);
    }
    true
}

struct Schedule {
    /// The next time at which a thread must be looked at
    next: u64,
    /// Whether a thread is in wasm, or has a deadline to come
    is_busy: bool,
    /// Whether a deadline is shorter than a tick
    is_short: bool,
}

/// Looks at all threads, and sends signals to threads that must stop or look at V8.
fn scan(time: u64, seen: &mut Vec<Seen>) -> Schedule {
    let mut scan = Schedule { next: NEVER, is_busy: false, is_short: false };
    let _threads = threads();
    for record in ThreadRecord::all() {
        if seen.len() <= record.index() {
            seen.resize(record.index() + 1, Seen::default());
        }
        let seen = &mut seen[record.index()];
        if record.thread.load(Ordering::Acquire) == 0 {
            *seen = Seen::default();
            continue;
        }
        let is_in_call = record.is_in_call();
        let deadline = record.deadline.load(Ordering::Relaxed);
        let has_passed = deadline <= time;
        if has_passed {
            record.set_flags(STOP);
        } else {
            scan.next = scan.next.min(deadline);
        }
        scan.is_busy |= is_in_call || (deadline != NEVER && !has_passed);
        scan.is_short |= deadline != NEVER && deadline.saturating_sub(time) < TICK;
        if !is_in_call {
            seen.since = 0;
            continue;
        }
        let must_look = seen.since != 0 && time - seen.since >= TICK;
        if must_look {
            record.set_flags(LOOK);
        }
        if seen.since == 0 || must_look {
            seen.since = time;
        }
        if record.flags() & STOP != 0 {
            let again = if record.is_on_host.load(Ordering::Relaxed) { AGAIN_ON_HOST } else { AGAIN };
            scan.next = scan.next.min(time + again);
            send(record);
        } else if must_look {
            send(record);
        }
    }
    scan
}

/// Leaves all signals to other threads, and asks for exact timers.
fn block_signals() {
    #[cfg(unix)]
    // SAFETY: the set is filled before it is used; the last call has no preconditions.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, std::ptr::null_mut());
        #[cfg(target_os = "linux")]
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_000_u64);
    }
}
