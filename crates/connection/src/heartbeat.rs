//! Heartbeats by the clock given: is the peer alive, and does it hear from us (AMQP 0-9-1 §4.2.7).

use core::time::Duration;

use warrener_time::Time;

/// How often a machine without heartbeats looks whether it has become idle.
const IDLE_CHECK: Duration = Duration::from_secs(30);

/// Watches for silence of the peer. Any octet counts as life.
#[derive(Debug)]
pub(crate) struct ReceiveMonitor {
    interval: Option<Duration>,
    heard: Time,
    suspended: bool,
}

impl ReceiveMonitor {
    pub(crate) fn new(now: Time, interval: Option<Duration>) -> Self {
        Self { interval, heard: now, suspended: false }
    }

    pub(crate) fn heard(&mut self, now: Time) {
        self.heard = self.heard.max(now);
    }

    /// The host stopped reading: silence says nothing about the peer now.
    pub(crate) fn suspend(&mut self) {
        self.suspended = true;
    }

    /// The host reads again: the peer gets its whole time anew.
    pub(crate) fn resume(&mut self, now: Time) {
        if self.suspended {
            self.suspended = false;
            self.heard(now);
        }
    }

    /// When the peer counts as dead: after two and a half intervals of silence. (The specification says two or more,
    /// RabbitMQ needs between two and three.)
    pub(crate) fn deadline(&self) -> Option<Time> {
        let interval = self.interval.filter(|_| !self.suspended)?;
        Some(self.heard + interval * 5 / 2)
    }
}

/// Looks, twice an interval, whether anything was sent since the last look; so the silence that the peer hears is
/// always shorter than one interval, and sending needs no clock.
#[derive(Debug)]
pub(crate) struct SendMonitor {
    interval: Option<Duration>,
    next_look: Time,
    seen: u64,
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is not time yet, or there was traffic.
    Busy,
    /// Nothing was sent since the last look.
    Silent {
        /// Whether the peer waits for a heartbeat.
        heartbeat: bool,
    },
}

impl SendMonitor {
    pub(crate) fn new(now: Time, interval: Option<Duration>) -> Self {
        let mut monitor = Self { interval, next_look: now, seen: 0 };
        monitor.next_look = now + monitor.period();
        monitor
    }

    pub(crate) fn has_heartbeats(&self) -> bool {
        self.interval.is_some()
    }

    pub(crate) fn next_look(&self) -> Time {
        self.next_look
    }

    /// `sent` counts what was ever queued.
    pub(crate) fn look(&mut self, now: Time, sent: u64) -> Look {
        if now < self.next_look {
            return Look::Busy;
        }
        self.next_look = now + self.period();
        if self.seen != sent {
            self.seen = sent;
            return Look::Busy;
        }
        Look::Silent { heartbeat: self.interval.is_some() }
    }

    /// What was sent since the last look need not be followed by a heartbeat: it was one.
    pub(crate) fn mark(&mut self, sent: u64) {
        self.seen = sent;
    }

    fn period(&self) -> Duration {
        self.interval.map_or(IDLE_CHECK, |interval| interval / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

    #[test]
    fn a_peer_dies_between_two_and_three_intervals_of_silence() {
        let mut monitor = ReceiveMonitor::new(Time::ZERO, MINUTE);
        assert_eq!(monitor.deadline(), Some(Time::from_secs(150)));
        monitor.heard(Time::from_secs(149));
        assert_eq!(monitor.deadline(), Some(Time::from_secs(299)));
    }

    #[test]
    fn suspended_reading_stops_the_watch_and_resuming_starts_it_anew() {
        let mut monitor = ReceiveMonitor::new(Time::ZERO, MINUTE);
        monitor.suspend();
        assert_eq!(monitor.deadline(), None);
        monitor.resume(Time::from_secs(1000));
        assert_eq!(monitor.deadline(), Some(Time::from_secs(1150)));
        monitor.resume(Time::from_secs(1100));
        assert_eq!(monitor.deadline(), Some(Time::from_secs(1150)), "resuming twice is no life");
    }

    #[test]
    fn silence_is_noticed_within_one_interval_and_not_before_half_of_one() {
        let mut monitor = SendMonitor::new(Time::ZERO, MINUTE);
        assert_eq!(monitor.look(Time::from_secs(29), 0), Look::Busy);
        assert_eq!(monitor.look(Time::from_secs(30), 7), Look::Busy);
        assert_eq!(monitor.look(Time::from_secs(60), 7), Look::Silent { heartbeat: true });
        assert_eq!(monitor.next_look(), Time::from_secs(90));
    }

    #[test]
    fn without_heartbeats_only_idleness_is_noticed() {
        let mut monitor = SendMonitor::new(Time::ZERO, None);
        assert_eq!(monitor.look(Time::from_secs(30), 0), Look::Silent { heartbeat: false });
        assert!(!monitor.has_heartbeats());
    }
}
