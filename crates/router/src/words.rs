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

/// The first eight bytes of a word, and the next seven and its length, with zeros between: all there is to know of a
/// word of up to fifteen. Nearly all words are; comparing them takes two instructions, and hashing them a
/// multiplication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gist {
    pub(crate) head: u64,
    pub(crate) tail: u64,
}

/// The bytes of the longest word that its gist is the whole of.
const GIST_BYTES: usize = 15;

impl Words {
    /// The number of a word that nobody holds.
    pub(crate) const UNKNOWN: u32 = 0x7fff_ffff;

    pub(crate) const fn new() -> Self {
        Self { index: Index::new(), words: Slots::new(), long: Slots::new() }
    }

    pub(crate) fn holds_no_memory(&self) -> bool {
        self.index.holds_no_memory() && self.words.holds_no_memory() && self.long.holds_no_memory()
    }

    /// The number of a word, if anybody holds it. Only after an attack is its name needed, and spelled into `spelling`.
    #[inline]
    pub(crate) fn find(
        &self,
        hashing: &Hashing,
        text: &[u8],
        spelling: &mut Vec<u8>,
    ) -> Option<u32> {
        let gist = Gist::of(text);
        let hash = hashing.of_word(text, gist);
        let name = move || {
            let spelling = spelling;
            spelling.clear();
            spell(text, gist, spelling);
            &**spelling
        };
        self.index.find(hash, name, |word| self.is(word, text, gist))
    }

    /// Whether a word that is held is this text.
    #[inline]
    pub(crate) fn is(&self, word: u32, text: &[u8], gist: Gist) -> bool {
        let word = &self.words[word];
        word.gist == gist && (gist.is_whole() || *self.long[word.long] == *text)
    }

    /// The hash of a word that is held.
    pub(crate) fn hash(&self, hashing: &Hashing, word: u32) -> u32 {
        let word = &self.words[word];
        hashing.of_word(word.long_text(&self.long), word.gist)
    }

    /// A name for a word that is held, different from those of all others.
    pub(crate) fn name(&self, word: u32) -> Box<[u8]> {
        self.words[word].name(&self.long)
    }

    /// Holds a word once more.
    pub(crate) fn hold(&mut self, hashing: &Hashing, text: &[u8]) -> u32 {
        if let Some(word) = self.find(hashing, text, &mut Vec::new()) {
            self.words[word].uses += 1;
            return word;
        }
        let gist = Gist::of(text);
        let long = if gist.is_whole() { 0 } else { self.long.insert(text.into()) };
        let word = self.words.insert(Word { gist, uses: 1, long });
        let hash = hashing.of_word(text, gist);
        self.index.insert(hash, word, |it| self.words[it].name(&self.long));
        word
    }

    /// Holds a word once less.
    pub(crate) fn release(&mut self, hashing: &Hashing, word: u32) {
        self.words[word].uses -= 1;
        if self.words[word].uses > 0 {
            return;
        }
        let hash = self.hash(hashing, word);
        self.index.remove(hash, word, |it| self.words[it].name(&self.long));
        let Word { gist, long, .. } = self.words.remove(word);
        if !gist.is_whole() {
            self.long.remove(long);
        }
    }
}

impl Word {
    /// The text of a long word, and nothing for others.
    fn long_text<'a>(&self, long: &'a Slots<Box<[u8]>>) -> &'a [u8] {
        if self.gist.is_whole() { b"" } else { &long[self.long] }
    }

    fn name(&self, long: &Slots<Box<[u8]>>) -> Box<[u8]> {
        name(self.long_text(long), self.gist)
    }
}

impl Gist {
    /// What all words have whose gist is not the whole.
    const LONG: Self = Self { head: 0, tail: u64::MAX };

    #[inline]
    pub(crate) fn of(text: &[u8]) -> Self {
        if text.len() > GIST_BYTES {
            return Self::LONG;
        }
        let Self { head, tail } = Self::of_short(eight_bytes(text, 0), text.len());
        Self { head, tail: tail | eight_bytes(text, 8) }
    }

    /// The gist of a word of up to eight bytes, which are given with zeros behind.
    #[inline]
    pub(crate) const fn of_short(bytes: u64, len: usize) -> Self {
        Self { head: bytes, tail: (len as u64) << 56 }
    }

    /// Whether the gist is all there is.
    #[inline]
    pub(crate) const fn is_whole(self) -> bool {
        self.tail != Self::LONG.tail
    }
}

/// The eight bytes from `at` on as a number, with zeros behind the end of the text.
#[inline]
pub(crate) fn eight_bytes(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    if let Some(bytes) = rest.first_chunk() {
        return u64::from_le_bytes(*bytes);
    }
    let place = |bytes: u64, end: usize| bytes << (8 * (rest.len() - end));
    if let (Some(first), Some(last)) = (rest.first_chunk(), rest.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u64::from(first) | place(u64::from(last), 4);
    }
    match *rest {
        [a, .., b, c] => u64::from(a) | place(u64::from(u16::from_le_bytes([b, c])), 2),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a] => u64::from(a),
        _ => 0,
    }
}

/// A name for a word, different from those of all others. The text is only asked of a long one.
fn name(text: &[u8], gist: Gist) -> Box<[u8]> {
    let mut name = Vec::new();
    spell(text, gist, &mut name);
    name.into()
}

/// Writes that name behind what is there.
pub(crate) fn spell(text: &[u8], gist: Gist, out: &mut Vec<u8>) {
    if gist.is_whole() {
        out.extend_from_slice(&gist.head.to_be_bytes());
        out.extend_from_slice(&gist.tail.to_be_bytes());
        out.push(b's');
    } else {
        out.extend_from_slice(text);
        out.push(b'l');
    }
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
            "123456789012345",
            "12345678901234",
            "12345678901234\0",
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
            let (mut words, mut spelling) = (Words::new(), Vec::new());
            let texts: Vec<_> = (0..60).map(|len| alloc::vec![b'x'; len]).collect();
            let numbers: Vec<_> = texts.iter().map(|text| words.hold(&hashing, text)).collect();
            for (text, number) in texts.iter().zip(&numbers) {
                assert_eq!(words.hold(&hashing, text), *number);
                words.release(&hashing, *number);
                assert_eq!(words.find(&hashing, text, &mut spelling), Some(*number));
            }
            for (text, number) in texts.iter().zip(&numbers) {
                words.release(&hashing, *number);
                assert_eq!(words.find(&hashing, text, &mut spelling), None);
            }
            assert!(words.holds_no_memory());
        }
    }
}
