//! Sets that are emptied for every message.

use alloc::vec::Vec;

/// A set of small numbers that is emptied by counting one up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// The round in which each number was last marked.
    rounds: Vec<u32>,
    round: u32,
}

impl Marks {
    /// Empties the set.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.rounds.fill(0);
            self.round = 1;
        }
    }

    /// Adds a number; `false` when it was there. `bound` is above every number of this round.
    #[inline]
    pub(crate) fn mark(&mut self, number: usize, bound: usize) -> bool {
        if self.rounds.len() < bound {
            self.rounds.resize(bound, 0);
        }
        let round = &mut self.rounds[number];
        core::mem::replace(round, self.round) != self.round
    }
}

/// A list of small numbers, each once: short lists are scanned, long ones marked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visited {
    list: Vec<u32>,
    marks: Marks,
    marked: bool,
}

const SCAN_MAX: usize = 8;

impl Visited {
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.list.clear();
        self.marked = false;
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u32] {
        &self.list
    }

    /// Adds a number; `false` when it was there. `bound` is above every number.
    #[inline]
    pub(crate) fn insert(&mut self, number: u32, bound: usize) -> bool {
        if self.list.len() < SCAN_MAX {
            if self.list.contains(&number) {
                return false;
            }
        } else {
            if !self.marked {
                self.mark_all(bound);
            }
            if !self.marks.mark(number as usize, bound) {
                return false;
            }
        }
        self.list.push(number);
        true
    }

    /// Adds numbers that differ, to an empty list.
    #[inline]
    pub(crate) fn start_with(&mut self, numbers: &[u32]) {
        match numbers {
            [number] => self.list.push(*number),
            numbers => self.list.extend_from_slice(numbers),
        }
    }

    fn mark_all(&mut self, bound: usize) {
        self.marks.begin();
        for number in &self.list {
            self.marks.mark(*number as usize, bound);
        }
        self.marked = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_visited_once_in_each_round() {
        let mut visited = Visited::default();
        for len in [3_u32, 100, 5, 100] {
            visited.begin();
            visited.start_with(&[0, 1]);
            for number in (0..len).chain(0..len) {
                let fresh = !visited.as_slice().contains(&number);
                assert_eq!(visited.insert(number, 100), fresh);
            }
            assert!(visited.as_slice().iter().copied().eq(0..len));
        }
    }

    #[test]
    fn marks_survive_the_wrap_of_their_rounds() {
        let mut marks = Marks { rounds: Vec::new(), round: u32::MAX - 1 };
        for _ in 0..4 {
            marks.begin();
            assert!(marks.mark(7, 10));
            assert!(!marks.mark(7, 10));
        }
    }
}
