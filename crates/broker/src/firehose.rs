//! The firehose (RabbitMQ extension): a copy of all that is published and delivered in a virtual host, while somebody wants
//! to watch, through its exchange `amq.rabbitmq.trace`.

use alloc::vec::Vec;

use warrener_codec::{
    ArrayBuilder, Content, PropertiesRef, ShortRef, ShortStr, Table, TableBuilder, Value,
};
use warrener_queue::Delivery;

use warrener_time::Time;

use crate::address::Address;
use crate::broker::Broker;
use crate::command::{Done, Outcome};
use crate::id::{ChannelKey, LinkId, MessageId, QueueId, VhostId};
use crate::message::{NewMessage, Traits};
use crate::realm::Realm;
use crate::report::{Report, What, is_to, key_of, nested};
use crate::settle::content_for;

/// The exchange of the firehose, one in each virtual host.
pub(crate) const EXCHANGE: &str = "amq.rabbitmq.trace";

impl Broker {
    /// Begins or ends watching a virtual host. Nothing of it is written down: a restart ends it (as RabbitMQ's does).
    pub(crate) fn trace(&mut self, vhost: &ShortStr, on: bool) -> Done {
        let id = self.realm.expect_vhost(vhost)?;
        self.realm.vhosts[id].is_traced = on;
        self.realm.recount_traces();
        Ok((Outcome::Changed, None))
    }

    /// A message was published, and goes to these queues and requesters.
    #[cold]
    pub(crate) fn trace_publish(
        &mut self,
        (key, vhost): (ChannelKey, VhostId),
        new: &NewMessage,
        targets: &[QueueId],
        repliers: &[ChannelKey],
    ) {
        if !self.realm.watches(vhost, new) {
            return;
        }
        let mut routed = ArrayBuilder::new();
        for id in targets {
            let slot = self.realm.queue(*id);
            if slot.keeper.is_none() {
                routed.push(slot.spec.name.as_bytes());
            }
        }
        let addresses = repliers.iter().filter_map(|own| self.amqp.channels.get(*own));
        for replier in addresses.filter_map(|channel| channel.reply_consumer.as_ref()) {
            routed.push(replier.address.as_bytes());
        }
        let Ok(routed) = routed.build() else { return };
        let name = key_of("publish.", new.address.exchange());
        self.trace_message((key, vhost), name, new, |headers| {
            headers.insert("routed_queues", &routed);
        });
    }

    /// A message is about to be handed to a client, and somebody watches.
    #[cold]
    pub(crate) fn watch_delivery(
        &mut self,
        key: ChannelKey,
        queue: QueueId,
        delivery: &Delivery<MessageId>,
    ) {
        let now = self.now;
        self.realm.stop_measuring(now);
        self.realm.latencies.deliver(now, delivery.handle);
        if self.realm.reports.is_tracing {
            self.trace_delivery(key, queue, delivery);
        }
    }

    fn trace_delivery(&mut self, key: ChannelKey, queue: QueueId, delivery: &Delivery<MessageId>) {
        let slot = self.realm.queue(queue);
        let (name, kind) = (slot.spec.name.clone(), slot.settings.kind);
        let new = &self.realm.messages.whole(delivery.handle).new;
        let redelivered = delivery.redelivered || new.is_redelivered();
        let new = NewMessage { content: content_for(new, kind, delivery), ..new.clone() };
        self.trace_handing(key, &name, &new, redelivered);
    }

    /// A message passes through a queue and is about to be handed to its consumer.
    #[cold]
    pub(crate) fn trace_passage(&mut self, queue: QueueId, link: LinkId, new: &NewMessage) {
        let Some(consumer) = self.amqp.consumers.get(link) else { return };
        let (key, name) = (consumer.channel, self.realm.queue(queue).spec.name.clone());
        self.trace_handing(key, &name, new, new.is_redelivered());
    }

    /// A message is about to be handed to a client, from a queue or from somebody who answers.
    #[cold]
    pub(crate) fn trace_handing(
        &mut self,
        key: ChannelKey,
        queue: &ShortStr,
        new: &NewMessage,
        redelivered: bool,
    ) {
        let vhost = self.amqp.caller(key).vhost;
        if !self.realm.watches(vhost, new) {
            return;
        }
        self.trace_message(
            (key, vhost),
            key_of("deliver.", queue.as_short_ref()),
            new,
            |headers| {
                headers.insert("redelivered", i32::from(redelivered));
            },
        );
    }

    /// A reply is about to be handed to its requester.
    #[cold]
    pub(crate) fn trace_reply(&mut self, key: ChannelKey, address: &Address, content: &Content) {
        let Some(requester) = &self.amqp.channel(key).reply_consumer else { return };
        let queue = requester.address.clone();
        let (address, content) = (address.clone(), content.clone());
        let new = NewMessage { address, content, extra: None, traits: Traits::default() };
        self.trace_handing(key, &queue, &new, false);
    }

    fn trace_message(
        &mut self,
        (key, vhost): (ChannelKey, VhostId),
        name: ShortStr,
        new: &NewMessage,
        more: impl Fn(&mut TableBuilder),
    ) {
        let channel = self.amqp.channel(key).number;
        let (_, client) = self.amqp.with_client(key);
        let mut keys = ArrayBuilder::new();
        new.keys().for_each(|key| {
            keys.push(key.as_bytes());
        });
        let Ok(keys) = keys.build() else { return };
        let headers = nested(|with_headers| {
            let mut headers = TableBuilder::new();
            headers
                .insert("exchange_name", new.address.exchange().as_bytes())
                .insert("routing_keys", &keys)
                .insert("properties", &properties(&new.content, with_headers))
                .insert("node", self.realm.node.as_bytes());
            more(&mut headers);
            headers
                .insert("vhost", self.realm.vhosts[vhost].name().as_bytes())
                .insert("connection", client.ends.as_bytes())
                .insert("channel", i32::from(channel.number()))
                .insert("user", client.access.user.as_bytes());
            headers
        });
        let Some(headers) = headers else { return };
        let headers = Some(headers.as_table_ref());
        let properties = PropertiesRef { headers, ..PropertiesRef::default() }.to_owned();
        let content = Content { properties, body: new.content.body.clone() };
        let what = What::Message(content);
        self.realm.report(Report { vhost, exchange: EXCHANGE, key: name, what });
    }
}

impl Realm {
    /// Whether a message is to be told of. What the firehose itself says is not.
    fn watches(&self, vhost: VhostId, new: &NewMessage) -> bool {
        self.vhosts[vhost].is_traced
            && !is_to(&new.address, EXCHANGE)
            && self.is_heard(vhost, EXCHANGE)
    }

    /// Some virtual host is watched, or none any more.
    pub(crate) fn recount_traces(&mut self) {
        self.reports.is_tracing = self.vhosts.iter().any(|vhost| vhost.is_traced);
        self.reports.is_watching = self.reports.is_tracing || self.latencies.until > Time::ZERO;
    }
}

/// Properties as a table, in the order and with the types of RabbitMQ's.
fn properties(content: &Content, with_headers: bool) -> Table {
    let PropertiesRef {
        content_type,
        content_encoding,
        headers,
        delivery_mode,
        priority,
        correlation_id,
        reply_to,
        expiration,
        message_id,
        timestamp,
        kind,
        user_id,
        app_id,
        cluster_id,
    } = content.properties.read().unwrap_or_default();
    let text = |own: Option<ShortRef<'_>>| own.map(|own| Vec::from(own.as_bytes()));
    let mut table = TableBuilder::new();
    let put = |table: &mut TableBuilder, texts: &[(&str, Option<ShortRef<'_>>)]| {
        for (name, own) in texts {
            if let Some(own) = text(*own) {
                table.insert(name, own.as_slice());
            }
        }
    };
    let texts =
        [("cluster_id", cluster_id), ("app_id", app_id), ("user_id", user_id), ("type", kind)];
    put(&mut table, &texts);
    if let Some(timestamp) = timestamp {
        match i32::try_from(timestamp) {
            Ok(timestamp) => table.insert("timestamp", timestamp),
            Err(_) => table.insert("timestamp", i64::try_from(timestamp).unwrap_or(i64::MAX)),
        };
    }
    let texts = [
        ("message_id", message_id),
        ("expiration", expiration),
        ("reply_to", reply_to),
        ("correlation_id", correlation_id),
    ];
    put(&mut table, &texts);
    for (name, number) in [("priority", priority), ("delivery_mode", delivery_mode)] {
        if let Some(number) = number {
            table.insert(name, i32::from(number));
        }
    }
    if let Some(headers) = headers.filter(|_| with_headers) {
        table.insert("headers", Value::Table(headers));
    }
    let texts = [("content_encoding", content_encoding), ("content_type", content_type)];
    put(&mut table, &texts);
    table.build().unwrap_or(Table::EMPTY)
}
