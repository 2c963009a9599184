//! One channel: what its client was given, what it was promised, and how it is spoken to.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};

use warrener_codec::{ChannelId, Method, ShortStr};

use crate::amqp091::client::Client;
use crate::amqp091::confirm::Confirms;
use crate::amqp091::consume::Consumer;
use crate::amqp091::grants::Grants;
use crate::amqp091::parked::{Parked, Stall};
use crate::amqp091::settling::Slices;
use crate::amqp091::transaction::Transaction;
use crate::amqp091::unacked::{Delivered, Unacked};
use crate::effect::Effect;
use crate::id::{ClientKey, ConnectionId, LinkId, RecordId};
use crate::stats::ChannelTraffic;
use crate::sync::{Disk, Sync};

/// One channel.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) client: ClientKey,
    pub(crate) connection: ConnectionId,
    pub(crate) number: ChannelId,
    /// What its answers wait for.
    pub(crate) sync: Sync,
    /// The broker has asked to close it, and ignores what still comes.
    pub(crate) closing: bool,
    /// It is closed, and goes as soon as all that it had to say is said.
    pub(crate) is_leaving: bool,
    /// What is said then.
    pub(crate) last_word: Option<Effect>,
    /// Whether it stands in line for the disk.
    pub(crate) in_line: bool,
    /// Whether the client takes content at all (AMQP 0-9-1 §1.5.2.3: channel.flow).
    pub(crate) flowing: bool,
    /// How many deliveries each consumer that comes now may hold; 0 for any number.
    pub(crate) prefetch: u16,
    /// How many deliveries all consumers together may hold; 0 for any number.
    pub(crate) shared_prefetch: u16,
    /// How many they hold.
    pub(crate) shared_unacked: u32,
    pub(crate) consumers: BTreeMap<ShortStr, LinkId>,
    pub(crate) reply_consumer: Option<ReplyConsumer>,
    pub(crate) last_delivery_tag: u64,
    pub(crate) unacked: Unacked,
    /// What the empty queue name stands for.
    pub(crate) last_queue: Option<ShortStr>,
    pub(crate) mode: Mode,
    pub(crate) grants: Grants,
    /// What its client asked for meanwhile, in order.
    pub(crate) parked: VecDeque<Parked>,
    /// What that waits for.
    pub(crate) stall: Option<Stall>,
    /// What went through it.
    pub(crate) traffic: ChannelTraffic,
    /// What takes several turns.
    pub(crate) slices: Slices,
    outgoing: Held,
}

/// The consumer of direct replies (RabbitMQ extension).
#[derive(Debug)]
pub(crate) struct ReplyConsumer {
    pub(crate) tag: ShortStr,
    /// The queue's name that its requests carry.
    pub(crate) address: ShortStr,
}

/// What a channel promises its publisher.
#[derive(Debug)]
pub(crate) enum Mode {
    /// Nothing.
    Plain,
    /// A confirm for each publish (RabbitMQ extension).
    Confirming(Confirms),
    /// All or nothing (AMQP 0-9-1 §1.9).
    Transactional(Box<Transaction>),
}

/// What is said on the channel once the disk has it. Everything after a reply that waits waits too, because replies come
/// in the order of their requests.
#[derive(Debug, Default)]
struct Held {
    effects: VecDeque<(RecordId, Effect)>,
    gate: RecordId,
}

impl Channel {
    pub(crate) fn new(
        client: ClientKey,
        connection: ConnectionId,
        number: ChannelId,
        sync: Sync,
    ) -> Self {
        Self {
            client,
            connection,
            number,
            sync,
            closing: false,
            is_leaving: false,
            last_word: None,
            in_line: false,
            flowing: true,
            prefetch: 0,
            shared_prefetch: 0,
            shared_unacked: 0,
            consumers: BTreeMap::new(),
            reply_consumer: None,
            last_delivery_tag: 0,
            unacked: Unacked::default(),
            last_queue: None,
            mode: Mode::Plain,
            grants: Grants::default(),
            parked: VecDeque::new(),
            stall: None,
            traffic: ChannelTraffic::default(),
            slices: Slices::default(),
            outgoing: Held::default(),
        }
    }

    /// The tag of the next delivery.
    pub(crate) const fn next_delivery_tag(&mut self) -> u64 {
        self.last_delivery_tag += 1;
        self.last_delivery_tag
    }

    /// Whether all consumers together hold as much as they may.
    pub(crate) const fn is_full(&self) -> bool {
        self.shared_prefetch > 0 && self.shared_unacked >= self.shared_prefetch as u32
    }

    /// How many more deliveries a consumer of this channel may get.
    pub(crate) fn credit_of(&self, consumer: &Consumer, client: &Client) -> u32 {
        if self.closing || !self.flowing || client.congested {
            return 0;
        }
        if consumer.no_ack {
            return u32::MAX;
        }
        if self.is_full() {
            return 0;
        }
        match consumer.prefetch {
            0 => u32::MAX,
            prefetch => u32::from(prefetch).saturating_sub(consumer.unacked),
        }
    }

    /// Whether what its client asks for has to wait.
    #[inline]
    pub(crate) const fn is_stalled(&self) -> bool {
        self.stall.is_some()
    }

    /// Says nothing more before this record is on disk.
    pub(crate) fn hold_until(&mut self, record: RecordId) {
        self.outgoing.gate = self.outgoing.gate.max(record);
    }

    /// The method's effect on this channel.
    pub(crate) const fn sending(&self, method: Method) -> Effect {
        Effect::Send(self.connection, self.number, method)
    }

    /// Whether what is said now must wait.
    #[inline]
    pub(crate) fn is_held(&self, disk: &Disk) -> bool {
        !self.outgoing.effects.is_empty() || !disk.has(self.outgoing.gate, self.sync)
    }

    /// Does not ask any more that the channel be closed: its client has asked meanwhile.
    pub(crate) fn withdraw_close(&mut self) {
        self.outgoing.effects.retain(|(_, effect)| !matches!(effect, Effect::CloseChannel(..)));
    }

    /// Says this when all that was said before has been said.
    pub(crate) fn hold(&mut self, effect: Effect) {
        self.outgoing.effects.push_back((self.outgoing.gate, effect));
    }

    /// What may happen now, as far as the disk has come.
    pub(crate) fn poll_held(&mut self, disk: &Disk) -> Option<Effect> {
        let (record, _) = self.outgoing.effects.front()?;
        if !disk.has(*record, self.sync) {
            return None;
        }
        self.outgoing.effects.pop_front().map(|(_, effect)| effect)
    }

    /// What the client is to settle, or has said in its transaction that it settles.
    pub(crate) fn held(&self) -> impl Iterator<Item = Delivered> {
        let settled = match &self.mode {
            Mode::Transactional(transaction) => transaction.settled(),
            Mode::Plain | Mode::Confirming(_) => &[],
        };
        self.unacked.iter().chain(settled.iter().map(|(delivered, _)| *delivered))
    }

    /// How many publishes wait to be confirmed.
    pub(crate) fn unconfirmed(&self) -> usize {
        match &self.mode {
            Mode::Confirming(confirms) => confirms.waiting(),
            Mode::Plain | Mode::Transactional(_) => 0,
        }
    }

    /// Whether it waits for the disk.
    pub(crate) fn waits(&self, disk: &Disk) -> bool {
        self.unconfirmed() > 0 || self.is_held(disk)
    }
}

/// Every channel is found by its connection and number.
pub(crate) type ChannelPlace = (ConnectionId, ChannelId);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ClientKey, ConnectionId};
    use crate::sync::Progress;

    #[test]
    fn what_follows_a_reply_that_waits_waits_too() {
        let client = ClientKey { index: 0, generation: 1 };
        let mut channel = Channel::new(client, ConnectionId(1), ChannelId::new(1), Sync::Always);
        let ok = |channel: &Channel| channel.sending(Method::BasicQosOk);
        let mut disk = Disk::default();
        assert!(!channel.is_held(&disk));
        channel.hold_until(RecordId(5));
        disk.synced(Progress { upto: RecordId(4), ahead: RecordId(4) });
        assert!(channel.is_held(&disk));
        let (first, second) = (ok(&channel), ok(&channel));
        channel.hold(first);
        channel.hold(second);
        assert!(channel.poll_held(&disk).is_none() && channel.waits(&disk));
        disk.synced(Progress { upto: RecordId(5), ahead: RecordId(5) });
        assert!(channel.poll_held(&disk).is_some());
        assert!(channel.is_held(&disk), "what is said now comes after what was said before");
        assert!(channel.poll_held(&disk).is_some());
        assert!(channel.poll_held(&disk).is_none() && !channel.waits(&disk));
    }
}
