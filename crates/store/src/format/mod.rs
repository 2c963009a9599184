//! The bytes on disk: `docs/file-format.md` describes them one by one. All numbers are little-endian.

mod batch;
mod footer;
mod manifest;
mod varint;

pub(crate) use batch::{
    BATCH_HEADER_BYTES, BATCH_MAGIC, BatchHeader, ENTRY_HEADER_BYTES, Entry, EntryHeader,
    FRAGMENT_HEADER_BYTES, Kind, Piece, entry_header, read_entry,
};
pub(crate) use footer::{
    Footer, FooterBuilder, FragmentLine, TRAILER_BYTES, Trailer, read_fragments, read_records,
    read_releases,
};
pub(crate) use manifest::{MANIFEST, MANIFEST_NEW, Manifest};

use crate::error::{Damage, LogError};

/// The version that this program writes, and the greatest it reads.
pub(crate) const VERSION: u16 = 3;
/// The file that is given up when the disk is full.
pub(crate) const RESERVE: &str = "reserve";
/// The file of a segment that was given back, and that the next one is written over.
pub(crate) const SPARE: &str = "spare";
/// The length of a segment's header.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 48;
const SEGMENT_MAGIC: [u8; 8] = *b"WARRNSEG";

/// Which segment: a number that only grows, and how often it was rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    pub(crate) number: u64,
    pub(crate) generation: u32,
}

impl SegmentName {
    pub(crate) fn file(self) -> String {
        format!("{:016x}.{:08x}.segment", self.number, self.generation)
    }

    /// The name under which a rewritten segment grows, before it is one.
    pub(crate) fn unfinished_file(self) -> String {
        format!("{}{UNFINISHED}", self.file())
    }

    pub(crate) fn parse(file: &str) -> Option<Self> {
        let (number, generation) = file.strip_suffix(".segment")?.split_once('.')?;
        let name = Self {
            number: u64::from_str_radix(number, 16).ok()?,
            generation: u32::from_str_radix(generation, 16).ok()?,
        };
        (name.file() == file).then_some(name)
    }
}

/// What follows the name of a file that is not finished: it is removed at the next opening.
pub(crate) const UNFINISHED: &str = ".new";

/// The first bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) name: SegmentName,
    pub(crate) epoch: u64,
    pub(crate) salt: u64,
    /// How long the file was when this segment took it over: what lies behind its end may be an older segment's.
    pub(crate) taken_bytes: u32,
}

impl SegmentHeader {
    /// With the salt that a damaged header says.
    pub(crate) fn salted(name: SegmentName, bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Self {
        Self { name, epoch: 0, salt: u64_at(bytes, 24), taken_bytes: 0 }
    }

    /// The header of a segment written by `epoch`, its salt drawn from the host's secret.
    pub(crate) fn new(name: SegmentName, epoch: u64, secret: u64) -> Self {
        let salt = [epoch, name.number, u64::from(name.generation)]
            .into_iter()
            .fold(secret, |salt, part| mix(salt ^ mix(part)));
        Self { name, epoch, salt, taken_bytes: 0 }
    }

    /// Where this segment's checksums start: bytes of another segment, or made up by somebody, do not pass.
    pub(crate) fn seed(&self) -> u32 {
        let seed = crc32c::crc32c(&self.salt.to_le_bytes());
        let seed = crc32c::crc32c_append(seed, &self.name.number.to_le_bytes());
        crc32c::crc32c_append(seed, &self.name.generation.to_le_bytes())
    }

    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.name.generation.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.name.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.salt.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.taken_bytes.to_le_bytes());
        let check = crc32c::crc32c(&bytes[..44]);
        bytes[44..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// The header of the segment `name`, or what is wrong with it.
    pub(crate) fn decode(name: SegmentName, bytes: &[u8]) -> Result<Self, LogError> {
        let damaged = |offset, what| damage(name.file(), offset, what);
        let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER_BYTES>() else {
            return Err(damaged(0, "a whole segment header"));
        };
        if bytes[..8] != SEGMENT_MAGIC {
            return Err(damaged(0, "the first bytes of a segment"));
        }
        if u32_at(bytes, 44) != crc32c::crc32c(&bytes[..44]) {
            return Err(damaged(0, "a segment header with its checksum"));
        }
        check_version(&name.file(), u16_at(bytes, 8))?;
        let header = Self {
            name: SegmentName { number: u64_at(bytes, 16), generation: u32_at(bytes, 12) },
            epoch: u64_at(bytes, 32),
            salt: u64_at(bytes, 24),
            taken_bytes: u32_at(bytes, 40),
        };
        if header.name != name {
            return Err(damaged(12, "the segment that the file is named after"));
        }
        Ok(header)
    }
}

fn check_version(file: &str, found: u16) -> Result<(), LogError> {
    if found <= VERSION {
        return Ok(());
    }
    Err(LogError::TooNew { file: file.into(), what: "format", found, known: VERSION })
}

pub(crate) fn damage(file: String, offset: u64, what: &'static str) -> LogError {
    LogError::Corrupt(Damage { file, offset, what })
}

/// Spreads the bits of a number over all of it (the finishing steps of splitmix64).
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
