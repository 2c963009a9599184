//! Watching a run: samples, phases, and when each is over.

use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use crate::clock::{Clock, until};
use crate::error::PerfError;
use crate::outcome::{Percentiles, Phase, Sample};
use crate::process::{Cost, cost, own_cost};
use crate::run::{Crew, Ended};
use crate::tally::{Counts, Latencies};

const SECOND_NANOS: u64 = 1_000_000_000;

/// How often it is looked whether a phase is over, in nanoseconds.
const LOOK_NANOS: u64 = 5_000_000;

/// How long a run may stand still before what is missing is taken for lost, in nanoseconds.
const PATIENCE_NANOS: u64 = 20 * SECOND_NANOS;

/// The one who watches.
pub(crate) struct Watch<'a> {
    clock: Clock,
    crew: &'a Crew,
    ended: &'a Receiver<Ended>,
    pid: Option<u32>,
    progress: &'a mut dyn FnMut(&str),
    begun: u64,
    sampled: Moment,
    latencies: Latencies,
    resident_max: Option<u64>,
    producers_left: usize,
    phases: Vec<Phase>,
    samples: Vec<Sample>,
}

/// All counters at one time.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    nanos: u64,
    counts: Counts,
    broker: Option<Cost>,
    own: Option<Cost>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(
        clock: Clock,
        crew: &'a Crew,
        ended: &'a Receiver<Ended>,
        pid: Option<u32>,
        progress: &'a mut dyn FnMut(&str),
    ) -> Self {
        let begun = clock.nanos();
        let counts = Counts::default();
        Self {
            clock,
            crew,
            ended,
            pid,
            progress,
            begun,
            sampled: Moment { nanos: begun, counts, broker: None, own: None },
            latencies: Latencies::new(),
            resident_max: None,
            producers_left: crew.producers.len(),
            phases: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// Lets it warm up, then measures for a time, in seconds.
    pub(crate) fn for_a_time(&mut self, warm_up: f64, time: f64) -> Result<(), PerfError> {
        let warm = self.clock.nanos() + (warm_up * 1e9) as u64;
        self.go_on_until(|watch| watch.clock.nanos() >= warm)?;
        let from = self.begin();
        let end = from.nanos + (time * 1e9) as u64;
        self.go_on_until(|watch| watch.clock.nanos() >= end)?;
        self.end("run", from, None);
        Ok(())
    }

    /// Measures, from a moment on, until the producers have ended.
    pub(crate) fn until_published(
        &mut self,
        name: &'static str,
        from: Moment,
    ) -> Result<(), PerfError> {
        self.go_on_until(|watch| watch.producers_left == 0)?;
        self.end(name, from, None);
        Ok(())
    }

    /// Measures, from a moment on, until all that was published has been consumed, `copies` times each; or until nothing
    /// more comes.
    pub(crate) fn until_consumed(
        &mut self,
        name: &'static str,
        from: Moment,
        copies: u64,
    ) -> Result<(), PerfError> {
        let (mut seen, mut progressed) = (0, from.nanos);
        self.go_on_until(|watch| {
            let counts = watch.counts();
            if counts.consumed + counts.published != seen {
                (seen, progressed) = (counts.consumed + counts.published, watch.clock.nanos());
            }
            let wanted =
                if watch.crew.consumers.is_empty() { 0 } else { counts.published * copies };
            let missing = wanted.saturating_sub(counts.consumed + counts.returned + counts.nacked);
            watch.producers_left == 0
                && (missing == 0 || watch.clock.nanos() - progressed > PATIENCE_NANOS)
        })?;
        // When nothing more came, the waiting was no part of it.
        self.end(name, from, Some(progressed));
        Ok(())
    }

    pub(crate) fn finish(self) -> (Vec<Phase>, Vec<Sample>) {
        (self.phases, self.samples)
    }

    fn counts(&self) -> Counts {
        Counts::of(self.crew.producers.iter().chain(&self.crew.consumers))
    }

    fn moment(&self) -> Moment {
        let broker = self.pid.and_then(cost);
        Moment { nanos: self.clock.nanos(), counts: self.counts(), broker, own: own_cost() }
    }

    /// From now on it is measured.
    pub(crate) fn begin(&mut self) -> Moment {
        self.collect();
        self.latencies = Latencies::new();
        self.resident_max = None;
        self.crew.signals.measuring.store(true, Relaxed);
        self.moment()
    }

    fn go_on_until(&mut self, mut over: impl FnMut(&Self) -> bool) -> Result<(), PerfError> {
        while !over(self) {
            let next = self.sampled.nanos + SECOND_NANOS;
            let now = self.clock.nanos();
            if now >= next {
                self.sample();
            }
            match self.ended.recv_timeout(until(next, now).min(Duration::from_nanos(LOOK_NANOS))) {
                Ok(Ended { was_producer, outcome }) => {
                    outcome?;
                    self.producers_left -= usize::from(was_producer);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(PerfError::Silent),
            }
        }
        Ok(())
    }

    /// Takes over what the threads recorded.
    fn collect(&mut self) -> Latencies {
        let mut recent = Latencies::new();
        for tally in self.crew.producers.iter().chain(&self.crew.consumers) {
            recent.merge(&tally.take_latencies());
        }
        self.latencies.merge(&recent);
        recent
    }

    fn sample(&mut self) {
        let (before, now) = (self.sampled, self.moment());
        let recent = self.collect();
        let seconds = (now.nanos - before.nanos) as f64 / 1e9;
        let counts = now.counts.since(before.counts);
        let latency =
            Percentiles::of(&recent.delivery).or_else(|| Percentiles::of(&recent.confirm));
        let resident = now.broker.map(|cost| cost.resident);
        self.resident_max = self.resident_max.max(resident);
        let sample = Sample {
            at: (now.nanos - self.begun) as f64 / 1e9,
            published_per_second: counts.published as f64 / seconds,
            consumed_per_second: counts.consumed as f64 / seconds,
            latency,
            broker_resident: resident,
        };
        (self.progress)(&sample.to_string());
        self.samples.push(sample);
        self.sampled = now;
    }

    fn end(&mut self, name: &'static str, from: Moment, at: Option<u64>) {
        self.collect();
        let to = self.moment();
        self.resident_max = self.resident_max.max(to.broker.map(|cost| cost.resident));
        let counts = to.counts.since(from.counts);
        let seconds = (at.unwrap_or(to.nanos).max(from.nanos + 1) - from.nanos) as f64 / 1e9;
        let millions = counts.published.max(counts.consumed).max(1) as f64 / 1e6;
        let spent = |after: Option<Cost>, before: Option<Cost>| {
            Some(after?.cpu_seconds - before?.cpu_seconds)
        };
        let broker = spent(to.broker, from.broker);
        self.phases.push(Phase {
            name,
            seconds,
            published: counts.published,
            confirmed: counts.confirmed,
            nacked: counts.nacked,
            returned: counts.returned,
            consumed: counts.consumed,
            published_per_second: counts.published as f64 / seconds,
            confirmed_per_second: counts.confirmed as f64 / seconds,
            consumed_per_second: counts.consumed as f64 / seconds,
            octets_per_second: counts.octets as f64 / seconds,
            latency: Percentiles::of(&self.latencies.delivery),
            confirm_latency: Percentiles::of(&self.latencies.confirm),
            broker_cpu_seconds_per_million: broker.map(|cpu| cpu / millions),
            broker_cores: broker.map(|cpu| cpu / seconds),
            broker_resident_max: self.resident_max,
            generator_cpu_seconds_per_million: spent(to.own, from.own).map(|cpu| cpu / millions),
        });
    }
}
