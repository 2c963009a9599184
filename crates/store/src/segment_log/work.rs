//! The pieces of disk work that a [`SegmentLog`](super::SegmentLog) hands out, and what they give back.

use super::commit::{Commit, Committed};
use super::load::{Load, LoadedRecords};
use super::recovery::{self, Recovered};
use super::replay::{ReadDone, ReadRecords};
use super::rewrite::{Rewrite, Rewritten};
use super::space::{FoundSpace, LookForSpace};
use crate::config::Config;
use crate::disk::Disk;
use crate::error::LogError;
use crate::log::Work;

/// A piece of disk work of a [`SegmentLog`](crate::SegmentLog).
#[derive(Debug)]
pub struct SegmentWork<D: Disk>(pub(super) Job<D>);

/// What a [`SegmentWork`] gives back.
#[derive(Debug)]
pub struct SegmentDone<D: Disk>(pub(super) Done<D>);

#[derive(Debug)]
pub(super) enum Job<D: Disk> {
    Open(D, Config),
    ReadRecords(ReadRecords<D>),
    Load(Load<D>),
    Commit(Box<Commit<D>>),
    Rewrite(Box<Rewrite<D>>),
    Space(LookForSpace<D>),
}

#[derive(Debug)]
pub(super) enum Done<D: Disk> {
    Opened(Box<Result<Recovered<D>, LogError>>),
    Records(Box<ReadDone<D::File>>),
    Loaded(LoadedRecords),
    Committed(Box<Committed<D>>),
    Rewritten(Box<Rewritten<D>>),
    Space(FoundSpace),
}

impl<D: Disk> Work for SegmentWork<D> {
    type Done = SegmentDone<D>;

    fn run(self) -> SegmentDone<D> {
        SegmentDone(match self.0 {
            Job::Open(disk, config) => Done::Opened(Box::new(recovery::open(&disk, &config))),
            Job::ReadRecords(read) => Done::Records(Box::new(read.run())),
            Job::Load(load) => Done::Loaded(load.run()),
            Job::Commit(commit) => Done::Committed(Box::new(commit.run())),
            Job::Rewrite(rewrite) => Done::Rewritten(Box::new(rewrite.run())),
            Job::Space(look) => Done::Space(look.run()),
        })
    }
}
