//! The scheduler and the clock that wasi-common calls.

use crate::wasi::waits::Waits;
use std::sync::Arc;
use std::time::Duration;
use wasi_common::sched::Poll;
use wasi_common::{Error, WasiMonotonicClock, WasiSched};

/// Waits in slices.
pub struct Scheduler(pub Arc<Waits>);

/// A monotonic clock that stands while a call waits: a call that is made again computes the same deadline.
pub struct MonotonicClock(pub Arc<Waits>);

impl WasiMonotonicClock for MonotonicClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self, _precision: Duration) -> cap_std::time::Instant {
        cap_std::time::Instant::from_std(self.0.frozen_now())
    }
}

#[wiggle::async_trait]
impl WasiSched for Scheduler {
    async fn poll_oneoff<'a>(&self, poll: &mut Poll<'a>) -> Result<(), Error> {
        poll_once(&self.0, poll)
    }

    async fn sched_yield(&self) -> Result<(), Error> {
        std::thread::yield_now();
        Ok(())
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Error> {
        self.0.sleep(duration)
    }
}

#[cfg(unix)]
fn poll_once(waits: &Waits, poll: &mut Poll<'_>) -> Result<(), Error> {
    use crate::wasi::waits;
    use std::os::fd::AsRawFd;
    use std::time::Instant;
    use wasi_common::ErrorExt;
    use wasi_common::sched::subscription::{RwEventFlags, Subscription};

    let begin = waits.begin();
    // The clock stands at the begin. A deadline that has passed is now; one that is too far away does not exist.
    let deadline = poll.earliest_clock_deadline().map(|clock| clock.duration_until().unwrap_or_default());
    let deadline = deadline.and_then(|duration| begin.checked_add(duration));
    let mut is_ready = false;
    let descriptors = poll.rw_subscriptions().map(|subscription| {
        let (file, events) = match subscription {
            Subscription::Read(read) => (read.file, libc::POLLIN),
            Subscription::Write(write) => (write.file, libc::POLLOUT),
            Subscription::MonotonicClock(_) => unreachable!("it neither reads nor writes"),
        };
        // What has no descriptor is in memory, and always ready. The system ignores negative ones.
        let fd = file.pollable().map_or(-1, |fd| fd.as_raw_fd());
        is_ready |= fd < 0;
        libc::pollfd { fd, events, revents: if fd < 0 { events } else { 0 } }
    });
    let mut descriptors: Vec<_> = descriptors.collect();
    let in_memory: Vec<_> = descriptors.iter().map(|descriptor| descriptor.revents).collect();
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let timeout = if is_ready { Some(Duration::ZERO) } else { left };
    match timeout {
        // More precise than `poll`, which counts milliseconds.
        Some(timeout) if descriptors.is_empty() => std::thread::sleep(timeout.min(crate::store::wait_slice())),
        timeout => waits::poll(&mut descriptors, timeout)?,
    }
    for ((subscription, descriptor), in_memory) in poll.rw_subscriptions().zip(&descriptors).zip(in_memory) {
        let events = descriptor.revents | in_memory;
        if events == 0 {
            continue;
        }
        is_ready = true;
        let (subscription, size) = match subscription {
            Subscription::Read(read) => {
                let size = if descriptor.fd < 0 { 0 } else { read.file.num_ready_bytes().unwrap_or(0).max(1) };
                (read, size)
            }
            Subscription::Write(write) => (write, 0),
            Subscription::MonotonicClock(_) => unreachable!("it neither reads nor writes"),
        };
        match events {
            events if events & libc::POLLNVAL != 0 => subscription.error(Error::badf()),
            events if events & libc::POLLERR != 0 => subscription.error(Error::io()),
            events if events & libc::POLLHUP != 0 => subscription.complete(size, RwEventFlags::HANGUP),
            _ => subscription.complete(size, RwEventFlags::empty()),
        }
    }
    if is_ready || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        // The clock goes on, so that subscriptions to it that have passed are results too.
        waits.end();
        return Ok(());
    }
    Err(waits.not_yet())
}

#[cfg(not(unix))]
fn poll_once(waits: &Waits, poll: &mut Poll<'_>) -> Result<(), Error> {
    waits.end();
    wiggle::run_in_dummy_executor(wasi_common::sync::sched::poll_oneoff(poll)).map_err(Error::trap)?
}
