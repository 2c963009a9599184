//! Permissions: which names a user may configure, write and read in a virtual host, and with which routing keys
//! (RabbitMQ extension).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::ToString;

use warrener_codec::ShortStr;

use crate::id::{ConnectionId, VhostId};
use crate::json::Object;
use crate::pattern::{Pattern, PatternError, Verdict};
use crate::refusal::{Kind, Reason, Resource, Right, shown};
use crate::user::User;

/// Which names a user may configure, write and read in one virtual host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// What the user may declare and delete.
    pub configure: Pattern,
    /// What the user may publish to, and bind.
    pub write: Pattern,
    /// What the user may consume from, and bind to.
    pub read: Pattern,
    /// What its definition says besides, for those who ask for definitions.
    pub others: Object,
}

impl Permission {
    /// Everything.
    #[must_use]
    pub fn full() -> Self {
        let all = Pattern::everything;
        Self { configure: all(), write: all(), read: all(), others: Object::new() }
    }

    /// A connection, and nothing more.
    #[must_use]
    pub fn none() -> Self {
        let none = Pattern::nothing;
        Self { configure: none(), write: none(), read: none(), others: Object::new() }
    }

    /// As RabbitMQ writes it: three patterns, of which an empty one grants nothing.
    ///
    /// # Errors
    ///
    /// When one of them is not a pattern.
    pub fn parse(configure: &str, write: &str, read: &str) -> Result<Self, PatternError> {
        let pattern = Pattern::granting;
        let (configure, write, read) = (pattern(configure)?, pattern(write)?, pattern(read)?);
        Ok(Self { configure, write, read, others: Object::new() })
    }

    const fn pattern(&self, right: Right) -> &Pattern {
        match right {
            Right::Configure => &self.configure,
            Right::Write => &self.write,
            Right::Read => &self.read,
        }
    }
}

/// With which routing keys a user may publish to a topic exchange, and bind to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPermission {
    write: Pattern,
    read: Pattern,
    /// As they were written, with their variables.
    texts: [Box<str>; 2],
    /// What its definition says besides, for those who ask for definitions.
    pub others: Object,
}

impl TopicPermission {
    /// As RabbitMQ writes it: two patterns, in which `{username}` and `{vhost}` stand for the names of the user and of
    /// the virtual host. The names are taken literally, where RabbitMQ takes what is in them as part of the pattern.
    ///
    /// # Errors
    ///
    /// When one of them is not a pattern.
    pub fn parse(
        write: &str,
        read: &str,
        user: &ShortStr,
        vhost: &ShortStr,
    ) -> Result<Self, PatternError> {
        let pattern = |text: &str| Pattern::granting(&expanded(text, user, vhost));
        Ok(Self {
            write: pattern(write)?,
            read: pattern(read)?,
            texts: [write.into(), read.into()],
            others: Object::new(),
        })
    }

    /// The pattern for publishing, as it was written.
    #[must_use]
    pub fn write(&self) -> &str {
        &self.texts[0]
    }

    /// The pattern for binding, as it was written.
    #[must_use]
    pub fn read(&self) -> &str {
        &self.texts[1]
    }
}

/// A pattern with the names in place of the variables.
fn expanded<'a>(text: &'a str, user: &ShortStr, vhost: &ShortStr) -> Cow<'a, str> {
    if !text.contains('{') {
        return Cow::Borrowed(text);
    }
    let literal = |name: &ShortStr| Pattern::literally(&shown(name.as_bytes()));
    let text = text.replace("{username}", &literal(user)).replace("{vhost}", &literal(vhost));
    Cow::Owned(text)
}

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
    pub(crate) impersonator: bool,
    permission: Permission,
    /// By topic exchange.
    topics: BTreeMap<ShortStr, TopicPermission>,
    /// The state of all users that this was taken from.
    pub(crate) revision: u64,
}

impl Access {
    /// What a user may do in a virtual host.
    pub(crate) fn new(user: &User, vhost: &ShortStr, revision: u64) -> Self {
        let topics = user.topic_permissions.iter().filter(|((place, _), _)| place == vhost);
        Self {
            user: user.name.clone(),
            impersonator: user.has_tag("impersonator"),
            permission: user.permissions.get(vhost).cloned().unwrap_or_else(Permission::none),
            topics: topics
                .map(|((_, exchange), topic)| (exchange.clone(), topic.clone()))
                .collect(),
            revision,
        }
    }

    /// What those who run the broker may do.
    pub(crate) fn all() -> Self {
        let (permission, topics) = (Permission::full(), BTreeMap::new());
        Self { user: ShortStr::EMPTY, impersonator: true, permission, topics, revision: 0 }
    }

    /// What somebody may do who is no longer let in.
    pub(crate) fn none(user: ShortStr, revision: u64) -> Self {
        let (permission, topics) = (Permission::none(), BTreeMap::new());
        Self { user, impersonator: false, permission, topics, revision }
    }

    /// Refuses unless the user has `right` on the named thing.
    pub(crate) fn check(
        &self,
        right: Right,
        kind: Kind,
        name: &[u8],
        vhost: &[u8],
    ) -> Result<(), Reason> {
        let pattern = self.permission.pattern(right);
        match pattern.test(as_permitted(kind, name)) {
            Verdict::Matches => Ok(()),
            verdict => Err(self.forbidden(right, kind, name, vhost, gave_up(pattern, verdict))),
        }
    }

    /// Refuses unless the user has any right on the named thing (RabbitMQ 4.3.1: a passive declaration).
    pub(crate) fn check_any(&self, kind: Kind, name: &[u8], vhost: &[u8]) -> Result<(), Reason> {
        let mut too_costly = None;
        for right in [Right::Configure, Right::Write, Right::Read] {
            let pattern = self.permission.pattern(right);
            match pattern.test(as_permitted(kind, name)) {
                Verdict::Matches => return Ok(()),
                verdict => too_costly = too_costly.or_else(|| gave_up(pattern, verdict)),
            }
        }
        Err(self.forbidden(Right::Configure, kind, name, vhost, too_costly))
    }

    /// Refuses unless the user has `right` on this routing key of a topic exchange.
    pub(crate) fn check_topic(
        &self,
        right: Right,
        exchange: &[u8],
        key: &[u8],
        vhost: &[u8],
    ) -> Result<(), Reason> {
        let Some(topic) = self.topics.get(exchange) else { return Ok(()) };
        let pattern = if right == Right::Read { &topic.read } else { &topic.write };
        match pattern.test(key) {
            Verdict::Matches => Ok(()),
            verdict => Err(Reason::TopicForbidden {
                right,
                key: shown(key),
                exchange: Resource::exchange(exchange, vhost).into(),
                user: shown(self.user.as_bytes()),
                too_costly: gave_up(pattern, verdict),
            }),
        }
    }

    /// Whether routing keys of this exchange are restricted at all.
    #[inline]
    pub(crate) fn restricts_topics(&self, exchange: &[u8]) -> bool {
        !self.topics.is_empty() && self.topics.contains_key(exchange)
    }

    #[cold]
    fn forbidden(
        &self,
        right: Right,
        kind: Kind,
        name: &[u8],
        vhost: &[u8],
        too_costly: Option<Box<str>>,
    ) -> Reason {
        let name = as_permitted(kind, name);
        let resource = Resource { kind, name: shown(name), vhost: shown(vhost) };
        let user = shown(self.user.as_bytes());
        Reason::Forbidden { right, resource, user, too_costly }
    }
}

/// Permissions name the default exchange, which has no name of its own.
const fn as_permitted(kind: Kind, name: &[u8]) -> &[u8] {
    if matches!(kind, Kind::Exchange) && name.is_empty() { b"amq.default" } else { name }
}

/// The pattern, if it was too costly.
fn gave_up(pattern: &Pattern, verdict: Verdict) -> Option<Box<str>> {
    (verdict == Verdict::GaveUp).then(|| pattern.to_string().into_boxed_str())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::user::PasswordHash;
    use std::string::String;

    fn access(permission: Permission) -> Access {
        let slash = ShortStr::from_static("/");
        let mut user = User::new(ShortStr::from_static("alice"), PasswordHash::default());
        user.permissions.insert(slash.clone(), permission);
        Access::new(&user, &slash, 1)
    }

    fn said(result: Result<(), Reason>) -> String {
        result.expect_err("refused").to_string()
    }

    #[test]
    fn each_right_is_checked_apart_and_the_default_exchange_has_a_name() {
        let read = Pattern::everything();
        let access = access(Permission { read, ..Permission::none() });
        assert_eq!(access.check(Right::Read, Kind::Queue, b"q", b"/"), Ok(()));
        assert_eq!(
            said(access.check(Right::Write, Kind::Exchange, b"", b"/")),
            "write access to exchange 'amq.default' in vhost '/' refused for user 'alice'",
        );
        let only_default = Permission::parse("", "^amq\\.default$", "").expect("patterns");
        let access = tests::access(only_default);
        assert_eq!(access.check(Right::Write, Kind::Exchange, b"", b"/"), Ok(()));
        assert!(access.check(Right::Write, Kind::Queue, b"q", b"/").is_err());
    }

    #[test]
    fn names_in_topic_patterns_are_literal() {
        let (user, vhost) = (ShortStr::from_static("a.c"), ShortStr::from_static("/"));
        let topic =
            TopicPermission::parse("^{username}\\.", "{vhost}", &user, &vhost).expect("patterns");
        assert_eq!(topic.write.test(b"a.c.news"), Verdict::Matches);
        assert_eq!(topic.write.test(b"abc.news"), Verdict::Differs);
        assert_eq!(topic.read.test(b"x/y"), Verdict::Matches);
        assert_eq!((topic.write(), topic.read()), ("^{username}\\.", "{vhost}"));
    }

    #[test]
    fn a_pattern_that_gives_up_grants_nothing_and_is_named() {
        let evil = "^(a|aa)+\\1$";
        let access = access(Permission::parse("", "", evil).expect("patterns"));
        let mut named = std::vec![b'a'; 255];
        named[254] = b'b';
        match access.check(Right::Read, Kind::Queue, &named, b"/") {
            Err(Reason::Forbidden { too_costly: Some(pattern), .. }) => assert_eq!(&*pattern, evil),
            other => panic!("{other:?}"),
        }
    }
}
