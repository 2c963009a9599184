//! When a record counts as kept, and how far the log has come.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use warrener_codec::ShortStr;

use crate::id::RecordId;

/// What confirms and tx.commit-ok in a virtual host wait for. The replies to durable declarations always wait for the
/// disk: a definition that is lost takes its messages with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// For the disk: what is confirmed survives a loss of power.
    #[default]
    Always,
    /// For the operating system, which is asked to sync this often: a loss of power takes what was confirmed since then.
    Interval(Duration),
    /// For the operating system, which syncs when it likes: only the end of the process is survived.
    Os,
}

/// [`Sync`] of each virtual host.
#[derive(Clone, Debug, Default)]
pub struct Syncs {
    /// Of those that are not named.
    pub default: Sync,
    /// Of those that are.
    pub named: BTreeMap<ShortStr, Sync>,
}

impl Syncs {
    /// What holds in the virtual host of this name.
    #[must_use]
    pub fn of(&self, vhost: &ShortStr) -> Sync {
        self.named.get(vhost).copied().unwrap_or(self.default)
    }

    /// How often a sync is to be asked for, where any virtual host wants that.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        let all = self.named.values().chain([&self.default]);
        let intervals = all.filter_map(|sync| match sync {
            Sync::Interval(interval) => Some(*interval),
            Sync::Always | Sync::Os => None,
        });
        intervals.min()
    }
}

/// How far the log has come with records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Every record up to this one is there.
    pub upto: RecordId,
    /// Every record up to this one is there, save those of which the host said
    /// [`Input::InFragments`](crate::Input::InFragments).
    pub ahead: RecordId,
}

impl Progress {
    fn grow(&mut self, to: Self) {
        self.upto = self.upto.max(to.upto);
        self.ahead = self.ahead.max(to.ahead).max(self.upto);
    }
}

/// Which records the log has.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    synced: Progress,
    /// At least as far.
    written: Progress,
    /// Large records under way, which those after them do not wait for.
    fragmented: BTreeSet<RecordId>,
}

impl Disk {
    /// The operating system has these.
    pub(crate) fn written(&mut self, progress: Progress) {
        self.written.grow(progress);
    }

    /// The disk has these.
    pub(crate) fn synced(&mut self, progress: Progress) {
        self.synced.grow(progress);
        self.written.grow(progress);
        while self.fragmented.first().is_some_and(|first| *first <= self.synced.upto) {
            self.fragmented.pop_first();
        }
    }

    /// This record takes several batches.
    pub(crate) fn in_fragments(&mut self, record: RecordId) {
        self.fragmented.insert(record);
    }

    /// Whether a record is kept, by what `sync` calls that.
    #[inline]
    pub(crate) fn has(&self, record: RecordId, sync: Sync) -> bool {
        let progress = self.progress(sync);
        record <= progress.upto || (record <= progress.ahead && !self.fragmented.contains(&record))
    }

    /// Whether a record, and all before it that are not in fragments, are kept.
    #[inline]
    pub(crate) const fn has_passed(&self, record: RecordId, sync: Sync) -> bool {
        record.0 <= self.progress(sync).ahead.0
    }

    const fn progress(&self, sync: Sync) -> Progress {
        match sync {
            Sync::Always => self.synced,
            Sync::Interval(_) | Sync::Os => self.written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn progress(upto: u64, ahead: u64) -> Progress {
        Progress { upto: RecordId(upto), ahead: RecordId(ahead) }
    }

    #[test]
    fn a_record_in_fragments_holds_back_nobody_but_itself() {
        let mut disk = Disk::default();
        disk.in_fragments(RecordId(3));
        disk.synced(progress(2, 5));
        let has = |disk: &Disk| (1..=6).map(|id| disk.has(RecordId(id), Sync::Always)).collect();
        let found: alloc::vec::Vec<bool> = has(&disk);
        assert_eq!(found, [true, true, false, true, true, false]);
        disk.synced(progress(5, 5));
        assert!(disk.has(RecordId(3), Sync::Always) && disk.fragmented.is_empty());
    }

    #[test]
    fn what_is_written_is_enough_where_the_disk_is_not_waited_for() {
        let mut disk = Disk::default();
        disk.written(progress(4, 4));
        assert!(disk.has(RecordId(4), Sync::Os) && !disk.has(RecordId(4), Sync::Always));
        disk.synced(progress(5, 5));
        assert!(disk.has(RecordId(5), Sync::Os) && disk.has(RecordId(5), Sync::Always));
    }
}
