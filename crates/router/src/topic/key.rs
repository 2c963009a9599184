//! A key or pattern cut into words.

use alloc::vec::Vec;

use crate::hashing::Hashing;
use crate::words::{Gist, eight_bytes, spell};

/// A word of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyWord {
    pub(super) gist: Gist,
    at: usize,
    len: usize,
    /// Its hash in its place, and that of all words up to it.
    pub(super) hash: u32,
    pub(super) up_to: u32,
}

/// Cuts a key into its words.
#[inline]
pub(super) fn cut(hashing: &Hashing, key: &[u8], words: &mut Vec<KeyWord>) {
    words.clear();
    let (mut at, mut up_to) = (0, 0);
    for (word, gist) in words_of(key) {
        let hash =
            if gist.is_whole() { hashing.of_gist(gist) } else { hashing.of_word(word, gist) };
        let hash = KeyWord::hash_at(words.len() as u32, hash);
        up_to ^= hash;
        words.push(KeyWord { gist, at, len: word.len(), hash, up_to });
        at += word.len() + 1;
    }
}

impl KeyWord {
    /// The hash of a word in its place, so that the hashes of a key's words can be combined in any order.
    ///
    /// It must not be linear, as a rotation is: then what a word adds in one place takes away what it adds in another,
    /// and whoever repeats words makes patterns collide without knowing the seed.
    #[inline]
    pub(super) const fn hash_at(place: u32, hash: u32) -> u32 {
        let placed = (hash ^ place.wrapping_mul(0x9e37_79b1)) as u64;
        (placed.wrapping_mul(0xf39c_c060_5ced_c835) >> 32) as u32
    }

    /// Its text in the key.
    #[inline]
    pub(super) fn text(self, key: &[u8]) -> &[u8] {
        &key[self.at..][..self.len]
    }

    /// Writes its name in tables behind what is there; only used after an attack.
    pub(super) fn spell(self, key: &[u8], out: &mut Vec<u8>) {
        spell(self.text(key), self.gist, out);
    }
}

/// The words of a key or pattern; none when it is empty.
#[inline]
pub(super) fn words_of(key: &[u8]) -> Words<'_> {
    Words { key, at: if key.is_empty() { NO_MORE } else { 0 } }
}

/// See [`words_of`].
#[derive(Clone, Debug)]
pub(super) struct Words<'k> {
    key: &'k [u8],
    /// Where the next word begins.
    at: usize,
}

const NO_MORE: usize = usize::MAX;

impl<'k> Iterator for Words<'k> {
    /// A word and its gist, which for words of up to eight bytes costs nothing more.
    type Item = (&'k [u8], Gist);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.key.get(self.at..)?;
        let head = eight_bytes(rest, 0);
        let dots = dots_in(head);
        let is_short = dots != 0 || rest.len() <= 8;
        let len = if is_short {
            rest.len().min((dots.trailing_zeros() / 8) as usize)
        } else {
            rest.iter().position(|byte| *byte == b'.').unwrap_or(rest.len())
        };
        let word = &rest[..len];
        let gist = if is_short {
            // The bytes below the first dot; all when there is none.
            let word_bits = ((dots & dots.wrapping_neg()) >> 7).wrapping_sub(1);
            Gist::of_short(head & word_bits, len)
        } else {
            Gist::of(word)
        };
        self.at = if len == rest.len() { NO_MORE } else { self.at + len + 1 };
        Some((word, gist))
    }
}

/// The highest bit of each byte that is a dot; above the first dot, other bits may be set too.
#[inline]
const fn dots_in(bytes: u64) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let differing = bytes ^ (LOW * b'.' as u64);
    differing.wrapping_sub(LOW) & !differing & (LOW << 7)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;
    use std::format;

    /// By chance, a thousand keys make 0.0001 pairs of the same 32 bits.
    #[test]
    fn keys_that_repeat_words_differ_in_their_hashes() {
        const KEYS: usize = 1_000;
        let hashing = Hashing::new(1);
        let mut words = Vec::new();
        // The places of one word that changes; all others are empty.
        let everywhere = |len: usize| (0..len).collect::<Vec<_>>();
        let placed = [2, 8, 16, 24, 32, 64, 120].map(everywhere).into_iter();
        let placed = placed.chain([[0, 32], [1, 65], [3, 4]].map(Vec::from));
        for places in placed {
            let mut hashes = BTreeSet::new();
            for number in 0..KEYS {
                let word = format!("{number:x}");
                let mut key = [""; 120];
                places.iter().for_each(|place| key[*place] = &word);
                cut(&hashing, key.join(".").as_bytes(), &mut words);
                hashes.insert(words[119].up_to);
            }
            assert!(hashes.len() + 3 > KEYS, "{} of {KEYS}, in {places:?}", hashes.len());
        }
    }

    #[test]
    fn words_that_change_places_change_the_hash() {
        let hashing = Hashing::new(1);
        let mut words = Vec::new();
        let mut hashes = BTreeSet::new();
        for (one, other) in (0..100).flat_map(|one| (0..one).map(move |other| (one, other))) {
            let mut key = ["x"; 100];
            (key[one], key[other]) = ("a", "b");
            for _ in 0..2 {
                cut(&hashing, key.join(".").as_bytes(), &mut words);
                hashes.insert(words[99].up_to);
                key.swap(one, other);
            }
        }
        assert!(hashes.len() + 3 > 9_900, "{}", hashes.len());
    }

    proptest! {
        #[test]
        fn a_key_is_cut_at_its_dots(key in "[.a\u{7f}-\u{ff}]{0,40}|([a-z/]{0,20}\\.){0,6}[a-z]{0,20}") {
            let key = key.as_bytes();
            let expected: Vec<&[u8]> = match key {
                b"" => Vec::new(),
                key => key.split(|byte| *byte == b'.').collect(),
            };
            let hashing = Hashing::new(1);
            let mut words = Vec::new();
            cut(&hashing, key, &mut words);
            prop_assert_eq!(words.len(), expected.len());
            let mut up_to = 0;
            for ((word, text), place) in words.iter().zip(expected).zip(0..) {
                prop_assert_eq!(word.text(key), text);
                prop_assert_eq!(word.gist, Gist::of(text));
                prop_assert_eq!(word.hash, KeyWord::hash_at(place, hashing.of_word(text, word.gist)));
                up_to ^= word.hash;
                prop_assert_eq!(word.up_to, up_to);
            }
        }
    }
}
