//! What the node is and how it is configured.

use serde_json::{Value, json};

use crate::ctl::client::step;
use crate::ctl::line::Line;
use crate::ctl::verb::Verb;
use crate::ctl::{Failure, Said, Shown};

pub(super) const VERBS: &[Verb] = &[
    Verb::new("status", "", status).saying(|line| format!("Status of node {} ...", line.node())),
    Verb::new("cluster_status", "", cluster_status)
        .saying(|line| format!("Cluster status of node {} ...", line.node())),
    Verb::new("environment", "", |line| {
        signalled(line, "warrener config show prints every setting, and where it comes from")
    }),
    Verb::new("report", "", report)
        .saying(|line| format!("Reporting server status of node {} ...\n", line.node())),
    Verb::new("server_version", "", server_version)
        .saying(|line| format!("Asking node {} for its RabbitMQ version...", line.node())),
    Verb::new("product_info", "", |line| {
        let overview = line.client.get("/api/overview")?;
        let columns = ["product_name", "product_version", "warrener_version"];
        let row = columns.map(|column| overview[column].clone());
        Ok(Shown::Rows { columns: columns.map(str::to_owned).to_vec(), rows: vec![row.to_vec()] })
    })
    .saying(|line| format!("Asking node {} for its product info...", line.node())),
    Verb::new("listeners", "", listeners)
        .saying(|line| format!("Asking node {} to report its protocol listeners ...", line.node())),
    Verb::new("memory_breakdown", "", memory)
        .saying(|line| format!("Reporting memory breakdown on node {}...", line.node())),
    Verb::new("cluster_name", "", |line| {
        let named = line.client.get("/api/cluster-name")?;
        Ok(Shown::Text(named["name"].as_str().unwrap_or_default().to_owned()))
    }),
    Verb::new("set_cluster_name", "<name>", |line| {
        let body = json!({ "name": line.word(0) });
        line.client.done("PUT", "/api/cluster-name", Some(&body))?;
        Ok(Shown::Nothing)
    })
    .saying(|line| format!("Setting cluster name to {} ...", line.word(0))),
    Verb::new("enable_feature_flag", "<feature_flag>", |line| match line.word(0) {
        // All there are, are.
        "all" => Ok(Shown::Nothing),
        flag => {
            let path = format!("/api/feature-flags/{}/enable", step(flag));
            line.client.done("PUT", &path, None).map(|_| Shown::Nothing)
        }
    })
    .saying(|line| match line.word(0) {
        "all" => "Enabling all feature flags ...".to_owned(),
        flag => format!("Enabling feature flag \"{flag}\" ..."),
    }),
    Verb::new("stop", "", |line| signalled(line, "an orderly end: SIGTERM")),
    Verb::new("shutdown", "", |line| signalled(line, "an orderly end: SIGTERM")),
    Verb::new("stop_app", "", |line| signalled(line, "an orderly end: SIGTERM")),
    Verb::new("reset", "", |line| signalled(line, "an empty broker: an empty data directory")),
    Verb::new("join_cluster", "<node>", |line| signalled(line, "one node: there is no cluster")),
    Verb::new("rotate_logs", "", |line| signalled(line, "logs go to standard error")),
];

/// What is not done by way of the broker.
fn signalled(line: &Line, instead: &str) -> Said {
    Err(Failure::usage(format!("{} is not a command of this broker; {instead}", line.verb)))
}

fn status(line: &Line) -> Said {
    let is_json = line.formatter == crate::ctl::table::Formatter::Json;
    let overview = line.client.get("/api/overview")?;
    let nodes = line.client.get("/api/nodes")?;
    let alarms = line.client.ask("GET", "/api/health/checks/alarms", None)?.value["alarms"].take();
    let node = &nodes[0];
    Ok(Shown::Document(json!({
        "runtime": {
            "os_pid": node["os_pid"],
            "uptime_seconds": node["uptime"].as_u64().unwrap_or_default() / 1_000,
            "processors": node["processors"],
        },
        "versions": {
            "rabbitmq_version": overview["rabbitmq_version"],
            "warrener_version": overview["warrener_version"],
        },
        "data_directory": node["db_dir"],
        "memory": { "used": node["mem_used"], "limit": node["mem_limit"] },
        "disk": { "free": node["disk_free"], "free_limit": node["disk_free_limit"] },
        "file_descriptors": { "used": node["fd_used"], "total": node["fd_total"] },
        "alarms": if alarms.is_null() { json!([]) } else { alarms },
        "totals": overview["object_totals"],
        "messages": overview["queue_totals"],
        "listeners": shown_listeners(&overview, is_json),
    })))
}

/// Listeners as the API has them, or a line for each.
fn shown_listeners(overview: &Value, as_they_are: bool) -> Value {
    if as_they_are {
        return overview["listeners"].clone();
    }
    let all = overview["listeners"].as_array().into_iter().flatten();
    all.map(|own| Value::from(listener(own))).collect()
}

fn cluster_status(line: &Line) -> Said {
    let is_json = line.formatter == crate::ctl::table::Formatter::Json;
    let named = line.client.get("/api/cluster-name")?;
    let node = line.client.get("/api/nodes")?[0].take();
    let overview = line.client.get("/api/overview")?;
    let name = &node["name"];
    Ok(Shown::Document(json!({
        "cluster_name": named["name"],
        "disk_nodes": [name],
        "running_nodes": [name],
        "ram_nodes": [],
        "partitions": {},
        "versions": { name.as_str().unwrap_or_default(): overview["rabbitmq_version"] },
        "listeners": shown_listeners(&overview, is_json),
    })))
}

fn server_version(line: &Line) -> Said {
    let overview = line.client.get("/api/overview")?;
    Ok(Shown::Text(overview["rabbitmq_version"].as_str().unwrap_or_default().to_owned()))
}

fn listeners(line: &Line) -> Said {
    let overview = line.client.get("/api/overview")?;
    let all = overview["listeners"].as_array().cloned().unwrap_or_default();
    if line.formatter == crate::ctl::table::Formatter::Json {
        return Ok(Shown::Document(json!({ "node": overview["node"], "listeners": all })));
    }
    Ok(Shown::Text(all.iter().map(listener).collect::<Vec<_>>().join("\n")))
}

/// A listener in one line, as RabbitMQ's tools have it.
fn listener(own: &Value) -> String {
    let [ip, protocol] =
        ["ip_address", "protocol"].map(|name| own[name].as_str().unwrap_or_default());
    let ip = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    format!(
        "Interface: {ip}, port: {}, protocol: {protocol}, purpose: {}",
        own["port"],
        purpose(protocol)
    )
}

fn purpose(protocol: &str) -> &str {
    match protocol {
        "amqp" => "AMQP 0-9-1",
        "amqp/ssl" => "AMQP 0-9-1 over TLS",
        "http" => "HTTP API",
        "https" => "HTTP API over TLS (HTTPS)",
        "http/prometheus" => "Prometheus exporter API over HTTP",
        "http/web-amqp" => "AMQP over WebSockets",
        "https/web-amqp" => "AMQP over WebSockets and TLS",
        other => other,
    }
}

fn memory(line: &Line) -> Said {
    let node = line.client.get("/api/nodes?columns=name")?;
    let path = format!("/api/nodes/{}/memory", step(node[0]["name"].as_str().unwrap_or_default()));
    Ok(Shown::Document(line.client.get(&path)?["memory"].take()))
}

/// Everything that can be asked for without changing anything, as one document.
fn report(line: &Line) -> Said {
    let mut all = json!({});
    for what in [
        "overview",
        "nodes",
        "vhosts",
        "users",
        "permissions",
        "connections",
        "channels",
        "queues",
        "exchanges",
        "bindings",
        "consumers",
        "policies",
        "operator-policies",
        "parameters",
        "global-parameters",
        "feature-flags",
    ] {
        all[what] = line.client.get(&format!("/api/{what}"))?;
    }
    // Hashes of passwords are nobody's who reads a report.
    for user in all["users"].as_array_mut().into_iter().flatten() {
        user["password_hash"] = Value::Null;
    }
    Ok(Shown::Document(all))
}
