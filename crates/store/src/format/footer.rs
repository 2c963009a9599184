//! The end of a sealed segment: an index of its entries with their digests, so that recovery reads no bodies.

use super::batch::{ENTRY_HEADER_BYTES, FRAGMENT_HEADER_BYTES, Piece};
use super::{u32_at, u64_at, varint};
use crate::log::RecordId;
use core::ops::Range;
use std::io::IoSlice;

pub(crate) const TRAILER_BYTES: usize = 80;
const TRAILER_MAGIC: [u8; 8] = *b"WARRNEND";

/// A whole record, as the index tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordLine {
    pub(crate) id: RecordId,
    /// Where its entry begins in the file, and how long it is.
    pub(crate) offset: u32,
    pub(crate) bytes: u32,
    pub(crate) body_bytes: u32,
    pub(crate) references: Vec<RecordId>,
    /// Where its digest lies in the section.
    pub(crate) digest: Range<usize>,
}

/// A fragment, as the index tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FragmentLine {
    pub(crate) id: RecordId,
    pub(crate) offset: u32,
    pub(crate) bytes: u32,
    pub(crate) piece: Piece,
    pub(crate) body_bytes: u32,
    pub(crate) references: Vec<RecordId>,
    pub(crate) digest: Range<usize>,
}

/// The last bytes of a sealed segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// The batches in it, from the first to the last; both zero in a rewritten segment.
    pub(crate) first_n: u64,
    pub(crate) last_n: u64,
    /// The greatest record id in it, releases included.
    pub(crate) last_id: u64,
    /// Length, count and checksum of each section, in the order in which they lie.
    pub(crate) records: Section,
    pub(crate) fragments: Section,
    pub(crate) releases: Section,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) bytes: u32,
    pub(crate) count: u32,
    pub(crate) check: u32,
}

impl Trailer {
    fn encode(&self, seed: u32) -> [u8; TRAILER_BYTES] {
        let mut out = [0; TRAILER_BYTES];
        out[..8].copy_from_slice(&TRAILER_MAGIC);
        out[8..16].copy_from_slice(&self.first_n.to_le_bytes());
        out[16..24].copy_from_slice(&self.last_n.to_le_bytes());
        out[24..32].copy_from_slice(&self.last_id.to_le_bytes());
        for (at, section) in [(32, self.records), (44, self.fragments), (56, self.releases)] {
            out[at..at + 4].copy_from_slice(&section.bytes.to_le_bytes());
            out[at + 4..at + 8].copy_from_slice(&section.count.to_le_bytes());
            out[at + 8..at + 12].copy_from_slice(&section.check.to_le_bytes());
        }
        let check = crc32c::crc32c_append(seed, &out[..76]);
        out[76..].copy_from_slice(&check.to_le_bytes());
        out
    }

    /// The trailer that `bytes` are, if they are one.
    pub(crate) fn decode(seed: u32, bytes: &[u8; TRAILER_BYTES]) -> Option<Self> {
        let sound = bytes[..8] == TRAILER_MAGIC
            && u32_at(bytes, 76) == crc32c::crc32c_append(seed, &bytes[..76]);
        let section = |at| Section {
            bytes: u32_at(bytes, at),
            count: u32_at(bytes, at + 4),
            check: u32_at(bytes, at + 8),
        };
        sound.then(|| Self {
            first_n: u64_at(bytes, 8),
            last_n: u64_at(bytes, 16),
            last_id: u64_at(bytes, 24),
            records: section(32),
            fragments: section(44),
            releases: section(56),
        })
    }

    /// The length of the sections and the trailer together.
    pub(crate) fn footer_bytes(&self) -> u64 {
        [self.records, self.fragments, self.releases]
            .iter()
            .map(|section| u64::from(section.bytes))
            .sum::<u64>()
            + TRAILER_BYTES as u64
    }
}

/// A footer with its sections, ready to be written.
#[derive(Debug)]
pub(crate) struct Footer {
    pub(crate) sections: [Vec<u8>; 3],
    pub(crate) trailer: [u8; TRAILER_BYTES],
}

impl Footer {
    /// All of it, in the pieces it lies in.
    pub(crate) fn parts(&self) -> [IoSlice<'_>; 4] {
        let [records, fragments, releases] = &self.sections;
        [&records[..], fragments, releases, &self.trailer].map(IoSlice::new)
    }
}

/// Grows while a segment is written.
#[derive(Debug, Default)]
pub(crate) struct FooterBuilder {
    trailer: Trailer,
    records: Vec<u8>,
    fragments: Vec<u8>,
    releases: Vec<u8>,
    record_id: u64,
    record_end: u32,
}

impl FooterBuilder {
    /// With sections of any bytes, and their counts: for fuzzing.
    pub(crate) fn of_bytes(sections: [(&[u8], u8); 3]) -> Self {
        let [records, fragments, releases] = sections;
        let mut builder = Self::default();
        builder.trailer.records.count = records.1.into();
        builder.trailer.fragments.count = fragments.1.into();
        builder.trailer.releases.count = releases.1.into();
        builder.records = records.0.into();
        builder.fragments = fragments.0.into();
        builder.releases = releases.0.into();
        builder
    }

    pub(crate) fn batch(&mut self, n: u64) {
        if self.trailer.first_n == 0 {
            self.trailer.first_n = n;
        }
        self.trailer.last_n = n;
    }

    /// The last record noted, or one before all others.
    pub(crate) const fn last_record(&self) -> RecordId {
        RecordId(self.record_id)
    }

    /// A record; they come in the order of their ids and of their places.
    pub(crate) fn record(
        &mut self,
        id: RecordId,
        (offset, bytes): (u32, u32),
        references: impl ExactSizeIterator<Item = RecordId>,
        digest: &[u8],
    ) {
        let out = &mut self.records;
        varint::put(out, id.0 - self.record_id);
        varint::put(out, u64::from(offset - self.record_end));
        varint::put(out, u64::from(bytes));
        put_facts(out, id, references, digest);
        self.record_id = id.0;
        self.record_end = offset + bytes;
        self.trailer.records.count += 1;
        self.trailer.last_id = self.trailer.last_id.max(id.0);
    }

    pub(crate) fn fragment(
        &mut self,
        id: RecordId,
        (offset, bytes): (u32, u32),
        piece: Piece,
        references: impl ExactSizeIterator<Item = RecordId>,
        digest: &[u8],
    ) {
        let out = &mut self.fragments;
        for value in [id.0, u64::from(offset), u64::from(bytes), piece.offset, piece.total] {
            varint::put(out, value);
        }
        put_facts(out, id, references, digest);
        self.trailer.fragments.count += 1;
        self.trailer.last_id = self.trailer.last_id.max(id.0);
    }

    pub(crate) fn release(&mut self, first: u64, count: u32) {
        varint::put(&mut self.releases, first);
        varint::put(&mut self.releases, u64::from(count));
        self.trailer.releases.count += 1;
        // An id that has a release must not come again: the release would take the new record too.
        let last = first.saturating_add(u64::from(count).saturating_sub(1));
        self.trailer.last_id = self.trailer.last_id.max(last);
    }

    /// How many records are in it, each fragment of a large one counted.
    pub(crate) const fn records(&self) -> u64 {
        self.trailer.records.count as u64 + self.trailer.fragments.count as u64
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        let trailer = &self.trailer;
        trailer.records.count + trailer.fragments.count + trailer.releases.count == 0
    }

    /// How long the footer is by now.
    pub(crate) fn bytes(&self) -> u64 {
        let sections = self.records.len() + self.fragments.len() + self.releases.len();
        (sections + TRAILER_BYTES) as u64
    }

    pub(crate) fn finish(&self, seed: u32) -> (Trailer, Footer) {
        let mut trailer = self.trailer;
        for (section, bytes) in [
            (&mut trailer.records, &self.records),
            (&mut trailer.fragments, &self.fragments),
            (&mut trailer.releases, &self.releases),
        ] {
            section.bytes = bytes.len() as u32;
            section.check = crc32c::crc32c_append(seed, bytes);
        }
        let sections = [self.records.clone(), self.fragments.clone(), self.releases.clone()];
        (trailer, Footer { sections, trailer: trailer.encode(seed) })
    }
}

/// What records and fragments have in common.
fn put_facts(
    out: &mut Vec<u8>,
    id: RecordId,
    references: impl ExactSizeIterator<Item = RecordId>,
    digest: &[u8],
) {
    varint::put(out, references.len() as u64);
    for reference in references {
        // Nearly always a small number: what is said about a record is said soon.
        varint::put(out, id.0.wrapping_sub(reference.0));
    }
    varint::put(out, digest.len() as u64);
    out.extend_from_slice(digest);
}

/// Reads the lines of a section of records; what is wrong with it otherwise.
pub(crate) fn read_records(
    section: &[u8],
    count: u32,
    mut each: impl FnMut(RecordLine),
) -> Result<(), &'static str> {
    const DAMAGED: &str = "an index of records";
    let mut input = section;
    let (mut id, mut end) = (0_u64, 0_u32);
    for _ in 0..count {
        let mut line = || {
            id = id.checked_add(varint::take(&mut input)?)?;
            let offset = end.checked_add(take_u32(&mut input)?)?;
            let bytes = take_u32(&mut input)?;
            end = offset.checked_add(bytes)?;
            let id = RecordId(id);
            let (references, digest) = take_facts(section, &mut input, id)?;
            let overhead = ENTRY_HEADER_BYTES + references.len() * 8 + digest.len();
            let body_bytes = bytes.checked_sub(u32::try_from(overhead).ok()?)?;
            Some(RecordLine { id, offset, bytes, body_bytes, references, digest })
        };
        each(line().ok_or(DAMAGED)?);
    }
    if input.is_empty() { Ok(()) } else { Err(DAMAGED) }
}

/// Reads the lines of a section of fragments.
pub(crate) fn read_fragments(
    section: &[u8],
    count: u32,
    mut each: impl FnMut(FragmentLine),
) -> Result<(), &'static str> {
    const DAMAGED: &str = "an index of fragments";
    let mut input = section;
    for _ in 0..count {
        let mut line = || {
            let id = RecordId(varint::take(&mut input)?);
            let (offset, bytes) = (take_u32(&mut input)?, take_u32(&mut input)?);
            offset.checked_add(bytes)?;
            let (offset_in_body, total) = (varint::take(&mut input)?, varint::take(&mut input)?);
            let (references, digest) = take_facts(section, &mut input, id)?;
            let overhead =
                ENTRY_HEADER_BYTES + FRAGMENT_HEADER_BYTES + references.len() * 8 + digest.len();
            let body_bytes = bytes.checked_sub(u32::try_from(overhead).ok()?)?;
            let within = offset_in_body.checked_add(u64::from(body_bytes))? <= total;
            let piece = Piece { offset: offset_in_body, total };
            within.then_some(FragmentLine {
                id,
                offset,
                bytes,
                piece,
                body_bytes,
                references,
                digest,
            })
        };
        each(line().ok_or(DAMAGED)?);
    }
    if input.is_empty() { Ok(()) } else { Err(DAMAGED) }
}

/// Reads the runs of a section of releases.
pub(crate) fn read_releases(
    section: &[u8],
    count: u32,
    mut each: impl FnMut(u64, u32),
) -> Result<(), &'static str> {
    const DAMAGED: &str = "an index of releases";
    let mut input = section;
    for _ in 0..count {
        let first = varint::take(&mut input).ok_or(DAMAGED)?;
        each(first, take_u32(&mut input).ok_or(DAMAGED)?);
    }
    if input.is_empty() { Ok(()) } else { Err(DAMAGED) }
}

fn take_u32(input: &mut &[u8]) -> Option<u32> {
    varint::take(input)?.try_into().ok()
}

fn take_facts(
    section: &[u8],
    input: &mut &[u8],
    id: RecordId,
) -> Option<(Vec<RecordId>, Range<usize>)> {
    let count = varint::take(input)?;
    if count > u64::from(u16::MAX) {
        return None;
    }
    let mut references = Vec::new();
    for _ in 0..count {
        references.push(RecordId(id.0.wrapping_sub(varint::take(input)?)));
    }
    let length = usize::try_from(varint::take(input)?).ok()?;
    let start = section.len() - input.len();
    *input = input.get(length..)?;
    Some((references, start..start + length))
}
