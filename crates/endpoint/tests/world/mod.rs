//! A broker, clients, and their endpoints between them; a turn as a host would run it, without sockets.

#![expect(
    dead_code,
    reason = "each test file has its own stories, and uses its own part of the world"
)]

pub(crate) mod client;

use core::time::Duration;

use bytes::BytesMut;
use warrener_broker::{
    Broker, Config, ConnectionId, Effect, Input, PasswordHash, Progress, Seed, User,
};
use warrener_codec::ShortStr;
use warrener_connection::{ClientConfig, Credentials, Event, ServerConfig};
use warrener_endpoint::{Answer, Endpoint, Question, plain_input, recipient};
use warrener_time::Time;

use client::Client;

pub(crate) const START: Time = Time::from_secs(1_700_000_000);

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) broker: Broker,
    pub(crate) peers: Vec<Peer>,
    effects: Vec<Effect>,
}

/// The two ends of a stream.
pub(crate) struct Peer {
    pub(crate) client: Client,
    pub(crate) endpoint: Endpoint,
    /// What the endpoint has not taken yet.
    input: BytesMut,
    /// Whether the client reads what it is sent.
    pub(crate) reads: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut config = Config::new(Seed::from(7));
        let (name, vhost) = (ShortStr::from_static("guest"), ShortStr::from_static("/"));
        config.users.push(User::with_full_access(name, PasswordHash::default(), vhost));
        let broker = Broker::new(config, START);
        Self { now: START, broker, peers: Vec::new(), effects: Vec::new() }
    }

    /// A client arrives; gives its index.
    pub(crate) fn arrive(&mut self, config: ClientConfig) -> usize {
        let index = self.peers.len();
        let id = ConnectionId(index as u64 + 1);
        let stream = ShortStr::truncated(&format!("stream {index}"));
        self.peers.push(Peer {
            client: Client::new(config, self.now),
            endpoint: Endpoint::new(id, stream, ServerConfig::new(), self.now),
            input: BytesMut::new(),
            reads: true,
        });
        index
    }

    /// A client with an open connection and channel 1; gives its index.
    pub(crate) fn connect(&mut self) -> usize {
        let index = self.arrive(ClientConfig::default());
        self.run();
        assert!(self.client(index).connection.is_open());
        self.client(index).open_channel();
        self.run();
        assert_eq!(self.client(index).names(), ["introduced", "ready", "channel opened"]);
        index
    }

    pub(crate) fn client(&mut self, index: usize) -> &mut Client {
        &mut self.peers[index].client
    }

    /// Carries octets until nothing moves.
    pub(crate) fn run(&mut self) {
        while (0..self.peers.len()).map(|index| self.step(index)).fold(false, |any, one| any | one)
        {
        }
    }

    /// The server hears these octets of a stranger.
    pub(crate) fn feed(&mut self, index: usize, octets: &[u8]) {
        self.peers[index].input.extend_from_slice(octets);
        while self.turn(index) {}
    }

    /// The stream of a client breaks.
    pub(crate) fn cut(&mut self, index: usize) {
        let event = self.peers[index].endpoint.handle_eof(self.now);
        event.into_iter().for_each(|event| self.handle(index, event));
        while self.turn(index) {}
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        for index in 0..self.peers.len() {
            let now = self.now;
            self.peers[index].client.connection.handle_timeout(now);
            let event = self.peers[index].endpoint.handle_timeout(now);
            event.into_iter().for_each(|event| self.handle(index, event));
        }
        self.run();
    }

    pub(crate) fn tell_broker(&mut self, input: Input) {
        self.broker.handle(self.now, input, &mut self.effects);
        self.apply();
        self.run();
    }

    fn step(&mut self, index: usize) -> bool {
        let said = self.peers[index].client.octets();
        let mut moved = !said.is_empty();
        self.peers[index].input.extend_from_slice(&said);
        while self.turn(index) {
            moved = true;
        }
        moved | self.deliver(index)
    }

    /// What one batch of events leads to, as a server does it.
    fn turn(&mut self, index: usize) -> bool {
        let mut moved = false;
        loop {
            let Peer { endpoint, input, .. } = &mut self.peers[index];
            let Some(event) = endpoint.poll_event(self.now, input) else { break };
            self.handle(index, event);
            moved = true;
        }
        let endpoint = &mut self.peers[index].endpoint;
        if let Some(Question::Login(login)) = endpoint.poll_question() {
            let right = matches!(&login.credentials, Credentials::Password { user, password }
                if user == "guest" && password.expose() == b"guest");
            let user = ShortStr::from_static("guest");
            let answer = if right { Answer::Accept { user } } else { Answer::Refuse };
            endpoint.answer(self.now, answer).expect("the question was just asked");
            moved = true;
        }
        moved
    }

    fn handle(&mut self, index: usize, event: Event) {
        let endpoint = &mut self.peers[index].endpoint;
        let input = match plain_input(endpoint.id(), event) {
            Ok(input) => Some(input),
            Err(event) => endpoint.admit(self.now, *event),
        };
        input.into_iter().for_each(|input| self.broker.handle(self.now, input, &mut self.effects));
        self.apply();
    }

    fn apply(&mut self) {
        while !self.effects.is_empty() {
            for effect in core::mem::take(&mut self.effects) {
                match recipient(&effect) {
                    Some(id) => {
                        let endpoint = &mut self.peers[id.0 as usize - 1].endpoint;
                        endpoint.apply(self.now, &effect).expect("nothing too large to say");
                    }
                    None => self.write(effect),
                }
            }
        }
    }

    /// A log that is always at once on disk.
    fn write(&mut self, effect: Effect) {
        if let Effect::Persist(record) = effect {
            let progress = Progress { upto: record.id, ahead: record.id };
            self.broker.handle(self.now, Input::Persisted(progress), &mut self.effects);
        }
    }

    /// Carries what waits to the client, and tells the broker.
    fn deliver(&mut self, index: usize) -> bool {
        let Peer { client, endpoint, reads, .. } = &mut self.peers[index];
        let count = endpoint.outgoing().len();
        if count == 0 || !*reads {
            return false;
        }
        let said: BytesMut = endpoint.outgoing().slices().flatten().copied().collect();
        endpoint.advance(count);
        client.hear(self.now, &said);
        let drained = endpoint.drained();
        drained
            .into_iter()
            .for_each(|input| self.broker.handle(self.now, input, &mut self.effects));
        self.apply();
        true
    }
}
