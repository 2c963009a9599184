//! The management API: the shapes and rights that RabbitMQ 4.3.6 has, and its own tool driving us.
//!
//! `management/shapes.json` and `management/rights.json` were recorded from RabbitMQ 4.3.6: which keys of which types the
//! documents of a small scene have, and which status each route has for each tag, in a virtual host that the user may enter
//! and in one that it may not.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::clients::{LIMIT, install, unless_missing};
use crate::process;
use crate::wire::Peer;

/// A client of the API that is just good enough.
struct Api {
    address: SocketAddr,
    login: String,
}

impl Api {
    fn new(broker: &Broker) -> Self {
        Self { address: broker.served("management API"), login: "guest:guest".into() }
    }

    fn as_user(&self, name: &str) -> Self {
        Self { login: format!("{name}:secret"), ..*self }
    }

    /// Status and body.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("the API");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        let body = body.map(ToString::to_string).unwrap_or_default();
        let login = STANDARD.encode(&self.login);
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic {login}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), body.to_owned())
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", &format!("/api{path}"), None);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    fn put(&self, path: &str, body: &Value) {
        self.change("PUT", path, body);
    }

    fn change(&self, method: &str, path: &str, body: &Value) {
        let (status, said) = self.ask(method, &format!("/api{path}"), Some(body));
        assert!((200..300).contains(&status), "{method} {path}: {status} {said}");
    }

    fn permit(&self, vhost: &str, user: &str) {
        let all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        self.put(&format!("/permissions/{vhost}/{user}"), &all);
    }
}

/// The keys of a document with their types, as the recording has them.
fn shape(value: &Value, at: &str, out: &mut BTreeMap<String, BTreeSet<&'static str>>) {
    /// What is in these is the scene's.
    const OPEN: [&str; 14] = [
        "arguments",
        "value",
        "definition",
        "effective_policy_definition",
        "client_properties",
        "cluster_state",
        "garbage_collection",
        "socket_opts",
        "ra_open_file_metrics",
        "metrics_gc_queue_length",
        "tls_opts",
        "limits",
        "metadata",
        "node_tags",
    ];
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    out.entry(if at.is_empty() { "." } else { at }.to_owned()).or_default().insert(kind);
    if OPEN.contains(&at.rsplit('.').next().unwrap_or_default()) {
        return;
    }
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| shape(value, &format!("{at}.{name}"), out));
        }
        Value::Array(items) => items.iter().for_each(|item| shape(item, &format!("{at}[]"), out)),
        _ => {}
    }
}

/// Keys that RabbitMQ tells and we do not, and types that differ; docs/management.md says why.
fn is_known_to_differ(path: &str, key: &str) -> bool {
    let ends = |ends: &[&str]| ends.iter().any(|end| key.ends_with(end));
    ends(&["idle_since", "consumer_timeout", "original_cluster_name", ".config_files[]"])
        || (path.starts_with("/vhosts")
            && ["confirm", "_unroutable", "_oct"].iter().any(|part| key.contains(part)))
        || (path == "/connections/{connection}" && (key.contains("ssl") || key.contains("peer_cert")))
        // The recorded client had a name.
        || key.ends_with("user_provided_name")
        // The recorded broker had a user of this kind.
        || (path == "/users/without-permissions" && key.starts_with("[]"))
}

/// The scene that was recorded.
async fn scene(broker: &Broker, api: &Api) -> warrener_client::Connection {
    api.put("/vhosts/shapes", &json!({}));
    api.put(
        "/queues/shapes/orders",
        &json!({ "durable": true, "arguments": { "x-max-length": 1000 } }),
    );
    api.put("/exchanges/shapes/shop", &json!({ "type": "topic" }));
    api.change("POST", "/bindings/shapes/e/shop/q/orders", &json!({ "routing_key": "a.#" }));
    let policy = |length| json!({ "pattern": "^orders$", "definition": { "max-length": length }, "apply-to": "queues" });
    api.put("/policies/shapes/p", &policy(500));
    api.put("/operator-policies/shapes/o", &policy(400));
    api.put("/users/ann", &json!({ "password": "x", "tags": "management" }));
    api.put("/permissions/shapes/ann", &json!({ "configure": "", "write": "", "read": ".*" }));
    api.put(
        "/topic-permissions/shapes/ann",
        &json!({ "exchange": "shop", "write": "^a", "read": ".*" }),
    );
    api.put("/vhost-limits/shapes/max-queues", &json!({ "value": 100 }));
    api.put("/user-limits/ann/max-channels", &json!({ "value": 100 }));
    api.put("/global-parameters/gp", &json!({ "value": { "a": 1 } }));
    let url = broker.url().replace("%2F", "shapes");
    warrener_client::Connection::open(&url).await.expect("a connection")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_have_the_keys_and_types_of_rabbitmq() {
    let broker = Broker::start_managed();
    let api = Api::new(&broker);
    let connection = scene(&broker, &api).await;
    let channel = connection.channel().await.expect("a channel");
    let queue = "orders".try_into().expect("short");
    let consume = warrener_client::codec::method::basic::Consume { queue, ..Default::default() };
    let consumer = channel.consume(consume).await.expect("a consumer");
    api.change(
        "POST",
        "/exchanges/shapes/shop/publish",
        &json!({ "properties": {}, "routing_key": "a.b", "payload": "hello", "payload_encoding": "string" }),
    );
    let counted = || api.get("/queues/shapes/orders").get("message_stats").is_some();
    assert!(process::eventually(Duration::from_secs(20), counted), "the publish was counted");
    let names = api.get("/connections");
    let name = names[0]["name"].as_str().expect("a name");
    let name = name.replace(' ', "%20").replace('>', "%3E");
    let recorded: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_str(include_str!("management/shapes.json")).expect("the recording");
    assert!(recorded.len() > 40, "{} documents", recorded.len());
    let mut complaints = Vec::new();
    for (path, keys) in &recorded {
        let asked =
            path.replace("{channel}", &format!("{name}%20(1)")).replace("{connection}", &name);
        let mut ours = BTreeMap::new();
        shape(&api.get(&asked), "", &mut ours);
        for (key, kinds) in keys.iter().filter(|(key, _)| !is_known_to_differ(path, key)) {
            match ours.get(key.as_str()) {
                Some(own) if own.iter().any(|kind| kinds.split('|').any(|it| it == *kind)) => {}
                // What a channel has published itself is in its statistics, and we published by other means.
                None if path.contains("channel") && key.contains("message_stats") => {}
                None => complaints.push(format!("{path}: {key} is missing")),
                Some(own) => complaints.push(format!("{path}: {key} is {own:?}, not {kinds}")),
            }
        }
    }
    drop(consumer);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_route_answers_every_tag_as_rabbitmq_does_in_own_and_foreign_virtual_hosts() {
    let broker = Broker::start_managed();
    let api = Api::new(&broker);
    for vhost in ["own", "foreign"] {
        api.put(&format!("/vhosts/{vhost}"), &json!({}));
        api.put(&format!("/queues/{vhost}/q"), &json!({}));
        api.put(&format!("/exchanges/{vhost}/x"), &json!({ "type": "topic" }));
        let policy = json!({ "pattern": "^q$", "definition": { "max-length": 5 } });
        api.put(&format!("/policies/{vhost}/p"), &policy);
        api.put(&format!("/operator-policies/{vhost}/p"), &policy);
        let binding = json!({ "routing_key": "k" });
        api.change("POST", &format!("/bindings/{vhost}/e/x/q/q"), &binding);
    }
    for tag in ["none", "management", "policymaker", "monitoring", "administrator"] {
        let given = if tag == "none" { "" } else { tag };
        api.put(&format!("/users/t-{tag}"), &json!({ "password": "secret", "tags": given }));
        api.permit("own", &format!("t-{tag}"));
    }
    let recorded: Value =
        serde_json::from_str(include_str!("management/rights.json")).expect("the recording");
    let cells = recorded["table"].as_array().expect("a table");
    assert!(cells.len() > 600, "{} cells", cells.len());
    let mut complaints = Vec::new();
    for cell in cells {
        let text = |index: usize| cell[index].as_str().expect("text");
        let (method, path, vhost, tag) = (text(0), text(1), text(2), text(3));
        let body = &recorded["bodies"][format!("{method} {path}")];
        let user = api.as_user(&format!("t-{}", if tag.is_empty() { "none" } else { tag }));
        let asked = format!("/api{}", path.replace("{vhost}", vhost));
        let (status, _) = user.ask(method, &asked, Some(body).filter(|body| !body.is_null()));
        // RabbitMQ fails when somebody closes a connection that is not there.
        let theirs = if cell[4] == 500 { json!(404) } else { cell[4].clone() };
        if theirs != status {
            complaints.push(format!("{method} {path} {vhost} {tag}: {status}, RabbitMQ {theirs}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Debian's package of RabbitMQ has its Python tool here.
const RABBITMQADMIN: &str = "/usr/bin/rabbitmqadmin";

#[test]
fn rabbitmqadmin_drives_it() {
    assert!(Path::new(RABBITMQADMIN).exists(), "install rabbitmq-server for {RABBITMQADMIN}");
    let broker = Broker::start_managed();
    let address = broker.served("management API");
    let run = |line: &str| {
        let mut command = Command::new("python3");
        command.arg(RABBITMQADMIN).args([
            "-H",
            "127.0.0.1",
            "-u",
            "guest",
            "-p",
            "guest",
            "-f",
            "tsv",
        ]);
        let ran = command.arg("-P").arg(address.port().to_string()).args(line.split(' ')).output();
        let ran = ran.expect("python3");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{line}: {said}{}", String::from_utf8_lossy(&ran.stderr));
        said
    };
    run("declare queue name=q1 durable=true arguments={\"x-max-length\":9}");
    run("declare exchange name=x1 type=topic");
    run("declare binding source=x1 destination=q1 routing_key=a.#");
    assert!(run("publish exchange=x1 routing_key=a.b payload=hello").contains("published"));
    assert!(run("publish exchange=x1 routing_key=b payload=x").contains("NOT routed"));
    assert!(run("get queue=q1 ackmode=ack_requeue_true").contains("hello"));
    assert_eq!(run("list queues vhost name messages").lines().nth(1), Some("/\tq1\t1"));
    assert!(run("get queue=q1 ackmode=ack_requeue_false").contains("hello"));
    assert!(run("list bindings source destination routing_key").contains("x1\tq1\ta.#"));
    run("declare vhost name=v2");
    run("declare user name=u password=p tags=monitoring");
    run("declare permission vhost=v2 user=u configure=.* write=.* read=.*");
    run("declare policy name=p pattern=^q definition={\"max-length\":5} apply-to=queues");
    assert!(run("list policies name pattern").contains("p\t^q"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("definitions.json");
    run(&format!("export {}", file.display()));
    run("delete policy name=p");
    run("delete queue name=q1");
    run(&format!("import {}", file.display()));
    assert!(run("list queues name policy").contains("q1\tp"));
    run("purge queue name=q1");
    for line in [
        "list nodes",
        "list connections",
        "list channels",
        "list consumers",
        "list users",
        "show overview",
    ] {
        run(line);
    }
    run("delete binding source=x1 destination_type=queue destination=q1 properties_key=a.%23");
    for line in ["exchange name=x1", "queue name=q1", "user name=u", "vhost name=v2"] {
        run(&format!("delete {line}"));
    }
    assert_eq!(run("list vhosts name").lines().count(), 2);
}

#[test]
fn pages_columns_sorting_and_errors_are_those_of_rabbitmq() {
    let broker = Broker::start_managed();
    let api = Api::new(&broker);
    for index in 0..25 {
        api.put(&format!("/queues/%2F/q{index:02}"), &json!({ "durable": false }));
    }
    let page =
        api.get("/queues?page=2&page_size=10&name=q&columns=name&sort=name&sort_reverse=true");
    assert_eq!((&page["total_count"], &page["page_count"]), (&json!(25), &json!(3)));
    assert_eq!(page["items"][0], json!({ "name": "q14" }));
    let found = api.get("/queues?page=1&name=q0%5B12%5D&use_regex=true&columns=name");
    assert_eq!(found["items"], json!([{ "name": "q01" }, { "name": "q02" }]));
    // What is sorted by a column that is known without the document has the order that documents have.
    for (queue, count) in [("q07", 2), ("q03", 5), ("q20", 1)] {
        for _ in 0..count {
            let message = json!({ "properties": {}, "routing_key": queue, "payload": "x", "payload_encoding": "string" });
            api.change("POST", "/exchanges/%2F/amq.default/publish", &message);
        }
    }
    for sort in ["messages", "messages_ready", "message_bytes", "message_bytes_ready", "memory"] {
        let path = format!("/queues?page=1&page_size=3&columns=name&sort={sort}&sort_reverse=true");
        let items = api.get(&path)["items"].clone();
        assert_eq!(
            items,
            json!([{ "name": "q03" }, { "name": "q07" }, { "name": "q20" }]),
            "{sort}"
        );
    }
    for sort in [
        "message_stats.publish",
        "message_stats.publish_details.rate",
        "messages_details.rate",
        "messages_persistent",
        "consumer_utilisation",
        "head_message_timestamp",
    ] {
        let all = api.get(&format!("/queues?sort={sort}"));
        let at = |queue: &Value| {
            let value = sort.split('.').try_fold(queue, |value, step| value.get(step));
            value.and_then(Value::as_f64).unwrap_or_default()
        };
        let values: Vec<f64> = all.as_array().expect("queues").iter().map(at).collect();
        assert!(values.len() == 25 && values.is_sorted(), "{sort}: {values:?}");
    }
    let told = |method: &str, path: &str, body: Value| {
        let (status, said) = api.ask(method, &format!("/api{path}"), Some(&body));
        (status, serde_json::from_str::<Value>(&said).unwrap_or_default())
    };
    let error = |error: &str, reason: &str| json!({ "error": error, "reason": reason });
    let missing = (404, error("Object Not Found", "Not Found"));
    assert_eq!(told("GET", "/queues/%2F/none", json!({})), missing);
    assert_eq!(told("GET", "/nothing", json!({})), missing);
    let vhost = (404, error("not_found", "vhost_not_found"));
    assert_eq!(told("PUT", "/queues/none/q", json!({})), vhost);
    let inequivalent = "inequivalent arg 'durable' for queue 'q00' in vhost '/': received 'true' but current is 'false'";
    assert_eq!(
        told("PUT", "/queues/%2F/q00", json!({})),
        (400, error("bad_request", inequivalent))
    );
    let range = "Page out of range, page: 5 page size: 10, len: 25";
    assert_eq!(
        told("GET", "/queues?page=5&page_size=10", json!({})),
        (400, error("page_out_of_range", range))
    );
    let keys = "[{key_missing,write},{key_missing,read}]";
    let permission = json!({ "configure": "" });
    assert_eq!(
        told("PUT", "/permissions/%2F/guest", permission),
        (400, error("bad_request", keys))
    );
    assert_eq!(told("PATCH", "/queues", json!({})).0, 405);
    assert_eq!(told("PUT", "/queues/%2F/q", json!([])).0, 400);
    let deep = format!("{}1{}", "[".repeat(9_000), "]".repeat(9_000));
    let deep: String = format!("{{\"arguments\":{{\"a\":{deep}}}}}");
    let mut stranger = api.as_user("guest");
    assert_eq!(stranger.ask("GET", "/api/whoami", None).0, 401);
    stranger.login = "guest:guest".into();
    let (status, _) = stranger.ask("PUT", "/api/queues/%2F/deep", Some(&Value::String(deep)));
    assert_eq!(status, 400);
}

#[test]
fn passwords_are_kept_by_argon2id_where_asked_and_exports_say_so() {
    let broker = Broker::start_configured(|command| {
        command.args(["--memory-only", "--listen", "127.0.0.1:0", "--management", "127.0.0.1:0"]);
        command.args(["--password-hashing", "argon2id", "--user", "ann:secret"]);
    });
    Peer::greeted(&broker).log_in("ann", "wrong");
    let mut peer = Peer::greeted(&broker);
    peer.log_in("ann", "secret");
    peer.open_in("/");
    let api = Api::new(&broker);
    api.put("/users/bob", &json!({ "password": "secret", "tags": "management" }));
    let users = api.get("/definitions")["users"].clone();
    for user in users.as_array().expect("a list") {
        assert_eq!(user["hashing_algorithm"], "warrener_password_hashing_argon2id", "{user}");
    }
    assert_eq!(api.as_user("bob").get("/whoami")["name"], "bob");
    // What others have hashed is read all the same: this is `secret` with the salt 01020304.
    let hash = json!({ "password_hash": SECRET, "tags": "management" });
    api.put("/users/eve", &hash);
    assert_eq!(api.as_user("eve").get("/whoami")["name"], "eve");
    let (status, _) = Api { login: "eve:wrong".into(), ..api }.ask("GET", "/api/whoami", None);
    assert_eq!(status, 401);
}

const SECRET: &str = "AQIDBDB9kM21iEUzN1lZ+6VReCsdNqS0sERdAQTcY6Xs3PMz";

#[test]
fn metrics_are_prometheus_text_with_rabbitmqs_names() {
    let broker = Broker::start_managed();
    let api = Api::new(&broker);
    api.put("/queues/%2F/a%22b", &json!({}));
    let metrics = Api { address: broker.served("metrics"), login: String::new() };
    let (status, text) = metrics.ask("GET", "/metrics/per-object", None);
    assert_eq!(status, 200);
    let mut samples = BTreeMap::new();
    let mut typed = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
            assert!(typed.insert(name.to_owned()), "{name} is begun twice");
        } else if !line.starts_with("# HELP ") {
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            let value: f64 = value.parse().expect("a number");
            assert!(samples.insert(sample.to_owned(), value).is_none(), "{sample} is there twice");
            let name = sample.split('{').next().expect("a name");
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            assert!(typed.contains(name) || family.is_some_and(|it| typed.contains(it)), "{line}");
        }
    }
    assert_eq!(samples.get("rabbitmq_queue_messages{vhost=\"/\",queue=\"a\\\"b\"}"), Some(&0.0));
    assert_eq!(samples.get("rabbitmq_queues"), Some(&1.0));
    for name in [
        "rabbitmq_identity_info",
        "rabbitmq_build_info",
        "rabbitmq_connections",
        "rabbitmq_channels",
        "rabbitmq_consumers",
        "rabbitmq_connections_opened_total",
        "rabbitmq_queues_created_total",
        "rabbitmq_channel_messages_published_total",
        "rabbitmq_global_messages_received_total",
        "rabbitmq_global_messages_acknowledged_total",
        "rabbitmq_process_resident_memory_bytes",
        "rabbitmq_disk_space_available_bytes",
        "rabbitmq_alarms_memory_used_watermark",
    ] {
        assert!(typed.contains(name), "{name}");
    }
    let level = "rabbitmq_server_waiting_limit{what=\"disk_records\"}";
    assert!(samples.get(level).is_some_and(|bound| *bound > 0.0), "{level}");
    assert_eq!(metrics.ask("GET", "/api/overview", None).0, 404, "metrics only");
    assert_eq!(metrics.ask("GET", "/metrics", None).0, 200);
}

/// What the panels of RabbitMQ's public dashboards (RabbitMQ-Overview, RabbitMQ-Quorum-Queues-Raft) ask for, and dead letters by
/// reason.
const OF_DASHBOARDS: &str = "
    rabbitmq_identity_info rabbitmq_build_info rabbitmq_erlang_uptime_seconds rabbitmq_connections rabbitmq_channels
    rabbitmq_queues rabbitmq_consumers rabbitmq_global_publishers rabbitmq_global_consumers rabbitmq_queue_messages_ready
    rabbitmq_queue_messages_unacked rabbitmq_queue_messages rabbitmq_resident_memory_limit_bytes
    rabbitmq_process_resident_memory_bytes rabbitmq_disk_space_available_bytes rabbitmq_disk_space_available_limit_bytes
    rabbitmq_process_max_fds rabbitmq_process_open_fds rabbitmq_process_max_tcp_sockets rabbitmq_process_open_tcp_sockets
    rabbitmq_global_messages_received_total rabbitmq_global_messages_received_confirm_total
    rabbitmq_global_messages_routed_total rabbitmq_global_messages_confirmed_total
    rabbitmq_global_messages_unroutable_dropped_total rabbitmq_global_messages_unroutable_returned_total
    rabbitmq_global_messages_delivered_total rabbitmq_global_messages_delivered_consume_auto_ack_total
    rabbitmq_global_messages_delivered_consume_manual_ack_total rabbitmq_global_messages_delivered_get_auto_ack_total
    rabbitmq_global_messages_delivered_get_manual_ack_total rabbitmq_global_messages_get_empty_total
    rabbitmq_global_messages_redelivered_total rabbitmq_global_messages_acknowledged_total rabbitmq_queues_declared_total
    rabbitmq_queues_created_total rabbitmq_queues_deleted_total rabbitmq_channels_opened_total
    rabbitmq_channels_closed_total rabbitmq_connections_opened_total rabbitmq_connections_closed_total
    rabbitmq_raft_log_commit_index rabbitmq_raft_log_last_written_index rabbitmq_raft_log_snapshot_index
    rabbitmq_raft_term_total rabbitmq_raft_entry_commit_latency_bucket
    rabbitmq_message_size_bytes_bucket rabbitmq_global_messages_dead_lettered_rejected_total
    rabbitmq_global_messages_dead_lettered_expired_total rabbitmq_global_messages_dead_lettered_maxlen_total
    rabbitmq_global_messages_dead_lettered_delivery_limit_total rabbitmq_global_messages_dead_lettered_confirmed_total";

#[test]
fn prometheus_own_parser_finds_every_name_that_the_dashboards_ask_for() {
    static CLIENT: LazyLock<Result<PathBuf, String>> = LazyLock::new(install::prometheus_client);
    let broker = Broker::start_managed();
    let metrics = broker.served("metrics");
    let program = "
import sys, urllib.request
from prometheus_client.parser import text_string_to_metric_families as parse
found = set()
for path in ('', '/per-object', '/detailed?family=queue_coarse_metrics'):
    with urllib.request.urlopen('http://' + sys.argv[1] + '/metrics' + path) as answer:
        for family in parse(answer.read().decode()):
            found.update(sample.name for sample in family.samples)
print(' '.join(name for name in sys.argv[2:] if name not in found))
";
    let Some(python) = unless_missing(&CLIENT, "prometheus_client") else { return };
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", python).args(["-c", program, &metrics.to_string()]);
    command.args(OF_DASHBOARDS.split_whitespace());
    let outcome = process::run(&mut command, LIMIT).expect("an outcome");
    assert!(outcome.status.success(), "{}", outcome.stderr);
    assert_eq!(outcome.text().trim(), "", "not there");
}

#[test]
fn the_description_names_every_route_once() {
    let broker = Broker::start_managed();
    let description = Api::new(&broker).get("/openapi.json");
    let paths = description["paths"].as_object().expect("paths");
    let mut names = BTreeSet::new();
    for (path, methods) in paths {
        for operation in methods.as_object().expect("methods").values() {
            let name = operation["operationId"].as_str().expect("a name");
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            for place in path.split('/').filter(|step| step.starts_with('{')) {
                let place = place.trim_matches(['{', '}']);
                let parameters = operation["parameters"].as_array().expect("parameters");
                assert!(parameters.iter().any(|it| it["name"] == place), "{path}: {place}");
            }
        }
    }
    assert!(names.len() > 120, "{} routes", names.len());
}
