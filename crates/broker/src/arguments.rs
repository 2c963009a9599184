//! What a queue was asked to be: its type, and the arguments that mean something, checked as RabbitMQ checks them.
//!
//! Arguments of classic and of quorum queues work on both. Unknown ones are stored and mean nothing, as everywhere.

use alloc::format;

use warrener_codec::{ShortStr, Table, Value};

use crate::config::{DELIVERY_LIMIT, LONGEST_MS};
use crate::refusal::{Reason, Resource};
use crate::value::type_name;

/// The types of queue there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum QueueKind {
    /// RabbitMQ's default.
    #[default]
    Classic,
    /// On one node: a durable queue that keeps every message, counts failures, and knows 32 priorities.
    Quorum,
}

impl QueueKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
        }
    }

    pub(crate) const fn module(self) -> &'static str {
        match self {
            Self::Classic => "rabbit_classic_queue",
            Self::Quorum => "rabbit_quorum_queue",
        }
    }
}

/// What happens to a message for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// The oldest goes.
    #[default]
    DropHead,
    /// The new one is refused.
    RejectPublish,
    /// The new one is refused, and dead-lettered.
    RejectPublishDeadLetter,
}

/// How often a message may fail before it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryLimit {
    /// As often as it likes.
    Unlimited,
    /// The queue says how often; then the message is dead-lettered or dropped.
    Explicit(u32),
    /// Nobody said; without a dead-letter exchange the message is kept, at the tail.
    Default(u32),
}

/// Where messages go that die here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetterTo {
    pub(crate) exchange: ShortStr,
    /// In place of the message's own keys.
    pub(crate) key: Option<ShortStr>,
}

/// Everything a queue's arguments say that means something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) kind: QueueKind,
    pub(crate) message_ttl_ms: Option<u64>,
    pub(crate) expires_ms: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) max_length_bytes: Option<u64>,
    pub(crate) overflow: Overflow,
    /// The arguments themselves said so, and what follows.
    pub(crate) overflow_declared: bool,
    pub(crate) dead_letter_strategy_declared: bool,
    pub(crate) dead_letter: Option<DeadLetterTo>,
    /// A dead message stays until all that it goes to take it; at most once if not.
    pub(crate) dead_letter_at_least_once: bool,
    pub(crate) max_priority: Option<u8>,
    pub(crate) single_active_consumer: bool,
    pub(crate) delivery_limit: DeliveryLimit,
    pub(crate) consumer_timeout_ms: Option<u64>,
}

impl Settings {
    /// Checks the arguments of a queue that is being declared.
    pub(crate) fn parse(arguments: &Table, queue: &Resource) -> Result<Self, Reason> {
        let reader = Reader { arguments, queue };
        reader.refuse_what_is_not_served()?;
        let kind = reader.kind()?;
        reader.refuse_foreign(kind)?;
        let settings = Self {
            kind,
            expires_ms: reader.expires()?,
            message_ttl_ms: reader.milliseconds("x-message-ttl")?,
            dead_letter: reader.dead_letter()?,
            dead_letter_at_least_once: reader.dead_letter_at_least_once()?,
            max_length: reader.count("x-max-length")?,
            max_length_bytes: reader.count("x-max-length-bytes")?,
            max_priority: reader.max_priority()?,
            overflow: reader.overflow()?,
            overflow_declared: reader.get("x-overflow").is_some(),
            dead_letter_strategy_declared: reader.get("x-dead-letter-strategy").is_some(),
            single_active_consumer: reader.truth("x-single-active-consumer")?,
            delivery_limit: reader.delivery_limit(kind)?,
            consumer_timeout_ms: reader.milliseconds("x-consumer-timeout")?,
        };
        reader.check_what_means_nothing_here()?;
        Ok(settings)
    }
}

/// The arguments that two declarations of one queue are compared by; all others are stored and never compared.
pub(crate) const COMPARED: [&str; 14] = [
    "x-queue-type",
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-overflow",
    "x-single-active-consumer",
    "x-delivery-limit",
    "x-consumer-timeout",
    "x-consumer-disconnected-timeout",
];

/// Arguments of streams, which this version does not serve.
const OF_STREAMS: [&str; 4] = [
    "x-max-age",
    "x-stream-max-segment-size-bytes",
    "x-stream-filter-size-bytes",
    "x-stream-offset",
];

/// Arguments that would change what happens to messages, and that this version does not serve.
const NOT_SERVED: [&str; 3] =
    ["x-delayed-retry-type", "x-delayed-retry-min", "x-delayed-retry-max"];

struct Reader<'a> {
    arguments: &'a Table,
    queue: &'a Resource,
}

impl<'a> Reader<'a> {
    fn invalid(
        &self,
        argument: &'static str,
        explanation: impl Into<alloc::string::String>,
    ) -> Reason {
        let explanation = explanation.into().into_boxed_str();
        Reason::InvalidArgument { argument, resource: self.queue.clone(), explanation }
    }

    fn get(&self, argument: &str) -> Option<Value<'a>> {
        self.arguments.get(argument)
    }

    fn refuse_what_is_not_served(&self) -> Result<(), Reason> {
        match NOT_SERVED.into_iter().find(|argument| self.get(argument).is_some()) {
            Some(argument) => Err(self.invalid(argument, "\"not supported by this version\"")),
            None => Ok(()),
        }
    }

    fn refuse_foreign(&self, kind: QueueKind) -> Result<(), Reason> {
        match OF_STREAMS.into_iter().find(|argument| self.get(argument).is_some()) {
            Some(argument) => Err(Reason::ForeignArgument {
                argument,
                resource: self.queue.clone(),
                module: kind.module(),
            }),
            None => Ok(()),
        }
    }

    fn kind(&self) -> Result<QueueKind, Reason> {
        const ARGUMENT: &str = "x-queue-type";
        match self.get(ARGUMENT) {
            None => Ok(QueueKind::Classic),
            Some(Value::LongStr(b"classic")) => Ok(QueueKind::Classic),
            Some(Value::LongStr(b"quorum")) => Ok(QueueKind::Quorum),
            Some(Value::LongStr(other)) => {
                let other = alloc::string::String::from_utf8_lossy(other);
                Err(self.invalid(ARGUMENT, format!("\"unsupported queue type '{other}'\"")))
            }
            Some(other) => Err(self.unacceptable_type(ARGUMENT, &other)),
        }
    }

    fn unacceptable_type(&self, argument: &'static str, value: &Value<'_>) -> Reason {
        self.invalid(argument, format!("{{unacceptable_type,{}}}", type_name(value)))
    }

    fn integer(&self, argument: &'static str) -> Result<Option<i64>, Reason> {
        let Some(value) = self.get(argument) else { return Ok(None) };
        match value.as_i64() {
            Some(number) => Ok(Some(number)),
            None => {
                let received = type_name(&value);
                Err(self.invalid(argument, format!("\"expected integer, got {received}\"")))
            }
        }
    }

    fn count(&self, argument: &'static str) -> Result<Option<u64>, Reason> {
        let Some(number) = self.integer(argument)? else { return Ok(None) };
        match u64::try_from(number) {
            Ok(count) => Ok(Some(count)),
            Err(_) => Err(self.invalid(argument, format!("{{value_negative,{number}}}"))),
        }
    }

    fn milliseconds(&self, argument: &'static str) -> Result<Option<u64>, Reason> {
        match self.count(argument)? {
            Some(ms) if ms > LONGEST_MS => {
                Err(self.invalid(argument, format!("{{value_too_large,{ms}}}")))
            }
            other => Ok(other),
        }
    }

    fn expires(&self) -> Result<Option<u64>, Reason> {
        const ARGUMENT: &str = "x-expires";
        match self.milliseconds(ARGUMENT)? {
            Some(0) => Err(self.invalid(ARGUMENT, "{value_zero,0}")),
            other => Ok(other),
        }
    }

    fn max_priority(&self) -> Result<Option<u8>, Reason> {
        const ARGUMENT: &str = "x-max-priority";
        let Some(number) = self.count(ARGUMENT)? else { return Ok(None) };
        match u8::try_from(number) {
            Ok(priority) => Ok(Some(priority)),
            Err(_) => Err(self.invalid(ARGUMENT, format!("{{max_value_exceeded,{number}}}"))),
        }
    }

    fn truth(&self, argument: &'static str) -> Result<bool, Reason> {
        match self.get(argument) {
            None => Ok(false),
            Some(Value::Bool(truth)) => Ok(truth),
            Some(other) => Err(self.unacceptable_type(argument, &other)),
        }
    }

    fn word(&self, argument: &'static str) -> Result<Option<&'a [u8]>, Reason> {
        match self.get(argument) {
            None => Ok(None),
            Some(Value::LongStr(word)) => Ok(Some(word)),
            Some(other) => Err(self.unacceptable_type(argument, &other)),
        }
    }

    fn overflow(&self) -> Result<Overflow, Reason> {
        const ARGUMENT: &str = "x-overflow";
        match self.word(ARGUMENT)? {
            None | Some(b"drop-head") => Ok(Overflow::DropHead),
            Some(b"reject-publish") => Ok(Overflow::RejectPublish),
            Some(b"reject-publish-dlx") => Ok(Overflow::RejectPublishDeadLetter),
            Some(_) => Err(self.invalid(ARGUMENT, "invalid_overflow")),
        }
    }

    fn name(&self, argument: &'static str) -> Result<Option<ShortStr>, Reason> {
        let Some(name) = self.word(argument)? else { return Ok(None) };
        match ShortStr::try_from(name) {
            Ok(name) => Ok(Some(name)),
            Err(_) => Err(self.invalid(argument, format!("{{value_too_large,{}}}", name.len()))),
        }
    }

    fn dead_letter(&self) -> Result<Option<DeadLetterTo>, Reason> {
        const KEY: &str = "x-dead-letter-routing-key";
        let key = self.name(KEY)?;
        let exchange = self.dead_letter_exchange()?;
        match (exchange, key) {
            (Some(exchange), key) => Ok(Some(DeadLetterTo { exchange, key })),
            (None, Some(_)) => Err(self.invalid(KEY, "routing_key_but_no_dlx_defined")),
            (None, None) => Ok(None),
        }
    }

    fn dead_letter_at_least_once(&self) -> Result<bool, Reason> {
        const STRATEGY: &str = "x-dead-letter-strategy";
        match self.word(STRATEGY)? {
            None | Some(b"at-most-once") => Ok(false),
            Some(b"at-least-once") => Ok(true),
            Some(_) => Err(self.invalid(STRATEGY, "invalid_dlx_strategy")),
        }
    }

    fn dead_letter_exchange(&self) -> Result<Option<ShortStr>, Reason> {
        const EXCHANGE: &str = "x-dead-letter-exchange";
        match self.get(EXCHANGE) {
            None | Some(Value::LongStr(_)) => self.name(EXCHANGE),
            Some(other) => Err(Reason::ArgumentType {
                kind: type_name(&other),
                argument: EXCHANGE,
                resource: self.queue.clone(),
            }),
        }
    }

    fn delivery_limit(&self, kind: QueueKind) -> Result<DeliveryLimit, Reason> {
        const ARGUMENT: &str = "x-delivery-limit";
        match (self.integer(ARGUMENT)?, kind) {
            (None, QueueKind::Classic) => Ok(DeliveryLimit::Unlimited),
            (None, QueueKind::Quorum) => Ok(DeliveryLimit::Default(DELIVERY_LIMIT)),
            (Some(..=-1), _) => Ok(DeliveryLimit::Unlimited),
            (Some(limit), _) => {
                Ok(u32::try_from(limit).map_or(DeliveryLimit::Unlimited, DeliveryLimit::Explicit))
            }
        }
    }

    /// Arguments that mean nothing on one node, or nothing any more, must still be of the right type.
    fn check_what_means_nothing_here(&self) -> Result<(), Reason> {
        const COUNTS: [&str; 3] =
            ["x-max-in-memory-length", "x-max-in-memory-bytes", "x-consumer-disconnected-timeout"];
        const SIZES: [&str; 2] = ["x-quorum-initial-group-size", "x-initial-cluster-size"];
        const WORDS: [&str; 2] = ["x-queue-leader-locator", "x-member-placement-tag"];
        for argument in COUNTS {
            self.count(argument)?;
        }
        for argument in SIZES {
            if self.count(argument)? == Some(0) {
                return Err(self.invalid(argument, "{value_zero,0}"));
            }
        }
        for argument in WORDS {
            self.word(argument)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::{String, ToString};
    use warrener_codec::TableBuilder;

    fn parse(arguments: TableBuilder) -> Result<Settings, String> {
        let table = arguments.build().expect("a small table");
        Settings::parse(&table, &Resource::queue(b"q", b"/")).map_err(|reason| reason.to_string())
    }

    fn refused(name: &str, value: impl Into<Value<'static>>) -> String {
        parse(TableBuilder::new().with(name, value)).expect_err("must be refused")
    }

    #[test]
    fn values_are_refused_in_rabbitmqs_words() {
        let invalid = |argument: &str, term: &str| {
            std::format!("invalid arg '{argument}' for queue 'q' in vhost '/': {term}")
        };
        for (name, value, term) in [
            ("x-message-ttl", Value::I32(-1), "{value_negative,-1}"),
            ("x-message-ttl", Value::LongStr(b"5"), "\"expected integer, got longstr\""),
            ("x-message-ttl", Value::I64(315_360_000_001), "{value_too_large,315360000001}"),
            ("x-expires", Value::I32(0), "{value_zero,0}"),
            ("x-max-priority", Value::I32(256), "{max_value_exceeded,256}"),
            ("x-overflow", Value::LongStr(b"burst"), "invalid_overflow"),
            ("x-overflow", Value::I32(1), "{unacceptable_type,signedint}"),
            ("x-dead-letter-routing-key", Value::LongStr(b"k"), "routing_key_but_no_dlx_defined"),
            ("x-dead-letter-strategy", Value::LongStr(b"twice"), "invalid_dlx_strategy"),
            ("x-queue-type", Value::LongStr(b"heap"), "\"unsupported queue type 'heap'\""),
        ] {
            assert_eq!(refused(name, value), invalid(name, term));
        }
        assert_eq!(
            refused("x-dead-letter-exchange", 5),
            "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'",
        );
        assert_eq!(
            refused("x-max-age", "1h"),
            "invalid arg 'x-max-age' for queue 'q' in vhost '/' of queue type rabbit_classic_queue",
        );
    }

    #[test]
    fn a_quorum_queue_has_a_delivery_limit_of_its_own() {
        let limit = |arguments| parse(arguments).expect("accepted").delivery_limit;
        let quorum = || TableBuilder::new().with("x-queue-type", "quorum");
        assert_eq!(limit(quorum()), DeliveryLimit::Default(20));
        assert_eq!(limit(quorum().with("x-delivery-limit", 3)), DeliveryLimit::Explicit(3));
        assert_eq!(limit(quorum().with("x-delivery-limit", -1)), DeliveryLimit::Unlimited);
        assert_eq!(limit(TableBuilder::new()), DeliveryLimit::Unlimited);
    }
}
