//! A queue of numbers on a clock that only moves when told to, driven as a host would.

use core::time::Duration;
use warrener_queue::{
    Config, Consume, ConsumerId, Delivery, Effect, Entry, Outcome, Queue, Rare, Seq, Why,
};
use warrener_time::Time;

pub(crate) const ANN: ConsumerId = ConsumerId(1);
pub(crate) const BOB: ConsumerId = ConsumerId(2);
pub(crate) const CAT: ConsumerId = ConsumerId(3);

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) queue: Queue<u32>,
    pub(crate) effects: Vec<Effect<u32>>,
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        let now = Time::from_secs(1);
        Self { now, queue: Queue::new(now, config), effects: Vec::new() }
    }

    pub(crate) fn offer(&mut self, entry: Entry<u32>, rare: Rare) -> Option<Seq> {
        self.queue.publish(self.now, entry, rare, &mut self.effects).ok()
    }

    pub(crate) fn publish(&mut self, handle: u32) -> Seq {
        self.offer(Entry { handle, bytes: 10, priority: 0 }, Rare::default()).expect("room")
    }

    pub(crate) fn publish_with(
        &mut self,
        handle: u32,
        ttl: Option<u64>,
        delay: Option<u64>,
    ) -> Seq {
        let not_before = delay.map(|delay| self.now + millis(delay));
        let rare = Rare { ttl: ttl.map(millis), not_before };
        self.offer(Entry { handle, bytes: 10, priority: 0 }, rare).expect("room")
    }

    pub(crate) fn publish_at(&mut self, handle: u32, priority: u8) -> Seq {
        self.offer(Entry { handle, bytes: 10, priority }, Rare::default()).expect("room")
    }

    pub(crate) fn consume(&mut self, consumer: ConsumerId, how: Consume) {
        self.queue.consume(self.now, consumer, how, &mut self.effects).expect("admitted");
    }

    pub(crate) fn cancel(&mut self, consumer: ConsumerId) {
        assert!(self.queue.cancel(self.now, consumer, &mut self.effects));
    }

    pub(crate) fn get(&mut self) -> Option<Delivery<u32>> {
        self.queue.get(self.now, false, &mut self.effects)
    }

    /// Everything that can be delivered now: who gets what.
    pub(crate) fn deliver(&mut self) -> Vec<(ConsumerId, u32)> {
        let (queue, now, effects) = (&mut self.queue, self.now, &mut self.effects);
        core::iter::from_fn(|| queue.poll_delivery(now, effects))
            .map(|delivery| (delivery.consumer.expect("it is consumed"), delivery.handle))
            .collect()
    }

    /// The handles of everything that can be delivered now.
    pub(crate) fn handles(&mut self) -> Vec<u32> {
        self.deliver().into_iter().map(|(_, handle)| handle).collect()
    }

    /// The handles of everything that can be taken.
    pub(crate) fn drain(&mut self) -> Vec<u32> {
        core::iter::from_fn(|| self.get()).map(|delivery| delivery.handle).collect()
    }

    pub(crate) fn settle(&mut self, seq: Seq, outcome: Outcome) {
        let settled = self.queue.settle(self.now, &[seq], outcome, &mut self.effects);
        assert_eq!(settled, 1, "it was handed out");
    }

    /// Lets time pass, and calls the timers exactly when they ask to be.
    pub(crate) fn pass(&mut self, time: u64) {
        let target = self.now + millis(time);
        while let Some((at, _)) = self.queue.poll_timeout().filter(|(at, _)| *at <= target) {
            self.now = self.now.max(at);
            let _ = self.queue.work(self.now, 100, &mut self.effects);
        }
        self.now = target;
    }

    /// What has left since this was asked last, in order, and why.
    pub(crate) fn gone(&mut self) -> Vec<(u32, Why)> {
        let gone = |effect| match effect {
            Effect::Gone { handle, why, .. } => Some((handle, why)),
            _ => None,
        };
        self.effects.drain(..).filter_map(gone).collect()
    }
}
