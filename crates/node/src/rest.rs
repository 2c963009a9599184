//! A log at rest: what it keeps for the next records goes when none come.

use warrener_time::Time;

use crate::limits::{REST, REST_LOOKS};

/// When the log is to look at its disk because it may be at rest.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// How many looks are left until it is left alone.
    looks: u32,
    due: Option<Time>,
}

impl Rest {
    /// Something is written.
    pub(crate) const fn disturb(&mut self) {
        self.looks = REST_LOOKS;
    }

    /// Time may have passed.
    pub(crate) fn wait(&mut self, now: Time) {
        if self.looks > 0 && self.due.is_none() {
            self.due = Some(now + REST);
        }
    }

    pub(crate) const fn poll_timeout(&self) -> Option<Time> {
        self.due
    }

    /// Whether the log is to look now.
    pub(crate) fn handle_timeout(&mut self, now: Time) -> bool {
        let due = self.due.take_if(|due| now >= *due).is_some();
        if due {
            self.looks -= 1;
        }
        self.wait(now);
        due
    }
}
