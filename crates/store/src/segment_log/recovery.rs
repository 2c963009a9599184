//! Opening: what is on disk, what of it counts, and taking it over under a new epoch.

use super::commit::{Failure, failed, is_full, write};
use super::released::Released;
use super::resync::{rewrite_batches, rewrite_footer};
use super::tail::{self, Suspect, Tail};
use crate::config::Config;
use crate::disk::Disk;
use crate::error::LogError;
use crate::format::{
    Footer, FragmentLine, MANIFEST, MANIFEST_NEW, Manifest, RESERVE, SEGMENT_HEADER_BYTES, SPARE,
    SegmentHeader, SegmentName, TRAILER_BYTES, Trailer, UNFINISHED, damage, read_fragments,
    read_releases,
};
use crate::log::{Cut, Epoch};
use bytes::Bytes;
use std::io::{self, IoSlice};

/// What an opening found and left.
#[derive(Debug)]
pub(super) struct Recovered<D: Disk> {
    pub(super) lock: D::Lock,
    pub(super) manifest: Manifest,
    pub(super) cut: Option<Cut>,
    pub(super) segments: Vec<Found<D::File>>,
    pub(super) released: Released,
    pub(super) fragments: Vec<FoundFragment>,
    pub(super) reserve: bool,
    pub(super) free_bytes: Option<u64>,
}

/// A sealed segment.
#[derive(Clone, Debug)]
pub(super) struct Found<F> {
    pub(super) header: SegmentHeader,
    pub(super) file: F,
    pub(super) bytes: u64,
    pub(super) trailer: Trailer,
}

/// A fragment of a record, and its digest when it is the last.
#[derive(Debug)]
pub(super) struct FoundFragment {
    pub(super) segment: u64,
    pub(super) line: FragmentLine,
    pub(super) digest: Bytes,
}

/// Opens the log in a directory, or makes one.
pub(super) fn open<D: Disk>(disk: &D, config: &Config) -> Result<Recovered<D>, LogError> {
    let lock = disk.lock().map_err(|error| failed("locking the directory", &error))?;
    let lock = lock.ok_or(LogError::Locked)?;
    let names = disk.list().map_err(|error| failed("listing the directory", &error))?;
    let old = read_manifest(disk, &names)?;
    old.check_records(config.records_version)?;
    let mut opening = Opening::new(disk, names);
    let segments = opening.segments(&old)?;
    let manifest = opening.take_over(&old, &segments, config.records_version)?;
    opening.remove_leftovers(&manifest)?;
    let cut = opening.cut;
    let reserve = make_reserve(disk, config).map_err(|error| match error {
        Failure::Full => LogError::Full { doing: "making the reserve".into() },
        Failure::Failed(error) => error,
    })?;
    let (released, fragments) = read_first(disk, &segments)?;
    let free_bytes = disk.free_bytes().ok().flatten();
    Ok(Recovered { lock, manifest, cut, segments, released, fragments, reserve, free_bytes })
}

/// The manifest, or that of an empty log.
pub(super) fn read_manifest(disk: &impl Disk, names: &[String]) -> Result<Manifest, LogError> {
    if names.iter().any(|name| name == MANIFEST) {
        let bytes = read_file(disk, MANIFEST);
        return Manifest::decode(&bytes.map_err(|error| failed("reading the manifest", &error))?);
    }
    if names.iter().any(|name| SegmentName::parse(name).is_some()) {
        return Err(damage(MANIFEST.into(), 0, "a manifest, as there are segments"));
    }
    Ok(Manifest { unlisted: 1, ..Manifest::default() })
}

pub(super) fn read_file<D: Disk>(disk: &D, name: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(name)?;
    let mut bytes = vec![0; disk.size_bytes(&file)? as usize];
    disk.read_at(&file, 0, &mut bytes)?;
    Ok(bytes)
}

pub(super) struct Opening<'a, D: Disk> {
    pub(super) disk: &'a D,
    names: Vec<String>,
    gave_up_reserve: bool,
    /// The torn end, once it was found.
    cut: Option<Cut>,
}

impl<'a, D: Disk> Opening<'a, D> {
    pub(super) const fn new(disk: &'a D, names: Vec<String>) -> Self {
        Self { disk, names, gave_up_reserve: false, cut: None }
    }

    /// Whether there is a file for a segment.
    pub(super) fn has(&self, name: SegmentName) -> bool {
        self.names.contains(&name.file())
    }

    /// Every segment there is a file for, in order.
    pub(super) fn all(&self) -> Vec<SegmentName> {
        let mut all: Vec<_> =
            self.names.iter().filter_map(|file| SegmentName::parse(file)).collect();
        all.sort_unstable();
        all
    }

    /// Those that belong to the log without being listed, in order.
    pub(super) fn unlisted(&self, manifest: &Manifest) -> Vec<SegmentName> {
        let mut all = self.all();
        all.retain(|name| name.generation == 0 && name.number >= manifest.unlisted);
        all
    }

    /// All segments, sealed, in order.
    fn segments(&mut self, manifest: &Manifest) -> Result<Vec<Found<D::File>>, LogError> {
        let mut found = Vec::new();
        for &name in &manifest.segments {
            if !self.has(name) {
                return Err(damage(name.file(), 0, "the segment that the manifest lists"));
            }
            found.push(self.sealed(name)?);
        }
        let mut unlisted = self.unlisted(manifest);
        for (name, expected) in unlisted.iter().zip(manifest.unlisted..) {
            if name.number != expected {
                let missing = SegmentName { number: expected, generation: 0 };
                return Err(damage(missing.file(), 0, "a segment between its neighbours"));
            }
        }
        let last = unlisted.pop();
        for name in unlisted {
            found.push(self.sealed(name)?);
        }
        if let Some(name) = last {
            found.extend(self.tail(name, last_n(manifest, &found))?);
        }
        check_order(&found)?;
        Ok(found)
    }

    pub(super) fn open_segment(&self, name: SegmentName) -> Result<(D::File, u64), LogError> {
        let opened = self.disk.open(&name.file()).and_then(|file| {
            let bytes = self.disk.size_bytes(&file)?;
            Ok((file, bytes))
        });
        let (file, bytes) = opened.map_err(|error| failed("opening a segment", &error))?;
        if bytes > u64::from(u32::MAX) {
            return Err(damage(
                name.file(),
                u64::from(u32::MAX),
                "the end of the file before this",
            ));
        }
        Ok((file, bytes))
    }

    pub(super) fn header(
        &self,
        name: SegmentName,
        file: &D::File,
    ) -> Result<SegmentHeader, LogError> {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        match self.disk.read_at(file, 0, &mut bytes) {
            Ok(()) => SegmentHeader::decode(name, &bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(damage(name.file(), 0, "a whole segment header"))
            }
            Err(error) => Err(failed("reading a segment", &error)),
        }
    }

    pub(super) fn sealed(&self, name: SegmentName) -> Result<Found<D::File>, LogError> {
        let (file, bytes) = self.open_segment(name)?;
        let header = self.header(name, &file)?;
        let trailer = read_trailer(self.disk, &file, bytes, header.seed())?;
        let at = bytes.saturating_sub(TRAILER_BYTES as u64);
        let trailer =
            trailer.ok_or_else(|| damage(name.file(), at, "the end of a sealed segment"))?;
        Ok(Found { header, file, bytes, trailer })
    }

    /// The segment that was written last: sealed, or cut where a crash tore it and then sealed, or nothing at all.
    fn tail(&mut self, name: SegmentName, last_n: u64) -> Result<Option<Found<D::File>>, LogError> {
        let (mut file, bytes) = self.open_segment(name)?;
        let header = match self.header(name, &file) {
            Ok(header) => header,
            // A header is synced before anything follows it: this one is all there ever was.
            Err(LogError::Corrupt(_)) if bytes <= SEGMENT_HEADER_BYTES as u64 => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let seed = header.seed();
        if let Some(trailer) = read_trailer(self.disk, &file, bytes, seed)? {
            let found = Found { header, file, bytes, trailer };
            if is_whole(self.disk, &found)? {
                let footer = (bytes - found.trailer.footer_bytes(), bytes);
                rewrite_footer(self.disk, &found.file, footer)?;
                return Ok(Some(found));
            }
            file = found.file;
        }
        let Tail { footer, suspect, torn_bytes } =
            tail::scan(self.disk, &file, bytes, &header, last_n)?;
        let end = suspect.end;
        self.cut = torn_bytes.map(|bytes| Cut { file: name.file(), offset: end, bytes });
        if footer.is_empty() {
            return Ok(None);
        }
        let (trailer, footer) = footer.finish(seed);
        self.seal(&header, &file, &suspect, &footer)?;
        let bytes = end + trailer.footer_bytes();
        Ok(Some(Found { header, file, bytes, trailer }))
    }

    /// Has the batches of the last segment on disk, and a footer behind them. Nobody knows how their writer ended.
    fn seal(
        &mut self,
        header: &SegmentHeader,
        file: &D::File,
        suspect: &Suspect,
        footer: &Footer,
    ) -> Result<(), LogError> {
        rewrite_batches(self.disk, header, file, suspect)?;
        // A footer vouches for what is before it, so that has to be on disk first.
        let synced = self.disk.sync(file);
        synced.map_err(|error| failed("syncing the last segment", &error))?;
        self.with_reserve("sealing a segment", |disk| {
            write(disk, file, suspect.end, &mut footer.parts(), "sealing a segment")?;
            disk.sync(file).map_err(|error| Failure::new("sealing a segment", &error))
        })
    }

    /// Writes the manifest of a new epoch: from now on the log is ours.
    fn take_over(
        &mut self,
        old: &Manifest,
        segments: &[Found<D::File>],
        records_version: u16,
    ) -> Result<Manifest, LogError> {
        let epoch = old.epoch.checked_add(1).ok_or(LogError::OutOfEpochs(Epoch(old.epoch)))?;
        let trailers = || segments.iter().map(|found| &found.trailer);
        let next = segments.last().map_or(0, |found| found.header.name.number.saturating_add(1));
        let manifest = Manifest {
            epoch,
            records_version,
            unlisted: next.max(old.unlisted),
            last_id: trailers().map(|trailer| trailer.last_id).fold(old.last_id, u64::max),
            last_n: trailers().map(|trailer| trailer.last_n).fold(old.last_n, u64::max),
            segments: segments.iter().map(|found| found.header.name).collect(),
        };
        self.with_reserve("writing the manifest", |disk| write_manifest(disk, &manifest))?;
        Ok(manifest)
    }

    /// Removes what a crash left half done: segments rewritten but not listed, those that were replaced, and the one that
    /// was to be written over.
    fn remove_leftovers(&self, manifest: &Manifest) -> Result<(), LogError> {
        let mut removed = false;
        for file in &self.names {
            let leftover = match SegmentName::parse(file) {
                Some(name) => !manifest.segments.contains(&name),
                None => file == SPARE || (file.ends_with(UNFINISHED) && file != MANIFEST_NEW),
            };
            if leftover {
                let done = self.disk.remove(file);
                done.map_err(|error| failed("removing what a crash left", &error))?;
                removed = true;
            }
        }
        if removed {
            let done = self.disk.sync_dir();
            done.map_err(|error| failed("removing what a crash left", &error))?;
        }
        Ok(())
    }

    /// Does something that may find the disk full, and then once more with the reserve given up.
    fn with_reserve(
        &mut self,
        doing: &str,
        mut act: impl FnMut(&D) -> Result<(), Failure>,
    ) -> Result<(), LogError> {
        let mut outcome = act(self.disk);
        if outcome == Err(Failure::Full) && !self.gave_up_reserve {
            self.gave_up_reserve = true;
            if self.disk.remove(RESERVE).is_ok() {
                outcome = act(self.disk);
            }
        }
        outcome.map_err(|failure| match failure {
            Failure::Full => LogError::Full { doing: doing.into() },
            Failure::Failed(error) => error,
        })
    }
}

/// The number that the first batch of the last segment must follow.
pub(super) fn last_n<F>(manifest: &Manifest, found: &[Found<F>]) -> u64 {
    let last = found.last().map_or(0, |found| found.trailer.last_n);
    last.max(manifest.last_n)
}

/// Batches are numbered without a gap from one segment to the next.
fn check_order<F>(segments: &[Found<F>]) -> Result<(), LogError> {
    for pair in segments.windows(2) {
        let [before, after] = pair else { continue };
        let (b, a) = (before.header.name, after.header.name);
        let neighbours =
            b.generation == 0 && a.generation == 0 && b.number.checked_add(1) == Some(a.number);
        if neighbours && before.trailer.last_n.checked_add(1) != Some(after.trailer.first_n) {
            let at = SEGMENT_HEADER_BYTES as u64;
            return Err(damage(a.file(), at, "the batch after the last one of the segment before"));
        }
    }
    Ok(())
}

pub(super) fn read_trailer<D: Disk>(
    disk: &D,
    file: &D::File,
    file_bytes: u64,
    seed: u32,
) -> Result<Option<Trailer>, LogError> {
    let least = (SEGMENT_HEADER_BYTES + TRAILER_BYTES) as u64;
    if file_bytes < least {
        return Ok(None);
    }
    let mut bytes = [0; TRAILER_BYTES];
    let read = disk.read_at(file, file_bytes - TRAILER_BYTES as u64, &mut bytes);
    read.map_err(|error| failed("reading a segment", &error))?;
    let trailer = Trailer::decode(seed, &bytes);
    Ok(trailer.filter(|trailer| file_bytes >= trailer.footer_bytes() + SEGMENT_HEADER_BYTES as u64))
}

/// The sections of a footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Records,
    Fragments,
    Releases,
}

/// Whether all of a footer is there: while it was being synced, its end may have come to the disk before the rest.
fn is_whole<D: Disk>(disk: &D, segment: &Found<D::File>) -> Result<bool, LogError> {
    for which in [Which::Records, Which::Fragments, Which::Releases] {
        match read_section(disk, segment, which) {
            Ok(_) => {}
            Err(LogError::Corrupt(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Reads a section of a sealed segment's footer and checks it.
pub(super) fn read_section<D: Disk>(
    disk: &D,
    segment: &Found<D::File>,
    which: Which,
) -> Result<Vec<u8>, LogError> {
    let Trailer { records, fragments, releases, .. } = segment.trailer;
    let start = segment.bytes - segment.trailer.footer_bytes();
    let (section, offset) = match which {
        Which::Records => (records, start),
        Which::Fragments => (fragments, start + u64::from(records.bytes)),
        Which::Releases => {
            (releases, start + u64::from(records.bytes) + u64::from(fragments.bytes))
        }
    };
    let mut bytes = vec![0; section.bytes as usize];
    let read = disk.read_at(&segment.file, offset, &mut bytes);
    read.map_err(|error| failed("reading the index of a segment", &error))?;
    if crc32c::crc32c_append(segment.header.seed(), &bytes) != section.check {
        let file = segment.header.name.file();
        return Err(damage(file, offset, "the index of a segment with its checksum"));
    }
    Ok(bytes)
}

/// What has to be known of all segments before the records of any one are replayed: what was released, and fragments.
fn read_first<D: Disk>(
    disk: &D,
    segments: &[Found<D::File>],
) -> Result<(Released, Vec<FoundFragment>), LogError> {
    let mut runs = Vec::new();
    let mut fragments = Vec::new();
    for segment in segments {
        let name = segment.header.name;
        let damaged = |what| damage(name.file(), segment.bytes, what);
        if segment.trailer.releases.count > 0 {
            let section = read_section(disk, segment, Which::Releases)?;
            let count = segment.trailer.releases.count;
            read_releases(&section, count, |first, count| runs.push((first, count)))
                .map_err(damaged)?;
        }
        if segment.trailer.fragments.count > 0 {
            let section: Bytes = read_section(disk, segment, Which::Fragments)?.into();
            let mut sound = true;
            let read = read_fragments(&section, segment.trailer.fragments.count, |line| {
                sound &= u64::from(line.offset) + u64::from(line.bytes) <= segment.bytes;
                let digest = Bytes::copy_from_slice(&section[line.digest.clone()]);
                fragments.push(FoundFragment { segment: name.number, line, digest });
            });
            let read = read.and(if sound { Ok(()) } else { Err("an index within the segment") });
            read.map_err(damaged)?;
        }
    }
    Ok((Released::new(runs), fragments))
}

/// Puts a manifest in the place of the last one, in one step.
pub(super) fn write_manifest<D: Disk>(disk: &D, manifest: &Manifest) -> Result<(), Failure> {
    let written = (|| {
        match disk.remove(MANIFEST_NEW) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = disk.create(MANIFEST_NEW)?;
        disk.write(&file, 0, &mut [IoSlice::new(&manifest.encode())])?;
        disk.sync(&file)?;
        disk.rename(MANIFEST_NEW, MANIFEST)?;
        disk.sync_dir()
    })();
    written.map_err(|error| Failure::new("writing the manifest", &error))
}

/// Makes the file that is given up when the disk is full; `false`: there is no room for it.
pub(super) fn make_reserve<D: Disk>(disk: &D, config: &Config) -> Result<bool, Failure> {
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    let made = (|| {
        if let Ok(file) = disk.open(RESERVE)
            && disk.size_bytes(&file)? >= config.reserve_bytes
        {
            return Ok(());
        }
        match disk.remove(RESERVE) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = disk.create(RESERVE)?;
        let mut written = 0;
        while written < config.reserve_bytes {
            let part = (config.reserve_bytes - written).min(ZEROS.len() as u64);
            disk.write(&file, written, &mut [IoSlice::new(&ZEROS[..part as usize])])?;
            written += part;
        }
        disk.sync(&file)
    })();
    match made {
        Ok(()) => Ok(true),
        Err(error) if is_full(&error) => {
            let removed = disk.remove(RESERVE);
            removed.map_err(|error| Failure::Failed(failed("making the reserve", &error)))?;
            Ok(false)
        }
        Err(error) => Err(Failure::Failed(failed("making the reserve", &error))),
    }
}
