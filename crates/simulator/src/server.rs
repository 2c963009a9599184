//! The false server: a real node on a false disk, and its ends of the false streams.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use warrener_broker::{CommandId, Config, ConnectionId, Input, PasswordHash, Seed, User};
use warrener_codec::ShortStr;
use warrener_connection::{Credentials, Event, Inbound, Outgoing, ServerConfig};
use warrener_endpoint::{Answer, Endpoint, Question};
use warrener_node::{Connections, Node, Notice};
use warrener_store::Config as LogConfig;
use warrener_store::{Lane, Log, SegmentLog, SimulatedDisk, Work};
use warrener_time::Time;

use crate::Random;
use crate::clock::Clock;
use crate::world::{Link, Links};

type FalseLog = SegmentLog<SimulatedDisk>;
type DiskWork = <FalseLog as Log>::Work;

/// How many events go into one turn.
const EVENTS_PER_TURN: usize = 64;

/// How long clients may take to agree to the end of their connections when the server shuts down.
const FAREWELL: Duration = Duration::from_secs(5);

/// A server that can lose its power, and find on its disk what that left.
pub(crate) struct Server {
    disk: SimulatedDisk,
    random: Random,
    /// Nothing while it does not run.
    running: Option<Running>,
    /// How long the disk may take for a work.
    pub(crate) disk_delay_max: Duration,
    pub(crate) log: LogConfig,
    /// How much memory messages may take, if that is not left to chance.
    pub(crate) memory_budget_bytes: Option<u64>,
    clock: Clock,
    next_connection: u64,
    /// How it ended, until somebody asks.
    pub(crate) ended: Option<Ending>,
    /// Commands that were done or refused, until somebody asks.
    pub(crate) done: Vec<(CommandId, Option<String>)>,
}

/// How a server ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It was asked to, and everything is on disk.
    Closed,
    /// The node stopped, for this reason.
    Failed(String),
}

struct Running {
    node: Node<FalseLog>,
    stage: Stage,
    sockets: Sockets,
    clock: Clock,
    /// Disk work under way, and when it is done.
    works: Vec<(Time, DiskWork)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Recovering,
    Ready,
    /// Connections are closing; they have until then.
    ShuttingDown(Time),
    /// What waits is brought to disk.
    Closing,
    /// The node has stopped for this reason; its clients are told until then.
    Failing(Time, String),
    Ended(Ending),
}

#[derive(Default)]
struct Sockets {
    open: BTreeMap<ConnectionId, Socket>,
    /// Those to which a turn may have given something to write.
    touched: BTreeSet<ConnectionId>,
}

struct Socket {
    endpoint: Endpoint,
    inbound: Option<Box<Inbound>>,
    input: BytesMut,
    link: usize,
    eof: bool,
}

impl Connections for Sockets {
    fn with<R>(&mut self, id: ConnectionId, then: impl FnOnce(&mut Endpoint) -> R) -> Option<R> {
        let socket = self.open.get_mut(&id)?;
        self.touched.insert(id);
        Some(then(&mut socket.endpoint))
    }
}

impl Server {
    pub(crate) fn new(mut random: Random) -> Self {
        let mut log = LogConfig::new(random.bits());
        log.records_version = warrener_broker::RECORDS_VERSION;
        let random = random.fork();
        let disk = SimulatedDisk::new();
        let disk_delay_max = Duration::ZERO;
        let clock = Clock::default();
        let (running, ended, memory_budget_bytes) = (None, None, None);
        Self {
            disk,
            random,
            running,
            disk_delay_max,
            log,
            clock,
            next_connection: 1,
            ended,
            memory_budget_bytes,
            done: Vec::new(),
        }
    }

    /// The wall clock stands `ahead` and `behind` of the world's from the next start on.
    pub(crate) fn set_clock(&mut self, ahead: Duration, behind: Duration) {
        self.clock = Clock::set(ahead, behind);
    }

    /// The power is on: the node reads its log back.
    pub(crate) fn start(&mut self, now: Time) {
        let log = SegmentLog::new(self.disk.clone(), self.log);
        let clock = self.clock;
        let node =
            Node::open(config(self.random.bits(), self.memory_budget_bytes), log, clock.read(now));
        let (sockets, stage) = (Sockets::default(), Stage::Recovering);
        self.running = Some(Running { node, stage, sockets, clock, works: Vec::new() });
        self.ended = None;
    }

    /// The process ends at once; what it gave to the operating system is kept.
    pub(crate) fn kill(&mut self) {
        self.running = None;
        self.disk.end_process();
    }

    /// The process is asked to end.
    pub(crate) fn shut_down(&mut self, now: Time) {
        let Some(running) = self.running.as_mut().filter(|it| it.stage == Stage::Ready) else {
            return;
        };
        running.stage = Stage::ShuttingDown(now + FAREWELL);
        let now = running.clock.read(now);
        running.node.handle_input(now, Input::Shutdown, &mut running.sockets);
    }

    /// Something happened that no stream brought.
    pub(crate) fn handle_input(&mut self, now: Time, input: Input) {
        if let Some(running) = &mut self.running {
            let now = running.clock.read(now);
            running.node.handle_input(now, input, &mut running.sockets);
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The power goes: everything in memory is lost, and chance decides over what the disk had not synced.
    pub(crate) fn lose_power(&mut self) {
        self.disk.cut_power();
        self.running = None;
        let random = &mut self.random;
        self.disk.restart(|choices| random.index(choices));
    }

    pub(crate) fn disk(&self) -> &SimulatedDisk {
        &self.disk
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.stage == Stage::Ready)
    }

    pub(crate) fn node(&self) -> Option<&Node<FalseLog>> {
        self.running.as_ref().map(|running| &running.node)
    }

    /// What it holds, each with its name.
    pub(crate) fn holdings(&self) -> Vec<(&'static str, u64)> {
        let Some(node) = self.node() else { return Vec::new() };
        let (view, space, backlog) = (node.broker().view(), node.space(), node.backlog());
        let count = |count: usize| count as u64;
        vec![
            ("messages", count(view.messages())),
            ("unacked", count(view.unacked())),
            ("consumers", count(view.consumers())),
            ("channels", count(view.channels())),
            ("connections", count(view.connections())),
            ("unconfirmed", count(view.unconfirmed())),
            ("records to be written", count(backlog.records)),
            ("octets of the log", space.used_bytes),
            ("octets of the log in use", space.live_bytes),
        ]
    }

    /// A stream arrives; `false` when nobody listens.
    pub(crate) fn accept(&mut self, now: Time, link: usize) -> bool {
        let Some(running) = self.running.as_mut().filter(|it| it.stage == Stage::Ready) else {
            return false;
        };
        let now = running.clock.read(now);
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let name = ShortStr::truncated(&format!("false stream {link}"));
        let endpoint = Endpoint::new(id, name, ServerConfig::default(), now);
        let socket = Socket { endpoint, inbound: None, input: BytesMut::new(), link, eof: false };
        running.sockets.open.insert(id, socket);
        true
    }

    /// When something is due.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let running = self.running.as_ref()?;
        let works = running.works.iter().map(|(due, _)| *due);
        let farewell = match running.stage {
            Stage::ShuttingDown(until) | Stage::Failing(until, _) => Some(until),
            _ => None,
        };
        let sockets = running.sockets.open.values().filter_map(Socket::poll_timeout);
        let read = running.node.poll_timeout().into_iter().chain(sockets);
        let read = read.map(|reading| running.clock.reaches(reading));
        read.chain(works).chain(farewell).min()
    }

    /// Does everything that is due; gives whether there was anything.
    pub(crate) fn run(&mut self, world: Time, links: &mut Links, random: &mut Random) -> bool {
        let Some(running) = &mut self.running else { return false };
        let now = running.clock.read(world);
        let mut busy = false;
        if running.node.poll_timeout().is_some_and(|due| due <= now) {
            running.node.handle_timeout(now, &mut running.sockets);
            busy = true;
        }
        let ids: Vec<ConnectionId> = running.sockets.open.keys().copied().collect();
        for id in ids {
            busy |= running.serve(id, world, links);
        }
        busy |= running.run_disk(world, self.disk_delay_max, &mut self.random);
        running.hear_node(world, &mut self.done);
        busy |= running.write(world, links, random);
        busy |= running.farewell(world);
        if let Stage::Ended(ending) = &running.stage {
            self.ended = Some(ending.clone());
            for socket in running.sockets.open.values() {
                links[socket.link].cut(world);
            }
            self.kill();
            busy = true;
        }
        busy
    }
}

impl Running {
    /// What a stream brought, and the socket's own timers.
    fn serve(&mut self, id: ConnectionId, world: Time, links: &mut Links) -> bool {
        let now = self.clock.read(world);
        let Some(socket) = self.sockets.open.get_mut(&id) else { return false };
        let mut events = Vec::new();
        if socket.endpoint.wants_read() {
            socket.read(world, now, &mut links[socket.link], &mut events);
        }
        socket.handle_timeout(now, &mut events);
        socket.decode(now, &mut events);
        let mut busy = !events.is_empty();
        self.node.handle_events(now, id, &mut events, &mut self.sockets);
        busy |= self.greet(id, now);
        busy
    }

    /// Answers the login question, and takes the reading half when the connection is open.
    fn greet(&mut self, id: ConnectionId, now: Time) -> bool {
        let Some(socket) = self.sockets.open.get_mut(&id) else { return false };
        if socket.inbound.is_some() {
            return false;
        }
        if let Some(question) = socket.endpoint.poll_question() {
            // The client may have gone away meanwhile.
            let _ = socket.endpoint.answer(now, answer(question));
            self.sockets.touched.insert(id);
            return true;
        }
        socket.inbound = socket.endpoint.split();
        socket.inbound.is_some()
    }

    fn run_disk(&mut self, world: Time, delay_max: Duration, random: &mut Random) -> bool {
        let now = self.clock.read(world);
        for lane in Lane::ALL {
            if let Some(work) = self.node.poll_work(lane) {
                let delay = random.below(delay_max.as_micros() as u64 + 1);
                self.works.push((world + Duration::from_micros(delay), work));
            }
        }
        let due = |(due, _): &mut (Time, DiskWork)| *due <= world;
        let works: Vec<_> = self.works.extract_if(.., due).collect();
        let busy = !works.is_empty();
        for (_, work) in works {
            self.node.handle_done(now, work.run(), &mut self.sockets);
        }
        busy
    }

    fn hear_node(&mut self, world: Time, done: &mut Vec<(CommandId, Option<String>)>) {
        let now = self.clock.read(world);
        while let Some(notice) = self.node.poll_notice() {
            match notice {
                Notice::Ready { present, .. } => {
                    self.clock.go_on_from(present, world);
                    self.stage = Stage::Ready;
                }
                Notice::Failed(error) => {
                    self.node.handle_input(now, Input::Failed, &mut self.sockets);
                    self.stage = Stage::Failing(world + FAREWELL, error.to_string());
                }
                Notice::Done(id, outcome) => {
                    done.push((id, outcome.err().map(|why| why.to_string())))
                }
                Notice::Closed => self.stage = Stage::Ended(Ending::Closed),
                Notice::Unsayable(..)
                | Notice::Session(..)
                | Notice::Warning(_)
                | Notice::TornEnd(_)
                | Notice::DiskFull
                | Notice::DiskLow { .. }
                | Notice::DiskEnough { .. }
                | Notice::DiskRelieved
                | Notice::Damaged(_) => {}
            }
        }
    }

    /// When all connections are gone, or have had their time, the node is closed; one that has failed is just left.
    fn farewell(&mut self, world: Time) -> bool {
        let (until, why) = match &self.stage {
            Stage::ShuttingDown(until) => (*until, None),
            Stage::Failing(until, why) => (*until, Some(why.clone())),
            _ => return false,
        };
        let over = self.sockets.open.is_empty() || until <= world;
        if over {
            match why {
                Some(why) => self.stage = Stage::Ended(Ending::Failed(why)),
                None => {
                    self.stage = Stage::Closing;
                    self.node.close(self.clock.read(world), &mut self.sockets);
                }
            }
        }
        over
    }

    /// Writes what waits, tells the broker, and drops what is finished.
    fn write(&mut self, world: Time, links: &mut Links, random: &mut Random) -> bool {
        let now = self.clock.read(world);
        let ids: Vec<ConnectionId> = self.sockets.open.keys().copied().collect();
        let mut busy = false;
        for id in ids {
            let Some(socket) = self.sockets.open.get_mut(&id) else { continue };
            busy |= socket.write(world, &mut links[socket.link], random);
            let link = socket.link;
            let finished = socket.is_finished(links[link].broken);
            if let Some(drained) = socket.endpoint.drained() {
                self.node.handle_input(now, drained, &mut self.sockets);
            }
            if finished {
                links[link].end_down(world, random);
                self.sockets.open.remove(&id);
                self.node.handle_input(now, Input::Disconnected(id), &mut self.sockets);
                busy = true;
            }
        }
        self.sockets.touched.clear();
        busy
    }
}

impl Socket {
    fn read(&mut self, world: Time, now: Time, link: &mut Link, events: &mut Vec<Event>) {
        link.up.read(world, &mut self.input);
        if link.up.is_at_end(world) && self.input.is_empty() && !self.eof {
            self.eof = true;
            let event = match &mut self.inbound {
                Some(inbound) => inbound.handle_eof(now),
                None => self.endpoint.handle_eof(now),
            };
            events.extend(event);
        }
    }

    fn handle_timeout(&mut self, now: Time, events: &mut Vec<Event>) {
        events.extend(self.endpoint.handle_timeout(now));
        if let Some(inbound) = &mut self.inbound {
            events.extend(inbound.handle_timeout(now));
        }
    }

    fn decode(&mut self, now: Time, events: &mut Vec<Event>) {
        while events.len() < EVENTS_PER_TURN {
            let event = match &mut self.inbound {
                Some(inbound) => inbound.poll_event(now, &mut self.input),
                // The endpoint must hear of each event before it can tell the next.
                None if !events.is_empty() => None,
                None => self.endpoint.poll_event(now, &mut self.input),
            };
            let Some(event) = event else { return };
            events.push(event);
        }
    }

    fn write(&mut self, world: Time, link: &mut Link, random: &mut Random) -> bool {
        if link.broken {
            self.endpoint.abandon();
            return false;
        }
        let room = link.down.room(&link.weather);
        if room == 0 || self.endpoint.outgoing().is_empty() {
            return false;
        }
        let waiting = front(self.endpoint.outgoing(), room);
        let count = link.write_down(world, random, &waiting);
        self.endpoint.advance(count);
        count > 0
    }

    /// Nothing more is to be said, or nobody is there to hear it.
    fn is_finished(&mut self, broken: bool) -> bool {
        let read_all =
            self.inbound.as_ref().is_some_and(|it| it.is_finished() && !it.has_peer_closed());
        let written = broken || self.endpoint.outgoing().is_empty();
        self.eof || (self.endpoint.is_finished() || read_all) && written
    }

    fn poll_timeout(&self) -> Option<Time> {
        let inbound = self.inbound.as_ref().and_then(|inbound| inbound.poll_timeout());
        let endpoint = self.endpoint.poll_timeout();
        inbound.into_iter().chain(endpoint).map(|(due, _)| due).min()
    }
}

/// The first octets of what waits to be written, as many as there is room for.
pub(crate) fn front(outgoing: &Outgoing, room: usize) -> Vec<u8> {
    let mut front = Vec::with_capacity(room.min(outgoing.len()));
    for slice in outgoing.slices() {
        let left = room - front.len();
        front.extend_from_slice(&slice[..left.min(slice.len())]);
        if front.len() == room {
            break;
        }
    }
    front
}

/// A world has two users, with full access and a password that nobody checks twice; and in most lives too little memory, so
/// that what waits does so on disk.
fn config(seed: u64, budget: Option<u64>) -> Config {
    let mut config = Config::new(Seed::from(seed));
    config.limits.pages = true;
    config.limits.memory_budget_bytes =
        budget.unwrap_or([0, 16 << 10, 1 << 30][(seed % 3) as usize]);
    let (guest, vhost) = (ShortStr::from_static("guest"), ShortStr::from_static("/"));
    config.users.push(User::with_full_access(guest, PasswordHash::default(), vhost.clone()));
    let visitor = ShortStr::from_static("visitor");
    config.users.push(User::with_full_access(visitor, PasswordHash::default(), vhost));
    config
}

fn answer(question: Question) -> Answer {
    match question {
        Question::Login(login) => match login.credentials {
            Credentials::Password { user, password } if password.expose() == b"guest" => {
                Answer::Accept { user: ShortStr::truncated(&user) }
            }
            _ => Answer::Refuse,
        },
        Question::Response(_) => Answer::Refuse,
    }
}
