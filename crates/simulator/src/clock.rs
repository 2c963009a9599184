//! The server's clock: the world's, set wrong.

use core::time::Duration;

use warrener_time::Time;

/// The server's own idea of the time: the world's, and a step of its wall clock. A step is felt at the next start, as
/// a server reads the wall clock only then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    ahead: Duration,
    behind: Duration,
}

impl Clock {
    /// A wall clock that stands so far ahead of the world's, and so far behind.
    pub(crate) const fn set(ahead: Duration, behind: Duration) -> Self {
        Self { ahead, behind }
    }

    /// The log says that it is later than that.
    pub(crate) fn go_on_from(&mut self, present: Time, world: Time) {
        let reading = self.read(world);
        if reading < present {
            self.ahead += present.saturating_since(reading);
        }
    }

    pub(crate) fn read(self, world: Time) -> Time {
        let ahead = world + self.ahead;
        Time::ZERO + ahead.saturating_since(Time::ZERO + self.behind)
    }

    /// When the world reaches this reading of the clock.
    pub(crate) fn reaches(self, reading: Time) -> Time {
        let later = reading + self.behind;
        Time::ZERO + later.saturating_since(Time::ZERO + self.ahead)
    }
}
