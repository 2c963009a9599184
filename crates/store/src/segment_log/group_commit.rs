//! The group commit, the cheap side: what goes into a batch, and what is true once it is on disk.

use super::commit::{Commit, Committed, Committer, Failure};
use super::index::{Bits, FragmentPlace, Line, Segment};
use super::pending::Batch;
use super::{SegmentLog, State};
use crate::disk::Disk;
use crate::format::Manifest;
use crate::log::{Backlog, LogEvent, RecordId};
use std::sync::Arc;

impl<D: Disk> SegmentLog<D> {
    pub(super) fn poll_commit(&mut self) -> Option<Commit<D>> {
        if !matches!(self.state, State::Ready | State::Closing) || self.blocked {
            return None;
        }
        let closing = matches!(self.state, State::Closing);
        if closing && self.reclaiming {
            // The manifest is the last thing to be written.
            return None;
        }
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
        let wasteful = batch.is_none() && self.is_active_wasteful();
        let cut = self.at_rest && self.committer.as_ref().is_some_and(Committer::has_slack);
        if batch.is_none() && !self.sync_asked && !closing && !wasteful && !cut {
            return None;
        }
        let mut committer = self.committer.take()?;
        committer.reserve = self.reserve;
        self.spares.hand(&mut committer.spare);
        // What was asked for covers all that waits, and that may be several batches.
        self.sync_asked &= self.pending.is_ready();
        if let Some(batch) = &batch {
            self.in_flight = Backlog { records: batch.records.len(), bytes: batch.bytes };
            self.in_flight_upto = batch.upto;
        }
        let seal = (closing || wasteful) && batch.is_none() && committer.active.is_some();
        let last = closing && batch.is_none() && committer.active.is_none();
        let manifest = last.then(|| self.manifest(&[]));
        Some(Commit { committer, batch, sync, seal, cut, manifest })
    }

    pub(super) fn handle_committed(&mut self, done: Committed<D>) {
        let Committed { committer, batch, sealed, begun, written, outcome, .. } = done;
        self.in_flight = Backlog::default();
        self.free_bytes = done.free_bytes;
        self.reserve &= !done.reserve_used;
        self.spares.committed(begun.is_some(), committer.spare.is_some());
        self.at_rest &= begun.is_none();
        if let Some(sealed) = sealed {
            if let Some(segment) = self.index.segments.get_mut(&sealed.number) {
                segment.trailer = Some(sealed.trailer);
                segment.bytes = sealed.bytes;
                Arc::make_mut(&mut segment.lines).shrink_to_fit();
            }
            self.unlisted = sealed.number + 1;
            self.sealed_n = sealed.trailer.last_n;
            self.index.changed = true;
            // Sealing has synced everything before it.
            self.synced();
        }
        if let Some((header, file)) = begun {
            self.index.add_segment(Segment {
                name: header.name,
                epoch: header.epoch,
                salt: header.salt,
                file,
                seed: header.seed(),
                bytes: done.size_bytes,
                trailer: None,
                lines: Arc::default(),
                dead: Bits::default(),
                live_bytes: 0,
                live_fragments: 0,
                looked_at: None,
                damaged: false,
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
                self.blocked = true;
                self.became_full();
            }
            Err(Failure::Failed(error)) => self.fail(error),
        }
        if done.reserve_used {
            // What waits did fit, but what comes after may not.
            self.became_full();
        }
        self.committer = Some(committer);
        if done.manifest_written {
            self.handle_manifest_written();
        }
    }

    pub(super) fn handle_written(&mut self, number: u64, batch: Batch, places: &[(u32, u32)]) {
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
    pub(super) fn synced(&mut self) {
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
    pub(super) fn tell(&mut self, synced: bool) {
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

    /// The manifest of all sealed segments but some.
    pub(super) fn manifest(&self, without: &[u64]) -> Manifest {
        let sealed = self.index.segments.values().filter(|segment| segment.trailer.is_some());
        let listed = sealed.filter(|segment| !without.contains(&segment.name.number));
        Manifest {
            epoch: self.epoch,
            records_version: self.config.records_version,
            unlisted: self.unlisted,
            last_id: self.last.0,
            last_n: self.sealed_n,
            segments: listed.map(|segment| segment.name).collect(),
        }
    }

    fn handle_manifest_written(&mut self) {
        self.state = State::Stopped;
        self.lock = None;
        self.events.push_back(LogEvent::Closed);
    }
}
