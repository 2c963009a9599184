//! The last resort for a damaged log: whatever still has its checksum goes into a new one.

use super::SegmentLog;
use super::commit::failed;
use super::recovery::{Found, Opening, Which, read_file, read_section, read_trailer};
use super::released::Released;
use super::survey::{self, Seen};
use super::verify::open_for_reading;
use crate::config::Config;
use crate::disk::Disk;
use crate::error::{Damage, LogError, Refused};
use crate::format::{
    Entry, Kind, Manifest, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentName, Trailer, read_entry,
    read_fragments, read_records,
};
use crate::log::{After, Append, Lane, Log, LogEvent, RecordId, Work};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What came of a salvage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Salvaged {
    /// How many records are in the new log.
    pub records: u64,
    /// How many of their bytes.
    pub bytes: u64,
    /// Records of which only a part was found: they are not in the new log.
    pub incomplete: u64,
    /// Everything in the old log that is not what was written. What was there is lost: records, and also the news that
    /// records were released, so that some may come back.
    pub damages: Vec<Damage>,
}

/// Copies what is whole of the log in `from`, which is left as it is, into a new log in `into`, which must be empty.
///
/// # Errors
/// When another process has the log open, a newer version wrote it, a disk fails, or `into` is not empty.
pub fn salvage<D: Disk, E: Disk>(from: &D, into: E, config: Config) -> Result<Salvaged, LogError> {
    let mut search = Search::default();
    let manifest = match open_for_reading(from) {
        Ok((_lock, _, manifest)) => {
            manifest.check_records(config.records_version)?;
            Some(manifest)
        }
        Err(LogError::Corrupt(damage)) => {
            search.salvaged.damages.push(damage);
            None
        }
        Err(error) => return Err(error),
    };
    let names = from.list().map_err(|error| failed("listing the directory", &error))?;
    for name in segments(from, names, manifest.as_ref(), &mut search) {
        search.look_into(from, name)?;
    }
    let last = manifest.map_or(0, |manifest| manifest.last_id).max(search.last);
    search.write(from, into, config, last)
}

/// The segments that count, in order; without a manifest all that there are.
fn segments<D: Disk>(
    disk: &D,
    names: Vec<String>,
    manifest: Option<&Manifest>,
    search: &mut Search,
) -> Vec<SegmentName> {
    let opening = Opening::new(disk, names);
    let Some(manifest) = manifest else { return opening.all() };
    let (there, missing): (Vec<SegmentName>, Vec<SegmentName>) =
        manifest.segments.iter().partition(|name| opening.has(**name));
    search.salvaged.damages.extend(missing.into_iter().map(|name| Damage {
        file: name.file(),
        offset: 0,
        what: "a segment that must be there",
    }));
    there.into_iter().chain(opening.unlisted(manifest)).collect()
}

/// Where an entry of a record lies.
#[derive(Clone, Copy, Debug)]
struct Piece {
    segment: SegmentName,
    seed: u32,
    offset: u64,
    bytes: usize,
    /// Where it belongs in the body, for a fragment.
    in_body: u64,
}

#[derive(Debug, Default)]
struct Search {
    records: BTreeMap<RecordId, (u64, Vec<Piece>)>,
    releases: Vec<(u64, u32)>,
    last: u64,
    salvaged: Salvaged,
}

impl Search {
    fn look_into<D: Disk>(&mut self, disk: &D, name: SegmentName) -> Result<(), LogError> {
        let read = read_file(disk, &name.file());
        let segment = read.map_err(|error| failed("reading a segment", &error))?;
        let damage = |offset, what| Damage { file: name.file(), offset, what };
        let Some(bytes) = segment.first_chunk::<SEGMENT_HEADER_BYTES>() else { return Ok(()) };
        let header = match SegmentHeader::decode(name, bytes) {
            Ok(header) => header,
            Err(LogError::Corrupt(damage)) => {
                self.salvaged.damages.push(damage);
                // What checksums begin from may be whole even so; if not, none will fit.
                SegmentHeader::salted(name, bytes)
            }
            Err(error) => return Err(error),
        };
        let seed = header.seed();
        let file = disk.open(&name.file()).map_err(|error| failed("reading a segment", &error))?;
        let trailer = read_trailer(disk, &file, segment.len() as u64, seed)?;
        let end = match trailer {
            Some(trailer) => segment.len() - trailer.footer_bytes() as usize,
            None if header.taken_bytes > 0 => survey::last_batch_end(seed, &segment),
            None => segment.len(),
        };
        let mut seen_at = BTreeSet::new();
        survey::walk(seed, &segment, SEGMENT_HEADER_BYTES, end, |seen| match seen {
            Seen::Damage(offset, what) => self.salvaged.damages.push(damage(offset, what)),
            Seen::Entry(offset, entry) => {
                seen_at.insert(offset);
                self.take(name, seed, offset, &entry);
            }
        });
        // The index knows where those are that stand behind a damaged length.
        let found =
            trailer.map(|trailer| Found { header, file, bytes: segment.len() as u64, trailer });
        for offset in found.iter().flat_map(|found| indexed(disk, found)) {
            let entry = segment.get(offset as usize..end).map(|bytes| read_entry(seed, bytes));
            if let Some(Ok(entry)) = entry.filter(|_| seen_at.insert(offset)) {
                self.take(name, seed, offset, &entry);
            }
        }
        Ok(())
    }

    fn take(&mut self, segment: SegmentName, seed: u32, offset: u64, entry: &Entry<'_>) {
        if entry.kind == Kind::Releases {
            self.releases.extend(entry.releases());
            return;
        }
        self.last = self.last.max(entry.id.0);
        let in_body = entry.piece.map_or(0, |piece| piece.offset);
        let found = self.records.entry(entry.id).or_default();
        found.0 = entry.piece.map_or(entry.body.len() as u64, |piece| piece.total);
        found.1.retain(|other| other.in_body != in_body);
        found.1.push(Piece { segment, seed, offset, bytes: entry.bytes, in_body });
    }

    /// Writes what was found, in the order of ids.
    fn write<D: Disk, E: Disk>(
        mut self,
        from: &D,
        into: E,
        config: Config,
        last: u64,
    ) -> Result<Salvaged, LogError> {
        let names = into.list().map_err(|error| failed("listing the new directory", &error))?;
        if !names.is_empty() {
            let doing = "the new directory is not empty".into();
            return Err(LogError::Io { kind: std::io::ErrorKind::AlreadyExists, doing });
        }
        let mut log = SegmentLog::new(into, config);
        log.open();
        run(&mut log)?;
        let released = Released::new(core::mem::take(&mut self.releases));
        for (id, (total, pieces)) in core::mem::take(&mut self.records) {
            if released.contains(id) {
                continue;
            }
            let Some(record) = assemble(from, id, total, pieces)? else {
                self.salvaged.incomplete += 1;
                continue;
            };
            append(&mut log, id, &record)?;
            self.salvaged.records += 1;
            self.salvaged.bytes += total;
            if log.backlog().bytes > u64::from(config.batch_bytes) {
                run(&mut log)?;
            }
        }
        let end = Assembled::default();
        // An id that was used once is not used again, though its record may be lost.
        if log.append(end.append(RecordId(last))).is_ok() {
            log.release(RecordId(last));
        }
        log.close();
        run(&mut log)?;
        Ok(self.salvaged)
    }
}

/// Where the entries of a segment begin, as far as its index says.
fn indexed<D: Disk>(disk: &D, segment: &Found<D::File>) -> Vec<u64> {
    let mut offsets = Vec::new();
    let Trailer { records, fragments, .. } = segment.trailer;
    if let Ok(section) = read_section(disk, segment, Which::Records) {
        // A line that makes no sense ends the list.
        let _ = read_records(&section, records.count, |line| offsets.push(line.offset.into()));
    }
    if let Ok(section) = read_section(disk, segment, Which::Fragments) {
        let _ = read_fragments(&section, fragments.count, |line| offsets.push(line.offset.into()));
    }
    offsets
}

/// A record that is all there.
#[derive(Debug, Default)]
struct Assembled {
    references: Vec<RecordId>,
    digest: Vec<u8>,
    body: [Bytes; 1],
}

impl Assembled {
    fn append(&self, id: RecordId) -> Append<'_> {
        Append {
            id,
            refers_to: &self.references,
            digest: &self.digest,
            body: &self.body,
            sync: false,
            after: After::Nothing,
        }
    }
}

fn assemble<D: Disk>(
    disk: &D,
    id: RecordId,
    total: u64,
    mut pieces: Vec<Piece>,
) -> Result<Option<Assembled>, LogError> {
    pieces.sort_by_key(|piece| piece.in_body);
    let mut record = Assembled::default();
    let mut body = Vec::new();
    for piece in &pieces {
        if piece.in_body != body.len() as u64 {
            return Ok(None);
        }
        let read = disk.open(&piece.segment.file()).and_then(|file| {
            let mut bytes = vec![0; piece.bytes];
            disk.read_at(&file, piece.offset, &mut bytes)?;
            Ok(bytes)
        });
        let bytes = read.map_err(|error| failed("reading a segment", &error))?;
        let Ok(entry) = read_entry(piece.seed, &bytes) else { return Ok(None) };
        body.extend_from_slice(entry.body);
        // The last fragment has them.
        record.references = entry.references().filter(|about| *about < id).collect();
        record.digest = entry.digest.to_vec();
    }
    if body.len() as u64 != total {
        return Ok(None);
    }
    record.body = [body.into()];
    Ok(Some(record))
}

fn append<E: Disk>(
    log: &mut SegmentLog<E>,
    id: RecordId,
    record: &Assembled,
) -> Result<(), LogError> {
    log.append(record.append(id)).map(|_| ()).map_err(|refused| match refused {
        Refused::TooLong { .. } | Refused::NotGrowing { .. } | Refused::WaitsInGroup => {
            LogError::Io {
                kind: std::io::ErrorKind::InvalidData,
                doing: format!("writing record {id} again: {refused}"),
            }
        }
        Refused::NotReady | Refused::Stopped => {
            LogError::Full { doing: "writing the new log".into() }
        }
    })
}

/// Does all work there is; the new log must not fail or fill up.
fn run<E: Disk>(log: &mut SegmentLog<E>) -> Result<(), LogError> {
    loop {
        let mut idle = true;
        for lane in Lane::ALL {
            while let Some(work) = log.poll_work(lane) {
                let done = work.run();
                log.handle_done(done);
                idle = false;
            }
        }
        while let Some(event) = log.poll_event() {
            idle = false;
            match event {
                LogEvent::Failed(error) => return Err(error),
                LogEvent::Full => {
                    return Err(LogError::Full { doing: "writing the new log".into() });
                }
                _ => {}
            }
        }
        if idle {
            return Ok(());
        }
    }
}
