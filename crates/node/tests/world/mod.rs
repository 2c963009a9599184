//! A node, clients, and a disk that does its work when it is told to.

#![expect(
    dead_code,
    reason = "each test file has its own stories, and uses its own part of the world"
)]

#[path = "../../../endpoint/tests/world/client.rs"]
mod client;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use warrener_broker::{Command, CommandId, Config, ConnectionId, Input, PasswordHash, Seed, User};
use warrener_codec::ShortStr;
use warrener_connection::{ClientConfig, ServerConfig};
use warrener_endpoint::{Answer, Endpoint};
use warrener_node::{Connections, Node, Notice};
use warrener_store::{Lane, Log, Work};
use warrener_time::Time;

use client::Client;

pub(crate) const START: Time = Time::from_secs(1_700_000_000);

pub(crate) struct World<L: Log> {
    pub(crate) now: Time,
    pub(crate) node: Node<L>,
    streams: Streams,
    clients: BTreeMap<ConnectionId, (Client, BytesMut)>,
    gone: BTreeSet<ConnectionId>,
    /// Disk work that was handed out and is not done.
    waiting: Vec<L::Work>,
    notices: Vec<Notice>,
}

#[derive(Default)]
struct Streams(BTreeMap<ConnectionId, Endpoint>);

impl Connections for Streams {
    fn with<R>(&mut self, id: ConnectionId, then: impl FnOnce(&mut Endpoint) -> R) -> Option<R> {
        self.0.get_mut(&id).map(then)
    }
}

impl<L: Log> World<L> {
    /// A node that has not read its log back yet.
    pub(crate) fn opening(log: L, now: Time) -> Self {
        Self::opening_with(log, now, |_| ())
    }

    /// The same, with something of its configuration changed.
    pub(crate) fn opening_with(log: L, now: Time, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(Seed::from(7));
        change(&mut config);
        let (name, vhost) = (ShortStr::from_static("guest"), ShortStr::from_static("/"));
        config.users.push(User::with_full_access(name, PasswordHash::default(), vhost));
        Self {
            now,
            node: Node::open(config, log, now),
            streams: Streams::default(),
            clients: BTreeMap::new(),
            gone: BTreeSet::new(),
            waiting: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// A node that runs, and how many records it found.
    pub(crate) fn open(log: L, now: Time) -> (Self, u64) {
        let mut world = Self::opening(log, now);
        world.settle();
        let notices = world.notices();
        let Some(&Notice::Ready { records, present }) = notices.last() else {
            panic!("{notices:?}")
        };
        // What a host does with its clock.
        world.now = present;
        (world, records)
    }

    /// A client with an open connection and channel 1.
    pub(crate) fn connect(&mut self) -> ConnectionId {
        let id = ConnectionId(self.clients.len() as u64 + 1);
        let stream = ShortStr::truncated(&format!("stream {id}"));
        let endpoint = Endpoint::new(id, stream, ServerConfig::new(), self.now);
        self.streams.0.insert(id, endpoint);
        let client = Client::new(ClientConfig::default(), self.now);
        self.clients.insert(id, (client, BytesMut::new()));
        self.run();
        self.client(id).open_channel();
        self.run();
        assert_eq!(self.client(id).names(), ["introduced", "ready", "channel opened"]);
        id
    }

    pub(crate) fn client(&mut self, id: ConnectionId) -> &mut Client {
        &mut self.clients.get_mut(&id).expect("a client").0
    }

    pub(crate) fn notices(&mut self) -> Vec<Notice> {
        core::mem::take(&mut self.notices)
    }

    /// Carries octets until nothing moves. The disk does nothing.
    pub(crate) fn run(&mut self) {
        let ids: Vec<_> = self.clients.keys().copied().collect();
        loop {
            let moved = ids.iter().map(|&id| self.step(id)).fold(false, |any, one| any | one);
            self.look_at_node();
            if !moved {
                return;
            }
        }
    }

    /// The disk does the work that it was given so far; then octets are carried.
    pub(crate) fn work_once(&mut self) {
        for work in core::mem::take(&mut self.waiting) {
            self.node.handle_done(self.now, work.run(), &mut self.streams);
        }
        self.run();
    }

    /// The disk does all the work there is; then octets are carried.
    pub(crate) fn settle(&mut self) {
        self.run();
        while !self.waiting.is_empty() {
            self.work_once();
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.node.handle_timeout(self.now, &mut self.streams);
        self.run();
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.node.handle_input(self.now, input, &mut self.streams);
        self.run();
    }

    pub(crate) fn command(&mut self, id: CommandId, command: Command) {
        self.node.command(self.now, id, command, &mut self.streams);
        self.run();
    }

    /// A stream breaks, and the node has not heard of it yet.
    pub(crate) fn drop_stream(&mut self, id: ConnectionId) {
        self.streams.0.remove(&id);
        self.gone.insert(id);
    }

    /// The process is told to end in order. The disk does nothing.
    pub(crate) fn begin_to_close(&mut self) {
        self.tell(Input::Shutdown);
        self.node.close(self.now, &mut self.streams);
        self.run();
    }

    /// The process ends in order.
    pub(crate) fn close(mut self) -> L {
        self.begin_to_close();
        self.settle();
        assert_eq!(self.notices().last(), Some(&Notice::Closed));
        self.node.into_log()
    }

    fn look_at_node(&mut self) {
        for lane in Lane::ALL {
            self.waiting.extend(self.node.poll_work(lane));
        }
        self.notices.extend(core::iter::from_fn(|| self.node.poll_notice()));
    }

    fn step(&mut self, id: ConnectionId) -> bool {
        if self.gone.contains(&id) {
            return false;
        }
        let (client, input) = self.clients.get_mut(&id).expect("a client");
        let said = client.octets();
        input.extend_from_slice(&said);
        let mut moved = !said.is_empty();
        let endpoint = self.streams.0.get_mut(&id).expect("its endpoint");
        let mut events = Vec::new();
        if endpoint.wants_read() {
            events.extend(core::iter::from_fn(|| endpoint.poll_event(self.now, input)));
        }
        moved |= !events.is_empty();
        self.node.handle_events(self.now, id, &mut events, &mut self.streams);
        let endpoint = self.streams.0.get_mut(&id).expect("its endpoint");
        if endpoint.poll_question().is_some() {
            let user = ShortStr::from_static("guest");
            endpoint.answer(self.now, Answer::Accept { user }).expect("it was just asked");
            moved = true;
        }
        let said: BytesMut = endpoint.outgoing().slices().flatten().copied().collect();
        endpoint.advance(said.len());
        client.hear(self.now, &said);
        if let Some(drained) = endpoint.drained() {
            self.node.handle_input(self.now, drained, &mut self.streams);
        }
        moved | !said.is_empty()
    }
}
