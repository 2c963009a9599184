//! Reading all of a segment, whatever state it is in.

use super::tail;
use crate::format::{
    BATCH_HEADER_BYTES, BATCH_MAGIC, BatchHeader, ENTRY_HEADER_BYTES, Entry, FooterBuilder, Kind,
    SEGMENT_HEADER_BYTES, read_entry,
};

/// Something in a segment.
#[derive(Debug)]
pub(super) enum Seen<'a> {
    /// An entry with its checksum, and where it begins.
    Entry(u64, Entry<'a>),
    /// Something else than what was expected there.
    Damage(u64, &'static str),
}

/// Tells of everything between two offsets of a segment, in order. Behind damage it goes on where something is whole again.
pub(super) fn walk<'a>(
    seed: u32,
    segment: &'a [u8],
    from: usize,
    end: usize,
    mut see: impl FnMut(Seen<'a>),
) {
    let mut at = from;
    while at < end {
        let header = segment[..end].get(at..at + BATCH_HEADER_BYTES);
        let header = header.and_then(|bytes| BatchHeader::decode(seed, bytes));
        let entries = (at + BATCH_HEADER_BYTES).min(end);
        let Some(batch) = header else {
            see(Seen::Damage(at as u64, "a batch"));
            let next = next_batch(seed, &segment[..end], at + 1);
            walk_entries(seed, &segment[..next], entries.min(next), |_, seen| see(seen));
            at = next;
            continue;
        };
        let next = entries + batch.bytes as usize;
        if next > end {
            see(Seen::Damage(at as u64, "a whole batch"));
        }
        let (mut count, mut check, mut sound) = (0, 0, true);
        walk_entries(seed, &segment[..next.min(end)], entries, |entry, seen| {
            sound &= entry.is_some();
            if let Some(own) = entry {
                count += 1;
                check = crc32c::crc32c_append(check, &own.to_le_bytes());
            }
            see(seen);
        });
        if sound && next <= end && (count, check) != (batch.entries, batch.check) {
            see(Seen::Damage(at as u64, "a batch with its checksum"));
        }
        at = next;
    }
}

/// Tells of entries up to the end of `segment`, each with its checksum if it is whole.
fn walk_entries<'a>(
    seed: u32,
    segment: &'a [u8],
    from: usize,
    mut see: impl FnMut(Option<u32>, Seen<'a>),
) {
    let mut at = from;
    while at < segment.len() {
        match read_entry(seed, &segment[at..]) {
            Ok(entry) => {
                let (offset, bytes) = (at as u64, entry.bytes);
                see(Some(entry.check), Seen::Entry(offset, entry));
                at += bytes;
            }
            Err(what) => {
                see(None, Seen::Damage(at as u64, what));
                // Its length may be right even so; then something whole follows.
                let next = at.saturating_add(declared_bytes(&segment[at..]));
                let follows =
                    segment.get(next..).is_some_and(|rest| read_entry(seed, rest).is_ok());
                if !follows {
                    return;
                }
                at = next;
            }
        }
    }
}

fn declared_bytes(entry: &[u8]) -> usize {
    let Some(header) = entry.first_chunk::<ENTRY_HEADER_BYTES>() else { return usize::MAX };
    let number = |at: usize| {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u32::from_le_bytes(bytes) as usize
    };
    let references = usize::from(u16::from_le_bytes([header[6], header[7]])) * 8;
    let fragment = if header[4] == 2 { crate::format::FRAGMENT_HEADER_BYTES } else { 0 };
    ENTRY_HEADER_BYTES + fragment + references + number(8) + number(12)
}

/// Where the last batch ends of which the header is there: what follows in a segment that is not sealed may be what its
/// file held before.
pub(super) fn last_batch_end(seed: u32, segment: &[u8]) -> usize {
    let (mut end, mut at) = (SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES);
    loop {
        at = next_batch(seed, segment, at);
        let Some(batch) = segment.get(at..).and_then(|bytes| BatchHeader::decode(seed, bytes))
        else {
            return end.min(segment.len());
        };
        at += BATCH_HEADER_BYTES;
        end = end.max(at + batch.bytes as usize);
    }
}

/// Where the next whole header of a batch is, or the end.
fn next_batch(seed: u32, segment: &[u8], from: usize) -> usize {
    let rest = segment.get(from..).unwrap_or_default();
    let found = rest
        .windows(BATCH_HEADER_BYTES)
        .position(|bytes| bytes[..4] == BATCH_MAGIC && BatchHeader::decode(seed, bytes).is_some());
    found.map_or(segment.len(), |place| from + place)
}

/// Notes an entry in the index of a segment.
pub(super) fn note(footer: &mut FooterBuilder, offset: u64, entry: &Entry<'_>) {
    if entry.kind == Kind::Record && entry.id <= footer.last_record() {
        // No index can name it; that there is something wrong is noticed by comparing.
        return;
    }
    tail::note_entry(footer, offset as u32, entry);
}
