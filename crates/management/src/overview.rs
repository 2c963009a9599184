//! `/api/overview`.

use serde_json::{Value, json};
use warrener_broker::{ChannelTraffic, Counts, RABBITMQ_VERSION, Stats};

use crate::api::Api;
use crate::call::Call;
use crate::host::Listener;
use crate::listing;
use crate::reply::{Failure, Reply};
use crate::sampler::Samples;
use crate::stats::{self, Object, counter};

pub(crate) async fn overview(call: Call) -> Result<Reply, Failure> {
    let (totals, stats) = call.look(|view| (view.totals(), view.stats()));
    let samples = call.api.samples();
    let node = call.api.host.process().node;
    let counts = counts(&call.api).await;
    let (before, after) = samples.queues_together();
    let mut queue_totals = Object::new();
    stats::messages(&mut queue_totals, &samples, &counts, (&before, &after));
    let listeners =
        if call.caller.is_monitoring() { call.api.host.listeners() } else { Vec::new() };
    let value = json!({
        "management_version": RABBITMQ_VERSION,
        "rates_mode": "basic",
        "sample_retention_policies": { "global": [5], "basic": [5], "detailed": [5] },
        "exchange_types": exchange_types(),
        "product_version": RABBITMQ_VERSION,
        "product_name": "Warrener",
        "rabbitmq_version": RABBITMQ_VERSION,
        "warrener_version": env!("CARGO_PKG_VERSION"),
        "cluster_name": cluster_name(&call),
        "cluster_tags": {},
        "node_tags": {},
        "erlang_version": "none",
        "erlang_full_version": "none: this broker is written in Rust",
        "crypto_lib_version": "none",
        "disable_stats": false,
        "default_queue_type": "classic",
        "is_op_policy_updating_enabled": true,
        "enable_queue_totals": false,
        "require_definition_json_extension": false,
        "message_stats": message_stats(&samples, &stats),
        "churn_rates": churn(&samples, &stats),
        "queue_totals": queue_totals,
        "object_totals": {
            "channels": totals.channels,
            "consumers": totals.consumers,
            "exchanges": totals.exchanges,
            "queues": totals.queues,
            "connections": totals.connections,
        },
        "statistics_db_event_queue": 0,
        "node": node,
        "listeners": listeners.iter().map(|own| listener(own, &node)).collect::<Vec<_>>(),
        "contexts": contexts(&listeners, &node),
    });
    listing::one(&call, value)
}

/// What the operator calls the cluster, or else the node's name.
pub(crate) fn cluster_name(call: &Call) -> String {
    let named = call.look(|view| {
        let mut all = view.global_parameters();
        let found = all.find(|own| own.name.as_bytes() == b"cluster_name")?;
        found.value.as_str().map(str::to_owned)
    });
    named.unwrap_or_else(|| call.api.host.process().node)
}

/// All that is in all queues.
pub(crate) async fn counts(api: &Api) -> Counts {
    let all = api.all(|view, from, _| view.traffic_slice(from, crate::limits::SAMPLE_SLICE)).await;
    all.iter().fold(Counts::default(), |sum, (_, _, counts)| stats::sum_counts(&sum, counts))
}

/// The whole broker as one channel.
pub(crate) fn traffic(stats: &Stats) -> ChannelTraffic {
    let mut all = ChannelTraffic::default();
    all.messages = stats::sum(&stats.classic, &stats.quorum);
    all.messages.published = stats.published;
    all.confirmed = stats.confirmed;
    all.returned = stats.returned;
    all.dropped = stats.unroutable - stats.returned;
    all
}

fn message_stats(samples: &Samples, now: &Stats) -> Object {
    let (before, after) = samples.stats();
    let (before, after) = (traffic(&before), traffic(&after));
    let mut object = stats::channel(samples, &traffic(now), (&before, &after));
    counter(&mut object, "disk_reads", 0, 0.0);
    counter(&mut object, "disk_writes", 0, 0.0);
    object
}

/// What comes and goes.
pub(crate) fn churn(samples: &Samples, now: &Stats) -> Object {
    let (before, after) = samples.stats();
    let mut object = Object::new();
    let mut add = |name, of: fn(&Stats) -> u64| {
        counter(&mut object, name, of(now), samples.rate(of(&before), of(&after)));
    };
    add("connection_created", |own| own.churn.connections_opened);
    add("connection_closed", |own| own.churn.connections_closed);
    add("channel_created", |own| own.churn.channels_opened);
    add("channel_closed", |own| own.churn.channels_closed);
    add("queue_declared", |own| own.churn.queues_declared);
    add("queue_created", |own| own.churn.queues_created);
    add("queue_deleted", |own| own.churn.queues_deleted);
    object
}

/// The types of exchange there are.
pub(crate) fn exchange_types() -> Value {
    let all = [
        ("direct", "AMQP direct exchange, as per the AMQP specification"),
        ("fanout", "AMQP fanout exchange, as per the AMQP specification"),
        ("headers", "AMQP headers exchange, as per the AMQP specification"),
        ("topic", "AMQP topic exchange, as per the AMQP specification"),
        ("x-consistent-hash", "Consistent Hashing Exchange"),
        ("x-delayed-message", "Delayed Message Exchange"),
        ("x-local-random", "Picks one random local binding (queue) to route via (to)."),
        ("x-modulus-hash", "Modulus Hashing Exchange"),
        ("x-random", "Random Exchange"),
        ("x-recent-history", "Recent History Exchange"),
    ];
    all.iter()
        .map(|(name, text)| json!({ "name": name, "description": text, "enabled": true }))
        .collect()
}

pub(crate) fn listener(own: &Listener, node: &str) -> Value {
    json!({
        "node": node,
        "protocol": own.protocol,
        "ip_address": own.address.ip().to_string(),
        "port": own.address.port(),
        "socket_opts": { "nodelay": true },
        "tls": own.tls,
    })
}

pub(crate) fn contexts(listeners: &[Listener], node: &str) -> Value {
    let web = listeners.iter().filter(|own| own.protocol.starts_with("http"));
    web.map(|own| {
        json!({
            "node": node,
            "description": if own.protocol.ends_with("prometheus") { "RabbitMQ Prometheus" } else { "RabbitMQ Management" },
            "path": "/",
            "cowboy_opts": "[]",
            "ssl_opts": [],
            "ip": own.address.ip().to_string(),
            "port": own.address.port().to_string(),
        })
    })
    .collect()
}
