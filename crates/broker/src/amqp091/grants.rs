//! What a channel was granted already, so that a publish need not search a pattern again.

use alloc::vec::Vec;

use warrener_codec::{PropertiesRef, ShortStr};
use warrener_router::ExchangeId;

#[cfg(warrener_planted)]
use warrener_time::planted::{Bug, planted};

use crate::address::Address;
use crate::broker::Broker;
use crate::id::{ChannelKey, QueueId};
use crate::message::Extra;
use crate::permission::Caller;
use crate::publish::Exchange;
use crate::refusal::{Kind, Reason, Right, shown};

/// How many of each sort a channel remembers (as RabbitMQ's permission cache).
const KNOWN: usize = 12;

/// What a right was found to cover, as of one state of all users. Exchanges and queues are remembered by their ids, which
/// none that comes later has.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    revision: u64,
    default_exchange: bool,
    writes: Few<ExchangeId>,
    reads: Few<QueueId>,
}

/// A few ids, of which the oldest makes room for the newest.
#[derive(Debug)]
struct Few<T> {
    known: Vec<T>,
    oldest: usize,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { known: Vec::new(), oldest: 0 }
    }
}

impl<T: Copy + PartialEq> Few<T> {
    fn add(&mut self, id: T) {
        if self.known.len() < KNOWN {
            self.known.push(id);
        } else {
            self.known[self.oldest] = id;
            self.oldest = (self.oldest + 1) % KNOWN;
        }
    }
}

impl Grants {
    /// Whether the channel was found to be let write here, and nothing has changed since.
    #[inline]
    pub(crate) fn let_write(&self, revision: u64, exchange: Exchange) -> bool {
        #[cfg(warrener_planted)]
        let revision = if planted(Bug::KeepRevokedRight) { self.revision } else { revision };
        self.revision == revision
            && match exchange {
                Exchange::Default => self.default_exchange,
                Exchange::Named(id) => self.writes.known.contains(&id),
            }
    }

    #[inline]
    pub(crate) fn let_read(&self, revision: u64, queue: QueueId) -> bool {
        #[cfg(warrener_planted)]
        let revision = if planted(Bug::KeepRevokedRight) { self.revision } else { revision };
        self.revision == revision && self.reads.known.contains(&queue)
    }

    /// As of this state of all users; what was found before another means nothing.
    fn as_of(&mut self, revision: u64) -> &mut Self {
        if self.revision != revision {
            *self = Self { revision, ..Self::default() };
        }
        self
    }
}

impl Broker {
    /// Refuses unless the channel's user may publish to the exchange of this name, which is this one if it is there.
    #[inline]
    pub(crate) fn check_write(
        &mut self,
        key: ChannelKey,
        name: &[u8],
        exchange: Option<Exchange>,
    ) -> Result<(), Reason> {
        let revision = self.realm.users.revision();
        let grants = &self.amqp.channel(key).grants;
        if exchange.is_some_and(|exchange| grants.let_write(revision, exchange)) {
            return Ok(());
        }
        self.check_anew(key, Right::Write, Kind::Exchange, name)?;
        let grants = self.amqp.channel_mut(key).grants.as_of(revision);
        match exchange {
            Some(Exchange::Default) => grants.default_exchange = true,
            Some(Exchange::Named(id)) => grants.writes.add(id),
            None => {}
        }
        Ok(())
    }

    /// Refuses unless the channel's user may take messages from the queue of this name.
    #[inline]
    pub(crate) fn check_read(&mut self, key: ChannelKey, name: &[u8]) -> Result<(), Reason> {
        let revision = self.realm.users.revision();
        let queue = self.realm.find_queue(self.amqp.caller(key).vhost, name);
        let grants = &self.amqp.channel(key).grants;
        if queue.is_some_and(|queue| grants.let_read(revision, queue)) {
            return Ok(());
        }
        self.check_anew(key, Right::Read, Kind::Queue, name)?;
        let grants = self.amqp.channel_mut(key).grants.as_of(revision);
        queue.into_iter().for_each(|queue| grants.reads.add(queue));
        Ok(())
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
        caller.access.check(right, kind, name, vhost)
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

    fn queue(index: u32) -> QueueId {
        QueueId { index, generation: 1 }
    }

    #[test]
    fn a_change_of_users_makes_everything_unknown() {
        let mut grants = Grants::default();
        grants.as_of(1).default_exchange = true;
        grants.as_of(1).reads.add(queue(1));
        assert!(grants.let_write(1, Exchange::Default) && grants.let_read(1, queue(1)));
        assert!(!grants.let_write(2, Exchange::Default) && !grants.let_read(2, queue(1)));
        grants.as_of(2).reads.add(queue(2));
        assert!(!grants.let_write(2, Exchange::Default) && !grants.let_read(2, queue(1)));
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut grants = Grants::default();
        for index in 0..=KNOWN as u32 {
            grants.as_of(1).reads.add(queue(index));
        }
        assert!(!grants.let_read(1, queue(0)));
        assert!(grants.let_read(1, queue(1)) && grants.let_read(1, queue(KNOWN as u32)));
    }
}
