//! The [`Log`] trait and its vocabulary.
//!
//! A log has two halves that never wait for each other. The *cheap half* is the `Log` itself: it takes appends, releases
//! and loads, and every call returns at once. The *blocking half* is a [`Work`]: a self-contained piece of disk work that
//! the log hands out, the host runs wherever it likes (a thread, or inline in a simulator), and gives back as a done. So
//! no disk is touched under the host's lock, nothing in here starts a thread, and the order in which works are run is
//! the host's, which makes it replayable.
//!
//! ```text
//! under the lock          log.append(..)  log.release(..)  log.load(..)     many times
//! under the lock          let work = log.poll_work(Lane::Commit)
//! outside                 let done = work.run()                             one write, one fdatasync
//! under the lock          log.handle_done(done);  log.poll_event()          Durable { .. }
//! ```

use crate::error::{LoadError, LogError, Refused};
use bytes::Bytes;
use core::fmt;

/// The name of a record: chosen by the caller, only growing, never used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u64);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The generation of a log's owner: one more at each opening. Batches of an older one are fenced off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// One totally ordered durable log.
///
/// Every operation is a request that returns at once; what comes of it is a [`LogEvent`]. The first request is
/// [`open`](Self::open); appends, releases and loads are taken from [`LogEvent::Ready`] on.
pub trait Log: Send {
    /// The blocking half: see the [module's page](crate::log).
    type Work: Work;

    /// Becomes the owner of the log and replays it: [`LogEvent::Opened`], then [`LogEvent::Replayed`] for each record that
    /// is still needed, in the order of their ids, then [`LogEvent::Ready`]. Done in the lane [`Lane::Read`]; others may help.
    fn open(&mut self);

    /// Adds a record. It is on disk when [`LogEvent::Durable`] says so, and kept until it is released.
    ///
    /// # Errors
    /// See [`Refused`]: the log is not open, or the record breaks a rule; nothing has changed then.
    fn append(&mut self, record: Append<'_>) -> Result<Appended, Refused>;

    /// Says that a record is no longer needed: after a restart it is not replayed, and its space comes back.
    ///
    /// A release is written in order with the appends and rides with the next batch; alone it does not ask for a sync. It
    /// takes effect at a restart only if everything appended before it is there too. Releasing twice, or a record that is
    /// not there, does nothing.
    fn release(&mut self, id: RecordId);

    /// Asks for a record's body: answered by [`LogEvent::Loaded`], not necessarily in the order asked.
    fn load(&mut self, id: RecordId);

    /// Starts a group: everything until [`end_group`](Self::end_group) is on disk altogether or not at all.
    fn begin_group(&mut self);

    /// Ends a group. Groups do not nest.
    fn end_group(&mut self);

    /// Asks that everything appended and released so far be synced, though nothing in it asked for that.
    fn sync(&mut self);

    /// Looks at the free space again, and tries again what did not fit: to be asked every second or so while full.
    fn check_space(&mut self);

    /// Writes and syncs what waits, then stops: [`LogEvent::Closed`].
    fn close(&mut self);

    /// The next piece of disk work in `lane`, if there is any. At most one a lane is out at a time.
    fn poll_work(&mut self, lane: Lane) -> Option<Self::Work>;

    /// Takes back what [`Work::run`] returned.
    fn handle_done(&mut self, done: <Self::Work as Work>::Done);

    /// Where a record that is needed lies, for people who look for it. A log without files does not know.
    fn locate(&self, id: RecordId) -> Option<Location>;

    /// What has happened, in order.
    fn poll_event(&mut self) -> Option<LogEvent>;

    /// How full the disk is.
    fn space(&self) -> Space;

    /// What has been submitted and is not on disk yet: the host slows its publishers by it.
    fn backlog(&self) -> Backlog;
}

/// A piece of work that may block. It owns all that it needs.
pub trait Work: Send + 'static {
    /// What it gives back to [`Log::handle_done`].
    type Done: Send + 'static;

    /// Does the work, blocking as long as the disk needs.
    fn run(self) -> Self::Done;
}

/// The three lines of work, which may run at the same time: each has at most one work out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Batches: drain what waits, one write, one sync. Somebody waits for these.
    Commit,
    /// Opening, replay and loads. The other lanes, which have nothing else to do then, may help with the replay.
    Read,
    /// Giving space back, and looking at the free space. Nobody waits for these.
    Reclaim,
}

impl Lane {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Commit, Self::Read, Self::Reclaim];
}

/// A record to append.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// Greater than every id appended before, in this life of the log and in earlier ones.
    pub id: RecordId,
    /// When not empty, the record is released by itself once all of these are released: what is said *about* records (a
    /// partial acknowledgement, a delivery count) need not be kept longer than they are. Only earlier records count, and
    /// one that is not there counts as released.
    pub refers_to: &'a [RecordId],
    /// What a replay gives back: all that recovery needs to know without the body.
    pub digest: &'a [u8],
    /// The body, in the parts it arrived in. Large parts are not copied: their buffers are held until written.
    pub body: &'a [Bytes],
    /// Whether somebody waits for it. A batch in which nobody waits is written and not synced.
    pub sync: bool,
    /// What it must not overtake.
    pub after: After<'a>,
}

/// What must be on disk before a record is. What goes in one piece is written in order anyway: this is about what goes in
/// fragments, which others may overtake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After<'a> {
    /// Nothing: the record waits for nobody.
    #[default]
    Nothing,
    /// These records, as far as they were appended and are not on disk yet. For a record that takes the place of what they
    /// brought.
    Records(&'a [RecordId]),
    /// Every record and every release submitted before. For a record that takes the place of something of which nobody
    /// knows any more where it came from.
    Everything,
}

/// How an append is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// In one piece, in order with everything else.
    Whole,
    /// In fragments over several batches, because it is large, or behind one that is, because of [`Append::after`]: records
    /// appended after it may be durable before it. See [`LogEvent::Durable`].
    InFragments,
}

/// What a log tells its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// The log was found sound and is ours; its records follow.
    Opened(Opened),
    /// A record that was not released.
    Replayed(Replayed),
    /// All records have been replayed; appends are taken. `last` is the greatest id that must not be used again.
    Ready {
        /// The greatest record id seen, `RecordId(0)` if there was none.
        last: RecordId,
    },
    /// Every record with an id up to `upto` is on disk, and so is every release submitted before the append of `upto`,
    /// unless a large record was in fragments then: a release waits for those, and follows as soon as they are written.
    /// When `upto` was appended [`After::Everything`] and with [`Append::sync`], the releases before it are there as well.
    ///
    /// A large record in fragments holds `upto` back but not `ahead`: every record up to `ahead` is on disk as well,
    /// save those [`Appended::InFragments`]. Both only grow.
    Durable {
        /// Everything up to here, whatever its size.
        upto: RecordId,
        /// Everything up to here that was appended whole.
        ahead: RecordId,
    },
    /// Like `Durable`, but the operating system has it and the disk perhaps not: it survives the end of the process, not
    /// of the power. Told only for batches that were not synced.
    Written {
        /// As in `Durable`.
        upto: RecordId,
        /// As in `Durable`.
        ahead: RecordId,
    },
    /// The answer to [`Log::load`].
    Loaded {
        /// The record asked for.
        id: RecordId,
        /// Its digest and body, or why not.
        outcome: Result<Loaded, LoadError>,
    },
    /// The disk is full. Nothing is lost or failed: what waits is tried again when there is room. Publishers should stop.
    Full,
    /// There is room again after [`LogEvent::Full`].
    Relieved,
    /// A sealed segment could not be read while giving space back. Its records are kept where they are.
    Damaged(crate::error::Damage),
    /// Somebody else owns the log now. Terminal.
    Fenced {
        /// Its epoch, where known.
        by: Option<Epoch>,
    },
    /// The log has stopped for ever: nothing more is made durable. Terminal.
    Failed(LogError),
    /// [`Log::close`] is done. Terminal.
    Closed,
}

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Our generation.
    pub epoch: Epoch,
    /// The torn end that a crash left, if there was one.
    pub cut: Option<Cut>,
}

/// An end that was cut off: what a crash left of the last write, which was never said to be durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub file: String,
    /// Where the file ends now.
    pub offset: u64,
    /// How many bytes were taken off.
    pub bytes: u64,
}

/// A record as a replay gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Its id.
    pub id: RecordId,
    /// Its digest.
    pub digest: Bytes,
    /// The length of its body, which [`Log::load`] brings.
    pub body_bytes: u64,
}

/// A record's contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The digest given with it.
    pub digest: Bytes,
    /// The body, in one piece and in a buffer of its own.
    pub body: Bytes,
}

/// A place on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file's name within the log's directory.
    pub file: String,
    /// The offset in bytes.
    pub offset: u64,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}", self.file, self.offset)
    }
}

/// How full the disk is, as of the last work done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// What the file system has left, in bytes, where it can tell.
    pub free_bytes: Option<u64>,
    /// What the log's segments take.
    pub used_bytes: u64,
    /// What of that is records still needed.
    pub live_bytes: u64,
    /// How many segments there are.
    pub segments: usize,
    /// The last write did not fit, or only into the reserve.
    pub full: bool,
}

/// What has been submitted and is not on disk yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Records, the ones being written now included.
    pub records: usize,
    /// Their bytes.
    pub bytes: u64,
}
