//! The disk as the log sees it: one directory of files that are written, read, synced, renamed and removed.

use core::fmt::Debug;
use std::io::{self, IoSlice};

/// One directory. [`RealDisk`](crate::RealDisk) is the machine's; [`SimulatedDisk`](crate::SimulatedDisk) can lose power.
///
/// A clone is another handle to the same directory. Calls may block, and may come from several threads at once, though
/// only one of them writes to any one file. Names are plain file names.
pub trait Disk: Clone + Debug + Send + Sync + 'static {
    /// An open file; a clone is another handle to it, and it can be read for as long as one is held, removed or not.
    type File: Clone + Debug + Send + Sync + 'static;
    /// Holds the directory for one log until it is dropped.
    type Lock: Debug + Send + 'static;

    /// Takes the directory for one log; `None`: another one has it.
    ///
    /// # Errors
    /// The operating system's.
    fn lock(&self) -> io::Result<Option<Self::Lock>>;

    /// The names of the files, in any order.
    ///
    /// # Errors
    /// The operating system's.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes a new file, which must not exist, for writing and reading.
    ///
    /// # Errors
    /// The operating system's.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens an existing file for writing and reading.
    ///
    /// # Errors
    /// The operating system's.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// The length of a file in bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn size_bytes(&self, file: &Self::File) -> io::Result<u64>;

    /// Writes all of `parts`, one after the other, from `offset` on: over what the file has there, and longer than it is
    /// where that is its end, behind which `offset` never lies. After an error any part of them may be there; a loss of
    /// power before the next sync may leave any of the old bytes and of the new ones.
    ///
    /// # Errors
    /// The operating system's; [`io::ErrorKind::StorageFull`] when there is no room, which some file systems want even for
    /// what is written over something.
    fn write(&self, file: &Self::File, offset: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()>;

    /// How many names the file has, in this directory or elsewhere; `None` where the system does not tell.
    ///
    /// # Errors
    /// The operating system's.
    fn names(&self, file: &Self::File) -> io::Result<Option<u64>>;

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// The operating system's; [`io::ErrorKind::UnexpectedEof`] when the file ends before that.
    fn read_at(&self, file: &Self::File, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Shortens a file to `size_bytes`.
    ///
    /// # Errors
    /// The operating system's.
    fn truncate(&self, file: &Self::File, size_bytes: u64) -> io::Result<()>;

    /// Returns when the file's contents and length would survive a loss of power.
    ///
    /// # Errors
    /// The operating system's. The caller must not try again: the pages that failed may count as written.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Returns when the names in the directory would survive a loss of power.
    ///
    /// # Errors
    /// The operating system's.
    fn sync_dir(&self) -> io::Result<()>;

    /// Gives a file another name, taking that name from any other file, in one step.
    ///
    /// # Errors
    /// The operating system's.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name.
    ///
    /// # Errors
    /// The operating system's.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// How many bytes are free for us, where the system can tell.
    ///
    /// # Errors
    /// The operating system's.
    fn free_bytes(&self) -> io::Result<Option<u64>>;
}
