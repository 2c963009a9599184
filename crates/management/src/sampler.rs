//! Counters taken every five seconds, so that a rate is known when somebody asks for the first time.

use core::time::Duration;
use std::sync::{Arc, PoisonError};

use warrener_broker::{ChannelTraffic, Counts, Cursor, Passage, Slice, Stats, Traffic, View};

use crate::api::Api;
use crate::limits::{SAMPLE_SLICE, SAMPLED};

/// How far samples are apart.
const INTERVAL: Duration = Duration::from_secs(5);

/// The last two samples of everything.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// How long the time between them was, in seconds; 0 before there are two.
    pub(crate) seconds: f64,
    before: Sample,
    after: Sample,
}

/// Counters at one moment, each list sorted by number.
#[derive(Clone, Debug, Default)]
struct Sample {
    stats: Stats,
    queues: Vec<(u64, (Traffic, Counts))>,
    exchanges: Vec<((u64, u64), Passage)>,
    channels: Vec<(u64, ChannelTraffic)>,
    sockets: Vec<(u64, (u64, u64))>,
}

impl Api {
    /// Takes samples for ever.
    pub async fn sample(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut last = None;
        loop {
            let at = ticks.tick().await;
            let sample = self.take().await;
            let seconds = last.map_or(0.0, |last: tokio::time::Instant| (at - last).as_secs_f64());
            last = Some(at);
            let before = self.samples().after.clone();
            let samples = Samples { seconds, before, after: sample };
            *self.samples.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(samples);
        }
    }

    async fn take(&self) -> Sample {
        let queues = self.some(|view, from| {
            let slice = view.traffic_slice(from, SAMPLE_SLICE);
            let things =
                slice.things.into_iter().map(|(id, traffic, counts)| (id, (traffic, counts)));
            Slice { things: things.collect(), next: slice.next }
        });
        let mut sample = Sample { queues: queues.await, ..Sample::default() };
        sample.channels = self
            .some(|view, from| {
                let slice = view.channel_slice(from, SAMPLE_SLICE);
                let things = slice.things.into_iter().map(|channel| (channel.id, channel.traffic));
                Slice { things: things.collect(), next: slice.next }
            })
            .await;
        sample.exchanges = self.some(|view, from| view.passage_slice(from, SAMPLE_SLICE)).await;
        sample.stats = self.look(|view| view.stats());
        let sockets = self.host.sockets();
        let octets = |socket: &crate::host::Socket| (socket.received_bytes, socket.sent_bytes);
        sample.sockets = sockets.iter().map(|(id, socket)| (id.0, octets(socket))).collect();
        sample.queues.sort_unstable_by_key(|(id, _)| *id);
        sample.channels.sort_unstable_by_key(|(id, _)| *id);
        sample.exchanges.sort_unstable_by_key(|(id, _)| *id);
        sample
    }

    async fn some<T>(&self, slice: impl Fn(View<'_>, Cursor) -> Slice<T>) -> Vec<T> {
        let (mut all, mut from) = (Vec::new(), Some(Cursor::default()));
        while let Some(cursor) = from.filter(|_| all.len() < SAMPLED) {
            let slice = self.look(|view| slice(view, cursor));
            all.extend(slice.things);
            from = slice.next;
            tokio::task::yield_now().await;
        }
        all
    }
}

impl Samples {
    /// What grew by how much in a second.
    pub(crate) fn rate(&self, before: u64, after: u64) -> f64 {
        if self.seconds <= 0.0 { 0.0 } else { after.saturating_sub(before) as f64 / self.seconds }
    }

    /// The same for what may shrink as well.
    pub(crate) fn change(&self, before: u64, after: u64) -> f64 {
        if self.seconds <= 0.0 { 0.0 } else { (after as f64 - before as f64) / self.seconds }
    }

    pub(crate) const fn stats(&self) -> (Stats, Stats) {
        (self.before.stats, self.after.stats)
    }

    /// How many channels had published something when the last sample was taken.
    pub(crate) fn publishers(&self) -> u64 {
        let channels = self.after.channels.iter();
        channels.filter(|(_, traffic)| traffic.messages.published > 0).count() as u64
    }

    /// All queues together.
    pub(crate) fn queues_together(&self) -> (Counts, Counts) {
        let sum = |sample: &Sample| {
            let counts = sample.queues.iter().map(|(_, (_, counts))| counts);
            counts.fold(Counts::default(), |sum, one| crate::stats::sum_counts(&sum, one))
        };
        (sum(&self.before), sum(&self.after))
    }

    pub(crate) fn queue(&self, id: u64) -> ((Traffic, Counts), (Traffic, Counts)) {
        (find(&self.before.queues, id), find(&self.after.queues, id))
    }

    pub(crate) fn exchange(&self, id: (u64, u64)) -> (Passage, Passage) {
        (find(&self.before.exchanges, id), find(&self.after.exchanges, id))
    }

    pub(crate) fn channel(&self, id: u64) -> (ChannelTraffic, ChannelTraffic) {
        (find(&self.before.channels, id), find(&self.after.channels, id))
    }

    pub(crate) fn socket(&self, id: u64) -> ((u64, u64), (u64, u64)) {
        (find(&self.before.sockets, id), find(&self.after.sockets, id))
    }
}

fn find<K: Ord + Copy, T: Copy + Default>(list: &[(K, T)], key: K) -> T {
    let place = list.binary_search_by_key(&key, |(own, _)| *own);
    place.map_or_else(|_| T::default(), |place| list[place].1)
}
