//! The log on a disk: segments that are appended to, sealed, and given back.

mod batch_writer;
mod commit;
mod group_commit;
mod index;
mod load;
mod pending;
mod reclaim;
mod recovery;
mod released;
mod replay;
mod resync;
mod rewrite;
mod salvage;
mod space;
mod spare;
mod survey;
mod tail;
mod verify;
mod work;

use crate::config::{Config, DIGEST_BYTES_MAX, GROUP_BYTES_MAX, REFERENCES_MAX};
use crate::disk::Disk;
use crate::error::{LogError, Refused};
use crate::log::{
    After, Append, Appended, Backlog, Epoch, Lane, Location, Log, LogEvent, Opened, RecordId, Space,
};
use commit::Committer;
use index::Index;
use pending::{Batch, Pending};
use recovery::Recovered;
use replay::Replay;
pub use salvage::{Salvaged, salvage};
use spare::Spares;
use std::collections::{BTreeSet, VecDeque};
pub use verify::{Verified, verify};
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};
use work::{Done, Job};
pub use work::{SegmentDone, SegmentWork};

/// A durable log in a directory of segment files: see [`Log`] for how it is driven, and `docs/file-format.md` for the
/// files.
#[derive(Debug)]
pub struct SegmentLog<D: Disk> {
    disk: D,
    config: Config,
    state: State<D>,
    epoch: u64,
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
    early_loads: Vec<RecordId>,
    reading: bool,
    reclaiming: bool,
    /// How often segments have been given back.
    removals: u64,
    /// The number of the first segment that is not sealed, and of the last batch before it.
    unlisted: u64,
    sealed_n: u64,
    /// Publishers were told to stop.
    full: bool,
    /// It makes no sense to try again before something has changed.
    blocked: bool,
    free_bytes: Option<u64>,
    reserve: bool,
    spares: Spares<D::File>,
    /// No segment was begun between the last two looks at the disk.
    at_rest: bool,
    space_asked: bool,
    events: VecDeque<LogEvent>,
}

#[derive(Debug)]
enum State<D: Disk> {
    New,
    Opening,
    Replaying(Box<Replay<D::File>>),
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
            epoch: 0,
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
            early_loads: Vec::new(),
            reading: false,
            reclaiming: false,
            removals: 0,
            unlisted: 0,
            sealed_n: 0,
            full: false,
            blocked: false,
            free_bytes: None,
            reserve: false,
            spares: Spares::new(),
            at_rest: false,
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
        if self.pending.is_group() && record.after != After::Nothing {
            return Err(Refused::WaitsInGroup);
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
        self.epoch = manifest.epoch;
        (self.unlisted, self.sealed_n) = (manifest.unlisted, manifest.last_n);
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
            spare: None,
            buffer: Vec::new(),
        });
        let replay = Replay::new(segments, released, fragments, &mut self.index);
        self.state = State::Replaying(Box::new(replay));
        let epoch = Epoch(manifest.epoch);
        self.events.push_back(LogEvent::Opened(Opened { epoch, cut }));
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
        let waits = match record.after {
            After::Nothing => false,
            After::Records(records) => {
                !self.incomplete.is_empty()
                    && records.iter().any(|record| self.incomplete.contains(record))
            }
            After::Everything => !self.incomplete.is_empty(),
        };
        #[cfg(warrener_planted)]
        let waits = waits && !planted(Bug::Overtake);
        let appended = self.pending.append(&record, body_bytes, waits, &self.config);
        if appended == Appended::InFragments {
            self.incomplete.insert(record.id);
            self.index.expect_fragments(record.id);
        }
        Ok(appended)
    }

    fn release(&mut self, id: RecordId) {
        // One that was never appended may yet be, and must not be gone then.
        if matches!(self.state, State::Ready) && id <= self.last {
            let dropped = self.pending.release(id, &self.config);
            if dropped && self.incomplete.remove(&id) {
                // It held the others back.
                self.tell(true);
            }
        }
    }

    fn load(&mut self, id: RecordId) {
        if self.is_early(id) {
            self.early_loads.push(id);
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
        }
    }

    fn poll_work(&mut self, lane: Lane) -> Option<SegmentWork<D>> {
        if let State::Replaying(replay) = &mut self.state {
            let busy = lane == Lane::Reclaim && self.reclaiming;
            let read = if busy { None } else { replay.next_read(lane, &self.disk) };
            if read.is_some() || busy || replay.reads(lane) {
                return Some(SegmentWork(Job::ReadRecords(read?)));
            }
        }
        let job = match lane {
            Lane::Commit => Job::Commit(Box::new(self.poll_commit()?)),
            Lane::Read if self.reading => return None,
            Lane::Read => {
                let job = match &mut self.state {
                    State::New | State::Replaying(_) => return None,
                    State::Opening => Job::Open(self.disk.clone(), self.config),
                    State::Ready | State::Closing | State::Stopped => Job::Load(self.poll_load()?),
                };
                self.reading = true;
                job
            }
            Lane::Reclaim => self.poll_reclaim()?,
        };
        Some(SegmentWork(job))
    }

    fn handle_done(&mut self, done: SegmentDone<D>) {
        match done.0 {
            Done::Opened(recovered) => {
                self.reading = false;
                self.handle_opened(*recovered);
            }
            Done::Records(read) => {
                if let State::Replaying(replay) = &mut self.state
                    && let Err(error) = replay.handle_read(*read)
                {
                    self.fail(error);
                }
            }
            Done::Loaded(loaded) => {
                self.reading = false;
                self.handle_loaded(loaded);
            }
            Done::Committed(done) => self.handle_committed(*done),
            Done::Rewritten(done) => {
                self.reclaiming = false;
                self.handle_rewritten(*done);
            }
            Done::Space(done) => {
                self.reclaiming = false;
                self.handle_space(done);
            }
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

    fn locate(&self, id: RecordId) -> Option<Location> {
        let mut entries = Vec::new();
        self.find(id, 0, &mut entries);
        let first = entries.first()?;
        Some(Location { file: first.name.file(), offset: u64::from(first.offset) })
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
