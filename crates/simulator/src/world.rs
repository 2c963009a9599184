//! The world: one clock, one server, clients, and the streams between them, all in one thread.

use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;

use bytes::BytesMut;
use warrener_broker::{Alarm, Command, CommandId, Input, View};
use warrener_connection::ClientConfig;
use warrener_store::{Config as LogConfig, SimulatedDisk};
use warrener_time::Time;

use crate::client::{Client, Peer};
use crate::network::Pipe;
use crate::server::{Ending, Server};
use crate::{Random, Weather};

/// The first moment of every world: some day in 2023, so that nothing depends on today.
pub(crate) const BEGINNING: Time = Time::from_secs(1_700_000_000);
/// How long, in the world's time, anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3_600);
/// How often one thing may lead to another in one instant: whatever goes on longer goes on for ever.
const ROUNDS_MAX: u32 = 100_000;

/// A world of clients and one server. Clones are handles to the same world.
///
/// Time passes only when somebody waits: [`advance`](Self::advance), [`settle`](Self::settle), or a client's request.
#[derive(Clone)]
pub struct World {
    state: Rc<RefCell<State>>,
}

pub(crate) struct State {
    now: Time,
    random: Random,
    weather: Weather,
    links: Links,
    pub(crate) server: Server,
    pub(crate) peers: Vec<Peer>,
    /// Those of the peers that have not ended, each with a link of its own: most of a long run's have.
    living: Vec<usize>,
}

pub(crate) type Links = Vec<Link>;

/// A stream between a client and the server.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) up: Pipe,
    pub(crate) down: Pipe,
    pub(crate) weather: Weather,
    /// Nothing passes any more, and both ends know.
    pub(crate) broken: bool,
}

impl Link {
    pub(crate) fn write_down(&mut self, now: Time, random: &mut Random, octets: &[u8]) -> usize {
        self.down.write(now, &self.weather, random, octets)
    }

    pub(crate) fn write_up(&mut self, now: Time, random: &mut Random, octets: &[u8]) -> usize {
        self.up.write(now, &self.weather, random, octets)
    }

    pub(crate) fn end_down(&mut self, now: Time, random: &mut Random) {
        self.down.end(now, &self.weather, random);
    }

    pub(crate) fn end_up(&mut self, now: Time, random: &mut Random) {
        self.up.end(now, &self.weather, random);
    }

    /// Nothing will arrive at either end any more.
    fn is_over(&self, now: Time) -> bool {
        self.broken || self.up.is_over(now) && self.down.is_over(now)
    }

    pub(crate) fn cut(&mut self, now: Time) {
        self.up.cut(now);
        self.down.cut(now);
        self.broken = true;
    }
}

impl World {
    /// A world in fair weather, its server started. What chance decides follows from the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::in_weather(seed, Weather::FAIR)
    }

    /// A world whose streams are treated like this.
    #[must_use]
    pub fn in_weather(seed: u64, weather: Weather) -> Self {
        let mut random = Random::new(seed);
        let server = Server::new(random.fork());
        let (links, peers, living) = (Vec::new(), Vec::new(), Vec::new());
        let state = State { now: BEGINNING, random, weather, links, server, peers, living };
        let world = Self { state: Rc::new(RefCell::new(state)) };
        world.start();
        world
    }

    /// The world's time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.state.borrow().now
    }

    /// A client logs in as guest, and opens a channel.
    ///
    /// # Panics
    ///
    /// When the server does not let it.
    #[must_use]
    pub fn connect(&self) -> Client {
        Client::connect(self, ClientConfig::default())
    }

    /// How long the disk takes at most for a work; at first, no time at all.
    pub fn set_disk_delay(&self, longest: Duration) {
        self.state.borrow_mut().server.disk_delay_max = longest;
    }

    /// The server's disk, to fill it up or let it fail.
    #[must_use]
    pub fn disk(&self) -> SimulatedDisk {
        self.state.borrow().server.disk().clone()
    }

    /// Looks into the broker.
    ///
    /// # Panics
    ///
    /// When the server is not running.
    pub fn view<R>(&self, look: impl FnOnce(View<'_>) -> R) -> R {
        let state = self.state.borrow();
        look(state.server.node().expect("the server runs").broker().view())
    }

    /// What the server holds, each with its name.
    pub(crate) fn holdings(&self) -> Vec<(&'static str, u64)> {
        self.state.borrow().server.holdings()
    }

    /// The power goes: every stream breaks, and what the disk had not synced is left to chance.
    pub fn lose_power(&self) {
        let state = &mut *self.state.borrow_mut();
        state.server.lose_power();
        for link in &mut state.links {
            link.cut(state.now);
        }
    }

    /// The server starts, and reads back what is on its disk.
    ///
    /// # Panics
    ///
    /// When it does not get ready.
    pub fn start(&self) {
        {
            let state = &mut *self.state.borrow_mut();
            state.server.start(state.now);
        }
        self.wait(|state| state.server.is_ready());
    }

    /// The server begins to start; clients may dial when it [listens](Self::is_listening).
    pub fn begin_start(&self) {
        let state = &mut *self.state.borrow_mut();
        state.server.start(state.now);
    }

    /// Whether the server lets clients in.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.state.borrow().server.is_ready()
    }

    /// Whether the server's process is there, listening or not.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state.borrow().server.is_running()
    }

    /// The server's process ends at once, as by SIGKILL; what it had written survives, synced or not.
    pub fn kill(&self) {
        let state = &mut *self.state.borrow_mut();
        state.server.kill();
        for link in &mut state.links {
            link.cut(state.now);
        }
    }

    /// The server is asked to end, and takes the time it needs.
    pub fn shut_down(&self) {
        let state = &mut *self.state.borrow_mut();
        state.server.shut_down(state.now);
    }

    /// The people who run the broker ask for something.
    pub(crate) fn command(&self, id: CommandId, command: Command) {
        let state = &mut *self.state.borrow_mut();
        state.server.handle_input(state.now, Input::Command(id, Box::new(command)));
    }

    /// What was done of that since the last look, and why not where it was refused.
    pub(crate) fn poll_done(&self) -> Vec<(CommandId, Option<String>)> {
        core::mem::take(&mut self.state.borrow_mut().server.done)
    }

    /// The server's host runs short of something, or no longer does.
    pub(crate) fn set_alarm(&self, alarm: Alarm, on: bool) {
        let state = &mut *self.state.borrow_mut();
        state.server.handle_input(state.now, Input::Alarm(alarm, on));
    }

    /// How the server ended, if it did by itself and nobody has asked yet.
    pub(crate) fn poll_ending(&self) -> Option<Ending> {
        self.state.borrow_mut().server.ended.take()
    }

    /// The server's wall clock is so much ahead of the world's, or behind, from its next start on.
    pub fn set_wall_clock(&self, ahead: Duration, behind: Duration) {
        self.state.borrow_mut().server.set_clock(ahead, behind);
    }

    /// How much memory messages may take from the next start on, in octets; the rest waits on disk.
    pub fn set_memory_budget_bytes(&self, bytes: u64) {
        self.state.borrow_mut().server.memory_budget_bytes = Some(bytes);
    }

    /// How the server's log is set up from its next start on.
    pub fn set_log(&self, change: impl FnOnce(&mut LogConfig)) {
        change(&mut self.state.borrow_mut().server.log);
    }

    /// The power goes, and comes back.
    pub fn restart(&self) {
        self.lose_power();
        self.start();
    }

    /// Time passes, and everything that is due in it happens.
    pub fn advance(&self, duration: Duration) {
        let until = self.now() + duration;
        let state = &mut *self.state.borrow_mut();
        state.run_due();
        while let Some(next) = state.next().filter(|next| *next <= until) {
            state.now = state.now.max(next);
            state.run_due();
        }
        state.now = until;
        state.run_due();
    }

    /// Lets happen what needs no more than a second's waiting: what was sent has arrived, and been answered.
    pub fn settle(&self) {
        self.advance(Duration::from_secs(1));
    }

    /// Runs until `done`, however much time that takes.
    ///
    /// # Panics
    ///
    /// When it has not come in an hour of the world's time: something hangs.
    pub(crate) fn wait(&self, done: impl Fn(&State) -> bool) {
        let state = &mut *self.state.borrow_mut();
        let patience = state.now + PATIENCE;
        loop {
            state.run_due();
            if done(state) {
                return;
            }
            let next = state.next().filter(|next| *next <= patience);
            state.now = state.now.max(next.expect("what is waited for comes"));
        }
    }

    pub(crate) fn with<R>(&self, then: impl FnOnce(&mut State) -> R) -> R {
        then(&mut self.state.borrow_mut())
    }
}

impl State {
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// A new stream to the server; `None` when nobody listens there.
    pub(crate) fn open_link(&mut self) -> Option<usize> {
        let link = self.links.len();
        if !self.server.accept(self.now, link) {
            return None;
        }
        let weather = self.weather;
        self.links.push(Link {
            up: Pipe::default(),
            down: Pipe::default(),
            weather,
            broken: false,
        });
        Some(link)
    }

    /// Breaks a stream in the middle: what is under way is lost, and both ends find out.
    pub(crate) fn cut_link(&mut self, link: usize) {
        self.links[link].cut(self.now);
    }

    /// A stream goes silent: nothing arrives any more, and the server is not told. Its client is gone.
    pub(crate) fn silence_link(&mut self, peer: usize) {
        let link = &mut self.links[self.peers[peer].link];
        link.up.silence();
        link.down.silence();
        self.peers[peer].vanish();
    }

    /// The client's end stops reading, or goes on.
    pub(crate) fn stop_reading(&mut self, link: usize, stopped: bool) {
        self.links[link].down.stopped = stopped;
    }

    /// A client that begins to log in; `None` when nobody listens.
    pub(crate) fn add_peer(&mut self, config: ClientConfig) -> Option<usize> {
        let link = self.open_link()?;
        let peer = self.peers.len();
        self.peers.push(Peer::new(config, link, self.now));
        self.living.push(peer);
        Some(peer)
    }

    fn next(&self) -> Option<Time> {
        let mut next = self.server.poll_timeout().filter(|due| *due > self.now);
        for peer in &self.living {
            let peer = &self.peers[*peer];
            let link = &self.links[peer.link];
            // What is past and still there waits for something else than time.
            let due = [peer.poll_timeout(), link.up.poll_timeout(), link.down.poll_timeout()];
            let due = due.into_iter().flatten().filter(|due| *due > self.now);
            next = next.into_iter().chain(due).min();
        }
        next
    }

    /// Everything that is due now, and what follows from it at once.
    fn run_due(&mut self) {
        for round in 0.. {
            assert!(round < ROUNDS_MAX, "the world does not come to rest at {:?}", self.now);
            let Self { now, random, links, server, peers, living, .. } = self;
            let mut busy = server.run(*now, links, random);
            for peer in &*living {
                busy |= peers[*peer].run(*now, links, random);
            }
            if !busy {
                break;
            }
        }
        let Self { now, links, peers, living, .. } = self;
        living.retain(|peer| {
            let peer = &peers[*peer];
            !peer.has_ended() || !links[peer.link].is_over(*now)
        });
    }
}

/// What a stream brought to a reader.
pub(crate) fn read_down(link: &mut Link, now: Time, into: &mut BytesMut) -> bool {
    !link.down.stopped && link.down.read(now, into)
}
