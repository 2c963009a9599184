//! The one clock: the wall clock read once, and from then on the monotonic one.

#![expect(clippy::disallowed_methods, reason = "the clock is where time enters the process")]

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use warrener_time::Time;

/// Tells the time of the world outside: never decreasing, and deaf to steps of the wall clock.
#[derive(Debug)]
pub(crate) struct Clock {
    wall_at_start: Time,
    started: Instant,
    /// By how much the wall clock was found to be behind what the log remembers.
    behind_micros: AtomicU64,
}

impl Clock {
    /// Starts from the wall clock.
    pub(crate) fn start() -> Self {
        Self::start_from(wall)
    }

    /// Starts from a wall clock, which can be asked once: whoever sets it later is not heard.
    fn start_from(wall: impl FnOnce() -> Time) -> Self {
        let behind_micros = AtomicU64::new(0);
        Self { wall_at_start: wall(), started: Instant::now(), behind_micros }
    }

    /// Goes on from `present` at the earliest: the wall clock was set back since that was written down.
    pub(crate) fn go_on_from(&self, present: Time) {
        let behind = present.saturating_since(self.now()).as_micros();
        let behind = u64::try_from(behind).unwrap_or(u64::MAX);
        self.behind_micros.fetch_add(behind, Ordering::Relaxed);
    }

    fn origin(&self) -> Time {
        self.wall_at_start + Duration::from_micros(self.behind_micros.load(Ordering::Relaxed))
    }

    /// The present.
    pub(crate) fn now(&self) -> Time {
        self.origin() + self.started.elapsed()
    }

    /// How long it is since now, whenever that is asked.
    pub(crate) fn stopwatch() -> impl Fn() -> Duration {
        let started = Instant::now();
        move || started.elapsed()
    }

    /// Where `time` lies on the monotonic clock, which is what the runtime's timers count in.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        let after_start = time.saturating_since(self.origin());
        // A deadline a hundred years off is as good as one that cannot be represented.
        let far = Duration::from_secs(100 * 365 * 24 * 3600);
        self.started + after_start.min(far)
    }
}

/// The wall clock, which the operating system may set at any moment.
fn wall() -> Time {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    #[cfg(test)]
    let wall = wall + stepped::by();
    Time::ZERO + wall
}

/// A wall clock that a test sets as an administrator would. It is one for all tests of the process.
#[cfg(test)]
pub(crate) mod stepped {
    use core::sync::atomic::AtomicU32;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    static HOURS: AtomicU32 = AtomicU32::new(0);

    /// Sets the clock to so many hours after the true time.
    pub(crate) fn set(hours: u32) {
        HOURS.store(hours, Ordering::SeqCst);
    }

    pub(super) fn by() -> Duration {
        HOUR * HOURS.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_decreases_and_begins_at_the_wall_clock() {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let clock = Clock::start();
        let first = clock.now();
        let second = clock.now();
        assert!(first <= second);
        // Another test may have set the clock by some hours.
        assert!(first.saturating_since(Time::ZERO + wall) < Duration::from_secs(24 * 3600));
    }

    #[test]
    fn a_wall_clock_that_is_set_by_an_hour_moves_no_deadline_and_no_time() {
        let hour = Duration::from_secs(3600);
        let wall = core::cell::Cell::new(Time::ZERO + hour * 24);
        let clock = Clock::start_from(|| wall.get());
        let deadline = clock.now() + Duration::from_secs(10);
        let instant = clock.instant(deadline);
        for set in [Time::ZERO + hour * 25, Time::ZERO + hour * 23] {
            wall.set(set);
            let now = clock.now();
            assert!((Time::ZERO + hour * 24..Time::ZERO + hour * 24 + hour / 60).contains(&now));
            assert_eq!(clock.instant(deadline), instant);
        }
    }

    /// Time enters the process here and nowhere else: what others ask is the age of files, or is not part of a broker.
    #[test]
    fn nobody_else_asks_the_wall_clock() {
        let mut asked = Vec::new();
        let mut folders =
            vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if std::fs::read_to_string(&path).unwrap().contains("SystemTime::now") {
                    asked.push(path.file_name().unwrap().to_string_lossy().into_owned());
                }
            }
        }
        asked.sort();
        assert_eq!(asked, ["clock.rs", "doctor.rs"]);
    }

    #[test]
    fn a_deadline_becomes_the_same_point_of_the_monotonic_clock() {
        let clock = Clock::start();
        let deadline = clock.wall_at_start + Duration::from_secs(5);
        assert_eq!(clock.instant(deadline), clock.started + Duration::from_secs(5));
        assert_eq!(clock.instant(Time::ZERO), clock.started);
        assert!(clock.instant(Time::MAX) > clock.started);
    }

    #[test]
    fn a_clock_that_was_set_back_goes_on_from_what_the_log_remembers() {
        let day = Duration::from_secs(24 * 3600);
        let clock = Clock::start_from(|| Time::ZERO + day);
        clock.go_on_from(Time::ZERO);
        assert!(clock.now() < Time::ZERO + day + Duration::from_secs(60), "it was ahead already");
        clock.go_on_from(Time::ZERO + day * 2);
        let now = clock.now();
        assert!(
            (Time::ZERO + day * 2..Time::ZERO + day * 2 + Duration::from_secs(60)).contains(&now)
        );
        // A timer that is due in a minute is due in a minute, not in a day.
        let wait = clock.instant(now + Duration::from_secs(60)).duration_since(Instant::now());
        assert!(wait <= Duration::from_secs(60) && wait > Duration::from_secs(30), "{wait:?}");
    }
}
