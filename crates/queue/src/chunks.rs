//! `Chunks`: a vector that never moves much when it grows, and can be given back a little at a time.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// A vector in chunks, of which only the first grows. One piece would be moved with everything in it when there are a
/// million things and one more comes, and that would be a long turn for whoever waits. A chunk has room for `CHUNK` things.
#[derive(Clone, Debug)]
pub(crate) struct Chunks<T, const CHUNK: usize> {
    /// All but the last are full.
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T, const CHUNK: usize> Chunks<T, CHUNK> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn push(&mut self, thing: T) {
        self.len += 1;
        match self.chunks.last_mut() {
            Some(last) if last.len() < last.capacity().min(CHUNK) => last.push(thing),
            _ => self.push_with_room(thing),
        }
    }

    #[cold]
    fn push_with_room(&mut self, thing: T) {
        if let Some(last) = self.chunks.last_mut().filter(|last| last.len() < CHUNK) {
            last.reserve_exact(last.len().min(CHUNK - last.len()));
            return last.push(thing);
        }
        let mut chunk = Vec::with_capacity(if self.chunks.is_empty() { 4 } else { CHUNK });
        chunk.push(thing);
        self.chunks.push(chunk);
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    /// Forgets the things of the last chunk; whether there was one.
    pub(crate) fn pop_chunk(&mut self) -> bool {
        let last = self.chunks.pop();
        self.len -= last.as_ref().map_or(0, Vec::len);
        last.is_some()
    }
}

impl<T, const CHUNK: usize> Index<usize> for Chunks<T, CHUNK> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.chunks[index / CHUNK][index % CHUNK]
    }
}

impl<T, const CHUNK: usize> IndexMut<usize> for Chunks<T, CHUNK> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.chunks[index / CHUNK][index % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: usize = 4;

    #[test]
    fn it_is_a_vector_whatever_its_chunks() {
        let (mut chunks, mut model) = (Chunks::<_, CHUNK>::new(), Vec::new());
        for round in 0..50_usize {
            for thing in 0..round % 11 {
                chunks.push(thing);
                model.push(thing);
            }
            if round % 7 == 6 {
                assert_eq!(chunks.pop_chunk(), !model.is_empty());
                model.truncate(model.len().saturating_sub(1) / CHUNK * CHUNK);
            }
            assert_eq!(chunks.len(), model.len());
            assert!((0..model.len()).all(|index| chunks[index] == model[index]));
            if let Some(last) = model.last_mut() {
                *last += 1;
                let last = chunks.len() - 1;
                chunks[last] += 1;
            }
        }
        assert!(chunks.chunks.iter().all(|chunk| chunk.capacity() <= CHUNK));
        let before = chunks.len();
        assert!(chunks.pop_chunk() && chunks.len() < before && chunks.len() % CHUNK == 0);
        while chunks.pop_chunk() {}
        assert_eq!((chunks.len(), chunks.pop_chunk()), (0, false));
    }
}
