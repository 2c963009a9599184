//! What a run's clients declare before everything else: queues with all the settings there are, and ways to them.

use core::fmt;

use warrener_broker::View;

use crate::channel::{QueueSpec, short};
use crate::history::QueueId;
use crate::{Channel, Random, queue};

use super::Options;

/// The exchange that every queue may be bound to.
pub(super) const EVERYWHERE: &str = "everywhere";
/// The exchange whose keys are `queue.number`.
pub(super) const BY_TOPIC: &str = "by-topic";

/// The queues and exchanges of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The queues, by their number.
    pub queues: Vec<QueueDesign>,
}

/// One queue of the topology.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueDesign {
    /// A quorum queue rather than a classic one.
    pub quorum: bool,
    /// It survives a restart.
    pub durable: bool,
    /// It hears of what is published everywhere.
    pub everywhere: bool,
    /// It keeps messages for so long.
    pub ttl_ms: Option<u64>,
    /// It holds so many messages.
    pub max_length: Option<u64>,
    /// New messages are refused when it is full, rather than old ones dropped.
    pub refuses: bool,
    /// Where what dies here goes: always a queue with a greater number.
    pub grave: Option<QueueId>,
    /// It has priorities up to this one.
    pub max_priority: Option<u8>,
    /// How often a message may fail here.
    pub delivery_limit: Option<u64>,
    /// Only one consumer at a time.
    pub single_active: bool,
    /// It is deleted now and then, and declared again.
    pub comes_and_goes: bool,
}

impl QueueDesign {
    /// Messages may leave it without anybody having settled them.
    #[must_use]
    pub const fn is_lossy(&self) -> bool {
        self.ttl_ms.is_some() || self.max_length.is_some() || self.delivery_limit.is_some()
    }

    /// It is there at all times, once it was declared.
    #[must_use]
    pub const fn stays(&self) -> bool {
        self.durable && !self.comes_and_goes
    }

    /// Messages do not leave it in the order in which they came.
    #[must_use]
    pub const fn has_priorities(&self) -> bool {
        self.quorum || self.max_priority.is_some()
    }

    fn drawn(random: &mut Random, number: u64, last: u64) -> Self {
        if number == last {
            // Whatever comes here stays here, so that a run can tell what became of everything.
            return Self { durable: true, everywhere: random.chance(50), ..Self::default() };
        }
        let quorum = random.chance(25);
        let max_length = random.chance(20).then(|| *random.pick(&[0, 1, 5, 20]));
        let grave = number + 1 + random.below(last - number);
        let priorities = !quorum && random.chance(20);
        Self {
            quorum,
            durable: quorum || random.chance(80),
            everywhere: random.chance(70),
            ttl_ms: random.chance(25).then(|| *random.pick(&[0, 20, 500, 5_000, 3_600_000])),
            max_length,
            refuses: max_length.is_some() && random.chance(50),
            grave: random.chance(50).then_some(QueueId(grave as usize)),
            max_priority: priorities.then(|| *random.pick(&[1, 5])),
            delivery_limit: (quorum && random.chance(70)).then(|| *random.pick(&[0, 1, 3])),
            single_active: random.chance(10),
            comes_and_goes: random.chance(20),
        }
    }

    fn spec(&self, id: QueueId) -> QueueSpec {
        let mut spec = queue(&name(id));
        if self.quorum {
            spec = spec.argument("x-queue-type", "quorum");
        }
        if !self.durable {
            spec = spec.transient();
        }
        if let Some(grave) = self.grave {
            spec = spec.dead_letter_to("", &name(grave));
        }
        let refusal = if self.quorum { "reject-publish" } else { "reject-publish-dlx" };
        if self.refuses {
            let plain = id.0.is_multiple_of(2);
            spec = spec.argument("x-overflow", if plain { "reject-publish" } else { refusal });
        }
        if self.single_active {
            spec = spec.argument("x-single-active-consumer", true);
        }
        let numbers = [
            ("x-message-ttl", self.ttl_ms),
            ("x-max-length", self.max_length),
            ("x-max-priority", self.max_priority.map(u64::from)),
            ("x-delivery-limit", self.delivery_limit),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                spec = spec.argument(name, i64::try_from(number).unwrap_or(i64::MAX));
            }
        }
        spec
    }
}

impl Topology {
    pub(super) fn drawn(options: &Options, random: &mut Random) -> Self {
        let last = options.queues.saturating_sub(1);
        Self { queues: (0..=last).map(|n| QueueDesign::drawn(random, n, last)).collect() }
    }

    /// The numbers of all queues.
    pub fn ids(&self) -> impl Iterator<Item = QueueId> + use<> {
        (0..self.queues.len()).map(QueueId)
    }

    /// A queue of the topology; `None` for one that a client made for itself.
    #[must_use]
    pub fn get(&self, id: QueueId) -> Option<&QueueDesign> {
        self.queues.get(id.0)
    }

    /// What of it is durable and not there.
    pub(super) fn missing(&self, view: &View<'_>) -> Vec<String> {
        let stays = |id: &QueueId| self.queues[id.0].stays();
        let queues =
            self.ids().filter(stays).map(name).filter(|name| view.queue("/", name).is_none());
        let exchanges = [EVERYWHERE, BY_TOPIC].map(String::from).into_iter();
        queues.chain(exchanges.filter(|name| !view.has_exchange("/", name))).collect()
    }

    /// The longest time to live that is worth waiting for, in milliseconds.
    pub(super) fn longest_short_ttl_ms(&self) -> u64 {
        self.queues.iter().filter_map(|queue| queue.ttl_ms).filter(|ms| *ms <= 60_000).sum()
    }

    /// Declares everything, without waiting for the answers; gives how many there will be. Once more after a restart,
    /// only what does not stay is bound: the other bindings must have survived.
    pub(super) fn declare(&self, channel: &Channel, again: bool) -> usize {
        channel.send(exchange(EVERYWHERE, "fanout"));
        channel.send(exchange(BY_TOPIC, "topic"));
        let mut asked = 2;
        for (id, design) in self.ids().zip(&self.queues) {
            if again && design.stays() {
                channel.send(warrener_codec::method::queue::Declare::from(design.spec(id)));
                asked += 1;
            } else {
                asked += self.declare_queue(channel, id);
            }
        }
        asked
    }

    /// Declares a queue and binds it, without waiting for the answers; gives how many there will be.
    pub(super) fn declare_queue(&self, channel: &Channel, id: QueueId) -> usize {
        let design = &self.queues[id.0];
        channel.send(warrener_codec::method::queue::Declare::from(design.spec(id)));
        channel.send(binding(&name(id), BY_TOPIC, &pattern(id)));
        if design.everywhere {
            channel.send(binding(&name(id), EVERYWHERE, ""));
        }
        2 + usize::from(design.everywhere)
    }

    /// Where a message ends up that is published to this exchange with this key.
    pub(super) fn route(&self, exchange: &str, key: &str) -> Vec<QueueId> {
        let wanted = |id: &QueueId| match exchange {
            "" => name(*id) == key,
            EVERYWHERE => self.queues[id.0].everywhere,
            _ => key.starts_with(&format!("{}.", name(*id))),
        };
        self.ids().filter(wanted).collect()
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, design) in self.ids().zip(&self.queues) {
            let all = format!("{design:?}");
            // What a queue does not have is left out.
            let fields = all.trim_start_matches("QueueDesign { ").trim_end_matches(" }");
            let has = |field: &&str| !field.ends_with(": None") && !field.ends_with(": false");
            let fields: Vec<&str> = fields.split(", ").filter(has).collect();
            writeln!(f, "{id}: {}", fields.join(", "))?;
        }
        Ok(())
    }
}

/// A queue's name.
pub(super) fn name(id: QueueId) -> String {
    format!("queue-{}", id.0)
}

/// The queue of this name.
pub(super) fn queue_of(name: &str) -> Option<QueueId> {
    name.strip_prefix("queue-")?.parse().ok().map(QueueId)
}

/// What a queue is bound to the topic exchange with.
fn pattern(id: QueueId) -> String {
    format!("{}.*", name(id))
}

fn exchange(name: &str, kind: &str) -> warrener_codec::method::exchange::Declare {
    warrener_codec::method::exchange::Declare {
        exchange: short(name),
        kind: short(kind),
        durable: true,
        ..Default::default()
    }
}

fn binding(queue: &str, exchange: &str, key: &str) -> warrener_codec::method::queue::Bind {
    warrener_codec::method::queue::Bind {
        queue: short(queue),
        exchange: short(exchange),
        routing_key: short(key),
        ..Default::default()
    }
}
