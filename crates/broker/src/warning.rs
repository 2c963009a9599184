//! What the people who run a broker should hear of.

use alloc::boxed::Box;

use thiserror::Error;
use warrener_codec::ShortStr;

use crate::refusal::Reason;

/// Something that went on, but not as it should.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Warning {
    /// A right was refused because its pattern would have taken too many steps.
    #[error("{reason}: pattern '{pattern}' takes too many steps")]
    CostlyPermission {
        /// The pattern.
        pattern: Box<str>,
        /// What was refused.
        reason: Reason,
    },
    /// A message has failed more often than it may, where nobody has said what is to become of it: it was moved to the end
    /// of its queue. Said once for each message; [`Stats::sent_back`](crate::Stats) counts every time.
    #[error(
        "a message in queue '{queue}' in vhost '{vhost}' has failed {failed} times and was moved to the tail: \
         the queue has neither a delivery limit nor a dead-letter exchange of its own"
    )]
    FailedTooOften {
        /// The virtual host.
        vhost: ShortStr,
        /// The queue.
        queue: ShortStr,
        /// How often it has failed.
        failed: u32,
    },
    /// The broker holds more than it may: whoever publishes waits.
    #[error(
        "low on memory: {} MiB are held, and there may be {} MiB: publishers wait; let consumers work, or raise memory_budget",
        held_bytes >> 20,
        limit_bytes >> 20
    )]
    MemoryLow {
        /// What it holds, in octets.
        held_bytes: u64,
        /// What it may.
        limit_bytes: u64,
    },
    /// It holds enough less that publishers go on.
    #[error("enough memory again: {} MiB are held; publishers go on", held_bytes >> 20)]
    MemoryEnough {
        /// What it holds, in octets.
        held_bytes: u64,
    },
    /// Neither the configuration nor a command has named a virtual host, but something durable is in it: it stays.
    #[error(
        "vhost '{vhost}' is not the configuration's any more, and is kept because of what is in it; delete it if that is not wanted"
    )]
    VhostKept {
        /// The virtual host.
        vhost: ShortStr,
    },
    /// A policy does not apply because its pattern would take too many steps. Said once for each policy that is set.
    #[error(
        "policy '{policy}' in vhost '{vhost}' does not apply everywhere: pattern '{pattern}' takes too many steps"
    )]
    CostlyPolicy {
        /// The virtual host.
        vhost: ShortStr,
        /// The policy.
        policy: ShortStr,
        /// Its pattern.
        pattern: Box<str>,
    },
}

impl Warning {
    /// What a refusal should be told of besides its client, if anything.
    pub(crate) fn about(reason: &Reason) -> Option<Self> {
        let pattern = reason.too_costly()?.into();
        Some(Self::CostlyPermission { pattern, reason: reason.clone() })
    }
}
