//! The end of the log, where a crash may have torn the last write, and only that.

use super::commit::failed;
use crate::disk::Disk;
use crate::error::LogError;
use crate::format::{
    BATCH_HEADER_BYTES, BATCH_MAGIC, BatchHeader, Entry, FooterBuilder, Kind, SEGMENT_HEADER_BYTES,
    SegmentHeader, damage, read_entry,
};
use std::collections::VecDeque;

/// What is whole in an unsealed segment.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) footer: FooterBuilder,
    pub(super) suspect: Suspect,
    /// How much of a batch follows that is not whole.
    pub(super) torn_bytes: Option<u64>,
}

/// Whole batches of which nothing says that they were synced: whoever wrote them may have been told that it failed.
#[derive(Debug)]
pub(super) struct Suspect {
    /// Where the first of them begins.
    pub(super) start: u64,
    /// Where the last whole batch ends.
    pub(super) end: u64,
    /// How long the file is.
    pub(super) file_bytes: u64,
}

/// Reads the batches of an unsealed segment up to the first that is not whole. That one may be torn only if nothing says
/// that it was synced; otherwise the log is damaged.
pub(super) fn scan<D: Disk>(
    disk: &D,
    file: &D::File,
    file_bytes: u64,
    header: &SegmentHeader,
    last_n: u64,
) -> Result<Tail, LogError> {
    let seed = header.seed();
    let scanner = Scanner { disk, file, file_bytes, seed };
    let mut footer = FooterBuilder::default();
    let mut end = SEGMENT_HEADER_BYTES as u64;
    let mut n = last_n;
    // Batches that no later one vouches for: their numbers and where they begin.
    let mut suspects = VecDeque::new();
    while let Some(batch) = scanner.header(end)? {
        if batch.epoch != header.epoch || Some(batch.n) != n.checked_add(1) {
            let what = "the batch after the one before";
            return Err(damage(header.name.file(), end, what));
        }
        let Some(bytes) = scanner.entries(end, &batch)? else { break };
        if !note(&mut footer, seed, end, &batch, &bytes) {
            break;
        }
        n = batch.n;
        while suspects.front().is_some_and(|(n, _)| *n <= batch.synced) {
            suspects.pop_front();
        }
        suspects.push_back((n, end));
        end += BATCH_HEADER_BYTES as u64 + bytes.len() as u64;
    }
    if let Some(witness) = scanner.witness(end, n.saturating_add(1))? {
        let what = "a whole batch: a later one says that it was synced";
        return Err(damage(header.name.file(), end.min(witness), what));
    }
    let start = suspects.front().map_or(end, |(_, start)| *start);
    let torn_bytes = scanner.torn_bytes(end, header)?;
    Ok(Tail { footer, suspect: Suspect { start, end, file_bytes }, torn_bytes })
}

/// A batch that was whole a moment ago, with its header.
pub(super) fn reread<D: Disk>(
    disk: &D,
    file: &D::File,
    header: &SegmentHeader,
    offset: u64,
) -> Result<Vec<u8>, LogError> {
    let scanner = Scanner { disk, file, file_bytes: u64::MAX, seed: header.seed() };
    let length = scanner.header(offset)?.map_or(0, |batch| u64::from(batch.bytes));
    let bytes = scanner.read(offset, BATCH_HEADER_BYTES as u64 + length)?.unwrap_or_default();
    let whole = BatchHeader::decode(header.seed(), &bytes).filter(|batch| {
        let found = entries(header.seed(), batch, &bytes[BATCH_HEADER_BYTES..]);
        u64::from(batch.bytes) == length && found.is_some()
    });
    match whole {
        Some(_) => Ok(bytes),
        None => Err(damage(header.name.file(), offset, "a batch as it was a moment ago")),
    }
}

struct Scanner<'a, D: Disk> {
    disk: &'a D,
    file: &'a D::File,
    file_bytes: u64,
    seed: u32,
}

impl<D: Disk> Scanner<'_, D> {
    fn read(&self, offset: u64, bytes: u64) -> Result<Option<Vec<u8>>, LogError> {
        if offset + bytes > self.file_bytes {
            return Ok(None);
        }
        let mut buffer = vec![0; bytes as usize];
        let read = self.disk.read_at(self.file, offset, &mut buffer);
        read.map_err(|error| failed("reading a segment", &error))?;
        Ok(Some(buffer))
    }

    fn header(&self, offset: u64) -> Result<Option<BatchHeader>, LogError> {
        let bytes = self.read(offset, BATCH_HEADER_BYTES as u64)?;
        Ok(bytes.and_then(|bytes| BatchHeader::decode(self.seed, &bytes)))
    }

    fn entries(&self, offset: u64, batch: &BatchHeader) -> Result<Option<Vec<u8>>, LogError> {
        self.read(offset + BATCH_HEADER_BYTES as u64, u64::from(batch.bytes))
    }

    /// How much of what follows the last whole batch is of another one. Where the file was an older segment's before,
    /// what lies there is that one's, unless a header says otherwise.
    fn torn_bytes(&self, end: u64, header: &SegmentHeader) -> Result<Option<u64>, LogError> {
        let rest = self.file_bytes - end;
        let torn = if end >= u64::from(header.taken_bytes) {
            rest
        } else {
            let batch = self.header(end)?;
            batch.map_or(0, |batch| rest.min(BATCH_HEADER_BYTES as u64 + u64::from(batch.bytes)))
        };
        Ok(Some(torn).filter(|torn| *torn > 0))
    }

    /// Where, from `offset` on, a batch stands that was written when batch `n` had been synced.
    fn witness(&self, offset: u64, n: u64) -> Result<Option<u64>, LogError> {
        const WINDOW_BYTES: u64 = 1 << 20;
        let mut start = offset;
        while start + (BATCH_HEADER_BYTES as u64) <= self.file_bytes {
            let bytes = (self.file_bytes - start).min(WINDOW_BYTES);
            let Some(window) = self.read(start, bytes)? else { break };
            let found = window.windows(BATCH_HEADER_BYTES).position(|bytes| {
                bytes[..4] == BATCH_MAGIC
                    && BatchHeader::decode(self.seed, bytes).is_some_and(|batch| batch.synced >= n)
            });
            if let Some(at) = found {
                return Ok(Some(start + at as u64));
            }
            // The next window begins where the last header that fits into this one would.
            start += bytes - BATCH_HEADER_BYTES as u64 + 1;
        }
        Ok(None)
    }
}

/// Notes a batch's entries; whether all of them are whole.
fn note(footer: &mut FooterBuilder, seed: u32, at: u64, batch: &BatchHeader, bytes: &[u8]) -> bool {
    let Some(entries) = entries(seed, batch, bytes) else { return false };
    let records = entries.iter().filter(|entry| entry.kind == Kind::Record).map(|entry| entry.id);
    if !core::iter::once(footer.last_record()).chain(records).is_sorted_by(|a, b| a < b) {
        return false;
    }
    footer.batch(batch.n);
    let mut offset = at as u32 + BATCH_HEADER_BYTES as u32;
    for entry in entries {
        note_entry(footer, offset, &entry);
        offset += entry.bytes as u32;
    }
    true
}

/// Notes an entry, where it begins.
pub(super) fn note_entry(footer: &mut FooterBuilder, offset: u32, entry: &Entry<'_>) {
    let place = (offset, entry.bytes as u32);
    match (entry.kind, entry.piece) {
        (Kind::Fragment, Some(piece)) => {
            let references: Vec<_> = entry.references().collect();
            footer.fragment(entry.id, place, piece, references.into_iter(), entry.digest);
        }
        (Kind::Releases, _) => {
            entry.releases().for_each(|(first, count)| footer.release(first, count));
        }
        (Kind::Record | Kind::Fragment, _) => {
            let references: Vec<_> = entry.references().collect();
            footer.record(entry.id, place, references.into_iter(), entry.digest);
        }
    }
}

/// The entries of a batch, if all are there with their checksums.
pub(super) fn entries<'a>(
    seed: u32,
    batch: &BatchHeader,
    mut bytes: &'a [u8],
) -> Option<Vec<Entry<'a>>> {
    let mut entries = Vec::new();
    let mut check = 0;
    while !bytes.is_empty() {
        let entry = read_entry(seed, bytes).ok()?;
        check = crc32c::crc32c_append(check, &entry.check.to_le_bytes());
        bytes = &bytes[entry.bytes..];
        entries.push(entry);
    }
    (entries.len() == batch.entries as usize && check == batch.check).then_some(entries)
}
