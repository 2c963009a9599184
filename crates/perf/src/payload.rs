//! Bodies: of one size, of random sizes, or from a file, each stamped with the time at which it should have left.

use core::str::FromStr;

use bytes::{Bytes, BytesMut};
use warrener_codec::Body;

use crate::error::PerfError;

/// The largest body that is made.
const SIZE_MAX_BYTES: usize = 512 * 1024 * 1024;

/// Up to this size a body is one copied piece; above, the stamp and a shared rest.
const COPY_MAX_BYTES: usize = 4 * 1024;

/// Memory for copied bodies is taken in pieces of this size.
const POOL_BYTES: usize = 256 * 1024;

const STAMP_BYTES: usize = size_of::<u64>();

/// How large a body is: `N`, or `A..B`, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The smallest, in octets.
    pub from: usize,
    /// The largest, in octets.
    pub to: usize,
}

impl FromStr for Size {
    type Err = PerfError;

    fn from_str(text: &str) -> Result<Self, PerfError> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let parsed = from.parse().ok().zip(to.parse().ok());
        parsed
            .filter(|(from, to)| from <= to && *to <= SIZE_MAX_BYTES)
            .map(|(from, to)| Self { from, to })
            .ok_or_else(|| {
                PerfError::options(format!("{text} is no size in octets, like 1024 or 16..4096"))
            })
    }
}

/// Makes the bodies of one producer.
pub(crate) struct Payload {
    size: Size,
    /// At least as long as the largest body.
    filler: Bytes,
    pool: BytesMut,
    random: u64,
}

impl Payload {
    pub(crate) fn new(size: Size, seed: u64) -> Self {
        let filler = (0..size.to).map(|at| b'a' + (at % 26) as u8).collect();
        Self { size, filler, pool: BytesMut::new(), random: seed | 1 }
    }

    /// Always this body, but for its stamp.
    pub(crate) fn fixed(filler: Bytes) -> Self {
        let size = Size { from: filler.len(), to: filler.len() };
        Self { size, filler, pool: BytesMut::new(), random: 1 }
    }

    /// The next body, stamped with `time` if it has room.
    pub(crate) fn next(&mut self, time: u64) -> Body {
        let len = self.size.from + self.draw(self.size.to - self.size.from);
        if len < STAMP_BYTES {
            return self.filler.slice(..len).into();
        }
        let copied = if len <= COPY_MAX_BYTES { len } else { STAMP_BYTES };
        if self.pool.capacity() < copied {
            self.pool.reserve(POOL_BYTES);
        }
        self.pool.extend_from_slice(&time.to_be_bytes());
        self.pool.extend_from_slice(&self.filler[STAMP_BYTES..copied]);
        let mut body = Body::from(self.pool.split().freeze());
        if copied < len {
            body.push(self.filler.slice(copied..len));
        }
        body
    }

    /// 0 to `most`. Xorshift: sizes need to differ, not to be secret.
    fn draw(&mut self, most: usize) -> usize {
        if most == 0 {
            return 0;
        }
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % (most as u64 + 1)) as usize
    }
}

/// The time a body was stamped with.
pub(crate) fn stamp(body: &Body) -> Option<u64> {
    let mut octets = body.slices().iter().flat_map(|slice| slice.iter().copied());
    if let Some(whole) = body.slices().first().and_then(|slice| slice.first_chunk()) {
        return Some(u64::from_be_bytes(*whole));
    }
    let mut stamp = [0; STAMP_BYTES];
    for octet in &mut stamp {
        *octet = octets.next()?;
    }
    Some(u64::from_be_bytes(stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_its_size_and_carries_its_time() {
        for size in [0, 7, 8, 9, 1_024, COPY_MAX_BYTES, COPY_MAX_BYTES + 1, 65_536] {
            let mut payload = Payload::new(Size { from: size, to: size }, 1);
            for time in [1, u64::MAX] {
                let body = payload.next(time);
                assert_eq!(body.len(), size);
                assert_eq!(stamp(&body), (size >= 8).then_some(time));
            }
        }
    }

    #[test]
    fn random_sizes_reach_both_ends() {
        let mut payload = Payload::new("3..5".parse().unwrap(), 7);
        let mut seen = [0; 6];
        for _ in 0..1_000 {
            seen[payload.next(0).len()] += 1;
        }
        assert_eq!(seen[..3], [0, 0, 0]);
        assert!(seen[3..].iter().all(|count| *count > 200), "{seen:?}");
    }

    #[test]
    fn a_stamp_is_read_across_pieces() {
        let mut body = Body::from(Bytes::from_static(&[0, 0, 0]));
        body.push(Bytes::from_static(&[0, 0, 0, 1, 2, 9]));
        assert_eq!(stamp(&body), Some(258));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "x", "5..4", "99999999999"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
