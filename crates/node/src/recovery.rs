//! From the log to the broker: every record that is still needed, by its digest, and the few whose contents are needed
//! too.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use warrener_broker::{Record, RecordId};
use warrener_store::{LoadError, Loaded, Log, Replayed};

use crate::journal::broker_id;
use crate::limits::{LOAD_BYTES_AHEAD, LOADS_AHEAD};
use crate::notice::NodeError;

/// What was read of the log and is not in the broker yet.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    /// Records whose contents the broker needs.
    waiting: VecDeque<Replayed>,
    /// How many of them, from the front, have been asked for.
    asked: usize,
    /// Bodies come in any order.
    bodies: BTreeMap<warrener_store::RecordId, Bytes>,
    /// Octets asked for and not used yet.
    ahead_bytes: u64,
    /// How many records the broker has.
    pub(crate) replayed: u64,
    /// The greatest id ever used, once all records are here.
    pub(crate) last: Option<RecordId>,
}

impl Recovery {
    /// The broker needs the contents of a record that the log gave.
    pub(crate) fn wait_for(&mut self, mut record: Replayed) {
        // It waits until all are here, and must not keep the memory that it was read into.
        record.digest = Bytes::copy_from_slice(&record.digest);
        self.waiting.push_back(record);
    }

    /// The log gave a body, or cannot.
    pub(crate) fn handle_loaded(
        &mut self,
        id: warrener_store::RecordId,
        outcome: Result<Loaded, LoadError>,
    ) -> Result<(), NodeError> {
        match outcome {
            Ok(loaded) => {
                self.bodies.insert(id, loaded.body);
                Ok(())
            }
            Err(error) => Err(NodeError::Load { id: broker_id(id), error }),
        }
    }

    /// Asks for bodies, as far ahead as is sensible.
    pub(crate) fn ask<L: Log>(&mut self, log: &mut L) {
        while let Some(record) = self.waiting.get(self.asked) {
            let far = self.asked >= LOADS_AHEAD || self.ahead_bytes >= LOAD_BYTES_AHEAD;
            if far && self.asked > 0 {
                return;
            }
            if record.body_bytes > 0 {
                self.ahead_bytes += record.body_bytes;
                log.load(record.id);
            }
            self.asked += 1;
        }
    }

    /// The next record that is here whole.
    pub(crate) fn poll_record(&mut self, log: &impl Log) -> Option<Result<Record, NodeError>> {
        if self.asked == 0 {
            return None;
        }
        let front = self.waiting.front()?;
        let body = if front.body_bytes > 0 { self.bodies.remove(&front.id)? } else { Bytes::new() };
        let front = self.waiting.pop_front()?;
        self.asked -= 1;
        self.ahead_bytes -= front.body_bytes;
        self.replayed += 1;
        let id = broker_id(front.id);
        let restored = Record::restored(id, front.digest, body);
        let at = || log.locate(front.id);
        Some(restored.map_err(|error| NodeError::Record { id, at: at(), error }))
    }

    /// Whether the log has given everything and the broker has it.
    pub(crate) fn is_done(&self) -> bool {
        self.last.is_some() && self.waiting.is_empty()
    }
}
