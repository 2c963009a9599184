//! What a host may choose, and every bound the broker keeps, in one place.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use warrener_codec::ShortStr;

use crate::generator::Seed;
use crate::limit::{UserLimits, VhostLimits};
use crate::sync::Syncs;
use crate::user::User;

/// How a broker is set up. Make one with [`Config::new`] and change what differs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where generated names come from.
    pub seed: Seed,
    /// The virtual hosts that exist from the start.
    pub vhosts: Vec<ShortStr>,
    /// The users that exist from the start.
    pub users: Vec<User>,
    /// What one client may make the broker hold.
    pub limits: Limits,
    /// What confirms wait for, in which virtual host.
    pub syncs: Syncs,
    /// What the broker calls itself in what it publishes: `warrener@host`.
    pub node: ShortStr,
}

impl Config {
    /// One virtual host, `/`, no user, and the default limits.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            vhosts: vec![ShortStr::from_static("/")],
            users: Vec::new(),
            limits: Limits::default(),
            syncs: Syncs::default(),
            node: ShortStr::from_static("warrener"),
        }
    }
}

/// Every bound in the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest body taken, in octets; larger ones are refused with 406.
    pub message_bytes: u64,
    /// Above this many octets on their way to a connection, its consumers get nothing more.
    pub outbound_high_bytes: u64,
    /// Above this many it is not read either: it asks for answers, and does not take them.
    pub outbound_pause_bytes: u64,
    /// Once they are down to this many, everything goes on.
    pub outbound_low_bytes: u64,
    /// How many consumers one channel may have; the next is refused with 530.
    pub consumers_per_channel: u32,
    /// How many consumers all channels of one connection may have together; the next is refused with 530.
    pub consumers_per_connection: u32,
    /// How many octets the arguments of a declaration, a binding or a consumer may have; more are refused with 406.
    pub arguments_bytes: usize,
    /// How many bindings may lead to one queue or exchange; the next is refused with 406.
    pub bindings_per_target: usize,
    /// How many bindings may come from one exchange; likewise.
    pub bindings_per_exchange: usize,
    /// How many octets all bindings of one virtual host may take of memory; likewise.
    pub binding_bytes_per_vhost: u64,
    /// How much work one connection may cause in a row, in objects visited: above that it is not read until others have
    /// had their turns.
    pub debt_visits: u64,
    /// How many exchanges and how many queues one virtual host may have.
    pub names_per_vhost: u32,
    /// How many bindings one virtual host may have; the next is refused with 406.
    pub bindings_per_vhost: u32,
    /// What counts for users who have no such limit of their own.
    pub users: UserLimits,
    /// What counts for virtual hosts that have no such limit of their own.
    pub vhosts: VhostLimits,
    /// How many users, virtual hosts, permissions, policies and parameters there may be in all.
    pub settings: u32,
    /// How many messages one exchange may delay; a publisher of more is told that they were not taken.
    pub delayed_per_exchange: u64,
    /// How many publishes and acknowledgements one transaction may hold.
    pub transaction_entries: usize,
    /// How many octets of bodies the open transactions of one connection may hold, all together.
    pub transaction_bytes: u64,
    /// What one connection may ask for while the broker cannot do it yet, in octets; above that it is not read.
    pub parked_bytes: u64,
    /// How much the broker may hold in memory before the contents of messages leave for the log, in octets.
    pub memory_budget_bytes: u64,
    /// How much of what is held may be such that it cannot leave memory, in octets: above that, whoever publishes to a
    /// queue that grows must wait. Without a log that contents can leave for, that is everything.
    pub memory_fixed_bytes: u64,
    /// Above this many octets held in memory, nobody publishes any more.
    pub memory_alarm_bytes: u64,
    /// Whether the log keeps what it is given outside of memory, so that contents can leave for it.
    pub pages: bool,
    /// A queue with so many messages writes down which of them were not delivered, and again after so many deliveries: so
    /// many more than were delivered a crash marks as redelivered.
    pub mark_messages: u64,
    /// How many messages of the broker's own may wait to be published, events and copies of what is watched; more are left
    /// out, and counted.
    pub reports: usize,
    /// How many octets they may have, all together.
    pub report_bytes: u64,
    /// How many deliveries one input may cause before the rest wait for the next turn.
    pub deliveries_per_input: u32,
    /// How many queue entries a turn may expire, purge or drop before the rest wait for the next turn.
    pub work_per_turn: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 128 << 20,
            outbound_high_bytes: 1 << 20,
            outbound_pause_bytes: 16 << 20,
            outbound_low_bytes: 1 << 19,
            consumers_per_channel: 4_096,
            consumers_per_connection: 65_536,
            arguments_bytes: 64 << 10,
            bindings_per_target: 1 << 17,
            bindings_per_exchange: 1 << 20,
            binding_bytes_per_vhost: 1 << 30,
            debt_visits: 50_000,
            names_per_vhost: 1 << 20,
            bindings_per_vhost: 1 << 22,
            users: UserLimits::default(),
            vhosts: VhostLimits::default(),
            settings: 1 << 18,
            delayed_per_exchange: 1 << 24,
            transaction_entries: 1 << 16,
            transaction_bytes: 128 << 20,
            parked_bytes: 1 << 20,
            memory_budget_bytes: 1 << 30,
            memory_fixed_bytes: u64::MAX,
            memory_alarm_bytes: u64::MAX,
            pages: false,
            mark_messages: 1 << 14,
            reports: 1 << 14,
            report_bytes: 16 << 20,
            deliveries_per_input: 1 << 10,
            work_per_turn: 1 << 12,
        }
    }
}

/// How often a message of a quorum queue may fail when its queue names no limit (RabbitMQ 4.0 and later).
pub(crate) const DELIVERY_LIMIT: u32 = 20;

/// How long a dead message that could not go on waits until it is tried again.
pub(crate) const DEAD_LETTER_RETRY: Duration = Duration::from_secs(1);

/// How many queues one turn works on.
pub(crate) const QUEUES_PER_TURN: usize = 1024;

/// No input and no timer leads to more effects than this at once; what is more follows in later turns.
pub const EFFECTS_PER_TURN: usize = 4_096;

/// No input and no timer visits more objects than this at once: queues, entries, consumers, bindings, channels.
pub const VISITS_PER_TURN: u64 = 10_000;

/// With so many effects a turn begins nothing more; what it has begun is a fraction of that.
pub(crate) const EFFECTS_ENOUGH: usize = EFFECTS_PER_TURN / 2;

/// With so many visits, likewise.
pub(crate) const VISITS_ENOUGH: u64 = VISITS_PER_TURN / 2;

/// How many of them a turn has left for what comes last, whatever came before.
pub(crate) const VISITS_LEFT: u64 = VISITS_ENOUGH / 8;

/// How many steps one queue works in a row while others wait.
pub(crate) const STEPS_IN_A_ROW: u32 = 256;

/// How many messages one queue hands out in a row while others wait.
pub(crate) const DELIVERIES_IN_A_ROW: u32 = 64;

/// An input that visits more objects than this is charged to its connection.
pub(crate) const CHARGED_FROM_VISITS: u64 = 256;

/// How much of their debts connections are let off in each turn of the timer, in objects visited.
pub(crate) const PAID_PER_TURN: u64 = VISITS_ENOUGH;

/// How many octets of a binding or a body are as much work as a visit.
pub(crate) const BINDING_BYTES_A_VISIT: u64 = 64;
pub(crate) const BODY_BYTES_A_VISIT: u32 = 4 << 10;

/// How many octets of headers and history that are written anew when a message dies are as much work as a visit.
pub(crate) const BURIED_BYTES_A_VISIT: usize = 256;

/// How many steps the way of a message may take: exchanges, conditions and nodes that are looked at. One that would take
/// more is refused; a dead letter goes nowhere.
pub(crate) const ROUTE_STEPS: u32 = 1 << 16;

/// How many of them are as much work as a visit.
pub(crate) const STEPS_A_VISIT: u32 = 16;

/// How many routing keys a message may have in all; one with more is refused with 406.
pub(crate) const ROUTING_KEYS: usize = 4_096;

/// How many queues that a message is found to be for are as much work as a visit, before it is offered to any.
pub(crate) const TARGETS_A_VISIT: usize = 16;

/// What the history of a message's deaths may take, in octets more or less: that is some 780 queues, and nearly as long
/// in headers as a frame is by default. One that dies again then goes no further.
pub(crate) const HISTORY_BYTES: usize = 256 << 10;

/// What a binding takes of memory beside its key and its arguments, more or less.
pub(crate) const BINDING_BYTES: u64 = 320;

/// How much of a line that others have made one input works off.
pub(crate) const WORKED_OFF_BY_THE_WAY: u32 = 16;

/// The longest time-to-live and expiry: ten years of 365 days, in milliseconds (RabbitMQ: `value_too_large`).
pub(crate) const LONGEST_MS: u64 = 315_360_000_000;

/// The version whose behaviour this is; clients branch on it.
pub const RABBITMQ_VERSION: &str = "4.3.6";
