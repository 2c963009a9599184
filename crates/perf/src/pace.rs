//! When each message should leave. A producer that falls behind stamps what it sends with the time at which it should have
//! left, so that a broker that stalls is charged for everyone who had to wait.

use core::str::FromStr;

use crate::error::PerfError;

/// A rate for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Messages a second.
    pub per_second: f64,
    /// For how long.
    pub seconds: f64,
}

impl FromStr for Segment {
    type Err = PerfError;

    fn from_str(text: &str) -> Result<Self, PerfError> {
        let parts = text.split_once(':').and_then(|(rate, seconds)| {
            Some(Self { per_second: rate.parse().ok()?, seconds: seconds.parse().ok()? })
        });
        parts
            .filter(|segment| segment.per_second >= 0.0 && segment.seconds > 0.0)
            .ok_or_else(|| PerfError::options(format!("{text} is no RATE:SECONDS, like 1000:5")))
    }
}

/// The timetable of one producer.
#[derive(Clone, Debug)]
pub(crate) enum Pace {
    /// As fast as it can.
    Free,
    /// Segments in a circle.
    Timed { segments: Vec<Segment>, at: usize, begins: f64, sent: u64 },
}

impl Pace {
    /// From `start`, in nanoseconds. No segment, or a rate of nothing at all, means as fast as possible.
    pub(crate) fn new(segments: &[Segment], start: u64) -> Self {
        if segments.iter().all(|segment| segment.per_second <= 0.0) {
            return Self::Free;
        }
        Self::Timed { segments: segments.to_vec(), at: 0, begins: start as f64, sent: 0 }
    }

    /// When the next message should leave, in nanoseconds; `None` for now, whenever that is.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let Self::Timed { segments, at, begins, sent } = self else { return None };
        loop {
            let segment = segments[*at];
            let length = segment.seconds * 1e9;
            let offset = *sent as f64 * 1e9 / segment.per_second.max(f64::MIN_POSITIVE);
            // The only segment has no end: then there is no drift either.
            if segment.per_second > 0.0 && (offset < length || segments.len() == 1) {
                return Some((*begins + offset) as u64);
            }
            *begins += length;
            *at = (*at + 1) % segments.len();
            *sent = 0;
        }
    }

    /// It left.
    pub(crate) fn sent(&mut self) {
        if let Self::Timed { sent, .. } = self {
            *sent += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(segments: &[&str], count: usize) -> Vec<u64> {
        let segments: Vec<Segment> = segments.iter().map(|text| text.parse().unwrap()).collect();
        let mut pace = Pace::new(&segments, 1_000);
        let mut times = Vec::new();
        for _ in 0..count {
            times.push(pace.next().unwrap());
            pace.sent();
        }
        times
    }

    #[test]
    fn a_rate_spaces_messages_evenly_however_late_they_leave() {
        assert_eq!(
            first(&["4:1"], 6),
            [1_000, 250_001_000, 500_001_000, 750_001_000, 1_000_001_000, 1_250_001_000]
        );
    }

    #[test]
    fn segments_follow_each_other_in_a_circle_and_silence_is_one_of_them() {
        let ms = |times: Vec<u64>| {
            times.into_iter().map(|at| (at - 1_000) / 1_000_000).collect::<Vec<_>>()
        };
        assert_eq!(ms(first(&["2:1", "0:3", "1:1"], 6)), [0, 500, 4_000, 5_000, 5_500, 9_000]);
    }

    #[test]
    fn no_rate_is_as_fast_as_possible() {
        assert_eq!(Pace::new(&[Segment { per_second: 0.0, seconds: 1.0 }], 5).next(), None);
        assert_eq!(Pace::new(&[], 5).next(), None);
    }

    #[test]
    fn what_is_no_segment_is_refused_with_an_example() {
        for text in ["", "5", "5:0", "-1:5", "a:b"] {
            let refused = text.parse::<Segment>().unwrap_err().to_string();
            assert_eq!(refused, format!("{text} is no RATE:SECONDS, like 1000:5"));
        }
    }
}
