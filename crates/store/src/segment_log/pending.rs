//! What waits to be written: batches as they gather, and large records that go in fragments, with what waits for those.

use crate::config::Config;
use crate::format::{ENTRY_HEADER_BYTES, FRAGMENT_HEADER_BYTES};
use crate::log::{Append, Appended, Backlog, RecordId};
use bytes::Bytes;
use core::ops::Range;
use std::collections::VecDeque;

/// One batch in the making. The parts of all records lie together, so that a record costs no allocation.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<PendingRecord>,
    pub(super) pieces: Vec<PendingPiece>,
    /// Runs of ids: the first, and how many.
    pub(super) releases: Vec<(u64, u32)>,
    /// Digests, and short bodies after theirs.
    pub(super) copied: Vec<u8>,
    pub(super) references: Vec<RecordId>,
    pub(super) parts: Vec<Bytes>,
    /// About what it will take on disk.
    pub(super) bytes: u64,
    /// Whether somebody waits for it.
    pub(super) sync: bool,
    /// When it is written, everything appended whole up to here is.
    pub(super) upto: RecordId,
    /// The last record submitted when it was begun, the one it was begun with included. `None`: nothing is in it.
    since: Option<RecordId>,
}

/// A whole record in a [`Batch`].
#[derive(Debug)]
pub(super) struct PendingRecord {
    pub(super) id: RecordId,
    pub(super) digest: Range<usize>,
    /// A short body, right after the digest; a long one is in `parts`.
    pub(super) body: Range<usize>,
    pub(super) references: Range<usize>,
    pub(super) parts: Range<usize>,
    pub(super) body_bytes: u32,
    /// Released before it was written: it is not written at all.
    pub(super) released: bool,
}

impl PendingRecord {
    fn bytes(&self) -> u64 {
        let facts = ENTRY_HEADER_BYTES + self.references.len() * 8 + self.digest.len();
        facts as u64 + u64::from(self.body_bytes)
    }
}

/// A fragment of a record, on its way.
#[derive(Debug)]
pub(super) struct PendingPiece {
    pub(super) id: RecordId,
    pub(super) offset: u64,
    pub(super) total: u64,
    pub(super) parts: Vec<Bytes>,
    pub(super) body_bytes: u32,
    /// The digest and the references, with the last piece.
    pub(super) facts: Option<(Vec<u8>, Vec<RecordId>)>,
}

impl PendingPiece {
    fn bytes(&self) -> u64 {
        let facts = self.facts.as_ref().map_or(0, |(digest, about)| digest.len() + about.len() * 8);
        u64::from(self.body_bytes) + (PIECE_HEADER_BYTES + facts) as u64
    }
}

/// What stands before the octets of a fragment.
const PIECE_HEADER_BYTES: usize = ENTRY_HEADER_BYTES + FRAGMENT_HEADER_BYTES;

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.releases.is_empty()
            && self.pieces.is_empty()
            && self.records.iter().all(|record| record.released)
    }

    fn append(&mut self, record: &Append<'_>, body_bytes: u32, config: &Config) {
        let start = self.copied.len();
        self.copied.extend_from_slice(record.digest);
        let digest = start..self.copied.len();
        let first_part = self.parts.len();
        if body_bytes as usize <= config.copy_bytes {
            for part in record.body {
                self.copied.extend_from_slice(part);
            }
        } else {
            self.parts.extend(record.body.iter().filter(|part| !part.is_empty()).cloned());
        }
        let references = self.references.len();
        self.references.extend_from_slice(record.refers_to);
        let pending = PendingRecord {
            id: record.id,
            body: digest.end..self.copied.len(),
            digest,
            references: references..self.references.len(),
            parts: first_part..self.parts.len(),
            body_bytes,
            released: false,
        };
        self.bytes += pending.bytes();
        self.records.push(pending);
        self.sync |= record.sync;
        self.upto = record.id;
        self.since.get_or_insert(record.id);
    }

    /// Takes a record out that is still here, together with its release.
    fn unwrite(&mut self, id: RecordId) -> bool {
        let Ok(at) = self.records.binary_search_by_key(&id, |record| record.id) else {
            return false;
        };
        let record = &mut self.records[at];
        if !core::mem::replace(&mut record.released, true) {
            self.bytes -= record.bytes();
            for part in &mut self.parts[record.parts.clone()] {
                *part = Bytes::new();
            }
        }
        true
    }

    /// Notes a release, when `last` was the last record submitted.
    fn release(&mut self, id: RecordId, last: RecordId) {
        self.since.get_or_insert(last);
        match self.releases.last_mut() {
            Some((first, count)) if *count < u32::MAX && *first + u64::from(*count) == id.0 => {
                *count += 1;
            }
            _ => {
                self.releases.push((id.0, 1));
                self.bytes += 12;
            }
        }
    }
}

/// A large record, of which some fragments may have gone already, or one that waits for such.
#[derive(Debug)]
struct Large {
    id: RecordId,
    body: VecDeque<Bytes>,
    digest: Vec<u8>,
    references: Vec<RecordId>,
    offset: u64,
    total: u64,
    sync: bool,
    /// Somebody waits to hear that it is on disk, and what was before it as well.
    is_mark: bool,
    /// What was released since it was appended, perhaps because of it: these leave behind its last fragment, and before
    /// the first of the next.
    releases: Vec<RecordId>,
}

impl Large {
    /// What is left of it takes this many bytes, about, if that is one piece.
    fn bytes_left(&self) -> u64 {
        let facts = PIECE_HEADER_BYTES + self.digest.len() + self.references.len() * 8;
        self.total - self.offset + facts as u64
    }

    fn next_piece(&mut self, limit: u32) -> PendingPiece {
        let mut left = limit as usize;
        let mut parts = Vec::new();
        while left > 0
            && let Some(part) = self.body.front_mut()
        {
            let taken = part.split_to(left.min(part.len()));
            left -= taken.len();
            if part.is_empty() {
                self.body.pop_front();
            }
            parts.push(taken);
        }
        let body_bytes = limit - left as u32;
        let offset = self.offset;
        self.offset += u64::from(body_bytes);
        let facts = (self.offset == self.total)
            .then(|| (core::mem::take(&mut self.digest), core::mem::take(&mut self.references)));
        PendingPiece { id: self.id, offset, total: self.total, parts, body_bytes, facts }
    }
}

/// Everything that waits.
#[derive(Debug)]
pub(super) struct Pending {
    /// Never empty: the last one is still gathering.
    batches: VecDeque<Batch>,
    large: VecDeque<Large>,
    large_bytes: u64,
    /// Releases that leave before the first of `large`.
    due: Vec<RecordId>,
    /// The last record submitted.
    last: RecordId,
    group: bool,
    /// An emptied batch, for its buffers.
    spare: Option<Batch>,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self {
            batches: VecDeque::from([Batch::default()]),
            large: VecDeque::new(),
            large_bytes: 0,
            due: Vec::new(),
            last: RecordId(0),
            group: false,
            spare: None,
        }
    }

    /// Takes a record whose limits have been checked. `waits` says that it must not overtake what is in fragments.
    pub(super) fn append(
        &mut self,
        record: &Append<'_>,
        bytes: u64,
        waits: bool,
        config: &Config,
    ) -> Appended {
        self.last = record.id;
        if (waits || bytes > u64::from(config.fragment_bytes)) && !self.group {
            self.large.push_back(Large {
                id: record.id,
                body: record.body.iter().filter(|part| !part.is_empty()).cloned().collect(),
                digest: record.digest.to_vec(),
                references: record.refers_to.to_vec(),
                offset: 0,
                total: bytes,
                sync: record.sync,
                is_mark: waits && record.sync,
                releases: Vec::new(),
            });
            self.large_bytes += bytes;
            return Appended::InFragments;
        }
        let size = bytes + (ENTRY_HEADER_BYTES + record.digest.len()) as u64;
        self.gathering(size, config).append(record, bytes as u32, config);
        Appended::Whole
    }

    /// Releases a record; whether it was a large one that need not be written any more.
    pub(super) fn release(&mut self, id: RecordId, config: &Config) -> bool {
        let dropped = self.large.back().is_some_and(|large| large.id == id && !large.is_mark);
        if dropped && let Some(large) = self.large.pop_back() {
            self.large_bytes -= large.total - large.offset;
            // There is nothing left of it to wait for but what came before.
            let batch = self.gathering(12, config);
            batch.upto = batch.upto.max(id);
            batch.sync |= large.sync;
            batch.since.get_or_insert(id);
            self.release_due();
            large.releases.into_iter().for_each(|id| self.release_in_order(id, config));
        }
        self.release_in_order(id, config);
        dropped
    }

    fn release_in_order(&mut self, id: RecordId, config: &Config) {
        if let Some(large) = self.large.back_mut() {
            // What took its place may be in there: it must not go before that is whole.
            return large.releases.push(id);
        }
        let last = self.last;
        let batch = self.gathering(12, config);
        if !batch.unwrite(id) {
            batch.release(id, last);
        }
    }

    /// What leaves before the next large record goes behind everything else when there is none.
    fn release_due(&mut self) {
        if self.large.is_empty() {
            let last = self.batches.back_mut().expect("there is always one gathering");
            self.due.drain(..).for_each(|id| last.release(id, self.last));
        }
    }

    /// The batch that the next `bytes` go to.
    fn gathering(&mut self, bytes: u64, config: &Config) -> &mut Batch {
        let last = self.batches.back().expect("there is always one gathering");
        let full = last.bytes + bytes > u64::from(config.batch_bytes) && last.bytes > 0;
        if full && !self.group {
            self.batches.push_back(self.spare.take().unwrap_or_default());
        }
        self.batches.back_mut().expect("there is always one gathering")
    }

    /// How long a body may be: in a group it is one entry of a batch that is one write.
    pub(super) const fn body_limit(&self, in_group: u64) -> u64 {
        if self.group { in_group } else { u64::MAX }
    }

    pub(super) const fn is_group(&self) -> bool {
        self.group
    }

    pub(super) const fn set_group(&mut self, group: bool) {
        self.group = group;
    }

    /// Whether a batch could be taken now: a group in the making holds its batch back.
    pub(super) fn is_ready(&self) -> bool {
        if self.group && self.batches.len() == 1 {
            return false;
        }
        !self.large.is_empty()
            || self.batches.iter().any(|batch| batch.upto.0 > 0 || !batch.is_empty())
    }

    /// Takes the next batch, with a fragment if one waits, and with more if they are the last ones of short records.
    pub(super) fn take(&mut self, config: &Config) -> Batch {
        let mut batch = self.batches.pop_front().expect("there is always one gathering");
        if self.batches.is_empty() {
            self.batches.push_back(self.spare.take().unwrap_or_default());
        }
        // Not before what was submitted earlier: everything up to an id is durable when its last batch is.
        let next = self.batches.iter().find_map(|batch| batch.since);
        let mut room = u64::from(config.fragment_bytes);
        while let Some(large) = self.large.front_mut()
            && next.is_none_or(|next| next >= large.id)
            && (batch.pieces.is_empty() || large.bytes_left() <= room)
        {
            self.due.drain(..).for_each(|id| batch.release(id, large.id));
            let piece = large.next_piece(config.fragment_bytes);
            batch.bytes += piece.bytes();
            room = room.saturating_sub(piece.bytes());
            self.large_bytes -= u64::from(piece.body_bytes);
            let is_last = piece.facts.is_some();
            batch.pieces.push(piece);
            if !is_last {
                break;
            }
            batch.sync |= large.sync;
            batch.upto = batch.upto.max(large.id);
            self.due = core::mem::take(&mut large.releases);
            self.large.pop_front();
            // Behind everything else that was appended meanwhile, as these may be about that as well.
            self.release_due();
        }
        batch
    }

    /// Keeps the buffers of a batch that is done with.
    pub(super) fn reuse(&mut self, mut batch: Batch) {
        // One large batch should not pin its buffers for ever.
        if batch.copied.capacity() > 1 << 20 {
            return;
        }
        batch.records.clear();
        batch.pieces.clear();
        batch.releases.clear();
        batch.copied.clear();
        batch.references.clear();
        batch.parts.clear();
        self.spare = Some(Batch { bytes: 0, sync: false, upto: RecordId(0), since: None, ..batch });
    }

    /// Whether the record is among what waits.
    pub(super) fn contains(&self, id: RecordId) -> bool {
        self.large.iter().any(|large| large.id == id)
            || self.batches.iter().any(|batch| batch.contains(id))
    }

    pub(super) fn backlog(&self) -> Backlog {
        let records = self.batches.iter().map(|batch| batch.records.len()).sum::<usize>();
        let bytes = self.batches.iter().map(|batch| batch.bytes).sum::<u64>();
        Backlog { records: records + self.large.len(), bytes: bytes + self.large_bytes }
    }
}

impl Batch {
    pub(super) fn contains(&self, id: RecordId) -> bool {
        self.records
            .binary_search_by_key(&id, |record| record.id)
            .is_ok_and(|at| !self.records[at].released)
            || self.pieces.iter().any(|piece| piece.id == id)
    }
}
