//! What a channel was granted already, so that a publish need not search a pattern again.

use alloc::vec::Vec;

use warrener_codec::{PropertiesRef, ShortStr};

use crate::address::Address;
use crate::broker::Broker;
use crate::id::ChannelKey;
use crate::message::Extra;
use crate::permission::Caller;
use crate::publish::Exchange;
use crate::refusal::{Kind, Reason, Right, shown};

/// How many names of each sort a channel remembers (as RabbitMQ's permission cache).
const NAMES: usize = 12;

/// The names that a right was found to cover, as of one state of all users.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    revision: u64,
    writes: Names,
    reads: Names,
}

/// A few names, of which the oldest makes room for the newest.
#[derive(Debug, Default)]
struct Names {
    known: Vec<ShortStr>,
    oldest: usize,
}

impl Names {
    #[inline]
    fn have(&self, name: &[u8]) -> bool {
        self.known.iter().any(|known| known.as_bytes() == name)
    }

    fn add(&mut self, name: &[u8]) {
        let Ok(name) = ShortStr::try_from(name) else { return };
        if self.known.len() < NAMES {
            self.known.push(name);
        } else {
            self.known[self.oldest] = name;
            self.oldest = (self.oldest + 1) % NAMES;
        }
    }

    fn clear(&mut self) {
        self.known.clear();
        self.oldest = 0;
    }
}

impl Grants {
    /// Whether the channel was found to have this right, and nothing has changed since.
    #[inline]
    pub(crate) fn cover(&self, revision: u64, right: Right, name: &[u8]) -> bool {
        self.revision == revision
            && match right {
                Right::Write => self.writes.have(name),
                Right::Read => self.reads.have(name),
                Right::Configure => false,
            }
    }

    fn add(&mut self, revision: u64, right: Right, name: &[u8]) {
        if self.revision != revision {
            self.writes.clear();
            self.reads.clear();
            self.revision = revision;
        }
        match right {
            Right::Write => self.writes.add(name),
            Right::Read => self.reads.add(name),
            Right::Configure => {}
        }
    }
}

impl Broker {
    /// Refuses unless the channel's user may publish to this exchange.
    #[inline]
    pub(crate) fn check_write(&mut self, key: ChannelKey, exchange: &[u8]) -> Result<(), Reason> {
        self.check_remembered(key, Right::Write, Kind::Exchange, exchange)
    }

    /// Refuses unless the channel's user may take messages from this queue.
    #[inline]
    pub(crate) fn check_read(&mut self, key: ChannelKey, queue: &[u8]) -> Result<(), Reason> {
        self.check_remembered(key, Right::Read, Kind::Queue, queue)
    }

    #[inline]
    fn check_remembered(
        &mut self,
        key: ChannelKey,
        right: Right,
        kind: Kind,
        name: &[u8],
    ) -> Result<(), Reason> {
        let revision = self.realm.users.revision();
        if self.amqp.channel(key).grants.cover(revision, right, name) {
            return Ok(());
        }
        self.check_anew(key, right, kind, name)
    }

    #[cold]
    fn check_anew(
        &mut self,
        key: ChannelKey,
        right: Right,
        kind: Kind,
        name: &[u8],
    ) -> Result<(), Reason> {
        self.refresh_access(key);
        let caller = self.amqp.caller(key);
        let vhost = self.realm.vhosts[caller.vhost].name().as_bytes();
        caller.access.check(right, kind, name, vhost)?;
        let revision = self.realm.users.revision();
        self.amqp.channel_mut(key).grants.add(revision, right, name);
        Ok(())
    }

    /// Refuses routing keys of a topic exchange that the user may not write, those of `CC` and `BCC` as well.
    #[inline]
    pub(crate) fn check_topics(
        &self,
        key: ChannelKey,
        exchange: Exchange,
        address: &Address,
        extra: Option<&Extra>,
    ) -> Result<(), Reason> {
        let Exchange::Named(id) = exchange else { return Ok(()) };
        let Caller { access, vhost, .. } = self.amqp.caller(key);
        let name = address.exchange();
        let vhost = &self.realm.vhosts[vhost];
        if !access.restricts_topics(name.as_bytes()) || !vhost.is_topic(id) {
            return Ok(());
        }
        let more = extra.into_iter().flat_map(|extra| extra.cc.iter().chain(&extra.bcc));
        let own = core::iter::once(address.routing_key().as_bytes());
        own.chain(more.map(ShortStr::as_bytes)).try_for_each(|key| {
            access.check_topic(Right::Write, name.as_bytes(), key, vhost.name().as_bytes())
        })
    }

    /// Refuses a message that says to be of somebody else.
    pub(crate) fn check_user_id(
        &self,
        key: ChannelKey,
        properties: &PropertiesRef<'_>,
    ) -> Result<(), Reason> {
        let Some(claimed) = properties.user_id else { return Ok(()) };
        let access = self.amqp.caller(key).access;
        if claimed.as_bytes() == access.user.as_bytes() || access.impersonator {
            return Ok(());
        }
        let (claimed, user) = (shown(claimed.as_bytes()), shown(access.user.as_bytes()));
        Err(Reason::UserId { claimed, user })
    }

    /// Looks up what the channel's user may do, if any user has changed since that was last done.
    pub(crate) fn refresh_access(&mut self, key: ChannelKey) {
        let client = self.amqp.channel(key).client;
        let client = self.amqp.clients.get_mut(client).expect("a channel has a client");
        if client.access.revision != self.realm.users.revision() {
            let vhost = self.realm.vhosts[client.vhost].name();
            client.access = self.realm.users.access_now(&client.access.user, vhost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_change_of_users_makes_everything_unknown() {
        let mut grants = Grants::default();
        grants.add(1, Right::Write, b"x");
        assert!(grants.cover(1, Right::Write, b"x"));
        assert!(!grants.cover(1, Right::Read, b"x"));
        assert!(!grants.cover(2, Right::Write, b"x"));
        grants.add(2, Right::Write, b"y");
        assert!(!grants.cover(2, Right::Write, b"x"));
    }

    #[test]
    fn the_oldest_name_makes_room() {
        let mut grants = Grants::default();
        for number in 0..=NAMES {
            grants.add(1, Right::Read, format!("q{number}").as_bytes());
        }
        assert!(!grants.cover(1, Right::Read, b"q0"));
        assert!(grants.cover(1, Right::Read, b"q1"));
        assert!(grants.cover(1, Right::Read, format!("q{NAMES}").as_bytes()));
    }
}
