//! Patterns that are found as a whole, without a trie.
//!
//! The shape of a pattern is where its `*` are, how many words it has, and whether a `#` ends it. All patterns of one
//! shape that match a key agree with it in the same places, so the hash of the words in these places finds the only
//! one: one look-up a shape, all of them independent, so that their cache misses overlap. Exchanges have many patterns
//! and few shapes. Those beyond [`SHAPES_MAX`], and patterns with a `#` before their end, go into the trie.
//!
//! A pattern lies beside what its only target stands for: that is one more thing that would have to be fetched from
//! somewhere in memory, and where there are a million, each such fetch costs as much as all the rest.
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
use crate::posting::{Lead, Postings};
use crate::table::{Entry, Table, Ways};
use crate::targets::Targets;
use crate::words::Words;

/// The shapes of one exchange that are looked up.
pub(super) const SHAPES_MAX: usize = 16;

/// A whole pattern; 32 bytes with a destination of four.
#[derive(Clone, Debug)]
pub(super) struct Whole<D> {
    hash: u32,
    lead: Lead<D>,
    tail: Tail,
}

/// The patterns of one exchange that have their wildcards in the same places.
#[derive(Clone, Debug)]
pub(super) struct Shape<D> {
    form: Form,
    /// How many words keys have that may match them.
    least: usize,
    most: usize,
    wholes: Table<Whole<D>>,
}

/// Where one shape's pattern for a key may be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    hash: u32,
    ways: Ways,
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
    pub(super) fn add_whole<D: Copy>(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        targets: &Targets<D>,
        root: &mut Root<D>,
        steps: &[u32],
        target: u32,
    ) -> Option<bool> {
        let form = Form::of(steps)?;
        let (tail, _) = tail_of(steps)?;
        let at = root.shapes.iter().position(|shape| shape.form == form);
        if at.is_none() && root.shapes.len() >= SHAPES_MAX {
            return None;
        }
        let at = at.unwrap_or_else(|| {
            // Most exchanges have one or two shapes, and for ever.
            root.shapes.reserve_exact(1);
            root.shapes.push(Shape::new(form));
            root.shapes.len() - 1
        });
        let wholes = &mut root.shapes[at].wholes;
        let hash = self.hash_of(hashing, steps);
        if let Some(lead) = self.lead_of(wholes, hash, tail) {
            lead.add(hashing, postings, targets, target);
            return Some(false);
        }
        let mut lead = Lead::default();
        lead.add(hashing, postings, targets, target);
        let tail = Tail::new(&mut self.long_tails, tail);
        let whole = Whole { hash, lead, tail };
        wholes.insert(whole, |it| it.name(&self.words, &self.long_tails));
        Some(true)
    }

    /// Takes a target from a pattern that was added as a whole; `None` when it was not, and else whether the pattern is
    /// gone with it.
    pub(super) fn take_whole<D: Copy>(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        targets: &Targets<D>,
        root: &mut Root<D>,
        steps: &[u32],
        target: u32,
    ) -> Option<bool> {
        let form = Form::of(steps)?;
        let (tail, _) = tail_of(steps)?;
        let at = root.shapes.iter().position(|shape| shape.form == form)?;
        let wholes = &mut root.shapes[at].wholes;
        let hash = self.hash_of(hashing, steps);
        let lead = self.lead_of(wholes, hash, tail)?;
        // Of a pattern that came before its shape could be looked up, some targets are in the trie.
        if !lead.contains(hashing, postings, target) {
            return None;
        }
        lead.take(hashing, postings, targets, target);
        if !lead.is_empty() {
            return Some(false);
        }
        self.remove_whole(wholes, hash, tail);
        if wholes.len() == 0 {
            root.shapes.swap_remove(at);
        }
        if root.shapes.is_empty() {
            root.shapes = Vec::new();
        }
        Some(true)
    }

    /// Finds the whole patterns that match a key.
    pub(super) fn find_whole<D: Copy>(
        &self,
        hashing: &Hashing,
        root: &Root<D>,
        key: &[u8],
        scratch: &mut TopicScratch,
        leads: &mut Vec<Lead<D>>,
    ) {
        let TopicScratch { key: words, looks, spelling, .. } = scratch;
        cut(hashing, key, words);
        // Most patterns are not there. All tags are asked for before any is needed.
        for (look, shape) in looks.iter_mut().zip(&root.shapes) {
            *look = match shape.hash_for(words) {
                Some(hash) => Look { hash, ways: shape.wholes.glance(hash) },
                None => Look::default(),
            };
        }
        for (look, shape) in looks.iter().zip(&root.shapes) {
            if look.ways.is_empty(look.hash) {
                continue;
            }
            let form = shape.form;
            let words = words.get(..form.len as usize).unwrap_or(words);
            let spelling = &mut *spelling;
            let name = move || {
                let spelling = spelling;
                form.spell(key, words, spelling)
            };
            let is_it = |it: &Whole<D>| self.is_of(it.tail, form.stars, key, words);
            if let Some(whole) = shape.wholes.find_among(look.hash, look.ways, name, is_it) {
                leads.push(whole.lead);
            }
        }
    }

    /// Whether a tail with `*` in these places, and in no others, matches these words of a key.
    #[inline]
    fn is_of(&self, tail: Tail, mut stars: u64, key: &[u8], words: &[KeyWord]) -> bool {
        let is_step = |(step, word): (&u32, &KeyWord)| {
            let is_star = stars & 1 == 1;
            stars >>= 1;
            match *step {
                ANY_WORD => is_star,
                step => !is_star && self.words.is(step, word.text(key), word.gist),
            }
        };
        let steps = tail.steps(&self.long_tails);
        steps.len() == words.len() && steps.iter().zip(words).all(is_step)
    }

    /// What a pattern leads to, if it was added as a whole.
    fn lead_of<'w, D>(
        &self,
        wholes: &'w mut Table<Whole<D>>,
        hash: u32,
        tail: &[u32],
    ) -> Option<&'w mut Lead<D>> {
        let name = || name(names_of(&self.words, tail));
        let found = wholes.find_mut(hash, name, |it| it.tail.is(tail, &self.long_tails));
        found.map(|whole| &mut whole.lead)
    }

    fn remove_whole<D>(&mut self, wholes: &mut Table<Whole<D>>, hash: u32, tail: &[u32]) {
        let whole = wholes.remove(
            hash,
            || name(names_of(&self.words, tail)),
            |it| it.tail.is(tail, &self.long_tails),
            |it| it.name(&self.words, &self.long_tails),
        );
        whole.tail.free(&mut self.long_tails);
    }

    /// The hash by which a pattern is found among those of its shape: that of its words in their places, in any order.
    fn hash_of(&self, hashing: &Hashing, steps: &[u32]) -> u32 {
        let words = (0..).zip(steps).filter(|(_, step)| **step < ANY_WORD);
        words.fold(0, |hash, (place, word)| {
            hash ^ KeyWord::hash_at(place, self.words.hash(hashing, *word))
        })
    }
}

impl<D> Shape<D> {
    const fn new(form: Form) -> Self {
        let (least, most) = match form.len {
            ANY_LEN => (0, usize::MAX),
            len if form.is_open => (len as usize, usize::MAX),
            len => (len as usize, len as usize),
        };
        Self { form, least, most, wholes: Table::new() }
    }

    /// How many patterns have it.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.wholes.len()
    }

    /// The hash of the pattern of this shape that matches a key; `None` when none does.
    #[inline]
    fn hash_for(&self, words: &[KeyWord]) -> Option<u32> {
        if !(self.least..=self.most).contains(&words.len()) {
            return None;
        }
        let last = words.len().min(self.form.len as usize).wrapping_sub(1);
        let mut hash = words.get(last).map_or(0, |last| last.up_to);
        let mut stars = self.form.stars;
        while stars != 0 {
            hash ^= words[stars.trailing_zeros() as usize].hash;
            stars &= stars - 1;
        }
        Some(hash)
    }
}

impl<D> Entry for Whole<D> {
    #[inline]
    fn hash(&self) -> u32 {
        self.hash
    }
}

impl<D> Default for Whole<D> {
    fn default() -> Self {
        Self { hash: 0, lead: Lead::default(), tail: Tail::default() }
    }
}

impl<D> Whole<D> {
    fn name(&self, words: &Words, long_tails: &LongTails) -> Box<[u8]> {
        name(names_of(words, self.tail.steps(long_tails)))
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

    /// The [`name`] of the only pattern of this form that matches these words of a key.
    fn spell<'s>(self, key: &[u8], words: &[KeyWord], spelling: &'s mut Vec<u8>) -> &'s [u8] {
        let is_star = |place| place < 64 && self.stars >> place & 1 == 1;
        spelling.clear();
        for (place, word) in words.iter().enumerate() {
            let len_at = spelling.len();
            spelling.extend_from_slice(&STAR);
            if !is_star(place) {
                word.spell(key, spelling);
                let len = (spelling.len() - len_at - STAR.len()) as u32;
                spelling[len_at..][..STAR.len()].copy_from_slice(&len.to_be_bytes());
            }
        }
        spelling
    }
}

/// The names of words, and nothing for a `*`.
fn names_of(words: &Words, steps: &[u32]) -> impl Iterator<Item = Option<Box<[u8]>>> {
    steps.iter().map(|step| (*step != ANY_WORD).then(|| words.name(*step)))
}

/// What stands in a name for a `*`: no word's name is so long.
const STAR: [u8; 4] = u32::MAX.to_be_bytes();

/// The name of a pattern among those of its shape; only used after an attack.
fn name(steps: impl Iterator<Item = Option<Box<[u8]>>>) -> Box<[u8]> {
    let mut name = Vec::new();
    for word in steps {
        let len = word.as_ref().map_or(STAR, |word| (word.len() as u32).to_be_bytes());
        name.extend_from_slice(&len);
        name.extend_from_slice(&word.unwrap_or_default());
    }
    name.into()
}
