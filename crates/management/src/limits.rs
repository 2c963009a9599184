//! How much a request may ask for: every bound of this crate.

/// The largest body of a request, in octets; RabbitMQ: `management.http.max_body_size`.
pub(crate) const BODY_BYTES: usize = 20 << 20;

/// The largest definitions file, in octets.
pub(crate) const DEFINITIONS_BYTES: usize = 64 << 20;

/// How many octets a line of headers may have in a stored name that is looked for by pattern.
pub(crate) const PATTERN_BYTES: usize = 1 << 20;

/// How many things are looked at under the broker's lock at a time.
pub(crate) const SLICE: usize = 256;

/// How many counters a sample takes under the lock at a time.
pub(crate) const SAMPLE_SLICE: usize = 1_024;

/// Of how many queues, exchanges, channels and connections rates are kept.
pub(crate) const SAMPLED: usize = 200_000;

/// How many messages one request may get.
pub(crate) const MESSAGES: u64 = 10_000;

/// How many octets of messages one request may get.
pub(crate) const MESSAGES_BYTES: usize = 128 << 20;

/// The most things on a page (RabbitMQ's bound).
pub(crate) const PAGE_SIZE: u64 = 500;

/// How many columns and levels of one a request may name.
pub(crate) const COLUMNS: usize = 256;

/// How many bindings and consumers are shown with what they belong to.
pub(crate) const SHOWN_WITH: usize = 5_000;

/// How many requests are served at a time; others wait for their turn.
pub(crate) const REQUESTS: usize = 128;
