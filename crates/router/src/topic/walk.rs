//! From a routing key to the patterns that match it.
//!
//! The walk goes over the key once, word by word, with the set of all nodes where a pattern may be. A node below a `#`
//! joins the set once and stays in it to the end of the key. So a node is visited at most once for each word, whatever
//! the patterns are: the work is bounded by (nodes reached) × (words), and a test counts it.

use alloc::vec::Vec;

use super::key::KeyWord;
use super::tail::agree;
use super::whole::{Look, SHAPES_MAX};
use super::{ANY_WORD, ANY_WORDS, Child, NONE, Place, Root, Topics, words_of};
use crate::hashing::Hashing;
use crate::posting::{Lead, Posting};
use crate::visited::Marks;
use crate::words::Words;
use crate::work::Work;

/// The memory of a walk.
#[derive(Clone, Debug, Default)]
pub(crate) struct TopicScratch {
    /// The postings of the patterns in a trie that match.
    pub(crate) found: Vec<Posting>,
    pub(super) key: Vec<KeyWord>,
    pub(super) looks: [Look; SHAPES_MAX],
    /// Names, only spelled after an attack.
    pub(super) spelling: Vec<u8>,
    /// The words of the key by number; only found for a walk.
    words: Vec<u32>,
    places: Vec<Place>,
    /// The children to which a word led, and the paths to them.
    reached: Vec<(Child, u32)>,
    /// The nodes below a `#` that were reached: they take part in every further round.
    lasting: Vec<Place>,
    /// Which children of a `#`, and which leaves with one, were reached. Only kept once `lasting` is not empty: before,
    /// nothing can be reached twice.
    seen: Marks,
}

impl Topics {
    /// Finds all patterns that match: what those in a trie lead to comes into `scratch.found`, the others into `leads`.
    #[inline]
    pub(crate) fn find<D: Copy>(
        &self,
        hashing: &Hashing,
        root: &Root<D>,
        key: &[u8],
        scratch: &mut TopicScratch,
        leads: &mut Vec<Lead<D>>,
        work: &mut Work,
    ) {
        leads.clear();
        scratch.found.clear();
        if !root.shapes.is_empty() {
            self.find_whole(hashing, root, key, scratch, leads);
        }
        if root.node != NONE {
            self.walk(hashing, Place::root(hashing, root), key, scratch, work);
        }
    }

    #[inline(never)]
    fn walk(
        &self,
        hashing: &Hashing,
        root: Place,
        key: &[u8],
        scratch: &mut TopicScratch,
        work: &mut Work,
    ) {
        scratch.begin();
        let TopicScratch { words, spelling, .. } = scratch;
        let found = words_of(key).map(|(word, _)| self.words.find(hashing, word, spelling));
        words.extend(found.map(|word| word.unwrap_or(Words::UNKNOWN)));
        scratch.places.push(root);
        self.open(hashing, root, 0, scratch, work);
        scratch.places.extend_from_slice(&scratch.lasting);
        for at in 0..scratch.words.len() {
            self.go_on(hashing, scratch.words[at], at + 1, scratch, work);
            if work.is_spent() {
                return;
            }
        }
        for place in &scratch.places {
            let end = self.nodes[place.node].end;
            if !end.is_empty() {
                scratch.found.push(end);
            }
        }
    }

    /// Goes from the places of this round by one word, with `at` words behind it, to those of the next.
    fn go_on(
        &self,
        hashing: &Hashing,
        word: u32,
        at: usize,
        scratch: &mut TopicScratch,
        work: &mut Work,
    ) {
        scratch.reached.clear();
        for place in &scratch.places {
            if !work.spend(1) {
                return;
            }
            for step in [word, ANY_WORD] {
                let child = self.child(hashing, *place, step);
                if !child.is_none() {
                    scratch.reached.push((child, hashing.of_step(place.path, step)));
                }
            }
        }
        scratch.places.clear();
        for index in 0..scratch.reached.len() {
            let (child, path) = scratch.reached[index];
            if work.is_spent() {
                return;
            }
            if let Some(leaf) = child.leaf() {
                self.compare(leaf, at, scratch, work);
            } else {
                let place = Place { node: child.0, path };
                scratch.places.push(place);
                self.open(hashing, place, at, scratch, work);
            }
        }
        scratch.places.extend_from_slice(&scratch.lasting);
    }

    /// Follows the `#` below a place, and a `#` below that, with `at` words behind it.
    fn open(
        &self,
        hashing: &Hashing,
        mut place: Place,
        at: usize,
        scratch: &mut TopicScratch,
        work: &mut Work,
    ) {
        loop {
            let child = self.nodes[place.node].any_words;
            if child.is_none() || !self.is_new(child, scratch) {
                return;
            }
            if let Some(leaf) = child.leaf() {
                self.search(leaf, at, scratch, work);
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
    fn compare(&self, leaf: u32, at: usize, scratch: &mut TopicScratch, work: &mut Work) {
        let record = &self.leaves[leaf];
        work.spend(record.tail.steps(&self.long_tails).len());
        if record.tail.matches(&scratch.words[at..], record.is_open, &self.long_tails)
            && (!record.is_open || self.is_new(Child::of_leaf(leaf), scratch))
        {
            scratch.found.push(record.posting);
        }
    }

    /// Matches a leaf's tail, which follows a `#`, with the words from `at` on.
    fn search(&self, leaf: u32, at: usize, scratch: &mut TopicScratch, work: &mut Work) {
        let record = &self.leaves[leaf];
        let tail = record.tail.steps(&self.long_tails);
        let Some(last) = scratch.words.len().checked_sub(tail.len()) else { return };
        let first = if record.is_open { at } else { last.max(at) };
        work.spend(tail.len() * (last + 1).saturating_sub(first));
        if (first..=last).any(|at| agree(tail, &scratch.words[at..])) {
            scratch.found.push(record.posting);
        }
    }
}

impl TopicScratch {
    fn begin(&mut self) {
        self.words.clear();
        self.places.clear();
        self.lasting.clear();
        self.seen.begin();
    }
}
