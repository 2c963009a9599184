//! From a routing key to the patterns that match it.
//!
//! The walk goes over the key once, word by word, with the set of all nodes where a pattern may be. A node below a `#`
//! joins the set once and stays in it to the end of the key. So a node is visited at most once for each word, whatever
//! the patterns are: the work is bounded by (nodes reached) × (words), and a test counts it.
//!
//! Most of the time goes into cache misses, so each round first reads all buckets, then all children, that it is going
//! to look into: the misses of a round overlap.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hint::black_box;

use super::whole::WordHash;
use super::{ANY_WORD, ANY_WORDS, Child, Leaf, NONE, Place, Root, Topics, edge_key, words_of};
use crate::hashing::Hashing;
use crate::posting::Posting;
use crate::slots::Slots;
use crate::visited::Marks;
use crate::words::Words;

/// The memory of a walk.
#[derive(Clone, Debug, Default)]
pub(crate) struct TopicScratch {
    /// The postings of the patterns that match.
    pub(crate) found: Vec<Posting>,
    pub(super) words: Vec<u32>,
    pub(super) hashes: Vec<WordHash>,
    /// Where whole patterns may be, and which shape they have.
    pub(super) paths: Vec<(u32, u32)>,
    places: Vec<Place>,
    reached: Vec<Reached>,
    /// The nodes below a `#` that were reached: they take part in every further round.
    lasting: Vec<Place>,
    /// Which children of a `#`, and which leaves with one, were reached. Only kept once `lasting` is not empty: before,
    /// nothing can be reached twice.
    seen: Marks,
    #[cfg(test)]
    pub(crate) steps: core::cell::Cell<usize>,
}

/// A child that may be one of `from`, by the step `via`.
#[derive(Clone, Copy, Debug)]
struct Reached {
    child: Child,
    path: u32,
    from: u32,
    via: u32,
}

impl Topics {
    /// Finds the postings of all patterns that match, and puts them into `scratch.found`.
    pub(crate) fn find(
        &self,
        hashing: &Hashing,
        root: &Root,
        key: &[u8],
        scratch: &mut TopicScratch,
    ) {
        scratch.found.clear();
        if root.node == NONE && root.shapes.is_empty() {
            return;
        }
        scratch.begin();
        for word in words_of(key) {
            scratch.words.push(self.words.find(hashing, word).unwrap_or(Words::UNKNOWN));
        }
        self.find_whole(hashing, root, scratch);
        if root.node != NONE {
            self.walk(hashing, Place::root(hashing, root), scratch);
        }
    }

    fn walk(&self, hashing: &Hashing, root: Place, scratch: &mut TopicScratch) {
        scratch.places.push(root);
        self.open(hashing, root, 0, scratch);
        scratch.places.extend_from_slice(&scratch.lasting);
        for at in 0..scratch.words.len() {
            self.reach(hashing, scratch.words[at], scratch);
            self.arrive(hashing, at + 1, scratch);
        }
        for place in &scratch.places {
            let end = self.nodes[place.node].end;
            if !end.is_empty() {
                scratch.found.push(end);
            }
        }
    }

    /// Gathers the children that a word may lead to from the places of this round.
    fn reach(&self, hashing: &Hashing, word: u32, scratch: &mut TopicScratch) {
        scratch.reached.clear();
        let known = word != Words::UNKNOWN;
        if known {
            let paths = scratch.places.iter().map(|place| hashing.of_step(place.path, word));
            black_box(paths.fold(0, |all, path| all ^ self.edges.touch(path)));
        }
        for place in &scratch.places {
            #[cfg(test)]
            scratch.count_steps(1);
            let node = &self.nodes[place.node];
            if !node.any_word.is_none() {
                let path = hashing.of_step(place.path, ANY_WORD);
                let (from, via) = (place.node, ANY_WORD);
                scratch.reached.push(Reached { child: node.any_word, path, from, via });
            }
            if known && node.edges > 0 {
                let path = hashing.of_step(place.path, word);
                let (from, via) = (place.node, word);
                self.edges.candidates(
                    path,
                    || edge_key(from, via),
                    |child| {
                        scratch.reached.push(Reached { child: Child(child), path, from, via });
                    },
                );
            }
        }
        let origins = scratch.reached.iter().map(|reached| self.origin(reached.child).0);
        black_box(origins.fold(0, |all, origin| all ^ origin));
    }

    /// Turns what was reached, with `at` words behind it, into matches and the places of the next round.
    fn arrive(&self, hashing: &Hashing, at: usize, scratch: &mut TopicScratch) {
        scratch.places.clear();
        for index in 0..scratch.reached.len() {
            let Reached { child, path, from, via } = scratch.reached[index];
            if self.origin(child) != (from, via) {
                continue;
            }
            if let Some(leaf) = child.leaf() {
                self.compare(leaf, at, scratch);
            } else {
                let place = Place { node: child.0, path };
                scratch.places.push(place);
                self.open(hashing, place, at, scratch);
            }
        }
        scratch.places.extend_from_slice(&scratch.lasting);
    }

    /// Follows the `#` below a place, and a `#` below that, with `at` words behind it.
    fn open(&self, hashing: &Hashing, mut place: Place, at: usize, scratch: &mut TopicScratch) {
        loop {
            let child = self.nodes[place.node].any_words;
            if child.is_none() || !self.is_new(child, scratch) {
                return;
            }
            if let Some(leaf) = child.leaf() {
                self.search(leaf, at, scratch);
                return;
            }
            place = Place { node: child.0, path: hashing.of_step(place.path, ANY_WORDS) };
            scratch.lasting.push(place);
        }
    }

    /// Whether a child of a `#`, or a leaf that ends in one, is reached for the first time.
    fn is_new(&self, child: Child, scratch: &mut TopicScratch) -> bool {
        if scratch.lasting.is_empty() {
            return true;
        }
        let (nodes, leaves) = (self.nodes.bound(), self.leaves.bound());
        let number = child.leaf().map_or(child.0 as usize, |leaf| nodes + leaf as usize);
        scratch.seen.mark(number, nodes + leaves)
    }

    /// Matches a leaf's tail with the words from `at` on.
    pub(super) fn compare(&self, leaf: u32, at: usize, scratch: &mut TopicScratch) {
        let record = &self.leaves[leaf];
        #[cfg(test)]
        scratch.count_steps(record.words());
        if record.matches(&scratch.words[at..], &self.long_tails)
            && (!record.is_open() || self.is_new(Child::of_leaf(leaf), scratch))
        {
            scratch.found.push(record.posting);
        }
    }

    /// Matches a leaf's tail, which follows a `#`, with the words from `at` on.
    fn search(&self, leaf: u32, at: usize, scratch: &mut TopicScratch) {
        let record = &self.leaves[leaf];
        let Some(last) = scratch.words.len().checked_sub(record.words()) else { return };
        let first = if record.is_open() { at } else { last.max(at) };
        let tail = record.tail(&self.long_tails);
        #[cfg(test)]
        scratch.count_steps(tail.len() * (last + 1).saturating_sub(first));
        if (first..=last).any(|at| agree(tail, &scratch.words[at..])) {
            scratch.found.push(record.posting);
        }
    }
}

impl Leaf {
    /// Whether these words, and no others, match the tail.
    #[inline]
    pub(super) fn matches(&self, words: &[u32], long_tails: &Slots<Box<[u32]>>) -> bool {
        let len = self.words();
        (len == words.len() || self.is_open() && len < words.len())
            && agree(self.tail(long_tails), words)
    }
}

/// Whether the words begin with the steps of a tail.
#[inline]
fn agree(tail: &[u32], words: &[u32]) -> bool {
    tail.iter().zip(words).all(|(step, word)| step == word || *step == ANY_WORD)
}

impl TopicScratch {
    fn begin(&mut self) {
        self.words.clear();
        self.places.clear();
        self.lasting.clear();
        self.seen.begin();
    }

    #[cfg(test)]
    fn count_steps(&self, steps: usize) {
        self.steps.set(self.steps.get() + steps);
    }
}
