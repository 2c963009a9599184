//! Logins that failed, by where they came from: the more there are, the longer the next refusal takes.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use warrener_time::Time;

use crate::gate::source;
use crate::limits::{
    ATTEMPTS_FORGOTTEN, ATTEMPTS_FREE, ATTEMPTS_PAUSE, ATTEMPTS_PAUSE_MAX, ATTEMPTS_SOURCES,
};

/// What is remembered of each source, with a bound: the one that has been quiet longest is forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed: BTreeMap<IpAddr, Failed>,
    by_age: BTreeSet<(Time, IpAddr)>,
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    count: u32,
    last: Time,
}

impl Attempts {
    /// A login from `address` has failed; so long its refusal is to be kept back. Only refusals are, because somebody with
    /// the right password may come from the same address.
    pub(crate) fn handle_failure(&mut self, now: Time, address: IpAddr) -> Duration {
        let source = source(address);
        let mut failed =
            self.failed.get(&source).copied().unwrap_or(Failed { count: 0, last: now });
        self.by_age.remove(&(failed.last, source));
        if now.saturating_since(failed.last) >= ATTEMPTS_FORGOTTEN {
            failed.count = 0;
        }
        failed = Failed { count: failed.count.saturating_add(1), last: now };
        self.failed.insert(source, failed);
        self.by_age.insert((now, source));
        if self.failed.len() > ATTEMPTS_SOURCES
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.failed.remove(&oldest);
        }
        pause(failed.count)
    }
}

/// Nothing for the first few, then twice as long each time.
fn pause(count: u32) -> Duration {
    match count.checked_sub(ATTEMPTS_FREE + 1) {
        None => Duration::ZERO,
        Some(doublings) => {
            let factor = 1u32.checked_shl(doublings).filter(|_| doublings < 16).unwrap_or(1 << 16);
            (ATTEMPTS_PAUSE * factor).min(ATTEMPTS_PAUSE_MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_gets_slower_for_whoever_guesses() {
        let mut attempts = Attempts::default();
        let (eve, ann) = ("192.0.2.66".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let pauses: Vec<_> = (0..50).map(|_| attempts.handle_failure(Time::ZERO, eve)).collect();
        let free = ATTEMPTS_FREE as usize;
        assert!(pauses[..free].iter().all(|pause| pause.is_zero()));
        assert_eq!(pauses[free..][..3], [ATTEMPTS_PAUSE, ATTEMPTS_PAUSE * 2, ATTEMPTS_PAUSE * 4]);
        assert_eq!(pauses[49], ATTEMPTS_PAUSE_MAX);
        assert_eq!(attempts.handle_failure(Time::ZERO, ann), Duration::ZERO);

        let later = Time::ZERO + ATTEMPTS_FORGOTTEN;
        assert_eq!(attempts.handle_failure(later, eve), Duration::ZERO);
    }

    #[test]
    fn no_more_sources_are_remembered_than_may_be() {
        let mut attempts = Attempts::default();
        for number in 0..(ATTEMPTS_SOURCES as u32 + 100) {
            let now = Time::ZERO + Duration::from_millis(number.into());
            attempts.handle_failure(now, IpAddr::V4(number.into()));
        }
        assert_eq!(attempts.failed.len(), ATTEMPTS_SOURCES);
        assert_eq!(attempts.by_age.len(), ATTEMPTS_SOURCES);
        assert!(!attempts.failed.contains_key(&IpAddr::V4(99.into())));
        assert!(attempts.failed.contains_key(&IpAddr::V4(100.into())));
    }
}
