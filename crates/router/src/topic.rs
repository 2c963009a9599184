//! The topic index: every pattern of every topic exchange, over interned words.
//!
//! Most patterns are found as a whole, see `whole`. The others are in tries.
//!
//! A node stands for a prefix that several patterns share, and a leaf for the rest of one pattern: its words lie in the
//! leaf, so that a million patterns need little more than a million leaves. All tries share one table of edges, which are
//! found by the hash of the whole path from the root.
//!
//! `*` and `#` are children of their own, kept in the node. A leaf holds words and `*`, and perhaps a `#` as its last
//! word; any earlier `#` is an edge of the trie. So a walk takes a pattern apart at each `#` and never tries one twice.

mod key;
mod tail;
mod trie;
mod walk;
mod whole;

use alloc::vec::Vec;

use smallvec::SmallVec;

use crate::hashing::Hashing;
use crate::index::Index;
use crate::posting::{Posting, Postings};
use crate::slots::Slots;
use crate::targets::Targets;
use crate::words::Words;

use self::key::words_of;
use self::tail::{LongTails, Tail};
pub(crate) use self::walk::TopicScratch;
use self::whole::Shape;

/// The patterns of all topic exchanges of a router.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    words: Words,
    edges: Index,
    nodes: Slots<Node>,
    leaves: Slots<Leaf>,
    long_tails: LongTails,
}

/// The patterns of one exchange; they take no memory while there are none.
#[derive(Clone, Debug)]
pub(crate) struct Root<D> {
    /// The index of the exchange.
    scope: u32,
    /// The root of its trie.
    node: u32,
    /// The patterns that are not in the trie.
    shapes: Vec<Shape<D>>,
}

/// A prefix that several patterns share.
#[derive(Clone, Debug)]
struct Node {
    parent: u32,
    via: u32,
    any_word: Child,
    any_words: Child,
    /// How many children there are by a word.
    edges: u32,
    /// The targets of the pattern that ends here.
    end: Posting,
}

/// The end of one pattern, from where no other pattern shares it.
#[derive(Clone, Debug, Default)]
struct Leaf {
    parent: u32,
    via: u32,
    posting: Posting,
    /// Whether a `#` follows its tail.
    is_open: bool,
    tail: Tail,
}

/// A node, a leaf or nothing, in four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Child(u32);

/// A place in a trie and the hash of the path to it.
#[derive(Clone, Copy, Debug)]
struct Place {
    node: u32,
    path: u32,
}

/// A pattern's steps: words, [`ANY_WORD`] and [`ANY_WORDS`].
type Steps = SmallVec<[u32; 16]>;

const NONE: u32 = u32::MAX;
/// The step of a `*`. Words have smaller numbers.
const ANY_WORD: u32 = 0x8000_0000;
/// The step of a `#`.
const ANY_WORDS: u32 = 0x8000_0001;
/// The step to the root of a trie, from its exchange.
const TRIE: u32 = 0x8000_0002;

impl<D> Root<D> {
    pub(crate) const fn new(scope: u32) -> Self {
        Self { scope, node: NONE, shapes: Vec::new() }
    }
}

impl Topics {
    pub(crate) const fn new() -> Self {
        Self {
            words: Words::new(),
            edges: Index::new(),
            nodes: Slots::new(),
            leaves: Slots::new(),
            long_tails: Slots::new(),
        }
    }

    pub(crate) fn holds_no_memory(&self) -> bool {
        self.words.holds_no_memory()
            && self.edges.holds_no_memory()
            && self.nodes.holds_no_memory()
            && self.leaves.holds_no_memory()
            && self.long_tails.holds_no_memory()
    }

    pub(crate) fn add<D: Copy>(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        targets: &Targets<D>,
        root: &mut Root<D>,
        pattern: &[u8],
        target: u32,
    ) {
        let steps = self.hold(hashing, pattern);
        let new = match self.add_whole(hashing, postings, targets, root, &steps, target) {
            Some(new) => new,
            None => {
                if root.node == NONE {
                    root.node = self.nodes.insert(Node::new(NONE, TRIE));
                }
                let posting = self.end_of(hashing, root, &steps);
                let new = posting.is_empty();
                postings.add(hashing, posting, target);
                new
            }
        };
        if !new {
            self.release(hashing, &steps);
        }
    }

    /// Takes back what was added.
    pub(crate) fn take<D: Copy>(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        targets: &Targets<D>,
        root: &mut Root<D>,
        pattern: &[u8],
        target: u32,
    ) {
        let steps = self.steps_of(hashing, pattern);
        let gone = match self.take_whole(hashing, postings, targets, root, &steps, target) {
            Some(gone) => gone,
            None => self.take_end(hashing, postings, root, &steps, target),
        };
        if gone {
            self.release(hashing, &steps);
        }
    }

    /// The steps of a pattern, whose words are held once more.
    fn hold(&mut self, hashing: &Hashing, pattern: &[u8]) -> Steps {
        let words = words_of(pattern);
        words
            .map(|(word, _)| wildcard(word).unwrap_or_else(|| self.words.hold(hashing, word)))
            .collect()
    }

    /// The steps of a pattern that is bound.
    fn steps_of(&self, hashing: &Hashing, pattern: &[u8]) -> Steps {
        let mut spelling = Vec::new();
        let step =
            |(word, _)| wildcard(word).or_else(|| self.words.find(hashing, word, &mut spelling));
        let steps = words_of(pattern).map(step);
        steps.map(|step| step.expect("the words of a bound pattern are held")).collect()
    }

    fn release(&mut self, hashing: &Hashing, steps: &[u32]) {
        for word in steps.iter().filter(|step| **step < ANY_WORD) {
            self.words.release(hashing, *word);
        }
    }
}

impl Node {
    const fn new(parent: u32, via: u32) -> Self {
        let (any_word, any_words) = (Child::NONE, Child::NONE);
        Self { parent, via, any_word, any_words, edges: 0, end: Posting::EMPTY }
    }

    const fn is_needed(&self) -> bool {
        let leads_on = self.edges > 0 || !self.any_word.is_none() || !self.any_words.is_none();
        leads_on || !self.end.is_empty()
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::new(NONE, NONE)
    }
}

impl Child {
    const NONE: Self = Self(NONE);
    const LEAF: u32 = 1 << 31;

    const fn of_leaf(leaf: u32) -> Self {
        Self(leaf | Self::LEAF)
    }

    #[inline]
    const fn is_none(self) -> bool {
        self.0 == NONE
    }

    #[inline]
    const fn leaf(self) -> Option<u32> {
        if self.0 & Self::LEAF != 0 && !self.is_none() { Some(self.0 & !Self::LEAF) } else { None }
    }
}

impl Place {
    #[inline]
    fn root<D>(hashing: &Hashing, root: &Root<D>) -> Self {
        Self { node: root.node, path: hashing.of_step(root.scope, TRIE) }
    }
}

fn wildcard(word: &[u8]) -> Option<u32> {
    match word {
        b"*" => Some(ANY_WORD),
        b"#" => Some(ANY_WORDS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::posting::Lead;
    use crate::targets::Meaning;
    use crate::work::Work;
    use std::format;
    use std::string::String;

    struct World {
        hashing: Hashing,
        topics: Topics,
        postings: Postings,
        targets: Targets<u32>,
        root: Root<u32>,
        scratch: TopicScratch,
        leads: Vec<Lead<u32>>,
    }

    impl World {
        fn new() -> Self {
            Self {
                hashing: Hashing::new(1),
                topics: Topics::new(),
                postings: Postings::new(),
                targets: Targets::new(),
                root: Root::new(0),
                scratch: TopicScratch::default(),
                leads: Vec::new(),
            }
        }

        fn add(&mut self, pattern: &str, target: u32) {
            self.have_targets(target + 1);
            let Self { hashing, topics, postings, targets, root, .. } = self;
            topics.add(hashing, postings, targets, root, pattern.as_bytes(), target);
        }

        fn take(&mut self, pattern: &str, target: u32) {
            let Self { hashing, topics, postings, targets, root, .. } = self;
            topics.take(hashing, postings, targets, root, pattern.as_bytes(), target);
        }

        fn have_targets(&mut self, len: u32) {
            for target in self.targets.bound() as u32..len {
                self.targets.insert(&self.hashing, Meaning::Destination(target));
            }
        }

        /// How many patterns match, and in how many steps that was found.
        fn find(&mut self, key: &str) -> (usize, usize) {
            let mut work = Work::with_most(u32::MAX);
            let Self { hashing, topics, root, scratch, leads, .. } = self;
            topics.find(hashing, root, key.as_bytes(), scratch, leads, &mut work);
            (scratch.found.len() + leads.len(), work.steps() as usize)
        }
    }

    /// The known attack: `#.a.#.a.#.b` against `a.a.a.a`. Backtracking takes exponential time.
    #[test]
    fn many_hashes_cost_no_more_than_nodes_times_words() {
        for hashes in 1..40 {
            let pattern = "#.a.".repeat(hashes) + "b";
            for words in [1, 30, 60, 120] {
                let mut world = World::new();
                world.add(&pattern, 1);
                world.add(&(pattern.clone() + ".#"), 2);
                let key = String::from("a") + &".a".repeat(words - 1);
                let nodes = world.topics.nodes.len() + 2 * world.topics.leaves.len();
                assert!(nodes <= 2 * hashes + 6);
                let (found, steps) = world.find(&key);
                assert_eq!(found, 0);
                assert!(
                    steps <= nodes * (words + 1),
                    "{steps} steps, {nodes} nodes, {words} words"
                );
                let (found, steps) = world.find(&(key + ".b"));
                assert_eq!(found, if words >= hashes { 2 } else { 0 });
                assert!(steps <= nodes * (words + 2));
            }
        }
    }

    /// Every word may be skipped by every `#`, and every pattern shares nodes with others.
    #[test]
    fn many_patterns_of_many_hashes_cost_no_more_than_nodes_times_words() {
        let mut world = World::new();
        let steps = ["#", "a", "*", "b"];
        let mut tail_words = 0;
        for number in 0..2_000_usize {
            let digits = (0..6).map(|digit| steps[(number >> (2 * digit)) & 3]);
            let pattern: Vec<_> = digits.collect();
            tail_words += pattern.len();
            world.add(&pattern.join("."), 1);
        }
        let nodes = world.topics.nodes.len() + tail_words;
        for words in [5, 20, 80] {
            let key = String::from("a") + &".a".repeat(words - 1);
            let (found, steps) = world.find(&key);
            assert!(found > 0);
            assert!(steps <= nodes * (words + 1), "{steps} steps, {nodes} nodes, {words} words");
        }
    }

    /// Half of the targets of a pattern are in the trie, since its shape was one too many when they came.
    #[test]
    fn a_pattern_may_be_half_in_the_trie() {
        let mut world = World::new();
        let others: Vec<_> = (0..whole::SHAPES_MAX).map(|len| "*.".repeat(len) + "x").collect();
        for other in &others {
            world.add(other, 1);
        }
        world.add("a.#", 1);
        world.add("a.#", 2);
        assert!(world.topics.nodes.len() > 0);
        world.take(&others[3], 1);
        world.add("a.#", 3);
        world.add("a.#", 1);
        assert_eq!(world.find("a.b").0, 2);
        for target in [1, 2, 1, 3] {
            world.take("a.#", target);
        }
        assert_eq!(world.find("a.b").0, 0);
        for other in others.iter().filter(|other| **other != others[3]) {
            world.take(other, 1);
        }
        assert!(world.topics.holds_no_memory());
    }

    /// Four words, 70 % literal, 20 % with one `*`, 10 % ending in `#`.
    #[test]
    fn a_pattern_takes_less_than_70_bytes() {
        assert_eq!((size_of::<Leaf>(), size_of::<Node>()), (32, 24));
        for vocabulary in [30, 1_000] {
            let mut world = World::new();
            world.have_targets(100_000);
            let mut draw = 1_u64;
            let mut below = |bound: u64| {
                draw = draw.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                (draw >> 33) % bound
            };
            let change = allocation_counter::measure(|| {
                for target in 0..100_000 {
                    let mut words = [(); 4].map(|()| format!("word{}", below(vocabulary)));
                    match below(10) {
                        0..7 => {}
                        7 | 8 => words[below(4) as usize] = "*".into(),
                        _ => words[3] = "#".into(),
                    }
                    world.add(&words.join("."), target);
                }
            });
            let patterns = world.root.shapes.iter().map(Shape::len).sum::<usize>() as i64;
            let each = change.bytes_current / patterns;
            assert!(each <= 70, "{each} bytes a pattern with {vocabulary} words");
        }
    }
}
