//! `/api/channels`.

use serde_json::{Value, json};
use warrener_broker::ChannelView;

use crate::call::Call;
use crate::connections::{self, Names, names};
use crate::consumers;
use crate::listing::{self, Listed, text};
use crate::reply::{Failure, Reply};
use crate::sampler::Samples;
use crate::stats;

/// A channel and what it is called.
struct Channel {
    view: ChannelView,
    connection: String,
}

impl Channel {
    /// As RabbitMQ names it: its connection's name and its number.
    fn name(&self) -> String {
        format!("{} ({})", self.connection, self.view.number)
    }
}

impl Listed for Channel {
    fn name(&self) -> String {
        self.name()
    }

    fn rank(&self) -> (Vec<u8>, Vec<u8>) {
        (self.connection.clone().into_bytes(), self.view.number.to_be_bytes().into())
    }
}

async fn seen(call: &Call) -> Vec<Channel> {
    let views = call.api.all(|view, from, most| view.channel_slice(from, most)).await;
    let names = names(call);
    let sees_all = call.caller.is_monitoring();
    let own = |view: &ChannelView| sees_all || view.user == call.caller.user.name;
    let named = |view: ChannelView| {
        let connection = names.get(&view.connection).cloned().unwrap_or_default();
        Channel { view, connection }
    };
    views.into_iter().filter(own).map(named).collect()
}

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let channels = seen(&call).await;
    answer(&call, channels)
}

pub(crate) async fn of_vhost(call: Call) -> Result<Reply, Failure> {
    if !call.api.has_vhost(call.place("vhost")) {
        return Err(Failure::Missing);
    }
    let mut channels = seen(&call).await;
    let vhost = call.place("vhost").as_bytes();
    channels.retain(|channel| channel.view.vhost.as_bytes() == vhost);
    answer(&call, channels)
}

pub(crate) async fn of_connection(call: Call) -> Result<Reply, Failure> {
    let (id, _) = connections::find(&call).await?;
    let mut channels = seen(&call).await;
    channels.retain(|channel| channel.view.connection == id);
    answer(&call, channels)
}

fn answer(call: &Call, channels: Vec<Channel>) -> Result<Reply, Failure> {
    let (samples, node) = (call.api.samples(), call.api.host.process().node);
    listing::answer(call, channels, |channel| document(channel, &samples, &node))
}

pub(crate) async fn one(call: Call) -> Result<Reply, Failure> {
    let wanted = call.place("name");
    let found = seen(&call).await.into_iter().find(|channel| channel.name() == wanted);
    let channel = found.ok_or(Failure::Missing)?;
    let node = call.api.host.process().node;
    let mut value = document(&channel, &call.api.samples(), &node);
    let consumers = call.api.all(|view, from, most| view.consumer_slice(from, most)).await;
    let place = (channel.view.connection, channel.view.number);
    let own = consumers.iter().filter(|own| (own.connection, own.channel) == place);
    let names: Names = [(channel.view.connection, channel.connection.clone())].into();
    let details: Vec<Value> = own.map(|own| consumers::document(own, &names, &node)).collect();
    if let Value::Object(value) = &mut value {
        value.insert("consumer_details".into(), details.into());
        value.insert("publishes".into(), json!([]));
        value.insert("deliveries".into(), json!([]));
    }
    listing::one(&call, value)
}

fn document(channel: &Channel, samples: &Samples, node: &str) -> Value {
    let view = &channel.view;
    let (host, port) = peer(&channel.connection);
    let mut all = json!({
        "name": channel.name(),
        "number": view.number,
        "user": text(&view.user),
        "user_who_performed_action": text(&view.user),
        "vhost": text(&view.vhost),
        "node": node,
        "state": if view.is_flowing { "running" } else { "flow" },
        "confirm": view.confirms,
        "transactional": view.transactional,
        "consumer_count": view.consumers,
        "messages_unacknowledged": view.unacked,
        "messages_unconfirmed": view.unconfirmed,
        "messages_uncommitted": view.uncommitted,
        "acks_uncommitted": view.acks_uncommitted,
        "pending_raft_commands": 0,
        "cached_segments": 0,
        "prefetch_count": view.prefetch,
        "global_prefetch_count": view.shared_prefetch,
        "connection_details": { "name": channel.connection, "peer_host": host, "peer_port": port },
        "reductions": 0,
        "reductions_details": { "rate": 0.0 },
        "garbage_collection": {},
    });
    let (before, after) = samples.channel(view.id);
    let traffic = stats::channel(samples, &view.traffic, (&before, &after));
    if let Value::Object(all) = &mut all
        && traffic.values().any(|value| value.as_u64().is_some_and(|count| count > 0))
    {
        all.insert("message_stats".into(), traffic.into());
    }
    all
}

/// The client's end in a connection's name.
pub(crate) fn peer(connection: &str) -> (Option<String>, Option<u16>) {
    let end =
        connection.split(" -> ").next().and_then(|end| end.parse::<core::net::SocketAddr>().ok());
    (end.map(|end| end.ip().to_string()), end.map(|end| end.port()))
}
