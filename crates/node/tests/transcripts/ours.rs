//! Our broker: a node in memory, on a clock that stands still until a script waits.

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::BytesMut;
use warrener_broker::{
    Alarm, Command, CommandId, Config, ConnectionId, Input, Json, Object, ParameterDefinition,
    PasswordHash, Permission, PolicyDefinition, Seed, TopicPermission, User,
};
use warrener_codec::ShortStr;
use warrener_connection::{Credentials, Event, ServerConfig};
use warrener_endpoint::{Answer, Endpoint, Question};
use warrener_node::{Connections, Node, Notice};
use warrener_store::{Lane, MemoryLog, Work};
use warrener_time::Time;

use crate::line::Line;
use crate::session::{Quiet, Side};

/// When every script begins.
const START: Time = Time::from_secs(1_700_000_000);

/// The largest message, as the broker that was recorded had it.
const MESSAGE_BYTES: u64 = 1 << 20;

/// Our broker, from what it is set up with on.
pub(crate) struct Ours {
    config: Config,
    passwords: BTreeMap<String, String>,
    /// Nothing until the first client comes: until then users are made.
    running: Option<Running>,
}

/// A node and the streams to it.
struct Running {
    now: Time,
    node: Node<MemoryLog>,
    passwords: BTreeMap<String, String>,
    streams: Streams,
    /// Which stream a script's connection is on.
    numbers: BTreeMap<u32, ConnectionId>,
    next: u64,
}

#[derive(Default)]
struct Streams(BTreeMap<ConnectionId, Stream>);

struct Stream {
    endpoint: Endpoint,
    /// What the client said and was not read yet.
    input: BytesMut,
    /// What the client has not taken yet.
    output: Vec<u8>,
    /// The broker has ended it.
    ended: bool,
}

impl Connections for Streams {
    fn with<R>(&mut self, id: ConnectionId, then: impl FnOnce(&mut Endpoint) -> R) -> Option<R> {
        self.0.get_mut(&id).filter(|stream| !stream.ended).map(|stream| then(&mut stream.endpoint))
    }
}

impl Ours {
    pub(crate) fn new() -> Self {
        let mut config = Config::new(Seed::from(7));
        config.limits.message_bytes = MESSAGE_BYTES;
        let (guest, vhost) = (ShortStr::from_static("guest"), ShortStr::from_static("/"));
        config.users.push(User::with_full_access(guest, PasswordHash::default(), vhost));
        let passwords = BTreeMap::from([("guest".to_owned(), "guest".to_owned())]);
        Self { config, passwords, running: None }
    }

    fn running(&mut self) -> &mut Running {
        let Self { config, passwords, running } = self;
        running.get_or_insert_with(|| Running::new(config.clone(), passwords.clone()))
    }
}

impl Running {
    fn new(config: Config, passwords: BTreeMap<String, String>) -> Self {
        let mut running = Self {
            now: START,
            node: Node::open(config, MemoryLog::new(), START),
            passwords,
            streams: Streams::default(),
            numbers: BTreeMap::new(),
            next: 1,
        };
        running.run();
        running
    }

    fn alarm(&mut self, on: bool) {
        self.node.handle_input(self.now, Input::Alarm(Alarm::Memory, on), &mut self.streams);
        self.run();
    }

    fn command(&mut self, command: Command) {
        self.node.command(self.now, CommandId(1), command, &mut self.streams);
        self.run();
    }

    /// Carries octets and does the disk's work until nothing moves.
    fn run(&mut self) {
        loop {
            let ids: Vec<ConnectionId> = self.streams.0.keys().copied().collect();
            let mut moved = false;
            for id in ids {
                moved |= self.serve(id);
            }
            moved |= self.work();
            if !moved {
                return;
            }
        }
    }

    fn work(&mut self) -> bool {
        let mut moved = self.node.poll_timeout().is_some_and(|due| due <= self.now);
        if moved {
            self.node.handle_timeout(self.now, &mut self.streams);
        }
        for lane in Lane::ALL {
            while let Some(work) = self.node.poll_work(lane) {
                self.node.handle_done(self.now, work.run(), &mut self.streams);
                moved = true;
            }
        }
        while let Some(notice) = self.node.poll_notice() {
            let went_wrong = match &notice {
                Notice::Failed(_) => true,
                Notice::Done(_, outcome) => outcome.is_err(),
                _ => false,
            };
            assert!(!went_wrong, "{notice:?}");
        }
        moved
    }

    fn serve(&mut self, id: ConnectionId) -> bool {
        let stream = self.streams.0.get_mut(&id).expect("a stream");
        if stream.ended {
            return false;
        }
        let mut events: Vec<Event> = stream.endpoint.handle_timeout(self.now).into_iter().collect();
        while events.is_empty() || stream.endpoint.is_open() {
            match stream.endpoint.poll_event(self.now, &mut stream.input) {
                Some(event) => events.push(event),
                None => break,
            }
        }
        let mut moved = !events.is_empty();
        self.node.handle_events(self.now, id, &mut events, &mut self.streams);
        let stream = self.streams.0.get_mut(&id).expect("a stream");
        if let Some(question) = stream.endpoint.poll_question() {
            let answer = answer(&self.passwords, question);
            let _ = stream.endpoint.answer(self.now, answer);
            moved = true;
        }
        let said: Vec<u8> = stream.endpoint.outgoing().slices().flatten().copied().collect();
        stream.endpoint.advance(said.len());
        stream.output.extend_from_slice(&said);
        moved |= !said.is_empty();
        if let Some(drained) = stream.endpoint.drained() {
            self.node.handle_input(self.now, drained, &mut self.streams);
        }
        moved | self.finish(id)
    }

    fn finish(&mut self, id: ConnectionId) -> bool {
        let stream = self.streams.0.get_mut(&id).expect("a stream");
        if !stream.endpoint.is_finished() || !stream.endpoint.outgoing().is_empty() {
            return false;
        }
        stream.ended = true;
        self.node.handle_input(self.now, Input::Disconnected(id), &mut self.streams);
        true
    }

    fn next_timeout(&self) -> Option<Time> {
        let streams = self.streams.0.values().filter(|stream| !stream.ended);
        let endpoints = streams.filter_map(|stream| stream.endpoint.poll_timeout());
        endpoints.map(|(due, _)| due).chain(self.node.poll_timeout()).min()
    }

    fn dial(&mut self, connection: u32) {
        let id = ConnectionId(self.next);
        self.next += 1;
        let name = ShortStr::truncated(&format!("connection {connection}"));
        let mut server = ServerConfig::default();
        server.limits.message_max_bytes = MESSAGE_BYTES;
        let endpoint = Endpoint::new(id, name, server, self.now);
        let stream = Stream { endpoint, input: BytesMut::new(), output: Vec::new(), ended: false };
        self.streams.0.insert(id, stream);
        self.numbers.insert(connection, id);
    }

    fn write(&mut self, connection: u32, octets: &[u8]) {
        let id = self.numbers[&connection];
        let stream = self.streams.0.get_mut(&id).expect("a stream");
        stream.input.extend_from_slice(octets);
    }

    fn cut(&mut self, connection: u32) {
        let Some(id) = self.numbers.remove(&connection) else { return };
        self.run();
        let stream = self.streams.0.get_mut(&id).expect("a stream");
        let mut events: Vec<Event> = stream.endpoint.handle_eof(self.now).into_iter().collect();
        self.node.handle_events(self.now, id, &mut events, &mut self.streams);
        self.streams.0.remove(&id);
        self.node.handle_input(self.now, Input::Disconnected(id), &mut self.streams);
    }

    fn read(&mut self, connection: u32, into: &mut Vec<u8>) -> bool {
        self.run();
        let Some(id) = self.numbers.get(&connection) else { return true };
        let stream = self.streams.0.get_mut(id).expect("a stream");
        into.append(&mut stream.output);
        stream.ended
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        self.run();
        while let Some(due) = self.next_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.node.handle_timeout(self.now, &mut self.streams);
            self.run();
        }
        self.now = end;
    }
}

impl Side for Ours {
    fn dial(&mut self, connection: u32) {
        self.running().dial(connection);
    }

    fn write(&mut self, connection: u32, octets: &[u8]) {
        self.running().write(connection, octets);
    }

    fn cut(&mut self, connection: u32) {
        self.running().cut(connection);
    }

    fn read(&mut self, connection: u32, into: &mut Vec<u8>) -> bool {
        self.running().read(connection, into)
    }

    fn wait(&mut self, time: Duration) {
        self.running().wait(time);
    }

    fn vhost(&self) -> String {
        "/".into()
    }

    fn now_s(&self) -> u64 {
        self.running.as_ref().map_or(START, |running| running.now).as_micros() / 1_000_000
    }

    /// Whatever follows from what was said has been done when it is looked at twice.
    fn has_settled(&mut self, quiet: &mut Quiet, _as_expected: bool, _awaiting: bool) -> bool {
        quiet.0 += Duration::from_millis(1);
        quiet.0 > Duration::from_millis(1)
    }

    fn user_name(&self, name: &str) -> String {
        name.into()
    }

    fn administer(&mut self, line: &Line) {
        if line.verb == "alarm" {
            return self.running().alarm(line.has("on"));
        }
        if let Some(command) = command(line) {
            return self.running().command(command);
        }
        assert!(self.running.is_none(), "{}: the broker runs already", line.verb);
        let name = line.name(0);
        let word = |index| if line.word(index) == "-" { "" } else { line.word(index) };
        if line.verb == "user" {
            let mut user = User::new(name, PasswordHash::default());
            let tags = line.value("tags").unwrap_or_default();
            user.tags = tags.split(',').map(ShortStr::truncated).collect();
            self.config.users.push(user);
            self.passwords.insert(line.word(0).to_owned(), line.word(1).to_owned());
            return;
        }
        let user = self.config.users.iter_mut().find(|user| user.name == name).expect("a user");
        let vhost = ShortStr::from_static("/");
        match line.verb.as_str() {
            "permissions" => {
                let permission = Permission::parse(word(1), word(2), word(3)).expect("patterns");
                user.permissions.insert(vhost, permission);
            }
            "topic-permissions" => {
                let permission = TopicPermission::parse(word(2), word(3), &name, &vhost);
                let exchange = ShortStr::truncated(word(1));
                user.topic_permissions.insert((vhost, exchange), permission.expect("patterns"));
            }
            "user-limit" => {
                let limit = Some(line.number(2));
                match line.word(1) {
                    "max-connections" => user.limits.max_connections = limit,
                    "max-channels" => user.limits.max_channels = limit,
                    other => panic!("{other}: no such limit"),
                }
            }
            other => panic!("{other}: no such verb"),
        }
    }
}

/// What the people who run a broker may ask of it at any time.
fn command(line: &Line) -> Option<Command> {
    let vhost = ShortStr::from_static("/");
    let name = line.name(0);
    Some(match line.verb.as_str() {
        "policy" => Command::SetPolicy(policy(line)),
        "operator-policy" => Command::SetOperatorPolicy(policy(line)),
        "clear-policy" => Command::ClearPolicy { vhost, name },
        "clear-operator-policy" => Command::ClearOperatorPolicy { vhost, name },
        "vhost-limit" => Command::SetParameter(ParameterDefinition {
            vhost,
            component: ShortStr::from_static("vhost-limits"),
            name: ShortStr::from_static("limits"),
            value: Json::Object(Object::new().with(line.word(0), json(line.word(1)))),
            ..ParameterDefinition::default()
        }),
        _ => return None,
    })
}

fn policy(line: &Line) -> PolicyDefinition {
    PolicyDefinition {
        vhost: ShortStr::from_static("/"),
        name: line.name(0),
        pattern: line.word(1).into(),
        apply_to: line.word(2).into(),
        priority: line.number(3),
        definition: line
            .definition()
            .into_iter()
            .map(|(name, text)| (name.into(), json(text)))
            .collect(),
        ..PolicyDefinition::default()
    }
}

fn json(text: &str) -> Json {
    if let Ok(number) = text.parse() {
        Json::Integer(number)
    } else if let Ok(truth) = text.parse() {
        Json::Bool(truth)
    } else {
        Json::Text(text.into())
    }
}

fn answer(passwords: &BTreeMap<String, String>, question: Question) -> Answer {
    match question {
        Question::Login(login) => match login.credentials {
            Credentials::Password { user, password }
                if passwords.get(&user).is_some_and(|own| own.as_bytes() == password.expose()) =>
            {
                Answer::Accept { user: ShortStr::truncated(&user) }
            }
            _ => Answer::Refuse,
        },
        Question::Response(_) => Answer::Refuse,
    }
}
