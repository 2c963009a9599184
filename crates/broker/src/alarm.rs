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
    disk: bool,
}

impl Alarms {
    pub(crate) const fn set(&mut self, alarm: Alarm, on: bool) {
        match alarm {
            Alarm::Memory => self.memory = on,
            Alarm::Disk => self.disk = on,
        }
    }

    /// Why whoever publishes must wait, in the words of RabbitMQ's connection.blocked.
    pub(crate) const fn reason(self) -> Option<&'static str> {
        match (self.memory, self.disk) {
            (true, true) => Some("low on memory & disk"),
            (true, false) => Some("low on memory"),
            (false, true) => Some("low on disk"),
            (false, false) => None,
        }
    }
}
