//! The file of a segment that was given back, kept so that the next segment is written over it.
//!
//! Where a file has its length and its places already, a sync need not write down that it has grown, which takes the file
//! system a write of its own, often as long as that of the batch. What is left of the old segment does not pass for
//! anything of the new one, because every checksum starts from the segment's own seed.

use super::commit::Failure;
use super::recovery::Found;
use crate::config::Config;
use crate::disk::Disk;
use crate::format::{SPARE, SegmentHeader};
use std::io::{self, IoSlice};

/// A file shorter than this part of the configured length is not worth keeping.
const LEAST_PART: u64 = 8;

/// A file under the name of [`SPARE`]. No segment is in it any more.
#[derive(Debug)]
pub(super) struct Spare<F> {
    file: F,
    bytes: u32,
}

impl<F: Clone> Spare<F> {
    /// Takes its name from a segment that no manifest lists any more.
    pub(super) fn keep<D: Disk<File = F>>(disk: &D, segment: &Found<F>) -> Result<Self, Failure> {
        let kept = disk.rename(&segment.header.name.file(), SPARE);
        kept.map_err(|error| Failure::new("keeping the file of a segment", &error))?;
        // A segment is shorter than 4 GiB.
        Ok(Self { file: segment.file.clone(), bytes: segment.bytes as u32 })
    }

    /// Makes it the file of a segment that begins with `header`; `None`: somebody else has it as well, or has removed it.
    ///
    /// The header is on disk before the name is, and both when this returns.
    pub(super) fn take_over<D: Disk<File = F>>(
        self,
        disk: &D,
        header: &mut SegmentHeader,
    ) -> io::Result<Option<F>> {
        if disk.names(&self.file)? != Some(1) {
            // A backup may hold what it was.
            remove(disk)?;
            return Ok(None);
        }
        header.taken_bytes = self.bytes;
        disk.write(&self.file, 0, &mut [IoSlice::new(&header.encode())])?;
        disk.sync(&self.file)?;
        disk.rename(SPARE, &header.name.file())?;
        disk.sync_dir()?;
        Ok(Some(self.file))
    }
}

/// Gives its room back.
pub(super) fn remove(disk: &impl Disk) -> io::Result<()> {
    match disk.remove(SPARE) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What the log knows of its spare file.
#[derive(Debug)]
pub(super) struct Spares<F> {
    stage: Stage<F>,
    /// No segment was begun since the last look at the disk.
    idle: bool,
}

#[derive(Debug)]
enum Stage<F> {
    None,
    /// A rewrite is to keep one.
    Asked,
    /// It is there, and loads that are out may still read what it was.
    Read(Spare<F>),
    Free(Spare<F>),
    /// The committer has it.
    Handed,
}

impl<F> Spares<F> {
    pub(super) const fn new() -> Self {
        Self { stage: Stage::None, idle: false }
    }

    /// How long a file must be that a rewrite shall keep; `None`: there is one already.
    pub(super) fn ask(&mut self, config: &Config) -> Option<u64> {
        let none = matches!(self.stage, Stage::None);
        none.then(|| {
            self.stage = Stage::Asked;
            u64::from(config.segment_bytes) / LEAST_PART
        })
    }

    /// A rewrite is over, and loads are out or not.
    pub(super) fn rewritten(&mut self, spare: Option<Spare<F>>, reading: bool) {
        if matches!(self.stage, Stage::Asked) {
            self.stage = match spare {
                Some(spare) if reading => Stage::Read(spare),
                Some(spare) => Stage::Free(spare),
                None => Stage::None,
            };
        }
    }

    /// The loads that were out are back.
    pub(super) fn loaded(&mut self) {
        self.change(|stage| match stage {
            Stage::Read(spare) => Stage::Free(spare),
            other => other,
        });
    }

    /// Gives the committer the spare file, once nobody reads it any more.
    pub(super) fn hand(&mut self, to: &mut Option<Spare<F>>) {
        self.change(|stage| match stage {
            Stage::Free(spare) => {
                *to = Some(spare);
                Stage::Handed
            }
            other => other,
        });
    }

    /// The committer has begun a segment, or not, and still has the spare file, or not.
    pub(super) fn committed(&mut self, begun: bool, left: bool) {
        self.idle &= !begun;
        if matches!(self.stage, Stage::Handed) && !left {
            self.stage = Stage::None;
        }
    }

    /// Whether no segment was begun since this was asked last.
    pub(super) fn look(&mut self) -> bool {
        core::mem::replace(&mut self.idle, true)
    }

    fn change(&mut self, change: impl FnOnce(Stage<F>) -> Stage<F>) {
        self.stage = change(core::mem::replace(&mut self.stage, Stage::None));
    }
}
