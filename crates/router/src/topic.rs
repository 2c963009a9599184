//! The topic index: every pattern of every topic exchange, as tries over interned words.
//!
//! A node stands for a prefix that several patterns share, and a leaf for the rest of one pattern: its words lie in the
//! leaf, so that a million patterns need little more than a million leaves. All tries share one table of words and one
//! table of edges. An edge is found by the hash of the whole path from the root, so a walk knows where to look before it
//! has read the nodes on the way.
//!
//! `*` and `#` are children of their own, kept in the node. A leaf holds words and `*`, and perhaps a `#` as its last
//! word; any earlier `#` is an edge of the trie. So a walk takes a pattern apart at each `#` and never tries one twice.

mod walk;

use alloc::boxed::Box;

use smallvec::SmallVec;

use crate::hashing::Hashing;
use crate::index::Index;
use crate::posting::{Posting, Postings};
use crate::slots::Slots;
use crate::words::Words;

pub(crate) use self::walk::TopicScratch;

/// The patterns of all topic exchanges of a router.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    words: Words,
    edges: Index,
    nodes: Slots<Node>,
    leaves: Slots<Leaf>,
    long_tails: Slots<Box<[u32]>>,
}

/// The trie of one exchange; it takes no memory while it is empty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Root(u32);

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
    /// Twice the number of words in the tail, and one more when a `#` follows them.
    shape: u32,
    /// The tail, or the number of a long tail.
    tail: [u32; SHORT_TAIL],
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

const SHORT_TAIL: usize = 3;
const NONE: u32 = u32::MAX;
/// The step of a `*`. Words have smaller numbers.
const ANY_WORD: u32 = 0x8000_0000;
/// The step of a `#`.
const ANY_WORDS: u32 = 0x8000_0001;

impl Root {
    pub(crate) const EMPTY: Self = Self(NONE);
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

    pub(crate) fn add(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        root: &mut Root,
        pattern: &[u8],
        target: u32,
    ) {
        if root.0 == NONE {
            root.0 = self.nodes.insert(Node::new(NONE, NONE));
        }
        let steps: Steps = words_of(pattern)
            .map(|word| match word {
                b"*" => ANY_WORD,
                b"#" => ANY_WORDS,
                word => self.words.hold(hashing, word),
            })
            .collect();
        let posting = self.end_of(hashing, *root, &steps);
        let known = !posting.is_empty();
        postings.add(hashing, posting, target);
        if known {
            self.release(hashing, &steps);
        }
    }

    /// Takes back what was added.
    pub(crate) fn take(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        root: &mut Root,
        pattern: &[u8],
        target: u32,
    ) {
        let steps = self.steps_of(hashing, pattern);
        let mut path: SmallVec<[Place; 16]> = SmallVec::new();
        let mut place = Place::root(hashing, root.0);
        let mut rest = &steps[..];
        let posting = loop {
            path.push(place);
            let Some((step, after)) = rest.split_first() else {
                break &mut self.nodes[place.node].end;
            };
            rest = after;
            let child = self.child(hashing, place, *step);
            if let Some(leaf) = child.leaf() {
                break &mut self.leaves[leaf].posting;
            }
            place = Place { node: child.0, path: hashing.of_step(place.path, *step) };
        };
        postings.take(hashing, posting, target);
        if posting.is_empty() {
            self.prune(hashing, root, &path, &steps);
            self.release(hashing, &steps);
        }
    }

    /// The posting of a pattern, which is made when it is not there.
    fn end_of(&mut self, hashing: &Hashing, root: Root, steps: &[u32]) -> &mut Posting {
        let mut place = Place::root(hashing, root.0);
        let mut rest = steps;
        while let Some((step, after)) = rest.split_first() {
            let child = self.child(hashing, place, *step);
            let node = if let Some(leaf) = child.leaf() {
                if self.leaves[leaf].is(after, &self.long_tails) {
                    return &mut self.leaves[leaf].posting;
                }
                self.split(hashing, place, leaf)
            } else if child.is_none() {
                if let Some((tail, open)) = tail_of(after) {
                    let leaf = self.new_leaf(place.node, *step, tail, open);
                    self.attach(hashing, place, *step, Child::of_leaf(leaf));
                    return &mut self.leaves[leaf].posting;
                }
                let node = self.nodes.insert(Node::new(place.node, *step));
                self.attach(hashing, place, *step, Child(node));
                node
            } else {
                child.0
            };
            place = Place { node, path: hashing.of_step(place.path, *step) };
            rest = after;
        }
        &mut self.nodes[place.node].end
    }

    /// Puts a node in the place of a leaf, and the leaf below it.
    fn split(&mut self, hashing: &Hashing, above: Place, leaf: u32) -> u32 {
        let via = self.leaves[leaf].via;
        let node = self.nodes.insert(Node::new(above.node, via));
        self.exchange(hashing, above, via, Child::of_leaf(leaf), Child(node));
        let place = Place { node, path: hashing.of_step(above.path, via) };
        let Leaf { posting, shape, .. } = self.leaves[leaf];
        let tail = Steps::from_slice(self.leaves[leaf].tail(&self.long_tails));
        self.free_leaf(leaf);
        let open = shape & 1 == 1;
        match tail.split_first() {
            None if open => self.grow_leaf(hashing, place, ANY_WORDS, &[], false, posting),
            None => self.nodes[node].end = posting,
            Some((step, tail)) => self.grow_leaf(hashing, place, *step, tail, open, posting),
        }
        node
    }

    fn grow_leaf(
        &mut self,
        hashing: &Hashing,
        above: Place,
        step: u32,
        tail: &[u32],
        open: bool,
        posting: Posting,
    ) {
        let leaf = self.new_leaf(above.node, step, tail, open);
        self.leaves[leaf].posting = posting;
        self.attach(hashing, above, step, Child::of_leaf(leaf));
    }

    fn new_leaf(&mut self, parent: u32, via: u32, tail: &[u32], open: bool) -> u32 {
        let mut short = [0; SHORT_TAIL];
        match short.get_mut(..tail.len()) {
            Some(short) => short.copy_from_slice(tail),
            None => short[0] = self.long_tails.insert(tail.into()),
        }
        let shape = (tail.len() as u32) << 1 | u32::from(open);
        self.leaves.insert(Leaf { parent, via, posting: Posting::EMPTY, shape, tail: short })
    }

    fn free_leaf(&mut self, leaf: u32) {
        let leaf = self.leaves.remove(leaf);
        if leaf.words() > SHORT_TAIL {
            self.long_tails.remove(leaf.tail[0]);
        }
    }

    /// Removes the end of a pattern that has no target left, and every node that it alone needed. `path` holds the
    /// nodes from the root to the end, or to the parent of the leaf that is the end.
    fn prune(&mut self, hashing: &Hashing, root: &mut Root, path: &[Place], steps: &[u32]) {
        let (last, _) = path.split_last().expect("a path begins at the root");
        if let Some(step) = steps.get(path.len() - 1) {
            let child = self.child(hashing, *last, *step);
            self.detach(hashing, *last, *step, child);
            if let Some(leaf) = child.leaf() {
                self.free_leaf(leaf);
            }
        }
        for (depth, place) in path.iter().enumerate().rev() {
            if self.nodes[place.node].is_needed() {
                return;
            }
            match depth.checked_sub(1) {
                None => *root = Root::EMPTY,
                Some(above) => {
                    self.detach(hashing, path[above], steps[above], Child(place.node));
                }
            }
            self.nodes.remove(place.node);
        }
    }

    fn child(&self, hashing: &Hashing, above: Place, step: u32) -> Child {
        let node = &self.nodes[above.node];
        match step {
            ANY_WORD => node.any_word,
            ANY_WORDS => node.any_words,
            word if node.edges > 0 => {
                let is_it = |child| self.origin(Child(child)) == (above.node, word);
                let hash = hashing.of_step(above.path, word);
                self.edges.find(hash, &edge_key(above.node, word), is_it).map_or(Child::NONE, Child)
            }
            _ => Child::NONE,
        }
    }

    fn attach(&mut self, hashing: &Hashing, above: Place, step: u32, child: Child) {
        let node = &mut self.nodes[above.node];
        match step {
            ANY_WORD => node.any_word = child,
            ANY_WORDS => node.any_words = child,
            word => {
                node.edges += 1;
                let hash = hashing.of_step(above.path, word);
                let (nodes, leaves) = (&self.nodes, &self.leaves);
                self.edges.insert(hash, child.0, |it| key_of(nodes, leaves, it));
            }
        }
    }

    fn detach(&mut self, hashing: &Hashing, above: Place, step: u32, child: Child) {
        let node = &mut self.nodes[above.node];
        match step {
            ANY_WORD => node.any_word = Child::NONE,
            ANY_WORDS => node.any_words = Child::NONE,
            word => {
                node.edges -= 1;
                let hash = hashing.of_step(above.path, word);
                let (nodes, leaves) = (&self.nodes, &self.leaves);
                self.edges.remove(hash, child.0, |it| key_of(nodes, leaves, it));
            }
        }
    }

    fn exchange(&mut self, hashing: &Hashing, above: Place, step: u32, from: Child, to: Child) {
        let node = &mut self.nodes[above.node];
        match step {
            ANY_WORD => node.any_word = to,
            ANY_WORDS => node.any_words = to,
            word => {
                let hash = hashing.of_step(above.path, word);
                let (nodes, leaves) = (&self.nodes, &self.leaves);
                self.edges.replace(hash, from.0, to.0, |it| key_of(nodes, leaves, it));
            }
        }
    }

    /// The parent of a child, and the step that leads to it.
    #[inline]
    fn origin(&self, child: Child) -> (u32, u32) {
        origin(&self.nodes, &self.leaves, child)
    }

    fn steps_of(&self, hashing: &Hashing, pattern: &[u8]) -> Steps {
        words_of(pattern)
            .map(|word| match word {
                b"*" => ANY_WORD,
                b"#" => ANY_WORDS,
                word => {
                    self.words.find(hashing, word).expect("the words of a bound pattern are held")
                }
            })
            .collect()
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

impl Leaf {
    const fn words(&self) -> usize {
        (self.shape >> 1) as usize
    }

    /// Whether a `#` follows the tail.
    const fn is_open(&self) -> bool {
        self.shape & 1 == 1
    }

    #[inline]
    fn tail<'a>(&'a self, long_tails: &'a Slots<Box<[u32]>>) -> &'a [u32] {
        match self.tail.get(..self.words()) {
            Some(tail) => tail,
            None => &long_tails[self.tail[0]],
        }
    }

    fn is(&self, steps: &[u32], long_tails: &Slots<Box<[u32]>>) -> bool {
        tail_of(steps) == Some((self.tail(long_tails), self.is_open()))
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
    fn root(hashing: &Hashing, node: u32) -> Self {
        Self { node, path: hashing.of_step(0, node) }
    }
}

/// The words of a key or pattern; none when it is empty.
#[inline]
fn words_of(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.split(|byte| *byte == b'.').filter(move |_| !key.is_empty())
}

/// The steps as a leaf's tail, and whether a `#` ends them; `None` when there is an earlier `#`.
fn tail_of(steps: &[u32]) -> Option<(&[u32], bool)> {
    let (tail, open) = match steps {
        [tail @ .., ANY_WORDS] => (tail, true),
        tail => (tail, false),
    };
    (!tail.contains(&ANY_WORDS)).then_some((tail, open))
}

#[inline]
fn origin(nodes: &Slots<Node>, leaves: &Slots<Leaf>, child: Child) -> (u32, u32) {
    match child.leaf() {
        Some(leaf) => (leaves[leaf].parent, leaves[leaf].via),
        None => (nodes[child.0].parent, nodes[child.0].via),
    }
}

fn edge_key(parent: u32, via: u32) -> [u8; 8] {
    (u64::from(parent) << 32 | u64::from(via)).to_be_bytes()
}

fn key_of(nodes: &Slots<Node>, leaves: &Slots<Leaf>, child: u32) -> Box<[u8]> {
    let (parent, via) = origin(nodes, leaves, Child(child));
    Box::new(edge_key(parent, via))
}
