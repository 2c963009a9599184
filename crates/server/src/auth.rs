//! Users and their passwords: what is kept of a password, and who exists from the start.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use warrener_broker::User;
use warrener_codec::ShortStr;

use crate::config;
use crate::error::ServeError;

/// The user with itself as the password. It may log in from this machine only.
const GUEST: &str = "guest";

const SALT: usize = 4;
const HASH: usize = SALT + 32;

/// A password as it is kept: four bytes of salt, then SHA-256 of salt and password. RabbitMQ's
/// `rabbit_password_hashing_sha256`, so that definitions can be moved between the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PasswordHash([u8; HASH]);

impl PasswordHash {
    /// The hash of `password` with this salt.
    fn new(salt: [u8; SALT], password: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(salt).chain_update(password).finalize();
        let mut hash = [0; HASH];
        hash[..SALT].copy_from_slice(&salt);
        hash[SALT..].copy_from_slice(&digest);
        Self(hash)
    }

    /// Whether this is the hash of `password`. Takes as long for a wrong one as for the right one.
    pub(crate) fn matches(&self, password: &[u8]) -> bool {
        let mut salt = [0; SALT];
        salt.copy_from_slice(&self.0[..SALT]);
        let offered = Self::new(salt, password);
        let difference = self.0.iter().zip(&offered.0).fold(0, |sum, (a, b)| sum | (a ^ b));
        core::hint::black_box(difference) == 0
    }
}

/// A kept hash of another length is of another algorithm, and matches no password.
impl TryFrom<&[u8]> for PasswordHash {
    type Error = core::array::TryFromSliceError;

    fn try_from(kept: &[u8]) -> Result<Self, Self::Error> {
        kept.try_into().map(Self)
    }
}

/// Guest, from this machine, and the users of the configuration, from anywhere; one named guest takes its place.
pub(crate) fn users(configured: &[config::User]) -> Result<Vec<User>, ServeError> {
    let mut users = Vec::new();
    if configured.iter().all(|user| user.name() != GUEST) {
        users.push(User { loopback_only: true, ..user(GUEST, GUEST)? });
    }
    for given in configured {
        users.push(user(given.name(), given.password())?);
    }
    Ok(users)
}

fn user(name: &str, password: &str) -> Result<User, ServeError> {
    let hash = PasswordHash::new(random()?, password.as_bytes());
    let hash = warrener_broker::PasswordHash::sha256(Bytes::copy_from_slice(&hash.0));
    let vhost = ShortStr::from_static("/");
    Ok(User::with_full_access(ShortStr::truncated(name), hash, vhost))
}

/// Octets from the operating system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], ServeError> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(|error| ServeError::Random(error.to_string()))?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_password_only() {
        let hash = PasswordHash::new([1, 2, 3, 4], b"secret");
        assert!(hash.matches(b"secret"));
        assert!(!hash.matches(b"secres"));
        assert!(!hash.matches(b""));
        assert!(PasswordHash::try_from(&b"short"[..]).is_err());
    }

    // The worked example of RabbitMQ's page on passwords: password `test12`, salt 908DC60A.
    #[test]
    fn the_hash_is_the_one_rabbitmq_documents() {
        let hash = PasswordHash::new([0x90, 0x8D, 0xC6, 0x0A], b"test12");
        let hex: String = hash.0.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(hex, "908DC60AA5B924B3096B8897D65A3B5F80FA5DB62A94B83122CDF4F8FEAD10D515D8F391");
    }

    #[test]
    fn guest_is_there_unless_named_and_the_others_come_from_anywhere() {
        let names = |given: &[config::User]| -> Vec<(String, bool)> {
            let users = users(given).unwrap();
            users.iter().map(|user| (user.name.to_string(), user.loopback_only)).collect()
        };
        let (ann, guest) = ("ann:a".parse().unwrap(), "guest:secret".parse().unwrap());
        assert_eq!(names(&[]), [("guest".to_owned(), true)]);
        assert_eq!(names(&[ann]), [("guest".to_owned(), true), ("ann".to_owned(), false)]);
        assert_eq!(names(&[guest]), [("guest".to_owned(), false)]);
    }
}
