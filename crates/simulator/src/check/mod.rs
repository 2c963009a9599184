//! The judges: each looks at a whole history and names the first thing that must not be.

mod alarm;
mod confirm;
mod conversation;
mod counted;
mod dead_letter;
mod deleted;
mod delivery;
mod delivery_limit;
mod drained;
mod floor;
mod length;
mod liveness;
mod once;
mod order;
mod permission;
mod prefetch;
mod recovery;
mod redelivered;
mod returned;
mod sight;
mod stop;
mod terms;
mod transaction;
mod ttl;

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Happened, MessageId, Published, Story};

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which judge says so.
    pub check: &'static str,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.what)
    }
}

/// How long it takes at most until the server misses a client that has vanished.
const MISSED: Duration = Duration::from_secs(20);

type Check = fn(&Story) -> Result<(), String>;

/// Those that tell most come first: what hangs or stops makes others complain as well.
const CHECKS: [(&str, Check); 22] = [
    ("stop", stop::check),
    ("conversation", conversation::check),
    ("delivery", delivery::check),
    ("confirm", confirm::check),
    ("returned", returned::check),
    ("transaction", transaction::check),
    ("order", order::check),
    ("redelivered", redelivered::check),
    ("prefetch", prefetch::check),
    ("permission", permission::check),
    ("alarm", alarm::check),
    ("once", once::check),
    ("deleted", deleted::check),
    ("counted", counted::check),
    ("ttl", ttl::check),
    ("length", length::check),
    ("dead_letter", dead_letter::check),
    ("delivery_limit", delivery_limit::check),
    ("liveness", liveness::check),
    ("recovery", recovery::check),
    ("drained", drained::check),
    ("floor", floor::check),
];

/// Asks every judge.
///
/// # Errors
///
/// What the first of them found.
pub fn check(story: &Story) -> Result<(), Violation> {
    for (check, judge) in CHECKS {
        judge(story).map_err(|what| Violation { check, what })?;
    }
    Ok(())
}

/// What happened, without the times.
fn happened(story: &Story) -> impl Iterator<Item = &Happened> {
    story.moments.iter().map(|moment| &moment.what)
}

/// Whether everything was emptied and looked at in the end.
fn came_to_its_end(story: &Story) -> bool {
    happened(story).any(|happened| matches!(happened, Happened::Floor(_)))
}

/// Every message that was published, by its number.
fn published(story: &Story) -> BTreeMap<MessageId, &Published> {
    let published = happened(story).filter_map(|happened| match happened {
        Happened::Published(published) => Some((published.id, published)),
        _ => None,
    });
    published.collect()
}

/// The messages that the broker has taken, and when: it confirmed them, or the transaction they were in.
fn taken_when(story: &Story) -> BTreeMap<MessageId, usize> {
    let mut waiting = BTreeMap::new();
    let mut undecided = BTreeSet::new();
    let mut taken = BTreeMap::new();
    for (number, happened) in happened(story).enumerate() {
        match happened {
            Happened::Published(published) => {
                if published.tag > 0 {
                    waiting.insert((published.by, published.tag), published.id);
                }
                if let Some(transaction) = published.transaction {
                    undecided.insert((published.by, transaction, published.id));
                }
            }
            Happened::Confirmed { by, tag, multiple, accepted } => {
                let first = if *multiple { 1 } else { *tag };
                let told: Vec<_> =
                    waiting.range((*by, first)..=(*by, *tag)).map(|(key, _)| *key).collect();
                for key in told {
                    let id = waiting.remove(&key).expect("it was just there");
                    if *accepted {
                        taken.insert(id, number);
                    }
                }
            }
            Happened::Committed(by, transaction) => {
                let (first, last) = (MessageId(0), MessageId(u64::MAX));
                let all = undecided.range((*by, *transaction, first)..=(*by, *transaction, last));
                taken.extend(all.map(|(_, _, id)| (*id, number)));
            }
            _ => {}
        }
    }
    taken
}

/// Stories to show to the judges.
#[cfg(test)]
pub(crate) mod testing {
    use warrener_time::Time;

    use crate::history::{
        ActorId, Delivered, Died, Happened, MessageId, Moment, Published, QueueId, Settlement,
        Story,
    };
    use crate::workload::{Options, QueueDesign, Topology};

    pub(crate) const ALICE: ActorId = ActorId(1);
    pub(crate) const BOB: ActorId = ActorId(2);
    pub(crate) const QUEUE: QueueId = QueueId(0);
    pub(crate) const GRAVE: QueueId = QueueId(1);

    /// A story in one durable queue with a grave, a second for each thing that happens.
    pub(crate) fn story(happened: impl IntoIterator<Item = Happened>) -> Story {
        story_in(QueueDesign { durable: true, ..QueueDesign::default() }, happened)
    }

    /// A story in such a queue.
    pub(crate) fn story_in(
        queue: QueueDesign,
        happened: impl IntoIterator<Item = Happened>,
    ) -> Story {
        let grave = QueueDesign { durable: true, ..QueueDesign::default() };
        let at = (1_000..).map(Time::from_secs);
        let moments = at.zip(happened).map(|(at, what)| Moment { at, what }).collect();
        let topology = Topology { queues: vec![queue, grave] };
        Story { options: Options::of(1), topology, moments }
    }

    pub(crate) fn publish(id: u64) -> Published {
        Published {
            id: MessageId(id),
            by: ALICE,
            tag: id,
            transaction: None,
            to: vec![QUEUE],
            persistent: true,
            mandatory: false,
            priority: None,
            expiration_ms: None,
            bytes: 10,
        }
    }

    pub(crate) fn published(id: u64) -> Happened {
        Happened::Published(publish(id))
    }

    pub(crate) fn confirmed(tag: u64) -> Happened {
        Happened::Confirmed { by: ALICE, tag, multiple: false, accepted: true }
    }

    pub(crate) fn refused(tag: u64) -> Happened {
        Happened::Confirmed { by: ALICE, tag, multiple: false, accepted: false }
    }

    pub(crate) fn deliver(id: u64) -> Delivered {
        Delivered {
            id: MessageId(id),
            from: QUEUE,
            to: BOB,
            redelivered: false,
            whole: true,
            deaths: Vec::new(),
            failures: 0,
            not_before: Time::ZERO,
        }
    }

    pub(crate) fn delivered(id: u64) -> Happened {
        Happened::Delivered(deliver(id))
    }

    pub(crate) fn again(id: u64) -> Happened {
        Happened::Delivered(Delivered { redelivered: true, ..deliver(id) })
    }

    /// Delivered from the grave, after having died like this.
    pub(crate) fn buried(id: u64, reason: &str) -> Happened {
        let deaths = vec![Died { queue: QUEUE, reason: reason.into(), count: 1 }];
        Happened::Delivered(Delivered { from: GRAVE, deaths, ..deliver(id) })
    }

    pub(crate) fn settled(id: u64, how: Settlement) -> Happened {
        Happened::Settled { by: BOB, id: MessageId(id), from: QUEUE, how }
    }

    pub(crate) fn acked(id: u64) -> Happened {
        settled(id, Settlement::Ack)
    }
}
