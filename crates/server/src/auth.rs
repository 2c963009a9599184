//! Who exists from the start, and octets that nobody can guess.

use warrener_broker::User;
use warrener_codec::ShortStr;

use crate::config::Config;
use crate::error::ServeError;
use crate::password_hash::hash;

/// The user with itself as the password. It may log in from this machine only.
pub(crate) const GUEST: &str = "guest";

/// Guest, from this machine unless told otherwise, and the users of the configuration, from anywhere; one named guest takes
/// its place.
pub(crate) fn users(config: &Config) -> Result<Vec<User>, ServeError> {
    let mut users = Vec::new();
    if config.users.iter().all(|user| user.name() != GUEST) {
        let guest = user(config, GUEST, GUEST)?;
        users.push(User { loopback_only: !config.remote_guest, ..guest });
    }
    for given in &config.users {
        users.push(user(config, given.name(), given.password())?);
    }
    Ok(users)
}

fn user(config: &Config, name: &str, password: &str) -> Result<User, ServeError> {
    let (hash, vhost) = (hash(config.hashing, password.as_bytes())?, config.default_vhost.clone());
    let mut user = User::with_full_access(ShortStr::truncated(name), hash, vhost);
    user.tags.push(ShortStr::from_static("administrator"));
    Ok(user)
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
