//! Byte strings as numbers.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::hashing::Hashing;
use crate::index::Index;
use crate::slots::Slots;

/// Interned byte strings, counted, each with a number below [`Words::UNKNOWN`].
#[derive(Clone, Debug)]
pub(crate) struct Words {
    index: Index,
    words: Slots<Word>,
    long: Slots<Box<[u8]>>,
}

#[derive(Clone, Debug, Default)]
struct Word {
    gist: Gist,
    uses: u32,
    /// The number of the whole text of a long word.
    long: u32,
}

/// The length of a word, its first eight bytes and its last eight: all there is to know of a word of at most sixteen.
/// Nearly all words are short; comparing them takes two instructions, and hashing them a multiplication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gist {
    pub(crate) head: u64,
    pub(crate) tail: u64,
    pub(crate) len: u32,
}

impl Words {
    /// The number of a word that nobody holds.
    pub(crate) const UNKNOWN: u32 = 0x7fff_ffff;

    pub(crate) const fn new() -> Self {
        Self { index: Index::new(), words: Slots::new(), long: Slots::new() }
    }

    pub(crate) fn holds_no_memory(&self) -> bool {
        self.index.holds_no_memory() && self.words.holds_no_memory() && self.long.holds_no_memory()
    }

    /// The number of a word, if anybody holds it.
    #[inline]
    pub(crate) fn find(&self, hashing: &Hashing, text: &[u8]) -> Option<u32> {
        let gist = Gist::of(text);
        if gist.is_whole() {
            let is_it = |word| self.words[word].gist == gist;
            return self.index.find(hashing.of_gist(gist), || gist.name(), is_it);
        }
        self.find_long(hashing.of_bytes(text), text)
    }

    /// Holds a word once more.
    pub(crate) fn hold(&mut self, hashing: &Hashing, text: &[u8]) -> u32 {
        if let Some(word) = self.find(hashing, text) {
            self.words[word].uses += 1;
            return word;
        }
        let gist = Gist::of(text);
        let (hash, long) = if gist.is_whole() {
            (hashing.of_gist(gist), 0)
        } else {
            (hashing.of_bytes(text), self.long.insert(text.into()))
        };
        let word = self.words.insert(Word { gist, uses: 1, long });
        self.index.insert(hash, word, |word| self.words[word].name(&self.long));
        word
    }

    /// Holds a word once less.
    pub(crate) fn release(&mut self, hashing: &Hashing, word: u32) {
        self.words[word].uses -= 1;
        if self.words[word].uses > 0 {
            return;
        }
        let Word { gist, long, .. } = self.words[word];
        let whole = gist.is_whole();
        let hash = if whole { hashing.of_gist(gist) } else { hashing.of_bytes(&self.long[long]) };
        self.index.remove(hash, word, |word| self.words[word].name(&self.long));
        self.words.remove(word);
        if !whole {
            self.long.remove(long);
        }
    }

    #[cold]
    fn find_long(&self, hash: u32, text: &[u8]) -> Option<u32> {
        self.index.find(
            hash,
            || name_of_long(text),
            |word| {
                let word = &self.words[word];
                !word.gist.is_whole() && *self.long[word.long] == *text
            },
        )
    }
}

impl Word {
    fn name(&self, long: &Slots<Box<[u8]>>) -> Box<[u8]> {
        if self.gist.is_whole() { self.gist.name() } else { name_of_long(&long[self.long]) }
    }
}

impl Gist {
    #[inline]
    fn of(text: &[u8]) -> Self {
        let len = text.len() as u32;
        if let (Some(head), Some(tail)) = (text.first_chunk(), text.last_chunk()) {
            return Self { head: u64::from_le_bytes(*head), tail: u64::from_le_bytes(*tail), len };
        }
        if let (Some(head), Some(tail)) = (text.first_chunk(), text.last_chunk()) {
            let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
            return Self { head: u64::from(head), tail: u64::from(tail), len };
        }
        let (head, tail) = match *text {
            [a, b, c] => (u64::from(a) | u64::from(b) << 8, u64::from(c)),
            [a, b] => (u64::from(a), u64::from(b)),
            [a] => (u64::from(a), 0),
            _ => (0, 0),
        };
        Self { head, tail, len }
    }

    /// Whether the gist is all there is.
    #[inline]
    const fn is_whole(self) -> bool {
        self.len <= 16
    }

    /// A name for a word that this is the whole of.
    fn name(self) -> Box<[u8]> {
        let mut name = Vec::from(self.head.to_be_bytes());
        name.extend_from_slice(&self.tail.to_be_bytes());
        name.extend_from_slice(&self.len.to_be_bytes());
        name.push(b's');
        name.into()
    }
}

/// A name for a long word, different from those of short ones.
fn name_of_long(text: &[u8]) -> Box<[u8]> {
    let mut name = Vec::from(text);
    name.push(b'l');
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_differ_have_different_gists() {
        let texts = [
            "",
            "a",
            "aa",
            "aaa",
            "aba",
            "aab",
            "baa",
            "aaaa",
            "aaaaa",
            "a\0",
            "\0a",
            "\0",
            "12345678",
            "123456789",
            "1234567812345678",
            "1234567890",
            "12345678345678",
        ];
        for text in texts {
            for other in texts {
                let same = Gist::of(text.as_bytes()) == Gist::of(other.as_bytes());
                assert_eq!(same, text == other, "{text} {other}");
            }
        }
    }

    #[test]
    fn a_word_is_held_until_it_was_released_as_often() {
        let mut hashing = Hashing::new(1);
        for everything_collides in [false, true] {
            hashing.everything_collides = everything_collides;
            let mut words = Words::new();
            let texts: Vec<_> = (0..60).map(|len| alloc::vec![b'x'; len]).collect();
            let numbers: Vec<_> = texts.iter().map(|text| words.hold(&hashing, text)).collect();
            for (text, number) in texts.iter().zip(&numbers) {
                assert_eq!(words.hold(&hashing, text), *number);
                words.release(&hashing, *number);
                assert_eq!(words.find(&hashing, text), Some(*number));
            }
            for (text, number) in texts.iter().zip(&numbers) {
                words.release(&hashing, *number);
                assert_eq!(words.find(&hashing, text), None);
            }
            assert!(words.holds_no_memory());
        }
    }
}
