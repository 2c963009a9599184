//! The hash that places targets: fixed for ever, the same in every process, on every machine and in every version.
//!
//! It is not the hash of the router's tables, which is seeded against chosen keys. Whoever chooses a key chooses its
//! place here, on purpose.

use alloc::vec::Vec;

use crate::header::HeaderValue;

/// FNV-1a over 64 bits, mixed.
pub(crate) fn stable_hash(bytes: &[u8]) -> u64 {
    mix(continue_hash(0xcbf2_9ce4_8422_2325, bytes))
}

/// The hash of all routing keys of a message: that of the key when there is one, and of the keys with their lengths
/// when there are more.
pub(crate) fn hash_of_keys(keys: &[&[u8]]) -> u64 {
    match keys {
        [key] => stable_hash(key),
        _ => mix(keys.iter().fold(0xcbf2_9ce4_8422_2325, |hash, key| {
            continue_hash(continue_hash(hash, &(key.len() as u64).to_be_bytes()), key)
        })),
    }
}

/// The hash of a value in its canonical form; `None`, for a message that lacks it, has its own.
pub(crate) fn hash_of_value(value: Option<HeaderValue<'_>>, canonical: &mut Vec<u8>) -> u64 {
    canonical.clear();
    if let Some(value) = value {
        value.write_canonical(canonical);
    }
    stable_hash(canonical)
}

/// A permutation of the 64-bit numbers in which every bit of the argument moves every bit of the result.
pub(crate) const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn continue_hash(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These values are part of the crate's promise: a change here moves every message of every running system.
    #[test]
    fn the_hash_never_changes() {
        assert_eq!(stable_hash(b""), 0xf52a_15e9_a9b5_e89b);
        assert_eq!(stable_hash(b"orders"), 0x4598_7d0b_68fc_7229);
        assert_eq!(hash_of_keys(&[b"orders"]), stable_hash(b"orders"));
        assert_ne!(hash_of_keys(&[b"ab", b"c"]), hash_of_keys(&[b"a", b"bc"]));
    }
}
