//! Messages that leave a queue: forgotten, or dead-lettered; in the log as in memory.

use alloc::vec::Vec;

use smallvec::{SmallVec, smallvec};
use warrener_queue::{Effect as QueueEffect, Progress, Why};
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::arguments::DeadLetterTo;
use crate::config::{BURIED_BYTES_A_VISIT, HISTORY_BYTES, STEPS_IN_A_ROW, TARGETS_A_VISIT};
use crate::dead_letter::{DeathReason, History, bury};
use crate::effect::Effect;
use crate::fan_out::{AT_ONCE, Origin};
use crate::id::{LinkId, MessageId, QueueId, RecordId};
use crate::keeper::Keeper;
use crate::message::{Durable, NewMessage};
use crate::paging::{Leaving, Then};
use crate::publish::{Admission, Exchange};
use crate::realm::{Compound, Happened, Held, Notice, Realm};
use crate::record::{After, Fact, MessageAt, Place};
use crate::warning::Warning;

impl Realm {
    /// Deals with what happened in queues, and with what that leads to in others.
    #[inline]
    pub(crate) fn absorb(&mut self, now: Time, out: &mut Vec<Effect>) {
        if !self.happened.is_empty() {
            self.absorb_some(now, out);
        }
    }

    fn absorb_some(&mut self, now: Time, out: &mut Vec<Effect>) {
        while !self.happened.is_empty() {
            if self.effort.absorbs == 0 || self.effort.is_spent(out.len()) {
                return;
            }
            self.effort.absorbs -= 1;
            let Some((queue, happened)) = self.happened.pop_front() else { return };
            self.deal_with(now, queue, happened, out);
        }
    }

    #[inline]
    fn deal_with(&mut self, now: Time, queue: QueueId, happened: Happened, out: &mut Vec<Effect>) {
        match happened {
            Happened::Queue(QueueEffect::Gone { handle, why, redelivered, .. }) => {
                self.depart(now, queue, (handle, redelivered), why, out);
            }
            Happened::Queue(QueueEffect::TakenBack { seq, consumer }) => {
                let link = LinkId::from_consumer(consumer);
                self.notices.push_back(Notice::TakenBack { link, queue, seq });
            }
            Happened::Queue(QueueEffect::SentBack { failed, .. }) => {
                self.note_sent_back(queue, failed, out);
            }
            Happened::Queue(QueueEffect::Expired) => self.expire(now, queue, out),
            // What waited for it to take over waits no longer.
            Happened::Queue(QueueEffect::Activated(_)) => self.wake(queue),
            Happened::Queue(QueueEffect::Held { seq, handle, why }) => {
                self.hold_dead(now, queue, (seq, handle, why), out);
            }
            Happened::Orphaned => self.dissolve(now, queue, out),
            Happened::Asked { target, after, upto } => {
                self.replay_history(now, queue, (target, after, upto), out);
            }
            Happened::Content => self.go_on(now, queue, out),
            Happened::Emptied => {
                if let Some(slot) = self.queues.get_mut(queue) {
                    slot.emptied = true;
                }
                self.dismiss_if_done(queue);
            }
            Happened::Refused { new, source } => {
                self.bury_refused(now, queue, &new, source, out);
            }
        }
    }

    /// A queue has refused a message, and may want it dead-lettered.
    fn bury_refused(
        &mut self,
        now: Time,
        queue: QueueId,
        new: &NewMessage,
        source: Option<Held>,
        out: &mut Vec<Effect>,
    ) {
        // A queue may be told to dead-letter what it refuses, and not where to.
        if self.queue(queue).settings.dead_letter.is_none() {
            return source.into_iter().for_each(|source| self.gone_on(now, source, None, out));
        }
        let reason = DeathReason::MaxLength;
        self.note_death(queue, reason, false);
        self.dead_letter(now, queue, source, (new, false), reason, out);
    }

    /// Counts a message that died; of one that its queue held, that it has gone on as well.
    pub(crate) fn note_death(&mut self, queue: QueueId, reason: DeathReason, held: bool) {
        let slot = self.queue(queue);
        if slot.keeper.is_some() {
            return;
        }
        let (kind, buries) = (slot.settings.kind, slot.settings.dead_letter.is_some());
        let deaths = self.stats.deaths_of(kind);
        deaths.confirmed += u64::from(held);
        let by = match (held, buries) {
            (true, _) => &mut deaths.at_least_once,
            (false, true) => &mut deaths.at_most_once,
            (false, false) => &mut deaths.disabled,
        };
        by.count(reason);
    }

    /// Nobody has used a queue for too long, unless somebody has meanwhile.
    fn expire(&mut self, now: Time, queue: QueueId, out: &mut Vec<Effect>) {
        if self.queues.get(queue).is_some_and(|slot| !slot.deleted && slot.queue.has_expired()) {
            self.remove_queue(now, queue, out);
        }
    }

    /// A message has failed more often than it may, and went to the end of its queue.
    fn note_sent_back(&mut self, queue: QueueId, failed: u32, out: &mut Vec<Effect>) {
        self.stats.sent_back += 1;
        let slot = self.queue(queue);
        let limit = slot.queue.config().delivery_limit.map(|limit| limit.failures);
        if limit.is_some_and(|limit| failed == limit.saturating_add(1)) {
            let vhost = self.vhosts[slot.vhost].name().clone();
            let queue = slot.spec.name.clone();
            out.push(Effect::Warn(Warning::FailedTooOften { vhost, queue, failed }.into()));
        }
    }

    /// A message has left a queue.
    #[inline]
    pub(crate) fn depart(
        &mut self,
        now: Time,
        queue: QueueId,
        (message, redelivered): (MessageId, bool),
        why: Why,
        out: &mut Vec<Effect>,
    ) {
        if let Some(reason) = DeathReason::of(why) {
            self.note_death(queue, reason, false);
        }
        let slot = self.queue(queue);
        let then = match (slot.keeper, DeathReason::of(why)) {
            (Some(Keeper::Delays(exchange)), _) if why == Why::Accepted => Then::SendOn(exchange),
            (_, Some(reason)) if slot.settings.dead_letter.is_some() => Then::Bury(reason),
            _ => return self.let_go(queue, message, None, out),
        };
        let leaving = Leaving { message, redelivered, then };
        let is_next = slot.leaving.is_empty() && !slot.fans_out;
        if is_next && self.messages.get(message).is_here() {
            self.leave_now(now, queue, leaving, out);
        } else {
            self.leave_later(queue, leaving, out);
        }
    }

    /// Sends a message on whose content is in memory, as far as its queue has not changed its mind.
    pub(crate) fn leave_now(
        &mut self,
        now: Time,
        queue: QueueId,
        leaving: Leaving,
        out: &mut Vec<Effect>,
    ) {
        let Leaving { message, then, .. } = leaving;
        match then {
            Then::SendOn(exchange) => self.send_on(now, queue, exchange, message, out),
            Then::Bury(_) if self.queue(queue).settings.dead_letter.is_none() => {
                self.let_go(queue, message, None, out);
            }
            Then::Bury(reason) => {
                let died = self.messages.whole(message).new.clone();
                let failed = self.messages.get(message).failed;
                let source = Held { queue, message };
                self.dead_letter(now, queue, Some(source), (&died, failed), reason, out);
            }
        }
    }

    /// Publishes a message that died to where its queue says, and lets go of it where it was held, as one durable fact.
    fn dead_letter(
        &mut self,
        now: Time,
        queue: QueueId,
        source: Option<Held>,
        message: (&NewMessage, bool),
        reason: DeathReason,
        out: &mut Vec<Effect>,
    ) {
        self.stats.dead_lettered += 1;
        let to = self.queue(queue).settings.dead_letter.clone().expect("asked before");
        let prepared = self.prepare_dead(queue, message, reason, &to, now);
        let Some((buried, targets)) = prepared else {
            return source.into_iter().for_each(|source| self.gone_on(now, source, None, out));
        };
        if targets.len() > AT_ONCE {
            return self.fan_out_from(source, buried, &targets);
        }
        self.go_to(now, source, buried, &targets, out);
    }

    /// Takes in what becomes of a message that leaves a queue. When no durable queue takes it and one that refused it
    /// sends it on, the queue it leaves holds it until then, so that there is no moment at which it is nowhere or twice.
    pub(crate) fn go_to(
        &mut self,
        now: Time,
        source: Option<Held>,
        new: NewMessage,
        targets: &[QueueId],
        out: &mut Vec<Effect>,
    ) {
        let admission = self.admit(now, new, targets);
        let from =
            source.and_then(|Held { queue, message }| Some((message, self.place(queue, message)?)));
        let recorded = self.record_dead_letter(now, &admission, from, out);
        let goes_further = !admission.is_durable() && admission.goes_further();
        let (held, gone) = if goes_further { (source, None) } else { (None, source) };
        if let Some(held) = held {
            self.queue_mut(held.queue).fans_out = true;
        }
        let taken = self.finish_for(&admission, held);
        self.shelve(taken, admission.first());
        if let Some(gone) = gone {
            self.gone_on(now, gone, recorded, out);
        }
    }

    /// What becomes of a message that leaves a queue has gone where it was to go: what waited behind it follows.
    fn gone_on(&mut self, now: Time, gone: Held, told: Option<Place>, out: &mut Vec<Effect>) {
        let Held { queue, message } = gone;
        self.let_go(queue, message, told, out);
        if core::mem::take(&mut self.queue_mut(queue).fans_out) {
            self.go_on(now, queue, out);
        }
    }

    /// What becomes of a message that leaves a queue goes to very many others; those behind it wait.
    #[cold]
    pub(crate) fn fan_out_from(
        &mut self,
        source: Option<Held>,
        new: NewMessage,
        targets: &[QueueId],
    ) {
        let origin = match source {
            Some(Held { queue, message: source }) => {
                self.queue_mut(queue).fans_out = true;
                Origin::Queue { queue, source, told: None }
            }
            None => Origin::Nobody,
        };
        self.begin_fan_out(new, targets, false, origin);
    }

    /// A dead message as it goes on, and where to; `None` when it goes nowhere.
    pub(crate) fn prepare_dead(
        &mut self,
        queue: QueueId,
        message: (&NewMessage, bool),
        reason: DeathReason,
        to: &DeadLetterTo,
        since: Time,
    ) -> Option<(NewMessage, Vec<QueueId>)> {
        let vhost = self.queue(queue).vhost;
        // Its headers are written anew, and say all that it went through.
        let before = message.0.extra.as_ref().and_then(|extra| extra.history.as_ref());
        let history_bytes = before.map_or(0, History::bytes);
        let bytes = message.0.content.properties.as_bytes().len() + history_bytes;
        self.effort.visit(bytes / BURIED_BYTES_A_VISIT);
        if history_bytes > HISTORY_BYTES {
            return None;
        }
        let slot = self.queue(queue);
        let buried = bury(message, reason, &slot.spec.name, to, since);
        let exchange = if to.exchange.is_empty() {
            Exchange::Default
        } else {
            Exchange::Named(self.vhosts[vhost].exchange(to.exchange.as_bytes())?.0)
        };
        let mut targets = Vec::new();
        self.route(vhost, exchange, &buried, &mut targets).ok()?;
        self.effort.visit(targets.len() / TARGETS_A_VISIT);
        if reason != DeathReason::Rejected {
            let history = buried.extra.as_ref().and_then(|extra| extra.history.as_ref());
            let cycles = history.expect("it was just buried").cycles();
            targets.retain(|target| {
                let slot = self.queues.get(*target).expect("routed to");
                slot.keeper.is_some() || !cycles.contains(slot.spec.name.as_bytes())
            });
        }
        #[cfg(warrener_planted)]
        targets.retain(|_| !planted(Bug::LoseDeadLetter));
        (!targets.is_empty()).then_some((buried, targets))
    }

    /// Writes down that a message went from one queue into others; answers where, when it did.
    pub(crate) fn record_dead_letter(
        &mut self,
        now: Time,
        admission: &Admission,
        from: Option<(MessageId, Place)>,
        out: &mut Vec<Effect>,
    ) -> Option<Place> {
        if !admission.is_durable() {
            return None;
        }
        let published = self.published(now, admission);
        let content = self.messages.whole(admission.message()).new.content.clone();
        let fact = match from {
            Some((_, from)) => Fact::DeadLettered { from, published },
            None => Fact::Published(published),
        };
        let after = After::Everything;
        let record = self.append_after(&fact, after, smallvec![content], false, out);
        self.set_durable(admission, MessageAt { record, part: 0 });
        let (message, from) = from?;
        let settled = alloc::vec![(Some(message), from)];
        self.compounds.insert(record, Compound { left: 1, settled });
        Some(from)
    }

    /// Where a message lies on disk as one of this queue's, if it does.
    pub(crate) fn place(&self, queue: QueueId, message: MessageId) -> Option<Place> {
        let slot = self.queue(queue);
        let message = self.messages.get(message);
        let durable = message.durable()?;
        let queue = slot.record.filter(|_| slot.keeps(message.persistent))?;
        Some(Place { queue, message: durable.at })
    }

    /// A queue holds a message no more. `told` says that a record tells so already.
    #[inline]
    pub(crate) fn let_go(
        &mut self,
        queue: QueueId,
        id: MessageId,
        told: Option<Place>,
        out: &mut Vec<Effect>,
    ) {
        let message = self.messages.get_mut(id);
        let loading = if message.is_coming() { message.on_disk() } else { None };
        message.holders -= 1;
        let last = message.holders == 0;
        if let Some(durable) = message.durable() {
            self.let_go_durable(queue, (id, durable), told, out);
        }
        if last {
            self.forget_message(id, loading, out);
        }
    }

    /// The same of a message that is on disk, which may be because of other queues.
    fn let_go_durable(
        &mut self,
        queue: QueueId,
        (id, durable): (MessageId, Durable),
        told: Option<Place>,
        out: &mut Vec<Effect>,
    ) {
        let slot = self.queue(queue);
        let record = slot.record;
        let kept = slot.spec.durable && slot.keeps(self.messages.get(id).persistent);
        if !kept {
            return;
        }
        let message = self.messages.get_mut(id);
        let last = message.holders == 0;
        let (at, holders) = (durable.at, durable.holders - 1);
        // The record may be all that there is of a message that another queue holds.
        let is_needed = !last && message.on_disk() == Some((at.record, at.part));
        let is_needed = is_needed && !message.is_here();
        message.set_durable((holders > 0).then_some(Durable { at, holders }));
        // A record that goes with this takes what it says along; one that stays would bring the message back.
        let shared = self.compounds.get(&at.record).is_some_and(|record| record.left > 1);
        let stays = holders > 0 || is_needed || shared;
        #[cfg(warrener_planted)]
        let stays = stays && !planted(Bug::ForgetSettlement);
        if let Some(queue) = record.filter(|_| stays && told.is_none()) {
            let settled = Fact::Settled(Place { queue, message: at });
            self.append(&settled, SmallVec::new(), false, out);
        }
        if holders == 0 && !is_needed {
            self.release_message(at, out);
        }
        if holders == 0 && is_needed {
            self.messages.get_mut(id).set_spilled(at.record);
        }
    }

    /// A message is nowhere any more.
    #[inline]
    fn forget_message(
        &mut self,
        id: MessageId,
        loading: Option<(RecordId, u32)>,
        out: &mut Vec<Effect>,
    ) {
        if let Some((record, _)) = loading {
            self.forget_load(id, record);
        }
        let spilled = self.messages.get(id).spilled();
        self.messages.remove(id);
        if let Some(record) = spilled {
            self.release_message(MessageAt { record, part: 0 }, out);
        }
    }

    /// Removes every message that is ready, and says how many. Those of a long queue leave in slices.
    pub(crate) fn purge_ready(&mut self, now: Time, id: QueueId, out: &mut Vec<Effect>) -> u32 {
        let slot = self.queues.get_mut(id).expect("the id of a queue that is there");
        let count = slot.queue.purge(now, &mut self.answers);
        self.collect(id);
        self.work_on(now, id, out);
        self.absorb(now, out);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Removes every message of a queue that has lost its name. Those of a long queue leave in slices, and the queue
    /// with the last of them.
    pub(crate) fn empty_deleted(&mut self, now: Time, id: QueueId, out: &mut Vec<Effect>) {
        let slot = self.queues.get_mut(id).expect("the id of a queue that is there");
        slot.deleted = true;
        slot.queue.delete(now, &mut self.answers);
        self.collect(id);
        self.work_on(now, id, out);
    }

    /// One slice of what a queue has begun or is due to do.
    pub(crate) fn work_on(&mut self, now: Time, id: QueueId, out: &mut Vec<Effect>) {
        let bound = self.limits.work_per_turn.min(STEPS_IN_A_ROW);
        let bound = self.effort.left(out.len()).min(bound);
        let mut budget = bound;
        let Some(slot) = self.queues.get_mut(id) else { return };
        let progress = slot.queue.work_within(now, &mut budget, &mut self.answers);
        let deleted = slot.deleted;
        self.effort.visit(1 + (bound - budget) as usize);
        self.collect(id);
        self.wake(id);
        self.reschedule(id);
        if deleted && progress == Progress::Done {
            self.happened.push_back((id, Happened::Emptied));
            self.absorb(now, out);
        }
    }

    /// Drops a deleted queue that has nothing left to do.
    pub(crate) fn dismiss_if_done(&mut self, id: QueueId) {
        let Some(slot) = self.queues.get(id) else { return };
        if !slot.emptied || !slot.leaving.is_empty() || slot.fans_out || slot.is_ending {
            return;
        }
        let slot = self.queues.remove(id).expect("it was just there");
        self.messages.remove_shelf(slot.shelf);
        self.held_elsewhere_bytes -= slot.spec.held_bytes();
        if let Some(due) = slot.scheduled {
            self.timers.remove(&(due, id));
        }
    }
}
