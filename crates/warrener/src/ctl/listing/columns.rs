//! The columns of listings: what RabbitMQ's tools call them, and where the API's documents have them.

use serde_json::Value;

/// One column.
pub(super) struct Column {
    pub(super) name: &'static str,
    place: Place,
}

enum Place {
    /// A member, or a member of a member: `a.b`.
    At(&'static str),
    /// A member that RabbitMQ's tools show as JSON within a text.
    Json(&'static str),
    /// The same in every row.
    Always(&'static str),
    /// One member if there is something, and another if not.
    Or(&'static str, &'static str),
}

impl Column {
    /// What a document has in this column.
    pub(super) fn of(&self, row: &Value) -> Value {
        match self.place {
            Place::At(path) => at(row, path),
            Place::Json(path) => Value::from(at(row, path).to_string()),
            Place::Always(text) => text.into(),
            Place::Or(path, other) => match at(row, path) {
                Value::Null => at(row, other),
                value => value,
            },
        }
    }
}

fn at(row: &Value, path: &str) -> Value {
    path.split('.').try_fold(row, |value, step| value.get(step)).cloned().unwrap_or_default()
}

macro_rules! columns {
    ($($name:ident: $($column:literal $($place:ident ($($path:literal),*))?),*;)*) => {
        $(pub(super) const $name: &[Column] =
            &[$(Column { name: $column, place: columns!(@ $column $($place ($($path),*))?) }),*];)*
    };
    (@ $column:literal) => { Place::At($column) };
    (@ $column:literal $place:ident ($($path:literal),*)) => { Place::$place($($path),*) };
}

columns! {
    QUEUE: "name", "durable", "auto_delete", "arguments", "policy", "operator_policy", "effective_policy_definition",
        "pid" At("node"), "owner_pid" At("owner_pid_details.name"), "exclusive",
        "exclusive_consumer_pid" At("exclusive_consumer_pid"), "exclusive_consumer_tag" At("exclusive_consumer_tag"),
        "messages_ready", "messages_unacknowledged", "messages", "messages_ready_ram", "messages_unacknowledged_ram",
        "messages_ram", "messages_persistent", "message_bytes", "message_bytes_ready", "message_bytes_unacknowledged",
        "message_bytes_ram", "message_bytes_persistent", "head_message_timestamp", "disk_reads", "disk_writes", "consumers",
        "consumer_utilisation", "consumer_capacity", "memory", "state", "type", "leader" At("node"), "members" At("members"),
        "online" At("online"), "vhost";
    EXCHANGE: "name", "type", "durable", "auto_delete", "internal", "arguments", "policy", "vhost";
    BINDING: "source_name" At("source"), "source_kind" Always("exchange"), "destination_name" At("destination"),
        "destination_kind" At("destination_type"), "routing_key", "arguments", "vhost";
    CONNECTION: "pid" At("name"), "name", "port", "host", "peer_port", "peer_host", "ssl", "ssl_protocol", "ssl_key_exchange",
        "ssl_cipher", "ssl_hash", "peer_cert_subject", "peer_cert_issuer", "peer_cert_validity", "state", "channels",
        "protocol", "auth_mechanism", "user", "vhost", "timeout", "frame_max", "channel_max", "client_properties",
        "recv_oct", "recv_cnt", "send_oct", "send_cnt", "send_pend", "connected_at";
    CHANNEL: "pid" At("name"), "connection" At("connection_details.name"), "name", "number", "user", "vhost", "transactional",
        "confirm", "consumer_count", "messages_unacknowledged", "messages_uncommitted", "acks_uncommitted",
        "messages_unconfirmed", "prefetch_count", "global_prefetch_count", "state";
    CONSUMER: "queue_name" At("queue.name"), "channel_pid" At("channel_details.name"), "consumer_tag", "ack_required",
        "prefetch_count", "active", "activity_status", "arguments", "vhost" At("queue.vhost");
    VHOST: "name", "description", "tags", "default_queue_type", "tracing", "protected_from_deletion", "cluster_state", "metadata";
    USER: "user" At("name"), "tags";
    PERMISSION: "user", "vhost", "exchange", "configure", "write", "read";
    POLICY: "vhost", "name", "pattern", "apply-to", "definition" Json("definition"), "priority";
    PARAMETER: "component", "name", "value" Json("value"), "vhost";
    FEATURE_FLAG: "name", "state" Or("state", "deprecation_phase"), "provided_by", "desc", "stability", "doc_url",
        "deprecation_phase";
}

/// The columns of policies.
pub(super) const ALL_OF_POLICY: &[&str] =
    &["vhost", "name", "pattern", "apply-to", "definition", "priority"];
