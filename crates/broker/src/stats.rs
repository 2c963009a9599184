//! Counters that only grow, for whoever looks.

/// What the broker has done since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages published.
    pub published: u64,
    /// Messages published that no queue was bound for.
    pub unroutable: u64,
    /// Messages handed to consumers.
    pub delivered: u64,
    /// Messages handed out by basic.get.
    pub got: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Messages that died and went, or would have gone, to a dead-letter exchange.
    pub dead_lettered: u64,
    /// Messages that failed too often in a queue that names neither a limit nor a dead-letter exchange, and went to the
    /// end of their queue.
    pub sent_back: u64,
}
