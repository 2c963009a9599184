//! The disk alarm: publishers are stopped while there is still room for acknowledgements, and go on when there is more.

use warrener_store::Space;
use warrener_time::Time;

use crate::limits::DISK_LOOK;
use crate::notice::Notice;

/// Whether the disk has too little room, and when to look again.
#[derive(Debug, Default)]
pub(crate) struct DiskAlarm {
    /// So much should be free.
    pub(crate) limit_bytes: u64,
    /// The log could not write, and nothing of it fits until it says so.
    full: bool,
    on: bool,
    look: Option<Time>,
}

impl DiskAlarm {
    /// When to look at the disk.
    pub(crate) const fn poll_timeout(&self) -> Option<Time> {
        self.look
    }

    /// Whether the disk is to be looked at now.
    pub(crate) fn handle_timeout(&mut self, now: Time) -> bool {
        let due = self.look.is_some_and(|look| now >= look);
        if due {
            self.look = Some(now + DISK_LOOK);
        }
        due
    }

    /// A write did not fit, or what did not fit does now.
    pub(crate) const fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// This is how much room there is: whether the alarm goes on or off by that, and what the host should know.
    pub(crate) fn handle_space(
        &mut self,
        now: Time,
        space: Space,
    ) -> Option<(bool, Option<Notice>)> {
        let low = space.free_bytes.filter(|free| *free < self.limit_bytes);
        let on = self.full || low.is_some();
        if on == self.on {
            return None;
        }
        self.on = on;
        self.look = on.then(|| now + DISK_LOOK);
        let limit_bytes = self.limit_bytes;
        let notice = match (on, low, space.free_bytes) {
            (true, Some(free_bytes), _) => Some(Notice::DiskLow { free_bytes, limit_bytes }),
            (false, _, Some(free_bytes)) => Some(Notice::DiskEnough { free_bytes }),
            (true, None, _) | (false, _, None) => None,
        };
        Some((on, notice))
    }
}
