//! `Cancellation`: tells a compile that its result is no longer needed.

use crate::error::{Error, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A flag that the caller of a compile sets. Clones share it; once set, it stays set. A clone may have a deadline.
#[derive(Debug, Clone, Default)]
pub struct Cancellation {
    flag: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Cancellation {
    /// Sets the flag: the result is no longer needed.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// The same flag, with a deadline so far from now, none for a time beyond all clocks; or with its own, if that is earlier.
    pub fn within(&self, time: Option<Duration>) -> Self {
        let deadline = time.and_then(|time| Instant::now().checked_add(time));
        Self { flag: self.flag.clone(), deadline: self.deadline.into_iter().chain(deadline).min() }
    }

    /// Called between the steps of a compile.
    ///
    /// # Errors
    /// `cancelled`, if the result is no longer needed.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_cancelled() { Err(cancelled()) } else { Ok(()) }
    }

    /// Whether `cancel` was called, or the deadline has passed.
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::Relaxed) || self.is_late()
    }

    /// Whether the deadline has passed.
    pub fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether both are the same flag.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.flag, &other.flag)
    }
}

/// The flags of all that wait for one compile. The compile stops once all of them are set.
#[derive(Debug, Default)]
pub(in crate::engine) struct Waiters(Mutex<Vec<Cancellation>>);

/// A waiter, until it is dropped.
pub(in crate::engine) struct Waiting<'a> {
    waiters: &'a Waiters,
    cancellation: Cancellation,
}

impl Waiters {
    /// Adds a waiter.
    pub fn add(&self, cancellation: Cancellation) -> Waiting<'_> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(cancellation.clone());
        Waiting { waiters: self, cancellation }
    }

    /// Number of waiters.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there were waiters, and none needs the result any more.
    pub fn have_cancelled(&self) -> bool {
        let flags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !flags.is_empty() && flags.iter().all(Cancellation::is_cancelled)
    }

    /// Called between the steps of a compile.
    ///
    /// # Errors
    /// `cancelled`, if no waiter needs the result any more.
    pub fn check(&self) -> Result<(), Error> {
        if self.have_cancelled() { Err(cancelled()) } else { Ok(()) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut flags = self.waiters.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = flags.iter().position(|each| each.is(&self.cancellation));
        own.map(|own| flags.swap_remove(own));
    }
}

/// The error of a cancelled compile. No user sees it, since every caller has cancelled.
pub(in crate::engine) fn cancelled() -> Error {
    ErrorKind::Internal { message: "the compile was cancelled".to_owned() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_deadline_does_not_replace_an_earlier_one() {
        let hour = Duration::from_secs(3600);
        let late = Cancellation::default().within(Some(Duration::ZERO)).within(Some(hour)).within(None);
        assert!(late.is_late() && late.check().is_err());
        let in_time = Cancellation::default().within(Some(hour));
        assert!(!in_time.is_late() && in_time.check().is_ok());
        in_time.cancel();
        assert!(in_time.check().is_err() && !in_time.is_late());
    }

    #[test]
    fn one_that_needs_the_result_is_enough() {
        let waiters = Waiters::default();
        assert!(!waiters.have_cancelled(), "nobody can cancel a compile without waiters");
        let (first, second) = (Cancellation::default(), Cancellation::default());
        let _first = waiters.add(first.clone());
        let waiting = waiters.add(second.clone());
        first.cancel();
        assert!(waiters.check().is_ok());
        second.cancel();
        assert!(waiters.check().is_err());
        drop(waiting);
        let _third = waiters.add(Cancellation::default());
        assert!(waiters.check().is_ok());
    }
}
