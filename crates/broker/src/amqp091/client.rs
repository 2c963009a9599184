//! Connections: coming, going, and how much is on its way to each.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use warrener_codec::{ChannelId, Content, ShortStr};
use warrener_time::Time;

use crate::amqp091::leave::Leaving;
use crate::broker::Broker;
use crate::effect::Effect;
use crate::id::{ChannelKey, ClientKey, ConnectionId, VhostId};
use crate::input::{Capabilities, Connected};
use crate::job::Job;
use crate::limit::reached;
use crate::message::NewMessage;
use crate::permission::{Access, Caller};
use crate::refusal::{Reason, Refusal, said, shown};

/// A client that has logged in.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) connection: ConnectionId,
    pub(crate) vhost: VhostId,
    pub(crate) access: Access,
    pub(crate) name: ShortStr,
    /// Both ends of its stream.
    pub(crate) ends: ShortStr,
    pub(crate) frame_max: u32,
    pub(crate) capabilities: Capabilities,
    pub(crate) channels: BTreeMap<ChannelId, ChannelKey>,
    /// How much is on its way.
    pub(crate) outbound_bytes: u64,
    /// What came of messages that are not whole.
    pub(crate) unfinished_bytes: u64,
    /// So much that its consumers get nothing more.
    pub(crate) congested: bool,
    /// So much that it is not read.
    pub(crate) paused: bool,
    /// It published while the host ran short of something, and is not read until that is over.
    pub(crate) blocked: bool,
    /// Though blocked, it is read: it has messages that it may acknowledge.
    pub(crate) is_read_on: bool,
    /// It wants to go, and goes as soon as the last of its channels has.
    pub(crate) is_leaving: bool,
    /// How many consumers its channels have.
    pub(crate) consumers: u32,
    /// How much work it has caused that others have not had their turns for yet, in objects visited.
    pub(crate) debt: u64,
    /// So much that it is not read.
    pub(crate) owes_much: bool,
    /// A message of its is on its way to very many queues.
    pub(crate) fans_out: bool,
    /// How far it has gone.
    pub(crate) leaving: Leaving,
    /// Its consumers are told anew what they may get, by a job: those of channels up to this one know.
    pub(crate) refreshing: Option<ChannelId>,
    pub(crate) is_refreshing: bool,
    /// How much its channels have asked for and cannot have yet, in octets.
    pub(crate) parked_bytes: u64,
    /// What is published in the open transactions of all its channels, in octets.
    pub(crate) transaction_bytes: u64,
    /// So much that it is not read.
    pub(crate) parks_much: bool,
    /// It takes its leave as soon as its channels have what they asked for.
    pub(crate) wants_to_leave: bool,
}

/// connection.open, which is what a refused virtual host is told to be about.
const CONNECTION_OPEN: (u16, u16) = (10, 40);

impl Client {
    /// Changes why it is not read; what is to be done about that, if anything.
    pub(crate) fn repause(&mut self, change: impl FnOnce(&mut Self)) -> Option<Effect> {
        let before = self.is_paused();
        change(self);
        let after = self.is_paused();
        (before != after).then_some(Effect::Pause(self.connection, after))
    }

    const fn is_paused(&self) -> bool {
        self.paused || self.parks_much || self.owes_much || (self.blocked && !self.is_read_on)
    }

    /// On whose behalf its methods are obeyed.
    pub(crate) const fn caller(&self) -> Caller<'_> {
        Caller { access: &self.access, vhost: self.vhost, connection: self.connection }
    }

    /// Refuses a content whose header frame the client cannot take, as it is.
    pub(crate) fn check_header(&self, content: &Content) -> Result<(), Reason> {
        let size = content.properties.as_bytes().len();
        if self.frame_max == 0 || size + NewMessage::ENVELOPE_AND_SIZES <= self.frame_max as usize {
            return Ok(());
        }
        Err(Reason::HeaderTooLarge { size, frame_max: self.frame_max })
    }

    /// Whether the client can take the header frame of this message at all.
    pub(crate) fn takes(&self, message: &NewMessage) -> bool {
        self.frame_max == 0 || message.header_bytes() <= self.frame_max as usize
    }
}

impl Broker {
    pub(crate) fn connected(&mut self, connected: Connected, out: &mut Vec<Effect>) {
        let connection = connected.connection;
        let told = self.realm.listener().map(|_| connected.clone());
        match self.admit_client(connected) {
            Ok(()) => {
                out.push(Effect::Opened(connection));
                told.iter().for_each(|connected| self.tell_connected(connected));
            }
            Err(reason) => {
                let refusal = Refusal::new(&reason, CONNECTION_OPEN);
                out.push(Effect::CloseConnection(connection, Box::new(refusal)));
            }
        }
    }

    fn admit_client(&mut self, connected: Connected) -> Result<(), Reason> {
        let Connected { connection, user, vhost, name, frame_max, capabilities, said } = connected;
        let Some(id) = self.realm.vhosts.find(vhost.as_bytes()) else {
            return Err(Reason::NoVhost(shown(vhost.as_bytes())));
        };
        self.refuse_over_limit(id, &user)?;
        let access = self.realm.users.access(&user, &vhost)?;
        self.realm.users.count(&user, |usage| usage.connections += 1);
        self.realm.vhosts[id].connections += 1;
        let key = self.amqp.clients.insert(Client {
            connection,
            vhost: id,
            access,
            name: name.detached(),
            ends: said.ends,
            frame_max,
            capabilities,
            channels: BTreeMap::new(),
            outbound_bytes: 0,
            unfinished_bytes: 0,
            congested: false,
            paused: false,
            blocked: false,
            is_read_on: false,
            is_leaving: false,
            consumers: 0,
            debt: 0,
            owes_much: false,
            fans_out: false,
            leaving: Leaving::default(),
            refreshing: None,
            is_refreshing: false,
            parked_bytes: 0,
            transaction_bytes: 0,
            parks_much: false,
            wants_to_leave: false,
        });
        let before = self.amqp.client_keys.insert(connection, key);
        assert!(before.is_none(), "a host gives a connection's number once");
        self.realm.stats.churn.connections_opened += 1;
        Ok(())
    }

    /// Refuses one connection more than the virtual host or the user may have.
    fn refuse_over_limit(&self, vhost: VhostId, user: &ShortStr) -> Result<(), Reason> {
        let place = &self.realm.vhosts[vhost];
        let shown_user = || shown(user.as_bytes());
        let defaults = &self.realm.limits;
        let limit = place.limits.max_connections.or(defaults.vhosts.max_connections);
        if let Some(limit) = reached(limit, place.connections) {
            let vhost = shown(place.name().as_bytes());
            return Err(Reason::VhostConnections { vhost, user: shown_user(), limit });
        }
        let users = &self.realm.users;
        let limit = users.find(user.as_bytes()).and_then(|known| known.limits.max_connections);
        let limit = limit.or(defaults.users.max_connections);
        match reached(limit, users.usage(user).connections) {
            Some(limit) => Err(Reason::UserConnections { user: shown_user(), limit }),
            None => Ok(()),
        }
    }

    /// Closes a connection because of what one of its channels was asked to do, or because the host stops.
    pub(crate) fn refuse_connection(
        &mut self,
        now: Time,
        key: ClientKey,
        reason: &Reason,
        ids: (u16, u16),
        out: &mut Vec<Effect>,
    ) {
        let client = self.amqp.clients.get(key).expect("a client that is there");
        let (connection, is_leaving) = (client.connection, client.is_leaving);
        if client.leaving.is_gone {
            return;
        }
        if is_leaving {
            // It said connection.close first, and waits for its answer.
            let last_word = Effect::ConnectionClosed(connection);
            return self.remove_client(now, key, Some(last_word), out);
        }
        self.remove_client(now, key, None, out);
        let refusal = Refusal::new(reason, ids);
        out.push(Effect::CloseConnection(connection, Box::new(refusal)));
    }

    /// Somebody who may do so wants a connection closed.
    pub(crate) fn expel(
        &mut self,
        now: Time,
        connection: ConnectionId,
        why: Box<str>,
        out: &mut Vec<Effect>,
    ) {
        if let Some(key) = self.amqp.client(connection) {
            self.refuse_connection(now, key, &Reason::Forced(why), (0, 0), out);
        }
    }

    pub(crate) fn shut_down(&mut self, now: Time, out: &mut Vec<Effect>) {
        let reason = "broker forced connection closure with reason 'shutdown'";
        self.close_everybody(now, &Reason::Forced(said(reason)), out);
    }

    /// The log has failed. Nobody gets another confirm, and everybody is told why.
    pub(crate) fn fail(&mut self, now: Time, out: &mut Vec<Effect>) {
        self.close_everybody(now, &Reason::LogFailed, out);
    }

    fn close_everybody(&mut self, now: Time, reason: &Reason, out: &mut Vec<Effect>) {
        let everyone: Vec<ClientKey> = self.amqp.clients.iter().map(|(key, _)| key).collect();
        for key in everyone {
            self.refuse_connection(now, key, reason, (0, 0), out);
        }
    }

    /// The client has taken so much of what was sent to it.
    pub(crate) fn drained(&mut self, connection: ConnectionId, bytes: u32, out: &mut Vec<Effect>) {
        let Some(key) = self.amqp.client(connection) else { return };
        let client = self.amqp.clients.get_mut(key).expect("a client that is there");
        let gone = client.outbound_bytes.min(u64::from(bytes));
        client.outbound_bytes -= gone;
        self.realm.held_elsewhere_bytes -= gone;
        if client.congested && client.outbound_bytes <= self.realm.limits.outbound_low_bytes {
            client.congested = false;
            out.extend(client.repause(|client| client.paused = false));
            self.refresh_client(key);
        }
    }

    /// So much has come of messages that are not whole.
    pub(crate) fn unfinished(&mut self, connection: ConnectionId, bytes: u64) {
        let Some(key) = self.amqp.client(connection) else { return };
        let client = self.amqp.clients.get_mut(key).expect("a client that is there");
        let before = core::mem::replace(&mut client.unfinished_bytes, bytes);
        self.realm.held_elsewhere_bytes = self.realm.held_elsewhere_bytes + bytes - before;
    }

    /// So much more is on its way to the client.
    #[inline]
    pub(crate) fn burden(&mut self, key: ClientKey, bytes: u32, out: &mut Vec<Effect>) {
        let client = self.amqp.clients.get_mut(key).expect("a client that is there");
        client.outbound_bytes += u64::from(bytes);
        self.realm.held_elsewhere_bytes += u64::from(bytes);
        if !client.congested && client.outbound_bytes >= self.realm.limits.outbound_high_bytes {
            client.congested = true;
            self.refresh_client(key);
        } else if client.outbound_bytes >= self.realm.limits.outbound_pause_bytes && !client.paused
        {
            out.extend(client.repause(|client| client.paused = true));
        }
    }

    /// Says anew what each consumer of a client may get.
    fn refresh_client(&mut self, key: ClientKey) {
        let client = self.amqp.clients.get_mut(key).expect("a client that is there");
        client.refreshing = None;
        if client.is_refreshing || !self.go_on_refreshing(key) {
            return;
        }
        let client = self.amqp.clients.get_mut(key).expect("a client that is there");
        client.is_refreshing = true;
        self.realm.jobs.push_back(Job::Refresh(key));
    }

    /// Goes on with that, as far as the turn allows; whether there is more to do.
    pub(crate) fn go_on_refreshing(&mut self, key: ClientKey) -> bool {
        loop {
            let Some(client) = self.amqp.clients.get_mut(key) else { return false };
            let after = client.refreshing.map_or(Bound::Unbounded, Bound::Excluded);
            let next = client.channels.range((after, Bound::Unbounded)).next();
            let Some((number, channel)) = next.map(|(number, channel)| (*number, *channel)) else {
                client.is_refreshing = false;
                return false;
            };
            if self.realm.effort.is_spent(0) {
                return true;
            }
            client.refreshing = Some(number);
            self.realm.effort.visit(1);
            self.refresh_channel(channel);
        }
    }
}
