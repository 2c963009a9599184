//! The broker's clock: that of the machine, or one that stands until a test moves it.

#![expect(clippy::disallowed_methods, reason = "the clock is where time enters the process")]

use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use warrener_time::Time;

/// A clock that several tasks read and wait for.
#[derive(Debug)]
pub(crate) struct Clock {
    /// When it was started, by the wall clock.
    began: watch::Sender<Time>,
    /// `None` when it stands.
    running: Option<Instant>,
}

impl Clock {
    pub(crate) fn start(stands: bool) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: watch::Sender::new(Time::ZERO + wall), running: (!stands).then(Instant::now) }
    }

    pub(crate) fn now(&self) -> Time {
        let passed = self.running.map_or(Duration::ZERO, |started| started.elapsed());
        *self.began.borrow() + passed
    }

    /// Moves it, whether it stands or not.
    pub(crate) fn advance(&self, by: Duration) {
        self.began.send_modify(|began| *began += by);
    }

    /// What the log remembers is later than what the machine's clock says: it goes on from there.
    pub(crate) fn go_on_from(&self, present: Time) {
        self.advance(present.saturating_since(self.now()));
    }

    /// Waits until `deadline`; for ever without one.
    pub(crate) async fn wait_until(&self, deadline: Option<Time>) {
        let Some(deadline) = deadline else { return core::future::pending().await };
        let mut moved = self.began.subscribe();
        loop {
            let left = deadline.saturating_since(self.now());
            if left.is_zero() {
                return;
            }
            let sleep = async {
                match self.running {
                    Some(_) => tokio::time::sleep(left).await,
                    None => core::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {}
                // The sender is in `self`.
                _ = moved.changed() => {}
            }
        }
    }
}
