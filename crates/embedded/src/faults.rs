//! What can be made to go wrong.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use core::time::Duration;

/// The switches that the tasks of connections look at.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    refuses: AtomicBool,
    delay_micros: AtomicU64,
}

impl Faults {
    pub(crate) fn set_refuses(&self, refuses: bool) {
        self.refuses.store(refuses, Relaxed);
    }

    pub(crate) fn refuses(&self) -> bool {
        self.refuses.load(Relaxed)
    }

    pub(crate) fn set_delay(&self, delay: Duration) {
        self.delay_micros.store(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// How much later what has been read is handled, if later at all.
    pub(crate) fn delay(&self) -> Option<Duration> {
        let micros = self.delay_micros.load(Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }
}
