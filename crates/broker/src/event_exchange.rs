//! The event exchange (RabbitMQ extension: the plugin `rabbitmq_event_exchange`): what is declared, deleted, opened, closed and
//! set is told by messages to `amq.rabbitmq.event` in the virtual host `/`.
//!
//! An event is made only while something is bound to that exchange. Its routing key names it, its headers say what there is
//! to say, and its body is empty.

mod command;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use warrener_codec::{
    Array, ArrayBuilder, Content, PropertiesRef, ShortStr, Table, TableBuilder, Value,
};
use warrener_time::Time;

use crate::broker::Broker;
use crate::exchange::ExchangeSpec;
use crate::id::{ChannelKey, LinkId, QueueId, VhostId};
use crate::input::Connected;
use crate::permission::Caller;
use crate::policy::Applied;
use crate::realm::Realm;
use crate::refusal::Kind;
use crate::report::{Report, What};
use crate::value::{erlang, type_name};
use crate::vhost::BindingKey;

/// The exchange of events.
pub(crate) const EXCHANGE: &str = "amq.rabbitmq.event";

/// The virtual host that it is in.
pub(crate) const VHOST: &str = "/";

/// Who did it when nobody did, or nobody that is known (RabbitMQ's name for itself).
const NOBODY: &str = "rmq-internal";

/// An event's message. `None` when its headers are too long for one.
pub(crate) fn content(now: Time, mut headers: TableBuilder) -> Option<Content> {
    let ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    headers.insert("timestamp_in_ms", ms);
    let headers = headers.build().ok()?;
    let properties = PropertiesRef {
        headers: Some(headers.as_table_ref()),
        delivery_mode: Some(2),
        timestamp: Some(now.as_secs()),
        ..PropertiesRef::default()
    };
    Some(Content { properties: properties.to_owned(), body: Bytes::new().into() })
}

impl Realm {
    /// Where events are told, if anybody listens.
    pub(crate) fn listener(&self) -> Option<VhostId> {
        let vhost = self.vhosts.find(VHOST.as_bytes())?;
        self.is_heard(vhost, EXCHANGE).then_some(vhost)
    }

    /// Tells an event, if anybody listens.
    pub(crate) fn tell(
        &mut self,
        name: &'static str,
        headers: impl FnOnce(&Self) -> Option<TableBuilder>,
    ) {
        let Some(vhost) = self.listener() else { return };
        let Some(headers) = headers(self) else { return };
        let key = ShortStr::from_static(name);
        self.report(Report { vhost, exchange: EXCHANGE, key, what: What::Event(headers) });
    }

    /// What every event says: where, and who did it.
    fn about(&self, vhost: VhostId, by: &ShortStr) -> TableBuilder {
        let vhost = self.vhosts[vhost].name();
        about(vhost, by)
    }

    /// Does something on behalf of whoever asked for it.
    pub(crate) fn acting_for<R>(
        &mut self,
        caller: Caller<'_>,
        act: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let user = self.actor(&caller.access.user).clone();
        let before = core::mem::replace(&mut self.actor, user);
        let done = act(self);
        self.actor = before;
        done
    }

    /// Whoever did what is done at present: a client, or on whose behalf a command is obeyed.
    fn actor<'a>(&'a self, user: &'a ShortStr) -> &'a ShortStr {
        if user.is_empty() { &self.actor } else { user }
    }

    /// What the host has seen.
    pub(crate) fn tell_of_host(&mut self, name: &'static str, said: &Table) {
        self.tell(name, |_| {
            let mut headers = TableBuilder::new();
            for (name, value) in said.iter() {
                headers.insert(name.as_bytes(), value);
            }
            Some(headers)
        });
    }

    /// A queue was made.
    pub(crate) fn tell_queue_created(&mut self, id: QueueId, by: &ShortStr) {
        self.tell("queue.created", |realm| {
            let slot = realm.queue(id);
            let spec = &slot.spec;
            let mut headers = realm.about(slot.vhost, realm.actor(by));
            headers
                .insert("name", spec.name.as_bytes())
                .insert("type", slot.settings.kind.module())
                .insert("durable", spec.durable)
                .insert("auto_delete", spec.auto_delete)
                .insert("exclusive", spec.owner.is_some())
                .insert("arguments", &arguments(&spec.arguments))
                .insert("leader", realm.node.as_bytes())
                .insert("members", &array([realm.node.as_bytes()]));
            Some(headers)
        });
    }

    /// A queue has lost its name.
    pub(crate) fn tell_queue(&mut self, name: &'static str, id: QueueId) {
        self.tell(name, |realm| {
            let slot = realm.queue(id);
            let mut headers = realm.about(slot.vhost, &realm.actor);
            headers
                .insert("name", slot.spec.name.as_bytes())
                .insert("type", slot.settings.kind.module());
            Some(headers)
        });
    }

    /// Policies apply to a queue otherwise than before, if they do.
    pub(crate) fn tell_applied(&mut self, id: QueueId, before: &Applied) {
        let applied = &self.queue(id).applied;
        if applied.is(before) {
            return;
        }
        let is_cleared = applied.user.is_none() && applied.operator.is_none();
        let name = if is_cleared { "queue.policy.cleared" } else { "queue.policy.updated" };
        self.tell_queue(name, id);
    }

    /// An exchange was made.
    pub(crate) fn tell_exchange_created(
        &mut self,
        vhost: VhostId,
        spec: &ExchangeSpec,
        by: &ShortStr,
    ) {
        self.tell("exchange.created", |realm| {
            let mut headers = realm.about(vhost, realm.actor(by));
            headers
                .insert("name", spec.name.as_bytes())
                .insert("type", spec.kind.name())
                .insert("durable", spec.durable)
                .insert("auto_delete", spec.auto_delete)
                .insert("internal", spec.internal)
                .insert("arguments", &arguments(&spec.arguments));
            Some(headers)
        });
    }

    /// An exchange was deleted.
    pub(crate) fn tell_exchange_deleted(&mut self, vhost: VhostId, name: &ShortStr) {
        self.tell("exchange.deleted", |realm| {
            let mut headers = realm.about(vhost, &realm.actor);
            headers.insert("name", name.as_bytes());
            Some(headers)
        });
    }

    /// A binding was made.
    pub(crate) fn tell_bound(
        &mut self,
        vhost: VhostId,
        (source, key): (&ShortStr, &ShortStr),
        (kind, target): (Kind, &ShortStr),
        given: &Table,
        by: &ShortStr,
    ) {
        self.tell("binding.created", |realm| {
            let headers = realm.about(vhost, realm.actor(by));
            let kind = if kind == Kind::Queue { "queue" } else { "exchange" };
            let ends = (source.as_bytes(), kind, target.as_bytes());
            Some(binding(headers, ends, key.as_bytes(), &arguments(given)))
        });
    }

    /// A binding is gone, by itself or with one of its ends, whose name may be gone already.
    pub(crate) fn tell_unbound(
        &mut self,
        vhost: VhostId,
        gone: &BindingKey,
        ended: Option<&ShortStr>,
    ) {
        self.tell("binding.deleted", |realm| {
            use warrener_router::Target;
            let place = &realm.vhosts[vhost];
            let exchange = |id| place.exchange_at(id).map(|own| &own.spec.name).or(ended);
            let (kind, target) = match gone.target {
                Target::Exchange(id) => ("exchange", exchange(id)?),
                Target::Destination(id) => ("queue", &realm.queues.get(id)?.spec.name),
            };
            let headers = realm.about(vhost, &realm.actor);
            let ends = (exchange(gone.source)?.as_bytes(), kind, target.as_bytes());
            let given = arguments(&crate::header::arguments(&gone.arguments));
            Some(binding(headers, ends, &gone.key, &given))
        });
    }
}

impl Broker {
    /// Who uses a channel, and where.
    fn user_of(&self, key: ChannelKey) -> (VhostId, ShortStr) {
        let (_, client) = self.amqp.with_client(key);
        (client.vhost, client.access.user.clone())
    }

    /// A connection was opened.
    pub(crate) fn tell_connected(&mut self, connected: &Connected) {
        self.realm.tell("connection.created", |realm| {
            let Connected { user, vhost, frame_max, said, .. } = connected;
            let mut headers = about(vhost, user);
            headers
                .insert("name", said.ends.as_bytes())
                .insert("node", realm.node.as_bytes())
                .insert("type", "network")
                .insert("protocol", "{0,9,1}")
                .insert("user", user.as_bytes())
                .insert("auth_mechanism", said.mechanism.as_bytes())
                .insert("frame_max", i64::from(*frame_max))
                .insert("channel_max", i64::from(said.channel_max))
                .insert("timeout", i64::from(said.heartbeat_s))
                .insert("client_properties", &arguments(&said.client_properties));
            if let Some(Value::LongStr(name)) = said.client_properties.get("connection_name") {
                headers.insert("user_provided_name", name);
            }
            Some(headers)
        });
    }

    /// A connection is over.
    pub(crate) fn tell_closed(&mut self, vhost: VhostId, name: &ShortStr, user: &ShortStr) {
        self.realm.tell("connection.closed", |realm| {
            let mut headers = realm.about(vhost, user);
            headers.insert("name", name.as_bytes()).insert("node", realm.node.as_bytes());
            Some(headers)
        });
    }

    /// A channel was opened, or is over.
    pub(crate) fn tell_channel(&mut self, name: &'static str, key: ChannelKey) {
        if self.realm.listener().is_none() {
            return;
        }
        let (vhost, user) = self.user_of(key);
        let (channel, client) = self.amqp.with_client(key);
        let (number, connection) = (channel.number.number(), client.ends.clone());
        self.realm.tell(name, |realm| {
            let mut headers = realm.about(vhost, &user);
            headers
                .insert("name", format!("{connection} ({number})").as_str())
                .insert("connection", connection.as_bytes())
                .insert("number", i64::from(number))
                .insert("user", user.as_bytes());
            Some(headers)
        });
    }

    /// A consumer came, or is going.
    pub(crate) fn tell_consumer(
        &mut self,
        name: &'static str,
        link: LinkId,
        more: impl FnOnce(&mut TableBuilder),
    ) {
        if self.realm.listener().is_none() {
            return;
        }
        let Some(consumer) = self.amqp.consumers.get(link) else { return };
        let (key, tag, queue) = (consumer.channel, consumer.tag.clone(), consumer.queue);
        let (channel, client) = self.amqp.with_client(key);
        let channel = format!("{} ({})", client.ends, channel.number.number());
        let (vhost, user) = self.user_of(key);
        self.realm.tell(name, |realm| {
            let mut headers = realm.about(vhost, &user);
            headers
                .insert("consumer_tag", tag.as_bytes())
                .insert("queue", realm.queues.get(queue)?.spec.name.as_bytes())
                .insert("channel", channel.as_str());
            more(&mut headers);
            Some(headers)
        });
    }
}

fn about(vhost: &ShortStr, by: &ShortStr) -> TableBuilder {
    TableBuilder::new().with("vhost", vhost.as_bytes()).with("user_who_performed_action", who(by))
}

fn who(by: &ShortStr) -> &[u8] {
    if by.is_empty() { NOBODY.as_bytes() } else { by.as_bytes() }
}

fn binding(
    mut headers: TableBuilder,
    (source, kind, target): (&[u8], &str, &[u8]),
    key: &[u8],
    given: &Array,
) -> TableBuilder {
    headers
        .insert("source_name", source)
        .insert("source_kind", "exchange")
        .insert("destination_name", target)
        .insert("destination_kind", kind)
        .insert("routing_key", key)
        .insert("arguments", given);
    headers
}

/// A table as RabbitMQ's events have it: a list of texts, each an entry as Erlang prints it.
pub(crate) fn arguments(table: &Table) -> Array {
    let mut entries = ArrayBuilder::new();
    for (name, value) in table.iter() {
        entries.push(entry(&String::from_utf8_lossy(name.as_bytes()), &value).as_str());
    }
    // They were in a table, which bounds them; what would be too long all the same is left out.
    entries.build().unwrap_or_default()
}

fn entry(name: &str, value: &Value<'_>) -> String {
    let shown = match value {
        Value::Table(table) => {
            let entries: Vec<String> = table
                .iter()
                .map(|(name, value)| entry(&String::from_utf8_lossy(name.as_bytes()), &value))
                .collect();
            format!("[{}]", entries.join(","))
        }
        Value::Array(values) => {
            let entries: Vec<String> = values
                .iter()
                .map(|value| format!("{{{},{}}}", type_name(&value), erlang(&value)))
                .collect();
            format!("[{}]", entries.join(","))
        }
        other => String::from(erlang(other)),
    };
    format!("{{<<\"{name}\">>,{},{shown}}}", type_name(value))
}

fn array<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Array {
    let mut array = ArrayBuilder::new();
    for value in values {
        array.push(value);
    }
    array.build().unwrap_or_default()
}
