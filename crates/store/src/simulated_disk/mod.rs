//! A disk in memory that loses power, fails and fills up when told to.
//!
//! It keeps two pictures of everything: what the process sees, and what a loss of power leaves. A write changes the first;
//! a sync carries it to the second. When the power goes, whatever was not synced is kept, lost or torn, page by page and
//! name by name, as the caller's choices say. Nothing here is random by itself, so a run can be repeated.

mod power;

use crate::disk::Disk;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A disk in memory; a clone is another handle to the same one.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Contents>,
    /// What the process sees, and what a loss of power leaves.
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    unsynced_names: Vec<NameChange>,
    /// How often the power came back: handles from before are dead.
    boot: u64,
    off: bool,
    locked: bool,
    operations: u64,
    power_cut_at: Option<u64>,
    fault: Option<Fault>,
    capacity_bytes: Option<u64>,
}

#[derive(Debug, Default)]
struct Contents {
    seen: Vec<u8>,
    synced: Vec<u8>,
    /// The two are the same but from here to there, and in length, unless a sync has failed.
    dirty_from: usize,
    dirty_to: usize,
    /// A sync has failed, and what it should have written is seen until the power goes.
    lost: bool,
}

#[derive(Clone, Debug)]
enum NameChange {
    Put(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

#[derive(Clone, Copy, Debug)]
struct Fault {
    at: u64,
    kind: io::ErrorKind,
}

/// A file of a [`SimulatedDisk`].
#[derive(Clone, Debug)]
pub struct SimulatedFile {
    index: usize,
    boot: u64,
}

/// Holds a [`SimulatedDisk`] for one log; a loss of power frees it.
#[derive(Debug)]
pub struct SimulatedLock {
    disk: SimulatedDisk,
    boot: u64,
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.boot == self.boot {
            state.locked = false;
        }
    }
}

impl SimulatedDisk {
    /// An empty disk without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many operations have changed the disk or tried to: writes, truncations, syncs, creations, renames, removals.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Makes the operation with this number (the first is 0) fail. A failed write may have written a part; a failed sync
    /// has lost what it should have written, though it can still be read until the power goes.
    pub fn fail_at(&self, operation: u64, kind: io::ErrorKind) {
        self.state().fault = Some(Fault { at: operation, kind });
    }

    /// Limits what all files together may hold, or no longer does.
    pub fn set_capacity_bytes(&self, bytes: Option<u64>) {
        self.state().capacity_bytes = bytes;
    }

    /// What the process sees in a file.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(name).map(|&index| state.files[index].seen.clone())
    }

    /// Puts a file there, synced, whatever was there before: to damage a log or to bring a fixture.
    pub fn put(&self, name: &str, contents: &[u8]) {
        let mut state = self.state();
        let (seen, synced) = (contents.to_vec(), contents.to_vec());
        let dirty_from = contents.len();
        state.files.push(Contents { seen, synced, dirty_from, dirty_to: 0, lost: false });
        let index = state.files.len() - 1;
        state.names.insert(name.into(), index);
        state.synced_names.insert(name.into(), index);
    }

    /// A disk of its own with what the process sees of this one, all of it synced: to try several things from one state.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        let state = self.state();
        for (name, &index) in &state.names {
            copy.put(name, &state.files[index].seen);
        }
        copy.set_capacity_bytes(state.capacity_bytes);
        copy
    }

    /// What all files together hold.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An operation that changes the disk: counted, and the place where the power may go or a fault strike.
    fn change(&self) -> io::Result<(MutexGuard<'_, State>, Option<io::ErrorKind>)> {
        let mut state = self.state();
        if state.off {
            return Err(no_power());
        }
        let operation = state.operations;
        state.operations += 1;
        if state.power_cut_at == Some(operation) {
            // What this operation does is left to chance, as everything is that is not synced.
            state.off = true;
        }
        let fault = state.fault.take_if(|fault| fault.at == operation).map(|fault| fault.kind);
        Ok((state, fault))
    }
}

fn no_power() -> io::Error {
    io::Error::other("the power is off")
}

impl State {
    fn used_bytes(&self) -> u64 {
        self.names.values().map(|&index| self.files[index].seen.len() as u64).sum()
    }

    fn file(&mut self, file: &SimulatedFile) -> io::Result<&mut Contents> {
        if file.boot != self.boot {
            return Err(no_power());
        }
        Ok(&mut self.files[file.index])
    }

    /// The result of an operation that was carried out: nobody hears of it when the power went meanwhile.
    fn done<T>(&self, value: T) -> io::Result<T> {
        if self.off { Err(no_power()) } else { Ok(value) }
    }

    fn index(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for SimulatedDisk {
    type File = SimulatedFile;
    type Lock = SimulatedLock;

    fn lock(&self) -> io::Result<Option<SimulatedLock>> {
        let mut state = self.state();
        if state.off {
            return Err(no_power());
        }
        let boot = state.boot;
        let free = !core::mem::replace(&mut state.locked, true);
        Ok(free.then(|| SimulatedLock { disk: self.clone(), boot }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state();
        state.done(state.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<SimulatedFile> {
        let (mut state, fault) = self.change()?;
        if let Some(kind) = fault {
            return Err(kind.into());
        }
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.files.push(Contents::default());
        let index = state.files.len() - 1;
        state.names.insert(name.into(), index);
        state.unsynced_names.push(NameChange::Put(name.into(), index));
        state.done(SimulatedFile { index, boot: state.boot })
    }

    fn open(&self, name: &str) -> io::Result<SimulatedFile> {
        let state = self.state();
        state.done(SimulatedFile { index: state.index(name)?, boot: state.boot })
    }

    fn size_bytes(&self, file: &SimulatedFile) -> io::Result<u64> {
        let mut state = self.state();
        let size = state.file(file)?.seen.len() as u64;
        state.done(size)
    }

    fn write(
        &self,
        file: &SimulatedFile,
        offset: u64,
        parts: &mut [IoSlice<'_>],
    ) -> io::Result<()> {
        let (mut state, fault) = self.change()?;
        let wanted: usize = parts.iter().map(|part| part.len()).sum();
        let room =
            state.capacity_bytes.map_or(u64::MAX, |all| all.saturating_sub(state.used_bytes()));
        let mut kind = fault;
        let mut left = if fault.is_some() { wanted / 2 } else { wanted };
        let contents = state.file(file)?;
        let mut at = usize::try_from(offset).unwrap_or(usize::MAX);
        let over = contents.seen.len().checked_sub(at).ok_or(io::ErrorKind::UnexpectedEof)?;
        // What is written over something has its room.
        let fits = room.saturating_add(over as u64);
        if fits < left as u64 {
            left = fits as usize;
            kind = Some(io::ErrorKind::StorageFull);
        }
        // These pages are to be written, whatever became of them before.
        contents.dirty_from = contents.dirty_from.min(at);
        contents.dirty_to = contents.dirty_to.max(at + left);
        for part in parts {
            let taken = &part[..left.min(part.len())];
            let over = taken.len().min(contents.seen.len() - at);
            contents.seen[at..at + over].copy_from_slice(&taken[..over]);
            contents.seen.extend_from_slice(&taken[over..]);
            at += taken.len();
            left -= taken.len();
        }
        kind.map_or_else(|| state.done(()), |kind| Err(kind.into()))
    }

    fn names(&self, file: &SimulatedFile) -> io::Result<Option<u64>> {
        let mut state = self.state();
        state.file(file)?;
        let names = state.names.values().filter(|index| **index == file.index).count() as u64;
        state.done(Some(names))
    }

    fn read_at(&self, file: &SimulatedFile, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        state.done(())?;
        let contents = state.file(file)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        let found = contents.seen.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn truncate(&self, file: &SimulatedFile, size_bytes: u64) -> io::Result<()> {
        let (mut state, fault) = self.change()?;
        if let Some(kind) = fault {
            return Err(kind.into());
        }
        let contents = state.file(file)?;
        contents.seen.truncate(size_bytes as usize);
        state.done(())
    }

    fn sync(&self, file: &SimulatedFile) -> io::Result<()> {
        let (mut state, fault) = self.change()?;
        // Without power a sync may have got anywhere: what is not synced is left to chance.
        state.done(())?;
        let contents = state.file(file)?;
        let dirty = contents.take_dirty();
        if let Some(kind) = fault {
            // The system thinks that the pages are clean now, and will never write them.
            contents.lost = true;
            return Err(kind.into());
        }
        contents.synced.resize(contents.seen.len(), 0);
        contents.synced[dirty.clone()].copy_from_slice(&contents.seen[dirty]);
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let (mut state, fault) = self.change()?;
        state.done(())?;
        state.unsynced_names.clear();
        if let Some(kind) = fault {
            return Err(kind.into());
        }
        state.synced_names = state.names.clone();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (mut state, fault) = self.change()?;
        if let Some(kind) = fault {
            return Err(kind.into());
        }
        let index = state.index(from)?;
        state.names.remove(from);
        state.names.insert(to.into(), index);
        state.unsynced_names.push(NameChange::Rename(from.into(), to.into(), index));
        state.done(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let (mut state, fault) = self.change()?;
        if let Some(kind) = fault {
            return Err(kind.into());
        }
        state.index(name)?;
        state.names.remove(name);
        state.unsynced_names.push(NameChange::Remove(name.into()));
        state.done(())
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        let state = self.state();
        let free = state.capacity_bytes.map(|all| all.saturating_sub(state.used_bytes()));
        state.done(free)
    }
}
