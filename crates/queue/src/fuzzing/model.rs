//! The slow, obvious queue: one `Vec` of messages, searched from end to end for whatever is asked, with no budget and no
//! index. It does everything at the very time at which it is due.

mod clock;
mod served;

use crate::{
    AfterDeliveryLimit, Config, Consume, ConsumerId, Counts, Effect, Outcome, Overflow, Rare,
    Refusal, Seq, SingleActive, Tries, Whose, Why,
};
use alloc::vec::Vec;
use core::cell::Cell;
use core::cmp::Reverse;
use core::time::Duration;
use warrener_time::Time;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Ready,
    /// Not before this; `fresh` until it was in line for the first time.
    Delayed {
        not_before: Time,
        fresh: bool,
    },
    Out {
        consumer: Option<ConsumerId>,
        since: Time,
        timeout: Option<Duration>,
    },
    Held(Why),
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) seq: u64,
    pub(super) place: u64,
    pub(super) handle: u32,
    bytes: u32,
    pub(super) priority: u8,
    published: Time,
    ttl: Option<Duration>,
    own_deadline: Time,
    pub(super) redelivered: bool,
    pub(super) tries: Tries,
    pub(super) at: Where,
}

#[derive(Clone, Debug)]
struct Consumer {
    id: ConsumerId,
    how: Consume,
    credit: u32,
    /// Grows with every turn taken, so that the smallest is next.
    turn: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    config: Config,
    pub(super) messages: Vec<Message>,
    consumers: Vec<Consumer>,
    last_number: u64,
    turns: u64,
    active: Option<ConsumerId>,
    last_used: Time,
    said_expired: bool,
    overflowing: bool,
    /// The host cannot hand out what is next, for now.
    stuck: bool,
    deleted: bool,
    pub(super) effects: Vec<Effect<u32>>,
    /// How many messages were looked at so far, in all searches together.
    looked_at: Cell<u64>,
}

fn after(since: Time, ttl: Duration) -> Time {
    since + ttl.max(Duration::from_micros(1))
}

impl Model {
    pub(super) fn new(now: Time, config: Config) -> Self {
        Self {
            config,
            messages: Vec::new(),
            consumers: Vec::new(),
            last_number: 0,
            turns: 0,
            active: None,
            last_used: now,
            said_expired: false,
            overflowing: false,
            stuck: false,
            deleted: false,
            effects: Vec::new(),
            looked_at: Cell::new(0),
        }
    }

    pub(super) const fn looked_at(&self) -> u64 {
        self.looked_at.get()
    }

    /// All messages, to search among them.
    fn search(&self) -> &[Message] {
        self.looked_at.set(self.looked_at.get() + self.messages.len() as u64);
        &self.messages
    }

    fn deadline(&self, message: &Message) -> Time {
        let shared = self.config.ttl.map_or(Time::MAX, |ttl| after(message.published, ttl));
        message.own_deadline.min(shared)
    }

    fn index_of(&self, seq: u64) -> Option<usize> {
        self.search().iter().position(|message| message.seq == seq)
    }

    fn is_out(message: &Message) -> bool {
        matches!(message.at, Where::Out { .. })
    }

    /// The ready messages, as indexes, in the order in which they are to be handed out.
    pub(super) fn line(&self) -> Vec<usize> {
        let mut line: Vec<usize> = (0..self.search().len()).collect();
        line.retain(|index| self.messages[*index].at == Where::Ready);
        line.sort_by_key(|index| {
            (Reverse(self.messages[*index].priority), self.messages[*index].place)
        });
        line
    }

    /// The one to be handed out next.
    fn first_in_line(&self) -> Option<usize> {
        let ready =
            self.search().iter().enumerate().filter(|(_, message)| message.at == Where::Ready);
        let first = ready.min_by_key(|(_, message)| (Reverse(message.priority), message.place));
        first.map(|(index, _)| index)
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts { consumers: self.consumers.len() as u64, ..Counts::default() };
        for message in self.search() {
            let (count, bytes) = match message.at {
                Where::Ready => (&mut counts.ready, &mut counts.ready_bytes),
                Where::Delayed { .. } => (&mut counts.delayed, &mut counts.delayed_bytes),
                Where::Out { .. } => (&mut counts.unacked, &mut counts.unacked_bytes),
                Where::Held(_) => (&mut counts.held, &mut counts.held_bytes),
            };
            *count += 1;
            *bytes += u64::from(message.bytes);
        }
        counts
    }

    fn gone(&mut self, index: usize, why: Why) {
        let message = self.messages.remove(index);
        let seq = Seq::new(message.seq);
        let Message { handle, redelivered, .. } = message;
        self.effects.push(Effect::Gone { seq, handle, why, redelivered });
    }

    fn depart(&mut self, index: usize, why: Why) {
        if self.config.hold && matches!(why, Why::Expired | Why::DeliveryLimit | Why::Discarded) {
            self.hold(index, why);
        } else {
            self.gone(index, why);
        }
    }

    fn hold(&mut self, index: usize, why: Why) {
        let message = &mut self.messages[index];
        message.at = Where::Held(why);
        let seq = Seq::new(message.seq);
        self.effects.push(Effect::Held { seq, handle: message.handle, why });
    }

    const fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn publish(
        &mut self,
        now: Time,
        (handle, bytes, priority): (u32, u32, u8),
        rare: Rare,
    ) -> Result<u64, Refusal> {
        if self.deleted {
            return Err(Refusal::Deleted);
        }
        if self.is_full(bytes) {
            let dead_letter = self.config.overflow == Overflow::RejectPublishDeadLetter;
            return Err(Refusal::Full { dead_letter });
        }
        let seq = self.next_number();
        let delay = rare.not_before.filter(|not_before| *not_before > now);
        self.messages.push(Message {
            seq,
            place: seq,
            handle,
            bytes,
            priority: priority.min(self.config.max_priority),
            published: now,
            ttl: rare.ttl,
            own_deadline: Time::MAX,
            redelivered: false,
            tries: Tries::default(),
            at: Where::Ready,
        });
        let index = self.messages.len() - 1;
        match delay {
            Some(not_before) => {
                self.messages[index].at = Where::Delayed { not_before, fresh: true };
            }
            None => self.begin_to_wait(now, index),
        }
        self.overflowing = true;
        self.shed();
        Ok(seq)
    }

    fn begin_to_wait(&mut self, now: Time, index: usize) {
        let message = &mut self.messages[index];
        message.published = now;
        message.at = Where::Ready;
        message.own_deadline = message.ttl.map_or(Time::MAX, |ttl| after(now, ttl));
        let now_or_never = self.deadline(&self.messages[index]) <= now + Duration::from_micros(1);
        if now_or_never && self.next_consumer().is_none() {
            self.depart(index, Why::Expired);
        }
    }

    fn waiting(&self) -> (u64, u64) {
        let waiting = self.search().iter().filter(|message| !Self::is_out(message));
        (waiting.clone().count() as u64, waiting.map(|message| u64::from(message.bytes)).sum())
    }

    fn is_full(&self, bytes: u32) -> bool {
        if self.config.overflow == Overflow::DropHead {
            return false;
        }
        let ready = self.line().len() as u64;
        // All consumers that would be served before there is none left.
        let _ = self.search();
        let mut hungry = self.clone();
        let mut appetite = 0;
        while let Some(index) = hungry.next_consumer().filter(|_| !self.stuck) {
            match hungry.consumers[index].credit {
                Consume::UNLIMITED => return false,
                credit => appetite += u64::from(credit),
            }
            hungry.consumers[index].credit = 0;
        }
        let (length, length_bytes) = self.waiting();
        appetite <= ready
            && (self.config.max_length.is_some_and(|max| length + 1 - appetite > max)
                || self
                    .config
                    .max_length_bytes
                    .is_some_and(|max| length_bytes + u64::from(bytes) > max))
    }

    /// Makes room, unless what is too much can be handed out.
    pub(super) fn shed(&mut self) {
        let is_served =
            || !self.stuck && self.next_consumer().is_some() && self.first_in_line().is_some();
        if !self.overflowing || is_served() {
            return;
        }
        self.overflowing = false;
        let too_much = |(length, bytes): (u64, u64)| {
            self.config.max_length.is_some_and(|max| length > max)
                || self.config.max_length_bytes.is_some_and(|max| bytes > max)
        };
        if self.config.overflow != Overflow::DropHead || !too_much(self.waiting()) {
            return;
        }
        let rank = |message: &Message| match message.at {
            Where::Ready => Some((0, message.priority, message.place)),
            Where::Delayed { fresh: false, .. } => Some((1, message.priority, message.place)),
            Where::Delayed { fresh: true, .. } => Some((2, message.priority, message.place)),
            Where::Out { .. } | Where::Held(_) => None,
        };
        let least = (0..self.search().len())
            .filter_map(|index| Some((rank(&self.messages[index])?, index)))
            .min();
        if let Some((_, index)) = least {
            self.gone(index, Why::MaxLength);
            self.overflowing = true;
            self.shed();
        }
    }

    /// Who would be handed what.
    pub(super) fn next_delivery(&mut self) -> Option<(ConsumerId, u64)> {
        self.stuck = false;
        let next = self.next_consumer().zip(self.first_in_line());
        if next.is_none() {
            self.shed();
        }
        next.map(|(consumer, message)| (self.consumers[consumer].id, self.messages[message].seq))
    }

    pub(super) fn put_off(&mut self) {
        (self.stuck, self.overflowing) = (true, true);
        self.shed();
    }

    pub(super) fn deliver(&mut self, now: Time) -> Option<(Message, ConsumerId)> {
        self.stuck = false;
        let Some((consumer, message)) = self.next_consumer().zip(self.first_in_line()) else {
            self.shed();
            return None;
        };
        let turn = self.next_turn();
        let consumer = &mut self.consumers[consumer];
        if self.config.single_active == SingleActive::Off {
            consumer.turn = turn;
        }
        if consumer.credit != Consume::UNLIMITED {
            consumer.credit -= 1;
        }
        let (id, how) = (consumer.id, consumer.how);
        let copy = self.messages[message].clone();
        self.hand_over(now, message, Some(id), how);
        Some((copy, id))
    }

    pub(super) fn get(&mut self, now: Time, settled: bool) -> Option<Message> {
        self.touch(now);
        let message = self.first_in_line()?;
        let copy = self.messages[message].clone();
        self.hand_over(now, message, None, Consume::default().with_settled(settled));
        Some(copy)
    }

    fn hand_over(&mut self, now: Time, index: usize, consumer: Option<ConsumerId>, how: Consume) {
        if how.settled {
            return self.gone(index, Why::Accepted);
        }
        let message = &mut self.messages[index];
        message.tries.acquired += 1;
        message.at = Where::Out { consumer, since: now, timeout: how.delivery_timeout };
    }

    pub(super) fn consume(&mut self, now: Time, id: ConsumerId, how: Consume) -> bool {
        let taken = self.consumers.iter().any(|consumer| consumer.id == id);
        let alone = self.consumers.iter().any(|consumer| consumer.how.exclusive);
        let single = self.config.single_active != SingleActive::Off;
        let cannot_be_alone = how.exclusive && (single || !self.consumers.is_empty());
        if self.deleted || taken || alone || cannot_be_alone {
            return false;
        }
        self.touch(now);
        let turn = self.next_turn();
        self.consumers.push(Consumer { id, how, credit: how.credit, turn });
        self.choose_active();
        true
    }

    pub(super) fn cancel(&mut self, now: Time, id: ConsumerId) -> bool {
        let before = self.consumers.len();
        self.consumers.retain(|consumer| consumer.id != id);
        if self.consumers.len() == before {
            return false;
        }
        self.touch(now);
        self.choose_active();
        true
    }

    pub(super) fn set_credit(&mut self, id: ConsumerId, credit: u32) {
        let turn = self.next_turn();
        if let Some(consumer) = self.consumers.iter_mut().find(|consumer| consumer.id == id) {
            // Who was out of credit has to wait for its turn like a newcomer.
            if consumer.credit == 0 {
                consumer.turn = turn;
            }
            consumer.credit = credit;
        }
    }

    pub(super) fn settle(&mut self, now: Time, seq: u64, outcome: Outcome) -> bool {
        let Some(index) = self.index_of(seq) else { return false };
        let leaving = match self.messages[index].at {
            Where::Out { .. } => None,
            Where::Held(why) => Some(why),
            Where::Ready | Where::Delayed { .. } => return false,
        };
        match (outcome, leaving) {
            (Outcome::Accept, None) => self.gone(index, Why::Accepted),
            (Outcome::Discard, None) => self.depart(index, Why::Discarded),
            (Outcome::Accept | Outcome::Discard, Some(why)) => self.gone(index, why),
            (Outcome::Hold, _) => self.hold(index, leaving.unwrap_or(Why::Discarded)),
            (Outcome::Requeue { failed }, _) => self.requeue(now, index, failed, now),
            (Outcome::Retry { failed, not_before }, _) => {
                self.requeue(now, index, failed, not_before);
            }
        }
        self.overflowing |= outcome != Outcome::Accept;
        self.choose_active();
        true
    }

    fn requeue(&mut self, now: Time, index: usize, failed: bool, not_before: Time) {
        let number = self.last_number + 1;
        let deadline = self.deadline(&self.messages[index]);
        let message = &mut self.messages[index];
        message.redelivered = true;
        message.tries.failed += u32::from(failed);
        let limit = self
            .config
            .delivery_limit
            .filter(|limit| failed && message.tries.failed > limit.failures);
        match limit.map(|limit| limit.then) {
            Some(AfterDeliveryLimit::Leave) => return self.depart(index, Why::DeliveryLimit),
            Some(AfterDeliveryLimit::SendBack) => {
                self.last_number = number;
                message.place = number;
                message.own_deadline = deadline;
                message.published = now;
                let (seq, failed) = (Seq::new(message.seq), message.tries.failed);
                self.effects.push(Effect::SentBack { seq, failed });
            }
            None => {}
        }
        if deadline <= now {
            return self.depart(index, Why::Expired);
        }
        self.messages[index].at = if not_before > now {
            Where::Delayed { not_before, fresh: false }
        } else {
            Where::Ready
        };
    }

    pub(super) fn settle_all(&mut self, now: Time, whose: Whose, outcome: Outcome) -> u64 {
        let mut seqs: Vec<u64> = Vec::new();
        for message in &self.messages {
            if let Where::Out { consumer, .. } = message.at
                && (whose == Whose::Everyones || consumer.map(Whose::Consumer) == Some(whose))
            {
                seqs.push(message.seq);
            }
        }
        seqs.iter().for_each(|seq| assert!(self.settle(now, *seq, outcome)));
        self.shed();
        seqs.len() as u64
    }

    pub(super) fn purge(&mut self) -> u64 {
        let ready = self.line().len() as u64;
        while let Some(index) =
            self.messages.iter().position(|message| !matches!(message.at, Where::Out { .. }))
        {
            self.gone(index, Why::Purged);
        }
        ready
    }

    pub(super) fn delete(&mut self) -> u64 {
        let ready = self.line().len() as u64;
        while !self.messages.is_empty() {
            self.gone(0, Why::Deleted);
        }
        self.consumers.clear();
        self.deleted = true;
        ready
    }

    pub(super) const fn touch(&mut self, now: Time) {
        self.last_used = now;
        self.said_expired = false;
    }

    pub(super) fn reconfigure(&mut self, now: Time, config: Config) {
        let mode = self.config.single_active;
        self.config = config;
        if mode != config.single_active {
            self.choose_active();
        }
        // With a shorter time to live, much may be too old already.
        self.advance(now);
        self.overflowing = true;
        self.shed();
    }
}
