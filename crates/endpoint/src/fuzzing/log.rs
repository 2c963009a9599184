//! A log that is on disk at once, or when it is told so.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use warrener_broker::{Effect, Input, LoadedRecord, Progress, Record, RecordId};

/// Every record that was not released.
#[derive(Default)]
pub(super) struct Log {
    records: BTreeMap<RecordId, Record>,
    last: RecordId,
    synced: RecordId,
    loads: VecDeque<RecordId>,
    /// It does nothing by itself.
    pub(super) is_slow: bool,
    /// What it is still to do although it is slow.
    allowed: usize,
}

impl Log {
    pub(super) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Persist(record) => {
                assert!(record.id > self.last, "record ids only grow");
                self.last = record.id;
                self.records.insert(record.id, *record);
            }
            Effect::Release(id) => self.release(id),
            Effect::Load(id) => {
                assert!(self.records.contains_key(&id), "{id:?} is asked for and not there");
                self.loads.push_back(id);
            }
            _ => {}
        }
    }

    /// Releases a record, and those that were only about it.
    fn release(&mut self, id: RecordId) {
        self.records.remove(&id);
        let moot: Vec<RecordId> = self
            .records
            .range(id..)
            .filter(|(_, record)| record.refers_to.contains(&id))
            .filter(|(_, record)| record.refers_to.iter().all(|of| !self.records.contains_key(of)))
            .map(|(id, _)| *id)
            .collect();
        moot.into_iter().for_each(|id| self.release(id));
    }

    /// Does so many things although it is slow.
    pub(super) fn sync(&mut self, count: usize) {
        self.allowed = count % 8;
    }

    /// The next thing that it has done.
    pub(super) fn poll(&mut self) -> Option<Input> {
        if self.is_slow {
            self.allowed = self.allowed.checked_sub(1)?;
        }
        if self.synced < self.last {
            self.synced = self.last;
            return Some(Input::Persisted(Progress { upto: self.last, ahead: self.last }));
        }
        while let Some(id) = self.loads.pop_front() {
            // One that was released meanwhile is not given.
            if let Some(record) = self.records.get(&id) {
                return Some(Input::Loaded(Box::new(loaded(record))));
            }
        }
        None
    }

    /// Gives back every record, as after a restart; the last that there ever was.
    pub(super) fn restart(&mut self, mut replay: impl FnMut(&Record)) -> RecordId {
        self.loads.clear();
        self.synced = self.last;
        self.records.values().for_each(|record| replay(&restored(record)));
        self.last
    }

    /// Every record that was not released, but for bindings between exchanges that nobody can delete.
    pub(super) fn left(&self) -> Vec<&Record> {
        let predeclared = |record: &&Record| {
            let digest = &record.digest;
            digest.windows(4).filter(|octets| octets == b"amq.").count() >= 2
        };
        self.records.values().filter(|record| !predeclared(record)).collect()
    }
}

/// A record as it is read back: from its octets.
fn restored(record: &Record) -> Record {
    let body: Vec<u8> = record.parts().flatten().collect();
    Record::restored(record.id, record.digest.clone(), body.into())
        .expect("what was written is read")
}

/// A record as the log gives it back when it is asked for it.
fn loaded(record: &Record) -> LoadedRecord {
    let body: Vec<u8> = record.parts().flatten().collect();
    LoadedRecord::new(record.id, record.digest.clone(), body.into())
        .expect("what was written is read")
}
