//! Waits of `memory.atomic.wait`, which end when the wasm must stop.

use crate::store::watch::clock::{NEVER, now};
use crate::store::watch::record::{STOP, ThreadRecord};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Time after which a wait looks for interrupts, in nanoseconds.
const SLICE: u64 = 10_000_000;

/// Results of `memory.atomic.wait`.
const OK: u32 = 0;
const NOT_EQUAL: u32 = 1;
const TIMED_OUT: u32 = 2;

/// How long a host function may wait before it calls `must_stop`.
pub fn wait_slice() -> Duration {
    let deadline = ThreadRecord::of_thread().deadline.load(Ordering::Relaxed);
    Duration::from_nanos(deadline.saturating_sub(now()).min(SLICE))
}

/// Waits by `wait`, which returns the instruction's result: by one call of it if nothing can stop the wasm meanwhile.
/// Otherwise the wait ends with the deadline, or soon after an interrupt, and the caller comes to a checkpoint.
///
/// # Errors
/// The errors of `wait`.
pub fn wait_until_stopped<E>(
    timeout: Option<Duration>,
    mut wait: impl FnMut(Option<Duration>) -> Result<u32, E>,
) -> Result<u32, E> {
    let record = ThreadRecord::of_thread();
    let begin = now();
    let end = timeout.map_or(NEVER, |timeout| begin.saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(NEVER)));
    let mut time = begin;
    loop {
        let slice = if record.is_interruptible.load(Ordering::Relaxed) { time + SLICE } else { NEVER };
        let until = end.min(slice).min(record.deadline.load(Ordering::Relaxed));
        let outcome = wait((until != NEVER).then(|| Duration::from_nanos(until.saturating_sub(time))))?;
        if outcome != TIMED_OUT {
            // Another thread has changed the value between two slices: it wakes this thread, or will soon.
            return Ok(if outcome == NOT_EQUAL && time != begin { OK } else { outcome });
        }
        time = now();
        if record.deadline.load(Ordering::Relaxed) <= time {
            // The watchdog may not have seen it yet, and the checkpoint only looks if the flag is set.
            record.set_flags(STOP);
        }
        if time >= end || record.flags() & STOP != 0 {
            return Ok(TIMED_OUT);
        }
    }
}
