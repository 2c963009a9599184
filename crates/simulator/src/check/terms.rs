//! What may have held for a queue at some time of a run: what it was declared with, and every policy that was asked for.

use std::collections::BTreeSet;

use crate::history::{Happened, Policy, QueueId, Story};

use super::happened;

/// Everything that may have held for the queues of a run.
pub(super) struct Terms(Vec<QueueTerms>);

/// Everything that may have held for one queue.
#[derive(Debug, Default)]
pub(super) struct QueueTerms {
    pub(super) durable: bool,
    pub(super) quorum: bool,
    /// The shortest time to live.
    pub(super) ttl_ms: Option<u64>,
    /// The least length.
    pub(super) max_length: Option<u64>,
    /// It may have refused what is published.
    pub(super) refuses: bool,
    /// It may have dropped what is too much.
    pub(super) drops: bool,
    pub(super) has_delivery_limit: bool,
    /// Where its dead letters may have gone.
    pub(super) graves: BTreeSet<QueueId>,
    /// They may have gone nowhere.
    pub(super) buries_nowhere: bool,
    /// It was purged, deleted, or consumed without acknowledgements.
    pub(super) careless: bool,
}

impl Terms {
    pub(super) fn of(story: &Story) -> Self {
        let declared = story.topology.queues.iter().map(|design| QueueTerms {
            durable: design.durable,
            quorum: design.quorum,
            ttl_ms: design.ttl_ms,
            max_length: design.max_length,
            refuses: design.refuses,
            drops: design.max_length.is_some() && !design.refuses,
            has_delivery_limit: design.delivery_limit.is_some(),
            graves: design.grave.into_iter().collect(),
            buries_nowhere: design.grave.is_none(),
            careless: false,
        });
        let mut terms = Self(declared.collect());
        for happened in happened(story) {
            match happened {
                Happened::Purging(queue)
                | Happened::Deleting { queue, .. }
                | Happened::Careless { queue, .. } => {
                    if let Some(queue) = terms.0.get_mut(queue.0) {
                        queue.careless = true;
                    }
                }
                Happened::Policing { queue, policy: Some(policy) } => {
                    terms.0[queue.0].may_follow(policy);
                }
                _ => {}
            }
        }
        terms
    }

    /// A queue of the topology; `None` for one that a client made for itself.
    pub(super) fn get(&self, queue: QueueId) -> Option<&QueueTerms> {
        self.0.get(queue.0)
    }

    /// Whether anything about the queue may have been so; never for one that a client made for itself.
    pub(super) fn may(&self, queue: QueueId, be: impl FnOnce(&QueueTerms) -> bool) -> bool {
        self.get(queue).is_some_and(be)
    }

    /// Whether messages can leave the queue, or what becomes of them, without anybody having settled them.
    pub(super) fn may_lose(&self, queue: QueueId) -> bool {
        self.get(queue).is_none_or(|queue| {
            let lossy =
                queue.ttl_ms.is_some() || queue.max_length.is_some() || queue.has_delivery_limit;
            lossy || !queue.durable || queue.careless
        })
    }

    /// Whether dead letters may go there.
    pub(super) fn is_grave(&self, queue: QueueId) -> bool {
        self.0.iter().any(|other| other.graves.contains(&queue))
    }

    /// Whether any queue may refuse what is published.
    pub(super) fn any_refuses(&self) -> bool {
        self.0.iter().any(|queue| queue.refuses)
    }
}

impl QueueTerms {
    fn may_follow(&mut self, policy: &Policy) {
        self.ttl_ms = self.ttl_ms.into_iter().chain(policy.ttl_ms).min();
        let limits = self.max_length.into_iter().chain(policy.max_length);
        self.max_length = limits.min();
        self.refuses |= policy.refuses;
        // The arguments of a queue may say what overflow means, or may not.
        self.drops |= policy.max_length.is_some() || !policy.refuses;
        self.graves.extend(policy.grave);
    }
}
