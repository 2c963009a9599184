//! Looking at every byte of a log that is not in use, and changing none.

use super::recovery::{Opening, Which, last_n, read_manifest, read_section};
use super::survey::{self, Seen};
use super::tail;
use crate::disk::Disk;
use crate::error::{Damage, LogError};
use crate::format::{FooterBuilder, Manifest, SEGMENT_HEADER_BYTES, SegmentName, damage};
use crate::log::Cut;

/// What a look at a whole log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// How many segments there are.
    pub segments: usize,
    /// How many records with their checksums, released ones included; each fragment of a large one counts.
    pub records: u64,
    /// How many bytes were looked at.
    pub bytes: u64,
    /// An end that a crash left, which the next opening cuts off. Nothing in it was said to be durable.
    pub torn: Option<Cut>,
    /// Everything that is not what was written.
    pub damages: Vec<Damage>,
}

/// Looks at every byte of the log in a directory. Nothing is written.
///
/// # Errors
/// When another process has the log open, a newer version wrote it, the disk fails, or the manifest is damaged, without
/// which nothing else means anything. All other damage is in what is returned.
pub fn verify<D: Disk>(disk: &D) -> Result<Verified, LogError> {
    let (_lock, names, manifest) = open_for_reading(disk)?;
    let opening = Opening::new(disk, names);
    let mut found = Verified::default();
    let unlisted = opening.unlisted(&manifest);
    let missing = missing(&opening, &manifest, &unlisted);
    found.damages.extend(missing.into_iter().map(|name| Damage {
        file: name.file(),
        offset: 0,
        what: "a segment that must be there",
    }));
    let listed = manifest.segments.iter().filter(|name| opening.has(**name)).copied();
    let sealed: Vec<_> = listed.chain(unlisted.iter().rev().skip(1).rev().copied()).collect();
    let mut before = Vec::new();
    for name in sealed {
        match opening.sealed(name) {
            Ok(segment) => {
                verify_sealed(disk, &segment, &mut found)?;
                before.push(segment);
            }
            Err(error) => found.note(error)?,
        }
    }
    if let Some(last) = unlisted.last() {
        found.segments += 1;
        let last_n = last_n(&manifest, &before);
        if let Err(error) = verify_tail(&opening, *last, last_n, &mut found) {
            found.note(error)?;
        }
    }
    found.segments += before.len();
    Ok(found)
}

/// The lock, the names of the files, and the manifest.
pub(super) fn open_for_reading<D: Disk>(
    disk: &D,
) -> Result<(D::Lock, Vec<String>, Manifest), LogError> {
    let failed = super::commit::failed;
    let lock = disk.lock().map_err(|error| failed("locking the directory", &error))?;
    let lock = lock.ok_or(LogError::Locked)?;
    let names = disk.list().map_err(|error| failed("listing the directory", &error))?;
    let manifest = read_manifest(disk, &names)?;
    Ok((lock, names, manifest))
}

/// Segments that are listed, or stand between two that follow each other, and are not there.
fn missing<D: Disk>(
    opening: &Opening<'_, D>,
    manifest: &Manifest,
    unlisted: &[SegmentName],
) -> Vec<SegmentName> {
    let last = unlisted.last().map_or(manifest.unlisted, |last| last.number);
    let expected = (manifest.unlisted..last).map(|number| SegmentName { number, generation: 0 });
    let all = manifest.segments.iter().copied().chain(expected);
    all.filter(|name| !opening.has(*name)).collect()
}

impl Verified {
    /// Damage is found; anything else ends the search.
    fn note(&mut self, error: LogError) -> Result<(), LogError> {
        match error {
            LogError::Corrupt(damage) => {
                self.damages.push(damage);
                Ok(())
            }
            error => Err(error),
        }
    }
}

fn verify_sealed<D: Disk>(
    disk: &D,
    segment: &super::recovery::Found<D::File>,
    found: &mut Verified,
) -> Result<(), LogError> {
    let name = segment.header.name;
    let mut bytes = vec![0; segment.bytes as usize];
    let read = disk.read_at(&segment.file, 0, &mut bytes);
    read.map_err(|error| super::commit::failed("reading a segment", &error))?;
    found.bytes += segment.bytes;
    let end = segment.bytes - segment.trailer.footer_bytes();
    let seed = segment.header.seed();
    let mut footer = FooterBuilder::default();
    let damaged = found.damages.len();
    survey::walk(seed, &bytes, SEGMENT_HEADER_BYTES, end as usize, |seen| match seen {
        Seen::Entry(offset, entry) => {
            found.records += u64::from(entry.id.0 > 0);
            survey::note(&mut footer, offset, &entry);
        }
        Seen::Damage(offset, what) => {
            found.damages.push(Damage { file: name.file(), offset, what });
        }
    });
    let whole = found.damages.len() == damaged;
    let (_, expected) = footer.finish(seed);
    let sections = [Which::Records, Which::Fragments, Which::Releases];
    for (which, expected) in sections.into_iter().zip(&expected.sections) {
        match read_section(disk, segment, which) {
            Ok(section) if whole && section != *expected => {
                let what = "an index of what is in the segment";
                found.note(damage(name.file(), end, what))?;
            }
            Ok(_) => {}
            Err(error) => found.note(error)?,
        }
    }
    Ok(())
}

fn verify_tail<D: Disk>(
    opening: &Opening<'_, D>,
    name: SegmentName,
    last_n: u64,
    found: &mut Verified,
) -> Result<(), LogError> {
    let (file, bytes) = opening.open_segment(name)?;
    found.bytes += bytes;
    if bytes <= SEGMENT_HEADER_BYTES as u64 {
        // It was being made.
        return Ok(());
    }
    if let Ok(segment) = opening.sealed(name) {
        found.bytes -= bytes;
        return verify_sealed(opening.disk, &segment, found);
    }
    let header = opening.header(name, &file)?;
    let tail = tail::scan(opening.disk, &file, bytes, &header, last_n)?;
    found.records += tail.footer.records();
    let offset = tail.suspect.end;
    found.torn = tail.torn_bytes.map(|bytes| Cut { file: name.file(), offset, bytes });
    Ok(())
}
