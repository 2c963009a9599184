//! A full disk: it is told of, waited for, and got over without a restart.

use super::commit::{Failure, failed};
use super::reclaim::Look;
use super::recovery::make_reserve;
use super::work::Job;
use super::{SegmentLog, State, spare};
use crate::config::Config;
use crate::disk::Disk;
use crate::log::LogEvent;

/// Looks at the free space, and sets the reserve aside again if there is room.
#[derive(Debug)]
pub(super) struct LookForSpace<D: Disk> {
    disk: D,
    config: Config,
    /// Whether the reserve is to be made.
    make: bool,
    /// Whether the spare file is to go.
    remove_spare: bool,
}

/// What was found.
#[derive(Debug)]
pub(super) struct FoundSpace {
    free_bytes: Option<u64>,
    room: bool,
    made: Result<bool, Failure>,
}

impl<D: Disk> LookForSpace<D> {
    pub(super) fn run(self) -> FoundSpace {
        let Self { disk, config, make, remove_spare } = self;
        // Not with the last room there is: what waits would not fit, and the reserve would go again at once.
        let enough = config.reserve_bytes.saturating_mul(2) + u64::from(config.batch_bytes);
        let free_bytes = disk.free_bytes().ok().flatten();
        let room = free_bytes.is_none_or(|free| free >= enough);
        let removed = if remove_spare { spare::remove(&disk) } else { Ok(()) };
        let made = match removed {
            Err(error) => Err(Failure::Failed(failed("removing a spare file", &error))),
            Ok(()) if make && room => make_reserve(&disk, &config),
            Ok(()) => Ok(false),
        };
        FoundSpace { free_bytes: disk.free_bytes().ok().flatten(), room, made }
    }
}

impl<D: Disk> SegmentLog<D> {
    pub(super) fn poll_reclaim(&mut self) -> Option<Job<D>> {
        if self.reclaiming || !matches!(self.state, State::Ready | State::Closing) {
            return None;
        }
        let job = if core::mem::take(&mut self.space_asked) {
            let (disk, config) = (self.disk.clone(), self.config);
            let remove_spare = self.let_spare_go();
            Job::Space(LookForSpace { disk, config, make: !self.reserve, remove_spare })
        } else if matches!(self.state, State::Closing) {
            return None;
        } else {
            Job::Rewrite(Box::new(self.poll_rewrite()?))
        };
        self.reclaiming = true;
        Some(job)
    }

    /// Whether there is a spare file that goes now: on a full disk, or when no segment was begun since the last look.
    fn let_spare_go(&mut self) -> bool {
        self.at_rest = self.spares.look();
        let Some(committer) = self.committer.as_mut().filter(|_| self.at_rest || self.full) else {
            return false;
        };
        self.spares.hand(&mut committer.spare);
        let gone = committer.spare.take().is_some();
        self.spares.committed(false, committer.spare.is_some());
        gone
    }

    pub(super) fn handle_space(&mut self, found: FoundSpace) {
        self.free_bytes = found.free_bytes;
        self.blocked = false;
        match found.made {
            Ok(made) => self.reserve |= made,
            Err(Failure::Full) => {}
            Err(Failure::Failed(error)) => return self.fail(error),
        }
        let lacked = |look: Option<Look>| look.is_some_and(|look| look.no_room);
        let lacked = self.index.segments.values().any(|segment| lacked(segment.looked_at));
        if found.room && (self.full || lacked) {
            // What could not be given back for want of room is worth another look.
            self.removals += 1;
            self.index.changed = true;
        }
        if found.room && self.reserve && core::mem::take(&mut self.full) {
            self.events.push_back(LogEvent::Relieved);
        }
    }

    /// Publishers should stop.
    pub(super) fn became_full(&mut self) {
        if !core::mem::replace(&mut self.full, true) {
            self.events.push_back(LogEvent::Full);
        }
    }
}
