//! The one clock of a run: nanoseconds for latencies, and the machines' own time.

use core::time::Duration;
use std::time::Instant;

use warrener_time::Time;

/// Monotonic; copies of one clock agree, so that a consumer can subtract what a producer stamped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "a load generator has a clock")]
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Nanoseconds since the clock was started.
    pub(crate) fn nanos(self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The time a [`Connection`](warrener_connection::Connection) is told. Its epoch is the start of the run: only
    /// heartbeats and deadlines are computed with it.
    pub(crate) fn time(self) -> Time {
        Time::from_micros(self.nanos() / 1_000)
    }
}

/// How long it is from `now` until `at`, both in nanoseconds of one clock.
pub(crate) fn until(at: u64, now: u64) -> Duration {
    Duration::from_nanos(at.saturating_sub(now))
}
