//! The seeded hash of the router's tables.

use core::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::FixedState;

use crate::words::Gist;

/// Hashes keys to 32 bits. The seed keeps strangers from choosing keys that collide; should they guess it, the
/// [`Table`](crate::table::Table) still bounds what their keys cost.
#[derive(Clone, Debug)]
pub(crate) struct Hashing {
    state: FixedState,
    salt: u64,
    /// Makes everything collide, as for an attacker who knows the seed.
    #[cfg(test)]
    pub(crate) everything_collides: bool,
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
        let mut hasher = self.state.build_hasher();
        hasher.write(bytes);
        let hash = hasher.finish();
        (hash >> 32) as u32 ^ hash as u32
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
