//! What a run found out.

use hdrhistogram::Histogram;
use serde::Serialize;

/// What a run found out; `--json` writes it as it is.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// Product and version of the broker, as it says.
    pub broker: String,
    /// The load in short.
    pub scenario: String,
    /// One part, or with a backlog two: the filling and the draining.
    pub phases: Vec<Phase>,
    /// One sample a second.
    pub samples: Vec<Sample>,
}

/// One measured part of a run.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Phase {
    /// `run`, `fill` or `drain`.
    pub name: &'static str,
    /// Its length in seconds.
    pub seconds: f64,
    /// Messages published in it.
    pub published: u64,
    /// Messages confirmed.
    pub confirmed: u64,
    /// Messages refused by basic.nack.
    pub nacked: u64,
    /// Messages returned.
    pub returned: u64,
    /// Messages consumed, or questions answered.
    pub consumed: u64,
    /// Messages published a second.
    pub published_per_second: f64,
    /// Messages confirmed a second.
    pub confirmed_per_second: f64,
    /// Messages consumed a second.
    pub consumed_per_second: f64,
    /// Octets of bodies consumed a second.
    pub octets_per_second: f64,
    /// From when a message should have left until it was consumed (or its answer came).
    pub latency: Option<Percentiles>,
    /// From when a message should have left until it was confirmed.
    pub confirm_latency: Option<Percentiles>,
    /// The broker's CPU seconds a million messages (the larger of published and consumed).
    pub broker_cpu_seconds_per_million: Option<f64>,
    /// How many cores the broker kept busy.
    pub broker_cores: Option<f64>,
    /// The most memory the broker had resident at a sample, in octets.
    pub broker_resident_max: Option<u64>,
    /// The generator's own CPU seconds a million messages.
    pub generator_cpu_seconds_per_million: Option<f64>,
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are the percentiles")]
pub struct Percentiles {
    pub count: u64,
    pub min: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

/// One second of a run.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Sample {
    /// Seconds since the run began, warm-up included.
    pub at: f64,
    /// Messages published a second.
    pub published_per_second: f64,
    /// Messages consumed a second.
    pub consumed_per_second: f64,
    /// Latency of the messages consumed in it, or of the confirms where nothing is consumed.
    pub latency: Option<Percentiles>,
    /// Octets the broker has resident.
    pub broker_resident: Option<u64>,
}

impl Outcome {
    /// The phase that is compared: the run, or the draining.
    #[must_use]
    pub fn last(&self) -> Option<&Phase> {
        self.phases.last()
    }
}

impl Phase {
    /// Messages a second by which runs are compared: consumed, else confirmed, else published.
    #[must_use]
    pub fn rate(&self) -> f64 {
        [self.consumed_per_second, self.confirmed_per_second, self.published_per_second]
            .into_iter()
            .find(|rate| *rate > 0.0)
            .unwrap_or(0.0)
    }
}

impl Percentiles {
    /// `None` when nothing was recorded.
    pub(crate) fn of(nanos: &Histogram<u64>) -> Option<Self> {
        let micros = |quantile| nanos.value_at_quantile(quantile) as f64 / 1e3;
        (!nanos.is_empty()).then(|| Self {
            count: nanos.len(),
            min: nanos.min() as f64 / 1e3,
            p50: micros(0.5),
            p90: micros(0.9),
            p99: micros(0.99),
            p999: micros(0.999),
            max: nanos.max() as f64 / 1e3,
        })
    }
}
