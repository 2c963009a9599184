//! The seeded hash of the router's tables.

use core::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::FixedState;

use crate::words::Gist;

/// Hashes keys to 32 bits. The seed keeps strangers from choosing keys that collide; should they guess it, the
/// [`Index`](crate::index::Index) still bounds what their keys cost.
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
        fold(hasher.finish())
    }

    /// The hash of a short word.
    #[inline]
    pub(crate) fn of_gist(&self, gist: Gist) -> u32 {
        #[cfg(test)]
        if self.everything_collides {
            return 0;
        }
        let head = gist.head ^ self.salt;
        let tail = gist.tail ^ self.salt.rotate_left(32) ^ (u64::from(gist.len) << 58);
        let product = u128::from(head) * u128::from(tail);
        fold((product >> 64) as u64 ^ product as u64)
    }

    /// The hash of a path that goes on from a path of hash `path` by one word.
    #[inline]
    pub(crate) fn of_step(&self, path: u32, word: u32) -> u32 {
        #[cfg(test)]
        if self.everything_collides {
            return 0;
        }
        let step = (u64::from(path) << 32 | u64::from(word)) ^ self.salt;
        let product = u128::from(step) * 0xf39c_c060_5ced_c835;
        fold((product >> 64) as u64 ^ product as u64)
    }

    #[inline]
    pub(crate) fn of_value(&self, value: &impl Hash) -> u64 {
        self.state.hash_one(value)
    }
}

/// Every bit of the 64 moves every bit of the 32, as far as one multiplication can.
const fn fold(hash: u64) -> u32 {
    ((hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}
