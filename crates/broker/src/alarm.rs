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

    /// What the broker holds is this much, and may be `limit`: the alarm goes off again when a tenth less is held. Whether
    /// that changed it, and to what.
    #[inline]
    pub(crate) const fn weigh(&mut self, held: u64, limit: u64) -> Option<bool> {
        let before = self.holds_too_much;
        self.holds_too_much = held > if before { limit / 10 * 9 } else { limit };
        if self.holds_too_much == before { None } else { Some(self.holds_too_much) }
    }

    pub(crate) const fn is_on(self, alarm: Alarm) -> bool {
        match alarm {
            Alarm::Memory => self.memory || self.holds_too_much,
            Alarm::Disk => self.disk,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_turns_the_alarm_on_and_a_tenth_less_turns_it_off_and_both_are_said_once() {
        let mut alarms = Alarms::default();
        for (held, changed, on) in [
            (100, None, false),
            (101, Some(true), true),
            (150, None, true),
            (95, None, true),
            (90, Some(false), false),
            (100, None, false),
        ] {
            assert_eq!(alarms.weigh(held, 100), changed, "{held}");
            assert_eq!(alarms.reason().is_some(), on, "{held}");
        }
    }
}
