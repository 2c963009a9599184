//! What policies say, and how it goes together with what others say.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use warrener_codec::ShortStr;

use crate::arguments::{DeadLetterTo, DeliveryLimit, Overflow, QueueKind, Settings};
use crate::command::CommandError;
use crate::config::LONGEST_MS;
use crate::json::{Json, Object};
use crate::policy::{Level, Subject};

/// What a policy, or two of them together, say that means something here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) alternate_exchange: Option<ShortStr>,
    message_ttl_ms: Option<u64>,
    expires_ms: Option<u64>,
    max_length: Option<u64>,
    max_length_bytes: Option<u64>,
    overflow: Option<Overflow>,
    dead_letter_exchange: Option<ShortStr>,
    dead_letter_routing_key: Option<ShortStr>,
    dead_letter_at_least_once: Option<bool>,
    /// Negative for no limit.
    delivery_limit: Option<i64>,
    consumer_timeout_ms: Option<u64>,
    /// It says what only classic queues know, or only quorum queues do.
    only_classic: bool,
    only_quorum: bool,
    /// It says what only streams know.
    only_streams: bool,
}

/// What only quorum queues know (RabbitMQ 4.3: a policy that says any of it does not apply to others).
const OF_QUORUM: [&str; 5] = [
    "delivery-limit",
    "dead-letter-strategy",
    "max-in-memory-length",
    "max-in-memory-bytes",
    "target-group-size",
];

/// What only classic queues know.
const OF_CLASSIC: [&str; 1] = ["queue-mode"];

/// What all know, and what changes nothing here.
const OF_ALL: [&str; 7] = [
    "queue-leader-locator",
    "queue-master-locator",
    "queue-version",
    "consumer-disconnected-timeout",
    "delayed-retry-type",
    "delayed-retry-min",
    "delayed-retry-max",
];

const OF_STREAMS: [&str; 4] = [
    "max-age",
    "stream-max-segment-size-bytes",
    "stream-filter-size-bytes",
    "initial-cluster-size",
];

/// What operators may say (RabbitMQ).
const OF_OPERATORS: [&str; 11] = [
    "expires",
    "message-ttl",
    "max-length",
    "max-length-bytes",
    "max-in-memory-length",
    "max-in-memory-bytes",
    "delivery-limit",
    "overflow",
    "queue-version",
    "target-group-size",
    "consumer-timeout",
];

impl Terms {
    pub(crate) fn parse(definition: &Object, level: Level) -> Result<Self, CommandError> {
        if definition.is_empty() {
            return Err(CommandError::invalid("no policy provided\n".into()));
        }
        let mut terms = Self::default();
        let mut unknown: Vec<String> = Vec::new();
        for (key, value) in definition.iter() {
            let allowed = level == Level::User || OF_OPERATORS.contains(&key);
            if !allowed || !terms.take(key, value)? {
                unknown.push(format!("{{<<\"{key}\">>,{}}}", erlang(value)));
            }
        }
        if !unknown.is_empty() {
            let unknown = unknown.join(",\n ");
            let text = format!("[{unknown}] are not recognised policy settings\n");
            return Err(CommandError::invalid(text));
        }
        Ok(terms)
    }

    /// Takes one setting; whether it is known.
    fn take(&mut self, key: &str, value: &Json) -> Result<bool, CommandError> {
        let wrong = |what: &str| {
            CommandError::invalid(format!("{} is not a valid {what}\n", erlang(value)))
        };
        let count = |what: &str, least: i64| -> Result<Option<u64>, CommandError> {
            let number =
                value.as_i64().filter(|number| *number >= least).ok_or_else(|| wrong(what))?;
            Ok(u64::try_from(number).ok())
        };
        let name = |what: &str| -> Result<Option<ShortStr>, CommandError> {
            let name = value.as_str().and_then(|text| ShortStr::try_from(text).ok());
            name.map(Some).ok_or_else(|| wrong(what))
        };
        match key {
            "alternate-exchange" => self.alternate_exchange = name("alternate exchange name")?,
            "message-ttl" => self.message_ttl_ms = count("message TTL", 0)?.map(shortened),
            "expires" => self.expires_ms = count("queue expiry", 1)?.map(shortened),
            "max-length" => self.max_length = count("maximum length", 0)?,
            "max-length-bytes" => self.max_length_bytes = count("maximum length in bytes", 0)?,
            "overflow" => {
                self.overflow = Some(match value.as_str() {
                    Some("drop-head") => Overflow::DropHead,
                    Some("reject-publish") => Overflow::RejectPublish,
                    Some("reject-publish-dlx") => Overflow::RejectPublishDeadLetter,
                    _ => return Err(wrong("overflow value")),
                });
            }
            "dead-letter-exchange" => {
                self.dead_letter_exchange = name("dead letter exchange name")?;
            }
            "dead-letter-routing-key" => {
                self.dead_letter_routing_key = name("dead letter routing key")?;
            }
            "dead-letter-strategy" => {
                self.dead_letter_at_least_once = Some(match value.as_str() {
                    Some("at-most-once") => false,
                    Some("at-least-once") => true,
                    _ => return Err(wrong("dead letter strategy")),
                });
            }
            "delivery-limit" => {
                let limit = value.as_i64().ok_or_else(|| wrong("delivery limit"))?;
                self.delivery_limit = Some(limit);
            }
            "consumer-timeout" => {
                self.consumer_timeout_ms = count("consumer timeout", 0)?.map(shortened);
            }
            other => return Ok(self.take_foreign(other)),
        }
        self.only_quorum |= OF_QUORUM.contains(&key);
        Ok(true)
    }

    /// What means nothing here, but says to which queues a policy can apply.
    fn take_foreign(&mut self, key: &str) -> bool {
        let (quorum, classic) = (OF_QUORUM.contains(&key), OF_CLASSIC.contains(&key));
        let streams = OF_STREAMS.contains(&key);
        self.only_quorum |= quorum;
        self.only_classic |= classic;
        self.only_streams |= streams;
        quorum || classic || streams || OF_ALL.contains(&key)
    }

    /// Whether all that is said is known to such a thing (RabbitMQ asks that of queues only).
    pub(crate) const fn suit(&self, subject: Subject) -> bool {
        match subject {
            Subject::Exchange => true,
            Subject::Queue(QueueKind::Classic) => !self.only_quorum && !self.only_streams,
            Subject::Queue(QueueKind::Quorum) => !self.only_classic && !self.only_streams,
        }
    }

    /// What a policy and an operator's say together: of two numbers the lower, of two delivery limits the higher if
    /// either is none, and of other things the operator's.
    pub(crate) fn limited_by(&self, operator: &Self) -> Self {
        let (own, op) = (self.clone(), operator);
        Self {
            message_ttl_ms: lower(own.message_ttl_ms, op.message_ttl_ms),
            expires_ms: lower(own.expires_ms, op.expires_ms),
            max_length: lower(own.max_length, op.max_length),
            max_length_bytes: lower(own.max_length_bytes, op.max_length_bytes),
            consumer_timeout_ms: lower(own.consumer_timeout_ms, op.consumer_timeout_ms),
            delivery_limit: delivery_limit(own.delivery_limit, op.delivery_limit),
            overflow: op.overflow.or(own.overflow),
            ..own
        }
    }

    /// What a queue's arguments become under these terms. The lower number holds; where a dead letter goes is said by the
    /// arguments first; what overflow means is said by the arguments of a classic queue first, and by the policy of a
    /// quorum queue.
    pub(crate) fn applied_to(&self, settings: &mut Settings) {
        let quorum = settings.kind == QueueKind::Quorum;
        settings.message_ttl_ms = lower(settings.message_ttl_ms, self.message_ttl_ms);
        settings.expires_ms = lower(settings.expires_ms, self.expires_ms);
        settings.max_length = lower(settings.max_length, self.max_length);
        settings.max_length_bytes = lower(settings.max_length_bytes, self.max_length_bytes);
        settings.consumer_timeout_ms =
            lower(settings.consumer_timeout_ms, self.consumer_timeout_ms);
        if let Some(overflow) = self.overflow.filter(|_| quorum || !settings.overflow_declared) {
            settings.overflow = overflow;
        }
        if let Some(strategy) =
            self.dead_letter_at_least_once.filter(|_| !settings.dead_letter_strategy_declared)
        {
            settings.dead_letter_at_least_once = strategy;
        }
        match (&mut settings.dead_letter, &self.dead_letter_exchange) {
            (Some(to), _) => {
                to.key = to.key.take().or_else(|| self.dead_letter_routing_key.clone());
            }
            (nowhere @ None, Some(exchange)) => {
                let (exchange, key) = (exchange.clone(), self.dead_letter_routing_key.clone());
                *nowhere = Some(DeadLetterTo { exchange, key });
            }
            (None, None) => {}
        }
        if let Some(limit) = self.delivery_limit.filter(|_| quorum) {
            let declared = match settings.delivery_limit {
                DeliveryLimit::Unlimited => Some(-1),
                DeliveryLimit::Explicit(limit) => Some(i64::from(limit)),
                DeliveryLimit::Default(_) => None,
            };
            let limit = delivery_limit(declared, Some(limit)).unwrap_or(limit);
            settings.delivery_limit =
                u32::try_from(limit).map_or(DeliveryLimit::Unlimited, DeliveryLimit::Explicit);
        }
    }
}

/// The lower of two limits, or the only one.
fn lower(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    left.into_iter().chain(right).min()
}

fn delivery_limit(left: Option<i64>, right: Option<i64>) -> Option<i64> {
    match (left, right) {
        (Some(left), Some(right)) if left < 0 || right < 0 => Some(left.max(right)),
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    }
}

/// Policies may say any time; nothing waits longer than ten years.
fn shortened(ms: u64) -> u64 {
    ms.min(LONGEST_MS)
}

/// A value as RabbitMQ's errors print it.
pub(crate) fn erlang(value: &Json) -> String {
    match value {
        Json::Null => "null".into(),
        Json::Bool(truth) => format!("{truth}"),
        Json::Integer(number) => format!("{number}"),
        Json::Real(number) => format!("{number:?}"),
        Json::Text(text) => format!("<<\"{text}\">>"),
        Json::List(list) => {
            let items: Vec<String> = list.iter().map(erlang).collect();
            format!("[{}]", items.join(","))
        }
        Json::Object(object) => {
            let member = |(name, value)| format!("<<\"{name}\">> => {}", erlang(value));
            let members: Vec<String> = object.iter().map(member).collect();
            format!("#{{{}}}", members.join(","))
        }
    }
}
