//! The replay: one sealed segment after the other, from their footers.

use super::index::{Bits, FragmentPlace, Index, Line, Segment};
use super::recovery::{Found, FoundFragment, Which, read_section};
use super::released::Released;
use crate::disk::Disk;
use crate::error::LogError;
use crate::format::{damage, read_records};
use crate::log::{RecordId, Replayed};
use bytes::Bytes;
use core::ops::Range;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Reads the records of one segment.
#[derive(Debug)]
pub(super) struct ReadRecords<D: Disk> {
    pub(super) disk: D,
    pub(super) segment: Found<D::File>,
    pub(super) released: Arc<Released>,
}

/// The records of one segment.
#[derive(Debug)]
pub(super) struct Records<F> {
    found: Found<F>,
    lines: Vec<Line>,
    dead: Bits,
    live_bytes: u64,
    /// Those that were not released.
    live: Vec<LiveRecord>,
    /// The section that the digests lie in.
    section: Bytes,
}

#[derive(Debug)]
struct LiveRecord {
    id: RecordId,
    body_bytes: u32,
    digest: Range<u32>,
    references: Vec<RecordId>,
}

impl<D: Disk> ReadRecords<D> {
    pub(super) fn run(self) -> Result<Records<D::File>, LogError> {
        let Self { disk, segment, released } = self;
        let section: Bytes = read_section(&disk, &segment, Which::Records)?.into();
        let count = segment.trailer.records.count;
        let mut records = Records {
            lines: Vec::with_capacity(count as usize),
            found: segment,
            dead: Bits::default(),
            live_bytes: 0,
            live: Vec::new(),
            section,
        };
        let section = records.section.clone();
        let mut cursor = None;
        let footer = records.found.bytes - records.found.trailer.footer_bytes();
        let mut sound = true;
        let read = read_records(&section, count, |line| {
            let follows = records.lines.last().is_none_or(|last| last.id < line.id);
            sound &= follows && u64::from(line.offset) + u64::from(line.bytes) <= footer;
            let cursor = cursor.get_or_insert_with(|| released.cursor(line.id));
            if cursor.contains(line.id) {
                records.dead.set(records.lines.len());
            } else {
                records.live_bytes += u64::from(line.bytes);
                records.live.push(LiveRecord {
                    id: line.id,
                    body_bytes: line.body_bytes,
                    digest: line.digest.start as u32..line.digest.end as u32,
                    references: line.references,
                });
            }
            records.lines.push(Line { id: line.id, offset: line.offset, bytes: line.bytes });
        });
        let read = read.and(if sound { Ok(()) } else { Err("an index of records in order") });
        let name = records.found.header.name;
        read.map_err(|what| damage(name.file(), footer, what))?;
        Ok(records)
    }
}

/// A replay in progress.
#[derive(Debug)]
pub(super) struct Replay<F> {
    segments: VecDeque<Found<F>>,
    released: Arc<Released>,
    /// Complete records in fragments that have not been told of yet, by their last fragments.
    fragmented: BTreeMap<RecordId, FoundFragment>,
    /// What those refer to, in the order of their ids, as far as the index does not know it yet.
    references: VecDeque<(RecordId, Vec<RecordId>)>,
    /// The records of the segment that is being told of.
    live: VecDeque<LiveRecord>,
    section: Bytes,
    reading: bool,
}

impl<F: Clone> Replay<F> {
    /// Begins with the fragments, which the index has to know before anything is said about them.
    pub(super) fn new(
        segments: Vec<Found<F>>,
        released: Released,
        fragments: Vec<FoundFragment>,
        index: &mut Index<F>,
    ) -> Self {
        for found in &segments {
            index.add_segment(segment(found, Vec::new(), Bits::default(), 0));
        }
        let mut complete = BTreeMap::new();
        let mut sizes = BTreeMap::<RecordId, u64>::new();
        for fragment in &fragments {
            *sizes.entry(fragment.line.id).or_default() += u64::from(fragment.line.body_bytes);
        }
        for fragment in fragments {
            let line = &fragment.line;
            let place = FragmentPlace {
                segment: fragment.segment,
                offset: line.offset,
                bytes: line.bytes,
                offset_in_body: line.piece.offset,
            };
            let whole = sizes[&line.id] == line.piece.total;
            let entry = index.fragmented.entry(line.id).or_default();
            // What a crash left of a record is like a record released.
            let needed = whole && !released.contains(line.id);
            entry.released = !needed;
            entry.complete = whole;
            index.add_fragment(line.id, place, line.piece.total, None);
            if needed && line.piece.is_last(u64::from(line.body_bytes)) {
                complete.insert(line.id, fragment);
            }
        }
        let references = complete.iter().filter(|(_, last)| !last.line.references.is_empty());
        Self {
            segments: segments.into(),
            released: Arc::new(released),
            references: references.map(|(id, last)| (*id, last.line.references.clone())).collect(),
            fragmented: complete,
            live: VecDeque::new(),
            section: Bytes::new(),
            reading: false,
        }
    }

    /// The next segment to read, when the records of the last one have been told of.
    pub(super) fn next_read<D: Disk<File = F>>(&mut self, disk: &D) -> Option<ReadRecords<D>> {
        if self.reading || !self.live.is_empty() {
            return None;
        }
        let segment = self.segments.pop_front()?;
        self.reading = true;
        Some(ReadRecords { disk: disk.clone(), segment, released: self.released.clone() })
    }

    pub(super) fn handle_records(&mut self, records: Records<F>, index: &mut Index<F>) {
        let Records { found, lines, dead, live_bytes, mut live, section } = records;
        self.reading = false;
        self.section = section;
        let number = found.header.name.number;
        let before = index.remove_segment(number);
        let (bytes, fragments) =
            before.map_or((0, 0), |segment| (segment.live_bytes, segment.live_fragments));
        let mut segment = segment(&found, lines, dead, live_bytes + bytes);
        segment.live_fragments = fragments;
        index.add_segment(segment);
        // What was about records that are gone is gone too: that can be told once everything before it is known.
        for record in live.iter().filter(|record| !record.references.is_empty()) {
            self.add_references(record.id, index);
            index.add_references(record.id, &record.references);
        }
        if let Some(last) = live.last() {
            self.add_references(last.id, index);
        }
        live.retain(|record| record.references.is_empty() || index.is_live(record.id));
        self.live = live.into();
    }

    /// Notes what records in fragments before an id refer to.
    fn add_references(&mut self, before: RecordId, index: &mut Index<F>) {
        while self.references.front().is_some_and(|(id, _)| *id < before) {
            let Some((id, references)) = self.references.pop_front() else { return };
            index.add_references(id, &references);
        }
    }

    /// The next record that is still needed; `None`: more has to be read, or nothing is left.
    pub(super) fn next(&mut self, index: &mut Index<F>) -> Option<Replayed> {
        let limit = match self.live.front() {
            Some(record) => record.id,
            None if self.segments.is_empty() && !self.reading => RecordId(u64::MAX),
            None => return None,
        };
        self.add_references(limit, index);
        while let Some((id, last)) = self.fragmented.pop_first() {
            if id >= limit {
                self.fragmented.insert(id, last);
                break;
            }
            if index.is_live(id) {
                let body_bytes = last.line.piece.total;
                return Some(Replayed { id, digest: last.digest, body_bytes });
            }
        }
        let record = self.live.pop_front()?;
        let digest = record.digest.start as usize..record.digest.end as usize;
        let body_bytes = u64::from(record.body_bytes);
        Some(Replayed { id: record.id, digest: self.section.slice(digest), body_bytes })
    }

    pub(super) fn is_over(&self) -> bool {
        self.segments.is_empty()
            && !self.reading
            && self.live.is_empty()
            && self.fragmented.is_empty()
    }
}

fn segment<F: Clone>(
    found: &Found<F>,
    lines: Vec<Line>,
    dead: Bits,
    live_bytes: u64,
) -> Segment<F> {
    Segment {
        name: found.header.name,
        epoch: found.header.epoch,
        salt: found.header.salt,
        file: found.file.clone(),
        seed: found.header.seed(),
        bytes: found.bytes,
        trailer: Some(found.trailer),
        lines: Arc::new(lines),
        dead,
        live_bytes,
        live_fragments: 0,
        looked_at: None,
        damaged: false,
    }
}
