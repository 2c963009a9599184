//! The only clock of this crate.
#![expect(
    clippy::disallowed_methods,
    reason = "the client is a host: it tells the machine the time"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use warrener_time::Time;

/// The wall clock when it was made, and from there on the runtime's, which never goes back and which tests can pause.
#[derive(Debug)]
pub(crate) struct Clock {
    wall: Time,
    started: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { wall: Time::ZERO + since_epoch, started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        self.wall + self.started.elapsed()
    }

    /// When the runtime's timer has to fire for `deadline`.
    pub(crate) fn instant(&self, deadline: Time) -> Instant {
        Instant::now() + deadline.saturating_since(self.now())
    }
}
