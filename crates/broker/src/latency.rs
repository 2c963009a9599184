//! How long messages wait: from their publish to its confirm, and from a queue to a consumer.
//!
//! Only while somebody looks, and of a sample: a few messages at a time are remembered, and another one only in the place of
//! one that has arrived, or has not for a long time.

use core::time::Duration;

use warrener_time::Time;

use crate::id::{ChannelKey, MessageId};
use crate::realm::Realm;

/// How many messages are remembered at a time.
const PLACES: usize = 16;

/// A message that did not arrive for so long is counted as one that took longer, and makes room.
const LONGEST: Duration = Duration::from_secs(60);

/// How many of a histogram's buckets have a bound. The first is up to 64 microseconds, each further one up to twice as much.
pub(crate) const BOUNDED: usize = 20;

/// How many waited how long: the number of those up to 64 microseconds, up to twice as much, and so on; the last has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits([u64; BOUNDED + 1]);

impl Waits {
    fn add(&mut self, waited: Duration) {
        let micros = waited.as_micros();
        let place = (0..BOUNDED).find(|place| micros <= u128::from(bound_micros(*place)));
        self.0[place.unwrap_or(BOUNDED)] += 1;
    }

    /// Upper bounds in microseconds, none for the last, and how many are under each and above the one before.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let bounds = (0..BOUNDED).map(|place| Some(bound_micros(place)));
        bounds.chain([None]).zip(self.0)
    }
}

const fn bound_micros(place: usize) -> u64 {
    64 << place
}

/// What is remembered of messages under way.
#[derive(Debug)]
struct Sample<K> {
    places: [Option<(K, Time)>; PLACES],
    waits: Waits,
}

impl<K: Copy + PartialEq> Sample<K> {
    const fn new() -> Self {
        Self { places: [None; PLACES], waits: Waits([0; BOUNDED + 1]) }
    }

    fn begin(&mut self, now: Time, place: u64, key: K) {
        let place = &mut self.places[place as usize % PLACES];
        match *place {
            Some((_, since)) if now.saturating_since(since) < LONGEST => return,
            Some((_, since)) => self.waits.add(now.saturating_since(since)),
            None => {}
        }
        *place = Some((key, now));
    }

    fn end(&mut self, now: Time, place: u64, is_meant: impl Fn(K) -> bool) {
        let place = &mut self.places[place as usize % PLACES];
        if let Some((_, since)) = place.take_if(|(key, _)| is_meant(*key)) {
            self.waits.add(now.saturating_since(since));
        }
    }
}

/// What is known of how long messages wait.
#[derive(Debug)]
pub(crate) struct Latencies {
    /// Until when somebody looks.
    pub(crate) until: Time,
    enqueued: Sample<MessageId>,
    unconfirmed: Sample<(ChannelKey, u64)>,
}

impl Latencies {
    pub(crate) const fn new() -> Self {
        Self { until: Time::ZERO, enqueued: Sample::new(), unconfirmed: Sample::new() }
    }

    /// Forgets what is under way: nobody has looked for what came of it.
    pub(crate) const fn forget(&mut self) {
        self.enqueued.places = [None; PLACES];
        self.unconfirmed.places = [None; PLACES];
    }

    #[cold]
    pub(crate) fn enqueue(&mut self, now: Time, message: MessageId) {
        self.enqueued.begin(now, message.index.into(), message);
    }

    #[cold]
    pub(crate) fn deliver(&mut self, now: Time, message: MessageId) {
        self.enqueued.end(now, message.index.into(), |own| own == message);
    }

    #[cold]
    pub(crate) fn publish(&mut self, now: Time, channel: ChannelKey, tag: u64) {
        self.unconfirmed.begin(now, tag, (channel, tag));
    }

    /// A publish was confirmed, or several up to this one.
    #[cold]
    pub(crate) fn confirm(&mut self, now: Time, channel: ChannelKey, (tag, multiple): (u64, bool)) {
        if !multiple {
            return self.unconfirmed.end(now, tag, |own| own == (channel, tag));
        }
        for place in 0..PLACES as u64 {
            self.unconfirmed.end(now, place, |own| own.0 == channel && own.1 <= tag);
        }
    }

    /// From the publish to the confirm, and from a queue to a consumer.
    pub(crate) const fn waits(&self) -> (Waits, Waits) {
        (self.unconfirmed.waits, self.enqueued.waits)
    }
}

impl Realm {
    /// Somebody looks at how long messages wait, until then.
    pub(crate) fn measure(&mut self, until: Time) {
        self.latencies.until = until;
        self.reports.is_watching = true;
    }

    /// Nobody looks any more, if it is so late.
    pub(crate) fn stop_measuring(&mut self, now: Time) {
        if self.latencies.until > Time::ZERO && now >= self.latencies.until {
            self.latencies.until = Time::ZERO;
            self.latencies.forget();
            self.recount_traces();
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_secs(1) + Duration::from_millis(ms)
    }

    fn channel(index: u32) -> ChannelKey {
        ChannelKey { index, generation: 0 }
    }

    fn counts(waits: &Waits) -> Vec<(u64, u64)> {
        let counted = waits.buckets().filter(|(_, count)| *count > 0);
        counted.map(|(bound, count)| (bound.unwrap_or(u64::MAX), count)).collect()
    }

    #[test]
    fn a_confirm_of_many_ends_the_waits_of_its_own_channel_up_to_its_tag() {
        let mut own = Latencies::new();
        for tag in 1..=3 {
            own.publish(at(0), channel(1), tag);
        }
        own.publish(at(0), channel(2), 4);
        own.confirm(at(1), channel(1), (2, true));
        assert_eq!(counts(&own.waits().0), [(1_024, 2)]);
        own.confirm(at(100), channel(2), (4, false));
        own.confirm(at(100), channel(1), (4, false));
        assert_eq!(counts(&own.waits().0), [(1_024, 2), (131_072, 1)]);
    }

    #[test]
    fn one_that_never_arrives_makes_room_after_a_minute_and_is_counted() {
        let mut own = Latencies::new();
        let message = |index| MessageId { index, generation: 0 };
        own.enqueue(at(0), message(0));
        own.enqueue(at(1), message(16));
        own.deliver(at(2), message(16));
        assert_eq!(counts(&own.waits().1), [], "its place was taken");
        own.enqueue(at(60_000), message(16));
        own.deliver(at(60_000), message(16));
        assert_eq!(counts(&own.waits().1), [(64, 1), (u64::MAX, 1)]);
    }
}
