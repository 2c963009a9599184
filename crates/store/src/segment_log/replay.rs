//! The replay: one sealed segment after the other, from their footers.
//!
//! Nothing else is done meanwhile, so all lanes read, each another segment; what they bring is told of in order.

use super::index::{Bits, FragmentPlace, Index, Line, Segment};
use super::recovery::{Found, FoundFragment, Which, read_section};
use super::released::Released;
use crate::disk::Disk;
use crate::error::LogError;
use crate::format::{damage, read_records};
use crate::log::{Lane, RecordId, Replayed};
use bytes::Bytes;
use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Reads the records of one segment.
#[derive(Debug)]
pub(super) struct ReadRecords<D: Disk> {
    pub(super) lane: Lane,
    /// How many segments come before it.
    pub(super) place: usize,
    pub(super) disk: D,
    pub(super) segment: Found<D::File>,
    pub(super) released: Arc<Released>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct ReadDone<F> {
    lane: Lane,
    place: usize,
    records: Result<Records<F>, LogError>,
}

/// The records of one segment.
#[derive(Debug)]
struct Records<F> {
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
    pub(super) fn run(self) -> ReadDone<D::File> {
        ReadDone { lane: self.lane, place: self.place, records: self.read() }
    }

    fn read(self) -> Result<Records<D::File>, LogError> {
        let Self { disk, segment, released, .. } = self;
        let section: Bytes = read_section(&disk, &segment, Which::Records)?.into();
        let count = segment.trailer.records.count;
        let mut records = Records {
            lines: Vec::with_capacity(count as usize),
            found: segment,
            dead: Bits::default(),
            live_bytes: 0,
            live: Vec::with_capacity(count as usize),
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
    /// How many segments were given out to be read, and how many of these have had their turn.
    given: usize,
    taken: usize,
    /// The lanes that read.
    reading: BTreeSet<Lane>,
    /// What came before its turn.
    early: BTreeMap<usize, Records<F>>,
    released: Arc<Released>,
    /// Complete records in fragments that have not been told of yet, by their last fragments.
    fragmented: BTreeMap<RecordId, FoundFragment>,
    /// What those refer to, in the order of their ids, as far as the index does not know it yet.
    references: VecDeque<(RecordId, Vec<RecordId>)>,
    /// The records of the segment that is being told of.
    live: VecDeque<LiveRecord>,
    section: Bytes,
}

/// How many segments may be read and not told of yet.
const AHEAD: usize = Lane::ALL.len();

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
            given: 0,
            taken: 0,
            reading: BTreeSet::new(),
            early: BTreeMap::new(),
            live: VecDeque::new(),
            section: Bytes::new(),
        }
    }

    /// The next segment to read in this lane.
    pub(super) fn next_read<D: Disk<File = F>>(
        &mut self,
        lane: Lane,
        disk: &D,
    ) -> Option<ReadRecords<D>> {
        if self.reading.contains(&lane) || self.given - self.taken >= AHEAD {
            return None;
        }
        let segment = self.segments.pop_front()?;
        self.reading.insert(lane);
        let place = self.given;
        self.given += 1;
        let (disk, released) = (disk.clone(), self.released.clone());
        Some(ReadRecords { lane, place, disk, segment, released })
    }

    /// Whether this lane reads.
    pub(super) fn reads(&self, lane: Lane) -> bool {
        self.reading.contains(&lane)
    }

    /// A segment was read.
    pub(super) fn handle_read(&mut self, done: ReadDone<F>) -> Result<(), LogError> {
        self.reading.remove(&done.lane);
        self.early.insert(done.place, done.records?);
        Ok(())
    }

    /// Goes on to the next segment, if it has been read.
    fn advance(&mut self, index: &mut Index<F>) {
        let Some(records) = self.early.remove(&self.taken) else { return };
        self.taken += 1;
        let Records { found, lines, dead, live_bytes, mut live, section } = records;
        self.section = section;
        let number = found.header.name.number;
        let before = index.remove_segment(number);
        let (bytes, fragments) =
            before.map_or((0, 0), |segment| (segment.live_bytes, segment.live_fragments));
        let mut segment = segment(&found, lines, dead, live_bytes + bytes);
        segment.live_fragments = fragments;
        index.add_segment(segment);
        // What was about records that are gone is gone too: that can be told once everything before it is known.
        let mut about = false;
        for record in live.iter().filter(|record| !record.references.is_empty()) {
            about = true;
            self.add_references(record.id, index);
            index.add_references(record.id, &record.references);
        }
        if let Some(last) = live.last() {
            self.add_references(last.id, index);
        }
        if about {
            live.retain(|record| record.references.is_empty() || index.is_live(record.id));
        }
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
        while self.live.is_empty() && self.early.contains_key(&self.taken) {
            self.advance(index);
        }
        let limit = match self.live.front() {
            Some(record) => record.id,
            None if self.is_read() => RecordId(u64::MAX),
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

    /// Whether every segment has had its turn.
    fn is_read(&self) -> bool {
        self.segments.is_empty() && self.given == self.taken
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_read() && self.live.is_empty() && self.fragmented.is_empty()
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
