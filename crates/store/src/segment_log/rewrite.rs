//! Giving space back, the side that blocks: what is still needed of some segments goes into one new segment, the
//! manifest says so, and the old ones are removed.

use super::commit::{Failure, failed, write};
use super::index::Line;
use super::reclaim::SHORT_RUN;
use super::recovery::{Found, Which, read_section, write_manifest};
use super::spare::Spare;
use crate::disk::Disk;
use crate::error::{Damage, LogError};
use crate::format::{
    BATCH_HEADER_BYTES, BatchHeader, EntryHeader, FooterBuilder, Kind, Manifest, SegmentHeader,
    SegmentName, Trailer, entry_header, read_entry, read_releases,
};
use crate::log::RecordId;
use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::sync::Arc;
#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

/// The work: all that is known when it begins.
#[derive(Debug)]
pub(super) struct Rewrite<D: Disk> {
    pub(super) disk: D,
    pub(super) inputs: Vec<Input<D::File>>,
    /// The segment that takes their place, if anything is left of them.
    pub(super) header: SegmentHeader,
    /// The manifest afterwards, the new segment not yet listed in it.
    pub(super) manifest: Manifest,
    pub(super) others: Others,
    /// One of the files is to be kept, if one is that long, for the next segment to be written over it.
    pub(super) spare_bytes: Option<u64>,
}

/// A segment to be given back.
#[derive(Debug)]
pub(super) struct Input<F> {
    pub(super) found: Found<F>,
    pub(super) needed: Vec<Line>,
    pub(super) fragments: Vec<Line>,
}

/// The records in all other segments, needed or not: a release is kept for as long as its record is somewhere.
#[derive(Debug)]
pub(super) struct Others {
    /// In the order of ids.
    pub(super) lines: Vec<Arc<Vec<Line>>>,
    pub(super) fragmented: BTreeSet<RecordId>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Rewritten<D: Disk> {
    /// The numbers of the inputs.
    pub(super) numbers: Vec<u64>,
    pub(super) free_bytes: Option<u64>,
    /// The file that was kept.
    pub(super) spare: Option<Spare<D::File>>,
    pub(super) outcome: Result<Outcome<D::File>, Stopped>,
}

#[derive(Debug)]
pub(super) enum Outcome<F> {
    /// The inputs are gone; this is what took their place.
    Replaced(Option<Output<F>>),
    /// Nearly all of it is needed: nothing was changed.
    NotWorthIt,
}

/// The new segment.
#[derive(Debug)]
pub(super) struct Output<F> {
    pub(super) name: SegmentName,
    pub(super) file: F,
    pub(super) bytes: u64,
    pub(super) trailer: Trailer,
    pub(super) lines: Vec<Line>,
    /// Where the fragments of the inputs lie now: the input's number, the old offset, the new place.
    pub(super) fragments: Vec<(u64, u32, Line)>,
}

/// Why nothing came of it.
#[derive(Debug)]
pub(super) enum Stopped {
    /// There was no room, or the disk failed.
    Failed(Failure),
    /// An input is not what was written; it was left as it is.
    Damaged(Damage),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<LogError> for Stopped {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Corrupt(damage) => Self::Damaged(damage),
            error => Self::Failed(Failure::Failed(error)),
        }
    }
}

/// The longest batch of a rewritten segment, unless a single entry is longer.
const BATCH_BYTES: usize = 1 << 20;

impl<D: Disk> Rewrite<D> {
    pub(super) fn run(self) -> Rewritten<D> {
        let numbers = self.inputs.iter().map(|input| input.found.header.name.number).collect();
        let mut spare = None;
        let outcome = self.rewrite(&mut spare);
        let free_bytes = self.disk.free_bytes().ok().flatten();
        Rewritten { numbers, free_bytes, spare, outcome }
    }

    fn rewrite(&self, spare: &mut Option<Spare<D::File>>) -> Result<Outcome<D::File>, Stopped> {
        let releases = self.needed_releases()?;
        let lines =
            || self.inputs.iter().flat_map(|input| input.needed.iter().chain(&input.fragments));
        let left =
            lines().map(|line| u64::from(line.bytes)).sum::<u64>() + releases.len() as u64 * 12;
        let before = self.inputs.iter().map(|input| input.found.bytes).sum::<u64>();
        // No more than this will be written: the index repeats the digests, which are part of the entries.
        let after = left * 2 + (lines().count() + releases.len()) as u64 * 32 + 400;
        if left > 0 && after > before && self.inputs.len() < SHORT_RUN {
            return Ok(Outcome::NotWorthIt);
        }
        let output = if left == 0 { None } else { Some(self.write(&releases)?) };
        let mut manifest = self.manifest.clone();
        if let Some(output) = &output {
            let at = manifest.segments.partition_point(|name| *name < output.name);
            manifest.segments.insert(at, output.name);
        }
        write_manifest(&self.disk, &manifest)?;
        for input in &self.inputs {
            let long = self.spare_bytes.is_some_and(|least| input.found.bytes >= least);
            if long && spare.is_none() {
                *spare = Some(Spare::keep(&self.disk, &input.found)?);
                continue;
            }
            // The manifest does not list it any more: should this come to nothing, the next opening removes it.
            let removed = self.disk.remove(&input.found.header.name.file());
            removed.map_err(|error| Failure::new("removing a segment", &error))?;
        }
        Ok(Outcome::Replaced(output))
    }

    /// The releases of records that are still in another segment.
    fn needed_releases(&self) -> Result<Vec<(u64, u32)>, Stopped> {
        let mut needed = Vec::new();
        for input in &self.inputs {
            let count = input.found.trailer.releases.count;
            if count == 0 {
                continue;
            }
            let section = read_section(&self.disk, &input.found, Which::Releases)?;
            let read = read_releases(&section, count, |first, count| {
                self.others.add_known(first, count, &mut needed);
            });
            read.map_err(|what| {
                let (file, offset) = (input.found.header.name.file(), input.found.bytes);
                Stopped::Damaged(Damage { file, offset, what })
            })?;
        }
        Ok(needed)
    }

    /// Writes the new segment under its final name.
    fn write(&self, releases: &[(u64, u32)]) -> Result<Output<D::File>, Stopped> {
        let (unfinished, name) = (self.header.name.unfinished_file(), self.header.name);
        let made = self.disk.create(&unfinished);
        let file = made.map_err(|error| Failure::new("giving space back", &error))?;
        let written = self.fill(file, releases).and_then(|output| {
            let renamed = self.disk.rename(&unfinished, &name.file());
            let synced = renamed.and_then(|()| self.disk.sync_dir());
            synced.map_err(|error| Failure::new("giving space back", &error))?;
            Ok(output)
        });
        if matches!(written, Err(Stopped::Failed(Failure::Full) | Stopped::Damaged(_))) {
            let removed = self.disk.remove(&unfinished);
            removed.map_err(|error| Failure::Failed(failed("giving space back", &error)))?;
        }
        written
    }

    fn fill(&self, file: D::File, releases: &[(u64, u32)]) -> Result<Output<D::File>, Stopped> {
        let mut filler = Filler {
            disk: &self.disk,
            file,
            header: self.header,
            seed: self.header.seed(),
            bytes: 0,
            batch: Vec::new(),
            entries: 0,
            check: 0,
            footer: FooterBuilder::default(),
        };
        filler.append(&self.header.encode())?;
        let mut lines = Vec::new();
        for input in &self.inputs {
            for line in &input.needed {
                lines.push(filler.copy(input, *line)?);
            }
        }
        let mut fragments = Vec::new();
        for input in &self.inputs {
            for line in &input.fragments {
                let number = input.found.header.name.number;
                fragments.push((number, line.offset, filler.copy(input, *line)?));
            }
        }
        for runs in releases.chunks(BATCH_BYTES / 12) {
            filler.releases(runs)?;
        }
        filler.end_batch()?;
        let (trailer, footer) = filler.footer.finish(filler.seed);
        for section in &footer.sections {
            filler.append(section)?;
        }
        filler.append(&footer.trailer)?;
        #[cfg(warrener_planted)]
        if planted(Bug::RemoveBeforeSync) {
            let Filler { file, bytes, .. } = filler;
            return Ok(Output { name: self.header.name, file, bytes, trailer, lines, fragments });
        }
        let synced = self.disk.sync(&filler.file);
        synced.map_err(|error| Failure::Failed(failed("giving space back", &error)))?;
        let Filler { file, bytes, .. } = filler;
        Ok(Output { name: self.header.name, file, bytes, trailer, lines, fragments })
    }
}

/// A new segment being filled.
struct Filler<'a, D: Disk> {
    disk: &'a D,
    file: D::File,
    header: SegmentHeader,
    seed: u32,
    bytes: u64,
    batch: Vec<u8>,
    entries: u32,
    check: u32,
    footer: FooterBuilder,
}

impl<D: Disk> Filler<'_, D> {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut parts = [IoSlice::new(bytes)];
        write(self.disk, &self.file, self.bytes, &mut parts, "giving space back")?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Copies an entry from its old segment; where it lies now.
    fn copy(&mut self, input: &Input<D::File>, line: Line) -> Result<Line, Stopped> {
        self.make_room(line.bytes as usize)?;
        let (start, found) = (self.batch.len(), &input.found);
        self.batch.resize(start + line.bytes as usize, 0);
        let bytes = &mut self.batch[start..];
        let damaged = |what| {
            let (file, offset) = (found.header.name.file(), u64::from(line.offset));
            Stopped::Damaged(Damage { file, offset, what })
        };
        match self.disk.read_at(&found.file, u64::from(line.offset), bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(damaged("a whole entry"));
            }
            read => read.map_err(|error| Failure::Failed(failed("reading a segment", &error)))?,
        }
        let place = ((self.bytes + start as u64) as u32, line.bytes);
        let entry = read_entry(found.header.seed(), bytes).map_err(damaged)?;
        if entry.id != line.id || entry.bytes != line.bytes as usize {
            return Err(damaged("the record that the index says"));
        }
        let references: Vec<_> = entry.references().collect();
        match entry.piece {
            Some(piece) => {
                self.footer.fragment(line.id, place, piece, references.into_iter(), entry.digest);
            }
            None => self.footer.record(line.id, place, references.into_iter(), entry.digest),
        }
        self.seal_entry(start);
        Ok(Line { offset: place.0, ..line })
    }

    fn releases(&mut self, runs: &[(u64, u32)]) -> Result<(), Failure> {
        let body_bytes = runs.len() as u32 * 12;
        self.make_room(body_bytes as usize)?;
        let start = self.batch.len();
        let kind = Kind::Releases;
        let header = EntryHeader { kind, id: 0, references: 0, digest_bytes: 0, body_bytes };
        self.batch.extend(entry_header(header));
        for &(first, count) in runs {
            self.batch.extend(first.to_le_bytes());
            self.batch.extend(count.to_le_bytes());
            self.footer.release(first, count);
        }
        self.seal_entry(start);
        Ok(())
    }

    /// Gives the entry from `start` on the checksum that it has in this segment.
    fn seal_entry(&mut self, start: usize) {
        let check = crc32c::crc32c_append(self.seed, &self.batch[start + 4..]);
        self.batch[start..start + 4].copy_from_slice(&check.to_le_bytes());
        self.check = crc32c::crc32c_append(self.check, &check.to_le_bytes());
        self.entries += 1;
    }

    fn make_room(&mut self, bytes: usize) -> Result<(), Failure> {
        if self.batch.len() + bytes > BATCH_BYTES {
            self.end_batch()?;
        }
        if self.batch.is_empty() {
            self.batch.resize(BATCH_HEADER_BYTES, 0);
        }
        Ok(())
    }

    fn end_batch(&mut self) -> Result<(), Failure> {
        if self.entries == 0 {
            return Ok(());
        }
        let header = BatchHeader {
            epoch: self.header.epoch,
            n: 0,
            synced: 0,
            bytes: (self.batch.len() - BATCH_HEADER_BYTES) as u32,
            entries: self.entries,
            check: self.check,
        };
        let mut batch = core::mem::take(&mut self.batch);
        batch[..BATCH_HEADER_BYTES].copy_from_slice(&header.encode(self.seed));
        self.append(&batch)?;
        batch.clear();
        self.batch = batch;
        (self.entries, self.check) = (0, 0);
        Ok(())
    }
}

impl Others {
    /// Adds to `out`, in runs, the ids of a run that are in some segment.
    fn add_known(&self, first: u64, count: u32, out: &mut Vec<(u64, u32)>) {
        let last = first.saturating_add(u64::from(count).saturating_sub(1));
        let mut add = |id: u64| match out.last_mut() {
            Some((start, run))
                if start.checked_add(u64::from(*run)) == Some(id) && *run < u32::MAX =>
            {
                *run += 1;
            }
            _ => out.push((id, 1)),
        };
        for id in self.fragmented.range(RecordId(first)..=RecordId(last)) {
            add(id.0);
        }
        let begin = self.lines.partition_point(|lines| lines.last().is_none_or(|l| l.id.0 < first));
        for lines in &self.lines[begin..] {
            if lines.first().is_none_or(|line| line.id.0 > last) {
                break;
            }
            let begin = lines.partition_point(|line| line.id.0 < first);
            lines[begin..]
                .iter()
                .take_while(|line| line.id.0 <= last)
                .for_each(|line| add(line.id.0));
        }
    }
}
