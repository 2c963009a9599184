//! The last segment after an unclean end: what nothing says was synced is written once more, in its place.
//!
//! After a sync that failed, an operating system may show what it will never write, and say of the file that it is synced.
//! What is written over itself it has to write again. The bytes are the same, so a loss of power meanwhile cannot make
//! anything worse; and they have their place, so that a full disk is no reason not to.

use super::commit::{Failure, failed};
use super::tail::{Suspect, reread};
use crate::disk::Disk;
use crate::error::LogError;
use crate::format::SegmentHeader;
use std::io::IoSlice;

const DOING: &str = "writing the end of the last segment again";

/// Writes the batches of an unsealed segment over themselves from the first that may not be on disk, and cuts off what
/// follows the last of them. All of it is on disk after the next sync.
pub(super) fn rewrite_batches<D: Disk>(
    disk: &D,
    header: &SegmentHeader,
    file: &D::File,
    suspect: &Suspect,
) -> Result<(), LogError> {
    let mut start = suspect.start;
    while start < suspect.end {
        let batch = reread(disk, file, header, start)?;
        overwrite(disk, file, start, &batch)?;
        start += batch.len() as u64;
    }
    if suspect.end < suspect.file_bytes {
        disk.truncate(file, suspect.end).map_err(|error| failed("cutting a torn end", &error))?;
    }
    Ok(())
}

/// Writes the footer of a sealed segment over itself, and syncs it. Sealing has synced all before it.
pub(super) fn rewrite_footer<D: Disk>(
    disk: &D,
    file: &D::File,
    (start, end): (u64, u64),
) -> Result<(), LogError> {
    let mut footer = vec![0; (end - start) as usize];
    disk.read_at(file, start, &mut footer).map_err(|error| failed(DOING, &error))?;
    overwrite(disk, file, start, &footer)?;
    disk.sync(file).map_err(|error| failed(DOING, &error))
}

fn overwrite<D: Disk>(disk: &D, file: &D::File, offset: u64, bytes: &[u8]) -> Result<(), LogError> {
    let written = disk.write(file, offset, &mut [IoSlice::new(bytes)]);
    written.map_err(|error| match Failure::new(DOING, &error) {
        Failure::Full => LogError::Full { doing: DOING.into() },
        Failure::Failed(error) => error,
    })
}
