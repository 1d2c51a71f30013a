//! The pace of collections that make room below a limit.

use std::cell::Cell;
use std::time::Instant;

/// After a collection that has made little room, the time until the next one, in units of its duration.
const REST: u32 = 10;

/// Bounds the share of time that collections take while something stays at its limit: what is refused there would otherwise
/// collect each time.
#[derive(Default)]
pub struct Pace {
    /// The time from which the next collection may run; none for any time
    from: Cell<Option<Instant>>,
}

impl Pace {
    /// Whether a collection may run.
    pub fn allows(&self) -> bool {
        self.from.get().is_none_or(|from| Instant::now() >= from)
    }

    /// Notes a collection that began at `start`.
    pub fn note(&self, start: Instant, has_made_room: bool) {
        self.from.set((!has_made_room).then(|| Instant::now() + start.elapsed() * REST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn after_a_collection_that_made_no_room_the_next_one_waits() {
        let pace = Pace::default();
        assert!(pace.allows());
        let long_ago = Instant::now().checked_sub(Duration::from_secs(3600)).unwrap();
        pace.note(long_ago, false);
        assert!(!pace.allows());
        pace.note(long_ago, true);
        assert!(pace.allows());
    }
}
