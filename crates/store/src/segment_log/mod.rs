//! The log on a disk: segments that are appended to, sealed, and given back.

mod commit;
mod index;
mod load;
mod pending;
mod recovery;
mod released;
mod replay;
mod tail;
mod work;

use crate::config::{Config, DIGEST_BYTES_MAX, GROUP_BYTES_MAX, REFERENCES_MAX};
use crate::disk::Disk;
use crate::error::{LoadError, LogError, Refused};
use crate::log::{Append, Appended, Backlog, Epoch, Lane, Log, LogEvent, Opened, RecordId, Space};
use commit::{Commit, Committed, Committer, Failure};
use index::{FragmentPlace, Index, Line, Segment};
use load::{EntryPlace, Load, LoadedRecords, Wanted};
use pending::{Batch, Pending};
use recovery::Recovered;
use replay::Replay;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use work::{Done, Job};
pub use work::{SegmentDone, SegmentWork};

/// A durable log in a directory of segment files: see [`Log`] for how it is driven, and `docs/file-format.md` for the
/// files.
#[derive(Debug)]
pub struct SegmentLog<D: Disk> {
    disk: D,
    config: Config,
    state: State<D>,
    /// Held for as long as the log is.
    lock: Option<D::Lock>,
    last: RecordId,
    pending: Pending,
    /// At home, or out with a commit.
    committer: Option<Committer<D>>,
    in_flight: Backlog,
    in_flight_upto: RecordId,
    /// A batch that did not fit, to be tried again before any other.
    retry: Option<Batch>,
    sync_asked: bool,
    unsynced_bytes: u64,
    /// What takes effect when it is synced: runs of ids.
    unsynced_releases: Vec<(u64, u32)>,
    written: RecordId,
    durable: RecordId,
    told: (RecordId, RecordId),
    told_written: (RecordId, RecordId),
    /// Records in fragments, not all of them on disk yet.
    incomplete: BTreeSet<RecordId>,
    index: Index<D::File>,
    loads: VecDeque<RecordId>,
    /// Loads of records that are not written yet.
    early_loads: BTreeSet<RecordId>,
    reading: bool,
    full: bool,
    free_bytes: Option<u64>,
    reserve: bool,
    space_asked: bool,
    events: VecDeque<LogEvent>,
}

#[derive(Debug)]
enum State<D: Disk> {
    New,
    Opening,
    Replaying(Replay<D::File>),
    Ready,
    Closing,
    Stopped,
}

impl<D: Disk> SegmentLog<D> {
    /// The log in the directory that `disk` is. Nothing is read or written before [`Log::open`].
    #[must_use]
    pub fn new(disk: D, config: Config) -> Self {
        Self {
            disk,
            config,
            state: State::New,
            lock: None,
            last: RecordId(0),
            pending: Pending::new(),
            committer: None,
            in_flight: Backlog::default(),
            in_flight_upto: RecordId(0),
            retry: None,
            sync_asked: false,
            unsynced_bytes: 0,
            unsynced_releases: Vec::new(),
            written: RecordId(0),
            durable: RecordId(0),
            told: (RecordId(0), RecordId(0)),
            told_written: (RecordId(0), RecordId(0)),
            incomplete: BTreeSet::new(),
            index: Index::new(),
            loads: VecDeque::new(),
            early_loads: BTreeSet::new(),
            reading: false,
            full: false,
            free_bytes: None,
            reserve: false,
            space_asked: false,
            events: VecDeque::new(),
        }
    }

    fn fail(&mut self, error: LogError) {
        if !matches!(self.state, State::Stopped) {
            self.state = State::Stopped;
            self.events.push_back(LogEvent::Failed(error));
        }
    }

    fn check(&self, record: &Append<'_>, body_bytes: u64) -> Result<(), Refused> {
        match self.state {
            State::New | State::Opening | State::Replaying(_) => return Err(Refused::NotReady),
            State::Closing | State::Stopped => return Err(Refused::Stopped),
            State::Ready => {}
        }
        if record.id <= self.last {
            return Err(Refused::NotGrowing { id: record.id, last: self.last });
        }
        for (what, length, limit) in [
            ("digest", record.digest.len() as u64, DIGEST_BYTES_MAX as u64),
            ("list of references", record.refers_to.len() as u64, REFERENCES_MAX as u64),
            ("body in a group", body_bytes, self.pending.body_limit(GROUP_BYTES_MAX)),
        ] {
            if length > limit {
                return Err(Refused::TooLong { what, limit });
            }
        }
        Ok(())
    }

    fn handle_opened(&mut self, recovered: Result<Recovered<D>, LogError>) {
        let recovered = match recovered {
            Ok(recovered) => recovered,
            Err(error) => return self.fail(error),
        };
        let Recovered { lock, manifest, cut, segments, released, fragments, reserve, free_bytes } =
            recovered;
        self.lock = Some(lock);
        self.last = RecordId(manifest.last_id);
        (self.written, self.durable) = (self.last, self.last);
        (self.told, self.told_written) = ((self.last, self.last), (self.last, self.last));
        self.reserve = reserve;
        self.free_bytes = free_bytes;
        self.committer = Some(Committer {
            disk: self.disk.clone(),
            config: self.config,
            epoch: manifest.epoch,
            next_segment: manifest.unlisted,
            written_n: manifest.last_n,
            synced_n: manifest.last_n,
            active: None,
            reserve,
            buffer: Vec::new(),
        });
        self.state = State::Replaying(Replay::new(segments, released, fragments, &mut self.index));
        let epoch = Epoch(manifest.epoch);
        self.events.push_back(LogEvent::Opened(Opened { epoch, cut }));
    }

    fn poll_commit(&mut self) -> Option<Commit<D>> {
        if !matches!(self.state, State::Ready | State::Closing) || self.full {
            return None;
        }
        let closing = matches!(self.state, State::Closing);
        let batch = match self.retry.take() {
            Some(batch) => Some(batch),
            None if self.committer.is_some() && self.pending.is_ready() => {
                Some(self.pending.take(&self.config))
            }
            None => None,
        };
        let bytes = self.unsynced_bytes + batch.as_ref().map_or(0, |batch| batch.bytes);
        let sync = self.sync_asked
            || closing
            || batch.as_ref().is_some_and(|batch| batch.sync)
            || bytes > self.config.unsynced_bytes;
        if batch.is_none() && !self.sync_asked && !closing {
            return None;
        }
        let mut committer = self.committer.take()?;
        committer.reserve = self.reserve;
        self.sync_asked = false;
        if let Some(batch) = &batch {
            self.in_flight = Backlog { records: batch.records.len(), bytes: batch.bytes };
            self.in_flight_upto = batch.upto;
        }
        let seal = closing && batch.is_none() && committer.active.is_some();
        Some(Commit { committer, batch, sync, seal })
    }

    fn handle_committed(&mut self, done: Committed<D>) {
        let Committed { committer, batch, sealed, begun, written, outcome, .. } = done;
        self.in_flight = Backlog::default();
        self.free_bytes = done.free_bytes;
        self.reserve = committer.reserve;
        if let Some(sealed) = sealed {
            if let Some(segment) = self.index.segments.get_mut(&sealed.number) {
                segment.trailer = Some(sealed.trailer);
                segment.bytes = sealed.bytes;
                Arc::make_mut(&mut segment.lines).shrink_to_fit();
            }
            // Sealing has synced everything before it.
            self.synced();
        }
        if let Some((header, file)) = begun {
            self.index.add_segment(Segment {
                name: header.name,
                file,
                seed: header.seed(),
                bytes: done.size_bytes,
                trailer: None,
                lines: Arc::default(),
                dead: index::Bits::default(),
                live_bytes: 0,
                live_fragments: 0,
                looked_at: None,
            });
        }
        if let Some(active) = &committer.active
            && let Some(segment) = self.index.segments.get_mut(&active.header.name.number)
        {
            segment.bytes = done.size_bytes;
        }
        match outcome {
            Ok(()) => {
                let number = committer.active.as_ref().map_or(0, |a| a.header.name.number);
                if let Some(batch) = batch {
                    self.handle_written(number, batch, &written.unwrap_or_default());
                }
                if committer.synced_n == committer.written_n {
                    self.synced();
                } else {
                    self.tell(false);
                }
            }
            Err(Failure::Full) => {
                self.retry = batch;
                self.became_full();
            }
            Err(Failure::Failed(error)) => self.fail(error),
        }
        if done.reserve_used {
            self.became_full_with_room();
        }
        self.committer = Some(committer);
        self.close_if_idle();
    }

    fn handle_written(&mut self, number: u64, batch: Batch, places: &[(u32, u32)]) {
        let mut places = places.iter().copied();
        for record in batch.records.iter().filter(|record| !record.released) {
            let Some((offset, bytes)) = places.next() else { break };
            let references = &batch.references[record.references.clone()];
            self.index.add_record(number, Line { id: record.id, offset, bytes }, references);
        }
        for piece in &batch.pieces {
            let Some((offset, bytes)) = places.next() else { break };
            let offset_in_body = piece.offset;
            let place = FragmentPlace { segment: number, offset, bytes, offset_in_body };
            let last = piece.facts.as_ref().map(|(_, references)| &references[..]);
            self.index.add_fragment(piece.id, place, piece.total, last);
            if last.is_some() {
                self.incomplete.remove(&piece.id);
            }
        }
        self.unsynced_releases.extend(&batch.releases);
        self.unsynced_bytes += batch.bytes;
        self.written = self.written.max(batch.upto);
        self.pending.reuse(batch);
        self.retry_early_loads();
    }

    /// Everything written is synced.
    fn synced(&mut self) {
        self.unsynced_bytes = 0;
        for (first, count) in core::mem::take(&mut self.unsynced_releases) {
            for id in first..=first.saturating_add(u64::from(count) - 1) {
                self.index.release(RecordId(id));
            }
        }
        self.durable = self.written;
        self.tell(true);
    }

    /// Tells how far everything is written, or synced, if it is further than before.
    fn tell(&mut self, synced: bool) {
        let ahead = if synced { self.durable } else { self.written };
        let held = self.incomplete.first().map_or(ahead, |id| RecordId(id.0 - 1));
        let upto = ahead.min(held);
        if !synced && (upto, ahead) != self.told_written {
            self.told_written = (upto, ahead);
            self.events.push_back(LogEvent::Written { upto, ahead });
        }
        if synced && (upto, ahead) != self.told {
            // What is synced is written, and need not be told twice.
            (self.told, self.told_written) = ((upto, ahead), (upto, ahead));
            self.events.push_back(LogEvent::Durable { upto, ahead });
        }
    }

    fn became_full(&mut self) {
        self.full = true;
        self.events.push_back(LogEvent::Full);
    }

    /// The reserve is gone: what waits may still fit, what comes after may not.
    fn became_full_with_room(&mut self) {
        if !self.full {
            self.events.push_back(LogEvent::Full);
        }
    }

    fn close_if_idle(&mut self) {
        let idle = self.committer.as_ref().is_some_and(|committer| committer.active.is_none())
            && self.retry.is_none()
            && !self.pending.is_ready();
        if matches!(self.state, State::Closing) && idle {
            self.state = State::Stopped;
            self.lock = None;
            self.events.push_back(LogEvent::Closed);
        }
    }

    /// Whether the record has been appended and is not written yet.
    fn is_early(&self, id: RecordId) -> bool {
        self.incomplete.contains(&id)
            || (id > self.written && (id <= self.in_flight_upto || self.pending.contains(id)))
            || self.retry.as_ref().is_some_and(|batch| batch.contains(id))
    }

    fn retry_early_loads(&mut self) {
        for id in core::mem::take(&mut self.early_loads) {
            self.load(id);
        }
    }

    fn poll_load(&mut self) -> Option<Load<D>> {
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
    fn find(&self, id: RecordId, record: usize, entries: &mut Vec<EntryPlace<D::File>>) {
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

    fn missing(&mut self, id: RecordId) {
        self.events.push_back(LogEvent::Loaded { id, outcome: Err(LoadError::Missing) });
    }

    fn handle_loaded(&mut self, loaded: LoadedRecords) {
        let events = loaded.into_iter().map(|(id, outcome)| LogEvent::Loaded { id, outcome });
        self.events.extend(events);
    }
}

impl<D: Disk> Log for SegmentLog<D> {
    type Work = SegmentWork<D>;

    fn open(&mut self) {
        if matches!(self.state, State::New) {
            self.state = State::Opening;
        }
    }

    fn append(&mut self, record: Append<'_>) -> Result<Appended, Refused> {
        let body_bytes = record.body.iter().map(|part| part.len() as u64).sum();
        self.check(&record, body_bytes)?;
        self.last = record.id;
        let appended = self.pending.append(&record, body_bytes, &self.config);
        if appended == Appended::InFragments {
            self.incomplete.insert(record.id);
        }
        Ok(appended)
    }

    fn release(&mut self, id: RecordId) {
        // One that was never appended may yet be, and must not be gone then.
        if matches!(self.state, State::Ready) && id <= self.last {
            self.pending.release(id, &self.config);
            self.incomplete.remove(&id);
        }
    }

    fn load(&mut self, id: RecordId) {
        if self.is_early(id) {
            self.early_loads.insert(id);
        } else {
            self.loads.push_back(id);
        }
    }

    fn begin_group(&mut self) {
        self.pending.set_group(true);
    }

    fn end_group(&mut self) {
        self.pending.set_group(false);
    }

    fn sync(&mut self) {
        self.sync_asked = true;
    }

    fn check_space(&mut self) {
        self.space_asked = true;
    }

    fn close(&mut self) {
        if matches!(self.state, State::Ready) {
            self.state = State::Closing;
            self.close_if_idle();
        }
    }

    fn poll_work(&mut self, lane: Lane) -> Option<SegmentWork<D>> {
        let job = match lane {
            Lane::Commit => Job::Commit(Box::new(self.poll_commit()?)),
            Lane::Read if self.reading => return None,
            Lane::Read => {
                let job = match &mut self.state {
                    State::New => return None,
                    State::Opening => Job::Open(self.disk.clone(), self.config),
                    State::Replaying(replay) => Job::ReadRecords(replay.next_read(&self.disk)?),
                    State::Ready | State::Closing | State::Stopped => Job::Load(self.poll_load()?),
                };
                self.reading = true;
                job
            }
            Lane::Reclaim => return None,
        };
        Some(SegmentWork(job))
    }

    fn handle_done(&mut self, done: SegmentDone<D>) {
        match done.0 {
            Done::Opened(recovered) => {
                self.reading = false;
                self.handle_opened(*recovered);
            }
            Done::Records(records) => {
                self.reading = false;
                match records {
                    Ok(records) => {
                        if let State::Replaying(replay) = &mut self.state {
                            replay.handle_records(records, &mut self.index);
                        }
                    }
                    Err(error) => self.fail(error),
                }
            }
            Done::Loaded(loaded) => {
                self.reading = false;
                self.handle_loaded(loaded);
            }
            Done::Committed(done) => self.handle_committed(*done),
        }
    }

    fn poll_event(&mut self) -> Option<LogEvent> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        let State::Replaying(replay) = &mut self.state else { return None };
        if let Some(replayed) = replay.next(&mut self.index) {
            return Some(LogEvent::Replayed(replayed));
        }
        if !replay.is_over() {
            return None;
        }
        self.state = State::Ready;
        Some(LogEvent::Ready { last: self.last })
    }

    fn space(&self) -> Space {
        let segments = self.index.segments.values();
        Space {
            free_bytes: self.free_bytes,
            used_bytes: segments.clone().map(|segment| segment.bytes).sum(),
            live_bytes: segments.map(|segment| segment.live_bytes).sum(),
            segments: self.index.segments.len(),
            full: self.full,
        }
    }

    fn backlog(&self) -> Backlog {
        let pending = self.pending.backlog();
        Backlog {
            records: pending.records + self.in_flight.records,
            bytes: pending.bytes + self.in_flight.bytes,
        }
    }
}
