//! The manifest: which segments there are, in one small file that is replaced as a whole.

use super::{SegmentName, VERSION, check_version, damage, u16_at, u32_at, u64_at};
use crate::error::LogError;

/// The manifest's file.
pub(crate) const MANIFEST: &str = "manifest";
/// The next one, before it takes the place of the last.
pub(crate) const MANIFEST_NEW: &str = "manifest.new";

const MAGIC: [u8; 8] = *b"WARRNMAN";
const HEADER_BYTES: usize = 48;
const LINE_BYTES: usize = 12;

/// The segments that must be there; one with a number from `unlisted` on is there without being listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) epoch: u64,
    /// The version of what the host put into the records; 0 in version 1 of the files.
    pub(crate) records_version: u16,
    /// Numbers from here on were given after this was written: they follow each other without a gap.
    pub(crate) unlisted: u64,
    /// No record id up to here may be used again.
    pub(crate) last_id: u64,
    /// The number of the last batch in the segments listed, or that was in one removed.
    pub(crate) last_n: u64,
    /// In order of their numbers.
    pub(crate) segments: Vec<SegmentName>,
}

impl Manifest {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.segments.len() * LINE_BYTES + 4);
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend(self.records_version.to_le_bytes());
        out.extend((self.segments.len() as u32).to_le_bytes());
        out.extend(self.epoch.to_le_bytes());
        out.extend(self.unlisted.to_le_bytes());
        out.extend(self.last_id.to_le_bytes());
        out.extend(self.last_n.to_le_bytes());
        for name in &self.segments {
            out.extend(name.number.to_le_bytes());
            out.extend(name.generation.to_le_bytes());
        }
        out.extend(crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// Refuses what a newer version of the host has written.
    pub(crate) fn check_records(&self, known: u16) -> Result<(), LogError> {
        let found = self.records_version;
        if found <= known {
            return Ok(());
        }
        Err(LogError::TooNew { file: MANIFEST.into(), what: "records", found, known })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, LogError> {
        let damaged = |offset, what| damage(MANIFEST.into(), offset, what);
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(damaged(0, "a whole manifest"));
        };
        if header[..8] != MAGIC {
            return Err(damaged(0, "the first bytes of a manifest"));
        }
        // Before the checksum: a newer version may keep it elsewhere.
        check_version(MANIFEST, u16_at(header, 8))?;
        let (body, check) = bytes.split_at(bytes.len() - 4);
        if u32_at(check, 0) != crc32c::crc32c(body) {
            return Err(damaged(body.len() as u64, "the manifest's checksum"));
        }
        let lines = body.get(HEADER_BYTES..).unwrap_or_default();
        if lines.len() != u32_at(header, 12) as usize * LINE_BYTES {
            return Err(damaged(12, "as many segments as counted"));
        }
        let segments: Vec<_> = lines
            .chunks_exact(LINE_BYTES)
            .map(|line| SegmentName { number: u64_at(line, 0), generation: u32_at(line, 8) })
            .collect();
        let unlisted = u64_at(header, 24);
        let in_order = segments.windows(2).all(|pair| pair[0].number < pair[1].number)
            && segments.last().is_none_or(|last| last.number < unlisted);
        if !in_order {
            return Err(damaged(HEADER_BYTES as u64, "segments in order"));
        }
        Ok(Self {
            epoch: u64_at(header, 16),
            records_version: u16_at(header, 10),
            unlisted,
            last_id: u64_at(header, 32),
            last_n: u64_at(header, 40),
            segments,
        })
    }
}
