//! Dead-lettering at least once (RabbitMQ extension: `x-dead-letter-strategy`): a message that dies is held by its queue
//! until every queue it is to go to takes it.
//!
//! Going on is one durable fact, so there is no half-way. What cannot go on, because its exchange is missing, nothing is
//! bound there, or a target is full, is tried again and again.

use alloc::vec::Vec;

use smallvec::SmallVec;
use warrener_queue::{Effect as QueueEffect, Outcome, Seq, State, Why};
use warrener_time::Time;

use crate::config::{DEAD_LETTER_RETRY, QUEUES_PER_TURN, STEPS_IN_A_ROW};
use crate::dead_letter::DeathReason;
use crate::effect::Effect;
use crate::fan_out::{AT_ONCE, Origin};
use crate::id::{MessageId, QueueId};
use crate::message::NewMessage;
use crate::realm::Realm;
use crate::record::Fact;

/// A message that died and is held by its queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dead {
    pub(crate) seq: Seq,
    pub(crate) message: MessageId,
    pub(crate) reason: DeathReason,
    pub(crate) since: Time,
}

/// What became of a dead message that its queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passed {
    Gone,
    /// It is on its way to very many queues, and held until they have it.
    Begun,
    /// It cannot go on yet.
    Stays,
}

impl Realm {
    /// A message has died and its queue holds it: it goes on, now or later.
    pub(crate) fn hold_dead(
        &mut self,
        now: Time,
        queue: QueueId,
        (seq, message, why): (Seq, MessageId, Why),
        out: &mut Vec<Effect>,
    ) {
        let reason = DeathReason::of(why).expect("what is held has died");
        let kind = self.queue(queue).settings.kind;
        self.stats.deaths_of(kind).at_least_once.count(reason);
        let dead = Dead { seq, message, reason, since: now };
        if !self.queue(queue).queue.holds(seq) {
            return;
        }
        let passed = self.pass_on(now, queue, dead, out);
        if passed == Passed::Gone {
            return;
        }
        if let Some(place) = self.place(queue, message) {
            self.append(&Fact::Died { place, reason, time: now }, SmallVec::new(), false, out);
        }
        if passed == Passed::Stays {
            self.retry_later(now, queue);
        }
    }

    /// Sends a dead message on, if every queue that it is to go to takes it.
    fn pass_on(&mut self, now: Time, queue: QueueId, dead: Dead, out: &mut Vec<Effect>) -> Passed {
        // One for very many queues is on its way, and the others keep their places behind it.
        if self.queue(queue).fans_out || !self.queue(queue).queue.holds(dead.seq) {
            return Passed::Stays;
        }
        let Some(to) = self.queue(queue).settings.dead_letter.clone() else {
            // Whoever changed the queue meanwhile wants its dead no more.
            self.unhold(now, queue, dead.seq);
            self.let_go(queue, dead.message, None, out);
            return Passed::Gone;
        };
        if !self.ask_for_dead(queue, dead.message, out) {
            return Passed::Stays;
        }
        let died = self.messages.whole(dead.message).new.clone();
        let died = (&died, self.messages.get(dead.message).failed);
        let Some(prepared) = self.prepare_dead(queue, died, dead.reason, &to, dead.since) else {
            return Passed::Stays;
        };
        if prepared.1.len() > AT_ONCE {
            return self.pass_on_to_many(queue, dead, prepared);
        }
        if !self.can_go(&prepared) {
            return Passed::Stays;
        }
        self.stats.dead_lettered += 1;
        let kind = self.queue(queue).settings.kind;
        self.stats.deaths_of(kind).confirmed += 1;
        let (buried, targets) = prepared;
        let admission = self.admit(now, buried, &targets);
        let from = self.place(queue, dead.message).map(|from| (dead.message, from));
        let recorded = self.record_dead_letter(now, &admission, from, out);
        let taken = self.finish(&admission);
        self.shelve(taken, admission.first());
        self.unhold(now, queue, dead.seq);
        self.let_go(queue, dead.message, recorded, out);
        Passed::Gone
    }

    /// Sends a dead message on its way to very many queues, all of which must have room for it.
    #[cold]
    fn pass_on_to_many(
        &mut self,
        queue: QueueId,
        dead: Dead,
        (buried, targets): (NewMessage, Vec<QueueId>),
    ) -> Passed {
        if targets.iter().all(|target| self.remembers(*target)) {
            return Passed::Stays;
        }
        self.queue_mut(queue).fans_out = true;
        let Dead { seq, message: source, .. } = dead;
        let origin = Origin::Holder { queue, seq, source, told: None };
        self.begin_fan_out(buried, &targets, false, origin);
        Passed::Begun
    }

    /// Whether somebody gets a message, and everybody who is to get it has room.
    pub(crate) fn can_go(&self, prepared: &(NewMessage, Vec<QueueId>)) -> bool {
        let (new, targets) = prepared;
        let bytes = new.content.body.len() as u64;
        targets.iter().any(|target| !self.remembers(*target))
            && targets.iter().all(|target| self.has_room(*target, (1, bytes)))
    }

    /// A queue holds a message no more, and need not be told what became of it.
    pub(crate) fn unhold(&mut self, now: Time, id: QueueId, seq: Seq) {
        let slot = self.queues.get_mut(id).expect("the id of a queue that is there");
        slot.queue.settle(now, &[seq], Outcome::Accept, &mut self.answers);
        self.answers.retain(
            |answer| !matches!(answer, QueueEffect::Gone { seq: gone, .. } if *gone == seq),
        );
        self.collect(id);
        self.reschedule(id);
    }

    /// Sees to it that what a queue holds is tried again by then.
    pub(crate) fn retry_at(&mut self, queue: QueueId, at: Time) {
        let slot = self.queue_mut(queue);
        if slot.retry.is_none() {
            slot.retry = Some(at);
            self.retries.insert((at, queue));
        }
    }

    /// Sees to it that what a queue holds is tried again after a while.
    pub(crate) fn retry_later(&mut self, now: Time, queue: QueueId) {
        self.retry_at(queue, now + DEAD_LETTER_RETRY);
    }

    /// Sees to it that what a queue holds is tried again at once.
    pub(crate) fn retry_now(&mut self, now: Time, queue: QueueId) {
        let slot = self.queue_mut(queue);
        if let Some(before) = slot.retry.take() {
            self.retries.remove(&(before, queue));
        }
        self.retry_at(queue, now);
    }

    /// Tries again what queues hold and is due, up to a bound.
    pub(crate) fn retry_dead(&mut self, now: Time, out: &mut Vec<Effect>) {
        for _ in 0..QUEUES_PER_TURN {
            if self.effort.is_spent(out.len()) {
                return;
            }
            self.effort.visit(1);
            let Some((_, queue)) = self.retries.first().copied().filter(|(at, _)| *at <= now)
            else {
                return;
            };
            self.retries.pop_first();
            if let Some(slot) = self.queues.get_mut(queue).filter(|slot| !slot.deleted) {
                slot.retry = None;
                if self.retry_some(now, queue, out) {
                    return;
                }
            }
        }
    }

    /// Tries some of what a queue holds, from where it left off. Whether there is more.
    fn retry_some(&mut self, now: Time, queue: QueueId, out: &mut Vec<Effect>) -> bool {
        let bound = self.limits.work_per_turn.min(STEPS_IN_A_ROW);
        let bound = bound.min(self.effort.left(out.len())).max(1) as usize;
        let slot = self.queue_mut(queue);
        if slot.fans_out {
            return false;
        }
        let after = slot.retried.take();
        let dead: Vec<Dead> = slot
            .queue
            .held(after)
            .take(bound)
            .filter_map(|look| {
                let State::Held { why, since } = look.state else { return None };
                let reason = DeathReason::of(why)?;
                Some(Dead { seq: look.seq, message: *look.handle, reason, since })
            })
            .collect();
        let mut last = dead.last().map(|dead| dead.seq).filter(|_| dead.len() == bound);
        let mut tried = None;
        for dead in dead {
            // Each may be for very many queues, and have much to say; but one is tried in any case.
            if tried.is_some() && self.effort.is_spent(out.len()) {
                last = tried;
                break;
            }
            self.effort.visit(1);
            tried = Some(dead.seq);
            if self.pass_on(now, queue, dead, out) == Passed::Begun {
                last = Some(dead.seq);
                break;
            }
        }
        let slot = self.queue_mut(queue);
        slot.retried = last;
        if slot.queue.counts().held > 0 && !slot.fans_out {
            self.retry_at(queue, if last.is_some() { now } else { now + DEAD_LETTER_RETRY });
        }
        self.absorb(now, out);
        last.is_some()
    }
}
