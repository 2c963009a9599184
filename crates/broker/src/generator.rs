//! Names nobody can guess: 128 bits each from a keyed cryptographic generator.
//!
//! The key is the host's to choose: an operating system's entropy in a server, the run's seed in a simulation. The same
//! key gives the same names in the same order, which is what makes a run repeatable.

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use warrener_codec::ShortStr;

/// 256 bits that the host draws once for each life of a broker.
///
/// Two lives with the same seed generate the same names, so a server must draw a fresh one at every start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed made of these octets.
    #[must_use]
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }
}

/// A seed for tests and simulations, spread from one number.
impl From<u64> for Seed {
    fn from(number: u64) -> Self {
        let mut octets = [0; 32];
        octets[..8].copy_from_slice(&number.to_le_bytes());
        Self(octets)
    }
}

/// Who knows the seed knows every name to come: it is never printed.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// How many octets of chance a name carries.
pub(crate) const TOKEN_BYTES: usize = 16;
/// How many characters those octets take in base64.
pub(crate) const TOKEN_CHARS: usize = 22;

/// The generator, and the only source of chance in the broker.
pub(crate) struct Generator(ChaCha20Rng);

impl Generator {
    pub(crate) fn new(seed: Seed) -> Self {
        Self(ChaCha20Rng::from_seed(seed.0))
    }

    /// The next 128 bits.
    pub(crate) fn token(&mut self) -> [u8; TOKEN_BYTES] {
        let mut token = [0; TOKEN_BYTES];
        self.0.fill_bytes(&mut token);
        token
    }

    /// The next 64 bits, for seeding hash tables.
    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// `prefix` and 22 characters of chance, as RabbitMQ names what it names itself.
    pub(crate) fn name(&mut self, prefix: &str) -> ShortStr {
        let mut name = BytesMut::with_capacity(prefix.len() + TOKEN_CHARS);
        name.put_slice(prefix.as_bytes());
        name.put_slice(&base64(&self.token()));
        short(name.freeze())
    }
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generator(..)")
    }
}

fn short(bytes: Bytes) -> ShortStr {
    ShortStr::try_from(bytes)
        .expect("a prefix of the broker's own and 22 characters fit 255 octets")
}

/// Base64 for URLs and file names, without padding (RFC 4648 §5).
pub(crate) fn base64(token: &[u8; TOKEN_BYTES]) -> [u8; TOKEN_CHARS] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let number = u128::from_be_bytes(*token);
    let mut characters = [0; TOKEN_CHARS];
    for (place, character) in characters.iter_mut().enumerate() {
        let bits = 6 * (place as u32 + 1);
        let sextet = if bits <= 128 { number >> (128 - bits) } else { number << (bits - 128) };
        *character = ALPHABET[(sextet & 63) as usize];
    }
    characters
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::BTreeSet;
    use std::format;

    #[test]
    fn base64_agrees_with_the_rfc() {
        assert_eq!(&base64(b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), b"AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(&base64(b"foobarfoobarfoob"), b"Zm9vYmFyZm9vYmFyZm9vYg");
        assert_eq!(&base64(&[0xFF; 16]), b"_____________________w");
    }

    #[test]
    fn a_seed_gives_the_same_names_again_and_another_seed_others() {
        let names = |seed: u64| {
            let mut generator = Generator::new(Seed::from(seed));
            [generator.name("amq.gen-"), generator.name("amq.ctag-")]
        };
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
        assert!(names(1)[0].as_bytes().starts_with(b"amq.gen-"));
        assert_eq!(names(1)[0].len(), 8 + TOKEN_CHARS);
    }

    #[test]
    fn names_do_not_repeat() {
        let mut generator = Generator::new(Seed::from(7));
        let mut seen = BTreeSet::new();
        assert!((0..10_000).all(|_| seen.insert(generator.name(""))));
    }

    #[test]
    fn the_seed_is_not_printed() {
        assert_eq!(format!("{:?}", Seed::new([0x42; 32])), "Seed(..)");
    }
}
