//! Queues, as people look at them.

use alloc::string::String;
use alloc::vec::Vec;

use warrener_codec::{ShortStr, Table};
use warrener_queue::Counts;
use warrener_time::Time;

use crate::declare::QueueSlot;
use crate::definitions::PolicyDefinition;
use crate::id::{ConnectionId, LinkId, QueueId};
use crate::json::Object;
use crate::policy::Level;
use crate::stats::Traffic;
use crate::view::View;
use crate::view::slice::{Cursor, PLACES, Slice};

/// A queue.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct QueueView {
    /// A number that no other queue has while the broker lives.
    pub id: u64,
    /// The virtual host it is in.
    pub vhost: ShortStr,
    /// Its name.
    pub name: ShortStr,
    /// `classic` or `quorum`.
    pub kind: &'static str,
    /// Whether it survives a restart.
    pub durable: bool,
    /// Whether it goes with its last consumer.
    pub auto_delete: bool,
    /// The connection that alone may use it, if it is exclusive.
    pub owner: Option<ConnectionId>,
    /// Its arguments.
    pub arguments: Table,
    /// How much is in it.
    pub counts: Counts,
    /// What went through it.
    pub traffic: Traffic,
    /// How many of its consumers could take a message now.
    pub ready_consumers: u64,
    /// The consumer that alone gets messages, as channel and tag.
    pub single_active: Option<(ConnectionId, ShortStr)>,
    /// Whether only one consumer at a time gets messages.
    pub has_single_active: bool,
    /// Whether a consumer has it for itself.
    pub exclusive_consumer: Option<ShortStr>,
    /// The policy that applies to it.
    pub policy: Option<ShortStr>,
    /// The operator policy that applies to it.
    pub operator_policy: Option<ShortStr>,
    /// The highest priority it knows, if it knows any.
    pub max_priority: Option<u8>,
    /// When the first message that is ready was published.
    pub head_published: Option<Time>,
}

impl<'a> View<'a> {
    /// The queues from `from` on, `most` at a time.
    #[must_use]
    pub fn queue_slice(&self, from: Cursor, most: usize) -> Slice<QueueView> {
        let mut things = Vec::new();
        let mut place = from.place;
        for _ in 0..PLACES {
            let Some((id, slot)) = self.0.realm.queues.at_or_after(place) else {
                return Slice::last(things);
            };
            if things.len() >= most {
                break;
            }
            place = id.index + 1;
            if is_seen(slot) {
                things.push(self.queue_view(id, slot));
            }
        }
        Slice { things, next: Some(Cursor { place, ..from }) }
    }

    /// Number and traffic of the queues from `from` on: what a sampler needs of many.
    #[must_use]
    pub fn traffic_slice(&self, from: Cursor, most: usize) -> Slice<(u64, Traffic, Counts)> {
        let mut things = Vec::new();
        let mut place = from.place;
        for _ in 0..PLACES {
            let Some((id, slot)) = self.0.realm.queues.at_or_after(place) else {
                return Slice::last(things);
            };
            if things.len() >= most {
                break;
            }
            place = id.index + 1;
            if is_seen(slot) {
                things.push((number(id), slot.traffic, slot.queue.counts()));
            }
        }
        Slice { things, next: Some(Cursor { place, ..from }) }
    }

    /// The queue of this name.
    #[must_use]
    pub fn queue_named(&self, vhost: &str, name: &str) -> Option<QueueView> {
        let vhost = self.0.realm.vhosts.find(vhost.as_bytes())?;
        let id = self.0.realm.find_queue(vhost, name.as_bytes())?;
        Some(self.queue_view(id, self.0.realm.queue(id)))
    }

    /// What is said by policies about something to which these apply: the policy's words, and the operator's where those
    /// are stricter.
    #[must_use]
    pub fn effective_policy(
        &self,
        vhost: &ShortStr,
        policy: Option<&ShortStr>,
        operator: Option<&ShortStr>,
    ) -> Object {
        let find = |level: Level, name: &ShortStr| {
            let key = (vhost.clone(), ShortStr::from_static(level.component()), name.clone());
            crate::command::policy_of(self.0.realm.parameters.get(&key)?)
        };
        let said = |found: Option<PolicyDefinition>| found.map(|found| found.definition);
        let mut all = said(policy.and_then(|name| find(Level::User, name))).unwrap_or_default();
        let operator = said(operator.and_then(|name| find(Level::Operator, name)));
        for (name, value) in operator.unwrap_or_default().iter() {
            let lower = match (all.get(name).and_then(|own| own.as_i64()), value.as_i64()) {
                (Some(own), Some(theirs)) => own.min(theirs).into(),
                _ => value.clone(),
            };
            all.set(String::from(name), lower);
        }
        all
    }

    fn queue_view(&self, id: QueueId, slot: &QueueSlot) -> QueueView {
        let name = |policy: &Option<alloc::sync::Arc<crate::policy::Policy>>| {
            policy.as_ref().map(|policy| policy.name.clone())
        };
        let has_single_active = slot.settings.single_active_consumer;
        // A queue may have very many consumers, and this is done for very many queues.
        let consumers = || slot.queue.consumers().take(CONSUMERS);
        let tag_of = |consumer| {
            let consumer = self.0.amqp.consumers.get(LinkId::from_consumer(consumer))?;
            let channel = self.0.amqp.channels.get(consumer.channel)?;
            Some((channel.connection, consumer.tag.clone()))
        };
        let active = consumers().find(|look| has_single_active && look.active);
        let exclusive = consumers().find(|look| look.exclusive);
        let head = slot.queue.ready(None).next();
        QueueView {
            id: number(id),
            vhost: self.0.realm.vhosts[slot.vhost].name().clone(),
            name: slot.spec.name.clone(),
            kind: slot.settings.kind.name(),
            durable: slot.spec.durable,
            auto_delete: slot.spec.auto_delete,
            owner: slot.spec.owner,
            arguments: slot.spec.arguments.clone(),
            counts: slot.queue.counts(),
            traffic: slot.traffic,
            ready_consumers: consumers().filter(|look| look.credit > 0).count() as u64,
            single_active: active.and_then(|look| tag_of(look.id)),
            has_single_active,
            exclusive_consumer: exclusive.and_then(|look| Some(tag_of(look.id)?.1)),
            policy: name(&slot.applied.user),
            operator_policy: name(&slot.applied.operator),
            max_priority: slot.settings.max_priority,
            head_published: head.map(|look| look.published),
        }
    }
}

/// How many consumers of a queue are looked at to tell what they are like.
const CONSUMERS: usize = 64;

/// Whether people see it: it has a name, and is no exchange's.
pub(crate) const fn is_seen(slot: &QueueSlot) -> bool {
    !slot.deleted && slot.keeper.is_none()
}

pub(crate) const fn number(id: QueueId) -> u64 {
    (id.generation as u64) << 32 | id.index as u64
}
