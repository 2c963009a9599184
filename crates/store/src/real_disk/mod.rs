//! A directory of the machine's file system.

mod backup;

pub use backup::{BackedUp, BackupError, backup};

use crate::disk::Disk;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A directory of the machine's file system, for its owner's eyes only: the directory is made with mode 0700, its files
/// with 0600.
#[derive(Clone, Debug)]
pub struct RealDisk {
    directory: Arc<Path>,
}

/// The file whose lock is the directory's.
const LOCK: &str = "lock";

impl RealDisk {
    /// The directory at `path`, made if it is not there.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        make_directory(&path)?;
        Ok(Self { directory: path.into() })
    }

    /// How large the file system is, where the system can tell.
    ///
    /// # Errors
    /// The operating system's.
    #[cfg(unix)]
    pub fn total_bytes(&self) -> io::Result<Option<u64>> {
        let figures = rustix::fs::statvfs(&*self.directory)?;
        Ok(Some(figures.f_blocks.saturating_mul(figures.f_frsize)))
    }

    /// How large the file system is, where the system can tell.
    ///
    /// # Errors
    /// The operating system's.
    #[cfg(not(unix))]
    pub fn total_bytes(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Disk for RealDisk {
    type File = Arc<File>;
    type Lock = File;

    fn lock(&self) -> io::Result<Option<Self::Lock>> {
        let file = options().create(true).truncate(false).open(self.path(LOCK))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry.file_name().into_string()
                && name != LOCK
                && entry.file_type()?.is_file()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Self::File> {
        options().create_new(true).open(self.path(name)).map(Arc::new)
    }

    fn open(&self, name: &str) -> io::Result<Self::File> {
        options().open(self.path(name)).map(Arc::new)
    }

    fn size_bytes(&self, file: &Self::File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    fn write(
        &self,
        file: &Self::File,
        offset: u64,
        mut parts: &mut [IoSlice<'_>],
    ) -> io::Result<()> {
        // Only one thread writes to a file, and nobody reads from where it stands.
        (&**file).seek(SeekFrom::Start(offset))?;
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match (&**file).write_vectored(parts) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut parts, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn names(&self, file: &Self::File) -> io::Result<Option<u64>> {
        names(file)
    }

    #[cfg(unix)]
    fn read_at(&self, file: &Self::File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&**file, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, file: &Self::File, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(&**file, buffer, offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    buffer = &mut buffer[read..];
                    offset += read as u64;
                }
            }
        }
        Ok(())
    }

    fn truncate(&self, file: &Self::File, size_bytes: u64) -> io::Result<()> {
        file.set_len(size_bytes)
    }

    fn sync(&self, file: &Self::File) -> io::Result<()> {
        file.sync_data()?;
        refuse_nameless(file)
    }

    fn sync_dir(&self) -> io::Result<()> {
        sync_directory(&self.directory)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    #[cfg(unix)]
    fn free_bytes(&self) -> io::Result<Option<u64>> {
        let figures = rustix::fs::statvfs(&*self.directory)?;
        Ok(Some(figures.f_bavail.saturating_mul(figures.f_frsize)))
    }

    #[cfg(not(unix))]
    fn free_bytes(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }
}

/// A file whose last name was removed can be synced, and is gone with the process: what is in it is not durable.
fn refuse_nameless(file: &File) -> io::Result<()> {
    match names(file)? {
        Some(0) => Err(io::ErrorKind::NotFound.into()),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn names(file: &File) -> io::Result<Option<u64>> {
    Ok(Some(std::os::unix::fs::MetadataExt::nlink(&file.metadata()?)))
}

/// Windows does not let a file be removed while it is open.
#[cfg(not(unix))]
fn names(_: &File) -> io::Result<Option<u64>> {
    Ok(None)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a directory and the ones above it, and syncs each one's parent: a confirmed message must not vanish with a
/// directory that was never written.
fn make_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    make_directory(parent)?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    sync_directory(parent)
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Windows has no such call: names are written with the files.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
