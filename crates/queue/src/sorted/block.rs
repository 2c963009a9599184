//! One block of a line.

use alloc::collections::VecDeque;

#[derive(Clone, Debug)]
pub(super) struct Block<K, T> {
    /// Not below the key of any item in it, and below those of the next block: the search for a block looks at nothing
    /// else. What leaves the end of a block leaves its bound behind.
    pub(super) bound: K,
    /// How many of the items are holes. The first and the last of all blocks never are.
    pub(super) holes: u32,
    /// How many items and holes went from its front so far, wrapping: what [`Near`](super::Near) counts items from.
    pub(super) gone: u32,
    pub(super) items: VecDeque<Option<T>>,
}

impl<K, T> Block<K, T> {
    /// How many items it has.
    pub(super) fn left(&self) -> usize {
        self.items.len() - self.holes as usize
    }

    /// Leaves no hole if there are more than so many for each item, so that a step over them never takes long.
    pub(super) fn close_up_beyond(&mut self, holes_each: usize) {
        if self.holes as usize > self.left() * holes_each {
            self.close_up();
        }
    }

    /// Leaves no hole.
    pub(super) fn close_up(&mut self) {
        if self.holes > 0 {
            self.items.retain(Option::is_some);
            self.holes = 0;
        }
    }

    pub(super) fn trim(&mut self) {
        self.trim_front();
        self.trim_back();
    }

    pub(super) fn trim_front(&mut self) {
        while let Some(None) = self.items.front() {
            self.items.pop_front();
            self.gone = self.gone.wrapping_add(1);
            self.holes -= 1;
        }
    }

    pub(super) fn trim_back(&mut self) {
        while let Some(None) = self.items.back() {
            self.items.pop_back();
            self.holes -= 1;
        }
    }
}
