//! How long something took, how often: counted in buckets, for whoever collects metrics.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// How many buckets have a bound. The first is up to 64 microseconds, each further one up to twice as much.
const BOUNDED: usize = 18;

/// Counts by powers of two.
#[derive(Debug, Default)]
pub(crate) struct Durations([AtomicU64; BOUNDED + 1]);

impl Durations {
    /// It took so long once more.
    pub(crate) fn add(&self, took: Duration) {
        let micros = took.as_micros();
        let place = (0..BOUNDED).find(|place| micros <= bound_micros(*place).into());
        self.0[place.unwrap_or(BOUNDED)].fetch_add(1, Ordering::Relaxed);
    }

    /// Upper bounds in seconds, and how many are under each and above the one before.
    pub(crate) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = (0..BOUNDED).map(|place| bound_micros(place) as f64 / 1e6);
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        bounds.chain([f64::INFINITY]).zip(counts).collect()
    }
}

const fn bound_micros(place: usize) -> u64 {
    64 << place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_the_first_bucket_that_it_fits() {
        let durations = Durations::default();
        for micros in [0, 64, 65, 128, 1 << 60] {
            durations.add(Duration::from_micros(micros));
        }
        let counts: Vec<u64> = durations.buckets().iter().map(|(_, count)| *count).collect();
        assert_eq!((counts[0], counts[1], counts[BOUNDED]), (2, 2, 1));
        assert_eq!(counts.iter().sum::<u64>(), 5);
    }
}
