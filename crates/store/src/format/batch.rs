//! Batches, the unit that is on disk altogether or not at all, and the entries in them.

use super::{u16_at, u32_at, u64_at};
use crate::log::RecordId;

pub(crate) const BATCH_HEADER_BYTES: usize = 48;
pub(crate) const BATCH_MAGIC: [u8; 4] = *b"WBAT";

/// What stands before the entries of one group commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) epoch: u64,
    /// One more than the batch before it, over all segments.
    pub(crate) n: u64,
    /// The last batch known to be synced when this one was written: damage in it or before it is no torn end.
    pub(crate) synced: u64,
    /// The length of the entries together.
    pub(crate) bytes: u32,
    pub(crate) entries: u32,
    /// Over the checksums of the entries.
    pub(crate) check: u32,
}

impl BatchHeader {
    pub(crate) fn encode(&self, seed: u32) -> [u8; BATCH_HEADER_BYTES] {
        let mut out = [0; BATCH_HEADER_BYTES];
        out[..4].copy_from_slice(&BATCH_MAGIC);
        out[8..16].copy_from_slice(&self.epoch.to_le_bytes());
        out[16..24].copy_from_slice(&self.n.to_le_bytes());
        out[24..32].copy_from_slice(&self.synced.to_le_bytes());
        out[32..36].copy_from_slice(&self.bytes.to_le_bytes());
        out[36..40].copy_from_slice(&self.entries.to_le_bytes());
        out[40..44].copy_from_slice(&self.check.to_le_bytes());
        let check = crc32c::crc32c_append(seed, &out[8..]);
        out[4..8].copy_from_slice(&check.to_le_bytes());
        out
    }

    /// The header at the front of `bytes`, if there is one with its checksum.
    pub(crate) fn decode(seed: u32, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<BATCH_HEADER_BYTES>()?;
        let sound = bytes[..4] == BATCH_MAGIC
            && u32_at(bytes, 4) == crc32c::crc32c_append(seed, &bytes[8..]);
        sound.then(|| Self {
            epoch: u64_at(bytes, 8),
            n: u64_at(bytes, 16),
            synced: u64_at(bytes, 24),
            bytes: u32_at(bytes, 32),
            entries: u32_at(bytes, 36),
            check: u32_at(bytes, 40),
        })
    }
}

pub(crate) const ENTRY_HEADER_BYTES: usize = 24;
/// What stands between a fragment's header and its bytes.
pub(crate) const FRAGMENT_HEADER_BYTES: usize = 16;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Record = 1,
    Fragment = 2,
    Releases = 3,
}

/// Which part of a body a fragment carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) offset: u64,
    pub(crate) total: u64,
}

impl Piece {
    /// Whether a fragment with `bytes` of the body is the last one, which brings the digest and the references.
    pub(crate) fn is_last(self, bytes: u64) -> bool {
        self.offset + bytes == self.total
    }
}

/// The lengths of an entry's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryHeader {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) references: u16,
    pub(crate) digest_bytes: u32,
    pub(crate) body_bytes: u32,
}

/// The header of an entry, its checksum still zero.
pub(crate) fn entry_header(header: EntryHeader) -> [u8; ENTRY_HEADER_BYTES] {
    let mut out = [0; ENTRY_HEADER_BYTES];
    out[4] = header.kind as u8;
    out[6..8].copy_from_slice(&header.references.to_le_bytes());
    out[8..12].copy_from_slice(&header.digest_bytes.to_le_bytes());
    out[12..16].copy_from_slice(&header.body_bytes.to_le_bytes());
    out[16..24].copy_from_slice(&header.id.to_le_bytes());
    out
}

/// An entry, taken apart where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) kind: Kind,
    pub(crate) id: RecordId,
    pub(crate) check: u32,
    pub(crate) piece: Option<Piece>,
    references: &'a [u8],
    pub(crate) digest: &'a [u8],
    pub(crate) body: &'a [u8],
    /// Its whole length.
    pub(crate) bytes: usize,
}

impl<'a> Entry<'a> {
    pub(crate) fn references(&self) -> impl Iterator<Item = RecordId> + use<'a> {
        self.references.chunks_exact(8).map(|id| RecordId(u64_at(id, 0)))
    }

    /// The runs of ids that an entry of releases names: the first id and how many.
    pub(crate) fn releases(&self) -> impl Iterator<Item = (u64, u32)> + use<'a> {
        self.body.chunks_exact(12).map(|run| (u64_at(run, 0), u32_at(run, 8)))
    }
}

/// The entry at the front of `bytes`, or what is wrong with it.
pub(crate) fn read_entry(seed: u32, bytes: &[u8]) -> Result<Entry<'_>, &'static str> {
    const SHORT: &str = "a whole entry";
    let header = bytes.first_chunk::<ENTRY_HEADER_BYTES>().ok_or(SHORT)?;
    let kind = match header[4] {
        1 => Kind::Record,
        2 => Kind::Fragment,
        3 => Kind::Releases,
        _ => return Err("an entry of a known kind"),
    };
    let references_bytes = usize::from(u16_at(header, 6)) * 8;
    let digest_bytes = u32_at(header, 8) as usize;
    let body_bytes = u32_at(header, 12) as usize;
    let fragment_bytes = if kind == Kind::Fragment { FRAGMENT_HEADER_BYTES } else { 0 };
    let rest = ENTRY_HEADER_BYTES + fragment_bytes;
    let whole = rest + references_bytes + digest_bytes + body_bytes;
    let entry = bytes.get(..whole).ok_or(SHORT)?;
    let check = u32_at(header, 0);
    if crc32c::crc32c_append(seed, &entry[4..]) != check {
        return Err("an entry with its checksum");
    }
    let piece = (kind == Kind::Fragment).then(|| Piece {
        offset: u64_at(entry, ENTRY_HEADER_BYTES),
        total: u64_at(entry, ENTRY_HEADER_BYTES + 8),
    });
    if piece.is_some_and(|piece| {
        piece.offset.checked_add(body_bytes as u64).is_none_or(|end| end > piece.total)
    }) {
        return Err("a fragment within its record");
    }
    let (references, rest) = entry[rest..].split_at(references_bytes);
    let (digest, body) = rest.split_at(digest_bytes);
    let id = RecordId(u64_at(header, 16));
    Ok(Entry { kind, id, check, piece, references, digest, body, bytes: whole })
}
