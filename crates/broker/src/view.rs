//! What may be looked at, by people, by tests and by a management interface. Looking changes nothing.

mod client;
mod exchange;
mod queue;
mod slice;
mod tenant;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use warrener_codec::ShortStr;
use warrener_queue::Counts;
use warrener_router::{ExchangeId, Target};
use warrener_time::Time;

use crate::broker::Broker;
use crate::declare::QueueSlot;
use crate::exchange::{Exchange, is_reserved};
use crate::id::{QueueId, RecordId};
use crate::latency::Waits;
use crate::policy::Policy;
use crate::stats::Stats;
use crate::user::User;
use crate::vhost::Vhost;
pub use crate::view::client::{ChannelView, ConnectionView, ConsumerView};
pub use crate::view::exchange::{BindingView, End, ExchangeView};
pub use crate::view::queue::QueueView;
pub use crate::view::slice::{Cursor, Slice};
pub use crate::view::tenant::Totals;

/// A look at a broker.
#[derive(Clone, Copy, Debug)]
pub struct View<'a>(&'a Broker);

impl<'a> View<'a> {
    pub(crate) const fn new(broker: &'a Broker) -> Self {
        Self(broker)
    }

    /// Since when it has been there.
    #[must_use]
    pub fn since(&self) -> Time {
        self.0.since
    }

    /// The user of this name.
    #[must_use]
    pub fn user(&self, name: &[u8]) -> Option<&'a User> {
        self.0.realm.users.find(name)
    }

    /// All users, by name.
    pub fn users(&self) -> impl Iterator<Item = &'a User> {
        self.0.realm.users.iter()
    }

    /// The names of all virtual hosts.
    pub fn vhosts(&self) -> impl Iterator<Item = &'a ShortStr> {
        self.0.realm.vhosts.iter().map(Vhost::name)
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.amqp.clients.len()
    }

    /// What the clients call themselves, in the order of their places.
    pub fn connection_names(&self) -> impl Iterator<Item = &'a ShortStr> {
        self.0.amqp.clients.iter().map(|(_, client)| &client.name)
    }

    /// How many publishes wait for the disk to be confirmed, over all channels.
    #[must_use]
    pub fn unconfirmed(&self) -> usize {
        self.0.amqp.channels.iter().map(|(_, channel)| channel.unconfirmed()).sum()
    }

    /// How many channels are open, or closing.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.0.amqp.channels.len()
    }

    /// How many consumers there are, of queues and of direct replies.
    #[must_use]
    pub fn consumers(&self) -> usize {
        self.0.amqp.consumers.len() + self.0.amqp.repliers.len()
    }

    /// How many deliveries wait to be settled, over all channels.
    #[must_use]
    pub fn unacked(&self) -> usize {
        self.0.amqp.channels.iter().map(|(_, channel)| channel.unacked.len()).sum()
    }

    /// How many messages there are. One that several queues have is counted once.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.0.realm.messages.len()
    }

    /// How many of them have their content on disk and not in memory.
    #[must_use]
    pub fn paged_out(&self) -> usize {
        self.0.realm.messages.absent()
    }

    /// What the broker holds of memory, in octets, as it counts against its budget.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.0.realm.memory_bytes()
    }

    /// How much of that queues, exchanges, bindings and settings take.
    #[must_use]
    pub fn definition_bytes(&self) -> u64 {
        let realm = &self.0.realm;
        let queues = realm.queues.iter().map(|(_, slot)| slot.spec.held_bytes());
        let exchanges = realm.vhosts.all().iter().flat_map(Vhost::exchanges);
        let exchanges = exchanges.map(|(_, exchange)| exchange.spec.held_bytes());
        let settings = realm.settings.held_bytes();
        self.binding_bytes() + queues.chain(exchanges).sum::<u64>() + settings
    }

    /// How much of that bindings take.
    #[must_use]
    pub fn binding_bytes(&self) -> u64 {
        self.0.realm.vhosts.all().iter().map(|vhost| vhost.binding_bytes).sum()
    }

    /// Whether the broker still waits for a record that it asked to be loaded.
    #[must_use]
    pub fn awaits(&self, record: RecordId) -> bool {
        self.0.realm.loads.awaits(record)
    }

    /// How many objects (queues, entries, consumers, bindings, channels) the broker has visited since it began. One call
    /// visits at most [`VISITS_PER_TURN`](crate::VISITS_PER_TURN).
    #[must_use]
    pub fn visited(&self) -> u64 {
        self.0.realm.effort.visited()
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.realm.stats
    }

    /// How long messages waited, of a sample and only while somebody looked: from the publish to its confirm by the disk,
    /// and from a queue to a consumer.
    #[must_use]
    pub const fn waits(&self) -> (Waits, Waits) {
        self.0.realm.latencies.waits()
    }

    /// How much is in a queue.
    #[must_use]
    pub fn queue(&self, vhost: &str, name: &str) -> Option<Counts> {
        let vhost = self.0.realm.vhosts.find(vhost.as_bytes())?;
        let id = self.0.realm.find_queue(vhost, name.as_bytes())?;
        Some(self.0.realm.queue(id).queue.counts())
    }

    /// The names of the policy and the operator policy that apply to a queue.
    #[must_use]
    pub fn policies(&self, vhost: &str, queue: &str) -> Option<[Option<&'a ShortStr>; 2]> {
        let vhost = self.0.realm.vhosts.find(vhost.as_bytes())?;
        let id = self.0.realm.find_queue(vhost, queue.as_bytes())?;
        let applied = &self.0.realm.queue(id).applied;
        let name = |policy: &'a Option<Arc<Policy>>| policy.as_ref().map(|policy| &policy.name);
        Some([name(&applied.user), name(&applied.operator)])
    }

    /// Names and counts of the queues of a virtual host, in the order in which their places were filled.
    pub fn queues(&self, vhost: &str) -> impl Iterator<Item = (&'a ShortStr, Counts)> {
        let vhost = self.0.realm.vhosts.find(vhost.as_bytes());
        self.slots()
            .filter(move |slot| Some(slot.vhost) == vhost)
            .map(|slot| (&slot.spec.name, slot.queue.counts()))
    }

    /// The names of the exchanges of a virtual host but the default one, in the order of their places.
    pub fn exchanges(&self, vhost: &str) -> impl Iterator<Item = &'a ShortStr> {
        let vhost = self.0.realm.vhosts.find(vhost.as_bytes());
        let place = vhost.map(|id| &self.0.realm.vhosts[id]);
        place.into_iter().flat_map(|place| place.exchanges().map(|(_, own)| &own.spec.name))
    }

    /// Whether there is an exchange of this name.
    #[must_use]
    pub fn has_exchange(&self, vhost: &str, name: &str) -> bool {
        let vhost = self.0.realm.vhosts.find(vhost.as_bytes());
        vhost.is_some_and(|id| self.0.realm.vhosts[id].exchange(name.as_bytes()).is_some())
    }

    /// How many messages an exchange delays, or remembers; `None` when it is of a type that does neither.
    #[must_use]
    pub fn kept(&self, vhost: &str, exchange: &str) -> Option<u64> {
        let vhost = self.0.realm.vhosts.find(vhost.as_bytes())?;
        let (_, exchange) = self.0.realm.vhosts[vhost].exchange(exchange.as_bytes())?;
        self.kept_by(exchange)
    }

    fn kept_by(&self, exchange: &Exchange) -> Option<u64> {
        let counts = self.0.realm.queue(exchange.keeper?).queue.counts();
        Some(counts.delayed + counts.ready)
    }

    fn slots(&self) -> impl Iterator<Item = &'a QueueSlot> {
        self.0
            .realm
            .queues
            .iter()
            .map(|(_, slot)| slot)
            .filter(|slot| !slot.deleted && slot.keeper.is_none())
    }

    fn target<'v>(&self, vhost: &'v Vhost, target: Target<QueueId>) -> Shown<'v>
    where
        'a: 'v,
    {
        match target {
            Target::Destination(id) => {
                Shown("queue", self.0.realm.queues.get(id).map(|slot| &slot.spec.name))
            }
            Target::Exchange(id) => {
                Shown("exchange", vhost.exchange_at(id).map(|own| &own.spec.name))
            }
        }
    }
}

struct Shown<'a>(&'static str, Option<&'a ShortStr>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}'", self.0, self.1.map_or(&[][..], ShortStr::as_bytes).escape_ascii())
    }
}

/// Everything that is there, a line a thing, sorted: exchanges that were declared, bindings, queues and what waits in
/// them.
impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for vhost in self.0.realm.vhosts.iter() {
            writeln!(f, "vhost '{}'", vhost.name())?;
            let mut exchanges: Vec<_> = vhost.exchanges().collect();
            exchanges.sort_by_key(|(_, exchange)| exchange.spec.name.as_bytes());
            for (id, exchange) in exchanges {
                write_exchange(f, exchange, self.kept_by(exchange))?;
                self.write_bindings(f, vhost, id)?;
            }
        }
        let mut queues: Vec<_> = self.slots().collect();
        queues.sort_by_key(|slot| (slot.vhost, slot.spec.name.as_bytes()));
        queues.into_iter().try_for_each(|slot| self.write_queue(f, slot))
    }
}

fn write_exchange(
    f: &mut fmt::Formatter<'_>,
    exchange: &Exchange,
    kept: Option<u64>,
) -> fmt::Result {
    let spec = &exchange.spec;
    if is_reserved(&spec.name) {
        return Ok(());
    }
    write!(f, "  exchange '{}' {}", spec.name, spec.kind.name())?;
    write_flags(f, &[(spec.durable, "durable"), (spec.auto_delete, "auto-delete")])?;
    write_flags(f, &[(spec.internal, "internal")])?;
    match kept {
        Some(kept) => writeln!(f, ": {kept} kept"),
        None => writeln!(f),
    }
}

impl View<'_> {
    fn write_bindings(
        &self,
        f: &mut fmt::Formatter<'_>,
        vhost: &Vhost,
        source: ExchangeId,
    ) -> fmt::Result {
        let Some(exchange) = vhost.exchange_at(source) else { return Ok(()) };
        let name = &exchange.spec.name;
        let mut lines: Vec<String> = Vec::new();
        for binding in vhost.router.bindings_from(source) {
            let key = String::from_utf8_lossy(binding.key);
            let target = self.target(vhost, binding.target);
            lines.push(format!("  binding '{name}' -'{key}'-> {target}"));
        }
        lines.sort_unstable();
        lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }

    fn write_queue(&self, f: &mut fmt::Formatter<'_>, slot: &QueueSlot) -> fmt::Result {
        let (spec, counts) = (&slot.spec, slot.queue.counts());
        write!(f, "queue '{}' {}", spec.name, slot.settings.kind.name())?;
        write_flags(f, &[(spec.durable, "durable"), (spec.auto_delete, "auto-delete")])?;
        write_flags(f, &[(spec.owner.is_some(), "exclusive")])?;
        write!(f, ": {} ready, {} unacked", counts.ready, counts.unacked)?;
        if counts.held > 0 {
            write!(f, ", {} held", counts.held)?;
        }
        writeln!(f, ", {} consumers", counts.consumers)?;
        for look in slot.queue.ready(None) {
            let Some(new) = self.0.realm.messages.content(*look.handle) else {
                writeln!(f, "  on disk")?;
                continue;
            };
            let body = new.content.body.to_bytes();
            writeln!(f, "  {:?} \"{}\"", new.address, body.escape_ascii())?;
        }
        Ok(())
    }
}

fn write_flags(f: &mut fmt::Formatter<'_>, flags: &[(bool, &str)]) -> fmt::Result {
    flags.iter().filter(|(set, _)| *set).try_for_each(|(_, flag)| write!(f, " {flag}"))
}
