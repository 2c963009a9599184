//! basic.publish: the checks, in RabbitMQ's order, and what the publisher is told.

use alloc::vec::Vec;

use smallvec::{SmallVec, smallvec};
use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Content, Method, PropertiesRef, ShortStr};
use warrener_time::Time;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::address::Address;
use crate::amqp091::Amqp;
use crate::amqp091::channel::Mode;
use crate::amqp091::confirm::Confirmed;
use crate::amqp091::parked::{Parked, Stall};
use crate::amqp091::sender_selected::{sender_selected, without_bcc};
use crate::broker::Broker;
use crate::config::ROUTE_STEPS;
use crate::dead_letter::parse_expiration;
use crate::effect::{Confirm, Effect};
use crate::fan_out::AT_ONCE;
use crate::id::{ChannelKey, ConnectionId, QueueId, RecordId, VhostId};
use crate::message::{NewMessage, Traits};
use crate::publish::{Exchange, Publication, TooManySteps};
use crate::refusal::{Reason, Resource, shown};
use crate::sync::Sync;

/// basic.publish, as refusals name it.
const PUBLISH: (u16, u16) = (60, 40);

/// A publish of a transaction, which passed every check.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) new: NewMessage,
    pub(crate) targets: Vec<QueueId>,
    pub(crate) reached: bool,
    pub(crate) repliers: Repliers,
    pub(crate) mandatory: bool,
}

/// Channels that take a message as a direct reply.
type Repliers = SmallVec<[ChannelKey; 1]>;

/// Where a message goes.
struct Routed<'a> {
    repliers: Repliers,
    targets: &'a [QueueId],
    /// Whether anybody gets it, besides exchanges that remember it.
    reached: bool,
    mandatory: bool,
}

impl Broker {
    #[inline]
    pub(crate) fn publish(
        &mut self,
        now: Time,
        connection: ConnectionId,
        number: ChannelId,
        publish: basic::Publish,
        content: Content,
        out: &mut Vec<Effect>,
    ) {
        let Some(key) = self.amqp.open_channel(connection, number) else { return };
        if self.amqp.channel(key).is_stalled() {
            return self.park(key, Parked::Publish(publish, content), out);
        }
        if self.must_wait(key, out) {
            return self.stall(key, Stall::Alarm, Parked::Publish(publish, content));
        }
        if self.waits_its_turn(key) {
            return self.stall(key, Stall::Turn, Parked::Publish(publish, content));
        }
        self.publish_or_refuse(now, key, publish, content, out);
    }

    /// Publishes on a channel that can go on.
    #[inline]
    pub(crate) fn publish_or_refuse(
        &mut self,
        now: Time,
        key: ChannelKey,
        publish: basic::Publish,
        content: Content,
        out: &mut Vec<Effect>,
    ) {
        if let Err(reason) = self.publish_on(now, key, publish, content, out) {
            self.refuse(now, key, &reason, PUBLISH, out);
        }
    }

    /// A message whose body is larger than the host takes.
    pub(crate) fn oversized(
        &mut self,
        now: Time,
        connection: ConnectionId,
        number: ChannelId,
        size: u64,
        out: &mut Vec<Effect>,
    ) {
        let Some(key) = self.amqp.open_channel(connection, number) else { return };
        if self.amqp.channel(key).is_stalled() {
            return self.park(key, Parked::Oversized(size), out);
        }
        self.refuse_oversized(now, key, size, out);
    }

    pub(crate) fn refuse_oversized(
        &mut self,
        now: Time,
        key: ChannelKey,
        size: u64,
        out: &mut Vec<Effect>,
    ) {
        let reason = Reason::TooLarge { size, max: self.realm.limits.message_bytes };
        self.refuse(now, key, &reason, PUBLISH, out);
    }

    fn publish_on(
        &mut self,
        now: Time,
        key: ChannelKey,
        publish: basic::Publish,
        content: Content,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let mandatory = publish.mandatory();
        let (vhost, exchange) = self.check_exchange(key, &publish, content.body.len() as u64)?;
        let address = Address::within(publish.into_bytes(), EXCHANGE_AT);
        // It is taken from here to where it is kept, and not moved from step to step.
        let mut made =
            Some(NewMessage { address, content, extra: None, traits: Traits::default() });
        let new = made.as_mut().expect("it was just made");
        if new.content.properties.as_bytes() == NO_PROPERTIES {
            self.check_topics(key, exchange, &new.address, None)?;
        } else {
            self.check_properties(key, exchange, new)?;
        }
        self.realm.stats.published += 1;
        self.realm.stats.sizes.add(new.content.body.len() as u64);
        let mut targets = core::mem::take(&mut self.realm.targets);
        targets.clear();
        let reached = match self.realm.route(vhost, exchange, new, &mut targets) {
            Ok(reached) => reached,
            Err(TooManySteps) => {
                self.realm.targets = targets;
                let vhost = self.realm.vhosts[vhost].name().as_bytes();
                let to = Resource::exchange(new.address.exchange().as_bytes(), vhost);
                return Err(Reason::TooManySteps(to, ROUTE_STEPS));
            }
        };
        #[cfg(warrener_planted)]
        if planted(Bug::LoseLastTarget) && targets.len() > 1 {
            targets.pop();
        }
        self.count_publish(key, vhost, exchange, targets.len());
        let repliers = self.repliers(vhost, exchange, new);
        if self.realm.reports.is_tracing {
            self.trace_publish((key, vhost), new, &targets, &repliers);
        }
        let comes_back = mandatory && !reached && repliers.is_empty();
        let routed = Routed { repliers, targets: &targets, reached, mandatory };
        let done = match comes_back.then(|| self.check_return(key, new)) {
            // An address that it carries may have made it longer than its sender can take.
            Some(Err(too_large)) => Err(too_large),
            Some(Ok(())) | None => self.publish_routed(now, key, &mut made, routed, out),
        };
        self.realm.targets = targets;
        done
    }

    fn count_publish(&mut self, key: ChannelKey, vhost: VhostId, to: Exchange, targets: usize) {
        self.amqp.channel_mut(key).traffic.messages.published += 1;
        let place = &mut self.realm.vhosts[vhost];
        let passage = match to {
            Exchange::Default => Some(&mut place.default_passage),
            Exchange::Named(id) => place.exchange_at_mut(id).map(|exchange| &mut exchange.passage),
        };
        if let Some(passage) = passage {
            passage.published += 1;
            passage.routed += targets as u64;
        }
    }

    /// Does with a message what the channel's mode says: now, with a confirm, or when it commits.
    #[inline(always)]
    fn publish_routed(
        &mut self,
        now: Time,
        key: ChannelKey,
        made: &mut Option<NewMessage>,
        routed: Routed<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        match &mut self.amqp.channel_mut(key).mode {
            Mode::Plain => {
                self.enqueue(now, key, made, &routed, (None, false), out);
            }
            Mode::Confirming(confirms) => {
                let tag = confirms.count();
                self.realm.stats.published_for_confirm += 1;
                let awaited = self.amqp.channel(key).sync == Sync::Always;
                let done = self.enqueue(now, key, made, &routed, (Some(tag), awaited), out);
                if let Some((rejected, record)) = done {
                    self.confirm(key, tag, rejected, record, out);
                }
            }
            Mode::Transactional(transaction) => {
                let targets = routed.targets.to_vec();
                let Routed { repliers, reached, mandatory, .. } = routed;
                let new = made.take().expect(IS_MADE);
                let checked = Checked { new, targets, reached, repliers, mandatory };
                let before = transaction.bytes();
                let kept = transaction.publish(checked, &self.realm.limits);
                // Too large or not, it is there until the channel is cleared.
                let after = transaction.bytes();
                let counted = self.count_transaction(key, before, after);
                return kept.and(counted);
            }
        }
        Ok(())
    }

    /// Where a message goes, if its sender may send it there.
    #[inline(always)]
    fn check_exchange(
        &mut self,
        key: ChannelKey,
        publish: &basic::Publish,
        size: u64,
    ) -> Result<(VhostId, Exchange), Reason> {
        if publish.immediate() {
            return Err(Reason::Immediate);
        }
        let max = self.realm.limits.message_bytes;
        if size > max {
            return Err(Reason::TooLarge { size, max });
        }
        let name = publish.exchange();
        let name = name.as_bytes();
        let vhost = self.amqp.caller(key).vhost;
        if name.is_empty() {
            self.check_write(key, name, Some(Exchange::Default))?;
            return Ok((vhost, Exchange::Default));
        }
        let found = self.realm.vhosts[vhost].exchange(name);
        let found = found.map(|(id, exchange)| (Exchange::Named(id), exchange.spec.internal));
        self.check_write(key, name, found.map(|(exchange, _)| exchange))?;
        let resource = || Resource::exchange(name, self.realm.vhosts[vhost].name().as_bytes());
        match found {
            None => Err(Reason::NotFound(resource())),
            Some((_, true)) => Err(Reason::InternalExchange(resource())),
            Some((exchange, false)) => Ok((vhost, exchange)),
        }
    }

    /// Checks what a message says about itself, and changes what must not be seen of it.
    fn check_properties(
        &self,
        key: ChannelKey,
        exchange: Exchange,
        new: &mut NewMessage,
    ) -> Result<(), Reason> {
        let properties = new.content.properties.read().unwrap_or_default();
        let reply_to = self.reply_address(key, &properties)?;
        check_expiration(&properties)?;
        let (extra, has_bcc) = sender_selected(&properties)?;
        self.check_topics(key, exchange, &new.address, extra.as_deref())?;
        self.check_user_id(key, &properties)?;
        new.traits = Traits::of(&properties);
        let changed = if has_bcc || reply_to.is_some() {
            let kept = without_bcc(properties.headers.unwrap_or_default());
            let headers = properties.headers.map(|_| kept.as_table_ref());
            let reply_to = reply_to.map(ShortStr::as_short_ref).or(properties.reply_to);
            Some(PropertiesRef { headers, reply_to, ..properties }.to_owned())
        } else {
            None
        };
        if let Some(changed) = changed {
            new.content.properties = changed;
        }
        new.extra = extra;
        Ok(())
    }

    /// The channels that take a message as a direct reply.
    #[inline]
    fn repliers(&self, vhost: VhostId, exchange: Exchange, new: &NewMessage) -> Repliers {
        if exchange != Exchange::Default {
            return Repliers::new();
        }
        if new.extra.is_none() {
            let key = new.address.routing_key();
            let replier = self.replier(vhost, key.as_bytes());
            return replier.map_or_else(Repliers::new, |replier| smallvec![replier]);
        }
        let mut repliers = Repliers::new();
        for own in new.keys().filter_map(|key| self.replier(vhost, key.as_bytes())) {
            if !repliers.contains(&own) {
                repliers.push(own);
            }
        }
        repliers
    }

    /// Sends back what nobody takes, and puts the rest into queues; whether one refused, and what must be on disk first.
    /// `None` when that takes several turns.
    #[inline(always)]
    fn enqueue(
        &mut self,
        now: Time,
        key: ChannelKey,
        made: &mut Option<NewMessage>,
        routed: &Routed<'_>,
        (tag, awaited): (Option<u64>, bool),
        out: &mut Vec<Effect>,
    ) -> Option<(bool, Option<RecordId>)> {
        if routed.targets.is_empty() {
            let new = made.take().expect(IS_MADE);
            self.without_queues(now, key, new, &routed.repliers, routed.mandatory, out);
            return Some((false, None));
        }
        if self.refuses_messages {
            return Some((true, None));
        }
        if !routed.reached {
            let new = made.as_ref().expect(IS_MADE).clone();
            self.without_queues(now, key, new, &[], routed.mandatory, out);
        }
        if !routed.repliers.is_empty() {
            self.hand_to_repliers(now, &routed.repliers, made.as_ref().expect(IS_MADE), out);
        }
        if routed.targets.len() > AT_ONCE {
            let new = made.take().expect(IS_MADE);
            self.fan_out(key, tag, new, routed.targets, awaited, out);
            return None;
        }
        let new = made.as_ref().expect(IS_MADE);
        if let [queue] = *routed.targets {
            if let Some(passage) = self.realm.pass_through(now, queue, new, out.len()) {
                let new = made.take().expect(IS_MADE);
                self.hand_through(queue, passage, new, out);
                return Some((false, None));
            }
            if self.hand_into(now, queue, made, out).is_some() {
                return Some((false, None));
            }
        }
        let new = made.as_ref().expect(IS_MADE);
        let left = self.pass_through_some(now, new, routed.targets, out);
        let targets = left.as_deref().unwrap_or(routed.targets);
        if targets.is_empty() {
            return Some((false, None));
        }
        let taken = self.realm.publish(now, Publication { new: made, targets, awaited }, out);
        if let Some(message) = taken.message {
            if self.realm.reports.is_watching {
                self.realm.latencies.enqueue(now, message);
            }
            // What is not gone then is copied out of the buffer that it was read into.
            self.deliver(now, out);
            self.realm.settle_down(now, message, taken.first);
            if self.realm.is_strained && self.realm.waits(message) {
                self.block_for_growth(key, out);
            }
        }
        Some((taken.rejected, taken.record))
    }

    /// Tells a publisher what became of a message, now or when the disk has it.
    pub(crate) fn confirm(
        &mut self,
        key: ChannelKey,
        tag: u64,
        rejected: bool,
        record: Option<RecordId>,
        out: &mut Vec<Effect>,
    ) {
        #[cfg(warrener_planted)]
        if planted(Bug::ForgetConfirm) && record.is_none() && !rejected && tag.is_multiple_of(8) {
            return;
        }
        #[cfg(warrener_planted)]
        let record = record.filter(|_| !planted(Bug::ConfirmBeforeSync));
        #[cfg(warrener_planted)]
        let rejected = rejected && !planted(Bug::ConfirmRefused);
        let Amqp { channels, disk, .. } = &mut self.amqp;
        let channel = channels.get_mut(key).expect("the key of a channel that is there");
        let Mode::Confirming(confirms) = &mut channel.mode else { return };
        match record {
            Some(record) if !rejected && !disk.has(record, channel.sync) => {
                confirms.wait(tag, record);
                if self.realm.reports.is_watching {
                    self.realm.latencies.publish(self.now, key, tag);
                }
                self.amqp.await_disk(key);
            }
            _ => {
                channel.traffic.confirmed += 1;
                self.realm.stats.confirmed += 1;
                let may_merge = confirms.none_waits() && !rejected;
                self.send_confirm(key, tag, false, !rejected, may_merge, out);
            }
        }
    }

    /// What the disk now has is confirmed, as far as the turn allows; whether that was all.
    pub(crate) fn confirm_persisted(&mut self, key: ChannelKey, out: &mut Vec<Effect>) -> bool {
        let bound = self.realm.effort.left(out.len()) as usize;
        let mut is_done = true;
        let mut confirmed = core::mem::take(&mut self.amqp.confirmed);
        let Amqp { channels, disk, .. } = &mut self.amqp;
        let channel = channels.get_mut(key).expect("the key of a channel that is there");
        if let Mode::Confirming(confirms) = &mut channel.mode {
            let before = confirms.waiting();
            is_done = confirms.persisted(disk, channel.sync, bound, &mut confirmed);
            let count = before - confirms.waiting();
            self.realm.effort.visit(count);
            channel.traffic.confirmed += count as u64;
            self.realm.stats.confirmed += count as u64;
        }
        for Confirmed { tag, multiple } in confirmed.drain(..) {
            if self.realm.reports.is_watching {
                self.realm.latencies.confirm(self.now, key, (tag, multiple));
            }
            self.send_confirm(key, tag, multiple, true, false, out);
        }
        self.amqp.confirmed = confirmed;
        is_done
    }

    fn send_confirm(
        &mut self,
        key: ChannelKey,
        delivery_tag: u64,
        multiple: bool,
        accepted: bool,
        may_merge: bool,
        out: &mut Vec<Effect>,
    ) {
        let channel = self.amqp.channel(key);
        let (connection, channel) = (channel.connection, channel.number);
        if may_merge
            && let Some(Effect::Confirm(last)) = out.last_mut()
            && (last.connection, last.channel, last.accepted) == (connection, channel, true)
            && last.delivery_tag + 1 == delivery_tag
        {
            (last.delivery_tag, last.multiple) = (delivery_tag, true);
            return;
        }
        let confirm = Confirm { connection, channel, delivery_tag, multiple, accepted };
        self.emit(key, Effect::Confirm(confirm), out);
    }

    /// confirm.select (RabbitMQ extension).
    pub(crate) fn confirm_select(
        &mut self,
        key: ChannelKey,
        no_wait: bool,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let channel = self.amqp.channel_mut(key);
        match channel.mode {
            Mode::Transactional(_) => return Err(Reason::TxToConfirm),
            Mode::Confirming(_) => {}
            Mode::Plain => channel.mode = Mode::Confirming(Default::default()),
        }
        self.reply(key, Method::ConfirmSelectOk, no_wait, None, out);
        Ok(())
    }
}

const IS_MADE: &str = "a message goes one way";

/// Where the exchange's length lies in the arguments of basic.publish: behind the ticket.
const EXCHANGE_AT: u16 = 2;

/// Properties that say nothing, in wire form.
const NO_PROPERTIES: &[u8] = &[0, 0];

fn check_expiration(properties: &PropertiesRef<'_>) -> Result<(), Reason> {
    let Some(text) = properties.expiration else { return Ok(()) };
    match parse_expiration(text) {
        Ok(_) => Ok(()),
        Err(explanation) => Err(Reason::InvalidExpiration {
            text: shown(text.as_bytes()),
            explanation: explanation.into_boxed_str(),
        }),
    }
}
