//! Users and their passwords: what is kept of a password, and who exists from the start.

use md5::Md5;
use sha2::{Digest, Sha256, Sha512};
use warrener_broker::{PasswordHash, User};
use warrener_codec::ShortStr;

use crate::config::Config;
use crate::error::ServeError;

/// The user with itself as the password. It may log in from this machine only.
pub(crate) const GUEST: &str = "guest";

const SALT: usize = 4;

/// A password as it is kept: four bytes of salt, then SHA-256 of salt and password. RabbitMQ's
/// `rabbit_password_hashing_sha256`, so that definitions can be moved between the two.
pub(crate) fn hashed(salt: [u8; SALT], password: &[u8]) -> PasswordHash {
    let mut octets = salt.to_vec();
    octets.extend_from_slice(&digest::<Sha256>(&salt, password));
    PasswordHash::sha256(octets.into())
}

/// Whether this is the password that is kept. It takes as long to find a wrong one wrong as the right one right, and as long
/// when nobody has this name.
pub(crate) fn is_password(kept: Option<&PasswordHash>, password: &[u8]) -> bool {
    let octets = kept.map_or(&[][..], |kept| &kept.octets);
    let (salt, hash) = octets.split_at_checked(SALT).unwrap_or((&[0; SALT], &[]));
    let algorithm = kept.map_or(PasswordHash::SHA256.as_bytes(), |kept| kept.algorithm.as_bytes());
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

fn digest<D: Digest>(salt: &[u8], password: &[u8]) -> Vec<u8> {
    D::new().chain_update(salt).chain_update(password).finalize().to_vec()
}

/// Whether two hashes are the same; looks at all of both.
pub(crate) fn is_same(kept: &[u8], offered: &[u8]) -> bool {
    let difference = kept.iter().zip(offered).fold(0, |sum, (a, b)| sum | (a ^ b));
    core::hint::black_box(difference) == 0 && kept.len() == offered.len()
}

/// Guest, from this machine unless told otherwise, and the users of the configuration, from anywhere; one named guest takes
/// its place.
pub(crate) fn users(config: &Config) -> Result<Vec<User>, ServeError> {
    let mut users = Vec::new();
    if config.users.iter().all(|user| user.name() != GUEST) {
        let guest = user(GUEST, GUEST, &config.default_vhost)?;
        users.push(User { loopback_only: !config.remote_guest, ..guest });
    }
    for given in &config.users {
        users.push(user(given.name(), given.password(), &config.default_vhost)?);
    }
    Ok(users)
}

fn user(name: &str, password: &str, vhost: &ShortStr) -> Result<User, ServeError> {
    let hash = hashed(random()?, password.as_bytes());
    let mut user = User::with_full_access(ShortStr::truncated(name), hash, vhost.clone());
    user.tags.push(ShortStr::from_static("administrator"));
    Ok(user)
}

/// The hash to keep of a new password.
pub(crate) fn hash(password: &[u8]) -> Result<PasswordHash, ServeError> {
    Ok(hashed(random()?, password))
}

/// Octets from the operating system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], ServeError> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(|error| ServeError::Random(error.to_string()))?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_hash_matches_its_password_only() {
        let kept = hashed([1, 2, 3, 4], b"secret");
        assert!(is_password(Some(&kept), b"secret"));
        assert!(!is_password(Some(&kept), b"secres"));
        assert!(!is_password(Some(&kept), b""));
        assert!(!is_password(None, b"secret"));
        for octets in [&b""[..], b"abc", b"abcd", &kept.octets[..20]] {
            let kept = PasswordHash::sha256(Bytes::copy_from_slice(octets));
            assert!(!is_password(Some(&kept), b"secret"));
            assert!(!is_password(Some(&kept), b""));
        }
    }

    // The worked example of RabbitMQ's page on passwords: password `test12`, salt 908DC60A.
    #[test]
    fn the_hash_is_the_one_rabbitmq_documents() {
        let kept = hashed([0x90, 0x8D, 0xC6, 0x0A], b"test12");
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
            assert!(is_password(Some(&kept), b"secret"));
            assert!(!is_password(Some(&kept), b"Secret"));
            let unknown = PasswordHash { algorithm: ShortStr::from_static("rot13"), ..kept };
            assert!(!is_password(Some(&unknown), b"secret"));
        }
    }

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn guest_is_there_unless_named_and_the_others_come_from_anywhere() {
        let names = |given: &[crate::config::User]| -> Vec<(String, bool)> {
            let config = Config { users: given.to_vec(), ..Config::in_memory() };
            let users = users(&config).unwrap();
            users.iter().map(|user| (user.name.to_string(), user.loopback_only)).collect()
        };
        let (ann, guest) = ("ann:a".parse().unwrap(), "guest:secret".parse().unwrap());
        assert_eq!(names(&[]), [("guest".to_owned(), true)]);
        assert_eq!(names(&[ann]), [("guest".to_owned(), true), ("ann".to_owned(), false)]);
        assert_eq!(names(&[guest]), [("guest".to_owned(), false)]);
    }
}
