//! Users as facts: who they are, what the host checks them against, and what they may do where.
//!
//! The broker never sees a password and never hashes one. A user carries an opaque hash that the host made, and that the
//! host compares outside the turn.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Bound;

use bytes::Bytes;
use warrener_codec::ShortStr;

use crate::json::Object;
use crate::limit::UserLimits;
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
    /// How much the user may have open.
    pub limits: UserLimits,
    /// What definitions say of the user that means nothing here.
    pub others: Object,
}

impl User {
    /// A user without tags, who may come from anywhere and do nothing.
    #[must_use]
    pub fn new(name: ShortStr, password: PasswordHash) -> Self {
        Self {
            name,
            password,
            tags: Vec::new(),
            loopback_only: false,
            permissions: BTreeMap::new(),
            topic_permissions: BTreeMap::new(),
            limits: UserLimits::default(),
            others: Object::new(),
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
    usage: BTreeMap<ShortStr, Usage>,
}

/// How much a user has open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) connections: usize,
    pub(crate) channels: usize,
}

impl Users {
    pub(crate) fn new(users: Vec<User>) -> Self {
        let by_name = users.into_iter().map(|user| (user.name.clone(), user)).collect();
        Self { by_name, revision: 1, usage: BTreeMap::new() }
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

    /// The user behind this name.
    pub(crate) fn next_after(&self, name: Option<&ShortStr>) -> Option<&User> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_name.range::<ShortStr, _>((from, Bound::Unbounded)).next().map(|(_, user)| user)
    }

    /// How much a user has open.
    pub(crate) fn usage(&self, user: &ShortStr) -> Usage {
        self.usage.get(user).copied().unwrap_or_default()
    }

    /// A user has opened or closed something.
    pub(crate) fn count(&mut self, user: &ShortStr, change: impl FnOnce(&mut Usage)) {
        let usage = self.usage.entry(user.clone()).or_default();
        change(usage);
        if *usage == Usage::default() {
            self.usage.remove(user);
        }
    }

    /// Adds a user, or puts it in the place of the one of its name.
    pub(crate) fn put(&mut self, user: User) {
        self.revision += 1;
        self.by_name.insert(user.name.clone(), user);
    }

    pub(crate) fn remove(&mut self, name: &ShortStr) {
        self.revision += 1;
        self.by_name.remove(name);
    }

    pub(crate) fn set_permission(
        &mut self,
        user: &ShortStr,
        vhost: &ShortStr,
        permission: Permission,
    ) {
        self.change(user, |user| {
            user.permissions.insert(vhost.clone(), permission);
        });
    }

    pub(crate) fn remove_permission(&mut self, user: &ShortStr, vhost: &ShortStr) {
        self.change(user, |user| {
            user.permissions.remove(vhost);
        });
    }

    pub(crate) fn set_topic_permission(
        &mut self,
        user: &ShortStr,
        vhost: &ShortStr,
        exchange: &ShortStr,
        permission: TopicPermission,
    ) {
        self.change(user, |user| {
            user.topic_permissions.insert((vhost.clone(), exchange.clone()), permission);
        });
    }

    pub(crate) fn remove_topic_permission(
        &mut self,
        user: &ShortStr,
        vhost: &ShortStr,
        exchange: &ShortStr,
    ) {
        self.change(user, |user| {
            user.topic_permissions.remove(&(vhost.clone(), exchange.clone()));
        });
    }

    fn change(&mut self, user: &ShortStr, change: impl FnOnce(&mut User)) {
        self.revision += 1;
        if let Some(user) = self.by_name.get_mut(user) {
            change(user);
        }
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
