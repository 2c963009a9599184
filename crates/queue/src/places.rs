//! `Places`: things that come and go, by number.

use crate::chunks::Chunks;
use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// How many pieces of memory are given back at once when the last thing goes, so that nobody waits for long.
const PIECES_AT_ONCE: usize = 2;

/// A slab in pieces of `CHUNK` things. It does not look at one that goes: among a million that go in no order, that would
/// be one more fetch from memory for each. Which places are free is therefore known beside them.
///
/// When nothing is left it begins with the first place again, and gives back what only past sizes explain.
#[derive(Clone, Debug)]
pub(crate) struct Places<T, const CHUNK: usize> {
    things: Chunks<T, CHUNK>,
    /// From this one on no place is used.
    unused: u32,
    /// Those before it that are free, the one to use next last.
    free: Vec<u32>,
}

impl<T, const CHUNK: usize> Places<T, CHUNK> {
    pub(crate) const fn new() -> Self {
        Self { things: Chunks::new(), unused: 0, free: Vec::new() }
    }

    /// Takes a thing in, and gives it its number. It is made where it stays.
    #[inline(always)]
    pub(crate) fn insert(&mut self, thing: T) -> u32
    where
        T: Default,
    {
        let number = self.free.pop().unwrap_or_else(|| self.take_unused());
        self.things[number as usize] = thing;
        number
    }

    #[inline(always)]
    fn take_unused(&mut self) -> u32
    where
        T: Default,
    {
        let number = self.unused;
        if number as usize == self.things.len() {
            self.add_place();
        }
        self.unused += 1;
        number
    }

    #[cold]
    fn add_place(&mut self)
    where
        T: Default,
    {
        assert!(self.unused < u32::MAX, "four billion things in a queue");
        self.things.push(T::default());
    }

    /// What was put there last, whether or not it is there still.
    #[inline(always)]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.things.get(number as usize)
    }

    /// Forgets a thing that is there.
    #[inline(always)]
    pub(crate) fn remove(&mut self, number: u32) {
        if self.free.len() + 1 < self.unused as usize {
            return self.free.push(number);
        }
        self.unused = 0;
        self.free.clear();
        if self.things.len() > CHUNK {
            self.give_pieces_back();
        }
    }

    /// All but the first piece, some at a time.
    #[cold]
    fn give_pieces_back(&mut self) {
        self.free = Vec::new();
        for _ in 0..PIECES_AT_ONCE {
            if self.things.len() > CHUNK {
                self.things.pop_chunk();
            }
        }
    }

    /// Gives a piece of memory back, if nothing is there; whether there was any.
    pub(crate) fn give_back_some(&mut self) -> bool {
        self.unused == 0 && {
            self.free = Vec::new();
            self.things.pop_chunk()
        }
    }
}

/// Things of which it is known whether they are there.
impl<T, const CHUNK: usize> Places<Option<T>, CHUNK> {
    #[inline(always)]
    pub(crate) fn there(&self, number: u32) -> Option<&T> {
        self.get(number)?.as_ref()
    }

    #[inline(always)]
    pub(crate) fn there_mut(&mut self, number: u32) -> Option<&mut T> {
        self.things.get_mut(number as usize)?.as_mut()
    }

    /// Takes a thing out, if it is there.
    #[inline(always)]
    pub(crate) fn take(&mut self, number: u32) -> Option<T> {
        let thing = self.things.get_mut(number as usize)?.take()?;
        self.remove(number);
        Some(thing)
    }
}

impl<T, const CHUNK: usize> Index<u32> for Places<T, CHUNK> {
    type Output = T;

    #[inline]
    fn index(&self, number: u32) -> &T {
        &self.things[number as usize]
    }
}

impl<T, const CHUNK: usize> IndexMut<u32> for Places<T, CHUNK> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.things[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_what_went_is_given_again() {
        let mut places = Places::<u32, 4>::new();
        for thing in 0..10 {
            assert_eq!(places.insert(thing), thing);
        }
        for gone in [3, 9, 7] {
            places.remove(gone);
        }
        assert_eq!((places[0], places[8]), (0, 8));
        assert_eq!((places.insert(70), places.insert(90), places.insert(30)), (7, 9, 3));
        assert_eq!((places.insert(100), places[7]), (10, 70));
        assert!(!places.give_back_some(), "there is something");
    }

    #[test]
    fn when_nothing_is_left_memory_goes_as_well() {
        let mut places = Places::<u32, 4>::new();
        for round in 0..4 {
            (0..100).for_each(|thing| assert_eq!(places.insert(thing), thing));
            (0..100).for_each(|step| places.remove((step * 37 + round) % 100));
            assert_eq!((places.unused, places.free.capacity()), (0, 0));
            assert_eq!(places.things.len(), 100 - PIECES_AT_ONCE * 4);
        }
        while places.give_back_some() {}
        assert_eq!((places.things.len(), places.insert(5)), (0, 0));
    }
}
