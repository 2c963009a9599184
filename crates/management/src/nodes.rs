//! `/api/nodes`.

use serde_json::{Value, json};
use warrener_broker::{Alarm, RABBITMQ_VERSION};

use crate::call::Call;
use crate::host::Process;
use crate::listing;
use crate::overview::{churn, contexts, exchange_types};
use crate::reply::{Failure, Reply};

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let node = document(&call);
    listing::answer(&call, vec![node], Value::clone)
}

pub(crate) async fn one(call: Call) -> Result<Reply, Failure> {
    let node = document(&call);
    if node["name"] != call.place("node") {
        return Err(Failure::Missing);
    }
    listing::one(&call, node)
}

fn document(call: &Call) -> Value {
    let process = call.api.host.process();
    let stats = call.look(|view| view.stats());
    let mut all = churn(&call.api.samples(), &stats);
    for facts in [facts(call, &process), constants(call, &process)] {
        if let Value::Object(facts) = facts {
            all.extend(facts);
        }
    }
    let connections = call.look(|view| view.connections()) as u64;
    let gauges = [
        ("mem_used", process.memory_bytes),
        ("fd_used", process.files),
        ("sockets_used", connections),
        ("proc_used", connections),
        ("disk_free", process.disk_free_bytes.unwrap_or_default()),
    ];
    for (name, value) in gauges.into_iter().chain(ABSENT.map(|name| (name, 0))) {
        crate::stats::counter(&mut all, name, value, 0.0);
    }
    Value::Object(all)
}

/// What RabbitMQ's storage and Erlang count, and this has no like of.
const ABSENT: [&str; 20] = [
    "gc_num",
    "gc_bytes_reclaimed",
    "context_switches",
    "io_read_count",
    "io_read_bytes",
    "io_read_avg_time",
    "io_write_count",
    "io_write_bytes",
    "io_write_avg_time",
    "io_sync_count",
    "io_sync_avg_time",
    "io_seek_count",
    "io_seek_avg_time",
    "io_reopen_count",
    "mnesia_ram_tx_count",
    "mnesia_disk_tx_count",
    "msg_store_read_count",
    "msg_store_write_count",
    "queue_index_write_count",
    "queue_index_read_count",
];

fn facts(call: &Call, process: &Process) -> Value {
    let (memory_alarm, disk_alarm) =
        call.look(|view| (view.has_alarm(Alarm::Memory), view.has_alarm(Alarm::Disk)));
    json!({
        "name": process.node,
        "os_pid": process.pid.to_string(),
        "uptime": process.uptime_ms,
        "processors": process.processors,
        "mem_limit": call.look(|view| view.memory_limit_bytes()),
        "mem_alarm": memory_alarm,
        "disk_free_limit": process.disk_limit_bytes,
        "disk_free_alarm": disk_alarm,
        "fd_total": process.files_max,
        "sockets_total": process.files_max,
        "proc_total": process.files_max,
        "db_dir": process.data_dir.clone().unwrap_or_default(),
    })
}

fn constants(call: &Call, process: &Process) -> Value {
    let mechanism = |name: &str| {
        let description = format!("SASL {name} authentication mechanism");
        json!({ "name": name, "description": description, "enabled": true })
    };
    let mechanisms = ["PLAIN", "AMQPLAIN"].map(mechanism);
    let plugins =
        ["rabbitmq_management", "rabbitmq_prometheus", "rabbitmq_consistent_hash_exchange"];
    json!({
        "type": "disc",
        "running": true,
        "being_drained": false,
        "partitions": [],
        "run_queue": 0,
        "rates_mode": "basic",
        "mem_calculation_strategy": "rss",
        "exchange_types": exchange_types(),
        "auth_mechanisms": mechanisms,
        "applications": [
            { "name": "rabbit", "description": "Warrener, as RabbitMQ", "version": RABBITMQ_VERSION },
        ],
        "contexts": contexts(&call.api.host.listeners(), &process.node),
        "log_files": ["<stderr>"],
        "config_files": [],
        "net_ticktime": 60,
        "enabled_plugins": plugins,
        "ra_open_file_metrics": {},
        "rabbitmq_version": RABBITMQ_VERSION,
        "erlang_version": "none",
        "erlang_full_version": "none: this broker is written in Rust",
        "crypto_lib_version": "none",
        "cluster_links": [],
        "metrics_gc_queue_length": {},
    })
}

pub(crate) async fn memory(call: Call) -> Result<Reply, Failure> {
    let process = call.api.host.process();
    if process.node != call.place("node") {
        return Err(Failure::Missing);
    }
    let held = call.look(|view| view.memory_bytes());
    let mut memory = json!({
        "queue_procs": held,
        "other_system": process.memory_bytes.saturating_sub(held),
        "strategy": "rss",
        "total": { "erlang": held, "rss": process.memory_bytes, "allocated": process.memory_bytes },
    });
    for part in PARTS_OF_ERLANG {
        memory[part] = 0.into();
    }
    Ok(Reply::Json(json!({ "memory": memory })))
}

/// What RabbitMQ takes its memory apart into, and there is no like of here. Clients ask for all of it.
const PARTS_OF_ERLANG: [&str; 24] = [
    "connection_readers",
    "connection_writers",
    "connection_channels",
    "connection_other",
    "stream_queue_procs",
    "stream_queue_replica_reader_procs",
    "stream_queue_coordinator_procs",
    "quorum_queue_procs",
    "quorum_queue_dlx_procs",
    "plugins",
    "metadata_store",
    "other_proc",
    "metrics",
    "mgmt_db",
    "quorum_ets",
    "mnesia",
    "metadata_store_ets",
    "other_ets",
    "binary",
    "msg_index",
    "code",
    "atom",
    "allocated_unused",
    "reserved_unallocated",
];
