//! The clock of links: the wall clock at the price of the processor's counter, since reading the wall clock would take a
//! sixth of a link's time.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds for which the counter continues a reading of the wall clock.
const WINDOW: f64 = 1.0;

/// Milliseconds between two readings from which the counter's rate is taken: at most so many.
const LONGEST: f64 = 10_000.0;

/// A reading of the wall clock, and how the counter continues it.
#[derive(Default)]
pub struct Clock {
    /// The counter at the reading
    ticks: Cell<u64>,
    /// The reading, in milliseconds since 1970; 0 before the first one
    time: Cell<f64>,
    /// Milliseconds a tick; 0 until it is known
    rate: Cell<f64>,
    /// Ticks for which the counter continues the reading
    window: Cell<u64>,
}

impl Clock {
    /// The time, in milliseconds since 1970.
    #[inline]
    pub fn now(&self) -> f64 {
        let ticks = counter();
        // Before the reading, after a jump of the counter: the difference is beyond every window.
        let passed = ticks.wrapping_sub(self.ticks.get());
        if passed < self.window.get() {
            return self.time.get() + passed as f64 * self.rate.get();
        }
        self.read(ticks)
    }

    /// Reads the wall clock.
    #[cold]
    fn read(&self, ticks: u64) -> f64 {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_nanos() as f64 / 1e6);
        let (passed, counted) = (time - self.time.get(), ticks.wrapping_sub(self.ticks.get()));
        if self.time.get() > 0.0 && (0.0..WINDOW).contains(&passed) {
            // Too short for a rate: keep the earlier reading.
            return time;
        }
        if self.time.get() > 0.0 && (WINDOW..LONGEST).contains(&passed) && counted > 0 {
            let rate = passed / counted as f64;
            self.rate.set(rate);
            self.window.set((WINDOW / rate) as u64);
        }
        self.time.set(time);
        self.ticks.set(ticks);
        time
    }
}

/// The processor's counter, of which the operating system makes its clock; always 0 where it has no constant rate.
#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; it reads a register.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// No counter: with the window 0, the clock reads the wall clock each time.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn counter() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;
    use std::time::Duration;

    #[test]
    fn the_clock_agrees_with_the_wall_clock() {
        let clock = Clock::default();
        let wall = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as f64 / 1e6;
        for _ in 0..20 {
            for _ in 0..1_000 {
                let (before, now, after) = (wall(), clock.now(), wall());
                assert!(before - 0.1 <= now && now <= after + 0.1, "{before} {now} {after}");
            }
            sleep(Duration::from_micros(700));
        }
    }
}
