//! Where each record lies, and whether it is still needed.

use super::reclaim::Look;
use crate::format::{SegmentName, Trailer};
use crate::log::RecordId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A record's place in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) id: RecordId,
    pub(super) offset: u32,
    pub(super) bytes: u32,
}

/// One bit a line.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    /// Sets a bit; whether it was not set before.
    pub(super) fn set(&mut self, at: usize) -> bool {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        let word = &mut self.0[at / 64];
        let before = *word;
        *word |= 1 << (at % 64);
        before != *word
    }
}

/// A segment's file, and what is in it.
#[derive(Debug)]
pub(super) struct Segment<F> {
    pub(super) name: SegmentName,
    pub(super) file: F,
    pub(super) epoch: u64,
    pub(super) salt: u64,
    /// Made of the salt.
    pub(super) seed: u32,
    pub(super) bytes: u64,
    /// `None`: still being written.
    pub(super) trailer: Option<Trailer>,
    /// In the order of ids, which is that of places.
    pub(super) lines: Arc<Vec<Line>>,
    pub(super) dead: Bits,
    pub(super) live_bytes: u64,
    /// How many fragments of records still needed.
    pub(super) live_fragments: usize,
    /// When it was looked at for what could be given back.
    pub(super) looked_at: Option<Look>,
    /// It could not be read: it is left as it is.
    pub(super) damaged: bool,
}

/// A record in fragments.
#[derive(Clone, Debug, Default)]
pub(super) struct Fragmented {
    pub(super) pieces: Vec<FragmentPlace>,
    pub(super) body_bytes: u64,
    pub(super) complete: bool,
    pub(super) released: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FragmentPlace {
    pub(super) segment: u64,
    pub(super) offset: u32,
    pub(super) bytes: u32,
    pub(super) offset_in_body: u64,
}

impl<F> Segment<F> {
    fn is_low(&self) -> bool {
        self.trailer.is_some() && self.live_bytes * 4 < self.bytes
    }
}

#[derive(Debug)]
pub(super) struct Index<F> {
    pub(super) segments: BTreeMap<u64, Segment<F>>,
    /// The first record of each segment that has any: the ranges do not overlap.
    by_first: BTreeMap<RecordId, u64>,
    pub(super) fragmented: BTreeMap<RecordId, Fragmented>,
    /// (what is referred to, what refers to it), as long as both are needed.
    references: BTreeSet<(RecordId, RecordId)>,
    /// How many records still needed each record refers to, where it is more than one.
    several: BTreeMap<RecordId, u32>,
    /// Whether there may be something to give back that there was not before.
    pub(super) changed: bool,
}

/// Where a record lies.
pub(super) struct Place<'a, F> {
    pub(super) segment: &'a Segment<F>,
    pub(super) offset: u32,
    pub(super) bytes: u32,
}

impl<F> Index<F> {
    pub(super) const fn new() -> Self {
        Self {
            segments: BTreeMap::new(),
            by_first: BTreeMap::new(),
            fragmented: BTreeMap::new(),
            references: BTreeSet::new(),
            several: BTreeMap::new(),
            changed: true,
        }
    }

    pub(super) fn add_segment(&mut self, segment: Segment<F>) {
        if let Some(first) = segment.lines.first() {
            self.by_first.insert(first.id, segment.name.number);
        }
        self.segments.insert(segment.name.number, segment);
    }

    /// Segments are gone; `moved` says where fragments that were in them lie now, in the segment with the first number.
    pub(super) fn forget(&mut self, numbers: &[u64], moved: &[(u64, u32, Line)]) {
        for number in numbers {
            self.remove_segment(*number);
        }
        for fragmented in self.fragmented.values_mut() {
            fragmented.pieces.retain(|piece| {
                let gone = numbers.contains(&piece.segment);
                let kept = moved
                    .iter()
                    .any(|(n, offset, _)| (*n, *offset) == (piece.segment, piece.offset));
                !gone || kept
            });
        }
        for &(number, offset, line) in moved {
            let fragmented = self.fragmented.get_mut(&line.id);
            let pieces = fragmented.into_iter().flat_map(|fragmented| &mut fragmented.pieces);
            for piece in pieces.filter(|piece| (piece.segment, piece.offset) == (number, offset)) {
                (piece.segment, piece.offset) = (numbers[0], line.offset);
            }
        }
        self.fragmented
            .retain(|_, record| !record.pieces.is_empty() || !(record.complete || record.released));
    }

    /// The fragments in a segment that are needed: their bytes together, and how many.
    pub(super) fn count_fragments(&self, number: u64) -> (u64, usize) {
        let needed = self.fragmented.values().filter(|fragmented| !fragmented.released);
        let pieces = needed.flat_map(|fragmented| &fragmented.pieces);
        pieces
            .filter(|piece| piece.segment == number)
            .fold((0, 0), |(bytes, count), piece| (bytes + u64::from(piece.bytes), count + 1))
    }

    pub(super) fn remove_segment(&mut self, number: u64) -> Option<Segment<F>> {
        let segment = self.segments.remove(&number)?;
        if let Some(first) = segment.lines.first() {
            self.by_first.remove(&first.id);
        }
        Some(segment)
    }

    /// Adds a record at the end of a segment that is being written. It refers to records that may be gone already.
    pub(super) fn add_record(&mut self, number: u64, line: Line, refers_to: &[RecordId]) {
        let segment = self.segments.get_mut(&number).expect("a segment being written is known");
        if segment.lines.is_empty() {
            self.by_first.insert(line.id, number);
        }
        // Nobody else looks at the lines of a segment before it is sealed.
        Arc::make_mut(&mut segment.lines).push(line);
        segment.live_bytes += u64::from(line.bytes);
        self.add_references(line.id, refers_to);
    }

    /// Notes what a record is about; one that is about nothing that is still there is not needed.
    pub(super) fn add_references(&mut self, id: RecordId, refers_to: &[RecordId]) {
        if refers_to.is_empty() {
            return;
        }
        let mut needed = 0;
        for &about in refers_to {
            if about < id && self.is_live(about) && self.references.insert((about, id)) {
                needed += 1;
            }
        }
        match needed {
            0 => self.release(id),
            1 => {}
            _ => {
                self.several.insert(id, needed);
            }
        }
    }

    /// Fragments of a record will come: what is said about it meanwhile is not about nothing.
    pub(super) fn expect_fragments(&mut self, id: RecordId) {
        self.fragmented.entry(id).or_default();
    }

    pub(super) fn add_fragment(
        &mut self,
        id: RecordId,
        place: FragmentPlace,
        body_bytes: u64,
        last: Option<&[RecordId]>,
    ) {
        let fragmented = self.fragmented.entry(id).or_default();
        fragmented.pieces.push(place);
        fragmented.body_bytes = body_bytes;
        fragmented.complete |= last.is_some();
        if !fragmented.released
            && let Some(segment) = self.segments.get_mut(&place.segment)
        {
            segment.live_bytes += u64::from(place.bytes);
            segment.live_fragments += 1;
        }
        if let Some(references) = last {
            self.add_references(id, references);
        }
    }

    pub(super) fn line(&self, id: RecordId) -> Option<(u64, usize)> {
        let (_, &number) = self.by_first.range(..=id).next_back()?;
        let lines = &self.segments.get(&number)?.lines;
        // Ids usually follow each other without a gap: the place is usually the one they suggest.
        let guess = usize::try_from(id.0 - lines.first()?.id.0).ok()?;
        if lines.get(guess).is_some_and(|line| line.id == id) {
            return Some((number, guess));
        }
        let at = lines.binary_search_by_key(&id, |line| line.id).ok()?;
        Some((number, at))
    }

    pub(super) fn is_live(&self, id: RecordId) -> bool {
        if let Some(fragmented) = self.fragmented.get(&id) {
            return !fragmented.released;
        }
        self.line(id).is_some_and(|(number, at)| !self.segments[&number].dead.has(at))
    }

    /// Where a whole record that is needed lies.
    pub(super) fn place(&self, id: RecordId) -> Option<Place<'_, F>> {
        let (number, at) = self.line(id)?;
        let segment = &self.segments[&number];
        let Line { offset, bytes, .. } = segment.lines[at];
        (!segment.dead.has(at)).then_some(Place { segment, offset, bytes })
    }

    /// A record is no longer needed, nor is what was only about it.
    pub(super) fn release(&mut self, id: RecordId) {
        let mut released = vec![id];
        while let Some(id) = released.pop() {
            if !self.kill(id) {
                continue;
            }
            self.several.remove(&id);
            let about_it = (id, RecordId(0))..=(id, RecordId(u64::MAX));
            let about_it: Vec<_> = self.references.range(about_it).copied().collect();
            for pair in about_it {
                self.references.remove(&pair);
                let id = pair.1;
                match self.several.get_mut(&id) {
                    Some(left) if *left > 1 => *left -= 1,
                    _ => released.push(id),
                }
            }
        }
    }

    /// Marks a record as not needed; whether it was until now.
    fn kill(&mut self, id: RecordId) -> bool {
        if let Some(fragmented) = self.fragmented.get_mut(&id) {
            if core::mem::replace(&mut fragmented.released, true) {
                return false;
            }
            for place in &fragmented.pieces {
                if let Some(segment) = self.segments.get_mut(&place.segment) {
                    segment.live_bytes -= u64::from(place.bytes);
                    segment.live_fragments -= 1;
                    self.changed |= segment.is_low();
                }
            }
            return true;
        }
        let Some((number, at)) = self.line(id) else { return false };
        let segment = self.segments.get_mut(&number).expect("a line's segment is known");
        let was_live = segment.dead.set(at);
        if was_live {
            segment.live_bytes -= u64::from(segment.lines[at].bytes);
            self.changed |= segment.is_low();
        }
        was_live
    }
}
