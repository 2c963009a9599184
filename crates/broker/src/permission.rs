//! Who may do what: users as facts, and the check of a right on a name.
//!
//! The broker never sees a password and never hashes one. A user carries an opaque hash that the host made, and that the
//! host compares outside the turn; what the broker decides is which names a user may configure, write and read.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use thiserror::Error;
use warrener_codec::ShortStr;

use crate::id::{ConnectionId, VhostId};
use crate::refusal::{Kind, Reason, Resource, Right, said, shown};

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
}

impl User {
    /// A user who may do everything in one virtual host, from anywhere.
    #[must_use]
    pub fn with_full_access(name: ShortStr, password: PasswordHash, vhost: ShortStr) -> Self {
        let permissions = BTreeMap::from([(vhost, Permission::FULL)]);
        Self { name, password, tags: Vec::new(), loopback_only: false, permissions }
    }

    /// Whether the user carries this tag.
    #[must_use]
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own.as_bytes() == tag.as_bytes())
    }
}

/// Octets that only the host understands; never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PasswordHash(pub Bytes);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Which names a user may configure, write and read in one virtual host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// What the user may declare and delete.
    pub configure: Pattern,
    /// What the user may publish to, and bind.
    pub write: Pattern,
    /// What the user may consume from, and bind to.
    pub read: Pattern,
}

impl Permission {
    /// Everything.
    pub const FULL: Self = Self {
        configure: Pattern::Everything,
        write: Pattern::Everything,
        read: Pattern::Everything,
    };
    /// A connection, and nothing more.
    pub const NONE: Self =
        Self { configure: Pattern::Nothing, write: Pattern::Nothing, read: Pattern::Nothing };

    fn pattern(&self, right: Right) -> &Pattern {
        match right {
            Right::Configure => &self.configure,
            Right::Write => &self.write,
            Right::Read => &self.read,
        }
    }
}

/// Which names a right covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// No name: RabbitMQ's `^$` and the empty pattern.
    Nothing,
    /// Every name: RabbitMQ's `.*`.
    Everything,
}

impl Pattern {
    /// The pattern that RabbitMQ writes so.
    ///
    /// # Errors
    ///
    /// When it is neither `.*` nor `^$` nor empty: this version grants all names or none.
    pub fn parse(text: &str) -> Result<Self, UnsupportedPattern> {
        match text {
            "" | "^$" => Ok(Self::Nothing),
            ".*" | "^.*$" => Ok(Self::Everything),
            other => Err(UnsupportedPattern(said(other))),
        }
    }

    const fn matches(&self) -> bool {
        matches!(self, Self::Everything)
    }
}

/// A permission pattern that is neither everything nor nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("permission pattern '{0}' is not supported: it must be '.*' or '^$'")]
pub struct UnsupportedPattern(pub Box<str>);

/// On whose behalf something is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) access: &'a Access,
    pub(crate) vhost: VhostId,
    pub(crate) connection: ConnectionId,
}

/// What a connection may do: who it is, and that user's rights in its virtual host.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) user: ShortStr,
    pub(crate) permission: Permission,
    pub(crate) impersonator: bool,
}

impl Access {
    /// Refuses unless the user has `right` on the named thing.
    pub(crate) fn check(
        &self,
        right: Right,
        kind: Kind,
        name: &[u8],
        vhost: &[u8],
    ) -> Result<(), Reason> {
        if self.permission.pattern(right).matches() {
            return Ok(());
        }
        Err(self.forbidden(right, kind, name, vhost))
    }

    /// Refuses unless the user has any right on the named thing (RabbitMQ 4.3.1: a passive declaration).
    pub(crate) fn check_any(&self, kind: Kind, name: &[u8], vhost: &[u8]) -> Result<(), Reason> {
        let rights = [Right::Configure, Right::Write, Right::Read];
        if rights.into_iter().any(|right| self.permission.pattern(right).matches()) {
            return Ok(());
        }
        Err(self.forbidden(Right::Configure, kind, name, vhost))
    }

    #[cold]
    fn forbidden(&self, right: Right, kind: Kind, name: &[u8], vhost: &[u8]) -> Reason {
        // Permissions name the default exchange, which has no name of its own.
        let name = if kind == Kind::Exchange && name.is_empty() { b"amq.default" } else { name };
        let resource = Resource { kind, name: shown(name), vhost: shown(vhost) };
        Reason::Forbidden { right, resource, user: shown(self.user.as_bytes()) }
    }
}

/// Every user, by name.
#[derive(Debug, Default)]
pub(crate) struct Users(BTreeMap<ShortStr, User>);

impl Users {
    pub(crate) fn new(users: Vec<User>) -> Self {
        Self(users.into_iter().map(|user| (user.name.clone(), user)).collect())
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<&User> {
        self.0.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &User> {
        self.0.values()
    }

    /// What a user may do in a virtual host that exists.
    pub(crate) fn access(&self, user: &ShortStr, vhost: &ShortStr) -> Result<Access, Reason> {
        let refused = || Reason::VhostRefused {
            vhost: shown(vhost.as_bytes()),
            user: shown(user.as_bytes()),
        };
        let known = self.find(user.as_bytes()).ok_or_else(refused)?;
        let permission = known.permissions.get(vhost).ok_or_else(refused)?.clone();
        let impersonator = known.has_tag("impersonator");
        Ok(Access { user: known.name.clone(), permission, impersonator })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;
    use std::string::ToString;

    fn alice(permission: Permission) -> Users {
        let mut user = User::with_full_access(
            ShortStr::from_static("alice"),
            PasswordHash::default(),
            ShortStr::from_static("/"),
        );
        user.permissions.insert(ShortStr::from_static("/"), permission);
        Users::new([user].to_vec())
    }

    #[test]
    fn a_user_without_permissions_in_a_vhost_is_refused_there() {
        let users = alice(Permission::FULL);
        let refused = users
            .access(&ShortStr::from_static("alice"), &ShortStr::from_static("shop"))
            .expect_err("no entry is no access");
        assert_eq!(refused.to_string(), "access to vhost 'shop' refused for user 'alice'");
    }

    #[test]
    fn each_right_is_checked_apart_and_the_default_exchange_has_a_name() {
        let users = alice(Permission { read: Pattern::Everything, ..Permission::NONE });
        let access = users
            .access(&ShortStr::from_static("alice"), &ShortStr::from_static("/"))
            .expect("an entry");
        assert_eq!(access.check(Right::Read, Kind::Queue, b"q", b"/"), Ok(()));
        let refused = access.check(Right::Write, Kind::Exchange, b"", b"/").expect_err("no write");
        assert_eq!(
            refused.to_string(),
            "write access to exchange 'amq.default' in vhost '/' refused for user 'alice'",
        );
    }

    #[test]
    fn patterns_are_all_or_nothing_and_say_so() {
        assert_eq!(Pattern::parse(".*"), Ok(Pattern::Everything));
        assert_eq!(Pattern::parse(""), Ok(Pattern::Nothing));
        assert!(Pattern::parse("^amq").is_err());
    }

    #[test]
    fn hashes_are_not_printed() {
        assert_eq!(format!("{:?}", PasswordHash(Bytes::from_static(b"x"))), "PasswordHash(..)");
    }
}
