//! Runs a history through a queue and through the model, and compares everything that can be seen.

use super::model::{Message, Model, Where};
use crate::{
    AfterDeliveryLimit, Config, Consume, ConsumerId, Counts, Delivery, DeliveryLimit, Effect,
    Entry, Outcome, Overflow, Progress, Queue, Rare, Seq, SingleActive, State, Whose, Why,
};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;
use warrener_time::Time;

/// How many consumers there may be at a time.
const CONSUMERS: u8 = 6;

/// How many messages are enough: several times what one call does by the way. The model takes long for more.
const CROWD: usize = 300;

/// How many messages the model may look at before a history is over. Few need a tenth of it; but one that has a crowd
/// handed out, taken back and handed out again all the time would run for half a minute.
const EFFORT: u64 = 4_000_000;

/// One step of a history. Numbers are taken into range when the step is run, so that any history is a valid one.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the fields are what the verbs of the queue take")]
pub enum Command {
    Publish { times: u8, bytes: u8, priority: u8, ttl: Option<u8>, delay: Option<u8> },
    Consume { who: u8, how: [u8; 3] },
    Cancel { who: u8 },
    Credit { who: u8, credit: u8 },
    Get { settled: bool },
    Settle { from: u8, count: u8, outcome: u8, delay: u8 },
    SettleAll { who: Option<u8>, outcome: u8, delay: u8 },
    Purge { finish: bool },
    Delete,
    Touch,
    Reconfigure([u8; 5]),
    Advance(u8),
    Work { budget: u8 },
    Shrink,
}

impl Command {
    /// Any bytes are a command.
    #[must_use]
    pub fn from_bytes([kind, a, b, c, d, e]: [u8; 6]) -> Self {
        let option = |byte: u8| byte.checked_sub(128);
        match kind % 32 {
            0..=8 => Self::Publish {
                times: a % 4,
                bytes: b,
                priority: c,
                ttl: option(d),
                delay: option(e).filter(|delay| delay.is_multiple_of(2)),
            },
            9 => {
                // More than one call does by the way, but not so many that a model made of vectors takes long.
                let times = a % 128;
                Self::Publish { times, bytes: b, priority: c, ttl: option(d), delay: option(e) }
            }
            10..=12 => Self::Consume { who: a, how: [b, c, d] },
            13 => Self::Cancel { who: a },
            14..=15 => Self::Credit { who: a, credit: b },
            16 => Self::Get { settled: a > 200 },
            17..=21 => Self::Settle { from: a, count: b % 8, outcome: c, delay: d },
            22 => Self::SettleAll { who: option(a), outcome: c, delay: d },
            23 => Self::Purge { finish: a < 200 },
            24 => match a {
                0..8 => Self::Delete,
                8..64 => Self::Shrink,
                _ => Self::Touch,
            },
            25 => Self::Reconfigure([a, b, c, d, e]),
            26..=29 => Self::Advance(a),
            _ => Self::Work { budget: a },
        }
    }
}

/// When a history's timers are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// Exactly when they are due, and whenever the history says so besides.
    Prompt,
    /// Only when work that was begun would otherwise never be done. What is due is then done by whatever comes next.
    /// Leaves out of a history what depends on the time at which it is noticed: delays and timeouts.
    Late,
}

/// Runs a history, to its end and to the end of the queue.
///
/// # Panics
///
/// When the queue and the model differ in anything that can be seen, or a handle does not come back exactly once.
pub fn run(commands: &[Command], driver: Driver) {
    let now = Time::from_secs(1);
    let mut run = Run {
        driver,
        now,
        queue: Queue::new(now, Config::default()),
        model: Model::new(now, Config::default()),
        effects: Vec::new(),
        inside: BTreeSet::new(),
        next_handle: 0,
        names: [0; CONSUMERS as usize],
    };
    for command in commands {
        if run.model.looked_at() > EFFORT {
            break;
        }
        run.step(*command);
    }
    run.step(Command::Delete);
    assert!(run.inside.is_empty(), "every handle comes back: {:?}", run.inside);
    assert_eq!(run.queue.counts(), Counts::default());
    assert_eq!(run.queue.poll_timeout(), None);
}

struct Run {
    driver: Driver,
    now: Time,
    queue: Queue<u32>,
    model: Model,
    effects: Vec<Effect<u32>>,
    inside: BTreeSet<u32>,
    next_handle: u32,
    /// The present name of each consumer: a name is not used again after its consumer was cancelled.
    names: [u64; CONSUMERS as usize],
}

impl Run {
    fn step(&mut self, command: Command) {
        let finish = self.apply(command);
        if finish {
            self.settle_down();
            self.compare();
        }
    }

    fn apply(&mut self, command: Command) -> bool {
        let now = self.now;
        match command {
            Command::Publish { times, bytes, priority, ttl, delay } => {
                let times = if self.model.messages.len() < CROWD { times } else { 0 };
                for _ in 0..=times {
                    self.publish(bytes, priority, ttl, delay);
                }
            }
            Command::Consume { who, how } => self.consume(who, how),
            Command::Cancel { who } => {
                let id = self.name(who);
                let was_there = self.queue.cancel(now, id, &mut self.effects);
                assert_eq!(was_there, self.model.cancel(now, id));
                self.names[usize::from(who % CONSUMERS)] += u64::from(was_there);
            }
            Command::Credit { who, credit } => {
                let credit = if credit > 250 { Consume::UNLIMITED } else { u32::from(credit % 8) };
                let id = self.name(who);
                self.queue.set_credit(id, credit);
                self.model.set_credit(id, credit);
            }
            Command::Get { settled } => self.get(settled),
            Command::Settle { from, count, outcome, delay } => {
                self.settle(from, count, self.outcome(outcome, delay));
            }
            Command::SettleAll { who, outcome, delay } => {
                return self.settle_all(who, outcome, delay);
            }
            Command::Purge { finish } => {
                let purged = self.queue.purge(now, &mut self.effects);
                assert_eq!(purged, self.model.purge());
                assert_eq!(self.queue.counts(), self.model.counts(), "right at once");
                return finish;
            }
            Command::Delete => {
                let ready = self.queue.delete(now, &mut self.effects);
                assert_eq!(ready, self.model.delete());
                assert_eq!(self.queue.counts(), Counts::default(), "right at once");
            }
            Command::Touch => {
                self.queue.touch(now);
                self.model.touch(now);
            }
            Command::Reconfigure(bytes) => {
                let config = config(bytes, self.driver);
                self.queue.reconfigure(now, config, &mut self.effects);
                self.model.reconfigure(now, config);
            }
            Command::Advance(by) => {
                self.advance(u64::from(by) * 500);
                // A late host leaves what is due to be found by whatever comes next, unless it is more than one call
                // does by the way.
                return self.driver == Driver::Prompt || self.queue.counts().ready > 60;
            }
            Command::Work { budget } => {
                let _ = self.queue.work(now, u32::from(budget), &mut self.effects);
                self.model.expire_if_unused(now);
                return false;
            }
            Command::Shrink => {
                let _ = self.queue.shrink();
            }
        }
        true
    }

    fn publish(&mut self, bytes: u8, priority: u8, ttl: Option<u8>, delay: Option<u8>) {
        let handle = self.next_handle;
        self.next_handle += 1;
        let delay = delay.filter(|_| self.driver == Driver::Prompt);
        let rare =
            Rare { ttl: ttl.map(millis), not_before: delay.map(|delay| self.now + millis(delay)) };
        let entry = Entry { handle, bytes: u32::from(bytes), priority: priority % 12 };
        let passes = match handle % 3 {
            0 => rare.not_before.is_none() && self.pass_through(entry, rare),
            1 => rare == Rare::default() && self.pass_into_hands(entry),
            _ => false,
        };
        if passes {
            return self.settle_down();
        }
        let expected = self.model.publish(self.now, (handle, entry.bytes, entry.priority), rare);
        match self.queue.publish(self.now, entry, rare, &mut self.effects) {
            Ok(seq) => {
                assert_eq!(Ok(seq.number()), expected);
                assert!(self.inside.insert(handle));
            }
            Err(rejected) => {
                assert_eq!(Err(rejected.why), expected);
                assert_eq!(rejected.entry, entry);
            }
        }
        if handle % 7 == 1 && self.driver == Driver::Prompt && self.put_off() {
            return;
        }
        self.settle_down();
    }

    /// Puts off what is next, if something is: whatever comes until the history goes on finds nobody served.
    fn put_off(&mut self) -> bool {
        let next = self.queue.next_delivery(self.now, &mut self.effects);
        let next = next.map(|(consumer, look)| (consumer, look.seq.number()));
        assert_eq!(next, self.model.next_delivery());
        if next.is_some() {
            self.queue.put_off(self.now, &mut self.effects);
            self.model.put_off();
        }
        next.is_some()
    }

    /// Passes a message through if that can be: then the model hands it out at once as well, and it is gone.
    fn pass_through(&mut self, entry: Entry<u32>, rare: Rare) -> bool {
        let Some(passage) = self.queue.pass_through(self.now) else { return false };
        let Entry { handle, bytes, priority } = entry;
        let expected = self.model.publish(self.now, (handle, bytes, priority), rare);
        assert_eq!(Ok(passage.seq.number()), expected);
        let (message, consumer) = self.model.deliver(self.now).expect("it was handed out");
        assert_eq!((message.handle, consumer), (handle, passage.consumer));
        assert!(self.inside.insert(handle));
        let (seq, why) = (passage.seq, Why::Accepted);
        self.effects.push(Effect::Gone { seq, handle, why, redelivered: false });
        true
    }

    /// Hands a message out at once if that can be: then the model does so as well.
    fn pass_into_hands(&mut self, entry: Entry<u32>) -> bool {
        let Some(passage) = self.queue.pass_into_hands(self.now, || entry) else { return false };
        let Entry { handle, bytes, priority } = entry;
        let expected = self.model.publish(self.now, (handle, bytes, priority), Rare::default());
        assert_eq!(Ok(passage.seq.number()), expected);
        let (message, consumer) = self.model.deliver(self.now).expect("it was handed out");
        assert_eq!((message.handle, consumer), (handle, passage.consumer));
        assert!(self.inside.insert(handle));
        true
    }

    fn consume(&mut self, who: u8, [priority, credit, flags]: [u8; 3]) {
        let timeout =
            (flags & 3 == 0 && self.driver == Driver::Prompt).then(|| millis(10 + (flags >> 2)));
        let how = Consume::default()
            .with_priority(i32::from(priority % 4) - 2)
            .with_exclusive(flags & 28 == 28)
            .with_settled(flags & 224 == 224)
            .with_credit(if credit > 200 { Consume::UNLIMITED } else { u32::from(credit % 8) })
            .with_delivery_timeout(timeout);
        let id = self.name(who);
        let admitted = self.queue.consume(self.now, id, how, &mut self.effects).is_ok();
        assert_eq!(admitted, self.model.consume(self.now, id, how));
    }

    fn get(&mut self, settled: bool) {
        let expected = self.model.get(self.now, settled);
        let first = self.queue.first(self.now, &mut self.effects).map(|look| look.seq.number());
        assert_eq!(first, expected.as_ref().map(|message| message.seq));
        let delivery = self.queue.get(self.now, settled, &mut self.effects);
        assert_eq!(delivery.is_some(), expected.is_some());
        if let Some((delivery, expected)) = delivery.zip(expected) {
            check_delivery(&delivery, &expected);
            assert_eq!((delivery.consumer, delivery.settled), (None, settled));
        }
    }

    /// Settles a run of numbers: some unacknowledged, some held, some neither.
    fn settle(&mut self, from: u8, count: u8, outcome: Outcome) {
        let mut seqs: Vec<Seq> = self
            .model
            .messages
            .iter()
            .filter(|message| matches!(message.at, Where::Out { .. } | Where::Held(_)))
            .map(|message| Seq::new(message.seq))
            .collect();
        let from = usize::from(from) % (seqs.len() + 1);
        seqs.drain(..from);
        seqs.truncate(usize::from(count));
        if count % 4 == 3 {
            seqs.push(Seq::new(u64::from(count)));
            seqs.reverse();
        }
        let settled = self.queue.settle(self.now, &seqs, outcome, &mut self.effects);
        let expected =
            seqs.iter().filter(|seq| self.model.settle(self.now, seq.number(), outcome)).count();
        self.model.shed();
        assert_eq!(settled, expected);
    }

    /// Says whether it is to be finished first: what goes need not be gone before the history goes on, but what stays can
    /// be settled again only then.
    fn settle_all(&mut self, who: Option<u8>, outcome: u8, delay: u8) -> bool {
        let sends_back = self
            .queue
            .config()
            .delivery_limit
            .is_some_and(|limit| limit.then == AfterDeliveryLimit::SendBack);
        // In which order many fail at once is not said, so that the model cannot know who is sent back first.
        let outcome = self.outcome(if sends_back { outcome & !16 } else { outcome }, delay);
        let whose = who.map_or(Whose::Everyones, |who| Whose::Consumer(self.name(who)));
        let settled = self.queue.settle_all(self.now, whose, outcome, &mut self.effects);
        assert_eq!(settled, self.model.settle_all(self.now, whose, outcome));
        let (counts, expected) = (self.queue.counts(), self.model.counts());
        assert_eq!(counts.unacked, expected.unacked);
        // What returns may be held because it failed too often or expired, which shows when its turn comes.
        if !matches!(outcome, Outcome::Requeue { .. } | Outcome::Retry { .. }) {
            assert_eq!((counts.held, counts.held_bytes), (expected.held, expected.held_bytes));
        }
        match outcome {
            Outcome::Accept => delay.is_multiple_of(2),
            Outcome::Discard => delay.is_multiple_of(2) || self.queue.config().hold,
            _ => true,
        }
    }

    /// Lets time pass. A prompt host stops at each point at which something is due.
    fn advance(&mut self, micros: u64) {
        let target = self.now + Duration::from_micros(micros);
        while self.driver == Driver::Prompt
            && let Some((at, _)) = self.queue.poll_timeout().filter(|(at, _)| *at <= target)
        {
            self.now = self.now.max(at);
            self.model.advance(self.now);
            self.settle_down();
            self.compare();
        }
        self.now = target;
        self.model.advance(self.now);
    }

    /// Does what a host does: delivers what can be delivered, and works when asked to.
    fn settle_down(&mut self) {
        self.deliver();
        while let Some((at, _)) = self.queue.poll_timeout().filter(|(at, _)| *at <= self.now) {
            let begun = at == Time::ZERO;
            if !begun && self.driver == Driver::Late {
                break;
            }
            let budget = 1 + self.next_handle % 7 * 10;
            let progress = self.queue.work(self.now, budget, &mut self.effects);
            let due = self.queue.poll_timeout().is_some_and(|(at, _)| at <= self.now);
            assert_eq!(progress == Progress::More, due);
            self.model.expire_if_unused(self.now);
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        let (mut is_drained, mut effects) = (false, self.effects.len());
        while let Some(delivery) = self.queue.poll_delivery(self.now, &mut self.effects) {
            assert!(!is_drained, "nothing more, it said after a delivery");
            (is_drained, effects) = (self.queue.is_drained(), self.effects.len());
            let (message, consumer) = self.model.deliver(self.now).expect("nothing to deliver");
            check_delivery(&delivery, &message);
            assert_eq!(delivery.consumer, Some(consumer));
        }
        assert!(!is_drained || self.effects.len() == effects, "and nothing else to do");
        let idle = |at: Time| at > self.now;
        if self.queue.poll_timeout().is_none_or(|(at, _)| idle(at)) {
            let expected = self.model.deliver(self.now);
            assert!(expected.is_none(), "the queue had nothing to deliver: {expected:?}");
        }
    }

    fn compare(&mut self) {
        if self.driver == Driver::Late {
            // What is due shows at the next call that looks at the time.
            while self.queue.poll_timeout().is_some_and(|(at, _)| at <= self.now) {
                self.queue.settle(self.now, &[], Outcome::Accept, &mut self.effects);
                self.deliver();
            }
        }
        for effect in &self.effects {
            if let Effect::Gone { handle, .. } = effect {
                assert!(self.inside.remove(handle), "{handle} came back twice");
            }
        }
        self.effects.sort_by_cached_key(|effect| format!("{effect:?}"));
        self.model.effects.sort_by_cached_key(|effect| format!("{effect:?}"));
        assert_eq!(self.effects, self.model.effects);
        self.effects.clear();
        self.model.effects.clear();
        assert_eq!(self.queue.counts(), self.model.counts());
        let due = self.queue.poll_timeout().map(|(at, _)| at);
        assert_eq!(due, self.model.next_due(), "the next timeout is exact");
        let line: Vec<u64> =
            self.model.line().iter().map(|index| self.model.messages[*index].seq).collect();
        let ready: Vec<_> = self.queue.ready(None).collect();
        assert!(ready.iter().map(|look| look.seq.number()).eq(line.iter().copied()));
        if let Some(State::Ready(position)) = ready.get(ready.len() / 2).map(|look| look.state) {
            assert!(
                self.queue.ready(Some(position)).eq(ready[ready.len() / 2 + 1..].iter().copied())
            );
        }
        assert_eq!(self.queue.unacked(None).count() as u64, self.model.counts().unacked);
        assert_eq!(self.queue.held(None).count() as u64, self.model.counts().held);
        assert_eq!(self.queue.delayed(None).count() as u64, self.model.counts().delayed);
    }

    const fn name(&self, who: u8) -> ConsumerId {
        let who = who % CONSUMERS;
        ConsumerId(self.names[who as usize] * CONSUMERS as u64 + who as u64)
    }

    fn outcome(&self, outcome: u8, delay: u8) -> Outcome {
        let failed = outcome & 16 != 0;
        match outcome % 8 {
            0..=1 => Outcome::Accept,
            2..=4 => Outcome::Requeue { failed },
            5 if self.driver == Driver::Prompt => {
                Outcome::Retry { failed, not_before: self.now + millis(delay) }
            }
            6 => Outcome::Hold,
            _ => Outcome::Discard,
        }
    }
}

fn check_delivery(delivery: &Delivery<u32>, message: &Message) {
    assert_eq!(delivery.seq.number(), message.seq);
    assert_eq!(delivery.handle, message.handle);
    assert_eq!(delivery.priority, message.priority);
    assert_eq!(delivery.redelivered, message.redelivered);
    assert_eq!(delivery.tries, message.tries);
}

fn millis(millis: u8) -> Duration {
    Duration::from_millis(u64::from(millis))
}

fn config([limits, length, times, retries, flags]: [u8; 5], driver: Driver) -> Config {
    Config::default()
        .with_max_priority(flags & 15)
        .with_max_length((limits & 1 != 0).then(|| u64::from(length % 16)))
        .with_max_length_bytes((limits & 2 != 0).then(|| u64::from(length) * 8))
        .with_overflow(match limits >> 2 & 3 {
            0 | 1 => Overflow::DropHead,
            2 => Overflow::RejectPublish,
            _ => Overflow::RejectPublishDeadLetter,
        })
        .with_ttl((times & 1 != 0).then(|| millis(times >> 3)))
        .with_expires(
            (times & 2 != 0 && driver == Driver::Prompt).then(|| millis(1 + (times >> 2))),
        )
        .with_delivery_limit((retries & 1 != 0).then_some(DeliveryLimit {
            failures: u32::from(retries >> 2 & 3),
            then: if retries & 2 != 0 {
                AfterDeliveryLimit::Leave
            } else {
                AfterDeliveryLimit::SendBack
            },
        }))
        .with_single_active(match flags >> 4 & 7 {
            0 => SingleActive::FirstCome,
            1 | 2 => SingleActive::HighestPriority,
            _ => SingleActive::Off,
        })
        .with_hold(flags & 128 != 0)
}
