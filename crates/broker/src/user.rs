//! Users as facts: who they are, what the host checks them against, and what they may do where.
//!
//! The broker never sees a password and never hashes one. A user carries an opaque hash that the host made, and that the
//! host compares outside the turn.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use warrener_codec::ShortStr;

use crate::permission::{Access, Permission, TopicPermission};
use crate::refusal::{Reason, shown};

/// A user, as the host tells the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name a client logs in with.
    pub name: ShortStr,
    /// What the host checks passwords against.
    pub password: PasswordHash,
    /// Tags such as `administrator`, in the order they were given.
    pub tags: Vec<ShortStr>,
    /// Whether this user may connect only from the broker's own machine, as `guest` may.
    pub loopback_only: bool,
    /// What the user may do, by virtual host. No entry is no access.
    pub permissions: BTreeMap<ShortStr, Permission>,
    /// With which routing keys, by virtual host and topic exchange. No entry is no restriction.
    pub topic_permissions: BTreeMap<(ShortStr, ShortStr), TopicPermission>,
}

impl User {
    /// A user without tags, who may come from anywhere and do nothing.
    #[must_use]
    pub const fn new(name: ShortStr, password: PasswordHash) -> Self {
        Self {
            name,
            password,
            tags: Vec::new(),
            loopback_only: false,
            permissions: BTreeMap::new(),
            topic_permissions: BTreeMap::new(),
        }
    }

    /// A user who may do everything in one virtual host, from anywhere.
    #[must_use]
    pub fn with_full_access(name: ShortStr, password: PasswordHash, vhost: ShortStr) -> Self {
        let permissions = BTreeMap::from([(vhost, Permission::full())]);
        Self { permissions, ..Self::new(name, password) }
    }

    /// Whether the user carries this tag.
    #[must_use]
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own.as_bytes() == tag.as_bytes())
    }
}

/// Octets that only the host understands, and the name of what made them; the octets are never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    /// The salt, and the hash of salt and password; nothing for a user who has no password and cannot log in with one.
    pub octets: Bytes,
    /// How it was made, as RabbitMQ's definitions name it: [`SHA256`](Self::SHA256) and others.
    pub algorithm: ShortStr,
}

impl PasswordHash {
    /// Four octets of salt, and SHA-256 of salt and password (RabbitMQ's default).
    pub const SHA256: &str = "rabbit_password_hashing_sha256";
    /// As [`SHA256`](Self::SHA256), with SHA-512.
    pub const SHA512: &str = "rabbit_password_hashing_sha512";
    /// As [`SHA256`](Self::SHA256), with MD5 (RabbitMQ before 3.6).
    pub const MD5: &str = "rabbit_password_hashing_md5";

    /// A salted SHA-256 hash.
    #[must_use]
    pub const fn sha256(octets: Bytes) -> Self {
        Self { octets, algorithm: ShortStr::from_static(Self::SHA256) }
    }
}

/// No password: nobody logs in with one.
impl Default for PasswordHash {
    fn default() -> Self {
        Self::sha256(Bytes::new())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Every user, by name.
#[derive(Debug, Default)]
pub(crate) struct Users {
    by_name: BTreeMap<ShortStr, User>,
    /// Grows with every change: what was found out about rights before is stale then.
    revision: u64,
}

impl Users {
    pub(crate) fn new(users: Vec<User>) -> Self {
        let by_name = users.into_iter().map(|user| (user.name.clone(), user)).collect();
        Self { by_name, revision: 1 }
    }

    /// Which state of all users this is.
    #[inline]
    pub(crate) const fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<&User> {
        self.by_name.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &User> {
        self.by_name.values()
    }

    /// What a user may do in a virtual host that exists.
    pub(crate) fn access(&self, user: &ShortStr, vhost: &ShortStr) -> Result<Access, Reason> {
        let refused = || Reason::VhostRefused {
            vhost: shown(vhost.as_bytes()),
            user: shown(user.as_bytes()),
        };
        let known = self.find(user.as_bytes()).ok_or_else(refused)?;
        if !known.permissions.contains_key(vhost) {
            return Err(refused());
        }
        Ok(Access::new(known, vhost, self.revision))
    }

    /// What a user may do in a virtual host that it has entered: nothing, if it may no more.
    pub(crate) fn access_now(&self, user: &ShortStr, vhost: &ShortStr) -> Access {
        self.access(user, vhost).unwrap_or_else(|_| Access::none(user.clone(), self.revision))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;
    use std::string::ToString;

    #[test]
    fn a_user_without_permissions_in_a_vhost_is_refused_there() {
        let alice = ShortStr::from_static("alice");
        let slash = ShortStr::from_static("/");
        let user = User::with_full_access(alice.clone(), PasswordHash::default(), slash);
        let users = Users::new([user].to_vec());
        let refused = users
            .access(&alice, &ShortStr::from_static("shop"))
            .expect_err("no entry is no access");
        assert_eq!(refused.to_string(), "access to vhost 'shop' refused for user 'alice'");
    }

    #[test]
    fn hashes_are_not_printed() {
        let hash = PasswordHash::sha256(Bytes::from_static(b"x"));
        assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
    }
}
