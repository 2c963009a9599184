//! Two machines, and a network between them that is as slow and as cut up as the test wants it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use warrener_codec::{ChannelId, Method};
use warrener_time::Time;

use super::START;
use crate::{ClientConfig, Close, Connection, Decision, Event, Role, ServerConfig};

/// A client, a server, one clock, and a network between them.
///
/// ```
/// use warrener_connection::Event;
/// use warrener_connection::testing::Pair;
///
/// let mut pair = Pair::established();
/// let channel = pair.open_channel(1);
/// pair.client.connection.close(pair.now(), warrener_connection::Close::goodbye());
/// pair.drive();
/// assert!(matches!(pair.server.events()[..], [Event::Closed(_)]));
/// ```
#[derive(Debug)]
pub struct Pair {
    /// The connecting side.
    pub client: Side,
    /// The accepting side.
    pub server: Side,
    /// How long octets travel.
    pub latency: Duration,
    /// How many octets arrive at once, at most.
    pub chunk: usize,
    now: Time,
}

/// One of the two machines, and what is on its way to it.
#[derive(Debug)]
pub struct Side {
    /// The machine.
    pub connection: Connection,
    /// Whether octets are left on their way to it: its host does not read.
    pub is_deaf: bool,
    /// What has arrived and is not taken apart yet.
    pub input: BytesMut,
    on_their_way: VecDeque<(Time, Bytes)>,
    /// When the peer's dropping of the stream arrives.
    peer_gone: Option<Time>,
    is_at_end: bool,
}

impl Pair {
    /// Two machines that have not said a word.
    #[must_use]
    pub fn new(client: ClientConfig, server: ServerConfig) -> Self {
        Self {
            client: Side::new(Connection::client(client, START)),
            server: Side::new(Connection::server(server, START)),
            latency: Duration::from_millis(1),
            chunk: usize::MAX,
            now: START,
        }
    }

    /// Two machines with an open connection, and no event left to poll.
    #[must_use]
    pub fn established() -> Self {
        Self::established_with(ClientConfig::default(), ServerConfig::new())
    }

    /// The same, configured.
    ///
    /// # Panics
    ///
    /// When they do not come to terms.
    #[must_use]
    pub fn established_with(client: ClientConfig, server: ServerConfig) -> Self {
        let mut pair = Self::new(client, server);
        pair.drive();
        for _ in ["the login", "the virtual host"] {
            let asked = pair.server.events();
            assert_eq!(asked.len(), 1, "one question: {asked:?}");
            pair.server.decide(pair.now, Decision::Accept);
            pair.drive();
        }
        assert!(matches!(pair.server.events()[..], [Event::Ready(_)]));
        assert!(matches!(pair.client.events()[..], [Event::Introduced(_), Event::Ready(_)]));
        pair
    }

    /// Opens a channel from the client's side, which the server grants.
    ///
    /// # Panics
    ///
    /// When it does not open.
    pub fn open_channel(&mut self, number: u16) -> ChannelId {
        let channel = ChannelId::new(number);
        let asked = self.client.connection.send(channel, &Method::ChannelOpen);
        asked.expect("a channel that can be opened");
        self.drive();
        assert_eq!(self.server.events(), [Event::ChannelOpened(channel)]);
        let granted = self.server.connection.send(channel, &Method::ChannelOpenOk);
        granted.expect("a channel that can be granted");
        self.drive();
        assert_eq!(self.client.events(), [Event::ChannelOpened(channel)]);
        channel
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// One of the two.
    pub fn side(&mut self, role: Role) -> &mut Side {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    /// Lets time pass until nothing is on its way any more. No timer is waited for.
    pub fn drive(&mut self) {
        self.exchange();
        while let Some(next) = self.next_arrival() {
            self.now = self.now.max(next);
            self.wake();
            self.exchange();
        }
    }

    /// Lets this much time pass, with all that happens meanwhile.
    pub fn advance(&mut self, duration: Duration) {
        let until = self.now + duration;
        self.exchange();
        while let Some(next) = self.next_event().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.wake();
            self.exchange();
        }
        self.now = until;
        self.wake();
        self.exchange();
    }

    /// The network is gone: both sides see the stream end, and what is on its way is lost.
    pub fn cut(&mut self) {
        for side in [&mut self.client, &mut self.server] {
            side.on_their_way.clear();
            side.connection.handle_eof(self.now);
        }
    }

    /// Everything that can happen now, until nothing more does.
    fn exchange(&mut self) {
        loop {
            let mut moved = self.client.send_to(&mut self.server, self.now + self.latency);
            moved |= self.server.send_to(&mut self.client, self.now + self.latency);
            moved |= self.client.receive(self.now, self.chunk);
            moved |= self.server.receive(self.now, self.chunk);
            if !moved {
                return;
            }
        }
    }

    fn wake(&mut self) {
        self.client.connection.handle_timeout(self.now);
        self.server.connection.handle_timeout(self.now);
    }

    fn next_arrival(&self) -> Option<Time> {
        let arrivals = [self.client.next_arrival(), self.server.next_arrival()];
        arrivals.into_iter().flatten().min()
    }

    fn next_event(&self) -> Option<Time> {
        let timers = [&self.client, &self.server].map(|side| side.connection.poll_timeout());
        let timers = timers.into_iter().flatten().map(|(deadline, _)| deadline);
        // A timer that is due already is called by `wake`; here it would stop the clock.
        timers.filter(|deadline| *deadline > self.now).chain(self.next_arrival()).min()
    }
}

impl Side {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            is_deaf: false,
            input: BytesMut::new(),
            on_their_way: VecDeque::new(),
            peer_gone: None,
            is_at_end: false,
        }
    }

    /// All events that there are now.
    pub fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    /// Server: the host's decision.
    ///
    /// # Panics
    ///
    /// When nothing is to be decided.
    pub fn decide(&mut self, now: Time, decision: Decision) {
        self.connection.decide(now, decision).expect("something to be decided");
        let _ = self.connection.handle_bytes(now, &mut self.input);
    }

    /// Closes a channel with this code and text.
    ///
    /// # Panics
    ///
    /// When it is not open.
    pub fn close_channel(&mut self, channel: ChannelId, close: &Close) {
        self.connection.close_channel(channel, close).expect("an open channel");
    }

    /// Writes what waits to the network; a stream that is finished is dropped then.
    fn send_to(&mut self, peer: &mut Self, arrival: Time) -> bool {
        let outgoing = self.connection.outgoing();
        let octets = outgoing.copy_to_bytes(outgoing.remaining());
        let moved = !octets.is_empty();
        if moved && peer.peer_gone.is_none() {
            peer.on_their_way.push_back((arrival, octets));
        }
        if self.connection.is_finished() && peer.peer_gone.is_none() {
            peer.peer_gone = Some(arrival);
        }
        moved
    }

    fn receive(&mut self, now: Time, chunk: usize) -> bool {
        if self.is_deaf {
            return false;
        }
        let mut moved = false;
        while self.on_their_way.front().is_some_and(|(arrival, _)| *arrival <= now) {
            let Some((_, mut octets)) = self.on_their_way.pop_front() else { break };
            moved = true;
            while !octets.is_empty() {
                let piece = octets.split_to(chunk.clamp(1, octets.len()));
                self.input.extend_from_slice(&piece);
                let _ = self.connection.handle_bytes(now, &mut self.input);
            }
        }
        let is_last = self.on_their_way.is_empty() && !self.is_at_end;
        if is_last && self.peer_gone.is_some_and(|gone| gone <= now) {
            self.is_at_end = true;
            moved = true;
            self.connection.handle_eof(now);
        }
        moved
    }

    fn next_arrival(&self) -> Option<Time> {
        let octets = self.on_their_way.front().map(|(arrival, _)| *arrival);
        octets.or_else(|| self.peer_gone.filter(|_| !self.is_at_end)).filter(|_| !self.is_deaf)
    }
}
