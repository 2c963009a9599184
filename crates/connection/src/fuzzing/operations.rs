//! Random verbs of two hosts on a [`Pair`], with splits, delays and cuts, against what both hosts remember.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Content, Method, Properties};

use crate::testing::Pair;
use crate::{ClientConfig, Close, Event, Initiator, Misuse, ReplyCode, Role, ServerConfig};

/// Channel numbers are 1 to this.
const CHANNELS: u16 = 3;

/// Each octet is one operation (some take the next octet for more).
///
/// # Panics
///
/// When a law is broken: events in a legal order; messages in order, each once, none lost before a close; in the end
/// both sides agree on what is open.
pub fn operations(data: &[u8]) {
    let mut world = World::new();
    let mut octets = data.iter().copied();
    while let Some(octet) = octets.next() {
        world.operate(octet, &mut octets);
    }
    world.end();
}

struct World {
    pair: Pair,
    client: Host,
    server: Host,
    is_cut: bool,
}

/// What one host remembers.
struct Host {
    role: Role,
    channels: BTreeMap<u16, Channel>,
    is_over: bool,
    has_closed: bool,
    /// channel.close and channel.open that wait for an answer, when this host is slow to give it.
    owed: Vec<(ChannelId, Method)>,
}

/// One channel number, over all its lives.
#[derive(Clone, Debug, Default)]
struct Channel {
    /// How often it was opened.
    lives: u32,
    state: State,
    sent: u32,
    received: u32,
    /// Whether this host closed it in this life, and so may miss what the other sent.
    closed_here: bool,
    /// What each finished life came to: sent, received, closed here.
    past: Vec<(u32, u32, bool)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Opening,
    Open,
    Closing,
    PeerClosed,
}

impl World {
    fn new() -> Self {
        let mut server = ServerConfig::new();
        server.tune.channel_max = CHANNELS;
        let client = ClientConfig { frame_max: 4096, ..ClientConfig::default() };
        let pair = Pair::established_with(client, server);
        let host = |role| Host {
            role,
            channels: BTreeMap::new(),
            is_over: false,
            has_closed: false,
            owed: Vec::new(),
        };
        Self { pair, client: host(Role::Client), server: host(Role::Server), is_cut: false }
    }

    fn operate(&mut self, octet: u8, more: &mut impl Iterator<Item = u8>) {
        let role = if octet & 1 == 0 { Role::Client } else { Role::Server };
        let number = 1 + u16::from(octet >> 1) % CHANNELS;
        match octet >> 3 {
            0..=4 => self.open(number),
            5..=12 => self.message(role, number, usize::from(more.next().unwrap_or(0)) * 40),
            13..=16 => self.close_channel(role, number),
            17..=20 => self.pair.drive(),
            21..=24 => {
                let millis = u64::from(more.next().unwrap_or(0)).pow(2);
                self.pair.advance(Duration::from_millis(millis));
            }
            25 => self.pair.chunk = usize::from(more.next().unwrap_or(0)) + 1,
            26 => self.pair.latency = Duration::from_millis(more.next().unwrap_or(0).into()),
            27..=28 => self.answer_owed(role),
            29 => {
                let side = self.pair.side(role);
                side.is_deaf = !side.is_deaf;
            }
            30 if octet & 6 == 6 => self.close(role),
            31 if octet & 6 == 6 => self.cut(),
            _ => {}
        }
        self.poll(octet & 4 == 0);
    }

    fn host(&mut self, role: Role) -> &mut Host {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    fn open(&mut self, number: u16) {
        let channel = ChannelId::new(number);
        let asked = self.pair.client.connection.send(channel, &Method::ChannelOpen);
        let memory = self.client.channels.entry(number).or_default();
        if asked == Err(Misuse::NotOpen) {
            return;
        }
        assert_eq!(asked.is_ok(), memory.state == State::Closed, "{memory:?}");
        if asked.is_ok() {
            memory.begin(State::Opening);
        }
    }

    /// A message that says which life of its channel it belongs to, and its place there.
    fn message(&mut self, role: Role, number: u16, padding: usize) {
        let channel = ChannelId::new(number);
        let host = self.host(role);
        let memory = host.channels.entry(number).or_default();
        let (lives, sent, state) = (memory.lives, memory.sent, memory.state);
        let mut body = Vec::from(lives.to_be_bytes());
        body.extend_from_slice(&sent.to_be_bytes());
        body.resize(8 + padding, 7);
        let content = Content::new(Properties::default(), body);
        let method: Method = match role {
            Role::Client => basic::PublishRef::default().into(),
            Role::Server => basic::DeliverRef::default().into(),
        };
        let result = self.pair.side(role).connection.send_content(channel, &method, &content);
        let could = match (role, state) {
            (_, State::Open | State::PeerClosed) | (Role::Client, State::Opening) => true,
            (_, State::Closed | State::Closing) | (Role::Server, State::Opening) => false,
        };
        match result {
            Ok(()) => {
                assert!(could, "{role:?} {state:?}");
                if let Some(memory) = self.host(role).channels.get_mut(&number) {
                    memory.sent += 1;
                }
            }
            Err(Misuse::NotOpen) => {}
            Err(misuse) => assert!(!could, "{role:?} {state:?}: {misuse}"),
        }
    }

    fn close_channel(&mut self, role: Role, number: u16) {
        let channel = ChannelId::new(number);
        let close = Close::new(ReplyCode::NOT_FOUND, "closed by the test");
        let result = self.pair.side(role).connection.close_channel(channel, &close);
        let host = self.host(role);
        let memory = host.channels.entry(number).or_default();
        match result {
            Ok(()) => {
                let may = match role {
                    Role::Client => matches!(memory.state, State::Open | State::Opening),
                    Role::Server => memory.state == State::Open,
                };
                assert!(may, "{role:?} {memory:?}");
                memory.state = State::Closing;
                memory.closed_here = true;
            }
            Err(Misuse::NotOpen) => {}
            Err(_) => assert!(!matches!(memory.state, State::Open), "{memory:?}"),
        }
    }

    fn close(&mut self, role: Role) {
        let now = self.pair.now();
        self.pair.side(role).connection.close(now, Close::goodbye());
        self.host(role).has_closed = true;
    }

    fn cut(&mut self) {
        self.pair.cut();
        self.is_cut = true;
    }

    fn poll(&mut self, at_once: bool) {
        for role in [Role::Client, Role::Server] {
            for event in self.pair.side(role).events() {
                self.host(role).told(event);
            }
            if at_once {
                self.answer_owed(role);
            }
        }
    }

    fn answer_owed(&mut self, role: Role) {
        let (host, side) = match role {
            Role::Client => (&mut self.client, &mut self.pair.client),
            Role::Server => (&mut self.server, &mut self.pair.server),
        };
        let connection = &mut side.connection;
        for (channel, method) in host.owed.drain(..) {
            if channel.is_connection() {
                connection.finish_close();
                continue;
            }
            let memory = host.channels.entry(channel.number()).or_default();
            match connection.send(channel, &method) {
                Ok(()) if method == Method::ChannelOpenOk => memory.opened(),
                Ok(()) => memory.finish(),
                Err(misuse) => assert_eq!(misuse, Misuse::NotOpen),
            }
        }
    }

    /// Lets everything come to rest, and compares what the two hosts remember.
    fn end(mut self) {
        self.pair.client.is_deaf = false;
        self.pair.server.is_deaf = false;
        for _ in 0..4 {
            self.pair.drive();
            self.poll(true);
        }
        let over = (self.client.is_over, self.server.is_over);
        assert_eq!(over.0, over.1, "both know whether the connection is over");
        for number in 1..=CHANNELS {
            let ours = self.client.channels.remove(&number).unwrap_or_default();
            let theirs = self.server.channels.remove(&number).unwrap_or_default();
            if !over.0 {
                assert_eq!(ours.state, theirs.state, "channel {number}: {ours:?} {theirs:?}");
                assert_eq!(ours.lives, theirs.lives, "channel {number}: {ours:?} {theirs:?}");
            }
            let given_up = [&self.pair.client, &self.pair.server]
                .iter()
                .any(|side| side.connection.error().is_some());
            let lossless = !self.is_cut && !given_up;
            let (client, server) = (self.client.has_closed, self.server.has_closed);
            compare(&ours, &theirs, lossless && !server);
            compare(&theirs, &ours, lossless && !client);
        }
    }
}

/// What one side sent in each life, the other received: all of it, unless the receiver closed.
fn compare(sender: &Channel, receiver: &Channel, lossless: bool) {
    let lives = |channel: &Channel| {
        let mut lives = channel.past.clone();
        if channel.lives as usize > lives.len() {
            lives.push((channel.sent, channel.received, channel.closed_here));
        }
        lives
    };
    for ((sent, ..), (_, received, closed)) in lives(sender).into_iter().zip(lives(receiver)) {
        assert!(received <= sent);
        if lossless && !closed {
            assert_eq!(received, sent, "{sender:?} {receiver:?}");
        }
    }
}

impl Host {
    fn told(&mut self, event: Event) {
        let host = self;
        assert!(!host.is_over, "nothing follows the end: {event:?}");
        match event {
            Event::ChannelOpened(channel) => {
                let memory = host.channels.entry(channel.number()).or_default();
                match host.role {
                    Role::Client => {
                        assert_eq!(memory.state, State::Opening);
                        memory.state = State::Open;
                    }
                    Role::Server => {
                        assert!(matches!(memory.state, State::Closed), "{memory:?}");
                        memory.begin(State::Opening);
                        host.owed.push((channel, Method::ChannelOpenOk));
                    }
                }
            }
            Event::ChannelClosed(channel, close) => {
                let memory = host.channels.entry(channel.number()).or_default();
                if close.by == Initiator::Peer {
                    assert!(matches!(memory.state, State::Open | State::Opening), "{memory:?}");
                    memory.state = State::PeerClosed;
                    host.owed.push((channel, Method::ChannelCloseOk));
                } else {
                    assert_eq!(memory.state, State::Closing);
                    memory.finish();
                }
            }
            Event::Content(channel, _, content) => {
                let memory = host.channels.entry(channel.number()).or_default();
                assert!(matches!(memory.state, State::Open | State::Opening), "{memory:?}");
                let body = content.body.to_bytes();
                let mut expected = Vec::from(memory.lives.to_be_bytes());
                expected.extend_from_slice(&memory.received.to_be_bytes());
                assert_eq!(body.get(..8), Some(&expected[..]), "in order, in its life: {memory:?}");
                memory.received += 1;
            }
            Event::Closed(close) => {
                host.is_over = true;
                host.owed.clear();
                if close.by == Initiator::Peer {
                    host.owed.push((ChannelId::CONNECTION, Method::ConnectionCloseOk));
                }
            }
            other => assert!(matches!(other, Event::Method(..)), "{other:?}"),
        }
    }
}

impl Channel {
    fn begin(&mut self, state: State) {
        let past = core::mem::take(&mut self.past);
        *self = Self { lives: self.lives + 1, state, past, ..Self::default() };
    }

    /// Open-ok was sent; the client may have closed meanwhile.
    fn opened(&mut self) {
        if self.state == State::Opening {
            self.state = State::Open;
        }
    }

    fn finish(&mut self) {
        self.past.push((self.sent, self.received, self.closed_here));
        self.state = State::Closed;
    }
}
