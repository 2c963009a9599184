//! Patterns that are found as a whole, without a trie.
//!
//! The shape of a pattern is where its `*` are, how many words it has, and whether a `#` ends it. All patterns of one
//! shape that match a key agree with it in the same places, so the hash of the words in these places finds the only
//! one: one look-up a shape, all of them independent, so that their cache misses overlap. Exchanges have many patterns
//! and few shapes. Those beyond [`SHAPES_MAX`], and patterns with a `#` before their end, go into the trie.
//!
//! Patterns without any wildcard count as one shape, whatever their length. The words of a key are hashed and not
//! looked up: only those of a pattern that was found are compared.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::key::{KeyWord, cut};
use super::tail::{LongTails, Tail, tail_of};
use super::walk::TopicScratch;
use super::{ANY_WORD, Root, Topics};
use crate::hashing::Hashing;
use crate::posting::{Posting, Postings};
use crate::table::Entry;
use crate::words::Words;

/// The shapes of one exchange that are looked up.
pub(super) const SHAPES_MAX: usize = 16;

/// A whole pattern of one exchange. Half a cache line, so that none takes two fetches.
#[derive(Clone, Debug, Default)]
#[repr(align(32))]
pub(super) struct Whole {
    hash: u32,
    /// The index of its exchange.
    scope: u32,
    tail: Tail,
    /// The targets that it leads to.
    posting: Posting,
}

/// The patterns of one exchange that have their wildcards in the same places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    form: Form,
    /// Where the hashes of its patterns begin.
    start: u32,
    /// How many patterns have it.
    patterns: u32,
}

/// Where a pattern has its wildcards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    /// How many words there are, [`ANY_LEN`] for all patterns without a wildcard.
    len: u32,
    /// Whether a `#` follows them.
    is_open: bool,
    /// A bit for each place with `*`.
    stars: u64,
}

const ANY_LEN: u32 = u32::MAX;

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
        let shape = &mut root.shapes[at];
        let hash = self.hash_of(hashing, shape.start, steps);
        if let Some(posting) = self.posting_of(hash, root.scope, steps) {
            postings.add(hashing, posting, target);
            return Some(false);
        }
        shape.patterns += 1;
        let (tail, is_open) = tail_of(steps)?;
        let tail = Tail::new(&mut self.long_tails, tail, is_open);
        let mut posting = Posting::EMPTY;
        postings.add(hashing, &mut posting, target);
        let whole = Whole { hash, scope: root.scope, tail, posting };
        self.wholes.insert(whole, |it| it.name(&self.words, &self.long_tails));
        Some(true)
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
        let hash = self.hash_of(hashing, root.shapes[at].start, steps);
        let posting = self.posting_of(hash, root.scope, steps)?;
        // Of a pattern that came before its shape could be looked up, some targets are in the trie.
        if !postings.contains(hashing, posting, target) {
            return None;
        }
        postings.take(hashing, posting, target);
        if !posting.is_empty() {
            return Some(false);
        }
        self.remove_whole(hash, root.scope, steps);
        root.shapes[at].patterns -= 1;
        if root.shapes[at].patterns == 0 {
            root.shapes.swap_remove(at);
        }
        if root.shapes.is_empty() {
            root.shapes = Vec::new();
        }
        Some(true)
    }

    /// Finds the whole patterns that match a key.
    pub(super) fn find_whole(
        &self,
        hashing: &Hashing,
        root: &Root,
        key: &[u8],
        scratch: &mut TopicScratch,
    ) {
        let TopicScratch { key: words, found, .. } = scratch;
        cut(hashing, key, words);
        // Most patterns are not there. All tags are read before the first pattern is, and without a branch between.
        let mut likely = [(0, 0_u32); SHAPES_MAX];
        let mut likely_len = 0;
        for (number, shape) in (0..).zip(&root.shapes) {
            if let Some(hash) = shape.hash_for(words) {
                likely[likely_len & (SHAPES_MAX - 1)] = (hash, number);
                likely_len += usize::from(!self.wholes.glance(hash).is_empty());
            }
        }
        for (hash, shape) in &likely[..likely_len] {
            let form = root.shapes[*shape as usize].form;
            let words = words.get(..form.len as usize).unwrap_or(words);
            let name = || form.name(root.scope, key, words);
            let is_it = |it: &Whole| it.scope == root.scope && self.is_of(it, form, key, words);
            if let Some(whole) = self.wholes.find(*hash, name, is_it) {
                found.push(whole.posting);
            }
        }
    }

    /// Whether a pattern is the one of this form that matches these words of a key, and perhaps more.
    #[inline]
    fn is_of(&self, whole: &Whole, form: Form, key: &[u8], words: &[KeyWord]) -> bool {
        let mut stars = form.stars;
        let is_step = |(step, word): (&u32, &KeyWord)| {
            let is_star = stars & 1 == 1;
            stars >>= 1;
            match *step {
                ANY_WORD => is_star,
                step => !is_star && self.words.is(step, word.text(key), word.gist),
            }
        };
        let steps = whole.tail.steps(&self.long_tails);
        whole.tail.has_form(words.len(), form.is_open) && steps.iter().zip(words).all(is_step)
    }

    /// The targets of a pattern, if it was added as a whole.
    fn posting_of(&mut self, hash: u32, scope: u32, steps: &[u32]) -> Option<&mut Posting> {
        let name = || name_of(&self.words, scope, steps);
        let is_it = |it: &Whole| it.scope == scope && it.tail.is(steps, &self.long_tails);
        let found = self.wholes.find_mut(hash, name, is_it);
        found.map(|whole| &mut whole.posting)
    }

    fn remove_whole(&mut self, hash: u32, scope: u32, steps: &[u32]) {
        let whole = self.wholes.remove(
            hash,
            || name_of(&self.words, scope, steps),
            |it| it.scope == scope && it.tail.is(steps, &self.long_tails),
            |it| it.name(&self.words, &self.long_tails),
        );
        whole.tail.free(&mut self.long_tails);
    }

    /// The hash by which a pattern is found: that of its shape, and those of its words in their places, in any order.
    fn hash_of(&self, hashing: &Hashing, start: u32, steps: &[u32]) -> u32 {
        let words = (0..).zip(steps).filter(|(_, step)| **step < ANY_WORD);
        words.fold(start, |hash, (place, word)| {
            hash ^ KeyWord::hash_at(place, self.words.hash(hashing, *word))
        })
    }
}

impl Shape {
    /// The hash of the pattern of this shape that matches a key; `None` when none does.
    #[inline]
    fn hash_for(&self, words: &[KeyWord]) -> Option<u32> {
        let Form { len, is_open, stars } = self.form;
        let fits = match len {
            ANY_LEN => true,
            len if is_open => len as usize <= words.len(),
            len => len as usize == words.len(),
        };
        if !fits {
            return None;
        }
        let last = words.len().min(len as usize).wrapping_sub(1);
        let mut hash = self.start ^ words.get(last).map_or(0, |last| last.up_to);
        let mut stars = stars;
        while stars != 0 {
            hash ^= words[stars.trailing_zeros() as usize].hash;
            stars &= stars - 1;
        }
        Some(hash)
    }
}

impl Entry for Whole {
    #[inline]
    fn hash(&self) -> u32 {
        self.hash
    }
}

impl Whole {
    fn name(&self, words: &Words, long_tails: &LongTails) -> Box<[u8]> {
        name(self.scope, self.tail.is_open(), names_of(words, self.tail.steps(long_tails)))
    }
}

impl Form {
    /// The form of a pattern, unless it has a `#` before its end or too many words.
    fn of(steps: &[u32]) -> Option<Self> {
        let (tail, is_open) = tail_of(steps)?;
        if !is_open && !tail.contains(&ANY_WORD) {
            return Some(Self { len: ANY_LEN, is_open, stars: 0 });
        }
        let star = |(place, step): (usize, &u32)| u64::from(*step == ANY_WORD) << place;
        let stars = (tail.len() < 64).then(|| tail.iter().enumerate().map(star).sum())?;
        Some(Self { len: tail.len() as u32, is_open, stars })
    }

    fn start(self, hashing: &Hashing, scope: u32) -> u32 {
        let parts = [self.len, self.stars as u32, (self.stars >> 32) as u32];
        let start = hashing.of_step(scope, u32::from(self.is_open));
        parts.into_iter().fold(start, |hash, part| hashing.of_step(hash, part))
    }

    /// The name of the only pattern of this form that matches these words of a key.
    fn name(self, scope: u32, key: &[u8], words: &[KeyWord]) -> Box<[u8]> {
        let is_star = |place| place < 64 && self.stars >> place & 1 == 1;
        let step = |(place, word): (usize, &KeyWord)| (!is_star(place)).then(|| word.name(key));
        name(scope, self.is_open, words.iter().enumerate().map(step))
    }
}

fn name_of(words: &Words, scope: u32, steps: &[u32]) -> Box<[u8]> {
    let (tail, is_open) = tail_of(steps).unwrap_or((steps, false));
    name(scope, is_open, names_of(words, tail))
}

/// The names of words, and nothing for a `*`.
fn names_of(words: &Words, steps: &[u32]) -> impl Iterator<Item = Option<Box<[u8]>>> {
    steps.iter().map(|step| (*step != ANY_WORD).then(|| words.name(*step)))
}

/// The name of a pattern; only used after an attack.
fn name(scope: u32, is_open: bool, steps: impl Iterator<Item = Option<Box<[u8]>>>) -> Box<[u8]> {
    let mut name = Vec::from(scope.to_be_bytes());
    name.push(u8::from(is_open));
    for word in steps {
        // No word's name is as long as the mark of a `*`.
        let len = word.as_ref().map_or(u32::MAX, |word| word.len() as u32);
        name.extend_from_slice(&len.to_be_bytes());
        name.extend_from_slice(&word.unwrap_or_default());
    }
    name.into()
}
