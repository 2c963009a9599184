//! The last segment after an unclean end: written anew, because nobody knows what the disk has of it.
//!
//! After a sync that failed, an operating system may show what it will never write, and say of the old file that it is
//! synced. A new file it has to write.

use super::commit::{Failure, append, failed};
use crate::disk::Disk;
use crate::format::{Footer, SegmentName};
use std::io::{self, IoSlice};

/// How much is copied at a time.
const WINDOW_BYTES: u64 = 1 << 20;

const DOING: &str = "writing the last segment anew";

/// Puts a synced copy of the first `bytes` of a segment, with a footer if it lacks one, in the place of the segment.
/// [`Failure::Full`]: there is no room for it, and all is as it was.
pub(super) fn renew<D: Disk>(
    disk: &D,
    name: SegmentName,
    file: &D::File,
    bytes: u64,
    footer: Option<&Footer>,
) -> Result<D::File, Failure> {
    let unfinished = name.unfinished_file();
    remove(disk, &unfinished)?;
    let copied = copy(disk, &unfinished, file, bytes, footer);
    if copied.as_ref().is_err_and(|failure| *failure == Failure::Full) {
        remove(disk, &unfinished)?;
    }
    let copy = copied?;
    let placed = disk.rename(&unfinished, &name.file()).and_then(|()| disk.sync_dir());
    placed.map_err(|error| Failure::Failed(failed(DOING, &error)))?;
    Ok(copy)
}

fn copy<D: Disk>(
    disk: &D,
    into: &str,
    file: &D::File,
    bytes: u64,
    footer: Option<&Footer>,
) -> Result<D::File, Failure> {
    let failure = |error: io::Error| Failure::new(DOING, &error);
    let copy = disk.create(into).map_err(failure)?;
    let mut window = Vec::new();
    let mut start = 0;
    while start < bytes {
        window.resize((bytes - start).min(WINDOW_BYTES) as usize, 0);
        disk.read_at(file, start, &mut window).map_err(failure)?;
        append(disk, &copy, start, &mut [IoSlice::new(&window)], DOING)?;
        start += window.len() as u64;
    }
    if let Some(footer) = footer {
        append(disk, &copy, bytes, &mut footer.parts(), DOING)?;
    }
    disk.sync(&copy).map_err(failure)?;
    Ok(copy)
}

fn remove(disk: &impl Disk, name: &str) -> Result<(), Failure> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::Failed(failed(DOING, &error)))
        }
        _ => Ok(()),
    }
}
