//! Dead-lettering: why a message left a queue, and where it goes then (RabbitMQ extension).
//!
//! A queue says *why* a message is gone. Here is decided *where* it goes, what it then says about its deaths, and which
//! targets it may not reach again because nothing but the broker would send it round.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use warrener_codec::{
    Array, ArrayBuilder, Content, PropertiesRef, ShortRef, ShortStr, TableBuilder, Value,
};
use warrener_queue::Why;
use warrener_time::Time;

use crate::address::Address;
use crate::arguments::DeadLetterTo;
use crate::message::{Extra, NewMessage, Traits};

/// Why a message died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeathReason {
    Rejected,
    Expired,
    MaxLength,
    DeliveryLimit,
}

impl DeathReason {
    /// The reason that dead-letters a message, if what happened to it is one.
    pub(crate) const fn of(why: Why) -> Option<Self> {
        match why {
            Why::Discarded => Some(Self::Rejected),
            Why::Expired => Some(Self::Expired),
            Why::MaxLength => Some(Self::MaxLength),
            Why::DeliveryLimit => Some(Self::DeliveryLimit),
            Why::Accepted | Why::Purged | Why::Deleted => None,
        }
    }

    /// What a queue calls it.
    pub(crate) const fn why(self) -> Why {
        match self {
            Self::Rejected => Why::Discarded,
            Self::Expired => Why::Expired,
            Self::MaxLength => Why::MaxLength,
            Self::DeliveryLimit => Why::DeliveryLimit,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::MaxLength => "maxlen",
            Self::DeliveryLimit => "delivery_limit",
        }
    }

    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Rejected => 0,
            Self::Expired => 1,
            Self::MaxLength => 2,
            Self::DeliveryLimit => 3,
        }
    }

    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Rejected),
            1 => Some(Self::Expired),
            2 => Some(Self::MaxLength),
            3 => Some(Self::DeliveryLimit),
            _ => None,
        }
    }
}

/// All deaths of one queue for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) queue: ShortStr,
    pub(crate) reason: DeathReason,
    pub(crate) count: u64,
    /// The first time.
    pub(crate) time: Time,
    /// Where the message was published to, the first time.
    pub(crate) exchange: ShortStr,
    /// With which keys: its own and those of `CC`, not those of `BCC`.
    pub(crate) keys: Vec<ShortStr>,
    /// The message's own time-to-live, which ended with the first death.
    pub(crate) expiration: Option<ShortStr>,
}

/// What a routing key of a message takes of memory beside its octets, more or less.
pub(crate) const KEY_BYTES: usize = 64;

/// What a death takes beside names, likewise.
const DEATH_BYTES: usize = 256;

impl Death {
    fn bytes(&self) -> usize {
        let keys: usize = self.keys.iter().map(|key| KEY_BYTES + key.len()).sum();
        DEATH_BYTES + self.queue.len() + self.exchange.len() + keys
    }
}

/// The very first death, which stays what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct First {
    pub(crate) queue: ShortStr,
    pub(crate) reason: DeathReason,
    pub(crate) exchange: ShortStr,
}

/// What a message remembers of its deaths. It is kept beside the message and not read from its headers: what a client
/// sends in `x-death` means nothing (RabbitMQ 4.0 and later).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) first: First,
    /// The latest first, each queue and reason once.
    pub(crate) deaths: Vec<Death>,
}

impl History {
    /// Adds a death to what was before.
    fn record(before: Option<&Self>, death: Death) -> Self {
        let Some(before) = before else {
            let (queue, exchange) = (death.queue.clone(), death.exchange.clone());
            let first = First { queue, reason: death.reason, exchange };
            return Self { first, deaths: alloc::vec![death] };
        };
        let mut history = before.clone();
        let same = |own: &Death| own.queue == death.queue && own.reason == death.reason;
        let latest = match history.deaths.iter().position(same) {
            Some(place) => {
                let mut again = history.deaths.remove(place);
                again.count += 1;
                again
            }
            None => death,
        };
        history.deaths.insert(0, latest);
        history
    }

    /// The queues to which sending the message would only repeat what already happened without anybody's doing: it died
    /// there before, and since then nobody has rejected it.
    pub(crate) fn cycles(&self) -> BTreeSet<&[u8]> {
        let by_itself = self.deaths.iter().take_while(|own| own.reason != DeathReason::Rejected);
        by_itself.map(|death| death.queue.as_bytes()).collect()
    }

    /// What it takes of memory, in octets more or less. In headers it takes less than half of that.
    pub(crate) fn bytes(&self) -> usize {
        self.deaths.iter().map(Death::bytes).sum()
    }
}

/// A message that died, as it goes on: with its history, and without its expiration.
pub(crate) fn bury(
    (message, failed): (&NewMessage, bool),
    reason: DeathReason,
    queue: &ShortStr,
    to: &DeadLetterTo,
    now: Time,
) -> NewMessage {
    let properties = message.content.properties.read().unwrap_or_default();
    let key = message.address.routing_key().to_owned();
    let extra = message.extra.as_deref();
    let cc = extra.map_or(&[][..], |extra| &extra.cc);
    let death = Death {
        queue: queue.clone(),
        reason,
        count: 1,
        time: now,
        exchange: message.address.exchange().to_owned(),
        keys: core::iter::once(key.clone()).chain(cc.iter().cloned()).collect(),
        expiration: properties.expiration.map(ShortRef::to_owned),
    };
    let history = History::record(extra.and_then(|extra| extra.history.as_ref()), death);
    let headers = headers(&properties, &history);
    let properties =
        PropertiesRef { expiration: None, headers: Some(headers.as_table_ref()), ..properties };
    let traits = Traits::of(&properties);
    let content = Content { properties: properties.to_owned(), body: message.content.body.clone() };
    let (cc, bcc) = match (&to.key, extra) {
        (None, Some(extra)) => (extra.cc.clone(), extra.bcc.clone()),
        _ => (Vec::new(), Vec::new()),
    };
    NewMessage {
        address: Address::from((&to.exchange, to.key.as_ref().unwrap_or(&key))),
        content,
        extra: Some(
            Extra {
                cc,
                bcc,
                history: Some(history),
                fields: extra.map(|extra| extra.fields.clone()).unwrap_or_default(),
                redelivered: failed || message.is_redelivered(),
            }
            .into(),
        ),
        traits,
    }
}

/// The headers the broker writes; a message's own of these names are replaced.
const OURS: [&str; 7] = [
    "x-death",
    "x-first-death-exchange",
    "x-first-death-queue",
    "x-first-death-reason",
    "x-last-death-exchange",
    "x-last-death-queue",
    "x-last-death-reason",
];

fn headers(properties: &PropertiesRef<'_>, history: &History) -> warrener_codec::Table {
    let mut headers = TableBuilder::new();
    for (name, value) in properties.headers.unwrap_or_default() {
        if !OURS.iter().any(|own| own.as_bytes() == name.as_bytes()) {
            headers.insert(name.as_bytes(), value);
        }
    }
    let first = &history.first;
    let last = &history.deaths[0];
    headers
        .insert("x-death", &deaths(history))
        .insert("x-first-death-exchange", first.exchange.as_bytes())
        .insert("x-first-death-queue", first.queue.as_bytes())
        .insert("x-first-death-reason", first.reason.name())
        .insert("x-last-death-exchange", last.exchange.as_bytes())
        .insert("x-last-death-queue", last.queue.as_bytes())
        .insert("x-last-death-reason", last.reason.name());
    headers.build().expect("headers that were taken in, and a few more, fit a table")
}

fn deaths(history: &History) -> Array {
    let mut deaths = ArrayBuilder::new();
    for death in &history.deaths {
        let mut keys = ArrayBuilder::new();
        death.keys.iter().for_each(|key| {
            keys.push(key.as_bytes());
        });
        let keys = keys.build().expect("a few keys fit an array");
        let mut table = TableBuilder::new();
        if let Some(expiration) = &death.expiration {
            table.insert("original-expiration", expiration.as_bytes());
        }
        let table = table
            .with("count", i64::try_from(death.count).unwrap_or(i64::MAX))
            .with("reason", death.reason.name())
            .with("queue", death.queue.as_bytes())
            .with("time", Value::Timestamp(death.time.as_secs()))
            .with("exchange", death.exchange.as_bytes())
            .with("routing-keys", &keys);
        let table = table.build().expect("seven entries fit a table");
        deaths.push(&table);
    }
    deaths.build().expect("a history fits an array")
}

/// A per-message time-to-live in milliseconds, from the `expiration` property.
///
/// The text is RabbitMQ's explanation when it is not one.
pub(crate) fn parse_expiration(text: ShortRef<'_>) -> Result<u64, alloc::string::String> {
    let octets = text.as_bytes();
    let (negative, digits) = match octets {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let len = digits.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let (number, leftover) = digits.split_at(len);
    if number.is_empty() {
        return Err("no_integer".into());
    }
    if !leftover.is_empty() {
        let leftover = alloc::string::String::from_utf8_lossy(leftover);
        return Err(format!("{{leftover_string,\"{leftover}\"}}"));
    }
    let shown = || alloc::string::String::from_utf8_lossy(number).into_owned();
    let value = number
        .iter()
        .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    match value {
        Some(0) => Ok(0),
        _ if negative => Err(format!("{{value_negative,-{}}}", shown())),
        Some(ms) if ms <= crate::config::LONGEST_MS => Ok(ms),
        _ => Err(format!("{{value_too_large,{}}}", shown())),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use alloc::string::String;

    fn name(text: &'static str) -> ShortStr {
        ShortStr::from_static(text)
    }

    fn death(queue: &'static str, reason: DeathReason) -> Death {
        Death {
            queue: name(queue),
            reason,
            count: 1,
            time: Time::from_secs(1),
            exchange: name(""),
            keys: alloc::vec![name(queue)],
            expiration: None,
        }
    }

    fn history(deaths: &[(&'static str, DeathReason)]) -> History {
        let mut history = None;
        for (queue, reason) in deaths {
            history = Some(History::record(history.as_ref(), death(queue, *reason)));
        }
        history.expect("at least one death")
    }

    #[test]
    fn a_repeated_death_is_counted_and_comes_first() {
        use DeathReason::{Expired, Rejected};
        let history = history(&[("a", Expired), ("b", Rejected), ("a", Expired)]);
        let seen: Vec<_> = history.deaths.iter().map(|d| (d.queue.as_bytes(), d.count)).collect();
        assert_eq!(seen, [(&b"a"[..], 2), (&b"b"[..], 1)]);
        assert_eq!((history.first.queue, history.first.reason), (name("a"), Expired));
    }

    #[test]
    fn only_a_rejection_lets_a_message_come_round_again() {
        use DeathReason::{Expired, MaxLength, Rejected};
        assert!(history(&[("a", Expired)]).cycles().contains("a".as_bytes()));
        assert!(!history(&[("a", Expired)]).cycles().contains("b".as_bytes()));
        assert!(history(&[("a", Expired), ("b", MaxLength)]).cycles().contains("a".as_bytes()));
        assert!(!history(&[("a", Expired), ("b", Rejected)]).cycles().contains("a".as_bytes()));
        assert!(!history(&[("a", Rejected), ("b", Expired)]).cycles().contains("a".as_bytes()));
        assert!(history(&[("a", Rejected), ("b", Expired)]).cycles().contains("b".as_bytes()));
    }

    #[test]
    fn expirations_are_refused_in_rabbitmqs_words() {
        let parse = |text: &str| parse_expiration(ShortRef::try_from(text).expect("short"));
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("315360000000"), Ok(315_360_000_000));
        assert_eq!(parse(""), Err(String::from("no_integer")));
        assert_eq!(parse("abc"), Err(String::from("no_integer")));
        assert_eq!(parse("5x"), Err(String::from("{leftover_string,\"x\"}")));
        assert_eq!(parse("-1"), Err(String::from("{value_negative,-1}")));
        assert_eq!(parse("315360000001"), Err(String::from("{value_too_large,315360000001}")));
    }
}
