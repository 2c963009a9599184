//! Bytes on their way out: small pieces copied together, large ones chained as they are.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::{Buf, Bytes};

/// What waits to be written to the stream, as a [`Buf`]: write [`chunk`](Buf::chunk) (or, with the feature `std`,
/// all of `chunks_vectored`), then [`advance`](Buf::advance) by what was written.
///
/// Bodies up to [`Limits::copy_max_bytes`](crate::Limits::copy_max_bytes) are copied, which is cheaper than sharing
/// them; larger ones are shared and never copied. When it has been empty for a while the machine gives its memory back;
/// what is more than [`Limits::outgoing_high_bytes`](crate::Limits::outgoing_high_bytes), as soon as it is empty.
#[derive(Debug)]
pub struct Outgoing {
    /// Copied octets; those before `head` are written.
    copied: Vec<u8>,
    head: usize,
    /// Large pieces, each with its place: the index in `copied` that it goes before.
    chained: VecDeque<(usize, Bytes)>,
    chained_bytes: usize,
    /// How many octets were ever queued.
    queued: u64,
    /// The most memory, in octets, that is kept for the next time.
    keep_bytes: usize,
}

impl Outgoing {
    pub(crate) const fn new(keep_bytes: usize) -> Self {
        Self {
            copied: Vec::new(),
            head: 0,
            chained: VecDeque::new(),
            chained_bytes: 0,
            queued: 0,
            keep_bytes,
        }
    }

    /// How many octets wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.copied.len() - self.head + self.chained_bytes
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The octets that wait, piece by piece in order.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = self.head;
        let last = self.chained.back().map_or(self.head, |(at, _)| *at);
        let pairs = self.chained.iter().flat_map(move |(at, bytes)| {
            let copied = self.copied.get(from..*at).unwrap_or_default();
            from = *at;
            [copied, bytes.as_ref()]
        });
        pairs.chain(self.copied.get(last..)).filter(|piece| !piece.is_empty())
    }

    /// Memory held, in octets, waiting or not; pieces chained are not counted.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.copied.capacity() + self.chained.capacity() * size_of::<(usize, Bytes)>()
    }

    /// How many octets were ever queued, modulo 2⁶⁴.
    pub(crate) fn queued(&self) -> u64 {
        self.queued
    }

    /// Queues what `write` appends.
    pub(crate) fn copy(&mut self, expected: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.make_room(expected);
        let before = self.copied.len();
        write(&mut self.copied);
        self.queued = self.queued.wrapping_add((self.copied.len() - before) as u64);
    }

    /// Queues exactly `len` octets, which `write` puts into a place made for them: that is checked once, and not at each of
    /// the many small pieces that a frame has.
    #[inline]
    pub(crate) fn fill(&mut self, len: usize, write: impl FnOnce(&mut &mut [u8])) {
        self.make_room(len);
        let before = self.copied.len();
        self.copied.resize(before + len, 0);
        let mut place = self.copied.get_mut(before..).unwrap_or_default();
        write(&mut place);
        debug_assert!(place.is_empty(), "as long as it said");
        self.queued = self.queued.wrapping_add(len as u64);
    }

    /// Queues `bytes` without copying them.
    pub(crate) fn share(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.queued = self.queued.wrapping_add(bytes.len() as u64);
        self.chained_bytes += bytes.len();
        self.chained.push_back((self.copied.len(), bytes));
    }

    /// Gives the memory back when nothing waits.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Self { queued: self.queued, ..Self::new(self.keep_bytes) };
        }
    }

    /// Moves what waits to the front rather than growing behind a written head.
    fn make_room(&mut self, additional: usize) {
        if self.head == 0 || self.copied.capacity() - self.copied.len() >= additional {
            return;
        }
        if self.head >= self.copied.len() / 2 {
            self.copied.drain(..self.head);
            for (at, _) in &mut self.chained {
                *at -= self.head;
            }
            self.head = 0;
        }
    }

    /// The first chained piece, when it is its turn.
    fn due(&mut self) -> Option<&mut Bytes> {
        let head = self.head;
        self.chained.front_mut().filter(|(at, _)| *at == head).map(|(_, bytes)| bytes)
    }
}

impl Buf for Outgoing {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        let copied = match self.chained.front() {
            Some((at, bytes)) if *at == self.head => return bytes,
            Some((at, _)) => self.copied.get(self.head..*at),
            None => self.copied.get(self.head..),
        };
        copied.unwrap_or_default()
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, target: &mut [std::io::IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slot, piece) in target.iter_mut().zip(self.slices()) {
            *slot = std::io::IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    /// Counts `count` octets as written; never more than wait.
    fn advance(&mut self, count: usize) {
        let mut count = count.min(self.len());
        while count > 0 {
            let step = count.min(self.chunk().len());
            count -= step;
            match self.due() {
                None => self.head += step,
                Some(bytes) => {
                    bytes.advance(step);
                    if bytes.is_empty() {
                        self.chained.pop_front();
                    }
                    self.chained_bytes -= step;
                }
            }
        }
        if self.is_empty() {
            self.copied.clear();
            self.head = 0;
            if self.capacity() > self.keep_bytes {
                self.release();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(outgoing: &Outgoing) -> Vec<u8> {
        outgoing.slices().flatten().copied().collect()
    }

    #[test]
    fn pieces_come_out_in_the_order_they_went_in() {
        let mut outgoing = Outgoing::new(1 << 20);
        outgoing.copy(2, |out| out.extend(b"ab"));
        outgoing.share(Bytes::from_static(b"CD"));
        outgoing.share(Bytes::from_static(b"EF"));
        outgoing.copy(2, |out| out.extend(b"gh"));
        assert_eq!(outgoing.slices().collect::<Vec<_>>(), [&b"ab"[..], b"CD", b"EF", b"gh"]);
        outgoing.advance(3);
        assert_eq!(written(&outgoing), b"DEFgh");
        assert_eq!(outgoing.chunk(), b"D");
        outgoing.advance(4);
        assert_eq!(outgoing.chunk(), b"h");
        outgoing.advance(1);
        assert!(outgoing.is_empty());
    }

    #[test]
    fn an_empty_buffer_gives_its_memory_back_and_a_full_one_does_not() {
        let mut outgoing = Outgoing::new(1 << 20);
        outgoing.copy(1, |out| out.push(1));
        outgoing.release();
        assert_eq!(outgoing.len(), 1);
        outgoing.advance(1);
        assert!(outgoing.capacity() > 0);
        outgoing.release();
        assert_eq!(outgoing.capacity(), 0);
        assert_eq!(outgoing.queued(), 1);
    }

    #[test]
    fn what_a_slow_reader_made_grow_is_given_back_when_it_has_read() {
        let mut outgoing = Outgoing::new(1_000);
        outgoing.copy(10_000, |out| out.extend([0; 10_000]));
        outgoing.advance(9_999);
        assert!(outgoing.capacity() >= 10_000);
        outgoing.advance(1);
        assert_eq!(outgoing.capacity(), 0);
    }

    #[test]
    fn a_reader_that_always_lags_a_little_does_not_make_it_grow() {
        let mut outgoing = Outgoing::new(1 << 20);
        outgoing.copy(100, |out| out.extend([0; 100]));
        for _ in 0..10_000 {
            outgoing.copy(100, |out| out.extend([0; 100]));
            outgoing.advance(100);
        }
        assert_eq!(outgoing.len(), 100);
        assert!(outgoing.capacity() <= 1024, "{}", outgoing.capacity());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_is_a_queue_of_octets(steps in prop::collection::vec((0..3u8, 0..40usize), 0..60)) {
            let mut outgoing = Outgoing::new(1 << 20);
            let mut model: VecDeque<u8> = VecDeque::new();
            let mut next = 0u8;
            for (kind, count) in steps {
                let piece: Vec<u8> = (0..count).map(|_| { next = next.wrapping_add(1); next }).collect();
                match kind {
                    0 => { model.extend(&piece); outgoing.copy(count, |out| out.extend(&piece)); }
                    1 => { model.extend(&piece); outgoing.share(Bytes::from(piece)); }
                    _ => { model.drain(..count.min(model.len())); outgoing.advance(count); }
                }
                prop_assert_eq!(outgoing.len(), model.len());
                prop_assert_eq!(written(&outgoing), model.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(outgoing.chunk().is_empty(), model.is_empty());
            }
        }
    }
}
