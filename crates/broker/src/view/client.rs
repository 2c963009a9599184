//! Connections, channels and consumers, as people look at them.

use alloc::vec::Vec;

use warrener_codec::ShortStr;

use crate::amqp091::channel::{Channel, Mode};
use crate::amqp091::consume::Consumer;
use crate::id::{ConnectionId, LinkId};
use crate::stats::ChannelTraffic;
use crate::view::View;
use crate::view::slice::{Cursor, PLACES, Slice};

/// A connection, as far as the broker knows it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConnectionView {
    /// Its number.
    pub id: ConnectionId,
    /// What the client calls itself, or else the name of its stream.
    pub name: ShortStr,
    /// The user.
    pub user: ShortStr,
    /// The virtual host.
    pub vhost: ShortStr,
    /// The largest frame it takes, in octets.
    pub frame_max: u32,
    /// How many channels it has open.
    pub channels: usize,
    /// Octets on their way to it.
    pub outbound_bytes: u64,
    /// Whether an alarm stops it.
    pub is_blocked: bool,
    /// Whether it is not read for a while, because it does not read.
    pub is_held: bool,
}

/// A channel.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChannelView {
    /// A number that no other channel has while the broker lives.
    pub id: u64,
    /// Its connection.
    pub connection: ConnectionId,
    /// Its number there.
    pub number: u16,
    /// The user.
    pub user: ShortStr,
    /// The virtual host.
    pub vhost: ShortStr,
    /// How many consumers it has.
    pub consumers: usize,
    /// How many deliveries wait to be settled.
    pub unacked: usize,
    /// How many publishes wait to be confirmed.
    pub unconfirmed: usize,
    /// How many publishes wait to be committed.
    pub uncommitted: usize,
    /// How many acknowledgements do.
    pub acks_uncommitted: usize,
    /// Whether publishes are confirmed.
    pub confirms: bool,
    /// Whether there are transactions on it.
    pub transactional: bool,
    /// How many deliveries each new consumer may hold; 0 for any number.
    pub prefetch: u16,
    /// How many all of them together may hold; 0 for any number.
    pub shared_prefetch: u16,
    /// Whether an alarm or the client itself stops it.
    pub is_flowing: bool,
    /// What went through it.
    pub traffic: ChannelTraffic,
}

/// A consumer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConsumerView {
    /// Its connection.
    pub connection: ConnectionId,
    /// Its channel there.
    pub channel: u16,
    /// The user.
    pub user: ShortStr,
    /// The virtual host.
    pub vhost: ShortStr,
    /// Its queue.
    pub queue: ShortStr,
    /// Its tag.
    pub tag: ShortStr,
    /// Whether it has the queue for itself.
    pub exclusive: bool,
    /// Whether it settles what it gets.
    pub settles: bool,
    /// How many deliveries it may hold; 0 for any number.
    pub prefetch: u16,
    /// Whether it gets messages: of a single active consumer's rivals only one does.
    pub active: bool,
    /// The same in RabbitMQ's words: `up`, or, where one at a time is active, `single_active` and `waiting`.
    pub activity: &'static str,
    /// Its priority.
    pub priority: i32,
}

impl<'a> View<'a> {
    /// The connections from `from` on, `most` at a time.
    #[must_use]
    pub fn connection_slice(&self, from: Cursor, most: usize) -> Slice<ConnectionView> {
        let (mut things, mut place) = (Vec::new(), from.place);
        for _ in 0..PLACES {
            let Some((key, client)) = self.0.amqp.clients.at_or_after(place) else {
                return Slice::last(things);
            };
            if things.len() >= most {
                break;
            }
            place = key.index + 1;
            things.push(ConnectionView {
                id: client.connection,
                name: client.name.clone(),
                user: client.access.user.clone(),
                vhost: self.0.realm.vhosts[client.vhost].name().clone(),
                frame_max: client.frame_max,
                channels: client.channels.len(),
                outbound_bytes: client.outbound_bytes,
                is_blocked: client.blocked,
                is_held: client.paused || client.parks_much,
            });
        }
        Slice { things, next: Some(Cursor { place, ..from }) }
    }

    /// The channels from `from` on, `most` at a time.
    #[must_use]
    pub fn channel_slice(&self, from: Cursor, most: usize) -> Slice<ChannelView> {
        let (mut things, mut place) = (Vec::new(), from.place);
        for _ in 0..PLACES {
            let Some((key, channel)) = self.0.amqp.channels.at_or_after(place) else {
                return Slice::last(things);
            };
            if things.len() >= most {
                break;
            }
            place = key.index + 1;
            let number = u64::from(key.generation) << 32 | u64::from(key.index);
            things.extend(self.shown_channel(number, channel));
        }
        Slice { things, next: Some(Cursor { place, ..from }) }
    }

    /// The consumers from `from` on, `most` at a time.
    #[must_use]
    pub fn consumer_slice(&self, from: Cursor, most: usize) -> Slice<ConsumerView> {
        let (mut things, mut place) = (Vec::new(), from.place);
        for _ in 0..PLACES {
            let Some((link, consumer)) = self.0.amqp.consumers.at_or_after(place) else {
                return Slice::last(things);
            };
            if things.len() >= most {
                break;
            }
            place = link.index + 1;
            things.extend(self.shown_consumer(link, consumer));
        }
        Slice { things, next: Some(Cursor { place, ..from }) }
    }

    /// The consumers of a queue, `most` at most.
    #[must_use]
    pub fn queue_consumers(
        &self,
        vhost: &str,
        queue: &str,
        most: usize,
    ) -> Option<Vec<ConsumerView>> {
        let vhost = self.0.realm.vhosts.find(vhost.as_bytes())?;
        let id = self.0.realm.find_queue(vhost, queue.as_bytes())?;
        let links = self.0.realm.queue(id).links.iter().take(most);
        Some(
            links
                .filter_map(|link| self.shown_consumer(*link, self.0.amqp.consumers.get(*link)?))
                .collect(),
        )
    }

    fn shown_channel(&self, id: u64, channel: &Channel) -> Option<ChannelView> {
        let client = self.0.amqp.clients.get(channel.client)?;
        let (uncommitted, acks_uncommitted) = match &channel.mode {
            Mode::Transactional(transaction) => transaction.sizes(),
            Mode::Plain | Mode::Confirming(_) => (0, 0),
        };
        Some(ChannelView {
            id,
            connection: channel.connection,
            number: channel.number.number(),
            user: client.access.user.clone(),
            vhost: self.0.realm.vhosts[client.vhost].name().clone(),
            consumers: channel.consumers.len() + usize::from(channel.reply_consumer.is_some()),
            unacked: channel.unacked.len(),
            unconfirmed: channel.unconfirmed(),
            uncommitted,
            acks_uncommitted,
            confirms: matches!(channel.mode, Mode::Confirming(_)),
            transactional: matches!(channel.mode, Mode::Transactional(_)),
            prefetch: channel.prefetch,
            shared_prefetch: channel.shared_prefetch,
            is_flowing: channel.flowing,
            traffic: channel.traffic,
        })
    }

    fn shown_consumer(&self, link: LinkId, consumer: &Consumer) -> Option<ConsumerView> {
        let channel = self.0.amqp.channels.get(consumer.channel)?;
        let client = self.0.amqp.clients.get(channel.client)?;
        let slot = self.0.realm.queues.get(consumer.queue)?;
        let look = slot.queue.consumer(link.consumer());
        let single = slot.settings.single_active_consumer;
        let active = look.is_none_or(|look| !single || look.active);
        Some(ConsumerView {
            connection: channel.connection,
            channel: channel.number.number(),
            user: client.access.user.clone(),
            vhost: self.0.realm.vhosts[client.vhost].name().clone(),
            queue: slot.spec.name.clone(),
            tag: consumer.tag.clone(),
            exclusive: look.is_some_and(|look| look.exclusive),
            settles: !consumer.no_ack,
            prefetch: consumer.prefetch,
            active,
            activity: match (single, active) {
                (false, _) => "up",
                (true, true) => "single_active",
                (true, false) => "waiting",
            },
            priority: look.map_or(0, |look| look.priority),
        })
    }
}
