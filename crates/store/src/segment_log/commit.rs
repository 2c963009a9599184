//! The commit: one batch, one write, one sync. This is the side that blocks.

use super::batch_writer::BatchWriter;
use super::pending::Batch;
use super::reclaim::SHORT_PART;
use super::recovery::write_manifest;
use super::spare::{self, Spare};
use crate::config::Config;
use crate::disk::Disk;
use crate::error::LogError;
use crate::format::{
    BATCH_HEADER_BYTES, BatchHeader, FooterBuilder, Manifest, Piece, RESERVE, SEGMENT_HEADER_BYTES,
    SegmentHeader, SegmentName, Trailer,
};
use std::io::{self, IoSlice};
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

/// The end of the log: it goes out with each commit and comes back with it.
#[derive(Debug)]
pub(super) struct Committer<D: Disk> {
    pub(super) disk: D,
    pub(super) config: Config,
    pub(super) epoch: u64,
    pub(super) next_segment: u64,
    pub(super) written_n: u64,
    pub(super) synced_n: u64,
    pub(super) active: Option<Active<D::File>>,
    /// Whether the file that is given up when the disk is full is there.
    pub(super) reserve: bool,
    /// The file that the next segment is written over.
    pub(super) spare: Option<Spare<D::File>>,
    pub(super) buffer: Vec<u8>,
}

/// The segment being written.
#[derive(Debug)]
pub(super) struct Active<F> {
    pub(super) header: SegmentHeader,
    pub(super) file: F,
    pub(super) bytes: u64,
    /// How long the file is: longer than that where something older lies behind the end.
    pub(super) file_bytes: u64,
    pub(super) footer: FooterBuilder,
}

/// What a commit is to do.
#[derive(Debug)]
pub(super) struct Commit<D: Disk> {
    pub(super) committer: Committer<D>,
    pub(super) batch: Option<Batch>,
    pub(super) sync: bool,
    /// Seal the segment first, however short it is.
    pub(super) seal: bool,
    /// Cut off what is left of an older segment behind the end.
    pub(super) cut: bool,
    /// The manifest to end with, when this is the last commit of all.
    pub(super) manifest: Option<Manifest>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Committed<D: Disk> {
    pub(super) committer: Committer<D>,
    pub(super) batch: Option<Batch>,
    /// A segment sealed on the way, before the batch was written.
    pub(super) sealed: Option<Sealed>,
    /// A segment begun on the way.
    pub(super) begun: Option<(SegmentHeader, D::File)>,
    /// Where the batch's entries lie, if it is written: the records that were not released, then the fragments.
    pub(super) written: Option<Vec<(u32, u32)>>,
    pub(super) size_bytes: u64,
    /// The reserve had to be given up.
    pub(super) reserve_used: bool,
    pub(super) manifest_written: bool,
    pub(super) free_bytes: Option<u64>,
    pub(super) outcome: Result<(), Failure>,
}

#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) number: u64,
    pub(super) trailer: Trailer,
    pub(super) bytes: u64,
}

/// Why something was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no room; the disk is as it was before.
    Full,
    /// Nobody knows what is on disk.
    Failed(LogError),
}

impl Failure {
    pub(super) fn new(doing: &str, error: &io::Error) -> Self {
        if is_full(error) {
            return Self::Full;
        }
        Self::Failed(failed(doing, error))
    }
}

pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

pub(super) fn failed(doing: &str, error: &io::Error) -> LogError {
    LogError::Io { kind: error.kind(), doing: doing.into() }
}

impl<D: Disk> Commit<D> {
    pub(super) fn run(self) -> Committed<D> {
        let Self { committer, batch, sync, seal, cut, manifest } = self;
        let mut done = Committed {
            committer,
            batch,
            sealed: None,
            begun: None,
            written: None,
            size_bytes: 0,
            reserve_used: false,
            manifest_written: false,
            free_bytes: None,
            outcome: Ok(()),
        };
        done.outcome = if cut { done.committer.cut() } else { Ok(()) };
        if done.outcome.is_ok() {
            done.outcome = done.run(sync, seal, manifest.as_ref());
        }
        while done.outcome == Err(Failure::Full) && (done.give_up_spare() || done.give_up_reserve())
        {
            done.outcome = done.run(sync, seal, manifest.as_ref());
        }
        done.size_bytes = done.committer.active.as_ref().map_or(0, |active| active.bytes);
        done.free_bytes = done.committer.disk.free_bytes().ok().flatten();
        done
    }
}

impl<D: Disk> Committed<D> {
    fn run(&mut self, sync: bool, seal: bool, manifest: Option<&Manifest>) -> Result<(), Failure> {
        let bytes = self.batch.as_ref().map_or(0, |batch| batch.bytes);
        if self.committer.is_due(bytes, seal) {
            self.sealed = Some(self.committer.seal()?);
        }
        if let Some(batch) = self.batch.as_ref().filter(|batch| !batch.is_empty()) {
            if self.committer.active.is_none() {
                self.begun = Some(self.committer.begin()?);
            }
            self.written = Some(self.committer.write(batch)?);
        }
        if sync {
            self.committer.sync()?;
        }
        if let Some(manifest) = manifest {
            self.committer.remove_spare()?;
            write_manifest(&self.committer.disk, manifest)?;
            self.manifest_written = true;
        }
        Ok(())
    }

    fn give_up_spare(&mut self) -> bool {
        let held = self.committer.spare.is_some();
        held && self.committer.remove_spare().is_ok() && self.written.is_none()
    }

    fn give_up_reserve(&mut self) -> bool {
        let held = core::mem::replace(&mut self.committer.reserve, false);
        // What is written once may not be written twice: only sealing or beginning a segment may have come before.
        let may = held && self.written.is_none() && self.committer.disk.remove(RESERVE).is_ok();
        self.reserve_used |= held;
        may
    }
}

impl<D: Disk> Committer<D> {
    /// Whether the segment has to be sealed before `bytes` more.
    fn is_due(&self, bytes: u64, seal: bool) -> bool {
        self.active.as_ref().is_some_and(|active| {
            let whole = active.bytes + bytes + active.footer.bytes();
            let full = whole > u64::from(self.config.segment_bytes) && !active.footer.is_empty();
            full || seal
        })
    }

    /// Writes the footer and syncs it: from now on the segment does not change.
    pub(super) fn seal(&mut self) -> Result<Sealed, Failure> {
        const DOING: &str = "sealing a segment";
        if self.synced_n != self.written_n {
            // A footer vouches for what is before it, so that has to be on disk first.
            self.sync()?;
        }
        let active = self.active.as_mut().expect("only a segment being written is sealed");
        let (trailer, footer) = active.footer.finish(active.header.seed());
        active.write(&self.disk, &mut footer.parts(), DOING)?;
        let bytes = active.bytes + trailer.footer_bytes();
        if bytes < active.file_bytes {
            // A footer ends its file.
            let cut = self.disk.truncate(&active.file, bytes);
            cut.map_err(|error| Failure::Failed(failed(DOING, &error)))?;
        }
        let number = active.header.name.number;
        self.sync()?;
        self.active = None;
        Ok(Sealed { number, trailer, bytes })
    }

    /// Whether much of the file of the segment being written is an older segment's.
    pub(super) fn has_slack(&self) -> bool {
        let least = u64::from(self.config.segment_bytes) / SHORT_PART;
        self.active.as_ref().is_some_and(|active| active.file_bytes >= active.bytes + least)
    }

    /// Gives back what the file of the segment being written has behind its end. It is not synced: whichever length a loss
    /// of power leaves, what is there besides is an older segment's.
    fn cut(&mut self) -> Result<(), Failure> {
        let Some(active) = &mut self.active else { return Ok(()) };
        let cut = self.disk.truncate(&active.file, active.bytes);
        cut.map_err(|error| Failure::Failed(failed("cutting a segment off", &error)))?;
        active.file_bytes = active.bytes;
        Ok(())
    }

    /// Makes a new segment whose name and header are on disk before anything else is in it.
    fn begin(&mut self) -> Result<(SegmentHeader, D::File), Failure> {
        const DOING: &str = "beginning a segment";
        let name = SegmentName { number: self.next_segment, generation: 0 };
        let mut header = SegmentHeader::new(name, self.epoch, self.config.seed);
        let taken = match self.spare.take() {
            Some(spare) => spare.take_over(&self.disk, &mut header),
            None => Ok(None),
        };
        let made = taken.and_then(|file| file.map_or_else(|| self.create(&header), Ok));
        let file = match made {
            Ok(file) => file,
            Err(error) => {
                let failure = Failure::new(DOING, &error);
                if failure == Failure::Full {
                    self.remove_spare()?;
                    // The name may or may not have been made.
                    match self.disk.remove(&name.file()) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => {
                            return Err(Failure::Failed(failed(DOING, &error)));
                        }
                        _ => {}
                    }
                }
                return Err(failure);
            }
        };
        self.next_segment += 1;
        self.active = Some(Active {
            header,
            file: file.clone(),
            bytes: SEGMENT_HEADER_BYTES as u64,
            file_bytes: u64::from(header.taken_bytes).max(SEGMENT_HEADER_BYTES as u64),
            footer: FooterBuilder::default(),
        });
        Ok((header, file))
    }

    /// Makes the file of a segment, its name and its header on disk.
    fn create(&self, header: &SegmentHeader) -> io::Result<D::File> {
        let file = self.disk.create(&header.name.file())?;
        self.disk.write(&file, 0, &mut [IoSlice::new(&header.encode())])?;
        self.disk.sync(&file)?;
        #[cfg(warrener_planted)]
        if planted(Bug::ForgetDirectorySync) {
            return Ok(file);
        }
        self.disk.sync_dir()?;
        Ok(file)
    }

    fn remove_spare(&mut self) -> Result<(), Failure> {
        self.spare = None;
        let removed = spare::remove(&self.disk);
        removed.map_err(|error| Failure::Failed(failed("removing a spare file", &error)))
    }

    /// Writes a batch at the end of the segment; the places of its entries.
    fn write(&mut self, batch: &Batch) -> Result<Vec<(u32, u32)>, Failure> {
        let active = self.active.as_mut().expect("a batch is written to a segment");
        let n = self.written_n + 1;
        let seed = active.header.seed();
        let mut writer = BatchWriter::new(core::mem::take(&mut self.buffer), seed, active.bytes);
        writer.batch(batch);
        let header = BatchHeader {
            epoch: self.epoch,
            n,
            synced: self.synced_n,
            bytes: writer.entries_bytes,
            entries: writer.entries,
            check: writer.check,
        };
        writer.buffer[..BATCH_HEADER_BYTES].copy_from_slice(&header.encode(seed));
        let bytes = BATCH_HEADER_BYTES as u64 + u64::from(header.bytes);
        let mut parts = writer.parts();
        active.write(&self.disk, &mut parts, "writing a batch")?;
        active.footer.batch(n);
        note(&mut active.footer, batch, &writer.places);
        active.bytes += bytes;
        active.file_bytes = active.file_bytes.max(active.bytes);
        self.written_n = n;
        let places = writer.places;
        self.buffer = writer.buffer;
        Ok(places)
    }

    /// Syncs everything written so far.
    fn sync(&mut self) -> Result<(), Failure> {
        let active = self.active.as_ref();
        #[cfg(warrener_planted)]
        let active = active.filter(|_| !planted(Bug::ForgetSync));
        if let Some(active) = active {
            // Never asked twice: the pages of a sync that failed may count as written.
            let synced = self.disk.sync(&active.file);
            synced.map_err(|error| Failure::Failed(failed("syncing a segment", &error)))?;
        }
        self.synced_n = self.written_n;
        Ok(())
    }
}

impl<F> Active<F> {
    /// Writes behind what there is of the segment; without room, nothing is there afterwards.
    fn write<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        parts: &mut [IoSlice<'_>],
        doing: &str,
    ) -> Result<(), Failure> {
        let written = write(disk, &self.file, self.bytes, parts, doing);
        if written == Err(Failure::Full) {
            self.file_bytes = self.bytes;
        }
        written
    }
}

/// Writes at `bytes` in a file; when there is no room, it is that long afterwards.
pub(super) fn write<D: Disk>(
    disk: &D,
    file: &D::File,
    bytes: u64,
    parts: &mut [IoSlice<'_>],
    doing: &str,
) -> Result<(), Failure> {
    let Err(error) = disk.write(file, bytes, parts) else { return Ok(()) };
    if is_full(&error) {
        disk.truncate(file, bytes).map_err(|error| Failure::Failed(failed(doing, &error)))?;
    }
    Err(Failure::new(doing, &error))
}

/// Notes a batch's entries in the footer of its segment.
fn note(footer: &mut FooterBuilder, batch: &Batch, places: &[(u32, u32)]) {
    let mut places = places.iter().copied();
    for record in batch.records.iter().filter(|record| !record.released) {
        let place = places.next().expect("each record has a place");
        let references = batch.references[record.references.clone()].iter().copied();
        footer.record(record.id, place, references, &batch.copied[record.digest.clone()]);
    }
    for piece in &batch.pieces {
        let place = places.next().expect("each fragment has a place");
        let (digest, references) = piece.facts.as_ref().map_or((&[][..], &[][..]), |(d, r)| (d, r));
        let at = Piece { offset: piece.offset, total: piece.total };
        footer.fragment(piece.id, place, at, references.iter().copied(), digest);
    }
    for &(first, count) in &batch.releases {
        footer.release(first, count);
    }
}
