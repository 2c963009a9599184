//! What is kept of a password: RabbitMQ's salted digests, or Argon2id.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use core::fmt;
use core::str::FromStr;
use md5::Md5;
use sha2::{Digest, Sha256, Sha512};
use warrener_broker::PasswordHash;
use warrener_codec::ShortStr;

use crate::auth::random;
use crate::error::ServeError;

/// How new passwords are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hashing {
    /// Four octets of salt and SHA-256, as RabbitMQ keeps them: definitions can be moved between the two.
    #[default]
    Sha256,
    /// Argon2id (RFC 9106), which makes guessing slow for whoever has stolen the hashes. RabbitMQ does not know it: its
    /// exports name it [`ARGON2ID`], and users of theirs need new passwords there.
    Argon2id,
}

impl FromStr for Hashing {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "argon2id" => Ok(Self::Argon2id),
            _ => Err("sha256 or argon2id"),
        }
    }
}

impl fmt::Display for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "sha256",
            Self::Argon2id => "argon2id",
        })
    }
}

/// The name in definitions of a hash by Argon2id: memory in KiB, passes and lanes in four octets each, sixteen octets of salt,
/// and 32 of hash.
pub const ARGON2ID: &str = "warrener_password_hashing_argon2id";

const SALT: usize = 4;
const ARGON2ID_SALT: usize = 16;
const ARGON2ID_HASH: usize = 32;

/// What new hashes cost: 19 MiB and two passes (OWASP's first choice).
const MEMORY_KIB: u32 = 19 << 10;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What a hash of somebody else's may cost to check: more is no password's hash. A check of the dearest takes about a second.
const MEMORY_KIB_MAX: u32 = 64 << 10;
const PASSES_MAX: u32 = 8;
const LANES_MAX: u32 = 8;

/// The hash to keep of a new password.
pub(crate) fn hash(hashing: Hashing, password: &[u8]) -> Result<PasswordHash, ServeError> {
    Ok(match hashing {
        Hashing::Sha256 => sha256(random()?, password),
        Hashing::Argon2id => argon2id(&random()?, password),
    })
}

/// A password as it is kept: four bytes of salt, then SHA-256 of salt and password. RabbitMQ's
/// `rabbit_password_hashing_sha256`, so that definitions can be moved between the two.
pub(crate) fn sha256(salt: [u8; SALT], password: &[u8]) -> PasswordHash {
    let mut octets = salt.to_vec();
    octets.extend_from_slice(&digest::<Sha256>(&salt, password));
    PasswordHash::sha256(octets.into())
}

fn argon2id(salt: &[u8; ARGON2ID_SALT], password: &[u8]) -> PasswordHash {
    let cost = [MEMORY_KIB, PASSES, LANES];
    let mut octets: Vec<u8> = cost.iter().flat_map(|cost| cost.to_be_bytes()).collect();
    octets.extend_from_slice(salt);
    octets.extend_from_slice(&stretched(cost, salt, password).unwrap_or_default());
    PasswordHash { octets: octets.into(), algorithm: ShortStr::from_static(ARGON2ID) }
}

/// Argon2id of a password, if its cost is one that is paid.
fn stretched(
    [memory_kib, passes, lanes]: [u32; 3],
    salt: &[u8],
    password: &[u8],
) -> Option<[u8; ARGON2ID_HASH]> {
    if memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX || lanes > LANES_MAX {
        return None;
    }
    let params = Params::new(memory_kib, passes, lanes, Some(ARGON2ID_HASH)).ok()?;
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = [0; ARGON2ID_HASH];
    argon2.hash_password_into_with_memory(password, salt, &mut hash, &mut memory).ok()?;
    Some(hash)
}

/// Whether this is the password that is kept. It takes as long to find a wrong one wrong as the right one right, and as long
/// as for a user of today when nobody has this name.
pub(crate) fn is_password(kept: Option<&PasswordHash>, password: &[u8], of_today: Hashing) -> bool {
    let octets = kept.map_or(&[][..], |kept| &kept.octets);
    let algorithm = kept.map_or(&[][..], |kept| kept.algorithm.as_bytes());
    let is_argon2id = match kept {
        Some(_) => algorithm == ARGON2ID.as_bytes(),
        None => of_today == Hashing::Argon2id,
    };
    if is_argon2id {
        return is_stretched_password(octets, password);
    }
    let (salt, hash) = octets.split_at_checked(SALT).unwrap_or((&[0; SALT], &[]));
    let offered = if algorithm == PasswordHash::SHA512.as_bytes() {
        digest::<Sha512>(salt, password)
    } else if algorithm == PasswordHash::MD5.as_bytes() {
        digest::<Md5>(salt, password)
    } else {
        digest::<Sha256>(salt, password)
    };
    let is_known = [PasswordHash::SHA256, PasswordHash::SHA512, PasswordHash::MD5]
        .iter()
        .any(|known| known.as_bytes() == algorithm);
    // A blank password is none (RabbitMQ).
    is_known && !password.is_empty() && is_same(hash, &offered)
}

fn is_stretched_password(octets: &[u8], password: &[u8]) -> bool {
    let of_nobody = ([MEMORY_KIB, PASSES, LANES], &[0; ARGON2ID_SALT][..], &[][..]);
    let (cost, salt, hash) = parts(octets).unwrap_or(of_nobody);
    let offered = stretched(cost, salt, password);
    offered.is_some_and(|offered| !password.is_empty() && is_same(hash, &offered))
}

/// Cost, salt and hash.
fn parts(octets: &[u8]) -> Option<([u32; 3], &[u8], &[u8])> {
    let (cost, rest) = octets.split_first_chunk::<12>()?;
    let (salt, hash) = rest.split_at_checked(ARGON2ID_SALT)?;
    let (cost, _) = cost.as_chunks::<4>();
    let cost = [cost[0], cost[1], cost[2]].map(u32::from_be_bytes);
    (hash.len() == ARGON2ID_HASH).then_some((cost, salt, hash))
}

fn digest<D: Digest>(salt: &[u8], password: &[u8]) -> Vec<u8> {
    D::new().chain_update(salt).chain_update(password).finalize().to_vec()
}

/// Whether two hashes are the same; looks at all of both.
pub(crate) fn is_same(kept: &[u8], offered: &[u8]) -> bool {
    let difference = kept.iter().zip(offered).fold(0, |sum, (a, b)| sum | (a ^ b));
    core::hint::black_box(difference) == 0 && kept.len() == offered.len()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn is_right(kept: Option<&PasswordHash>, password: &[u8]) -> bool {
        is_password(kept, password, Hashing::Sha256)
    }

    #[test]
    fn a_hash_matches_its_password_only() {
        let kept = sha256([1, 2, 3, 4], b"secret");
        assert!(is_right(Some(&kept), b"secret"));
        assert!(!is_right(Some(&kept), b"secres"));
        assert!(!is_right(Some(&kept), b""));
        assert!(!is_right(None, b"secret"));
        for octets in [&b""[..], b"abc", b"abcd", &kept.octets[..20]] {
            let kept = PasswordHash::sha256(Bytes::copy_from_slice(octets));
            assert!(!is_right(Some(&kept), b"secret"));
            assert!(!is_right(Some(&kept), b""));
        }
    }

    // The worked example of RabbitMQ's page on passwords: password `test12`, salt 908DC60A.
    #[test]
    fn the_hash_is_the_one_rabbitmq_documents() {
        let kept = sha256([0x90, 0x8D, 0xC6, 0x0A], b"test12");
        let hex: String = kept.octets.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(hex, "908DC60AA5B924B3096B8897D65A3B5F80FA5DB62A94B83122CDF4F8FEAD10D515D8F391");
    }

    #[test]
    fn other_algorithms_of_rabbitmq_are_read() {
        // The empty salted text of RFC 1321's and FIPS 180-4's "abc", whose first octets stand as the salt.
        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        let sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        assert_eq!(hex(&digest::<Md5>(b"a", b"bc")), md5);
        assert_eq!(hex(&digest::<Sha512>(b"a", b"bc")), sha512);
        for (algorithm, hash) in [
            (PasswordHash::MD5, digest::<Md5>(&[1, 2, 3, 4], b"secret")),
            (PasswordHash::SHA512, digest::<Sha512>(&[1, 2, 3, 4], b"secret")),
        ] {
            let octets: Vec<u8> = [1, 2, 3, 4].into_iter().chain(hash).collect();
            let algorithm = ShortStr::from_static(algorithm);
            let kept = PasswordHash { octets: octets.into(), algorithm };
            assert!(is_right(Some(&kept), b"secret"));
            assert!(!is_right(Some(&kept), b"Secret"));
            let unknown = PasswordHash { algorithm: ShortStr::from_static("rot13"), ..kept };
            assert!(!is_right(Some(&unknown), b"secret"));
        }
    }

    #[test]
    fn a_hash_by_argon2id_is_marked_matches_its_password_only_and_costs_no_more_than_it_may() {
        let kept = argon2id(&[7; ARGON2ID_SALT], b"secret");
        assert_eq!((kept.algorithm.as_bytes(), kept.octets.len()), (ARGON2ID.as_bytes(), 60));
        assert!(is_right(Some(&kept), b"secret"));
        assert!(!is_right(Some(&kept), b"Secret"));
        assert!(!is_right(Some(&kept), b""));
        assert_ne!(argon2id(&[8; ARGON2ID_SALT], b"secret").octets[28..], kept.octets[28..]);
        assert!(!is_password(None, b"secret", Hashing::Argon2id));
        // Memory, passes and lanes of a hash that was not made here.
        for (place, octet) in [(1, 1), (0, 255), (7, 9), (4, 1), (11, 9), (11, 0)] {
            let mut octets = kept.octets.to_vec();
            octets[place] = octet;
            let forged = PasswordHash { octets: octets.into(), ..kept.clone() };
            assert!(!is_right(Some(&forged), b"secret"), "{place} {octet}");
        }
        for len in [0, 11, 27, 59] {
            let short = PasswordHash { octets: kept.octets.slice(..len), ..kept.clone() };
            assert!(!is_right(Some(&short), b"secret"), "{len}");
            assert!(!is_right(Some(&short), b""), "{len}");
        }
    }

    // RFC 9106, §5.3, without the secret and the associated data, as the reference implementation's tests have it.
    #[test]
    fn the_stretching_is_the_one_of_the_reference_implementation() {
        let hash = stretched([1 << 16, 2, 1], b"somesalt", b"password");
        let expected = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7";
        assert_eq!(hash.map(|hash| hex(&hash)).as_deref(), Some(expected));
    }

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
