//! The one clock: the wall clock read once, and from then on the monotonic one.

#![expect(clippy::disallowed_methods, reason = "the clock is where time enters the process")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use warrener_time::Time;

/// Tells the time of the world outside: never decreasing, and deaf to steps of the wall clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall_at_start: Time,
    started: Instant,
}

impl Clock {
    /// Starts from the wall clock.
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { wall_at_start: Time::ZERO + wall, started: Instant::now() }
    }

    /// The present.
    pub(crate) fn now(&self) -> Time {
        self.wall_at_start + self.started.elapsed()
    }

    /// Where `time` lies on the monotonic clock, which is what the runtime's timers count in.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        let after_start = time.saturating_since(self.wall_at_start);
        // A deadline a hundred years off is as good as one that cannot be represented.
        let far = core::time::Duration::from_secs(100 * 365 * 24 * 3600);
        self.started + after_start.min(far)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn time_never_decreases_and_begins_at_the_wall_clock() {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let clock = Clock::start();
        let first = clock.now();
        let second = clock.now();
        assert!(first <= second);
        assert!(first.saturating_since(Time::ZERO + wall) < Duration::from_secs(60));
    }

    #[test]
    fn a_deadline_becomes_the_same_point_of_the_monotonic_clock() {
        let clock = Clock::start();
        let deadline = clock.wall_at_start + Duration::from_secs(5);
        assert_eq!(clock.instant(deadline), clock.started + Duration::from_secs(5));
        assert_eq!(clock.instant(Time::ZERO), clock.started);
        assert!(clock.instant(Time::MAX) > clock.started);
    }
}
