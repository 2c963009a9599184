//! Counters as RabbitMQ shows them: each with the rate at which it grows.

use serde_json::{Map, Value, json};
use warrener_broker::{ChannelTraffic, Counts, Passage, Traffic};

use crate::sampler::Samples;

/// A document that grows.
pub(crate) type Object = Map<String, Value>;

/// Adds a counter and its rate.
pub(crate) fn counter(object: &mut Object, name: &str, now: u64, rate: f64) {
    object.insert(name.to_owned(), now.into());
    object.insert(format!("{name}_details"), json!({ "rate": rate }));
}

/// What went through a queue.
pub(crate) fn queue(
    samples: &Samples,
    now: &Traffic,
    (before, after): (&Traffic, &Traffic),
) -> Object {
    let mut object = Object::new();
    let mut add = |name, of: fn(&Traffic) -> u64| {
        counter(&mut object, name, of(now), samples.rate(of(before), of(after)));
    };
    add("publish", |own| own.published);
    add_handed_out(&mut add);
    object
}

fn add_handed_out(add: &mut impl FnMut(&'static str, fn(&Traffic) -> u64)) {
    add("deliver", |own| own.delivered);
    add("deliver_no_ack", |own| own.delivered_settled);
    add("get", |own| own.got);
    add("get_no_ack", |own| own.got_settled);
    add("get_empty", |own| own.got_nothing);
    add("deliver_get", Traffic::handed_out);
    add("redeliver", |own| own.redelivered);
    add("ack", |own| own.acknowledged);
}

/// What went through a channel, or through the whole broker.
pub(crate) fn channel(
    samples: &Samples,
    now: &ChannelTraffic,
    (before, after): (&ChannelTraffic, &ChannelTraffic),
) -> Object {
    let messages = (&before.messages, &after.messages);
    let mut object = queue(samples, &now.messages, messages);
    let mut add = |name, of: fn(&ChannelTraffic) -> u64| {
        counter(&mut object, name, of(now), samples.rate(of(before), of(after)));
    };
    add("confirm", |own| own.confirmed);
    add("return_unroutable", |own| own.returned);
    add("drop_unroutable", |own| own.dropped);
    object
}

/// What [`queue`] has in a column.
pub(crate) fn queue_key(
    samples: &Samples,
    now: &Traffic,
    (before, after): (&Traffic, &Traffic),
    column: &str,
) -> Value {
    let (name, is_rate) = match column.strip_suffix("_details.rate") {
        Some(name) => (name, true),
        None => (column, false),
    };
    let mut key = Value::Null;
    let mut look = |own: &'static str, of: fn(&Traffic) -> u64| {
        if own == name && is_rate {
            key = samples.rate(of(before), of(after)).into();
        } else if own == name {
            key = of(now).into();
        }
    };
    look("publish", |own| own.published);
    add_handed_out(&mut look);
    key
}

/// What was published to an exchange.
pub(crate) fn exchange(
    samples: &Samples,
    now: &Passage,
    (before, after): (Passage, Passage),
) -> Object {
    let mut object = Object::new();
    let rate = samples.rate(before.published, after.published);
    counter(&mut object, "publish_in", now.published, rate);
    counter(&mut object, "publish_out", now.routed, samples.rate(before.routed, after.routed));
    object
}

/// How many messages there are.
pub(crate) fn messages(
    object: &mut Object,
    samples: &Samples,
    now: &Counts,
    (before, after): (&Counts, &Counts),
) {
    let mut add = |name, of: fn(&Counts) -> u64| {
        counter(object, name, of(now), samples.change(of(before), of(after)));
    };
    add("messages", |own| own.ready + own.unacked);
    add("messages_ready", |own| own.ready);
    add("messages_unacknowledged", |own| own.unacked);
}

/// What [`messages`] has in a column with a rate.
pub(crate) fn messages_key(
    samples: &Samples,
    (before, after): (&Counts, &Counts),
    column: &str,
) -> Value {
    let of: fn(&Counts) -> u64 = match column {
        "messages_details.rate" => |own| own.ready + own.unacked,
        "messages_ready_details.rate" => |own| own.ready,
        "messages_unacknowledged_details.rate" => |own| own.unacked,
        _ => return Value::Null,
    };
    samples.change(of(before), of(after)).into()
}

/// Both added up.
pub(crate) fn sum(left: &Traffic, right: &Traffic) -> Traffic {
    let mut sum = *left;
    sum.published += right.published;
    sum.delivered += right.delivered;
    sum.delivered_settled += right.delivered_settled;
    sum.got += right.got;
    sum.got_settled += right.got_settled;
    sum.got_nothing += right.got_nothing;
    sum.redelivered += right.redelivered;
    sum.acknowledged += right.acknowledged;
    sum
}

/// Both added up.
pub(crate) fn sum_counts(left: &Counts, right: &Counts) -> Counts {
    let mut sum = *left;
    sum.ready += right.ready;
    sum.ready_bytes += right.ready_bytes;
    sum.unacked += right.unacked;
    sum.unacked_bytes += right.unacked_bytes;
    sum.consumers += right.consumers;
    sum
}
