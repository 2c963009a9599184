//! A log in memory: for a broker that keeps nothing, and the obvious thing to compare a real one with.

use crate::error::{LoadError, Refused};
use crate::log::{
    Append, Appended, Backlog, Epoch, Lane, Loaded, Location, Log, LogEvent, Opened, RecordId,
    Replayed, Space, Work,
};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};

/// A log that is gone with the process. It keeps the order and the events of a real one: what is appended is durable
/// when a work of [`Lane::Commit`] is done.
#[derive(Debug, Default)]
pub struct MemoryLog {
    state: State,
    epoch: u64,
    last: RecordId,
    records: BTreeMap<RecordId, Record>,
    waiting: VecDeque<Change>,
    /// How many of `waiting` the work that is out will have carried out.
    committing: Option<usize>,
    reading: bool,
    loads: VecDeque<RecordId>,
    events: VecDeque<LogEvent>,
    waiting_bytes: u64,
    durable: RecordId,
    told: RecordId,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    New,
    Opening,
    Ready,
    Closing,
    Closed,
}

#[derive(Debug)]
struct Record {
    references: Vec<RecordId>,
    digest: Bytes,
    body: Bytes,
}

#[derive(Debug)]
enum Change {
    Append(RecordId, Record),
    Release(RecordId),
}

/// The work of a [`MemoryLog`]: nothing, in its lane.
#[derive(Debug)]
pub struct MemoryWork(Lane);

impl Work for MemoryWork {
    type Done = Self;

    fn run(self) -> Self {
        self
    }
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same log opened again after a clean stop: what was durable is replayed.
    #[must_use]
    pub fn reopen(self) -> Self {
        let Self { records, epoch, last, .. } = self;
        Self { records, epoch, last, durable: last, told: last, ..Self::default() }
    }

    fn opened(&mut self) {
        self.epoch += 1;
        let epoch = Epoch(self.epoch);
        self.events.push_back(LogEvent::Opened(Opened { epoch, cut: None }));
        for (&id, record) in &self.records {
            let body_bytes = record.body.len() as u64;
            let digest = record.digest.clone();
            self.events.push_back(LogEvent::Replayed(Replayed { id, digest, body_bytes }));
        }
        self.state = State::Ready;
        self.events.push_back(LogEvent::Ready { last: self.last });
    }

    fn committed(&mut self, count: usize) {
        for change in self.waiting.drain(..count) {
            match change {
                Change::Append(id, record) => {
                    self.waiting_bytes -= (record.digest.len() + record.body.len()) as u64;
                    self.durable = id;
                    if !is_about_nothing(&self.records, id, &record) {
                        self.records.insert(id, record);
                    }
                }
                Change::Release(id) => release(&mut self.records, id),
            }
        }
        if self.durable != self.told {
            self.told = self.durable;
            self.events.push_back(LogEvent::Durable { upto: self.told, ahead: self.told });
        }
        if self.state == State::Closing && self.waiting.is_empty() {
            self.state = State::Closed;
            self.events.push_back(LogEvent::Closed);
        }
    }

    /// Whether a load has to wait until its record is there.
    fn is_early(&self, id: RecordId) -> bool {
        id > self.durable && id <= self.last
    }

    fn loaded(&mut self) {
        let (later, now): (VecDeque<_>, VecDeque<_>) =
            core::mem::take(&mut self.loads).into_iter().partition(|&id| self.is_early(id));
        self.loads = later;
        for id in now {
            let outcome = self
                .records
                .get(&id)
                .ok_or(LoadError::Missing)
                .map(|record| Loaded { digest: record.digest.clone(), body: record.body.clone() });
            self.events.push_back(LogEvent::Loaded { id, outcome });
        }
    }
}

/// Whether a record refers to others, and none of them is needed any more.
fn is_about_nothing(records: &BTreeMap<RecordId, Record>, id: RecordId, record: &Record) -> bool {
    let mut earlier = record.references.iter().filter(|&&about| about < id);
    !record.references.is_empty() && !earlier.any(|about| records.contains_key(about))
}

/// Takes a record out, and those that were about nothing else.
fn release(records: &mut BTreeMap<RecordId, Record>, id: RecordId) {
    if records.remove(&id).is_none() {
        return;
    }
    let about_it: Vec<_> = records
        .range(id..)
        .filter(|(_, record)| record.references.contains(&id))
        .filter(|&(&about, record)| is_about_nothing(records, about, record))
        .map(|(&about, _)| about)
        .collect();
    for about in about_it {
        release(records, about);
    }
}

impl Log for MemoryLog {
    type Work = MemoryWork;

    fn open(&mut self) {
        self.state = State::Opening;
    }

    fn append(&mut self, record: Append<'_>) -> Result<Appended, Refused> {
        match self.state {
            State::New | State::Opening => return Err(Refused::NotReady),
            State::Closing | State::Closed => return Err(Refused::Stopped),
            State::Ready => {}
        }
        if record.id <= self.last {
            return Err(Refused::NotGrowing { id: record.id, last: self.last });
        }
        self.last = record.id;
        let kept = Record {
            references: record.refers_to.to_vec(),
            digest: Bytes::copy_from_slice(record.digest),
            body: record.body.concat().into(),
        };
        self.waiting_bytes += (kept.digest.len() + kept.body.len()) as u64;
        self.waiting.push_back(Change::Append(record.id, kept));
        Ok(Appended::Whole)
    }

    fn release(&mut self, id: RecordId) {
        if self.state == State::Ready {
            self.waiting.push_back(Change::Release(id));
        }
    }

    fn load(&mut self, id: RecordId) {
        self.loads.push_back(id);
    }

    fn begin_group(&mut self) {}

    fn end_group(&mut self) {}

    fn sync(&mut self) {}

    fn check_space(&mut self) {}

    fn close(&mut self) {
        if self.state == State::Ready {
            self.state = State::Closing;
        }
    }

    fn poll_work(&mut self, lane: Lane) -> Option<MemoryWork> {
        let work = match lane {
            Lane::Commit if self.committing.is_none() => {
                let some = !self.waiting.is_empty() || self.state == State::Closing;
                some.then(|| self.committing = Some(self.waiting.len()))
            }
            Lane::Read if !self.reading => {
                let some = self.state == State::Opening
                    || (self.state != State::New
                        && !self.loads.iter().all(|&id| self.is_early(id)));
                some.then(|| self.reading = true)
            }
            Lane::Commit | Lane::Read | Lane::Reclaim => None,
        };
        work.map(|()| MemoryWork(lane))
    }

    fn handle_done(&mut self, done: MemoryWork) {
        match done.0 {
            Lane::Commit => {
                if let Some(count) = self.committing.take() {
                    self.committed(count);
                }
            }
            Lane::Read => {
                self.reading = false;
                if self.state == State::Opening {
                    self.opened();
                }
                self.loaded();
            }
            Lane::Reclaim => {}
        }
    }

    fn locate(&self, _id: RecordId) -> Option<Location> {
        None
    }

    fn poll_event(&mut self) -> Option<LogEvent> {
        self.events.pop_front()
    }

    fn space(&self) -> Space {
        let live = |record: &Record| (record.digest.len() + record.body.len()) as u64;
        let live_bytes = self.records.values().map(live).sum();
        Space { live_bytes, used_bytes: live_bytes, ..Space::default() }
    }

    fn backlog(&self) -> Backlog {
        Backlog { records: self.waiting.len(), bytes: self.waiting_bytes }
    }
}
