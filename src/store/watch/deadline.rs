//! Deadlines of calls and of blocks of JavaScript.

use crate::error::{ErrorKind, Result};
use crate::store::watch::clock::{NEVER, now};
use crate::store::watch::record::{ThreadRecord, WAKE};
use crate::store::watch::watchdog;
use std::marker::PhantomData;
use std::sync::atomic::Ordering;

/// A timeout.
#[derive(Debug, Clone, Copy)]
pub struct Timeout {
    milliseconds: f64,
    nanoseconds: u64,
}

/// A deadline for the wasm of this thread, until it is dropped. Of nested deadlines, the nearest counts.
pub struct Deadline {
    record: &'static ThreadRecord,
    /// The enclosing deadline and its timeout
    outer: (u64, u64),
    _stays_on_its_thread: PhantomData<*const ()>,
}

impl Timeout {
    /// A timeout of `milliseconds`, a positive number.
    pub fn new(milliseconds: f64) -> Self {
        // Saturates.
        Self { milliseconds, nanoseconds: (milliseconds * 1e6) as u64 }
    }

    /// The shorter of two timeouts.
    pub fn shorter(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        [one, other].into_iter().flatten().min_by_key(|timeout| timeout.nanoseconds)
    }
}

impl Deadline {
    /// Begins a deadline for this thread.
    ///
    /// # Errors
    /// `Memory` if there is no room for the watchdog.
    pub fn of_thread(timeout: Timeout) -> Result<Self> {
        Self::begin(ThreadRecord::of_thread(), timeout)
    }

    /// `of_thread` for the record of this thread.
    #[inline]
    pub(in crate::store) fn begin(record: &'static ThreadRecord, timeout: Timeout) -> Result<Self> {
        if !watchdog::is_running() {
            start(record)?;
        }
        watchdog::keep_pace(timeout.nanoseconds);
        let outer = (record.deadline.load(Ordering::Relaxed), record.timeout.load(Ordering::Relaxed));
        let deadline = now().saturating_add(timeout.nanoseconds).min(NEVER - 1);
        if deadline < outer.0 {
            record.timeout.store(timeout.milliseconds.to_bits(), Ordering::Relaxed);
            record.deadline.store(deadline, Ordering::Relaxed);
        }
        if record.flags() & WAKE != 0 {
            watchdog::wake();
        }
        Ok(Self { record, outer, _stays_on_its_thread: PhantomData })
    }
}

impl Deadline {
    /// Suspends the deadlines of this thread until this is dropped. The shorter one of `timeout` and the timeout of the nearest of them begins in
    /// their place, if there is one.
    ///
    /// # Errors
    /// `Memory` if there is no room for the watchdog.
    pub fn begin_again(timeout: Option<Timeout>) -> Result<Self> {
        let record = ThreadRecord::of_thread();
        let outer = (record.deadline.load(Ordering::Relaxed), record.timeout.load(Ordering::Relaxed));
        let nearest = (outer.0 != NEVER).then(|| Timeout::new(f64::from_bits(outer.1)));
        record.deadline.store(NEVER, Ordering::Relaxed);
        let suspended = Self { record, outer, _stays_on_its_thread: PhantomData };
        if let Some(timeout) = Timeout::shorter(timeout, nearest) {
            // `suspended` ends this one too.
            std::mem::forget(Self::begin(record, timeout)?);
        }
        Ok(suspended)
    }
}

#[cold]
fn start(record: &ThreadRecord) -> Result<()> {
    if record.is_watched() && watchdog::call() {
        return Ok(());
    }
    let message = "there is no room for the thread that watches deadlines".to_owned();
    Err(ErrorKind::Memory { message }.into())
}

impl Drop for Deadline {
    #[inline]
    fn drop(&mut self) {
        self.record.deadline.store(self.outer.0, Ordering::Relaxed);
        self.record.timeout.store(self.outer.1, Ordering::Relaxed);
    }
}
