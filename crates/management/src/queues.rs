//! `/api/queues`.

use serde_json::{Value, json};
use warrener_broker::{Command, Counts, Object, Outcome, QueueDefinition, QueueView};

use crate::call::Call;
use crate::connections::{Names, names};
use crate::document::{flag, object, table};
use crate::limits::SHOWN_WITH;
use crate::listing::{self, Listed, text};
use crate::reply::{Failure, Reply};
use crate::right::Deed;
use crate::sampler::Samples;
use crate::{consumers, stats};

impl Listed for QueueView {
    fn name(&self) -> String {
        text(&self.name)
    }

    fn rank(&self) -> (Vec<u8>, Vec<u8>) {
        (self.vhost.as_bytes().into(), self.name.as_bytes().into())
    }
}

/// All queues that the caller may see, or those of one virtual host.
pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let mut queues = call.api.all(|view, from, most| view.queue_slice(from, most)).await;
    queues.retain(|queue| call.shows(&queue.vhost));
    let samples = call.api.samples();
    let node = call.api.host.process().node;
    let names = names(&call);
    let is_bare = call.is_asked("disable_stats") && !call.is_asked("enable_queue_totals");
    let json = |queue: &QueueView| {
        if is_bare { bare(queue, &node) } else { document(&call, queue, &samples, &node, &names) }
    };
    listing::answer_by(&call, queues, json, |queue, column| key(queue, column, &samples, &names))
}

/// What the document of a queue has in a column, as far as that matters to an order: what all queues have in common counts as
/// nothing. Only what a policy says takes a document.
fn key(queue: &QueueView, column: &str, samples: &Samples, names: &Names) -> Option<Value> {
    let counts = &queue.counts;
    let (first, rest) = column.split_once('.').unwrap_or((column, ""));
    let (messages, bytes) =
        (counts.ready + counts.unacked, counts.ready_bytes + counts.unacked_bytes);
    let durable = |count: u64| if queue.durable { count } else { 0 };
    Some(match first {
        "effective_policy_definition" => return None,
        "vhost" => text(&queue.vhost).into(),
        "type" => queue.kind.into(),
        "durable" => queue.durable.into(),
        "auto_delete" => queue.auto_delete.into(),
        "exclusive" => queue.owner.is_some().into(),
        "messages" | "messages_ram" => messages.into(),
        "messages_ready" | "messages_ready_ram" => counts.ready.into(),
        "messages_unacknowledged" | "messages_unacknowledged_ram" => counts.unacked.into(),
        "messages_persistent" => durable(messages).into(),
        "message_bytes" | "message_bytes_ram" => bytes.into(),
        "message_bytes_ready" => counts.ready_bytes.into(),
        "message_bytes_unacknowledged" => counts.unacked_bytes.into(),
        "message_bytes_persistent" => durable(bytes).into(),
        "memory" => memory(counts).into(),
        "consumers" => counts.consumers.into(),
        "consumer_capacity" | "consumer_utilisation" => capacity(queue).into(),
        "policy" => queue.policy.as_ref().map(text).into(),
        "operator_policy" => queue.operator_policy.as_ref().map(text).into(),
        "exclusive_consumer_tag" => queue.exclusive_consumer.as_ref().map(text).into(),
        "single_active_consumer_tag" => {
            queue.single_active.as_ref().map(|(_, tag)| text(tag)).into()
        }
        "head_message_timestamp" => head_timestamp(queue).into(),
        "arguments" => listing::at(&table(&queue.arguments), rest).clone(),
        "owner_pid_details" if rest == "name" => {
            queue.owner.and_then(|owner| names.get(&owner)).cloned().into()
        }
        "message_stats" => {
            let (before, after) = samples.queue(queue.id);
            stats::queue_key(samples, &queue.traffic, (&before.0, &after.0), rest)
        }
        "messages_details" | "messages_ready_details" | "messages_unacknowledged_details" => {
            let (before, after) = samples.queue(queue.id);
            stats::messages_key(samples, (&before.1, &after.1), column)
        }
        _ => Value::Null,
    })
}

fn memory(counts: &Counts) -> u64 {
    counts.ready_bytes + counts.unacked_bytes + 40 * (counts.ready + counts.unacked)
}

fn capacity(queue: &QueueView) -> f64 {
    if queue.counts.consumers == 0 { 0.0 } else { ready_share(queue) }
}

fn head_timestamp(queue: &QueueView) -> Option<u64> {
    queue.head_published.map(|at| at.as_secs())
}

pub(crate) async fn one(call: Call) -> Result<Reply, Failure> {
    let found = call.look(|view| {
        let queue = view.queue_named(call.place("vhost"), call.place("name"))?;
        let consumers =
            view.queue_consumers(call.place("vhost"), call.place("name"), SHOWN_WITH)?;
        Some((queue, consumers))
    });
    let (queue, consumers) = found.ok_or(Failure::Missing)?;
    let (samples, node, names) = (call.api.samples(), call.api.host.process().node, names(&call));
    let mut value = document(&call, &queue, &samples, &node, &names);
    if let Value::Object(value) = &mut value {
        let consumers: Vec<Value> =
            consumers.iter().map(|own| consumers::document(own, &names, &node)).collect();
        value.insert("consumer_details".into(), consumers.into());
        value.insert("incoming".into(), json!([]));
        value.insert("deliveries".into(), json!([]));
    }
    listing::one(&call, value)
}

fn bare(queue: &QueueView, node: &str) -> Value {
    json!({
        "name": text(&queue.name),
        "vhost": text(&queue.vhost),
        "type": queue.kind,
        "durable": queue.durable,
        "auto_delete": queue.auto_delete,
        "exclusive": queue.owner.is_some(),
        "arguments": table(&queue.arguments),
        "node": node,
        "state": "running",
    })
}

fn document(call: &Call, queue: &QueueView, samples: &Samples, node: &str, names: &Names) -> Value {
    let counts = &queue.counts;
    let Value::Object(mut all) = bare(queue, node) else { unreachable!("it is an object") };
    let (before, after) = samples.queue(queue.id);
    stats::messages(&mut all, samples, counts, (&before.1, &after.1));
    let capacity = capacity(queue);
    let policy = call.look(|view| {
        view.effective_policy(&queue.vhost, queue.policy.as_ref(), queue.operator_policy.as_ref())
    });
    let single = queue.single_active.as_ref().map(|(_, tag)| text(tag));
    let owner = queue.owner.and_then(|owner| names.get(&owner));
    let more = json!({
        "consumers": counts.consumers,
        "consumer_capacity": capacity,
        "consumer_utilisation": capacity,
        "memory": memory(counts),
        "message_bytes": counts.ready_bytes + counts.unacked_bytes,
        "message_bytes_ready": counts.ready_bytes,
        "message_bytes_unacknowledged": counts.unacked_bytes,
        "message_bytes_ram": counts.ready_bytes + counts.unacked_bytes,
        "message_bytes_persistent": if queue.durable { counts.ready_bytes + counts.unacked_bytes } else { 0 },
        "messages_ram": counts.ready + counts.unacked,
        "messages_ready_ram": counts.ready,
        "messages_unacknowledged_ram": counts.unacked,
        "messages_persistent": if queue.durable { counts.ready + counts.unacked } else { 0 },
        "policy": queue.policy.as_ref().map(text),
        "operator_policy": queue.operator_policy.as_ref().map(text),
        "effective_policy_definition": object(&policy),
        "exclusive_consumer_tag": queue.exclusive_consumer.as_ref().map(text),
        "single_active_consumer_tag": single,
        "head_message_timestamp": head_timestamp(queue),
        "internal": false,
        "internal_owner": false,
        "storage_version": 2,
        "reductions": 0,
        "reductions_details": { "rate": 0.0 },
        "garbage_collection": {},
    });
    if let Value::Object(more) = more {
        all.extend(more);
    }
    if let Some(owner) = owner {
        all.insert("owner_pid_details".into(), json!({ "name": owner }));
    }
    let traffic = stats::queue(samples, &queue.traffic, (&before.0, &after.0));
    if traffic.values().any(|value| value.as_u64().is_some_and(|count| count > 0)) {
        all.insert("message_stats".into(), traffic.into());
    }
    Value::Object(all)
}

/// The share of consumers that could take a message at once.
fn ready_share(queue: &QueueView) -> f64 {
    let looked_at = queue.counts.consumers.min(64);
    (queue.ready_consumers as f64 / looked_at as f64).min(1.0)
}

pub(crate) async fn put(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let (vhost, name) = (call.place("vhost"), call.place("name"));
    call.caller.may(Deed::Configure, vhost, name)?;
    let arguments: Object = crate::document::arguments(&body)?;
    if let Some(to) = arguments.get("x-dead-letter-exchange").and_then(|to| to.as_str()) {
        call.caller.may(Deed::Read, vhost, name)?;
        call.caller.may(Deed::Write, vhost, to)?;
    }
    let definition = QueueDefinition {
        vhost: call.short("vhost")?,
        name: call.short("name")?,
        durable: flag(&body, "durable", true)?,
        auto_delete: flag(&body, "auto_delete", false)?,
        arguments,
        others: Object::new(),
    };
    call.set(Command::DeclareQueue(definition)).await
}

/// What is not there is missing before anything is refused.
pub(crate) fn expect(call: &Call) -> Result<(), Failure> {
    let found = call.look(|view| view.queue(call.place("vhost"), call.place("name")));
    found.map(drop).ok_or(Failure::Missing)
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Failure> {
    expect(&call)?;
    call.caller.may(Deed::Configure, call.place("vhost"), call.place("name"))?;
    call.clear(Command::DeleteQueue {
        vhost: call.short("vhost")?,
        name: call.short("name")?,
        if_unused: call.is_asked("if-unused"),
        if_empty: call.is_asked("if-empty"),
    })
    .await
}

pub(crate) async fn purge(call: Call) -> Result<Reply, Failure> {
    expect(&call)?;
    call.caller.may(Deed::Read, call.place("vhost"), call.place("name"))?;
    let purge = Command::PurgeQueue { vhost: call.short("vhost")?, name: call.short("name")? };
    match call.command(purge).await? {
        Outcome::Absent => Err(Failure::Missing),
        _ => Ok(Reply::Done),
    }
}

/// `sync` and `cancel_sync` of mirrored queues, which there are none of: nothing is to be done.
pub(crate) async fn act(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    match body.get("action").and_then(Value::as_str) {
        Some("sync" | "cancel_sync") => Ok(Reply::Done),
        Some(other) => Err(Failure::bad(format!("unknown action: {other}"))),
        None => Err(Failure::bad("[{key_missing,action}]")),
    }
}
