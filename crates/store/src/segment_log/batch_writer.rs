//! What a batch is as bytes: entries in a buffer, and long parts of bodies from where they lie.

use super::pending::{Batch, PendingPiece, PendingRecord};
use crate::format::{
    BATCH_HEADER_BYTES, ENTRY_HEADER_BYTES, EntryHeader, Kind, SEGMENT_HEADER_BYTES, entry_header,
};
use bytes::Bytes;
use core::ops::Range;
use std::io::IoSlice;

/// Parts at least this long are written from where they lie.
const CHAIN_BYTES: usize = 16 << 10;

/// Turns a batch into bytes.
pub(super) struct BatchWriter<'a> {
    pub(super) buffer: Vec<u8>,
    /// What is written, in order: a stretch of the buffer, or a part of a body.
    chunks: Vec<Chunk<'a>>,
    seed: u32,
    /// Where the file's next byte goes.
    position: u64,
    pub(super) places: Vec<(u32, u32)>,
    pub(super) entries: u32,
    pub(super) entries_bytes: u32,
    pub(super) check: u32,
}

enum Chunk<'a> {
    Buffer(Range<usize>),
    Part(&'a Bytes),
}

impl<'a> BatchWriter<'a> {
    pub(super) fn new(mut buffer: Vec<u8>, seed: u32, position: u64) -> Self {
        buffer.clear();
        buffer.resize(BATCH_HEADER_BYTES, 0);
        Self {
            buffer,
            chunks: Vec::new(),
            seed,
            position: position + BATCH_HEADER_BYTES as u64,
            places: Vec::new(),
            entries: 0,
            entries_bytes: 0,
            check: 0,
        }
    }

    pub(super) fn batch(&mut self, batch: &'a Batch) {
        self.places.reserve(batch.records.len() + batch.pieces.len());
        for record in batch.records.iter().filter(|record| !record.released) {
            let place = self.record(batch, record);
            self.places.push(place);
        }
        for piece in &batch.pieces {
            let place = self.piece(piece);
            self.places.push(place);
        }
        if !batch.releases.is_empty() {
            self.releases(&batch.releases);
        }
    }

    fn record(&mut self, batch: &'a Batch, record: &PendingRecord) -> (u32, u32) {
        let start = self.buffer.len();
        self.buffer.extend(entry_header(EntryHeader {
            kind: Kind::Record,
            id: record.id.0,
            references: record.references.len() as u16,
            digest_bytes: record.digest.len() as u32,
            body_bytes: record.body_bytes,
        }));
        for reference in &batch.references[record.references.clone()] {
            self.buffer.extend(reference.0.to_le_bytes());
        }
        self.buffer.extend_from_slice(&batch.copied[record.digest.start..record.body.end]);
        self.finish(start, &batch.parts[record.parts.clone()])
    }

    fn piece(&mut self, piece: &'a PendingPiece) -> (u32, u32) {
        let start = self.buffer.len();
        let (digest, references) = piece.facts.as_ref().map_or((&[][..], &[][..]), |(d, r)| (d, r));
        self.buffer.extend(entry_header(EntryHeader {
            kind: Kind::Fragment,
            id: piece.id.0,
            references: references.len() as u16,
            digest_bytes: digest.len() as u32,
            body_bytes: piece.body_bytes,
        }));
        self.buffer.extend(piece.offset.to_le_bytes());
        self.buffer.extend(piece.total.to_le_bytes());
        for reference in references {
            self.buffer.extend(reference.0.to_le_bytes());
        }
        self.buffer.extend_from_slice(digest);
        self.finish(start, &piece.parts)
    }

    fn releases(&mut self, runs: &[(u64, u32)]) {
        let start = self.buffer.len();
        self.buffer.extend(entry_header(EntryHeader {
            kind: Kind::Releases,
            id: 0,
            references: 0,
            digest_bytes: 0,
            body_bytes: runs.len() as u32 * 12,
        }));
        for (first, count) in runs {
            self.buffer.extend(first.to_le_bytes());
            self.buffer.extend(count.to_le_bytes());
        }
        self.finish(start, &[]);
    }

    /// Adds the body to the entry that begins at `start` in the buffer, and its checksum; where the entry lies.
    fn finish(&mut self, start: usize, parts: &'a [Bytes]) -> (u32, u32) {
        let mut check = self.seed;
        let mut checked = start + 4;
        let mut bytes = 0;
        for part in parts {
            if part.len() < CHAIN_BYTES {
                self.buffer.extend_from_slice(part);
                continue;
            }
            check = crc32c::crc32c_append(check, &self.buffer[checked..]);
            checked = self.buffer.len();
            check = crc32c::crc32c_append(check, part);
            self.close_chunk();
            self.chunks.push(Chunk::Part(part));
            bytes += part.len();
        }
        check = crc32c::crc32c_append(check, &self.buffer[checked..]);
        bytes += self.buffer.len() - start;
        self.buffer[start..start + 4].copy_from_slice(&check.to_le_bytes());
        self.check = crc32c::crc32c_append(self.check, &check.to_le_bytes());
        let place = (self.position as u32, bytes as u32);
        self.position += bytes as u64;
        self.entries += 1;
        self.entries_bytes += bytes as u32;
        place
    }

    fn close_chunk(&mut self) {
        let start = self.buffered();
        if start < self.buffer.len() {
            self.chunks.push(Chunk::Buffer(start..self.buffer.len()));
        }
    }

    /// How much of the buffer is in chunks already.
    fn buffered(&self) -> usize {
        let last = self.chunks.iter().rev().find_map(|chunk| match chunk {
            Chunk::Buffer(range) => Some(range.end),
            Chunk::Part(_) => None,
        });
        last.unwrap_or(0)
    }

    pub(super) fn parts(&self) -> Vec<IoSlice<'_>> {
        let rest = &self.buffer[self.buffered()..];
        let chunks = self.chunks.iter().map(|chunk| match chunk {
            Chunk::Buffer(range) => IoSlice::new(&self.buffer[range.clone()]),
            Chunk::Part(part) => IoSlice::new(part),
        });
        chunks.chain((!rest.is_empty()).then(|| IoSlice::new(rest))).collect()
    }
}

/// A batch with nothing in front of it is this long at least.
const _: () = assert!(BATCH_HEADER_BYTES + ENTRY_HEADER_BYTES < SEGMENT_HEADER_BYTES * 2);
