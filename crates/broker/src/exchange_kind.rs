//! The types of exchange, and what their arguments say.

use alloc::boxed::Box;
use alloc::format;

use warrener_codec::{Table, Value};
use warrener_router::{HashOn, Kind as Rule, Property};

use crate::refusal::{Reason, said, shown};
use crate::value::{erlang, text};

/// The types of exchange there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExchangeKind {
    Direct,
    Fanout,
    Topic,
    Headers,
    ConsistentHash,
    ModulusHash,
    Random,
    /// Random among classic queues, without keys.
    LocalRandom,
    /// Fanout that also keeps the last messages for whoever is bound next.
    RecentHistory,
    /// Of the type that its argument names, for messages whose time has come.
    Delayed,
}

const KINDS: [(&str, ExchangeKind); 10] = [
    ("direct", ExchangeKind::Direct),
    ("fanout", ExchangeKind::Fanout),
    ("topic", ExchangeKind::Topic),
    ("headers", ExchangeKind::Headers),
    ("x-consistent-hash", ExchangeKind::ConsistentHash),
    ("x-modulus-hash", ExchangeKind::ModulusHash),
    ("x-random", ExchangeKind::Random),
    ("x-local-random", ExchangeKind::LocalRandom),
    ("x-recent-history", ExchangeKind::RecentHistory),
    ("x-delayed-message", ExchangeKind::Delayed),
];

/// The argument that says of which type a delayed exchange is besides.
pub(crate) const DELAYED_TYPE: &str = "x-delayed-type";

impl ExchangeKind {
    /// The type of this name (`direct`, `x-consistent-hash`).
    pub(crate) fn parse(name: &[u8]) -> Result<Self, Reason> {
        let known = KINDS.iter().find(|(own, _)| own.as_bytes() == name);
        known.map(|(_, kind)| *kind).ok_or_else(|| Reason::UnknownExchangeType(shown(name)))
    }

    pub(crate) fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).expect("every kind is in the list").0
    }

    /// The type whose rules bindings follow.
    pub(crate) fn of_bindings(self, arguments: &Table) -> Result<Self, Reason> {
        if self == Self::Delayed { delayed_type(arguments) } else { Ok(self) }
    }

    /// How the router is to treat an exchange of this type.
    pub(crate) fn rule(self, arguments: &Table) -> Result<Rule, Reason> {
        Ok(match self {
            Self::Direct => Rule::Direct,
            Self::Fanout => Rule::Fanout,
            Self::Topic => Rule::Topic,
            Self::Headers => Rule::Headers,
            Self::ConsistentHash => Rule::ConsistentHash(hash_on(arguments)?),
            Self::ModulusHash => Rule::ModulusHash,
            Self::Random | Self::LocalRandom => Rule::Random,
            Self::RecentHistory => history_length(arguments).map(|_| Rule::Fanout)?,
            Self::Delayed => delayed_type(arguments)?.rule(arguments)?,
        })
    }
}

fn invalid(text: impl Into<Box<str>>) -> Reason {
    Reason::InvalidBinding(text.into())
}

fn hash_on(arguments: &Table) -> Result<HashOn, Reason> {
    match (arguments.get("hash-header"), arguments.get("hash-property")) {
        (None, None) => Ok(HashOn::RoutingKey),
        (Some(Value::LongStr(header)), None) => Ok(HashOn::Header(header.into())),
        (None, Some(Value::LongStr(b"message_id"))) => Ok(HashOn::Property(Property::MessageId)),
        (None, Some(Value::LongStr(b"correlation_id"))) => {
            Ok(HashOn::Property(Property::CorrelationId))
        }
        (None, Some(Value::LongStr(b"timestamp"))) => Ok(HashOn::Property(Property::Timestamp)),
        (Some(_), Some(_)) => {
            Err(invalid(said("hash-header and hash-property are mutually exclusive")))
        }
        (None, Some(other)) | (Some(other), None) => {
            Err(invalid(format!("Unsupported property: {}", text(&other))))
        }
    }
}

/// What a delayed exchange is besides. What keeps messages itself cannot be it.
fn delayed_type(arguments: &Table) -> Result<ExchangeKind, Reason> {
    let Some(Value::LongStr(name)) = arguments.get(DELAYED_TYPE) else {
        let text = "Invalid argument, 'x-delayed-type' must be an existing exchange type";
        return Err(invalid(said(text)));
    };
    match ExchangeKind::parse(name)? {
        kind @ (ExchangeKind::Delayed | ExchangeKind::RecentHistory) => Err(invalid(format!(
            "Invalid argument, '{}' can't be used for 'x-delayed-type'",
            kind.name(),
        ))),
        kind => Ok(kind),
    }
}

/// How many messages a recent-history exchange keeps when it does not say.
const HISTORY_LENGTH: u64 = 20;

/// How many messages a recent-history exchange keeps.
pub(crate) fn history_length(arguments: &Table) -> Result<u64, Reason> {
    const LENGTH: &str = "x-recent-history-length";
    let Some(value) = arguments.get(LENGTH) else { return Ok(HISTORY_LENGTH) };
    match value.as_i64().map(u64::try_from) {
        Some(Ok(length @ 1..)) => Ok(length),
        _ => Err(invalid(format!(
            "Invalid argument {}, 'x-recent-history-length' must be a positive integer",
            erlang(&value),
        ))),
    }
}
