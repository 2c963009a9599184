//! The seeded hash of the router's tables.

use core::fmt;
use core::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::FixedState;

use crate::words::Gist;

/// Hashes keys to 32 bits. The seed keeps strangers from choosing keys that collide; should they guess it, the
/// [`Table`](crate::table::Table) still bounds what their keys cost.
#[derive(Clone)]
pub(crate) struct Hashing {
    state: FixedState,
    salt: u64,
    /// Makes everything collide, as for an attacker who knows the seed.
    #[cfg(test)]
    pub(crate) everything_collides: bool,
}

/// The seed is a secret, and so is all that follows from it.
impl fmt::Debug for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashing")
    }
}

impl Hashing {
    pub(crate) fn new(seed: u64) -> Self {
        let state = FixedState::with_seed(seed);
        let salt = state.hash_one(seed);
        Self {
            state,
            salt,
            #[cfg(test)]
            everything_collides: false,
        }
    }

    #[inline]
    pub(crate) fn of_bytes(&self, bytes: &[u8]) -> u32 {
        #[cfg(test)]
        if self.everything_collides {
            return 0;
        }
        match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(head), Some(tail)) if bytes.len() <= 32 => self.of_ends(head, tail, bytes.len()),
            _ => {
                let mut hasher = self.state.build_hasher();
                hasher.write(bytes);
                let hash = hasher.finish();
                (hash >> 32) as u32 ^ hash as u32
            }
        }
    }

    /// The hash of 16 to 32 bytes, as most keys have: of both ends, which meet or overlap, and of how many there are.
    #[inline]
    fn of_ends(&self, head: &[u8; 16], tail: &[u8; 16], len: usize) -> u32 {
        let salt = self.salt.wrapping_add(len as u64);
        let halves = |end: &[u8; 16]| {
            let whole = u128::from_le_bytes(*end);
            (whole as u64, (whole >> 64) as u64)
        };
        let ((a, b), (c, d)) = (halves(head), halves(tail));
        let head = u128::from(a ^ salt) * u128::from(b ^ salt.rotate_left(16));
        let tail = u128::from(c ^ salt.rotate_left(32)) * u128::from(d ^ salt.rotate_left(48));
        // Of each product the middle counts, and the two are not to cancel each other out where both ends are the same.
        fold(head ^ tail.rotate_left(8))
    }

    /// The hash of a word; its text is only asked when its gist is not the whole.
    #[inline]
    pub(crate) fn of_word(&self, text: &[u8], gist: Gist) -> u32 {
        #[cfg(test)]
        if self.everything_collides {
            return 0;
        }
        if !gist.is_whole() {
            return self.of_bytes(text);
        }
        self.of_gist(gist)
    }

    /// The hash of a word whose gist is the whole.
    #[inline]
    pub(crate) fn of_gist(&self, gist: Gist) -> u32 {
        #[cfg(test)]
        if self.everything_collides {
            return 0;
        }
        let head = gist.head ^ self.salt;
        let tail = gist.tail ^ self.salt.rotate_left(32);
        fold(u128::from(head) * u128::from(tail))
    }

    /// The hash of a path that goes on from a path of hash `path` by one word.
    #[inline]
    pub(crate) fn of_step(&self, path: u32, word: u32) -> u32 {
        #[cfg(test)]
        if self.everything_collides {
            return 0;
        }
        let step = (u64::from(path) << 32 | u64::from(word)) ^ self.salt;
        fold(u128::from(step) * 0xf39c_c060_5ced_c835)
    }

    #[inline]
    pub(crate) fn of_value(&self, value: &impl Hash) -> u64 {
        self.state.hash_one(value)
    }
}

/// The halves of a product and then of a word, one upon the other: the middle bits of a product depend on all bits of
/// both factors.
#[inline]
const fn fold(product: u128) -> u32 {
    let word = (product >> 64) as u64 ^ product as u64;
    (word >> 32) as u32 ^ word as u32
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    /// By chance, a hundred thousand keys make 1.2 pairs of the same 32 bits.
    #[test]
    fn keys_that_differ_in_little_have_hashes_that_differ_in_much() {
        const KEYS: u64 = 100_000;
        for seed in 0..3 {
            let hashing = Hashing::new(seed);
            for len in 8..40 {
                for (first, last) in [(b'0', b'0'), (0, 0), (0xff, 0)] {
                    let key = |number: u64| {
                        // The number is at either end, or in the middle of what is the same in all keys.
                        let at = [0, len / 2 - 4, len - 8][number as usize % 3];
                        let mut key: Vec<u8> = [first].repeat(len / 2);
                        key.resize(len, last);
                        key[at..at + 8].copy_from_slice(&number.to_be_bytes());
                        key
                    };
                    let keys: BTreeSet<_> = (0..KEYS / 50).map(key).collect();
                    let hashes: BTreeSet<_> =
                        keys.iter().map(|key| hashing.of_bytes(key)).collect();
                    assert!(keys.len() <= hashes.len() + 1, "length {len}, seed {seed}");
                }
            }
            let keys = (0..KEYS).map(|number| std::format!("queue.number.{number:07}"));
            let hashes: BTreeSet<_> = keys.map(|key| hashing.of_bytes(key.as_bytes())).collect();
            assert!(hashes.len() as u64 + 10 > KEYS, "{} of {KEYS}", hashes.len());
            // Each of the 256 tags of a table about as often as the others.
            let mut tags = [0_u32; 256];
            hashes.iter().for_each(|hash| tags[*hash as usize % 256] += 1);
            assert!(tags.iter().all(|times| (250..550).contains(times)), "{tags:?}");
        }
    }

    #[test]
    fn how_long_a_key_is_counts() {
        let hashing = Hashing::new(1);
        let hashes: BTreeSet<_> = (0..64).map(|len| hashing.of_bytes(&[b'a'; 64][..len])).collect();
        assert_eq!(hashes.len(), 64);
    }
}
