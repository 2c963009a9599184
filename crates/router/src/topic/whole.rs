//! Patterns that are found as a whole, without a trie.
//!
//! The shape of a pattern is where its `*` are, how many words it has, and whether a `#` ends it. All patterns of one
//! shape that match a key agree with it in the same places, so the hash of the words in these places finds the only
//! one: one look-up a shape, all of them independent, so that their cache misses overlap. Exchanges have many patterns
//! and few shapes. Those beyond [`SHAPES_MAX`], and patterns with a `#` before their end, go into the trie.
//!
//! Patterns without any wildcard count as one shape, whatever their length.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hint::black_box;

use super::walk::TopicScratch;
use super::{ANY_WORD, Child, Leaf, Root, Topics, key_of, tail_of};
use crate::hashing::Hashing;
use crate::posting::Postings;
use crate::slots::Slots;
use crate::words::Words;

/// The shapes of one exchange that are looked up.
pub(super) const SHAPES_MAX: usize = 16;

/// The step to the leaf of a whole pattern, from its exchange.
const WHOLE: u32 = 0x8000_0003;

/// Where patterns have their wildcards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    form: Form,
    /// Where the hashes of its patterns begin.
    start: u32,
    /// How many patterns have it.
    patterns: u32,
}

/// The hash of a word in its place, and of all words up to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct WordHash {
    hash: u32,
    up_to: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// No wildcard.
    Literal,
    /// This many words, and a `#` after them if `open`; each bit of `stars` is a place with `*`.
    Mask { len: u32, open: bool, stars: u64 },
}

impl Form {
    /// The form of a pattern, unless it has a `#` before its end or too many words.
    fn of(steps: &[u32]) -> Option<Self> {
        let (tail, open) = tail_of(steps)?;
        if !open && !tail.contains(&ANY_WORD) {
            return Some(Self::Literal);
        }
        let star = |(place, step): (usize, &u32)| u64::from(*step == ANY_WORD) << place;
        let stars = (tail.len() < 64).then(|| tail.iter().enumerate().map(star).sum())?;
        Some(Self::Mask { len: tail.len() as u32, open, stars })
    }

    fn start(self, hashing: &Hashing, scope: u32) -> u32 {
        let start = hashing.of_step(scope, WHOLE);
        match self {
            Self::Literal => start,
            Self::Mask { len, open, stars } => {
                let parts = [len << 1 | u32::from(open), stars as u32, (stars >> 32) as u32];
                parts.into_iter().fold(start, |hash, part| hashing.of_step(hash, part))
            }
        }
    }
}

impl Topics {
    /// Adds a target to a pattern that has, or can be given, a shape; `None` when it must go into the trie, and else
    /// whether the pattern is new.
    pub(super) fn add_whole(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        root: &mut Root,
        steps: &[u32],
        target: u32,
    ) -> Option<bool> {
        let form = Form::of(steps)?;
        let at = root.shapes.iter().position(|shape| shape.form == form);
        if at.is_none() && root.shapes.len() >= SHAPES_MAX {
            return None;
        }
        let at = at.unwrap_or_else(|| {
            let start = form.start(hashing, root.scope);
            root.shapes.push(Shape { form, start, patterns: 0 });
            root.shapes.len() - 1
        });
        let path = path_of(hashing, root.shapes[at].start, steps);
        let known = self.whole(path, root.scope, steps);
        let leaf = known.unwrap_or_else(|| {
            let (tail, open) = tail_of(steps).unwrap_or((steps, false));
            let leaf = self.new_leaf(root.scope, WHOLE, tail, open);
            let tries = (&self.nodes, &self.leaves, &self.long_tails);
            self.edges.insert(path, Child::of_leaf(leaf).0, |it| key_of(tries, it));
            root.shapes[at].patterns += 1;
            leaf
        });
        postings.add(hashing, &mut self.leaves[leaf].posting, target);
        Some(known.is_none())
    }

    /// Takes a target from a pattern that was added as a whole; `None` when it was not, and else whether the pattern is
    /// gone with it.
    pub(super) fn take_whole(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        root: &mut Root,
        steps: &[u32],
        target: u32,
    ) -> Option<bool> {
        let form = Form::of(steps)?;
        let at = root.shapes.iter().position(|shape| shape.form == form)?;
        let path = path_of(hashing, root.shapes[at].start, steps);
        let leaf = self.whole(path, root.scope, steps)?;
        let posting = &mut self.leaves[leaf].posting;
        // Of a pattern that came before its shape could be looked up, some targets are in the trie.
        if !postings.contains(hashing, posting, target) {
            return None;
        }
        postings.take(hashing, posting, target);
        let gone = posting.is_empty();
        if gone {
            let tries = (&self.nodes, &self.leaves, &self.long_tails);
            self.edges.remove(path, Child::of_leaf(leaf).0, |it| key_of(tries, it));
            self.free_leaf(leaf);
            root.shapes[at].patterns -= 1;
            if root.shapes[at].patterns == 0 {
                root.shapes.swap_remove(at);
            }
            if root.shapes.is_empty() {
                root.shapes = Vec::new();
            }
        }
        Some(gone)
    }

    /// Finds the whole patterns that match the words of a key.
    pub(super) fn find_whole(&self, hashing: &Hashing, root: &Root, scratch: &mut TopicScratch) {
        let TopicScratch { words, hashes, paths, found, .. } = &mut *scratch;
        hashes.clear();
        let (mut unknown, mut all) = (0_u64, 0);
        for (place, word) in words.iter().enumerate() {
            let hash = hashing.of_step(place as u32, *word);
            all ^= hash;
            hashes.push(WordHash { hash, up_to: all });
            // A bit for each of the first 63 words, and one for all others.
            unknown |= u64::from(*word == Words::UNKNOWN) << place.min(63);
        }
        paths.clear();
        for (number, shape) in root.shapes.iter().enumerate() {
            let path = match shape.form {
                Form::Literal if unknown == 0 => shape.start ^ all,
                Form::Mask { len, open, stars } => {
                    let len = len as usize;
                    let fits = len == hashes.len() || open && len < hashes.len();
                    if !fits || unknown & !stars & !(u64::MAX << len) != 0 {
                        continue;
                    }
                    let up_to = len.checked_sub(1).map_or(0, |last| hashes[last].up_to);
                    let (mut path, mut stars) = (shape.start ^ up_to, stars);
                    while stars != 0 {
                        path ^= hashes[stars.trailing_zeros() as usize].hash;
                        stars &= stars - 1;
                    }
                    path
                }
                Form::Literal => continue,
            };
            paths.push((path, number as u32));
        }
        black_box(paths.iter().fold(0, |all, (path, _)| all ^ self.edges.touch(*path)));
        for (path, shape) in paths {
            let name = || root.shapes[*shape as usize].form.name(root.scope, words);
            self.edges.candidates(*path, name, |child| {
                if let Some(leaf) = Child(child).leaf()
                    && self.is_whole(leaf, root.scope)
                    && self.leaves[leaf].matches(words, &self.long_tails)
                {
                    found.push(self.leaves[leaf].posting);
                }
            });
        }
    }

    /// The leaf of a pattern, if it was added as a whole.
    fn whole(&self, path: u32, scope: u32, steps: &[u32]) -> Option<u32> {
        let is_it = |child| {
            Child(child).leaf().is_some_and(|leaf| {
                self.is_whole(leaf, scope) && self.leaves[leaf].is(steps, &self.long_tails)
            })
        };
        let (tail, open) = tail_of(steps)?;
        let child = self.edges.find(path, || name(scope, tail.iter().copied(), open), is_it)?;
        Child(child).leaf()
    }

    #[inline]
    fn is_whole(&self, leaf: u32, scope: u32) -> bool {
        let Leaf { parent, via, .. } = self.leaves[leaf];
        (parent, via) == (scope, WHOLE)
    }
}

impl Leaf {
    /// The name of a whole pattern, if it is one; only used after an attack.
    pub(super) fn name(&self, long_tails: &Slots<Box<[u32]>>) -> Option<Box<[u8]>> {
        let tail = self.tail(long_tails).iter().copied();
        (self.via == WHOLE).then(|| name(self.parent, tail, self.is_open()))
    }
}

impl Form {
    /// The name of the only pattern of this form that matches these words.
    fn name(self, scope: u32, words: &[u32]) -> Box<[u8]> {
        match self {
            Self::Literal => name(scope, words.iter().copied(), false),
            Self::Mask { len, open, stars } => {
                let tail = words[..len as usize].iter().enumerate();
                let step = |(place, word)| if stars >> place & 1 == 1 { &ANY_WORD } else { word };
                name(scope, tail.map(step).copied(), open)
            }
        }
    }
}

fn name(scope: u32, tail: impl Iterator<Item = u32>, open: bool) -> Box<[u8]> {
    let numbers = [scope, WHOLE, u32::from(open)].into_iter().chain(tail);
    numbers.flat_map(u32::to_be_bytes).collect()
}

/// The hash by which a pattern is found: that of its shape, and those of its words in their places, in any order.
fn path_of(hashing: &Hashing, start: u32, steps: &[u32]) -> u32 {
    let words = (0..).zip(steps).filter(|(_, step)| **step < ANY_WORD);
    words.fold(start, |path, (place, word)| path ^ hashing.of_step(place, *word))
}
