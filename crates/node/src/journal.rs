//! Records of the broker as appends to the log.

use bytes::Bytes;
use warrener_broker::{After, Record, RecordId};
use warrener_store::{Append, Appended, Log, Refused};

/// Hands records over, in their order; keeps its lists between two of them.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    refers_to: Vec<warrener_store::RecordId>,
    after: Vec<warrener_store::RecordId>,
    body: Vec<Bytes>,
}

impl Journal {
    /// Submits a record. A log that has stopped takes nothing more; its host knows.
    ///
    /// # Errors
    ///
    /// When the log does not take what the broker gives, which means that they disagree.
    pub(crate) fn append<L: Log>(
        &mut self,
        log: &mut L,
        record: &Record,
    ) -> Result<Appended, Refused> {
        self.refers_to.extend(record.refers_to.iter().map(|&id| store_id(id)));
        self.body.extend(record.parts());
        if let After::Records(records) = &record.after {
            self.after.extend(records.iter().map(|&id| store_id(id)));
        }
        let appended = log.append(Append {
            id: store_id(record.id),
            refers_to: &self.refers_to,
            digest: &record.digest,
            body: &self.body,
            sync: record.awaited,
            after: match record.after {
                After::Nothing => warrener_store::After::Nothing,
                After::Records(_) => warrener_store::After::Records(&self.after),
                After::Everything => warrener_store::After::Everything,
            },
        });
        self.refers_to.clear();
        self.after.clear();
        self.body.clear();
        match appended {
            Err(Refused::Stopped) => Ok(Appended::Whole),
            appended => appended,
        }
    }
}

pub(crate) const fn store_id(id: RecordId) -> warrener_store::RecordId {
    warrener_store::RecordId(id.0)
}

pub(crate) const fn broker_id(id: warrener_store::RecordId) -> RecordId {
    RecordId(id.0)
}
