//! A broker driven by a few words a line, and what it answered, as text.
//!
//! A line is `CONNECTION.CHANNEL verb arguments flags name=value`; `-` is the empty name. What the broker does about it
//! follows, indented. Records are on disk at once unless `disk slow` was said; then `disk done` puts them there.

mod parse;
mod show;

use core::fmt::Write as _;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use expect_test::Expect;
use warrener_broker::{
    Broker, Capabilities, ClosedBy, Command, CommandError, CommandId, Config, Connected,
    ConnectionId, EFFECTS_PER_TURN, Effect, Input, Limits, LoadedRecord, Outcome, PasswordHash,
    Progress, Record, RecordId, Said, Seed, User, VISITS_PER_TURN,
};
use warrener_codec::{ChannelId, Method, ShortStr};
use warrener_time::Time;

use self::parse::Line;
pub(crate) use self::parse::short as parse_name;

/// Runs a script against a new broker, and compares.
pub(crate) fn check(script: &str, expected: Expect) {
    let mut world = World::new();
    expected.assert_eq(&world.run(script));
}

/// A broker, its disk and its clock.
pub(crate) struct World {
    pub(crate) broker: Broker,
    now: Time,
    pub(crate) records: BTreeMap<RecordId, Record>,
    /// Everything that was ever asked of the log.
    pub(crate) journal: Vec<Effect>,
    last_record: RecordId,
    persisted: RecordId,
    slow_disk: bool,
    /// Records that the broker asked for; they come at once unless `disk reads-slowly` was said, then with `disk read`.
    loads: VecDeque<RecordId>,
    slow_reads: bool,
    budget_bytes: Option<u64>,
    shows_disk: bool,
    lives: u64,
    connections: BTreeMap<u64, BTreeSet<u16>>,
    to_agree: Vec<(ConnectionId, ChannelId)>,
    commands: u64,
    answers: BTreeMap<CommandId, Answer>,
    /// The most effects and the most visits of a turn so far.
    pub(crate) longest: (usize, u64),
    pub(crate) turns: usize,
}

/// What a command led to.
pub(crate) type Answer = Result<Outcome, CommandError>;

impl World {
    pub(crate) fn new() -> Self {
        Self::with_budget(None)
    }

    /// A broker that may hold so much in memory, and has the rest on disk.
    pub(crate) fn with_budget(budget_bytes: Option<u64>) -> Self {
        Self::with_config(config(1, budget_bytes), budget_bytes)
    }

    /// A broker that may hold so much in memory that cannot leave it. What can leave it does at once.
    pub(crate) fn with_fixed(fixed_bytes: u64, pages: bool) -> Self {
        let mut config = config(1, Some(0));
        (config.limits.memory_fixed_bytes, config.limits.pages) = (fixed_bytes, pages);
        Self::with_config(config, Some(0))
    }

    /// A broker with limits of its own.
    pub(crate) fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut config = config(1, None);
        change(&mut config.limits);
        Self::with_config(config, None)
    }

    fn with_config(config: Config, budget_bytes: Option<u64>) -> Self {
        let now = Time::from_secs(1_000);
        Self {
            broker: Broker::new(config, now),
            now,
            records: BTreeMap::new(),
            journal: Vec::new(),
            last_record: RecordId(0),
            persisted: RecordId(0),
            slow_disk: false,
            loads: VecDeque::new(),
            slow_reads: false,
            budget_bytes,
            shows_disk: false,
            lives: 1,
            connections: BTreeMap::new(),
            to_agree: Vec::new(),
            commands: 0,
            answers: BTreeMap::new(),
            longest: (0, 0),
            turns: 0,
        }
    }

    /// Runs more of a script.
    pub(crate) fn run(&mut self, script: &str) -> String {
        let mut out = String::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            writeln!(out, "{line}").expect("strings take text");
            self.step(&Line::parse(line), &mut out);
        }
        out
    }

    fn step(&mut self, line: &Line<'_>, out: &mut String) {
        match line.verb {
            "wait" => self.wait(parse::duration(line.word(0)), out),
            "disk" => self.disk(line.word(0), out),
            "end" => self.end(out),
            "restart" => self.restart(out),
            "view" => out.push_str(&indent(&self.broker.view().to_string())),
            "shutdown" => self.handle(Input::Shutdown, out),
            "failed" => self.handle(Input::Failed, out),
            "refuse" => self.handle(Input::Refuse(line.word(0) == "on"), out),
            "alarm" => self.handle(parse::alarm(line), out),
            "connect" => self.connect(line, out),
            "leave" => self.handle(Input::Closed(line.connection()), out),
            "disconnect" => self.handle(Input::Disconnected(line.connection()), out),
            "open" => {
                self.handle(Input::ChannelOpened(line.connection(), line.channel()), out);
            }
            "close" => self.close(line, ClosedBy::Client, out),
            "closed" => self.close(line, ClosedBy::Broker, out),
            "unfinished" => {
                let bytes = line.number::<u32>(0).into();
                self.handle(Input::Unfinished(line.connection(), bytes), out);
            }
            "drained" => self.handle(Input::Drained(line.connection(), line.number(0)), out),
            "publish" => {
                let (publish, content) = parse::publish(line);
                self.handle(
                    Input::Publish(line.connection(), line.channel(), publish, content),
                    out,
                );
            }
            _ => {
                let method = parse::method(line);
                self.handle(Input::Method(line.connection(), line.channel(), method), out);
            }
        }
    }

    fn connect(&mut self, line: &Line<'_>, out: &mut String) {
        let connected = Connected {
            connection: line.connection(),
            user: parse::short(line.value("user").unwrap_or("guest")),
            vhost: parse::short(line.value("vhost").unwrap_or("/")),
            name: ShortStr::EMPTY,
            frame_max: line.value("frame-max").map_or(131_072, |n| n.parse().expect("octets")),
            capabilities: Capabilities {
                consumer_cancel_notify: !line.has("no-cancel"),
                connection_blocked: !line.has("no-blocked"),
            },
            said: Said {
                ends: parse::short(line.value("ends").unwrap_or("")),
                mechanism: ShortStr::from_static("PLAIN"),
                ..Said::default()
            },
        };
        self.handle(Input::Connected(Box::new(connected)), out);
    }

    fn close(&mut self, line: &Line<'_>, by: ClosedBy, out: &mut String) {
        self.handle(Input::ChannelClosed(line.connection(), line.channel(), by), out);
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// A connection by its number in scripts.
    pub(crate) fn connection(number: u64) -> ConnectionId {
        ConnectionId(number)
    }

    /// Whether a connection is there.
    pub(crate) fn is_connected(&self, connection: u64) -> bool {
        self.connections.contains_key(&connection)
    }

    /// Whether a channel is open, and the broker does not want it closed.
    pub(crate) fn is_open(&self, connection: u64, channel: u16) -> bool {
        self.connections.get(&connection).is_some_and(|open| open.contains(&channel))
    }

    /// Keeps the list of what is open.
    fn note(&mut self, effect: &Effect) {
        match effect {
            Effect::Opened(connection) => {
                self.connections.insert(connection.0, BTreeSet::new());
            }
            Effect::CloseConnection(connection, _) | Effect::ConnectionClosed(connection) => {
                self.connections.remove(&connection.0);
            }
            Effect::Send(connection, channel, Method::ChannelOpenOk) => {
                self.open(connection.0).insert(channel.number());
            }
            Effect::Send(connection, channel, Method::ChannelCloseOk) => {
                self.open(connection.0).remove(&channel.number());
            }
            Effect::CloseChannel(connection, channel, _) => {
                self.open(connection.0).remove(&channel.number());
                self.to_agree.push((*connection, *channel));
            }
            _ => {}
        }
    }

    fn open(&mut self, connection: u64) -> &mut BTreeSet<u16> {
        self.connections.entry(connection).or_default()
    }

    /// Agrees to every closing of a channel that the broker has asked for.
    pub(crate) fn agree(&mut self) {
        for (connection, channel) in core::mem::take(&mut self.to_agree) {
            let closed = Input::ChannelClosed(connection, channel, ClosedBy::Broker);
            self.handle(closed, &mut String::new());
        }
    }

    /// How much of the log is still needed.
    pub(crate) fn records(&self) -> usize {
        self.records.len()
    }

    /// Hands an input over, and lets the disk do what it does.
    pub(crate) fn handle(&mut self, input: Input, out: &mut String) {
        // After these nobody is served, and all is done at once.
        let is_last = matches!(input, Input::Shutdown | Input::Failed);
        let mut effects = Vec::new();
        let before = self.broker.view().visited();
        self.broker.handle(self.now, input, &mut effects);
        if !is_last {
            self.keeps_the_law(before, &effects);
        }
        self.apply(effects, out);
    }

    fn apply(&mut self, effects: Vec<Effect>, out: &mut String) {
        for effect in effects {
            self.note(&effect);
            let disk = matches!(effect, Effect::Persist(_) | Effect::Release(_) | Effect::Load(_));
            if !disk || self.shows_disk {
                writeln!(out, "    {}", show::effect(&effect)).expect("strings take text");
            }
            if disk {
                self.journal.push(effect.clone());
            }
            match effect {
                Effect::Persist(record) => self.append(*record),
                Effect::Release(id) => self.release(id),
                Effect::Load(id) => self.loads.push_back(id),
                Effect::Done(id, result) => {
                    self.answers.insert(id, *result);
                }
                _ => {}
            }
        }
        if !self.slow_disk && self.persisted < self.last_record {
            self.sync(out);
        }
        if !self.slow_reads {
            self.load(out);
        }
    }

    /// Reads back what the broker asked for. What it released meanwhile is not there.
    fn load(&mut self, out: &mut String) {
        while let Some(id) = self.loads.pop_front() {
            let Some(record) = self.records.get(&id) else {
                assert!(!self.broker.view().awaits(id), "a record that is needed was released");
                continue;
            };
            let body: Vec<u8> = record.parts().flatten().collect();
            let restored = LoadedRecord::new(id, record.digest.clone(), body.into());
            let record = restored.expect("what was written is read");
            self.handle(Input::Loaded(Box::new(record)), out);
        }
    }

    /// Gives a command, and lets the broker work until it has nothing to do; what it answered, and all that it did.
    pub(crate) fn command(&mut self, command: Command) -> (Answer, String) {
        self.commands += 1;
        let id = CommandId(self.commands);
        let mut out = String::new();
        self.handle(Input::Command(id, Box::new(command)), &mut out);
        self.work(&mut out);
        (self.answers.remove(&id).expect("every command is answered"), out)
    }

    /// Gives a command that is obeyed.
    pub(crate) fn obeyed(&mut self, command: Command) -> Outcome {
        self.command(command).0.expect("the command is obeyed")
    }

    /// Gives a command that is refused; the error's text.
    pub(crate) fn refused(&mut self, command: Command) -> String {
        self.command(command).0.expect_err("the command is refused").to_string()
    }

    /// Gives a command, and does not wait for it.
    pub(crate) fn begin(&mut self, command: Command) -> String {
        self.commands += 1;
        let mut out = String::new();
        self.handle(Input::Command(CommandId(self.commands), Box::new(command)), &mut out);
        out
    }

    /// Lets the broker do what it has begun.
    pub(crate) fn work(&mut self, out: &mut String) {
        for _ in 0..1_000_000 {
            if self.broker.poll_timeout().is_none_or(|(due, _)| due > self.now) {
                return;
            }
            self.take_turn(out);
        }
        panic!("the broker never comes to an end");
    }

    /// Time passes, and the broker does not hear of it yet.
    pub(crate) fn pass(&mut self, duration: Duration) {
        self.now += duration;
    }

    /// One call of the broker's timer.
    pub(crate) fn take_turn(&mut self, out: &mut String) {
        let mut effects = Vec::new();
        let before = self.broker.view().visited();
        self.broker.handle_timeout(self.now, &mut effects);
        self.keeps_the_law(before, &effects);
        self.apply(effects, out);
    }

    /// No call leads to more than so many effects and visits.
    fn keeps_the_law(&mut self, visited_before: u64, effects: &[Effect]) {
        let visited = self.broker.view().visited() - visited_before;
        assert!(effects.len() <= EFFECTS_PER_TURN, "{} effects in one turn", effects.len());
        assert!(visited <= VISITS_PER_TURN, "{visited} visits in one turn");
        self.longest = (self.longest.0.max(effects.len()), self.longest.1.max(visited));
        self.turns += 1;
    }

    fn append(&mut self, record: Record) {
        assert!(record.id > self.last_record, "record ids only grow");
        self.last_record = record.id;
        self.records.insert(record.id, record);
    }

    /// Releases a record, and those that were only about it.
    fn release(&mut self, id: RecordId) {
        self.records.remove(&id);
        let moot: Vec<RecordId> = self
            .records
            .values()
            .filter(|record| record.refers_to.contains(&id))
            .filter(|record| record.refers_to.iter().all(|of| !self.records.contains_key(of)))
            .map(|record| record.id)
            .collect();
        moot.into_iter().for_each(|id| self.release(id));
    }

    fn sync(&mut self, out: &mut String) {
        self.persisted = self.last_record;
        let progress = Progress { upto: self.persisted, ahead: self.persisted };
        self.handle(Input::Persisted(progress), out);
    }

    fn disk(&mut self, word: &str, out: &mut String) {
        match word {
            "slow" => self.slow_disk = true,
            "done" => self.sync(out),
            "reads-slowly" => self.slow_reads = true,
            "read" => self.load(out),
            "shown" => self.shows_disk = true,
            other => panic!("disk {other}: not a thing a disk does"),
        }
    }

    /// Lets time pass, stopping wherever the broker wants to be woken.
    fn wait(&mut self, duration: Duration, out: &mut String) {
        let end = self.now + duration;
        while let Some((due, _)) = self.broker.poll_timeout().filter(|(due, _)| *due <= end) {
            self.now = self.now.max(due);
            self.take_turn(out);
        }
        self.now = end;
    }

    /// A world in which the broker ended when the log had so much of this one's journal, and another began.
    pub(crate) fn crashed_after(&self, steps: usize) -> Self {
        let mut world = Self::new();
        world.now = self.now;
        world.lives = self.lives;
        for step in &self.journal[..steps] {
            match step.clone() {
                Effect::Persist(record) => world.append(*record),
                Effect::Release(id) => world.release(id),
                _ => unreachable!("nothing else is asked of the log"),
            }
        }
        world.restart(&mut String::new());
        world
    }

    /// The host stops in order; a restart follows.
    fn end(&mut self, out: &mut String) {
        let mut effects = Vec::new();
        self.broker.close(&mut effects);
        self.apply(effects, out);
    }

    /// The broker ends at once, and another begins with what is on disk, having forgotten its clients.
    pub(crate) fn restart(&mut self, out: &mut String) {
        self.restart_with(|_| {}, out);
    }

    /// The same, with another configuration.
    pub(crate) fn restart_with(&mut self, change: impl FnOnce(&mut Config), out: &mut String) {
        let mut effects = Vec::new();
        self.lives += 1;
        self.connections.clear();
        self.to_agree.clear();
        self.loads.clear();
        let mut config = config(self.lives, self.budget_bytes);
        change(&mut config);
        self.broker = Broker::new(config, self.now);
        for record in self.records.values() {
            let body: Vec<u8> = record.parts().flatten().collect();
            let restored = Record::restored(record.id, record.digest.clone(), body.into())
                .expect("what was written is read");
            let taken = self.broker.replay_digest(record.id, &record.digest);
            if !taken.expect("a record of this version") {
                self.broker.replay(&restored).expect("a record of this version");
            }
        }
        self.broker.recovered(self.now, self.last_record, &mut effects).expect("known hosts");
        self.persisted = self.last_record;
        self.apply(effects, out);
    }
}

/// Users `guest`, who may do everything, and `reader`, who may only read.
fn config(life: u64, budget_bytes: Option<u64>) -> Config {
    let mut config = Config::new(Seed::from(life));
    config.limits.pages = budget_bytes.is_some();
    config.limits.memory_budget_bytes = budget_bytes.unwrap_or(config.limits.memory_budget_bytes);
    let user = |name| {
        User::with_full_access(
            ShortStr::from_static(name),
            PasswordHash::default(),
            ShortStr::from_static("/"),
        )
    };
    let mut reader = user("reader");
    let permission = reader.permissions.get_mut(b"/".as_slice()).expect("just made");
    permission.configure = warrener_broker::Pattern::nothing();
    permission.write = warrener_broker::Pattern::nothing();
    let mut outsider = user("outsider");
    outsider.permissions.clear();
    config.users = vec![user("guest"), reader, outsider];
    config
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
