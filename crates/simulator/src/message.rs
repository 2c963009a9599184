//! A message as a story looks at it.

use warrener_codec::method::basic;
use warrener_codec::{Content, Properties, Value};

/// A message that a client was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What it is settled by; 0 for one that came back.
    pub delivery_tag: u64,
    /// Who it was delivered to; empty for one that was asked for or came back.
    pub consumer_tag: String,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// Where it was published to.
    pub exchange: String,
    /// The key it was published with.
    pub routing_key: String,
    /// Its properties.
    pub properties: Properties,
    /// Its body, as text.
    pub body: String,
}

/// An entry of a message's `x-death`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// The queue it died in.
    pub queue: String,
    /// Why.
    pub reason: String,
    /// How often, there and for that reason.
    pub count: i64,
}

impl Message {
    pub(crate) fn delivered(method: &basic::Deliver, content: Content) -> Self {
        Self {
            delivery_tag: method.delivery_tag(),
            consumer_tag: method.consumer_tag().to_string(),
            redelivered: method.redelivered(),
            exchange: method.exchange().to_string(),
            routing_key: method.routing_key().to_string(),
            ..Self::of(content)
        }
    }

    pub(crate) fn got(method: &basic::GetOk, content: Content) -> Self {
        Self {
            delivery_tag: method.delivery_tag(),
            redelivered: method.redelivered(),
            exchange: method.exchange().to_string(),
            routing_key: method.routing_key().to_string(),
            ..Self::of(content)
        }
    }

    pub(crate) fn returned(method: &basic::Return, content: Content) -> Self {
        Self {
            exchange: method.exchange().to_string(),
            routing_key: method.routing_key().to_string(),
            ..Self::of(content)
        }
    }

    fn of(content: Content) -> Self {
        Self {
            delivery_tag: 0,
            consumer_tag: String::new(),
            redelivered: false,
            exchange: String::new(),
            routing_key: String::new(),
            properties: content.properties,
            body: String::from_utf8_lossy(&content.body.to_bytes()).into_owned(),
        }
    }

    /// How it died last, if it ever did.
    #[must_use]
    pub fn death(&self) -> Option<Death> {
        self.deaths().into_iter().next()
    }

    /// Every queue in which it died and every reason for it, the latest first.
    #[must_use]
    pub fn deaths(&self) -> Vec<Death> {
        let headers = self.properties.headers();
        let deaths = headers.and_then(|headers| headers.get("x-death"));
        let Some(deaths) = deaths.as_ref().and_then(Value::as_array) else { return Vec::new() };
        deaths.iter().filter_map(|entry| Death::read(&entry)).collect()
    }
}

impl Death {
    fn read(entry: &Value<'_>) -> Option<Self> {
        let entry = entry.as_table()?;
        let text = |name: &str| entry.get(name).and_then(|value| value.as_str().map(str::to_owned));
        let count = entry.get("count")?.as_i64()?;
        Some(Self { queue: text("queue")?, reason: text("reason")?, count })
    }
}
