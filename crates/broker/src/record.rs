//! Durable facts as bytes.
//!
//! A record has a digest, which a restart reads whole, and the bodies it is about, which it need not. The first octet of
//! a digest is the version of this format, the second says which fact it is; numbers are big-endian, and strings carry
//! their length in front.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;
use thiserror::Error;
use warrener_codec::{Content, Limits, Properties, ShortStr, Table};
use warrener_time::Time;

use crate::address::Address;
use crate::dead_letter::DeathReason;
use crate::declare::QueueSpec;
use crate::exchange::ExchangeSpec;
use crate::fields;
use crate::id::RecordId;
use crate::mark::Run;
use crate::message::{Extra, Traits};
use crate::refusal::Kind;
use crate::setting::{Setting, SettingName};

/// A durable fact, as the host gives it to its log and gets it back after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number: higher than all before.
    pub id: RecordId,
    /// When not empty, the record is of no more use once all of these are released.
    pub refers_to: SmallVec<[RecordId; 1]>,
    /// What a restart must know.
    pub digest: Bytes,
    /// The properties and the body of each message in it.
    pub contents: SmallVec<[Content; 1]>,
    /// Whether a client waits for it: an answer or a confirm is held back until the host says
    /// [`Input::Persisted`](crate::Input::Persisted). Other records may reach the disk when it suits.
    pub awaited: bool,
    /// What it must not overtake on its way to the disk.
    pub after: After,
}

/// What must be on disk before a record, or at the same moment. A log may write a large record in fragments and smaller
/// ones meanwhile; those that take the place of something must not be there sooner than what says where it came from, or a
/// crash would leave it twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// Nothing: it may be there sooner than others before it.
    #[default]
    Nothing,
    /// These records.
    Records(Vec<RecordId>),
    /// Every record and every release before it.
    Everything,
}

impl Record {
    /// A record as a log gives it back: the digest, and all of its [`parts`](Self::parts) in one piece.
    ///
    /// # Errors
    ///
    /// When the octets are not what this version of the broker wrote.
    pub fn restored(id: RecordId, digest: Bytes, body: Bytes) -> Result<Self, RecordError> {
        let mut record = Self {
            id,
            refers_to: SmallVec::new(),
            digest,
            contents: SmallVec::new(),
            awaited: false,
            after: After::Nothing,
        };
        let fact = Fact::decode(&record.digest)?;
        let mut rest = body;
        for published in fact.published() {
            let sizes = published.sizes;
            if (rest.len() as u64) < u64::from(sizes.properties) + sizes.body {
                return Err(RecordError::Truncated);
            }
            let raw = rest.split_to(sizes.properties as usize);
            let properties =
                Properties::from_bytes(raw, &Limits::WIDEST).map_err(|_| RecordError::Malformed)?;
            let body = rest.split_to(sizes.body as usize);
            record.contents.push(Content::new(properties, body));
        }
        if rest.is_empty() { Ok(record) } else { Err(RecordError::Malformed) }
    }

    /// The octets of its messages, in the pieces they lie in: properties, then body, of each.
    pub fn parts(&self) -> impl Iterator<Item = Bytes> {
        self.contents.iter().flat_map(|content| {
            let properties = content.properties.clone().into_bytes();
            core::iter::once(properties).chain(content.body.slices().iter().cloned())
        })
    }

    /// How many octets its parts have.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        let bytes = |content: &Content| content.properties.as_bytes().len() + content.body.len();
        self.contents.iter().map(|content| bytes(content) as u64).sum()
    }
}

/// Why octets are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Written by a version of the broker that this one does not read.
    #[error("record of format {0}, which this version does not read")]
    Version(u8),
    /// It ends too early.
    #[error("record is cut short")]
    Truncated,
    /// The content of a message is of a format that this version does not know.
    #[error("message of format {0}, which this version does not read")]
    Format(u8),
    /// A message has a field that must be understood, and this version does not.
    #[error("message with field {0} ({name}), which this version does not understand", name = fields::name(*.0))]
    Field(u16),
    /// It says what no record says.
    #[error("record is malformed")]
    Malformed,
}

/// Which message: the record it came with, and its place among the messages of that record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MessageAt {
    pub(crate) record: RecordId,
    pub(crate) part: u32,
}

/// A message in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The record that declared the queue.
    pub(crate) queue: RecordId,
    pub(crate) message: MessageAt,
}

/// One end of a binding: a name, and the record of what had the name then. Predeclared exchanges have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: ShortStr,
    pub(crate) record: Option<RecordId>,
}

/// A message that went into queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    /// When; time-to-live counts from here.
    pub(crate) time: Time,
    /// The records that declared the durable queues it went into.
    pub(crate) targets: SmallVec<[RecordId; 4]>,
    pub(crate) address: Address,
    pub(crate) extra: Option<Box<Extra>>,
    pub(crate) sizes: Sizes,
    /// What its queues must know of its properties, when a restart can do without its content.
    pub(crate) traits: Option<Traits>,
}

/// How much of a record's body is one message's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) properties: u32,
    pub(crate) body: u64,
}

impl Sizes {
    pub(crate) fn of(content: &Content) -> Self {
        let properties = content.properties.as_bytes().len() as u32;
        Self { properties, body: content.body.len() as u64 }
    }
}

/// Everything that survives a restart, one fact at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    ExchangeDeclared {
        vhost: ShortStr,
        spec: ExchangeSpec,
    },
    ExchangeDeleted {
        of: RecordId,
    },
    QueueDeclared {
        vhost: ShortStr,
        spec: QueueSpec,
    },
    QueueDeleted {
        of: RecordId,
    },
    /// Everything released before this one was purged; it says no more than that.
    Purged {
        of: RecordId,
    },
    Bound {
        vhost: ShortStr,
        source: Named,
        kind: Kind,
        target: Named,
        key: ShortStr,
        arguments: Table,
    },
    Unbound {
        of: RecordId,
    },
    Published(Published),
    /// Out of one queue and, changed, into others, at once.
    DeadLettered {
        from: Place,
        published: Published,
    },
    /// A message left one of its queues and stays in another.
    Settled(Place),
    /// A message came back to its queue for this many times.
    Returned {
        place: Place,
        failures: u32,
    },
    /// A message died, and its queue holds it until it can go on.
    Died {
        place: Place,
        reason: DeathReason,
        time: Time,
    },
    /// A message written down for lack of memory, and forgotten by a restart.
    Spilled(Published),
    /// Only these messages of a queue were delivered, or may have been. The last such record of a queue counts.
    Marked {
        queue: RecordId,
        delivered: Vec<Run>,
    },
    /// A setting is in force, in place of what its name meant before.
    Set(Box<Setting>),
    /// A setting is not in force any more.
    Unset {
        name: SettingName,
        /// The record that put it in force; `None` for what the configuration says anew at every start, and for what
        /// nothing else would tell.
        of: Option<RecordId>,
    },
    /// A transaction: all of it at once.
    Committed {
        published: Vec<Published>,
        settled: Vec<Place>,
    },
}

impl Fact {
    /// Whether a restart can do without the contents that came with it.
    pub(crate) fn is_lean(&self) -> bool {
        let is_spilled = matches!(self, Self::Spilled(_));
        is_spilled || self.published().iter().all(|published| published.traits.is_some())
    }

    /// The messages it brings, in the order of the record's contents.
    pub(crate) fn published(&self) -> &[Published] {
        match self {
            Self::Published(published)
            | Self::Spilled(published)
            | Self::DeadLettered { published, .. } => core::slice::from_ref(published),
            Self::Committed { published, .. } => published,
            Self::ExchangeDeclared { .. }
            | Self::ExchangeDeleted { .. }
            | Self::QueueDeclared { .. }
            | Self::QueueDeleted { .. }
            | Self::Purged { .. }
            | Self::Bound { .. }
            | Self::Unbound { .. }
            | Self::Marked { .. }
            | Self::Settled(_)
            | Self::Returned { .. }
            | Self::Set(_)
            | Self::Unset { .. }
            | Self::Died { .. } => &[],
        }
    }

    /// What its record must not overtake, as far as the fact itself knows. A dead letter may have been in a queue that is not
    /// written down on its way: what said that it left the one before that may be anywhere.
    pub(crate) const fn after(&self) -> After {
        match self {
            Self::DeadLettered { .. } | Self::Purged { .. } => After::Everything,
            _ => After::Nothing,
        }
    }

    /// The records without which this one means nothing.
    pub(crate) fn refers_to(&self) -> SmallVec<[RecordId; 1]> {
        match self {
            Self::ExchangeDeleted { of }
            | Self::QueueDeleted { of }
            | Self::Purged { of }
            | Self::Unbound { of }
            | Self::Unset { of: Some(of), .. } => SmallVec::from_elem(*of, 1),
            Self::Settled(place) | Self::Returned { place, .. } | Self::Died { place, .. } => {
                SmallVec::from_elem(place.message.record, 1)
            }
            Self::Committed { published, settled } if published.is_empty() => {
                let mut records: SmallVec<[RecordId; 1]> =
                    settled.iter().map(|place| place.message.record).collect();
                records.sort_unstable();
                records.dedup();
                records
            }
            Self::Marked { queue, .. } => SmallVec::from_elem(*queue, 1),
            Self::ExchangeDeclared { .. }
            | Self::QueueDeclared { .. }
            | Self::Bound { .. }
            | Self::Published(_)
            | Self::Spilled(_)
            | Self::DeadLettered { .. }
            | Self::Set(_)
            | Self::Unset { of: None, .. }
            | Self::Committed { .. } => SmallVec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letter::{Death, First, History};
    use crate::definitions::GlobalParameterDefinition;
    use crate::exchange_kind::ExchangeKind;
    use crate::fields::Fields;
    use crate::json::{Json, Object};
    use alloc::vec;
    use smallvec::smallvec;
    use warrener_codec::{Body, TableBuilder};

    fn name(text: &'static str) -> ShortStr {
        ShortStr::from_static(text)
    }

    fn published() -> Published {
        let death = Death {
            queue: name("q"),
            reason: DeathReason::Expired,
            count: 3,
            time: Time::from_secs(9),
            exchange: name("x"),
            keys: vec![name("k"), name("cc")],
            expiration: Some(name("100")),
        };
        let first = First { queue: name("q"), reason: DeathReason::Rejected, exchange: name("") };
        Published {
            time: Time::from_micros(12),
            targets: smallvec![RecordId(1), RecordId(7)],
            address: Address::from((&name("x"), &name("k"))),
            extra: Some(Box::new(Extra {
                cc: vec![name("cc")],
                bcc: vec![name("bcc")],
                history: Some(History { first, deaths: vec![death] }),
                redelivered: true,
                fields: Fields::default(),
            })),
            sizes: Sizes { properties: 2, body: 5 },
            traits: Some(Traits { ttl_ms: Some(5), priority: Some(3), persistent: true }),
        }
    }

    fn facts() -> Vec<Fact> {
        let of = RecordId(5);
        let place =
            Place { queue: RecordId(1), message: MessageAt { record: RecordId(4), part: 2 } };
        let arguments = TableBuilder::new().with("a", 1).build().expect("small");
        let permission = SettingName::Permission { user: name("u"), vhost: name("/") };
        let spec = ExchangeSpec {
            name: name("x"),
            kind: ExchangeKind::Topic,
            durable: true,
            auto_delete: true,
            internal: false,
            arguments: arguments.clone(),
        };
        let queue = QueueSpec {
            name: name("q"),
            durable: true,
            owner: None,
            auto_delete: false,
            arguments: arguments.clone(),
            is_generated: false,
        };
        vec![
            Fact::ExchangeDeclared { vhost: name("/"), spec },
            Fact::ExchangeDeleted { of },
            Fact::QueueDeclared { vhost: name("/"), spec: queue },
            Fact::QueueDeleted { of },
            Fact::Purged { of },
            Fact::Bound {
                vhost: name("/"),
                source: Named { name: name("amq.topic"), record: None },
                kind: Kind::Queue,
                target: Named { name: name("q"), record: Some(of) },
                key: name("#"),
                arguments,
            },
            Fact::Unbound { of },
            Fact::Published(published()),
            Fact::Published(Published { extra: fields(), ..published() }),
            Fact::DeadLettered { from: place, published: published() },
            Fact::Settled(place),
            Fact::Spilled(published()),
            Fact::Returned { place, failures: 3 },
            Fact::Marked { queue: of, delivered: vec![(place.message, place.message)] },
            Fact::Died { place, reason: DeathReason::DeliveryLimit, time: Time::from_secs(7) },
            Fact::Committed { published: vec![published(), published()], settled: vec![place] },
            Fact::Set(Box::new(Setting::GlobalParameter(GlobalParameterDefinition {
                name: name("g"),
                value: Json::List(vec![Json::Null, Json::Real(1.5), Json::from("ü")]),
                others: Object::new().with("more", true),
            }))),
            Fact::Unset { name: SettingName::User(name("u")), of: Some(of) },
            Fact::Unset { name: permission, of: None },
        ]
    }

    #[test]
    fn every_fact_is_read_back_as_it_was_written() {
        for fact in facts() {
            assert_eq!(Fact::decode(&fact.encode()), Ok(fact));
        }
    }

    #[test]
    fn a_glance_sees_what_reading_all_of_it_does() {
        use crate::digest::Glance;
        let plain = |traits| Published { extra: None, traits: Some(traits), ..published() };
        let all = [
            Traits::default(),
            Traits { ttl_ms: Some(5), priority: None, persistent: true },
            Traits { ttl_ms: None, priority: Some(3), persistent: false },
            Traits { ttl_ms: Some(u64::MAX), priority: Some(255), persistent: true },
        ];
        for traits in all {
            let published = plain(traits);
            let digest = Fact::Published(published.clone()).encode();
            let glance = Glance::at(&digest).expect("nothing rare about it");
            assert_eq!((glance.time, glance.sizes), (published.time, published.sizes));
            assert_eq!(glance.traits, traits);
            assert!(glance.targets().eq(published.targets));
            assert!((0..digest.len()).all(|len| Glance::at(&digest[..len]).is_none()));
            let longer = [&digest[..], &[0]].concat();
            assert!(Glance::at(&longer).is_none());
        }
        for fact in facts() {
            assert!(Glance::at(&fact.encode()).is_none(), "{fact:?}");
        }
    }

    #[test]
    fn no_beginning_of_a_digest_is_a_digest() {
        for fact in facts() {
            let digest = fact.encode();
            for len in 0..digest.len() {
                assert!(Fact::decode(&digest.slice(..len)).is_err(), "{fact:?} cut at {len}");
            }
        }
    }

    #[test]
    fn another_version_is_refused_by_its_number() {
        for version in [0, 3] {
            let digest = Bytes::copy_from_slice(&[version, 1]);
            assert_eq!(Fact::decode(&digest), Err(RecordError::Version(version)));
        }
    }

    /// Digests as version 1 wrote them: of [`facts`], then of a plain message.
    const FIRST_VERSION: &str = include_str!("../tests/fixtures/records-v1.txt");

    #[test]
    fn version_1_is_read() {
        use crate::digest::Glance;
        let octet = |hex: &[u8]| {
            let digits = core::str::from_utf8(hex).expect("digits");
            u8::from_str_radix(digits, 16).expect("digits")
        };
        let digest = |line: &str| -> Bytes {
            line.as_bytes().chunks_exact(2).map(octet).collect::<Vec<_>>().into()
        };
        let digests: Vec<Bytes> = FIRST_VERSION.lines().map(digest).collect();
        let plain = Published { extra: None, ..published() };
        let mut written = facts();
        // It knew no fields.
        written.retain(|fact| !matches!(fact, Fact::Published(new) if new.extra == fields()));
        written.push(Fact::Published(plain.clone()));
        assert_eq!(digests.len(), written.len());
        for (digest, fact) in digests.iter().zip(written) {
            assert_eq!(digest[0], 1);
            assert_eq!(Fact::decode(digest), Ok(fact));
        }
        let last = digests.last().expect("a plain message");
        let glance = Glance::at(last).expect("nothing rare about it");
        assert_eq!((glance.time, glance.sizes), (plain.time, plain.sizes));
        assert!(glance.targets().eq(plain.targets));
    }

    fn fields() -> Option<Box<Extra>> {
        let fields = Fields::parse(&Bytes::from_static(b"\x00\x04\0\0\0\x02ab")).expect("fields");
        Some(Box::new(Extra { fields, ..Extra::default() }))
    }

    #[test]
    fn what_must_be_understood_and_is_not_is_refused() {
        let plain = Published { extra: None, ..published() };
        let digest = Fact::Published(plain).encode();
        let changed = |at: usize, value: u8| {
            let mut digest = digest.to_vec();
            digest[at] = value;
            Fact::decode(&digest.into())
        };
        assert_eq!(changed(2, 1), Err(RecordError::Format(1)));
        let with_fields = Published { extra: fields(), ..published() };
        let mut digest = Fact::Published(with_fields).encode().to_vec();
        let field = digest.windows(2).rposition(|number| number == [0, 4]).expect("it is there");
        digest[field] = 0x80;
        assert_eq!(Fact::decode(&digest.into()), Err(RecordError::Field(4)));
    }

    #[test]
    fn contents_are_found_again_in_one_piece() {
        let fact = Fact::Published(published());
        let content = Content::new(Properties::default(), Body::from(Bytes::from_static(b"hello")));
        let sizes = Sizes::of(&content);
        assert_eq!(sizes, Sizes { properties: 2, body: 5 });
        let record = Record {
            id: RecordId(3),
            refers_to: fact.refers_to(),
            digest: fact.encode(),
            contents: smallvec![content],
            awaited: false,
            after: fact.after(),
        };
        let body: Vec<u8> = record.parts().flatten().collect();
        assert_eq!(body.len() as u64, record.body_bytes());
        let restored = Record::restored(record.id, record.digest.clone(), Bytes::from(body));
        assert_eq!(restored, Ok(record.clone()));
        let short = Record::restored(record.id, record.digest, Bytes::from_static(b"\0\0hell"));
        assert_eq!(short, Err(RecordError::Truncated));
    }
}
