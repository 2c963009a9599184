//! What the threads of a run count, and what is read from it while they go on.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use hdrhistogram::Histogram;

/// The longest latency told apart, in nanoseconds: an hour.
const LATENCY_MAX_NANOS: u64 = 3_600_000_000_000;

/// One thread's counters; only that thread adds to them.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) published: AtomicU64,
    pub(crate) confirmed: AtomicU64,
    pub(crate) nacked: AtomicU64,
    pub(crate) returned: AtomicU64,
    pub(crate) consumed: AtomicU64,
    /// Body octets consumed.
    pub(crate) octets: AtomicU64,
    latencies: Mutex<Latencies>,
}

/// Latencies in nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    /// From when a message should have left until it was consumed, or its answer was.
    pub(crate) delivery: Histogram<u64>,
    /// From when it should have left until it was confirmed.
    pub(crate) confirm: Histogram<u64>,
}

/// The sum over threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) published: u64,
    pub(crate) confirmed: u64,
    pub(crate) nacked: u64,
    pub(crate) returned: u64,
    pub(crate) consumed: u64,
    pub(crate) octets: u64,
}

/// What everybody in a run shares.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// Latencies are recorded.
    pub(crate) measuring: AtomicBool,
    /// Producers end.
    pub(crate) stop_producers: AtomicBool,
    /// Everybody ends.
    pub(crate) stop: AtomicBool,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            published: AtomicU64::new(0),
            confirmed: AtomicU64::new(0),
            nacked: AtomicU64::new(0),
            returned: AtomicU64::new(0),
            consumed: AtomicU64::new(0),
            octets: AtomicU64::new(0),
            latencies: Mutex::new(Latencies::new()),
        }
    }

    /// Records latencies; the lock is held for a batch and nobody else wants it.
    pub(crate) fn record(&self, with: impl FnOnce(&mut Latencies)) {
        with(&mut self.latencies.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What was recorded since this was last asked.
    pub(crate) fn take_latencies(&self) -> Latencies {
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        core::mem::replace(&mut latencies, Latencies::new())
    }
}

/// Adds to a counter of this thread's own.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Relaxed) + count, Relaxed);
}

impl Latencies {
    pub(crate) fn new() -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, LATENCY_MAX_NANOS, 3).expect("constant bounds are valid")
        };
        Self { delivery: histogram(), confirm: histogram() }
    }

    /// A message came so many nanoseconds after it should have left.
    pub(crate) fn delivered(&mut self, nanos: u64) {
        self.delivery.saturating_record(nanos);
    }

    /// A message was confirmed so many nanoseconds after it should have left.
    pub(crate) fn confirmed(&mut self, nanos: u64) {
        self.confirm.saturating_record(nanos);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        // The bounds are those of `new`.
        let _ = self.delivery.add(&other.delivery);
        let _ = self.confirm.add(&other.confirm);
    }
}

impl Counts {
    pub(crate) fn of<'a>(tallies: impl IntoIterator<Item = &'a Tally>) -> Self {
        let mut sum = Self::default();
        for tally in tallies {
            sum.published += tally.published.load(Relaxed);
            sum.confirmed += tally.confirmed.load(Relaxed);
            sum.nacked += tally.nacked.load(Relaxed);
            sum.returned += tally.returned.load(Relaxed);
            sum.consumed += tally.consumed.load(Relaxed);
            sum.octets += tally.octets.load(Relaxed);
        }
        sum
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            published: self.published - before.published,
            confirmed: self.confirmed - before.confirmed,
            nacked: self.nacked - before.nacked,
            returned: self.returned - before.returned,
            consumed: self.consumed - before.consumed,
            octets: self.octets - before.octets,
        }
    }
}
