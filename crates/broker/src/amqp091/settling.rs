//! Settlements of very many deliveries, and channels that end with very many: a slice in each turn, oldest first.
//!
//! Meanwhile the channel does nothing else, and a queue that gets messages back hands out nothing, so that nobody is
//! handed a later one before an earlier one is back in its place.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use warrener_codec::Method;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::amqp091::channel::Mode;
use crate::amqp091::parked::Stall;
use crate::amqp091::rollback::Undone;
use crate::amqp091::unacked::Delivered;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::{ChannelKey, QueueId};
use crate::job::Job;
use crate::realm::{Notice, Realm};
use crate::settle::Settlement;

/// A settlement that is not done yet.
#[derive(Debug)]
pub(crate) struct Settling {
    /// Up to this tag.
    pub(crate) upto: u64,
    pub(crate) settlement: Settlement,
    /// Whether it is done at once even in a transaction.
    pub(crate) recovers: bool,
}

/// What of a channel is settled in slices.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    /// What its client has asked for.
    pub(crate) settling: Option<Settling>,
    /// What a transaction said, and is not to be.
    pub(crate) undone: Undone,
    /// What the client is answered when all is done.
    pub(crate) owes: Option<Method>,
    /// Queues that hand out nothing till all that returns to them is back.
    pub(crate) returning: BTreeSet<QueueId>,
    /// The channel ends, and a job sees to that.
    pub(crate) is_clearing: bool,
}

impl Broker {
    /// Settles what is too much for one turn: some now, the rest in later turns, before anything else on the channel.
    #[cold]
    pub(crate) fn settle_in_slices(
        &mut self,
        now: Time,
        key: ChannelKey,
        settling: Settling,
        out: &mut Vec<Effect>,
    ) {
        let channel = self.amqp.channel_mut(key);
        channel.slices.settling = Some(settling);
        channel.stall = Some(Stall::Work);
        self.settle_slice(now, key, out);
        self.realm.jobs.push_back(Job::Settle(key));
    }

    /// Goes on with a settlement; whether there is more to do.
    pub(crate) fn go_on_settling(
        &mut self,
        now: Time,
        key: ChannelKey,
        out: &mut Vec<Effect>,
    ) -> bool {
        // One that ends takes care of itself.
        if self.amqp.channels.get(key).is_none_or(|own| own.closing) {
            return false;
        }
        if !self.roll_back_slice(key, out)
            || !self.settle_slice(now, key, out)
            || !self.give_turns_back(key, out)
        {
            return true;
        }
        if let Some(method) = self.amqp.channel_mut(key).slices.owes.take() {
            self.reply(key, method, false, None, out);
        }
        self.resume(now, key, out);
        false
    }

    /// Settles as much as the turn allows; whether that was all.
    pub(crate) fn settle_slice(
        &mut self,
        now: Time,
        key: ChannelKey,
        out: &mut Vec<Effect>,
    ) -> bool {
        loop {
            let channel = self.amqp.channel_mut(key);
            let Some(Settling { upto, settlement, recovers }) = channel.slices.settling else {
                return true;
            };
            let bound = self.realm.effort.left(out.len()).min(SETTLED_AT_ONCE) as usize;
            if bound == 0 {
                return false;
            }
            let mut taken = core::mem::take(&mut self.amqp.settling);
            let channel = self.amqp.channel_mut(key);
            if channel.unacked.take_some(upto, bound, &mut taken) {
                channel.slices.settling = None;
            }
            self.settle_taken(now, key, &mut taken, (settlement, recovers), out);
            self.amqp.settling = taken;
        }
    }

    fn settle_taken(
        &mut self,
        now: Time,
        key: ChannelKey,
        taken: &mut Vec<Delivered>,
        (settlement, recovers): (Settlement, bool),
        out: &mut Vec<Effect>,
    ) {
        self.realm.effort.visit(taken.len());
        let channel = self.amqp.channel_mut(key);
        let is_closing = channel.closing;
        if let (Mode::Transactional(transaction), false) =
            (&mut channel.mode, is_closing || recovers)
        {
            // Within the bound that was checked before.
            let _ = transaction.settle(taken, settlement, &self.realm.limits);
            return;
        }
        if settlement.is_return() {
            for delivered in &*taken {
                if channel.slices.returning.insert(delivered.queue) {
                    self.realm.take_turns_from(delivered.queue);
                }
            }
        }
        if is_closing {
            return self.settle_in_queues(now, taken, settlement, out);
        }
        self.settle_now(now, key, taken, settlement, out);
    }

    /// Queues to which all is back hand out again; whether that were all.
    fn give_turns_back(&mut self, key: ChannelKey, out: &[Effect]) -> bool {
        let channel = self.amqp.channels.get_mut(key).expect("the key of a channel that is there");
        while !self.realm.effort.is_spent(out.len()) {
            let Some(queue) = channel.slices.returning.pop_first() else { return true };
            self.realm.effort.visit(1);
            self.realm.give_turns_to(queue);
        }
        false
    }

    /// Ends some of what a channel has going: its consumers, and what it holds, which goes back to its queues. Whether
    /// that was all.
    pub(crate) fn clear_slice(
        &mut self,
        now: Time,
        key: ChannelKey,
        out: &mut Vec<Effect>,
    ) -> bool {
        if !self.detach_consumers(now, key, out)
            || !self.forget_publishes(key, out)
            || !self.settle_slice(now, key, out)
        {
            return false;
        }
        let channel = self.amqp.channel_mut(key);
        channel.shared_unacked = 0;
        if let Some(upto) = channel.unacked.last_tag() {
            let settlement = Settlement::Failed;
            #[cfg(warrener_planted)]
            let settlement =
                if planted(Bug::LoseUnacked) { Settlement::Accepted } else { settlement };
            channel.slices.settling = Some(Settling { upto, settlement, recovers: false });
            if !self.settle_slice(now, key, out) {
                return false;
            }
        }
        loop {
            let bound = self.realm.effort.left(out.len()).min(SETTLED_AT_ONCE) as usize;
            let undone = &mut self.amqp.channel_mut(key).slices.undone.settled;
            if undone.is_empty() {
                break;
            }
            if bound == 0 {
                return false;
            }
            let mut taken = undone.split_off(undone.len().saturating_sub(bound));
            self.settle_taken(now, key, &mut taken, (Settlement::Failed, false), out);
        }
        self.give_turns_back(key, out)
    }

    /// Goes on with the end of a channel; whether there is more to do.
    pub(crate) fn go_on_clearing(
        &mut self,
        now: Time,
        key: ChannelKey,
        out: &mut Vec<Effect>,
    ) -> bool {
        if self.amqp.channels.get(key).is_none() {
            return false;
        }
        if !self.clear_slice(now, key, out) {
            return true;
        }
        let channel = self.amqp.channel_mut(key);
        channel.slices.is_clearing = false;
        if channel.is_leaving {
            self.leave_channel(now, key, out);
        } else if let Some(last_word) = channel.last_word.take() {
            self.emit(key, last_word, out);
        }
        false
    }
}

impl Realm {
    /// Messages return to a queue in slices: it hands out nothing till they are back.
    fn take_turns_from(&mut self, queue: QueueId) {
        if let Some(slot) = self.queues.get_mut(queue) {
            slot.returning += 1;
        }
    }

    fn give_turns_to(&mut self, queue: QueueId) {
        let Some(slot) = self.queues.get_mut(queue) else { return };
        slot.returning -= 1;
        if slot.returning == 0 {
            self.wake(queue);
            self.notices.push_back(Notice::Here(queue, None));
        }
    }
}

/// How many deliveries are settled before the turn is asked whether it has done enough.
pub(crate) const SETTLED_AT_ONCE: u32 = 512;
