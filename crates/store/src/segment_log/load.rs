//! Loads: bodies from disk, neighbours in one read.

use super::SegmentLog;
use super::index::Segment;
use crate::disk::Disk;
use crate::error::{Damage, LoadError};
use crate::format::{Kind, SegmentName, read_entry};
use crate::log::{Loaded, Log, LogEvent, RecordId};
use bytes::Bytes;

/// A gap up to this is read over rather than left out.
const GAP_BYTES: u64 = 4 << 10;
/// The longest read for several entries.
const READ_BYTES: u64 = 1 << 20;

/// Records to load, and where they lie.
#[derive(Debug)]
pub(super) struct Load<D: Disk> {
    pub(super) disk: D,
    pub(super) records: Vec<Wanted>,
    pub(super) entries: Vec<EntryPlace<D::File>>,
}

#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) id: RecordId,
    /// The length of the whole body.
    pub(super) body_bytes: u64,
}

/// Where an entry lies.
#[derive(Clone, Debug)]
pub(super) struct EntryPlace<F> {
    /// Which of the records wanted it belongs to.
    pub(super) record: usize,
    pub(super) name: SegmentName,
    pub(super) file: F,
    pub(super) seed: u32,
    pub(super) offset: u32,
    pub(super) bytes: u32,
}

/// What came of a load.
pub(super) type LoadedRecords = Vec<(RecordId, Result<Loaded, LoadError>)>;

impl<D: Disk> Load<D> {
    pub(super) fn run(mut self) -> LoadedRecords {
        self.entries.sort_by_key(|entry| (entry.name, entry.offset));
        let mut assembled: Vec<_> = self.records.iter().map(|_| Ok(Assembled::default())).collect();
        let mut rest = &self.entries[..];
        let mut buffer = Vec::new();
        while let Some((run, start)) = take_run(&mut rest) {
            let end = run.iter().map(|entry| u64::from(entry.offset + entry.bytes)).max();
            buffer.resize((end.unwrap_or(start) - start) as usize, 0);
            let read = self.disk.read_at(&run[0].file, start, &mut buffer);
            for entry in run {
                let at = (u64::from(entry.offset) - start) as usize;
                let bytes = buffer.get(at..at + entry.bytes as usize).unwrap_or_default();
                let wanted = &self.records[entry.record];
                let assembled = &mut assembled[entry.record];
                let taken = match (&read, &mut *assembled) {
                    (Err(error), _) => Err(LoadError::Io(error.kind())),
                    (Ok(()), Ok(assembled)) => assembled.take(wanted, entry, bytes),
                    (Ok(()), Err(_)) => Ok(()),
                };
                if let Err(error) = taken {
                    *assembled = Err(error);
                }
            }
        }
        let records = self.records.iter().zip(assembled);
        records.map(|(wanted, found)| (wanted.id, found.map(Assembled::finish))).collect()
    }
}

/// The entries that one read brings, and where it begins.
fn take_run<'a, F>(rest: &mut &'a [EntryPlace<F>]) -> Option<(&'a [EntryPlace<F>], u64)> {
    let first = rest.first()?;
    let start = u64::from(first.offset);
    let mut end = start + u64::from(first.bytes);
    let near = rest[1..].iter().take_while(|entry| {
        let entry_end = u64::from(entry.offset) + u64::from(entry.bytes);
        let near = entry.name == first.name
            && u64::from(entry.offset) <= end + GAP_BYTES
            && entry_end - start <= READ_BYTES;
        end = end.max(if near { entry_end } else { 0 });
        near
    });
    let count = near.count() + 1;
    let (run, others) = rest.split_at(count);
    *rest = others;
    Some((run, start))
}

/// A record, as far as its entries have been read.
#[derive(Debug, Default)]
struct Assembled {
    digest: Bytes,
    whole: Bytes,
    pieces: Vec<u8>,
}

impl Assembled {
    fn take<F>(
        &mut self,
        wanted: &Wanted,
        place: &EntryPlace<F>,
        bytes: &[u8],
    ) -> Result<(), LoadError> {
        let damaged = |what| {
            let (file, offset) = (place.name.file(), u64::from(place.offset));
            LoadError::Corrupt(Damage { file, offset, what })
        };
        let entry = read_entry(place.seed, bytes).map_err(damaged)?;
        if entry.id != wanted.id || entry.kind == Kind::Releases {
            return Err(damaged("the record that the index says"));
        }
        if !entry.digest.is_empty() {
            self.digest = Bytes::copy_from_slice(entry.digest);
        }
        let Some(piece) = entry.piece else {
            self.whole = Bytes::copy_from_slice(entry.body);
            return Ok(());
        };
        self.pieces.resize(wanted.body_bytes as usize, 0);
        let start = piece.offset as usize;
        let room = self.pieces.get_mut(start..start + entry.body.len());
        room.ok_or_else(|| damaged("a fragment of the record"))?.copy_from_slice(entry.body);
        Ok(())
    }

    fn finish(self) -> Loaded {
        let body = if self.pieces.is_empty() { self.whole } else { self.pieces.into() };
        Loaded { digest: self.digest, body }
    }
}

impl<D: Disk> SegmentLog<D> {
    /// Whether the record has been appended and is not written yet.
    pub(super) fn is_early(&self, id: RecordId) -> bool {
        self.incomplete.contains(&id)
            || (id > self.written && (id <= self.in_flight_upto || self.pending.contains(id)))
            || self.retry.as_ref().is_some_and(|batch| batch.contains(id))
    }

    pub(super) fn retry_early_loads(&mut self) {
        for id in core::mem::take(&mut self.early_loads) {
            self.load(id);
        }
    }

    pub(super) fn poll_load(&mut self) -> Option<Load<D>> {
        let mut load = Load { disk: self.disk.clone(), records: Vec::new(), entries: Vec::new() };
        let mut bytes = 0;
        while load.records.len() < self.config.loads && bytes < self.config.load_bytes {
            let Some(id) = self.loads.pop_front() else { break };
            let before = load.entries.len();
            self.find(id, load.records.len(), &mut load.entries);
            if before == load.entries.len() {
                self.missing(id);
                continue;
            }
            bytes += load.entries[before..].iter().map(|entry| u64::from(entry.bytes)).sum::<u64>();
            let body_bytes = self.index.fragmented.get(&id).map_or(0, |record| record.body_bytes);
            load.records.push(Wanted { id, body_bytes });
        }
        (!load.records.is_empty()).then_some(load)
    }

    /// Where the entries of a record lie.
    pub(super) fn find(&self, id: RecordId, record: usize, entries: &mut Vec<EntryPlace<D::File>>) {
        let entry = |segment: &Segment<D::File>, offset, bytes| EntryPlace {
            record,
            name: segment.name,
            file: segment.file.clone(),
            seed: segment.seed,
            offset,
            bytes,
        };
        if let Some(fragmented) = self.index.fragmented.get(&id) {
            if fragmented.complete && !fragmented.released {
                entries.extend(fragmented.pieces.iter().map(|piece| {
                    entry(&self.index.segments[&piece.segment], piece.offset, piece.bytes)
                }));
            }
        } else if let Some(place) = self.index.place(id) {
            entries.push(entry(place.segment, place.offset, place.bytes));
        }
    }

    pub(super) fn missing(&mut self, id: RecordId) {
        self.events.push_back(LogEvent::Loaded { id, outcome: Err(LoadError::Missing) });
    }

    pub(super) fn handle_loaded(&mut self, loaded: LoadedRecords) {
        self.spares.loaded();
        let events = loaded.into_iter().map(|(id, outcome)| LogEvent::Loaded { id, outcome });
        self.events.extend(events);
    }
}
