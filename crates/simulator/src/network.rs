//! A false network: streams with a delay, that split what they carry anywhere, fill up, and break.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use warrener_time::Time;

use crate::Random;

/// How a network treats what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Weather {
    /// The shortest time from one end to the other.
    pub delay_min: Duration,
    /// The longest.
    pub delay_max: Duration,
    /// How much may be under way in one direction, in octets, before the writer has to wait.
    pub window_bytes: usize,
    /// How often, in a hundred, a piece is split at a place where it hurts.
    pub split_percent: u64,
}

impl Weather {
    /// A quick network that splits nothing, for stories about something else.
    pub const FAIR: Self = Self {
        delay_min: Duration::from_micros(50),
        delay_max: Duration::from_micros(50),
        window_bytes: 256 * 1024,
        split_percent: 0,
    };

    /// Some weather, drawn.
    pub fn drawn(random: &mut Random) -> Self {
        let delay_min = Duration::from_micros(random.below(500));
        Self {
            delay_min,
            delay_max: delay_min + Duration::from_micros(1 + random.below(20_000)),
            window_bytes: *random.pick(&[64, 1_000, 16_384, 262_144]),
            split_percent: *random.pick(&[0, 10, 60]),
        }
    }
}

/// One direction of a stream.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    /// What is under way, and when it arrives; the times never decrease.
    flying: VecDeque<(Time, Bytes)>,
    flying_bytes: usize,
    /// The writer has no more to say; it arrives after everything else.
    ended: Option<Time>,
    /// The reader does not read now.
    pub(crate) stopped: bool,
    /// What is written vanishes, and nobody is told.
    pub(crate) silent: bool,
}

impl Pipe {
    /// How many octets it takes now.
    pub(crate) fn room(&self, weather: &Weather) -> usize {
        weather.window_bytes.saturating_sub(self.flying_bytes)
    }

    /// Takes what fits; gives how many octets that was.
    pub(crate) fn write(
        &mut self,
        now: Time,
        weather: &Weather,
        random: &mut Random,
        mut from: impl Buf,
    ) -> usize {
        let taken = self.room(weather).min(from.remaining());
        if self.silent {
            return taken;
        }
        let mut left = taken;
        while left > 0 {
            let piece = if random.chance(weather.split_percent) {
                1 + random.index(left.min(40))
            } else {
                left
            };
            let arrives = self.arrival(now, weather, random);
            self.flying.push_back((arrives, from.copy_to_bytes(piece)));
            left -= piece;
        }
        self.flying_bytes += taken;
        taken
    }

    pub(crate) fn end(&mut self, now: Time, weather: &Weather, random: &mut Random) {
        if self.ended.is_none() && !self.silent {
            self.ended = Some(self.arrival(now, weather, random));
        }
    }

    /// Moves what has arrived into `into`; gives whether that was anything.
    pub(crate) fn read(&mut self, now: Time, into: &mut BytesMut) -> bool {
        let before = into.len();
        while self.flying.front().is_some_and(|(arrives, _)| *arrives <= now) {
            let (_, piece) = self.flying.pop_front().expect("there is a front");
            self.flying_bytes -= piece.len();
            into.extend_from_slice(&piece);
        }
        into.len() > before
    }

    /// Whether the writer's end has arrived.
    pub(crate) fn is_at_end(&self, now: Time) -> bool {
        self.flying.is_empty() && self.ended.is_some_and(|ended| ended <= now)
    }

    /// Whether nothing arrives any more.
    pub(crate) fn is_over(&self, now: Time) -> bool {
        self.silent || self.is_at_end(now)
    }

    /// When the next octets or the end arrive, unless nobody reads.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        if self.stopped {
            return None;
        }
        self.flying.front().map(|(arrives, _)| *arrives).or(self.ended)
    }

    /// From now on nothing arrives, and neither end is told.
    pub(crate) fn silence(&mut self) {
        self.flying.clear();
        self.flying_bytes = 0;
        self.silent = true;
    }

    /// What was under way is lost.
    pub(crate) fn cut(&mut self, now: Time) {
        self.flying.clear();
        self.flying_bytes = 0;
        self.ended = Some(now);
    }

    fn arrival(&self, now: Time, weather: &Weather, random: &mut Random) -> Time {
        let spread = weather.delay_max.saturating_sub(weather.delay_min);
        let delay = weather.delay_min + Duration::from_micros(random.below(micros(spread) + 1));
        let last = self.flying.back().map_or(Time::ZERO, |(arrives, _)| *arrives);
        (now + delay).max(last)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_pieces_everything_arrives_in_order() {
        let mut random = Random::new(3);
        let weather = Weather { split_percent: 100, window_bytes: 100, ..Weather::FAIR };
        let mut pipe = Pipe::default();
        let sent: Vec<u8> = (0..=255).collect();
        let (mut written, mut now, mut received) = (0, Time::ZERO, BytesMut::new());
        while received.len() < sent.len() {
            written += pipe.write(now, &weather, &mut random, &sent[written..]);
            assert!(pipe.flying_bytes <= 100);
            now = pipe.poll_timeout().unwrap();
            pipe.read(now, &mut received);
        }
        assert_eq!(received, sent[..]);
        pipe.end(now, &weather, &mut random);
        assert!(!pipe.is_at_end(now));
        assert!(pipe.is_at_end(pipe.poll_timeout().unwrap()));
    }

    #[test]
    fn a_silent_stream_takes_everything_and_brings_nothing() {
        let mut random = Random::new(3);
        let mut pipe = Pipe::default();
        pipe.silence();
        assert_eq!(pipe.write(Time::ZERO, &Weather::FAIR, &mut random, &b"gone"[..]), 4);
        pipe.end(Time::ZERO, &Weather::FAIR, &mut random);
        assert_eq!(pipe.poll_timeout(), None);
        assert!(!pipe.is_at_end(Time::MAX));
    }

    #[test]
    fn a_cut_loses_what_was_under_way() {
        let mut random = Random::new(3);
        let mut pipe = Pipe::default();
        pipe.write(Time::ZERO, &Weather::FAIR, &mut random, &b"gone"[..]);
        pipe.cut(Time::ZERO);
        assert!(pipe.is_at_end(Time::ZERO));
        assert!(!pipe.read(Time::MAX, &mut BytesMut::new()));
    }
}
