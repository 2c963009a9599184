//! How facts are written into digests and read back: numbers big-endian, strings behind their length.

mod read;

use alloc::boxed::Box;

use bytes::{BufMut, Bytes, BytesMut};
use warrener_codec::{ShortStr, Table};
use warrener_time::Time;

use crate::dead_letter::{DeathReason, History};
use crate::exchange::ExchangeSpec;
use crate::id::RecordId;
use crate::mark::Run;
use crate::message::Traits;
use crate::record::{Fact, MessageAt, Named, Place, Published, RecordError, Sizes};
use crate::refusal::Kind;
use crate::setting::{Setting, SettingName};

use self::read::Input;
pub(crate) use self::read::Parts;

/// The version of the records that this version writes, and the greatest it reads: a log says which its records have.
pub const RECORDS_VERSION: u16 = VERSION as u16;

pub(crate) const VERSION: u8 = 2;

/// In this version messages had neither a format nor fields.
const FIRST_VERSION: u8 = 1;

/// The only format of a message's content so far: AMQP 0-9-1, properties and body.
const AMQP_0_9_1: u8 = 0;

/// Which fact [`Fact::Published`] is.
const PUBLISHED: u8 = 8;

/// Which fact [`Fact::DeadLettered`] is.
const DEAD_LETTERED: u8 = 9;

/// Which fact [`Fact::Spilled`] is.
const SPILLED: u8 = 14;

/// Which fact [`Fact::Committed`] is.
pub(crate) const COMMITTED: u8 = 12;

impl Fact {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(64);
        out.put_u8(VERSION);
        match self {
            Self::ExchangeDeclared { vhost, spec } => {
                out.put_u8(1);
                put_short(&mut out, vhost);
                put_exchange(&mut out, spec);
            }
            Self::ExchangeDeleted { of } => put_about(&mut out, 2, *of),
            Self::QueueDeclared { vhost, spec } => {
                out.put_u8(3);
                put_short(&mut out, vhost);
                put_short(&mut out, &spec.name);
                out.put_u8(u8::from(spec.auto_delete));
                put_table(&mut out, &spec.arguments);
            }
            Self::QueueDeleted { of } => put_about(&mut out, 4, *of),
            Self::Purged { of } => put_about(&mut out, 5, *of),
            Self::Bound { vhost, source, kind, target, key, arguments } => {
                out.put_u8(6);
                put_short(&mut out, vhost);
                put_named(&mut out, source);
                out.put_u8(u8::from(*kind == Kind::Queue));
                put_named(&mut out, target);
                put_short(&mut out, key);
                put_table(&mut out, arguments);
            }
            Self::Unbound { of } => put_about(&mut out, 7, *of),
            Self::Published(published) => put_publish(&mut out, PUBLISHED, published),
            Self::DeadLettered { from, published } => {
                out.put_u8(DEAD_LETTERED);
                put_place(&mut out, *from);
                put_published(&mut out, published);
            }
            Self::Settled(place) => {
                out.put_u8(10);
                put_place(&mut out, *place);
            }
            Self::Returned { place, failures } => {
                out.put_u8(11);
                put_place(&mut out, *place);
                out.put_u32(*failures);
            }
            Self::Spilled(published) => put_publish(&mut out, SPILLED, published),
            Self::Set(setting) => {
                out.put_u8(16);
                setting.encode(&mut out);
            }
            Self::Unset { name, of } => put_unset(&mut out, name, *of),
            Self::Committed { published, settled } => {
                out.put_u8(COMMITTED);
                put_list(&mut out, published, put_published);
                put_list(&mut out, settled, |out, place| put_place(out, *place));
            }
            Self::Marked { queue, delivered } => {
                put_about(&mut out, 15, *queue);
                put_list(&mut out, delivered, put_run);
            }
            Self::Died { place, reason, time } => {
                out.put_u8(13);
                put_died(&mut out, *place, *reason, *time);
            }
        }
        out.freeze()
    }

    pub(crate) fn decode(digest: &Bytes) -> Result<Self, RecordError> {
        let mut input = Input::new(digest.clone())?;
        let fact = match input.octet()? {
            1 => Self::ExchangeDeclared { vhost: input.short()?, spec: input.exchange()? },
            2 => Self::ExchangeDeleted { of: input.record()? },
            3 => Self::QueueDeclared { vhost: input.short()?, spec: input.queue()? },
            4 => Self::QueueDeleted { of: input.record()? },
            5 => Self::Purged { of: input.record()? },
            6 => Self::Bound {
                vhost: input.short()?,
                source: input.named()?,
                kind: if input.truth()? { Kind::Queue } else { Kind::Exchange },
                target: input.named()?,
                key: input.short()?,
                arguments: input.table()?,
            },
            7 => Self::Unbound { of: input.record()? },
            PUBLISHED => Self::Published(input.published()?),
            DEAD_LETTERED => {
                Self::DeadLettered { from: input.place()?, published: input.published()? }
            }
            10 => Self::Settled(input.place()?),
            11 => Self::Returned { place: input.place()?, failures: input.long()? },
            COMMITTED => Self::Committed {
                published: input.list(Input::published)?,
                settled: input.list(Input::place)?,
            },
            15 => Self::Marked {
                queue: input.record()?,
                delivered: input.list(|input| Ok((input.message()?, input.message()?)))?,
            },
            16 => Self::Set(Box::new(Setting::decode(&mut input.rest)?)),
            17 => {
                let of = input.record()?;
                let sort = input.octet()?;
                let name = SettingName::from_parts(sort, input.list(Input::short)?)?;
                Self::Unset { name, of: (of.0 != 0).then_some(of) }
            }
            13 => Self::Died {
                place: input.place()?,
                reason: input.reason()?,
                time: Time::from_micros(input.long_long()?),
            },
            SPILLED => Self::Spilled(input.published()?),
            _ => return Err(RecordError::Malformed),
        };
        if input.rest.is_empty() { Ok(fact) } else { Err(RecordError::Malformed) }
    }
}

fn put_unset(out: &mut BytesMut, name: &SettingName, of: Option<RecordId>) {
    put_about(out, 17, of.unwrap_or_default());
    let (sort, parts) = name.parts();
    out.put_u8(sort);
    put_list(out, &parts, put_short);
}

fn put_short(out: &mut BytesMut, text: &ShortStr) {
    out.put_u8(text.len() as u8);
    out.put_slice(text.as_bytes());
}

fn put_table(out: &mut BytesMut, table: &Table) {
    out.put_u32(table.as_bytes().len() as u32);
    out.put_slice(table.as_bytes());
}

fn put_about(out: &mut BytesMut, fact: u8, record: RecordId) {
    out.put_u8(fact);
    out.put_u64(record.0);
}

pub(crate) fn put_place(out: &mut BytesMut, place: Place) {
    out.put_u64(place.queue.0);
    put_message(out, place.message);
}

fn put_run(out: &mut BytesMut, (first, last): &Run) {
    put_message(out, *first);
    put_message(out, *last);
}

fn put_message(out: &mut BytesMut, message: MessageAt) {
    out.put_u64(message.record.0);
    out.put_u32(message.part);
}

fn put_died(out: &mut BytesMut, place: Place, reason: DeathReason, time: Time) {
    put_place(out, place);
    out.put_u8(reason.number());
    out.put_u64(time.as_micros());
}

fn put_named(out: &mut BytesMut, named: &Named) {
    put_short(out, &named.name);
    out.put_u64(named.record.unwrap_or_default().0);
}

fn put_exchange(out: &mut BytesMut, spec: &ExchangeSpec) {
    put_short(out, &spec.name);
    put_short(out, &ShortStr::from_static(spec.kind.name()));
    out.put_u8(u8::from(spec.auto_delete) | u8::from(spec.internal) << 1);
    put_table(out, &spec.arguments);
}

fn put_publish(out: &mut BytesMut, fact: u8, published: &Published) {
    out.put_u8(fact);
    put_published(out, published);
}

pub(crate) fn put_published(out: &mut BytesMut, published: &Published) {
    out.put_u8(AMQP_0_9_1);
    out.put_u64(published.time.as_micros());
    out.put_u32(published.targets.len() as u32);
    published.targets.iter().for_each(|queue| out.put_u64(queue.0));
    for text in [published.address.exchange(), published.address.routing_key()] {
        out.put_u8(text.len() as u8);
        out.put_slice(text.as_bytes());
    }
    out.put_u32(published.sizes.properties);
    out.put_u64(published.sizes.body);
    let fields = published.extra.as_ref().map(|extra| &extra.fields);
    let fields = fields.filter(|fields| !fields.is_empty());
    let flags = [published.extra.is_some(), published.traits.is_some(), fields.is_some()];
    out.put_u8(flags.iter().rev().fold(0, |all, flag| all << 1 | u8::from(*flag)));
    if let Some(extra) = &published.extra {
        put_list(out, &extra.cc, put_short);
        put_list(out, &extra.bcc, put_short);
        out.put_u8(u8::from(extra.history.is_some()) | u8::from(extra.redelivered) << 1);
        if let Some(history) = &extra.history {
            put_history(out, history);
        }
    }
    if let Some(traits) = published.traits {
        put_traits(out, traits);
    }
    if let Some(fields) = fields {
        out.put_u32(fields.as_bytes().len() as u32);
        out.put_slice(fields.as_bytes());
    }
}

fn put_traits(out: &mut BytesMut, traits: Traits) {
    let Traits { ttl_ms, priority, persistent } = traits;
    let flags = [ttl_ms.is_some(), priority.is_some(), persistent];
    out.put_u8(flags.iter().rev().fold(0, |all, flag| all << 1 | u8::from(*flag)));
    if let Some(ttl_ms) = ttl_ms {
        out.put_u64(ttl_ms);
    }
    if let Some(priority) = priority {
        out.put_u8(priority);
    }
}

fn put_list<T>(out: &mut BytesMut, list: &[T], put: impl Fn(&mut BytesMut, &T)) {
    out.put_u32(list.len() as u32);
    list.iter().for_each(|item| put(out, item));
}

fn put_history(out: &mut BytesMut, history: &History) {
    put_short(out, &history.first.queue);
    out.put_u8(history.first.reason.number());
    put_short(out, &history.first.exchange);
    put_list(out, &history.deaths, |out, death| {
        put_short(out, &death.queue);
        out.put_u8(death.reason.number());
        out.put_u64(death.count);
        out.put_u64(death.time.as_micros());
        put_short(out, &death.exchange);
        put_list(out, &death.keys, put_short);
        out.put_u8(u8::from(death.expiration.is_some()));
        if let Some(expiration) = &death.expiration {
            put_short(out, expiration);
        }
    });
}

/// A message that has a record to itself, as its digest tells of it. A restart reads millions of them, so reading one
/// asks for no memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance<'a> {
    pub(crate) time: Time,
    targets: &'a [[u8; 8]],
    pub(crate) sizes: Sizes,
    pub(crate) traits: Traits,
}

impl<'a> Glance<'a> {
    /// `None`: the digest says something else, or more.
    pub(crate) fn at(digest: &'a [u8]) -> Option<Self> {
        let ([VERSION, 8, AMQP_0_9_1, rest @ ..] | [FIRST_VERSION, 8, rest @ ..]) = digest else {
            return None;
        };
        let (time, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (targets, _) = rest.as_chunks();
        let targets = targets.get(..u32::from_be_bytes(*count) as usize)?;
        let mut rest = &rest[targets.len() * 8..];
        for _exchange_and_key in 0..2 {
            let (len, after) = rest.split_first()?;
            rest = after.get(usize::from(*len)..)?;
        }
        let (properties, rest) = rest.split_first_chunk()?;
        let (body, rest) = rest.split_first_chunk()?;
        let (ONLY_TRAITS, rest) = rest.split_first()? else { return None };
        let (flags, rest) = rest.split_first()?;
        let (ttl_ms, rest) = match flags & 1 {
            0 => (None, rest),
            _ => rest
                .split_first_chunk()
                .map(|(ttl, rest)| (Some(u64::from_be_bytes(*ttl)), rest))?,
        };
        let (priority, rest) = match flags & 2 {
            0 => (None, rest),
            _ => rest.split_first().map(|(priority, rest)| (Some(*priority), rest))?,
        };
        let sizes =
            Sizes { properties: u32::from_be_bytes(*properties), body: u64::from_be_bytes(*body) };
        let traits = Traits { ttl_ms, priority, persistent: flags & 4 != 0 };
        let time = Time::from_micros(u64::from_be_bytes(*time));
        rest.is_empty().then_some(Self { time, targets, sizes, traits })
    }

    /// The records that declared the durable queues it went into.
    pub(crate) fn targets(&self) -> impl Iterator<Item = RecordId> + Clone + 'a {
        self.targets.iter().map(|queue| RecordId(u64::from_be_bytes(*queue)))
    }
}

/// In the flags of a published message: it has traits, and nothing that few messages have.
const ONLY_TRAITS: &u8 = &2;
