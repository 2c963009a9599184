//! Time as a value: microseconds since the Unix epoch, given by the host, never read here.
//!
//! Every Warrener machine takes `now: Time` as an argument, so that the same code runs under a real clock, under a
//! simulated one and in a replay. A host makes sure that the values it passes never decrease.
//!
//! ```
//! use core::time::Duration;
//! use warrener_time::Time;
//!
//! let start = Time::from_micros(1_000_000);
//! let deadline = start + Duration::from_millis(250);
//! assert_eq!(deadline.saturating_since(start), Duration::from_millis(250));
//! assert_eq!(deadline.as_secs(), 1);
//! ```

#![no_std]
#![forbid(unsafe_code)]

#[cfg(warrener_planted)]
pub mod planted;

use core::fmt;
use core::ops::{Add, AddAssign};
use core::time::Duration;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

/// A point in time: microseconds since the Unix epoch (1970-01-01T00:00:00Z).
///
/// It fits a log line and a durable record, survives a restart, and needs no standard library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);
    /// The last representable point, used as "never".
    pub const MAX: Self = Self(u64::MAX);

    /// The point `micros` microseconds after the epoch.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The point `millis` milliseconds after the epoch; saturates at [`Time::MAX`].
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// The point `secs` seconds after the epoch; saturates at [`Time::MAX`].
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole seconds since the epoch, as AMQP timestamps count (AMQP 0-9-1 §4.2.5.4).
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This point `duration` later, or `None` when that is not representable.
    #[must_use]
    pub const fn checked_add(self, duration: Duration) -> Option<Self> {
        let micros = duration.as_micros();
        if micros > u64::MAX as u128 {
            return None;
        }
        match self.0.checked_add(micros as u64) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// This point `duration` later; [`Time::MAX`] when that is not representable.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        match self.checked_add(duration) {
            Some(sum) => sum,
            None => Self::MAX,
        }
    }

    /// This point `duration` earlier; [`Time::ZERO`] when that is before the epoch.
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        let micros = duration.as_micros();
        if micros > self.0 as u128 { Self::ZERO } else { Self(self.0 - micros as u64) }
    }
}

/// Saturates at [`Time::MAX`]: a deadline that cannot be represented never comes.
impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// Seconds and six decimals, as in a log line: `1700000000.000250`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn arithmetic_saturates_instead_of_overflowing() {
        assert_eq!(Time::MAX + Duration::from_micros(1), Time::MAX);
        assert_eq!(Time::from_secs(u64::MAX), Time::MAX);
        assert_eq!(Time::from_micros(5).saturating_sub(Duration::from_secs(1)), Time::ZERO);
        assert_eq!(Time::ZERO.checked_add(Duration::MAX), None);
        assert_eq!(Time::ZERO.saturating_since(Time::MAX), Duration::ZERO);
    }

    #[test]
    fn units_agree() {
        let time = Time::from_secs(2) + Duration::from_millis(3) + Duration::from_micros(4);
        assert_eq!(time.as_micros(), 2_003_004);
        assert_eq!(time.as_millis(), 2_003);
        assert_eq!(time.as_secs(), 2);
        assert_eq!(Time::from_millis(2_003), Time::from_micros(2_003_000));
        assert_eq!(time.to_string(), "2.003004");
    }
}
