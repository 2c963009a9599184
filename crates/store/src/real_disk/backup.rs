//! A copy of a log while it is in use, as of one moment.
//!
//! It needs nothing of the process that has the log open, because sealed segments never change and the manifest is
//! replaced in one step: see `docs/file-format.md`.

use super::{make_directory, sync_directory};
use crate::error::LogError;
use crate::format::{MANIFEST, Manifest, SegmentName};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Segments are held here while they are copied.
const HELD: &str = "backup";
/// Locked while somebody makes a backup.
const LOCK: &str = "backup.lock";
/// So often segments may be given back under our hands before we call it a day.
const ATTEMPTS: usize = 100;

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackedUp {
    /// How many segments.
    pub segments: usize,
    /// How many bytes.
    pub bytes: u64,
}

/// Why no backup was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is no log in the directory.
    #[error("there is no log in {}", .0.display())]
    NoLog(PathBuf),
    /// Somebody else makes one.
    #[error("another backup of this log is being made")]
    Busy,
    /// The directory to copy into has something in it.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The log is damaged, or of a newer version.
    #[error("{0}")]
    Log(#[from] LogError),
    /// Segments were given back faster than they could be held.
    #[error("the log changes too fast; try again when there is less to do")]
    TooFast,
    /// The operating system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// What it was about.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    move |source| BackupError::Io { path: path.into(), source }
}

/// Copies the log in `from`, in use or not, into `into`, which is made, or empty: everything that was durable when it was
/// called, and perhaps something later, up to one moment. The copy is synced when this returns.
///
/// # Errors
/// See [`BackupError`]. What was copied so far may be left in `into`.
pub fn backup(from: &Path, into: &Path) -> Result<BackedUp, BackupError> {
    if !from.join(MANIFEST).is_file() {
        return Err(BackupError::NoLog(from.into()));
    }
    let lock = from.join(LOCK);
    let lock = options().truncate(false).create(true).open(&lock).map_err(at(&lock))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(BackupError::Busy),
        Err(TryLockError::Error(error)) => return Err(at(from)(error)),
    }
    make_directory(into).map_err(at(into))?;
    if fs::read_dir(into).map_err(at(into))?.next().is_some() {
        return Err(BackupError::NotEmpty(into.into()));
    }
    let held = from.join(HELD);
    let copied = hold(from, &held).and_then(|names| copy(&held, into, &names));
    // What is held keeps segments on disk that the log has given back.
    let let_go = remove(&held);
    let copied = copied?;
    let_go?;
    Ok(copied)
}

/// Gives every file of the log as of one moment a second name, so that it stays; their names.
fn hold(from: &Path, held: &Path) -> Result<Vec<String>, BackupError> {
    let manifest_path = from.join(MANIFEST);
    for _ in 0..ATTEMPTS {
        // A backup that was interrupted may have left something.
        remove(held)?;
        make_directory(held).map_err(at(held))?;
        let bytes = fs::read(&manifest_path).map_err(at(&manifest_path))?;
        let manifest = Manifest::decode(&bytes)?;
        let Some(names) = hold_segments(from, held, &manifest)? else { continue };
        // Had segments been given back meanwhile, the manifest would say so.
        if fs::read(&manifest_path).map_err(at(&manifest_path))? == bytes {
            let path = held.join(MANIFEST);
            fs::write(&path, &bytes).map_err(at(&path))?;
            return Ok(names);
        }
    }
    Err(BackupError::TooFast)
}

/// `None`: a segment was given back meanwhile.
fn hold_segments(
    from: &Path,
    held: &Path,
    manifest: &Manifest,
) -> Result<Option<Vec<String>>, BackupError> {
    let mut unlisted = Vec::new();
    for entry in fs::read_dir(from).map_err(at(from))? {
        let name = entry.map_err(at(from))?.file_name();
        let name = name.to_str().and_then(SegmentName::parse);
        let belongs = |name: &SegmentName| name.generation == 0 && name.number >= manifest.unlisted;
        unlisted.extend(name.filter(belongs));
    }
    unlisted.sort_unstable();
    let last = unlisted.pop();
    if !unlisted.iter().map(|name| name.number).eq((manifest.unlisted..).take(unlisted.len())) {
        return Ok(None);
    }
    let mut names = Vec::new();
    for name in manifest.segments.iter().chain(&unlisted) {
        let file = name.file();
        if !gone(link(&from.join(&file), &held.join(&file)))? {
            return Ok(None);
        }
        names.push(file);
    }
    // The last one is written to: what it is now is copied. A batch that is being written looks torn in the copy.
    if let Some(file) = last.map(|name| name.file()) {
        let path = from.join(&file);
        if !gone(copy_backwards(&path, &held.join(&file)).map_err(at(&path)))? {
            return Ok(None);
        }
        names.push(file);
    }
    Ok(Some(names))
}

/// Whether it was done; not when the file is there no more.
fn gone(done: Result<(), BackupError>) -> Result<bool, BackupError> {
    match done {
        Ok(()) => Ok(true),
        Err(BackupError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// A second name, or a copy where the file system has no such thing.
fn link(from: &Path, into: &Path) -> Result<(), BackupError> {
    match fs::hard_link(from, into) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            fs::copy(from, into).map(|_| ()).map_err(at(from))
        }
        linked => linked.map_err(at(from)),
    }
}

/// Copies a file that is being written, its end first: of two batches, the copy has the earlier one if it has the later.
/// The other way round, a batch could be written where the copy has been already, and another one where it has not.
fn copy_backwards(from: &Path, into: &Path) -> io::Result<()> {
    const PART_BYTES: u64 = 1 << 20;
    let mut source = File::open(from)?;
    let mut target = options().create_new(true).open(into)?;
    let mut end = source.metadata()?.len();
    while end > 0 {
        let start = (end - 1) / PART_BYTES * PART_BYTES;
        let mut part = Vec::new();
        source.seek(SeekFrom::Start(start))?;
        // Less may be there by now: it was sealed, which takes off what an older segment left.
        (&mut source).take(end - start).read_to_end(&mut part)?;
        target.seek(SeekFrom::Start(start))?;
        target.write_all(&part)?;
        end = start;
    }
    Ok(())
}

fn copy(held: &Path, into: &Path, names: &[String]) -> Result<BackedUp, BackupError> {
    let mut copied = BackedUp { segments: names.len(), bytes: 0 };
    // The manifest comes last: without it there is no log.
    for name in names.iter().map(String::as_str).chain([MANIFEST]) {
        let (source, target) = (held.join(name), into.join(name));
        let mut reader = File::open(&source).map_err(at(&source))?;
        let mut writer = options().create_new(true).open(&target).map_err(at(&target))?;
        copied.bytes += io::copy(&mut reader, &mut writer).map_err(at(&target))?;
        writer.sync_all().map_err(at(&target))?;
    }
    sync_directory(into).map_err(at(into))?;
    Ok(copied)
}

fn remove(directory: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(directory)(error)),
        _ => Ok(()),
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
