//! Numbered slots that are used again.

use alloc::vec::Vec;
use core::mem;
use core::ops::{Index, IndexMut};

/// Values by number. A freed number is the next one given. Unlike a slab it spends no byte on telling free slots from
/// taken ones, and it grows by a quarter instead of doubling: tables of a million entries carry little slack.
#[derive(Clone, Debug)]
pub(crate) struct Slots<T> {
    values: Vec<T>,
    free: Vec<u32>,
}

impl<T: Default> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { values: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.values[slot as usize] = value;
            return slot;
        }
        grow_by_a_quarter(&mut self.values);
        self.values.push(value);
        (self.values.len() - 1) as u32
    }

    /// Frees the slot. When none is taken any more, all memory is given back.
    pub(crate) fn remove(&mut self, slot: u32) -> T {
        let value = mem::take(&mut self.values[slot as usize]);
        grow_by_a_quarter(&mut self.free);
        self.free.push(slot);
        if self.free.len() == self.values.len() {
            *self = Self::new();
        }
        value
    }

    /// One more than the largest number in use.
    pub(crate) const fn bound(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn holds_no_memory(&self) -> bool {
        self.values.capacity() == 0 && self.free.capacity() == 0
    }

    pub(crate) const fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }
}

fn grow_by_a_quarter<T>(values: &mut Vec<T>) {
    if values.len() == values.capacity() {
        values.reserve_exact(values.len() / 4 + 4);
    }
}

impl<T> Index<u32> for Slots<T> {
    type Output = T;

    #[inline]
    fn index(&self, slot: u32) -> &T {
        &self.values[slot as usize]
    }
}

impl<T> IndexMut<u32> for Slots<T> {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut T {
        &mut self.values[slot as usize]
    }
}
