//! Effects as lines of text.

use warrener_broker::{Address, ConnectionId, Effect};
use warrener_codec::{ChannelId, Content, Method, ShortRef, ShortStr};

pub(crate) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Opened(connection) => format!("{connection} opened"),
        Effect::Send(connection, channel, method) => {
            format!("{} {}", place(*connection, *channel), sent(method))
        }
        Effect::Confirm(confirm) => format!(
            "{} {} {}{}",
            place(confirm.connection, confirm.channel),
            if confirm.accepted { "ack" } else { "nack" },
            confirm.delivery_tag,
            flag(confirm.multiple, "multiple"),
        ),
        Effect::Deliver(deliver) => format!(
            "{} deliver {} {} {}{}",
            place(deliver.connection, deliver.channel),
            name(&deliver.consumer_tag),
            deliver.delivery_tag,
            message(&deliver.address, &deliver.content),
            flag(deliver.redelivered, "redelivered"),
        ),
        Effect::GetOk(got) => format!(
            "{} get-ok {} {} ({} left){}",
            place(got.connection, got.channel),
            got.delivery_tag,
            message(&got.address, &got.content),
            got.message_count,
            flag(got.redelivered, "redelivered"),
        ),
        Effect::Return(returned) => format!(
            "{} return 312 NO_ROUTE {}",
            place(returned.connection, returned.channel),
            message(&returned.address, &returned.content),
        ),
        Effect::CloseChannel(connection, channel, refusal) => format!(
            "{} close channel {} {} ({}, {})",
            place(*connection, *channel),
            refusal.code.number(),
            refusal.text,
            refusal.class_id,
            refusal.method_id,
        ),
        Effect::CloseConnection(connection, refusal) => format!(
            "{connection} close connection {} {} ({}, {})",
            refusal.code.number(),
            refusal.text,
            refusal.class_id,
            refusal.method_id,
        ),
        Effect::ConnectionClosed(connection) => format!("{connection} closed"),
        Effect::Pause(connection, paused) => {
            format!("{connection} {}", if *paused { "paused" } else { "resumed" })
        }
        Effect::Persist(record) => {
            format!("disk + {}{}", record.id, flag(record.awaited, "awaited"))
        }
        Effect::Release(record) => format!("disk - {record}"),
        Effect::Done(_, result) => match &**result {
            Ok(outcome) => format!("done {outcome:?}"),
            Err(error) => format!("refused {error}"),
        },
        Effect::Warn(warning) => format!("warning: {warning}"),
        Effect::Load(record) => format!("disk ? {record}"),
    }
}

fn place(connection: ConnectionId, channel: ChannelId) -> String {
    format!("{connection}.{channel}")
}

fn flag(set: bool, name: &str) -> String {
    if set { format!(" {name}") } else { String::new() }
}

/// A name; the part of a generated one that nobody can guess is left out.
fn name(name: &ShortStr) -> String {
    shown(name.as_short_ref())
}

fn shown(name: ShortRef<'_>) -> String {
    let text = String::from_utf8_lossy(name.as_bytes()).into_owned();
    for prefix in ["amq.gen-", "amq.ctag-", "amq.rabbitmq.reply-to."] {
        if text.starts_with(prefix) && text.len() == prefix.len() + 22 {
            return format!("{prefix}*");
        }
    }
    if text.is_empty() { "-".into() } else { text }
}

fn sent(method: &Method) -> String {
    match method {
        Method::QueueDeclareOk(ok) => format!(
            "queue.declare-ok {} {} messages {} consumers",
            name(&ok.queue),
            ok.message_count,
            ok.consumer_count,
        ),
        Method::QueueDeleteOk(ok) => format!("queue.delete-ok {} messages", ok.message_count),
        Method::QueuePurgeOk(ok) => format!("queue.purge-ok {} messages", ok.message_count),
        Method::BasicConsumeOk(ok) => format!("basic.consume-ok {}", name(&ok.consumer_tag)),
        Method::BasicCancelOk(ok) => format!("basic.cancel-ok {}", name(&ok.consumer_tag)),
        Method::BasicCancel(cancel) => format!("basic.cancel {}", name(&cancel.consumer_tag)),
        Method::ChannelFlowOk(ok) => format!("channel.flow-ok {}", ok.active),
        other => other.name().to_string(),
    }
}

/// Where to, the body, and of the properties what matters to a broker.
fn message(address: &Address, content: &Content) -> String {
    let body = content.body.to_bytes();
    let mut text = format!(
        "{} {} \"{}\"",
        shown(address.exchange()),
        shown(address.routing_key()),
        body.escape_ascii(),
    );
    let properties = &content.properties;
    if let Some(reply_to) = properties.reply_to() {
        text += &format!(" reply-to={}", shown(reply_to));
    }
    if let Some(expiration) = properties.expiration() {
        text += &format!(" expiration={expiration:?}");
    }
    if let Some(headers) = properties.headers() {
        text += &format!(" {headers:?}");
    }
    text
}
