//! `/api/vhosts`.

use serde_json::{Map, Value, json};
use warrener_broker::{
    Command, Counts, Json, Object, Outcome, QueueView, Traffic, VhostDefinition,
};
use warrener_codec::ShortStr;

use crate::call::Call;
use crate::document::{object, text_of};
use crate::listing::{self, text};
use crate::reply::{Failure, Reply};
use crate::sampler::Samples;
use crate::stats;

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let mut vhosts = call.look(|view| view.vhost_definitions());
    let sees_all = call.caller.is_monitoring();
    vhosts.retain(|vhost| sees_all || call.caller.enters(&text(&vhost.name)));
    let queues = call.api.all(|view, from, most| view.queue_slice(from, most)).await;
    let (samples, node) = (call.api.samples(), call.api.host.process().node);
    let documents = vhosts.iter().map(|vhost| document(vhost, &queues, &samples, &node));
    let mut documents: Vec<Value> = documents.collect();
    documents.iter_mut().for_each(|own| add_tracing(&call, own));
    listing::answer(&call, documents, Value::clone)
}

/// Whether it is watched by the firehose.
fn add_tracing(call: &Call, document: &mut Value) {
    let name = document["name"].as_str().unwrap_or_default();
    let is_traced = call.look(|view| view.is_traced(name));
    document["tracing"] = is_traced.into();
}

pub(crate) async fn one(call: Call) -> Result<Reply, Failure> {
    let found = call.look(|view| view.vhost_named(call.place("vhost")));
    let vhost = found.ok_or(Failure::Missing)?;
    let queues = call.api.all(|view, from, most| view.queue_slice(from, most)).await;
    let node = call.api.host.process().node;
    let mut value = document(&vhost, &queues, &call.api.samples(), &node);
    add_tracing(&call, &mut value);
    listing::one(&call, value)
}

fn document(vhost: &VhostDefinition, queues: &[QueueView], samples: &Samples, node: &str) -> Value {
    let said = |name: &str| vhost.metadata.get(name).map(crate::document::value);
    let description = said("description").unwrap_or_else(|| "".into());
    let tags = said("tags").unwrap_or_else(|| json!([]));
    let default = said("default_queue_type").unwrap_or_else(|| "classic".into());
    let mut metadata = object(&vhost.metadata);
    if let Value::Object(metadata) = &mut metadata {
        for (name, value) in
            [("description", &description), ("tags", &tags), ("default_queue_type", &default)]
        {
            metadata.entry(name).or_insert_with(|| value.clone());
        }
    }
    let mut cluster_state = Map::new();
    cluster_state.insert(node.to_owned(), "running".into());
    let mut all = json!({
        "name": text(&vhost.name),
        "description": description,
        "tags": tags,
        "default_queue_type": default,
        "protected_from_deletion": said("protected_from_deletion").unwrap_or_else(|| false.into()),
        "metadata": metadata,
        "tracing": false,
        "cluster_state": cluster_state,
    });
    let own = || queues.iter().filter(|queue| queue.vhost == vhost.name);
    if let Value::Object(all) = &mut all
        && own().next().is_some()
    {
        add_totals(all, own(), samples);
    }
    all
}

/// What the queues of a virtual host are together.
fn add_totals<'q>(
    all: &mut stats::Object,
    queues: impl Iterator<Item = &'q QueueView>,
    samples: &Samples,
) {
    let mut traffic = [Traffic::default(); 3];
    let mut counts = [Counts::default(); 3];
    for queue in queues {
        let (before, after) = samples.queue(queue.id);
        for (sum, one) in traffic.iter_mut().zip([queue.traffic, before.0, after.0]) {
            *sum = stats::sum(sum, &one);
        }
        for (sum, one) in counts.iter_mut().zip([queue.counts, before.1, after.1]) {
            *sum = stats::sum_counts(sum, &one);
        }
    }
    stats::messages(all, samples, &counts[0], (&counts[1], &counts[2]));
    let traffic = stats::queue(samples, &traffic[0], (&traffic[1], &traffic[2]));
    all.insert("message_stats".into(), traffic.into());
}

pub(crate) async fn put(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let name = call.short("vhost")?;
    let before = call.look(|view| view.vhost_named(call.place("vhost")));
    let mut metadata = before.as_ref().map(|own| own.metadata.clone()).unwrap_or_default();
    for field in ["description", "default_queue_type"] {
        if let Some(said) = text_of(&body, field) {
            metadata.set(field, Json::Text(said.into()));
        }
    }
    if let Some(said) = body.get("tags") {
        metadata.set("tags", crate::document::to_json(tags(said))?);
    }
    if let Some(Value::Bool(said)) = body.get("protected_from_deletion") {
        metadata.set("protected_from_deletion", *said);
    }
    let limits = before.map(|own| own.limits).unwrap_or_default();
    let definition =
        VhostDefinition { name: name.clone(), metadata, limits, others: Object::new() };
    let made = call.set(Command::SetVhost(definition)).await?;
    if let Some(Value::Bool(on)) = body.get("tracing") {
        call.command(Command::Trace { vhost: name.clone(), on: *on }).await?;
    }
    if matches!(made, Reply::Created(_)) && !call.caller.is_operator {
        grant(&call, name).await?;
    }
    Ok(made)
}

/// Whoever makes a virtual host may do everything in it.
async fn grant(call: &Call, vhost: ShortStr) -> Result<(), Failure> {
    let all = || ".*".into();
    let permission = warrener_broker::PermissionDefinition {
        user: call.caller.user.name.clone(),
        vhost,
        configure: all(),
        write: all(),
        read: all(),
        others: Object::new(),
    };
    call.command(Command::SetPermission(permission)).await.map(drop)
}

/// Tags come as a list, or as a text with commas.
pub(crate) fn tags(said: &Value) -> Value {
    match said {
        Value::String(text) => {
            let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty());
            tags.map(Value::from).collect()
        }
        other => other.clone(),
    }
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Failure> {
    match call.command(Command::DeleteVhost(call.short("vhost")?)).await? {
        Outcome::Absent => Err(Failure::Missing),
        _ => Ok(Reply::Done),
    }
}

/// Virtual hosts run for as long as they are there.
pub(crate) async fn start(call: Call) -> Result<Reply, Failure> {
    if call.api.has_vhost(call.place("vhost")) { Ok(Reply::Done) } else { Err(Failure::Missing) }
}

pub(crate) async fn protect(call: Call) -> Result<Reply, Failure> {
    set_protection(&call, true).await
}

pub(crate) async fn unprotect(call: Call) -> Result<Reply, Failure> {
    set_protection(&call, false).await
}

async fn set_protection(call: &Call, is_protected: bool) -> Result<Reply, Failure> {
    let found = call.look(|view| view.vhost_named(call.place("vhost")));
    let mut vhost = found.ok_or(Failure::Missing)?;
    vhost.metadata.set("protected_from_deletion", is_protected);
    call.set(Command::SetVhost(vhost)).await
}
