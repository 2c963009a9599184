//! `Places`: things that come and go, by number.

use crate::chunks::Chunks;
use alloc::vec::Vec;

/// How many lie in one piece.
const CHUNK: usize = 1_024;

/// A slab. Which places are free is known beside them, so that a large thing is not moved to say that it went.
#[derive(Clone, Debug)]
pub(crate) struct Places<T> {
    places: Chunks<Option<T>, CHUNK>,
    /// Those that are empty, the one to use next last.
    free: Vec<u32>,
}

impl<T> Places<T> {
    pub(crate) const fn new() -> Self {
        Self { places: Chunks::new(), free: Vec::new() }
    }

    /// Takes a thing in, and gives it its number. It is made where it stays.
    #[inline(always)]
    pub(crate) fn insert(&mut self, thing: T) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| self.add_place());
        self.places[number as usize] = Some(thing);
        number
    }

    #[cold]
    fn add_place(&mut self) -> u32 {
        let number = u32::try_from(self.places.len()).ok().filter(|number| *number < u32::MAX);
        self.places.push(None);
        number.expect("four billion entries are handed out")
    }

    #[inline(always)]
    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.places.get(number as usize)?.as_ref()
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.places.get_mut(number as usize)?.as_mut()
    }

    /// Takes a thing out, if it is there.
    #[inline(always)]
    pub(crate) fn take(&mut self, number: u32) -> Option<T> {
        let thing = self.places.get_mut(number as usize)?.take()?;
        self.free.push(number);
        Some(thing)
    }

    /// Gives some memory back, when all things have gone; whether there was any.
    pub(crate) fn give_back_some(&mut self) -> bool {
        self.free = Vec::new();
        self.places.pop_chunk()
    }

    /// Gives memory back that only past sizes explain.
    pub(crate) fn shrink(&mut self) {
        self.free.sort_unstable();
        while self.free.pop_if(|last| *last as usize + 1 == self.places.len()).is_some() {
            self.places.pop();
        }
        self.places.shrink();
        self.free.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_is_nowhere_and_its_place_is_given_again() {
        let mut places = Places::new();
        for thing in 0..10 {
            assert_eq!(places.insert(thing), thing);
        }
        for gone in [3, 9, 7, 8] {
            assert_eq!(places.take(gone), Some(gone));
            assert_eq!(places.take(gone), None);
        }
        places.shrink();
        assert_eq!((places.places.len(), places.free.as_slice()), (7, &[3][..]));
        assert_eq!((places.get(3), places.get(6), places.get(8)), (None, Some(&6), None));
        assert_eq!(places.get_mut(6), Some(&mut 6));
        assert_eq!((places.insert(30), places.insert(70)), (3, 7));
    }
}
