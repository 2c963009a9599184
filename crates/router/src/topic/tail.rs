//! The rest of one pattern, from where no other shares it: words and `*`, and perhaps a `#` as its end.

use alloc::boxed::Box;

use super::{ANY_WORD, ANY_WORDS};
use crate::slots::Slots;

/// The steps of tails that have more than [`SHORT_TAIL`].
pub(super) type LongTails = Slots<Box<[u32]>>;

/// The words and `*` of a tail; whoever has it knows whether a `#` follows them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    /// The steps and then [`NO_STEP`], or the number of a long tail and then [`LONG`].
    steps: [u32; SHORT_TAIL],
}

const SHORT_TAIL: usize = 4;
/// In a place behind the last step.
const NO_STEP: u32 = u32::MAX;
/// In the second place, behind the number of a long tail.
const LONG: u32 = u32::MAX - 1;

impl Tail {
    pub(super) fn new(long_tails: &mut LongTails, steps: &[u32]) -> Self {
        let mut short = [NO_STEP; SHORT_TAIL];
        match short.get_mut(..steps.len()) {
            Some(short) => short.copy_from_slice(steps),
            None => [short[0], short[1]] = [long_tails.insert(steps.into()), LONG],
        }
        Self { steps: short }
    }

    /// Gives back what it holds beside itself.
    pub(super) fn free(self, long_tails: &mut LongTails) {
        if self.is_long() {
            long_tails.remove(self.steps[0]);
        }
    }

    #[inline]
    const fn is_long(self) -> bool {
        self.steps[1] == LONG
    }

    #[inline]
    pub(super) fn steps<'a>(&'a self, long_tails: &'a LongTails) -> &'a [u32] {
        if self.is_long() {
            return &long_tails[self.steps[0]];
        }
        let len = self.steps.iter().filter(|step| **step != NO_STEP).count();
        &self.steps[..len]
    }

    /// Whether these are its steps.
    pub(super) fn is(&self, steps: &[u32], long_tails: &LongTails) -> bool {
        self.steps(long_tails) == steps
    }

    /// Whether these words match it, and with a `#` behind it perhaps more.
    pub(super) fn matches(&self, words: &[u32], is_open: bool, long_tails: &LongTails) -> bool {
        let steps = self.steps(long_tails);
        (steps.len() == words.len() || is_open && steps.len() < words.len()) && agree(steps, words)
    }
}

impl Default for Tail {
    fn default() -> Self {
        Self { steps: [NO_STEP; SHORT_TAIL] }
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
