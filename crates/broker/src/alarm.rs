//! What a host runs short of.

/// Something that a host runs short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// Room in memory.
    Memory,
    /// Room on the disk.
    Disk,
}

/// The alarms that are on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Alarms {
    memory: bool,
    /// The broker itself holds too much.
    holds_too_much: bool,
    disk: bool,
}

impl Alarms {
    pub(crate) const fn set(&mut self, alarm: Alarm, on: bool) {
        match alarm {
            Alarm::Memory => self.memory = on,
            Alarm::Disk => self.disk = on,
        }
    }

    /// What the broker holds is this much, and may be `limit`: the alarm goes off again when a tenth less is held.
    #[inline]
    pub(crate) const fn weigh(&mut self, held: u64, limit: u64) {
        self.holds_too_much = held > if self.holds_too_much { limit / 10 * 9 } else { limit };
    }

    /// Why whoever publishes must wait, in the words of RabbitMQ's connection.blocked.
    pub(crate) const fn reason(self) -> Option<&'static str> {
        match (self.memory || self.holds_too_much, self.disk) {
            (true, true) => Some("low on memory & disk"),
            (true, false) => Some("low on memory"),
            (false, true) => Some("low on disk"),
            (false, false) => None,
        }
    }
}
