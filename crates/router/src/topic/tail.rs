//! The rest of one pattern, from where no other shares it: words and `*`, and perhaps a `#` as its end.

use alloc::boxed::Box;

use super::{ANY_WORD, ANY_WORDS};
use crate::slots::Slots;

/// The steps of tails that have more than [`SHORT_TAIL`].
pub(super) type LongTails = Slots<Box<[u32]>>;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tail {
    /// Twice the number of steps, and one more when a `#` follows them.
    form: u32,
    /// The steps, or the number of a long tail.
    steps: [u32; SHORT_TAIL],
}

const SHORT_TAIL: usize = 4;

impl Tail {
    pub(super) fn new(long_tails: &mut LongTails, steps: &[u32], is_open: bool) -> Self {
        let mut short = [0; SHORT_TAIL];
        match short.get_mut(..steps.len()) {
            Some(short) => short.copy_from_slice(steps),
            None => short[0] = long_tails.insert(steps.into()),
        }
        Self { form: form_of(steps.len(), is_open), steps: short }
    }

    /// Gives back what it holds beside itself.
    pub(super) fn free(self, long_tails: &mut LongTails) {
        if self.len() > SHORT_TAIL {
            long_tails.remove(self.steps[0]);
        }
    }

    pub(super) const fn len(self) -> usize {
        (self.form >> 1) as usize
    }

    /// Whether a `#` follows the steps.
    pub(super) const fn is_open(self) -> bool {
        self.form & 1 == 1
    }

    #[inline]
    pub(super) fn steps<'a>(&'a self, long_tails: &'a LongTails) -> &'a [u32] {
        match self.steps.get(..self.len()) {
            Some(steps) => steps,
            None => &long_tails[self.steps[0]],
        }
    }

    /// Whether these are all its steps, its `#` among them.
    pub(super) fn is(&self, steps: &[u32], long_tails: &LongTails) -> bool {
        tail_of(steps) == Some((self.steps(long_tails), self.is_open()))
    }

    /// Whether it has so many steps, and a `#` after them or none.
    #[inline]
    pub(super) const fn has_form(&self, len: usize, is_open: bool) -> bool {
        self.form == form_of(len, is_open)
    }

    /// Whether these words, and no others, match it.
    pub(super) fn matches(&self, words: &[u32], long_tails: &LongTails) -> bool {
        (self.len() == words.len() || self.is_open() && self.len() < words.len())
            && agree(self.steps(long_tails), words)
    }
}

/// Whether the words begin with these steps.
pub(super) fn agree(steps: &[u32], words: &[u32]) -> bool {
    steps.iter().zip(words).all(|(step, word)| step == word || *step == ANY_WORD)
}

/// The steps as those of a tail, and whether a `#` ends them; `None` when there is an earlier `#`.
pub(super) fn tail_of(steps: &[u32]) -> Option<(&[u32], bool)> {
    let (tail, is_open) = match steps {
        [tail @ .., ANY_WORDS] => (tail, true),
        tail => (tail, false),
    };
    (!tail.contains(&ANY_WORDS)).then_some((tail, is_open))
}

#[inline]
const fn form_of(len: usize, is_open: bool) -> u32 {
    (len as u32) << 1 | is_open as u32
}
