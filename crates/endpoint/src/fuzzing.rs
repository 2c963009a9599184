//! What the fuzz target does with its octets, and `cargo test` with the corpus and with random ones: clients that are logged in
//! say anything at all to endpoints and a broker, with time, a disk, breaks and restarts between.
//!
//! Most of what they say are frames of whole methods, made of few names and small numbers, so that much of it means
//! something; raw frames and raw octets are mixed in.

#![cfg_attr(not(test), expect(clippy::expect_used, reason = "a fuzz target fails by panicking"))]

mod frames;
mod log;
mod peer;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use warrener_broker::{
    Alarm, Broker, Config, Connected, ConnectionId, Effect, Input, PasswordHash, Seed, User,
};
use warrener_codec::method::{exchange, queue};
use warrener_codec::{ChannelId, Method, ShortStr};
use warrener_connection::{Event, Misuse};
use warrener_time::Time;

use self::frames::Octets;
use self::log::Log;
use self::peer::{Greetings, Peer};
use crate::{plain_input, recipient};

/// How many clients there are.
const PEERS: usize = 3;

/// Octets into clients, endpoints and a broker: the first says how large the world is, all others are what happens.
///
/// # Panics
///
/// When a law is broken: the broker's books agree with each other; what the server says is well formed and fits the
/// frames that were agreed; and when everybody has left and everything is deleted, nothing is left, in memory or in
/// the log.
pub fn session(data: &[u8]) {
    let mut octets = Octets::new(data);
    let mut world = World::new(octets.next());
    while !octets.is_empty() {
        world.step(&mut octets);
    }
    world.end();
}

struct World {
    now: Time,
    broker: Broker,
    peers: Vec<Peer>,
    greetings: Greetings,
    effects: Vec<Effect>,
    log: Log,
    flags: u8,
    connections: u64,
    lives: u64,
}

impl World {
    fn new(flags: u8) -> Self {
        let now = Time::from_secs(1_000);
        let mut world = Self {
            now,
            broker: Broker::new(config(flags, 1), now),
            peers: Vec::with_capacity(PEERS),
            greetings: Greetings::new(),
            effects: Vec::new(),
            log: Log::default(),
            flags,
            connections: 0,
            lives: 1,
        };
        for index in 0..PEERS {
            let peer = world.stranger(index);
            world.peers.push(peer);
            world.turn(index);
        }
        world
    }

    /// A client that has said all that opens a connection and two channels.
    fn stranger(&mut self, index: usize) -> Peer {
        self.connections += 1;
        let narrow = self.flags & 1 << index != 0;
        Peer::new(ConnectionId(self.connections), narrow, &self.greetings, self.now)
    }

    fn step(&mut self, octets: &mut Octets<'_>) {
        match octets.next() {
            kind @ 0..192 => self.say(usize::from(kind) % PEERS, octets),
            192..208 => self.pass(octets.next()),
            208..218 => self.log.is_slow = octets.next() & 1 != 0,
            218..230 => self.log.sync(usize::from(octets.next())),
            230..236 => self.read(usize::from(octets.next()) % PEERS),
            236..244 => self.replace(usize::from(octets.next()) % PEERS),
            244..248 => self.restart(),
            248..252 => self.alarm(octets.next()),
            _ => warrener_broker::fuzzing::audit(&self.broker),
        }
        self.serve_log();
    }

    /// A client says something, and the server deals with it.
    fn say(&mut self, index: usize, octets: &mut Octets<'_>) {
        if self.peers[index].is_over() {
            self.replace(index);
        }
        self.peers[index].say(octets);
        self.turn(index);
        if !octets.next().is_multiple_of(4) {
            self.read(index);
        }
    }

    /// Whatever a client has said that the server is willing to read.
    fn turn(&mut self, index: usize) {
        while let Some(event) = self.peers[index].poll_event(self.now) {
            self.handle_event(index, event);
        }
    }

    fn handle_event(&mut self, index: usize, event: Event) {
        let endpoint = &mut self.peers[index].endpoint;
        let input = match plain_input(endpoint.id(), event) {
            Ok(input) => Some(input),
            Err(event) => endpoint.admit(self.now, *event),
        };
        input.into_iter().for_each(|input| self.tell(input));
    }

    fn tell(&mut self, input: Input) {
        self.broker.handle(self.now, input, &mut self.effects);
        self.apply();
    }

    fn apply(&mut self) {
        while !self.effects.is_empty() {
            for effect in core::mem::take(&mut self.effects) {
                let Some(id) = recipient(&effect) else {
                    self.log.apply(effect);
                    continue;
                };
                let peer = self.peers.iter_mut().find(|peer| peer.endpoint.id() == id);
                let told = peer.map(|peer| peer.endpoint.apply(self.now, &effect));
                if let Some(Err(misuse)) = told {
                    let too_large = matches!(misuse, Misuse::FrameTooLarge { .. });
                    assert!(!too_large, "nothing is said that does not fit: {misuse}");
                    self.broker.handle(self.now, Input::Disconnected(id), &mut self.effects);
                }
            }
        }
    }

    /// The log does what it was asked for, unless it is slow.
    fn serve_log(&mut self) {
        while let Some(input) = self.log.poll() {
            self.tell(input);
        }
    }

    /// A client reads what waits for it, answers what must be answered, and is read again.
    fn read(&mut self, index: usize) {
        if let Some(drained) = self.peers[index].read() {
            self.tell(drained);
        }
        self.turn(index);
    }

    /// A client is cut off, and another takes its place.
    fn replace(&mut self, index: usize) {
        if let Some(event) = self.peers[index].endpoint.handle_eof(self.now) {
            self.handle_event(index, event);
        }
        let gone = self.peers[index].endpoint.id();
        self.tell(Input::Disconnected(gone));
        self.peers[index] = self.stranger(index);
        self.turn(index);
    }

    fn pass(&mut self, how_long: u8) {
        const MS: [u64; 8] = [1, 5, 10, 11, 100, 1_000, 5_000, 60_000];
        let end = self.now + Duration::from_millis(MS[usize::from(how_long) % MS.len()]);
        // A machine that asks to be called again and again without doing anything would never end here.
        for _ in 0..10_000 {
            let due = self.broker.poll_timeout().map(|(due, _)| due).filter(|due| *due <= end);
            let Some(due) = due else { break };
            self.now = self.now.max(due);
            self.broker.handle_timeout(self.now, &mut self.effects);
            self.apply();
            self.serve_log();
        }
        self.now = end;
        let due = self.broker.poll_timeout().map(|(due, _)| due);
        let waits = self.log.is_slow;
        assert!(waits || due.is_none_or(|due| due > end), "what is due gets done");
        for index in 0..PEERS {
            let event = self.peers[index].endpoint.handle_timeout(self.now);
            event.into_iter().for_each(|event| self.handle_event(index, event));
        }
    }

    fn alarm(&mut self, how: u8) {
        let alarm = if how & 1 == 0 { Alarm::Memory } else { Alarm::Disk };
        self.tell(Input::Alarm(alarm, how & 2 != 0));
        if how & 2 == 0 {
            (0..PEERS).for_each(|index| self.turn(index));
        }
    }

    /// The broker ends, and another begins with what its log has.
    fn restart(&mut self) {
        self.lives += 1;
        self.effects.clear();
        self.broker = Broker::new(config(self.flags, self.lives), self.now);
        let last = self.log.restart(|record| {
            let taken = self.broker.replay_digest(record.id, &record.digest);
            if !taken.expect("a record of this version") {
                self.broker.replay(record).expect("a record of this version");
            }
        });
        self.broker.recovered(self.now, last, &mut self.effects).expect("what was taken before");
        for index in 0..PEERS {
            self.peers[index] = self.stranger(index);
        }
        self.apply();
        self.serve_log();
        warrener_broker::fuzzing::audit(&self.broker);
        (0..PEERS).for_each(|index| self.turn(index));
    }

    /// Everybody leaves, and everything is deleted.
    fn end(&mut self) {
        self.log.is_slow = false;
        self.serve_log();
        for alarm in [Alarm::Memory, Alarm::Disk] {
            self.tell(Input::Alarm(alarm, false));
        }
        for index in 0..PEERS {
            self.tell(Input::Disconnected(self.peers[index].endpoint.id()));
        }
        self.peers.clear();
        self.serve_log();
        warrener_broker::fuzzing::audit(&self.broker);
        self.delete_everything();
        let view = self.broker.view();
        assert_eq!(view.messages(), 0, "no message is left");
        assert_eq!((view.connections(), view.channels(), view.consumers()), (0, 0, 0));
        // Predeclared exchanges stay, and so do bindings between them.
        assert_eq!(view.memory_bytes(), view.definition_bytes(), "no memory is taken");
        let left = self.log.left();
        assert!(left.is_empty(), "and nothing is in the log: {left:?}");
    }

    fn delete_everything(&mut self) {
        let (connection, channel) = (ConnectionId(self.connections + 1), ChannelId::new(1));
        self.tell(Input::Connected(Box::new(Connected {
            connection,
            user: ShortStr::from_static("guest"),
            vhost: ShortStr::from_static("/"),
            name: ShortStr::EMPTY,
            frame_max: 0,
            capabilities: Default::default(),
            said: Default::default(),
        })));
        self.tell(Input::ChannelOpened(connection, channel));
        let queues: Vec<ShortStr> =
            self.broker.view().queues("/").map(|(name, _)| name.clone()).collect();
        for queue in queues {
            let delete = queue::Delete { queue, ..queue::Delete::default() };
            self.tell(Input::Method(connection, channel, Method::from(delete)));
        }
        let exchanges: Vec<ShortStr> = self.broker.view().exchanges("/").cloned().collect();
        let own = exchanges.into_iter().filter(|name| !name.as_bytes().starts_with(b"amq."));
        for exchange in own {
            let delete = exchange::Delete { exchange, ..exchange::Delete::default() };
            self.tell(Input::Method(connection, channel, Method::from(delete)));
        }
        self.serve_log();
        self.tell(Input::Disconnected(connection));
        while self.broker.poll_timeout().is_some_and(|(due, _)| due <= self.now) {
            self.broker.handle_timeout(self.now, &mut self.effects);
            self.apply();
        }
        self.serve_log();
    }
}

/// One user, one virtual host, and limits that are met.
fn config(flags: u8, life: u64) -> Config {
    let mut config = Config::new(Seed::from(life));
    let name = ShortStr::from_static;
    config.users =
        alloc::vec![User::with_full_access(name("guest"), PasswordHash::default(), name("/"))];
    let limits = &mut config.limits;
    limits.message_bytes = 10_000;
    limits.outbound_high_bytes = 8_000;
    limits.outbound_pause_bytes = 20_000;
    limits.outbound_low_bytes = 4_000;
    limits.consumers_per_channel = 4;
    limits.names_per_vhost = 24;
    limits.delayed_per_exchange = 4;
    limits.transaction_entries = 8;
    limits.transaction_bytes = 20_000;
    limits.deliveries_per_input = 5;
    limits.work_per_turn = 3;
    if flags & 8 != 0 {
        limits.pages = true;
        limits.memory_budget_bytes = u64::from(flags >> 4) * 200;
    }
    config
}
