//! The queue itself: its verbs, each of which is told in full in the file that it leads to.

use crate::config::{Config, Consume};
use crate::consumers::Consumers;
use crate::effect::{
    ConsumeError, ConsumerId, Counts, Delivery, Effect, Outcome, Passage, Progress, Refusal,
    Rejected, Timer, Whose, Why,
};
use crate::entry::{Entry, Extras, Rare, Restored, Seq};
use crate::limits::BY_THE_WAY;
use crate::look::Look;
use crate::ready::Lines;
use crate::times::Times;
use crate::unacked::{HolderKind, Unacked};
use crate::work::{Pending, Returning};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use warrener_time::Time;

/// One queue: entries that wait, entries that are held by consumers, and those consumers.
///
/// Every method takes the present as `now`, which must never decrease, and appends what it leads to to `out`. No call
/// works or answers without bound: deliveries are pulled one at a time, and what may take long is done in slices by
/// [`Queue::work`]. A host does, after each call that may have changed something:
///
/// 1. [`Queue::poll_delivery`] until it has nothing more;
/// 2. [`Queue::work`] when [`Queue::poll_timeout`] asks for it, then or later.
#[derive(Clone, Debug)]
pub struct Queue<M> {
    pub(crate) config: Config,
    /// The greatest number given, to an entry or to a place in line.
    pub(crate) last_number: u64,
    pub(crate) ready: Lines<M>,
    pub(crate) delayed: Lines<M>,
    pub(crate) retrying: Lines<M>,
    pub(crate) extras: Extras,
    pub(crate) unacked: Unacked<M>,
    pub(crate) consumers: Consumers,
    pub(crate) times: Times,
    pub(crate) pending: VecDeque<Pending<M>>,
    pub(crate) returning: Returning,
    /// A limit is to be looked after as soon as no consumer can be served.
    pub(crate) overflowing: bool,
    /// Entries are being dropped because of a limit, in slices.
    pub(crate) shedding: bool,
    /// The host cannot hand out what is next, for now.
    pub(crate) stuck: bool,
    /// Never later than when the next entry expires by the queue's time to live.
    pub(crate) lines_due: Time,
    pub(crate) last_used: Time,
    /// [`Effect::Expired`] was said for the present stretch without use.
    pub(crate) said_expired: bool,
    pub(crate) deleted: bool,
}

impl<M: Clone> Queue<M> {
    /// An empty queue, used at `now`.
    #[must_use]
    pub fn new(now: Time, config: Config) -> Self {
        Self {
            config,
            last_number: 0,
            ready: Lines::new(),
            delayed: Lines::new(),
            retrying: Lines::new(),
            extras: Extras::new(),
            unacked: Unacked::new(),
            consumers: Consumers::new(config.single_active),
            times: Times::new(),
            pending: VecDeque::new(),
            returning: Returning::default(),
            overflowing: false,
            shedding: false,
            stuck: false,
            lines_due: Time::MAX,
            last_used: now,
            said_expired: false,
            deleted: false,
        }
    }

    /// How it was told to behave.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Behaves differently from now on, towards what is there as well: a time to live counts from when an entry was
    /// published, and a lower limit makes entries leave, in slices.
    pub fn reconfigure(&mut self, now: Time, config: Config, out: &mut Vec<Effect<M>>) {
        self.catch_up(now, out);
        let mode = self.config.single_active;
        self.config = config;
        self.lines_due = Time::ZERO;
        if config.single_active != mode {
            self.consumers.set_mode(config.single_active);
            self.choose_active(out);
        }
        self.overflowing = true;
        self.catch_up(now, out);
        self.look_after_limits(now, out);
    }

    /// Puts a message in line, or says why not.
    ///
    /// # Errors
    ///
    /// The message comes back when a limit is reached and [`Config::overflow`] says to refuse then, and when the queue
    /// is deleted.
    pub fn publish(
        &mut self,
        now: Time,
        entry: Entry<M>,
        rare: Rare,
        out: &mut Vec<Effect<M>>,
    ) -> Result<Seq, Rejected<M>> {
        self.catch_up(now, out);
        match self.refusal(&entry) {
            Some(why) => Err(Rejected { entry, why }),
            None => Ok(self.take_in(now, entry, rare, out)),
        }
    }

    /// Publishes a message and hands it out in one step, where [`publish`](Self::publish) and
    /// [`poll_delivery`](Self::poll_delivery) would do just that in this instant: nothing stands before it or is left to be
    /// done, and whoever is next need not settle it ([`Consume::settled`]). It may expire or have any priority, but must not
    /// be delayed. The queue never keeps it, so it has no handle, and the answer stands for [`Effect::Gone`] as well.
    ///
    /// `None` has changed nothing: the message is to be published.
    pub fn pass_through(&mut self, now: Time) -> Option<Passage> {
        self.hand_through(now)
    }

    /// The same where whoever is next must settle it: the queue keeps it as handed out, and it counts as handed out once.
    /// It has no time to live of its own. `entry` is asked for it only if it passes.
    #[inline(always)]
    pub fn pass_into_hands(
        &mut self,
        now: Time,
        entry: impl FnOnce() -> Entry<M>,
    ) -> Option<Passage> {
        self.hand_into(now, entry)
    }

    /// Puts a message in line whatever the limits say: for a host that has asked before whether there is room, and let
    /// others in meanwhile. What is too much is dropped at the head where [`Config::overflow`] says so.
    ///
    /// # Errors
    ///
    /// The message comes back when the queue is deleted.
    pub fn publish_promised(
        &mut self,
        now: Time,
        entry: Entry<M>,
        rare: Rare,
        out: &mut Vec<Effect<M>>,
    ) -> Result<Seq, Rejected<M>> {
        self.catch_up(now, out);
        if self.deleted {
            return Err(Rejected { entry, why: Refusal::Deleted });
        }
        Ok(self.take_in(now, entry, rare, out))
    }

    /// Puts an entry back that the host made durable: with its number, in its place, whatever the limits say. For a
    /// queue that is rebuilt, before anything else is done with it. What is too much then leaves with the next
    /// [`Queue::work`], before anything is handed out.
    ///
    /// Times of publishing are made to follow the order of the numbers where they do not. One that was delayed waits for
    /// its time again; if that is past, it takes the last place with whatever is done next. An entry that has failed more
    /// often than [`Config::delivery_limit`] lets it stay is not in line again: it leaves with the next
    /// [`Queue::work`], or is held at once.
    ///
    /// # Panics
    ///
    /// When an entry of this number is there.
    pub fn restore(&mut self, now: Time, entry: Entry<M>, restored: Restored) {
        self.put_in(now, entry, restored);
        self.shedding |= self.is_over_limit();
    }

    /// Gives no number up to and including `seq` to what is published from now on: for a queue that is rebuilt, whose
    /// last entries are gone already.
    pub fn continue_after(&mut self, seq: Seq) {
        self.last_number = self.last_number.max(seq.number());
    }

    /// The greatest number given so far.
    #[must_use]
    pub const fn last_seq(&self) -> Seq {
        Seq::new(self.last_number)
    }

    /// Serves a consumer from now on.
    ///
    /// # Errors
    ///
    /// When one of the two would have to be alone, when the name is taken, and when the queue is deleted.
    pub fn consume(
        &mut self,
        now: Time,
        consumer: ConsumerId,
        how: Consume,
        out: &mut Vec<Effect<M>>,
    ) -> Result<(), ConsumeError> {
        if self.deleted {
            return Err(ConsumeError::Deleted);
        }
        self.consumers.admits(consumer, &how)?;
        self.catch_up(now, out);
        self.touch(now);
        let kind = HolderKind::Consumer { id: consumer, cancelled: false };
        let holder = self.unacked.add_holder(kind, how.delivery_timeout);
        self.consumers.add(consumer, how, holder);
        self.choose_active(out);
        Ok(())
    }

    /// Serves a consumer no more, and says whether it was there. What it holds it still holds.
    pub fn cancel(&mut self, now: Time, consumer: ConsumerId, out: &mut Vec<Effect<M>>) -> bool {
        let Some(key) = self.consumers.find(consumer) else { return false };
        self.catch_up(now, out);
        self.touch(now);
        let cancelled = self.consumers.remove(key);
        let holder = self.unacked.holder_mut(cancelled.holder);
        holder.kind = HolderKind::Consumer { id: consumer, cancelled: true };
        self.forget_if_done(cancelled.holder);
        self.choose_active(out);
        true
    }

    /// Says how many more entries a consumer may be handed from now on, whatever was said before. Each delivery takes
    /// one, settling gives none back: only the host knows what else shares a prefetch limit, and whether the other side
    /// still reads. A name that is not there is ignored.
    pub fn set_credit(&mut self, consumer: ConsumerId, credit: u32) {
        if let Some(key) = self.consumers.find(consumer) {
            self.consumers.set_credit(key, credit);
        }
    }

    /// Hands out the next entry to the consumer whose turn it is, if both are there.
    ///
    /// Also `None` while much work must come first, which [`Queue::poll_timeout`] then asks for. What a consumer
    /// that need not settle is handed is [`Effect::Gone`] at the same time.
    pub fn poll_delivery(&mut self, now: Time, out: &mut Vec<Effect<M>>) -> Option<Delivery<M>> {
        self.deliver_next(now, out)
    }

    /// After [`Queue::poll_delivery`] gave something: whether it has certainly nothing more in this instant, and nothing
    /// else to do. Nothing is ready or on its way back, and no limit is to be looked after.
    #[inline]
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.ready.is_empty() && self.returning.is_empty() && !self.overflowing && !self.shedding
    }

    /// Who would be handed which entry by [`Queue::poll_delivery`] in this instant: for a host that must do something
    /// about a message before it can be handed out. `None` does what [`Queue::poll_delivery`] does then; while very much
    /// is overdue it is said too early, and [`Queue::work`] makes up for it.
    pub fn next_delivery(
        &mut self,
        now: Time,
        out: &mut Vec<Effect<M>>,
    ) -> Option<(ConsumerId, Look<'_, M>)> {
        self.look_at_next(now, out)
    }

    /// The host cannot hand out what [`Queue::next_delivery`] said, and will ask again when it can. Until then consumers
    /// cannot be served, so that what waits for them counts towards the limits.
    pub fn put_off(&mut self, now: Time, out: &mut Vec<Effect<M>>) {
        self.stuck = true;
        self.overflowing = true;
        self.look_after_limits(now, out);
    }

    /// What [`Queue::get`] would hand out in this instant.
    pub fn first(&mut self, now: Time, out: &mut Vec<Effect<M>>) -> Option<Look<'_, M>> {
        self.look_at_first(now, out)
    }

    /// Hands out the next entry to whoever asks; `settled` as in [`Consume::settled`]. Uses the queue. While very much is
    /// overdue or on its way back, `None` may be said too early; [`Queue::work`] makes up for it.
    pub fn get(
        &mut self,
        now: Time,
        settled: bool,
        out: &mut Vec<Effect<M>>,
    ) -> Option<Delivery<M>> {
        self.touch(now);
        self.hand_over_next(now, settled, out)
    }

    /// Settles entries that were handed out or are held, and says how many that were. Numbers of which neither is true
    /// are ignored.
    pub fn settle(
        &mut self,
        now: Time,
        seqs: &[Seq],
        outcome: Outcome,
        out: &mut Vec<Effect<M>>,
    ) -> usize {
        self.catch_up(now, out);
        let mut settled = 0;
        for seq in seqs {
            if let Some(record) = self.unacked.remove(*seq) {
                self.settle_one(now, record, outcome, out);
                settled += 1;
            }
        }
        self.look_after_limits(now, out);
        settled
    }

    /// Settles everything that was handed out to someone, and says how much that was. The counts are right at once, the
    /// effects follow, a few at once and the rest from [`Queue::work`]; until what is requeued is back in line, nothing is handed out.
    pub fn settle_all(
        &mut self,
        now: Time,
        whose: Whose,
        outcome: Outcome,
        out: &mut Vec<Effect<M>>,
    ) -> u64 {
        self.catch_up(now, out);
        self.settle_holders(now, whose, outcome, out)
    }

    /// Removes everything ready, delayed or held, and says how much was ready. The counts are right at once, the effects
    /// follow, a few at once and the rest from [`Queue::work`]. What is handed out stays.
    pub fn purge(&mut self, now: Time, out: &mut Vec<Effect<M>>) -> u64 {
        self.catch_up(now, out);
        let ready = self.remove_waiting(Why::Purged);
        self.remove_held(Why::Purged);
        let _ = self.work_slice(now, &mut { BY_THE_WAY }, out);
        ready
    }

    /// Removes everything, consumers too, and takes nothing in any more; says how much was ready. The counts are right
    /// at once, the effects follow, a few at once and the rest from [`Queue::work`], after which the queue can be
    /// dropped.
    pub fn delete(&mut self, now: Time, out: &mut Vec<Effect<M>>) -> u64 {
        self.catch_up(now, out);
        let ready = self.remove_everything();
        let _ = self.work_slice(now, &mut { BY_THE_WAY }, out);
        ready
    }

    /// The queue was used at `now` (declared anew, for example), and does not expire for a while.
    pub const fn touch(&mut self, now: Time) {
        self.last_used = now;
        self.said_expired = false;
    }

    /// Does what is due and what was begun, in `budget` steps at most, each of which takes constant time. Late, early or
    /// repeated calls are harmless.
    pub fn work(&mut self, now: Time, budget: u32, out: &mut Vec<Effect<M>>) -> Progress {
        let mut budget = budget;
        self.work_within(now, &mut budget, out)
    }

    /// The same; what is left of `budget` afterwards was not needed.
    pub fn work_within(
        &mut self,
        now: Time,
        budget: &mut u32,
        out: &mut Vec<Effect<M>>,
    ) -> Progress {
        self.expire_if_unused(now, out);
        self.work_slice(now, budget, out)
    }

    /// Whether it said [`Effect::Expired`], and nobody has used it since.
    #[must_use]
    pub const fn has_expired(&self) -> bool {
        self.said_expired && !self.deleted
    }

    /// When [`Queue::work`] is to be called next, and why; [`Time::ZERO`] for at once.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Time, Timer)> {
        self.next_timeout()
    }

    /// How much is in it.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let held = self.unacked.holder(self.unacked.queue());
        let returning = &self.returning;
        Counts {
            ready: self.ready.len() + returning.ready.0,
            ready_bytes: self.ready.bytes() + returning.ready.1,
            delayed: self.delayed.len() + self.retrying.len() + returning.retrying.0,
            delayed_bytes: self.delayed.bytes() + self.retrying.bytes() + returning.retrying.1,
            unacked: self.unacked.len(),
            unacked_bytes: self.unacked.bytes(),
            held: held.len + returning.held.0,
            held_bytes: held.bytes + returning.held.1,
            consumers: self.consumers.len() as u64,
        }
    }

    /// Gives memory back that only past sizes explain, of a queue at rest: a piece of it, and says whether there is more.
    /// What stands among entries that are there stays. An emptied queue does most of this by itself.
    pub fn shrink(&mut self) -> Progress {
        self.ready.shrink();
        self.delayed.shrink();
        self.retrying.shrink();
        self.times.shrink();
        if self.extras.give_back_some() || self.unacked.give_back_some() {
            return Progress::More;
        }
        Progress::Done
    }

    /// Chooses the single active consumer anew, after something that may have changed it.
    pub(crate) fn choose_active(&mut self, out: &mut Vec<Effect<M>>) {
        let holds = self
            .consumers
            .active()
            .is_some_and(|active| self.unacked.holder(self.consumers.get(active).holder).len > 0);
        out.extend(self.consumers.choose(holds).map(Effect::Activated));
    }
}
