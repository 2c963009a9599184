//! basic.ack, basic.nack, basic.reject and basic.recover: what becomes of deliveries.

use alloc::vec::Vec;

use smallvec::SmallVec;
use warrener_codec::Method;
use warrener_codec::method::basic;
use warrener_queue::Seq;
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::amqp091::Amqp;
use crate::amqp091::channel::Mode;
use crate::amqp091::settling::{SETTLED_AT_ONCE, Settling};
use crate::amqp091::unacked::Delivered;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::ChannelKey;
use crate::refusal::Reason;
use crate::settle::Settlement;

impl Broker {
    #[inline]
    pub(crate) fn ack(
        &mut self,
        now: Time,
        key: ChannelKey,
        ack: basic::Ack,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        self.settle(now, key, (ack.delivery_tag, ack.multiple), Settlement::Accepted, out)
    }

    /// A requeued basic.nack does not count towards the delivery limit (RabbitMQ 4.3).
    pub(crate) fn nack(
        &mut self,
        now: Time,
        key: ChannelKey,
        nack: basic::Nack,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let settlement = if nack.requeue { Settlement::Returned } else { Settlement::Discarded };
        self.settle(now, key, (nack.delivery_tag, nack.multiple), settlement, out)
    }

    /// A requeued basic.reject counts towards the delivery limit (RabbitMQ 4.3).
    pub(crate) fn reject(
        &mut self,
        now: Time,
        key: ChannelKey,
        reject: basic::Reject,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let settlement = if reject.requeue { Settlement::Failed } else { Settlement::Rejected };
        self.settle(now, key, (reject.delivery_tag, false), settlement, out)
    }

    #[inline]
    fn settle(
        &mut self,
        now: Time,
        key: ChannelKey,
        (tag, multiple): (u64, bool),
        settlement: Settlement,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let channel = self.amqp.channel(key);
        if !multiple
            && settlement == Settlement::Accepted
            && !matches!(channel.mode, Mode::Transactional(_))
        {
            return self.accept_one(now, key, tag, out);
        }
        if multiple && channel.unacked.distance(tag) > SETTLED_AT_ONCE as usize {
            return self.settle_many(now, key, tag, settlement, out);
        }
        let mut taken = core::mem::take(&mut self.amqp.settling);
        let channel = self.amqp.channel_mut(key);
        let found = if multiple {
            channel.unacked.take_up_to(tag, &mut taken)
        } else {
            channel.unacked.take(tag).map(|delivered| taken.push(delivered))
        };
        #[cfg(warrener_planted)]
        if planted(Bug::AckOneTooFew) && multiple && taken.len() > 1 {
            taken.pop();
        }
        if found.is_none() {
            self.amqp.settling = taken;
            return Err(Reason::UnknownDeliveryTag(tag));
        }
        let settled = match &mut self.amqp.channel_mut(key).mode {
            Mode::Transactional(transaction) => {
                transaction.settle(&mut taken, settlement, &self.realm.limits)
            }
            Mode::Plain | Mode::Confirming(_) => {
                self.settle_now(now, key, &mut taken, settlement, out);
                Ok(())
            }
        };
        self.amqp.settling = taken;
        settled
    }

    /// What nearly every client does with nearly every message.
    #[inline]
    fn accept_one(
        &mut self,
        now: Time,
        key: ChannelKey,
        tag: u64,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let Amqp { channels, consumers, .. } = &mut self.amqp;
        let channel = channels.get_mut(key).expect("the key of a channel that is there");
        let Some(delivered) = channel.unacked.take(tag) else {
            return Err(Reason::UnknownDeliveryTag(tag));
        };
        self.realm.effort.visit(1);
        self.realm.stats.acknowledged += 1;
        channel.traffic.messages.acknowledged += 1;
        if let Some(link) = delivered.link {
            let was_full = channel.is_full();
            channel.shared_unacked -= 1;
            let mut is_limited = false;
            if let Some(consumer) = consumers.get_mut(link) {
                consumer.unacked -= 1;
                is_limited = consumer.prefetch > 0;
            }
            if was_full {
                self.refresh_channel(key);
            } else if is_limited {
                self.refresh_limited(&delivered);
            }
        }
        self.realm.accept(now, delivered.queue, delivered.seq, out);
        Ok(())
    }

    #[cold]
    fn settle_many(
        &mut self,
        now: Time,
        key: ChannelKey,
        tag: u64,
        settlement: Settlement,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let channel = self.amqp.channel(key);
        let upto = if tag == 0 { channel.unacked.last_tag() } else { Some(tag) };
        let Some(upto) = upto else { return Ok(()) };
        if tag != 0 && !channel.unacked.holds(tag) {
            return Err(Reason::UnknownDeliveryTag(tag));
        }
        if let Mode::Transactional(transaction) = &channel.mode {
            transaction.check_more(channel.unacked.distance(tag), &self.realm.limits)?;
        }
        let settling = Settling { upto, settlement, recovers: false };
        self.settle_in_slices(now, key, settling, out);
        Ok(())
    }

    /// Settles deliveries that the channel has forgotten, and lets their consumers have others.
    #[inline]
    pub(crate) fn settle_now(
        &mut self,
        now: Time,
        key: ChannelKey,
        taken: &mut Vec<Delivered>,
        settlement: Settlement,
        out: &mut Vec<Effect>,
    ) {
        self.realm.effort.visit(taken.len());
        if settlement == Settlement::Accepted {
            self.realm.stats.acknowledged += taken.len() as u64;
            self.amqp.channel_mut(key).traffic.messages.acknowledged += taken.len() as u64;
        }
        self.uncount(key, taken);
        self.settle_in_queues(now, taken, settlement, out);
    }

    /// Deliveries no longer count against the prefetch of their consumers and channel.
    pub(crate) fn uncount(&mut self, key: ChannelKey, taken: &[Delivered]) {
        let channel = self.amqp.channels.get_mut(key).expect("a channel that is there");
        let was_full = channel.is_full();
        for delivered in taken {
            let Some(link) = delivered.link else { continue };
            channel.shared_unacked -= 1;
            if let Some(consumer) = self.amqp.consumers.get_mut(link) {
                consumer.unacked -= 1;
            }
        }
        if was_full {
            return self.refresh_channel(key);
        }
        let mut last = None;
        for delivered in taken {
            if delivered.link != last {
                last = delivered.link;
                self.refresh_limited(delivered);
            }
        }
    }

    /// A consumer with a prefetch of its own may have another message.
    fn refresh_limited(&mut self, delivered: &Delivered) {
        let Some(link) = delivered.link else { return };
        #[cfg(warrener_planted)]
        if planted(Bug::ForgetCredit) {
            return;
        }
        if self.amqp.consumers.get(link).is_some_and(|consumer| consumer.prefetch > 0) {
            self.refresh_consumer(link);
        }
    }

    /// Settles deliveries queue by queue, and leaves `taken` empty.
    pub(crate) fn settle_in_queues(
        &mut self,
        now: Time,
        taken: &mut Vec<Delivered>,
        settlement: Settlement,
        out: &mut Vec<Effect>,
    ) {
        if let [only] = taken[..] {
            taken.clear();
            return self.realm.settle(now, only.queue, &[only.seq], settlement, out);
        }
        taken.sort_by_key(|delivered| delivered.queue);
        for batch in taken.chunk_by(|left, right| left.queue == right.queue) {
            let seqs: SmallVec<[Seq; 32]> = batch.iter().map(|delivered| delivered.seq).collect();
            self.realm.settle(now, batch[0].queue, &seqs, settlement, out);
        }
        taken.clear();
    }

    pub(crate) fn recover(
        &mut self,
        now: Time,
        key: ChannelKey,
        requeue: bool,
        wants_reply: bool,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        if !requeue {
            return Err(Reason::RecoverWithoutRequeue);
        }
        let channel = self.amqp.channel(key);
        if let Some(upto) = channel.unacked.last_tag()
            && channel.unacked.distance(0) > SETTLED_AT_ONCE as usize
        {
            let settlement = Settlement::Returned;
            let settling = Settling { upto, settlement, recovers: true };
            let owes = wants_reply.then_some(Method::BasicRecoverOk);
            self.amqp.channel_mut(key).slices.owes = owes;
            self.settle_in_slices(now, key, settling, out);
            return Ok(());
        }
        let mut taken = core::mem::take(&mut self.amqp.settling);
        let channel = self.amqp.channel_mut(key);
        channel.unacked.take_up_to(0, &mut taken).expect("tag 0 is always right");
        self.settle_now(now, key, &mut taken, Settlement::Returned, out);
        self.amqp.settling = taken;
        self.reply(key, Method::BasicRecoverOk, !wants_reply, None, out);
        Ok(())
    }
}
