//! Exchanges and bindings, as people look at them.

use alloc::vec::Vec;

use warrener_codec::{ShortStr, Table};
use warrener_router::{Binding, ExchangeId, Target};

use crate::exchange::Exchange;
use crate::id::{QueueId, VhostId};
use crate::refusal::Kind;
use crate::stats::Passage;
use crate::vhost::Vhost;
use crate::view::View;
use crate::view::queue::is_seen;
use crate::view::slice::{Cursor, PLACES, Slice};

/// An exchange.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ExchangeView {
    /// A number that no other exchange has at the same time: of its virtual host, and its own.
    pub id: (u64, u64),
    /// The virtual host it is in.
    pub vhost: ShortStr,
    /// Its name; empty for the default exchange.
    pub name: ShortStr,
    /// `direct`, `fanout`, `topic`, `headers` and others.
    pub kind: &'static str,
    /// Whether it survives a restart.
    pub durable: bool,
    /// Whether it goes with its last binding.
    pub auto_delete: bool,
    /// Whether clients may not publish to it.
    pub internal: bool,
    /// Its arguments.
    pub arguments: Table,
    /// What was published to it.
    pub passage: Passage,
    /// The policy that applies to it.
    pub policy: Option<ShortStr>,
    /// The operator policy that applies to it.
    pub operator_policy: Option<ShortStr>,
}

/// A binding. That of each queue to the default exchange is one.
#[derive(Clone, Debug, PartialEq)]
pub struct BindingView {
    /// The virtual host it is in.
    pub vhost: ShortStr,
    /// The exchange it comes from; empty for the default exchange.
    pub source: ShortStr,
    /// What it leads to.
    pub destination: ShortStr,
    /// Whether that is a queue or an exchange.
    pub destination_kind: Kind,
    /// Its routing key, or pattern.
    pub key: ShortStr,
    /// Its arguments.
    pub arguments: Table,
}

/// Which of the bindings of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Those that come from it.
    Source,
    /// Those that lead to it.
    Destination,
}

impl<'a> View<'a> {
    /// The exchanges from `from` on, `most` at a time, the default one of each virtual host first.
    #[must_use]
    pub fn exchange_slice(&self, from: Cursor, most: usize) -> Slice<ExchangeView> {
        self.walk_exchanges(from, most, |id, vhost, exchange| match exchange {
            None => Some(default_exchange(id, vhost)),
            Some((own, exchange)) => Some(self.seen(id, own, exchange)),
        })
    }

    /// Makes things of exchanges, the default one of each virtual host first.
    fn walk_exchanges<T>(
        &self,
        from: Cursor,
        most: usize,
        make: impl Fn(VhostId, &Vhost, Option<(ExchangeId, &Exchange)>) -> Option<T>,
    ) -> Slice<T> {
        let (mut things, mut at) = (Vec::new(), from);
        let vhosts = self.0.realm.vhosts.with_ids().skip_while(|(id, _)| id.0 < from.vhost);
        for (id, vhost) in vhosts {
            if at.vhost != id.0 {
                at = Cursor { vhost: id.0, ..Cursor::default() };
            }
            // Place 0 is that of the default exchange, which is nowhere.
            if at.place == 0 {
                if things.len() >= most {
                    return Slice { things, next: Some(at) };
                }
                things.extend(make(id, vhost, None));
                at.place = 1;
            }
            while let Some(exchange) = vhost.exchange_from(at.place - 1) {
                if things.len() >= most {
                    return Slice { things, next: Some(at) };
                }
                at.place = exchange.index() as u32 + 2;
                let own = vhost.exchange_at(exchange).map(|own| (exchange, own));
                things.extend(make(id, vhost, own));
            }
            at = Cursor { vhost: id.0 + 1, ..Cursor::default() };
        }
        Slice::last(things)
    }

    /// Numbers and passages of exchanges, from `from` on: what a sampler needs of many.
    #[must_use]
    pub fn passage_slice(&self, from: Cursor, most: usize) -> Slice<((u64, u64), Passage)> {
        self.walk_exchanges(from, most, |id, vhost, exchange| match exchange {
            None => Some(((u64::from(id.0), 0), vhost.default_passage)),
            Some((own, exchange)) => Some((number(id, own), exchange.passage)),
        })
    }

    /// The exchange of this name; the default one has none.
    #[must_use]
    pub fn exchange_named(&self, vhost: &str, name: &str) -> Option<ExchangeView> {
        let id = self.0.realm.vhosts.find(vhost.as_bytes())?;
        let place = &self.0.realm.vhosts[id];
        if name.is_empty() {
            return Some(default_exchange(id, place));
        }
        let (exchange, own) = place.exchange(name.as_bytes())?;
        Some(self.seen(id, exchange, own))
    }

    /// The bindings to queues and then those to exchanges, from `from` on, `most` at a time.
    #[must_use]
    pub fn binding_slice(&self, from: Cursor, most: usize) -> Slice<BindingView> {
        // The virtual host is 0 among queues, and one more than its number among exchanges.
        let (mut things, mut at) = (Vec::new(), from);
        if at.vhost == 0 {
            for _ in 0..PLACES {
                let Some((id, slot)) = self.0.realm.queues.at_or_after(at.place) else {
                    at = Cursor { vhost: 1, ..Cursor::default() };
                    break;
                };
                if things.len() >= most {
                    return Slice { things, next: Some(at) };
                }
                if at.place != id.index {
                    at = Cursor { place: id.index, ..Cursor::default() };
                }
                let place = &self.0.realm.vhosts[slot.vhost];
                if is_seen(slot) {
                    let all = self.leading_to_queue(place, id).skip(at.told as usize);
                    let before = things.len();
                    things.extend(all.take(most - before));
                    at.told += (things.len() - before) as u32;
                    if things.len() >= most {
                        return Slice { things, next: Some(at) };
                    }
                }
                at = Cursor { place: id.index + 1, ..Cursor::default() };
            }
            if at.vhost == 0 {
                return Slice { things, next: Some(at) };
            }
        }
        self.exchange_bindings(at, things, most)
    }

    fn exchange_bindings(
        &self,
        from: Cursor,
        mut things: Vec<BindingView>,
        most: usize,
    ) -> Slice<BindingView> {
        let mut at = from;
        for (id, vhost) in self.0.realm.vhosts.with_ids().filter(|(id, _)| id.0 + 1 >= from.vhost) {
            if at.vhost != id.0 + 1 {
                at = Cursor { vhost: id.0 + 1, ..Cursor::default() };
            }
            while let Some(exchange) = vhost.exchange_from(at.place) {
                if at.place != exchange.index() as u32 {
                    at = Cursor { place: exchange.index() as u32, told: 0, ..at };
                }
                let before = things.len();
                let bindings = vhost.router.bindings_to(Target::Exchange(exchange));
                let all = bindings.filter_map(|binding| self.shown_binding(vhost, &binding));
                things.extend(all.skip(at.told as usize).take(most - before));
                at.told += (things.len() - before) as u32;
                if things.len() >= most {
                    return Slice { things, next: Some(at) };
                }
                at = Cursor { place: exchange.index() as u32 + 1, told: 0, ..at };
            }
        }
        Slice::last(things)
    }

    /// The bindings of a queue, `most` at most, after so many.
    #[must_use]
    pub fn queue_bindings(
        &self,
        vhost: &str,
        queue: &str,
        skip: usize,
        most: usize,
    ) -> Option<Vec<BindingView>> {
        let id = self.0.realm.vhosts.find(vhost.as_bytes())?;
        let queue = self.0.realm.find_queue(id, queue.as_bytes())?;
        Some(self.leading_to_queue(&self.0.realm.vhosts[id], queue).skip(skip).take(most).collect())
    }

    /// The bindings of an exchange, `most` at most, after so many.
    #[must_use]
    pub fn bindings_of_exchange(
        &self,
        vhost: &str,
        name: &str,
        end: End,
        skip: usize,
        most: usize,
    ) -> Option<Vec<BindingView>> {
        let id = self.0.realm.vhosts.find(vhost.as_bytes())?;
        let place = &self.0.realm.vhosts[id];
        if name.is_empty() {
            let mut queues: Vec<_> = Vec::new();
            if end == End::Source {
                let all = self.0.realm.queues.iter().filter(|(_, slot)| slot.vhost == id);
                let seen = all.filter(|(_, slot)| is_seen(slot)).skip(skip).take(most);
                queues.extend(seen.map(|(_, slot)| default_binding(place, &slot.spec.name)));
            }
            return Some(queues);
        }
        let (exchange, _) = place.exchange(name.as_bytes())?;
        let shown = |binding: Binding<'_, QueueId>| self.shown_binding(place, &binding);
        Some(match end {
            End::Source => place
                .router
                .bindings_from(exchange)
                .filter_map(shown)
                .skip(skip)
                .take(most)
                .collect(),
            End::Destination => place
                .router
                .bindings_to(Target::Exchange(exchange))
                .filter_map(shown)
                .skip(skip)
                .take(most)
                .collect(),
        })
    }

    fn leading_to_queue<'v>(
        &self,
        place: &'v Vhost,
        id: QueueId,
    ) -> impl Iterator<Item = BindingView> + use<'v, 'a>
    where
        'a: 'v,
    {
        let view = *self;
        let name = self.0.realm.queue(id).spec.name.clone();
        let bindings = place.router.bindings_to(Target::Destination(id));
        core::iter::once(default_binding(place, &name))
            .chain(bindings.filter_map(move |binding| view.shown_binding(place, &binding)))
    }

    fn shown_binding(&self, place: &Vhost, binding: &Binding<'_, QueueId>) -> Option<BindingView> {
        let (destination_kind, destination) = match binding.target {
            Target::Destination(id) => {
                let slot = self.0.realm.queues.get(id).filter(|slot| is_seen(slot))?;
                (Kind::Queue, slot.spec.name.clone())
            }
            Target::Exchange(id) => (Kind::Exchange, place.exchange_at(id)?.spec.name.clone()),
        };
        Some(BindingView {
            vhost: place.name().clone(),
            source: place.exchange_at(binding.source)?.spec.name.clone(),
            destination,
            destination_kind,
            key: ShortStr::try_from(binding.key).unwrap_or_default(),
            arguments: crate::header::arguments(binding.arguments),
        })
    }

    fn seen(&self, vhost: VhostId, id: ExchangeId, exchange: &Exchange) -> ExchangeView {
        let place = &self.0.realm.vhosts[vhost];
        let spec = &exchange.spec;
        let policy = |level| {
            let found =
                place.policies(level).find(crate::policy::Subject::Exchange, spec.name.as_bytes());
            found.policy.map(|policy| policy.name.clone())
        };
        ExchangeView {
            id: number(vhost, id),
            vhost: place.name().clone(),
            name: spec.name.clone(),
            kind: spec.kind.name(),
            durable: spec.durable,
            auto_delete: spec.auto_delete,
            internal: spec.internal,
            arguments: spec.arguments.clone(),
            passage: exchange.passage,
            policy: policy(crate::policy::Level::User),
            operator_policy: policy(crate::policy::Level::Operator),
        }
    }
}

const fn number(vhost: VhostId, id: ExchangeId) -> (u64, u64) {
    (vhost.0 as u64, id.index() as u64 + 1)
}

fn default_exchange(id: VhostId, vhost: &Vhost) -> ExchangeView {
    ExchangeView {
        id: (u64::from(id.0), 0),
        vhost: vhost.name().clone(),
        name: ShortStr::EMPTY,
        kind: "direct",
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: Table::EMPTY,
        passage: vhost.default_passage,
        policy: None,
        operator_policy: None,
    }
}

fn default_binding(vhost: &Vhost, queue: &ShortStr) -> BindingView {
    BindingView {
        vhost: vhost.name().clone(),
        source: ShortStr::EMPTY,
        destination: queue.clone(),
        destination_kind: Kind::Queue,
        key: queue.clone(),
        arguments: Table::EMPTY,
    }
}
