//! A message's properties as documents (AMQP 0-9-1 §1.8.1).

use serde_json::{Map, Value};
use warrener_broker::Object;
use warrener_codec::{Properties, ShortRef};

use crate::document::{object, to_object};
use crate::reply::Failure;

/// Shown are those that are set.
pub(crate) fn document(properties: &Properties) -> Value {
    let Ok(read) = properties.read() else { return Value::Object(Map::new()) };
    let mut all = Map::new();
    let text = |value: ShortRef<'_>| Value::from(String::from_utf8_lossy(value.as_bytes()));
    let texts = [
        ("content_type", read.content_type),
        ("content_encoding", read.content_encoding),
        ("correlation_id", read.correlation_id),
        ("reply_to", read.reply_to),
        ("expiration", read.expiration),
        ("message_id", read.message_id),
        ("type", read.kind),
        ("user_id", read.user_id),
        ("app_id", read.app_id),
        ("cluster_id", read.cluster_id),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            all.insert(name.into(), text(value));
        }
    }
    let numbers = [
        ("delivery_mode", read.delivery_mode.map(u64::from)),
        ("priority", read.priority.map(u64::from)),
        ("timestamp", read.timestamp),
    ];
    for (name, value) in numbers {
        if let Some(value) = value {
            all.insert(name.into(), value.into());
        }
    }
    if let Some(headers) = read.headers {
        all.insert("headers".into(), object(&Object::from(headers)));
    }
    Value::Object(all)
}

/// What a body says; what it does not know is refused.
pub(crate) fn read(given: &Value) -> Result<Properties, Failure> {
    let given = match given {
        Value::Object(given) => given,
        // An empty list of Erlang's is an empty object (RabbitMQ).
        Value::Array(list) if list.is_empty() => return Ok(Properties::EMPTY),
        _ => return Err(Failure::bad("properties should be an object")),
    };
    let text = |name: &str| match given.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Failure::bad(format!("{name} should be a string"))),
    };
    let number = |name: &str, most: u64| match given.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            let number = number.filter(|number| *number <= most);
            number
                .map(Some)
                .ok_or_else(|| Failure::bad(format!("{name} is not a number in its range")))
        }
    };
    let headers = match given.get("headers") {
        None | Some(Value::Null) => None,
        Some(Value::Array(list)) if list.is_empty() => None,
        Some(headers) => Some(to_object(headers.clone())?.to_table()),
    };
    let mut built = Properties::builder();
    macro_rules! texts {
        ($($name:literal => $set:ident),*) => {
            $(if let Some(value) = text($name)? {
                built = built.$set(value);
            })*
        };
    }
    texts! {
        "content_type" => content_type, "content_encoding" => content_encoding,
        "correlation_id" => correlation_id, "reply_to" => reply_to, "expiration" => expiration,
        "message_id" => message_id, "type" => kind, "user_id" => user_id, "app_id" => app_id,
        "cluster_id" => cluster_id
    }
    if let Some(mode) = number("delivery_mode", 255)? {
        built = built.delivery_mode(mode as u8);
    }
    if let Some(priority) = number("priority", 255)? {
        built = built.priority(priority as u8);
    }
    if let Some(timestamp) = number("timestamp", u64::MAX)? {
        built = built.timestamp(timestamp);
    }
    if let Some(headers) = &headers {
        built = built.headers(headers);
    }
    built.build().map_err(|_| Failure::bad("a property is longer than 255 octets"))
}
