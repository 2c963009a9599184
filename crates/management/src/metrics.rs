//! `/metrics`: Prometheus' text format, with RabbitMQ's names, so that its dashboards work.

mod dead_letters;
mod histograms;
mod text;

use warrener_broker::{Alarm, Counts, QueueView, RABBITMQ_VERSION, Stats, Traffic};

use crate::call::Call;
use crate::host::{Level, Process};
use crate::metrics::text::Text;
use crate::overview::{counts, traffic};
use crate::reply::{Failure, Reply};

/// What the format is called (Prometheus' exposition format 0.0.4).
const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All that is added up.
pub(crate) async fn aggregated(call: Call) -> Result<Reply, Failure> {
    let mut text = Text::default();
    everything(&call, "aggregated", &mut text).await;
    let counts = counts(&call.api).await;
    queue_counts(&mut text, &[], &counts);
    Ok(Reply::Text(KIND, text.finish()))
}

/// The same, with queues one by one.
pub(crate) async fn per_object(call: Call) -> Result<Reply, Failure> {
    let mut text = Text::default();
    everything(&call, "per-object", &mut text).await;
    let queues = call.api.all(|view, from, most| view.queue_slice(from, most)).await;
    each_queue(&mut text, &queues, &[Family::Counts, Family::Traffic, Family::Consumers]);
    Ok(Reply::Text(KIND, text.finish()))
}

/// A family of metrics that can be asked for one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Counts,
    Traffic,
    Consumers,
}

/// Those families that are asked for, of the virtual hosts and queues that are.
pub(crate) async fn detailed(call: Call) -> Result<Reply, Failure> {
    let asked = |name: &str| -> Vec<&str> {
        let pairs = call.query.iter().filter(|(own, _)| own == name);
        pairs.flat_map(|(_, value)| value.split(',')).collect()
    };
    let families: Vec<Family> = asked("family")
        .into_iter()
        .filter_map(|name| match name {
            "queue_coarse_metrics" | "queue_metrics" => Some(Family::Counts),
            "queue_delivery_metrics" | "queue_exchange_metrics" | "channel_queue_metrics" => {
                Some(Family::Traffic)
            }
            "queue_consumer_count" => Some(Family::Consumers),
            _ => None,
        })
        .collect();
    let (vhosts, names) = (asked("vhost"), asked("queue"));
    let mut queues = call.api.all(|view, from, most| view.queue_slice(from, most)).await;
    let is_in = |list: &[&str], name: &warrener_codec::ShortStr| {
        list.is_empty() || list.iter().any(|own| own.as_bytes() == name.as_bytes())
    };
    queues.retain(|own| is_in(&vhosts, &own.vhost) && is_in(&names, &own.name));
    let mut text = Text::prefixed("rabbitmq_detailed_");
    each_queue(&mut text, &queues, &families);
    Ok(Reply::Text(KIND, text.finish()))
}

/// All that is not of a queue.
async fn everything(call: &Call, endpoint: &str, text: &mut Text) {
    let process = call.api.host.process();
    let (totals, stats, alarms, held, limit) = call.look(|view| {
        let alarms = (view.has_alarm(Alarm::Memory), view.has_alarm(Alarm::Disk));
        (view.totals(), view.stats(), alarms, view.memory_bytes(), view.memory_limit_bytes())
    });
    identity(text, &process, (&crate::overview::cluster_name(call), endpoint));
    let gauges = [
        ("connections", "Connections currently open", totals.connections as u64),
        ("channels", "Channels currently open", totals.channels as u64),
        ("consumers", "Consumers currently connected", totals.consumers as u64),
        ("queues", "Queues available", totals.queues as u64),
        ("exchanges", "Exchanges available", totals.exchanges as u64),
        ("vhosts", "Virtual hosts available", totals.vhosts as u64),
        ("process_resident_memory_bytes", "Memory used in bytes", process.memory_bytes),
        ("resident_memory_limit_bytes", "Memory high watermark in bytes", limit),
        ("memory_held_bytes", "What the broker counts of memory against its limit", held),
        ("process_open_fds", "Open file descriptors", process.files),
        ("process_max_fds", "Open file descriptors limit", process.files_max),
        ("process_open_tcp_sockets", "Open TCP sockets", totals.connections as u64),
        ("process_max_tcp_sockets", "Open TCP sockets limit", process.files_max),
        (
            "disk_space_available_bytes",
            "Disk space available in bytes",
            process.disk_free_bytes.unwrap_or_default(),
        ),
        (
            "disk_space_available_limit_bytes",
            "Free disk space low watermark in bytes",
            process.disk_limit_bytes,
        ),
        (
            "alarms_memory_used_watermark",
            "is 1 if VM memory watermark alarm is in effect",
            alarms.0.into(),
        ),
        (
            "alarms_free_disk_space_watermark",
            "is 1 if free disk space watermark alarm is in effect",
            alarms.1.into(),
        ),
        ("alarms_file_descriptor_limit", "is 1 if file descriptor limit alarm is in effect", 0),
        ("erlang_uptime_seconds", "Node uptime", process.uptime_ms / 1_000),
    ];
    for (name, help, value) in gauges {
        text.gauge(name, help);
        text.value(&[], value);
    }
    churn(text, &stats);
    channels(text, &stats);
    globals(text, &stats, (call.api.samples().publishers(), totals.consumers as u64));
    histograms::write(call, text).await;
    levels(text, &call.api.host.levels());
    log(text, &process.commits, &call.api.host.levels());
    text.histogram(
        "log_commit_seconds",
        "Seconds that writing and syncing a batch of the log took",
        &process.commits,
    );
}

/// What waits between the server's own tasks and threads.
fn levels(text: &mut Text, levels: &[Level]) {
    text.gauge("server_waiting", "What waits between tasks and threads of the server");
    levels.iter().for_each(|own| text.value(&[("what", own.name)], own.now));
    text.gauge("server_waiting_limit", "Where whoever makes it wait is held up");
    levels.iter().for_each(|own| text.value(&[("what", own.name)], own.bound));
}

/// The dashboard of Raft shows the log: a batch of it is an entry. There are no terms, because nobody is elected.
fn log(text: &mut Text, commits: &[(f64, u64)], levels: &[Level]) {
    let committed: u64 = commits.iter().map(|(_, count)| count).sum();
    let waiting = levels.iter().find(|own| own.name == "log_commits").map_or(0, |own| own.now);
    let gauges = [
        ("raft_log_last_written_index", "Batches given to the log", committed + waiting),
        ("raft_log_commit_index", "Batches of the log that are on disk", committed),
        ("raft_log_snapshot_index", "Batches of the log that are on disk", committed),
    ];
    for (name, help, value) in gauges {
        text.gauge(name, help);
        text.value(&[], value);
    }
    text.counter("raft_term_total", "Elections of a leader: one node needs none");
    text.value(&[], 0);
    text.histogram(
        "raft_entry_commit_latency",
        "Seconds that writing and syncing a batch of the log took",
        commits,
    );
}

fn identity(text: &mut Text, process: &Process, (cluster, endpoint): (&str, &str)) {
    text.gauge("identity_info", "RabbitMQ node & cluster identity info");
    text.value(
        &[
            ("rabbitmq_node", process.node.as_str()),
            ("rabbitmq_cluster", cluster),
            ("rabbitmq_cluster_permanent_id", cluster),
            ("rabbitmq_endpoint", endpoint),
        ],
        1,
    );
    text.gauge("build_info", "RabbitMQ & Erlang/OTP version info");
    text.value(
        &[
            ("rabbitmq_version", RABBITMQ_VERSION),
            ("prometheus_plugin_version", RABBITMQ_VERSION),
            ("erlang_version", "none"),
            ("product_name", "Warrener"),
            ("product_version", env!("CARGO_PKG_VERSION")),
        ],
        1,
    );
}

fn churn(text: &mut Text, stats: &Stats) {
    let all = [
        (
            "connections_opened_total",
            "Total number of connections opened",
            stats.churn.connections_opened,
        ),
        (
            "connections_closed_total",
            "Total number of connections closed or terminated",
            stats.churn.connections_closed,
        ),
        ("channels_opened_total", "Total number of channels opened", stats.churn.channels_opened),
        ("channels_closed_total", "Total number of channels closed", stats.churn.channels_closed),
        ("queues_declared_total", "Total number of queues declared", stats.churn.queues_declared),
        ("queues_created_total", "Total number of queues created", stats.churn.queues_created),
        ("queues_deleted_total", "Total number of queues deleted", stats.churn.queues_deleted),
    ];
    for (name, help, value) in all {
        text.counter(name, help);
        text.value(&[], value);
    }
}

fn channels(text: &mut Text, stats: &Stats) {
    let all = traffic(stats);
    let messages = &all.messages;
    let counters = [
        (
            "channel_messages_published_total",
            "Total number of messages published into an exchange on a channel",
            messages.published,
        ),
        (
            "channel_messages_confirmed_total",
            "Total number of messages published into an exchange and confirmed on the channel",
            all.confirmed,
        ),
        (
            "channel_messages_unroutable_returned_total",
            "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
            all.returned,
        ),
        (
            "channel_messages_unroutable_dropped_total",
            "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
            all.dropped,
        ),
        (
            "channel_messages_delivered_total",
            "Total number of messages delivered to consumers in automatic acknowledgement mode",
            messages.delivered_settled,
        ),
        (
            "channel_messages_delivered_ack_total",
            "Total number of messages delivered to consumers in manual acknowledgement mode",
            messages.delivered,
        ),
        (
            "channel_messages_redelivered_total",
            "Total number of messages redelivered to consumers",
            messages.redelivered,
        ),
        (
            "channel_messages_acked_total",
            "Total number of messages acknowledged by consumers",
            messages.acknowledged,
        ),
        (
            "channel_get_total",
            "Total number of messages fetched with basic.get in automatic acknowledgement mode",
            messages.got_settled,
        ),
        (
            "channel_get_ack_total",
            "Total number of messages fetched with basic.get in manual acknowledgement mode",
            messages.got,
        ),
        (
            "channel_get_empty_total",
            "Total number of times basic.get operations fetched no message",
            messages.got_nothing,
        ),
    ];
    for (name, help, value) in counters {
        text.counter(name, help);
        text.value(&[], value);
    }
}

/// `rabbitmq_global_*`: by protocol, and by type of queue where there is one.
fn globals(text: &mut Text, stats: &Stats, (publishers, consumers): (u64, u64)) {
    let protocol = [("protocol", "amqp091")];
    let whole = [
        (
            "global_messages_received_total",
            "Total number of messages received from publishers",
            stats.published,
        ),
        (
            "global_messages_received_confirm_total",
            "Total number of messages received from publishers expecting confirmations",
            stats.published_for_confirm,
        ),
        (
            "global_messages_routed_total",
            "Total number of messages routed to queues or streams",
            stats.classic.published + stats.quorum.published,
        ),
        (
            "global_messages_confirmed_total",
            "Total number of messages confirmed to publishers",
            stats.confirmed,
        ),
        (
            "global_messages_unroutable_dropped_total",
            "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
            stats.unroutable - stats.returned,
        ),
        (
            "global_messages_unroutable_returned_total",
            "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
            stats.returned,
        ),
    ];
    for (name, help, value) in whole {
        text.counter(name, help);
        text.value(&protocol, value);
    }
    text.gauge("global_publishers", "Publishers currently connected");
    text.value(&protocol, publishers);
    text.gauge("global_consumers", "Consumers currently connected");
    text.value(&protocol, consumers);
    for (name, help, of) in BY_TYPE {
        text.counter(name, help);
        for (kind, traffic) in
            [("rabbit_classic_queue", &stats.classic), ("rabbit_quorum_queue", &stats.quorum)]
        {
            text.value(&[("protocol", "amqp091"), ("queue_type", kind)], of(traffic));
        }
    }
    text.counter(
        "reports_dropped_total",
        "Messages of the firehose and the event exchange that were left out because too many waited",
    );
    text.value(&[], stats.reports_dropped);
    dead_letters::write(text, stats);
}

/// What is told by type of queue.
const BY_TYPE: [(&str, &str, TrafficOf); 8] = [
    (
        "global_messages_delivered_total",
        "Total number of messages delivered to consumers",
        Traffic::handed_out,
    ),
    (
        "global_messages_delivered_consume_auto_ack_total",
        "Total number of messages delivered to consumers using basic.consume with automatic acknowledgment",
        |own| own.delivered_settled,
    ),
    (
        "global_messages_delivered_consume_manual_ack_total",
        "Total number of messages delivered to consumers using basic.consume with manual acknowledgment",
        |own| own.delivered,
    ),
    (
        "global_messages_delivered_get_auto_ack_total",
        "Total number of messages delivered to consumers using basic.get with automatic acknowledgment",
        |own| own.got_settled,
    ),
    (
        "global_messages_delivered_get_manual_ack_total",
        "Total number of messages delivered to consumers using basic.get with manual acknowledgment",
        |own| own.got,
    ),
    (
        "global_messages_get_empty_total",
        "Total number of times basic.get operations fetched no message",
        |own| own.got_nothing,
    ),
    (
        "global_messages_redelivered_total",
        "Total number of messages redelivered to consumers",
        |own| own.redelivered,
    ),
    (
        "global_messages_acknowledged_total",
        "Total number of message acknowledgements received from consumers",
        |own| own.acknowledged,
    ),
];

fn queue_counts(text: &mut Text, labels: &[(&str, &str)], counts: &Counts) {
    for (name, help, of) in COUNTS {
        text.gauge(name, help);
        text.value(labels, of(counts));
    }
}

type CountOf = fn(&Counts) -> u64;

const COUNTS: [(&str, &str, CountOf); 9] = [
    ("queue_messages_ready", "Messages ready to be delivered to consumers", |own| own.ready),
    ("queue_messages_unacked", "Messages delivered to consumers but not yet acknowledged", |own| {
        own.unacked
    }),
    ("queue_messages", "Sum of ready and unacknowledged messages - total queue depth", |own| {
        own.ready + own.unacked
    }),
    ("queue_messages_ready_bytes", "Size in bytes of ready messages", |own| own.ready_bytes),
    ("queue_messages_unacked_bytes", "Size in bytes of all unacknowledged messages", |own| {
        own.unacked_bytes
    }),
    ("queue_messages_bytes", "Size in bytes of ready and unacknowledged messages", |own| {
        own.ready_bytes + own.unacked_bytes
    }),
    ("queue_messages_ram", "Ready and unacknowledged messages stored in memory", |own| {
        own.ready + own.unacked
    }),
    (
        "queue_messages_ram_bytes",
        "Size of ready and unacknowledged messages stored in memory",
        |own| own.ready_bytes + own.unacked_bytes,
    ),
    ("queue_consumers", "Consumers on a queue", |own| own.consumers),
];

type TrafficOf = fn(&Traffic) -> u64;

const TRAFFIC: [(&str, &str, TrafficOf); 8] = [
    ("queue_messages_published_total", "Total number of messages published to queues", |own| {
        own.published
    }),
    (
        "queue_messages_delivered_total",
        "Total number of messages delivered to consumers in automatic acknowledgement mode",
        |own| own.delivered_settled,
    ),
    (
        "queue_messages_delivered_ack_total",
        "Total number of messages delivered to consumers in manual acknowledgement mode",
        |own| own.delivered,
    ),
    (
        "queue_messages_redelivered_total",
        "Total number of messages redelivered to consumers",
        |own| own.redelivered,
    ),
    ("queue_messages_acked_total", "Total number of messages acknowledged by consumers", |own| {
        own.acknowledged
    }),
    (
        "queue_get_total",
        "Total number of messages fetched with basic.get in automatic acknowledgement mode",
        |own| own.got_settled,
    ),
    (
        "queue_get_ack_total",
        "Total number of messages fetched with basic.get in manual acknowledgement mode",
        |own| own.got,
    ),
    (
        "queue_get_empty_total",
        "Total number of times basic.get operations fetched no message",
        |own| own.got_nothing,
    ),
];

fn each_queue(text: &mut Text, queues: &[QueueView], families: &[Family]) {
    let names: Vec<[String; 2]> =
        queues.iter().map(|own| [&own.vhost, &own.name].map(crate::listing::text)).collect();
    let has = |family| families.contains(&family);
    let is_consumers = |name: &str| name == "queue_consumers";
    for (name, help, of) in COUNTS {
        if has(if is_consumers(name) { Family::Consumers } else { Family::Counts }) {
            text.gauge(name, help);
            for (queue, [vhost, name]) in queues.iter().zip(&names) {
                text.value(&[("vhost", vhost), ("queue", name)], of(&queue.counts));
            }
        }
    }
    for (name, help, of) in TRAFFIC.iter().filter(|_| has(Family::Traffic)) {
        text.counter(name, help);
        for (queue, [vhost, name]) in queues.iter().zip(&names) {
            text.value(&[("vhost", vhost), ("queue", name)], of(&queue.traffic));
        }
    }
}
