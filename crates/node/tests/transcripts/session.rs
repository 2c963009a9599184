//! Runs a script against a broker and writes down what its connections hear.

use core::time::Duration;
use std::collections::BTreeMap;

use warrener_codec::{Frame, Method};

use crate::client::Client;
use crate::line::Line;
use crate::names::Names;
use crate::script::{Script, Step};
use crate::show::Show;
use crate::verbs;

/// The frame size that scripts agree to when they say nothing else.
const FRAME_MAX: u32 = 131_072;
/// How long anything may take that is sure to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A broker, ours or another, and the streams to it.
pub(crate) trait Side {
    /// Opens a stream, in place of an earlier one of this number.
    fn dial(&mut self, connection: u32);
    /// Sends octets.
    fn write(&mut self, connection: u32, octets: &[u8]);
    /// Breaks a stream.
    fn cut(&mut self, connection: u32);
    /// Takes what has come on a stream, without waiting; gives whether it has ended.
    fn read(&mut self, connection: u32, into: &mut Vec<u8>) -> bool;
    /// Lets time pass.
    fn wait(&mut self, time: Duration);
    /// The virtual host that scripts call `/`.
    fn vhost(&self) -> String;
    /// Seconds since the epoch, by the broker's clock.
    fn now_s(&self) -> u64;
    /// Whether everything that could come by now has come, given how long nothing has come, what was expected and
    /// whether anything is sure to come still.
    fn has_settled(&mut self, quiet: &mut Quiet, as_expected: bool, awaiting: bool) -> bool;
    /// What the broker calls a user of the script, so that scripts which run at the same time have users of their own.
    fn user_name(&self, name: &str) -> String;
    /// Does what a person does by the management interface.
    fn administer(&mut self, line: &Line);
}

/// How long nothing has come.
#[derive(Debug, Default)]
pub(crate) struct Quiet(pub(crate) Duration);

/// One run of one script.
pub(crate) struct Session<'a> {
    side: &'a mut dyn Side,
    names: Names,
    clients: BTreeMap<u32, Client>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(side: &'a mut dyn Side) -> Self {
        let names = Names::in_vhost(side.vhost());
        Self { side, names, clients: BTreeMap::new() }
    }

    /// Runs a whole script; gives the answer to each step.
    pub(crate) fn run(&mut self, script: &Script) -> Vec<Vec<String>> {
        let answers = script.steps.iter().map(|step| self.step(step)).collect();
        for connection in core::mem::take(&mut self.clients).into_keys() {
            self.side.cut(connection);
        }
        answers
    }

    /// Does what a step says; gives the answer.
    pub(crate) fn step(&mut self, step: &Step) -> Vec<String> {
        for action in &step.actions {
            for action in expand(action) {
                let action = self.names.actual_within(&action);
                self.act(&Line::parse(&action));
            }
        }
        self.settle(&step.recording);
        let lines = self.lines();
        self.clients.values_mut().for_each(Client::forget);
        lines
    }

    /// Does one thing; what comes of it is looked at later.
    fn act(&mut self, line: &Line) {
        let Some(number) = line.connection else {
            return match line.verb.as_str() {
                "wait" => self.side.wait(duration(line.word(0))),
                "user" => {
                    let name = line.word(0);
                    let actual = self.side.user_name(name);
                    if actual != name {
                        self.names.know(&actual, name);
                    }
                    let line = line.with_word(0, actual);
                    self.side.administer(&line);
                }
                _ => self.side.administer(line),
            };
        };
        match line.verb.as_str() {
            "dial" => {
                self.dial(number);
                self.client(number).is_curious = line.has("introduction");
            }
            "connect" => self.connect(number, line),
            "cut" => {
                self.side.cut(number);
                self.clients.remove(&number);
            }
            "manual" => {
                self.connected(number);
                self.client(number).is_manual = true;
            }
            _ => {
                if !line.is_bare {
                    self.connected(number);
                    self.opened(number, line);
                }
                self.send(number, line);
            }
        }
    }

    fn send(&mut self, number: u32, line: &Line) {
        let client = self.clients.get_mut(&number).expect("a connection");
        let octets = verbs::octets(line, client.frame_max);
        client.note_sent(line);
        self.side.write(number, &octets);
    }

    fn dial(&mut self, number: u32) {
        self.side.dial(number);
        self.clients.insert(number, Client::new(FRAME_MAX));
    }

    /// Connects in the usual way, if there is no connection of this number yet.
    fn connected(&mut self, number: u32) {
        if !self.clients.contains_key(&number) {
            self.connect(number, &Line::parse(&format!("{number} connect")));
            self.client(number).forget();
            assert!(self.client(number).is_open, "connection {number} is not let in");
        }
    }

    /// Opens a channel that has not been used before.
    fn opened(&mut self, number: u32, line: &Line) {
        let Some(channel) = line.channel.filter(|channel| *channel > 0) else { return };
        if line.verb == "channel.open" || !self.client(number).used.insert(channel) {
            return;
        }
        let open = Line::parse(&format!("{number}.{channel} channel.open"));
        self.hear();
        self.client(number).is_hidden = true;
        self.send(number, &open);
        self.heard(number);
        self.client(number).is_hidden = false;
    }

    /// Goes through the whole handshake as the line says; shows how it ended.
    fn connect(&mut self, number: u32, line: &Line) {
        self.dial(number);
        let client = self.client(number);
        client.is_hidden = true;
        client.frame_max = line.number_or("frame-max", FRAME_MAX);
        self.side.write(number, b"AMQP\x00\x00\x09\x01");
        let Some(Method::ConnectionStart(_)) = self.heard(number) else {
            return self.shown(number);
        };
        let (user, password) =
            (line.value("user").unwrap_or("guest"), line.value("password").unwrap_or("guest"));
        let without = line.value("without").unwrap_or("-");
        let start_ok = format!(
            "{number} connection.start-ok PLAIN \"\\x00{user}\\x00{password}\" without={without}"
        );
        self.send(number, &Line::parse(&start_ok));
        let Some(Method::ConnectionTune(_)) = self.heard(number) else { return self.shown(number) };
        let tune_ok = format!(
            "{number} connection.tune-ok {} {} {}",
            line.number_or("channel-max", 2_047u16),
            line.number_or("frame-max", FRAME_MAX),
            line.number_or("heartbeat", 0u16),
        );
        self.send(number, &Line::parse(&tune_ok));
        let vhost = line.value("vhost").map_or_else(|| self.side.vhost(), ToOwned::to_owned);
        self.send(number, &Line::parse(&format!("{number} connection.open \"{vhost}\"")));
        self.heard(number);
        self.shown(number);
    }

    /// The end of what is hidden; shows the last that came.
    fn shown(&mut self, number: u32) {
        let client = self.clients.get_mut(&number).expect("a connection");
        client.is_hidden = false;
        let mut show = Show { names: &mut self.names, now_s: self.side.now_s() };
        client.show_last(&mut show);
    }

    /// Waits for a method on channel 0, or for a channel's open-ok; `None` when the stream has ended instead.
    fn heard(&mut self, number: u32) -> Option<Method> {
        self.client(number).shown = None;
        let mut quiet = Quiet::default();
        loop {
            self.hear();
            let client = self.client(number);
            if let Some(method) = client.last.clone() {
                client.last = None;
                client.shown = Some(method.clone());
                return Some(method);
            }
            if client.has_ended || quiet.0 > PATIENCE {
                return None;
            }
            if self.side.has_settled(&mut quiet, false, true) {
                return None;
            }
        }
    }

    /// Waits until everything has come that could.
    fn settle(&mut self, expected: &[String]) {
        let mut quiet = Quiet::default();
        loop {
            if self.hear() {
                quiet = Quiet::default();
            }
            let awaiting = self.clients.values().any(Client::is_awaiting);
            let as_expected = self.lines() == expected;
            if self.side.has_settled(&mut quiet, as_expected, awaiting) {
                return;
            }
        }
    }

    /// Takes in what has come; gives whether there was anything.
    fn hear(&mut self) -> bool {
        let mut any = false;
        for (number, client) in &mut self.clients {
            if client.has_ended {
                continue;
            }
            let mut octets = Vec::new();
            let ended = self.side.read(*number, &mut octets);
            any |= ended || !octets.is_empty();
            let mut show = Show { names: &mut self.names, now_s: self.side.now_s() };
            for reply in client.handle(&octets, ended, &mut show) {
                let mut out = Vec::new();
                Frame::encode(&reply, &mut out);
                self.side.write(*number, &out);
            }
        }
        any
    }

    fn client(&mut self, number: u32) -> &mut Client {
        self.clients.get_mut(&number).expect("a connection")
    }

    fn lines(&self) -> Vec<String> {
        self.clients.iter().flat_map(|(number, client)| client.lines(*number)).collect()
    }
}

/// `{1..3}` in a line makes three of it.
fn expand(action: &str) -> Vec<String> {
    let range = action.split_once('{').and_then(|(before, rest)| {
        let (range, after) = rest.split_once('}')?;
        let (first, last) = range.split_once("..")?;
        Some((before, first.parse::<u32>().ok()?, last.parse::<u32>().ok()?, after))
    });
    match range {
        Some((before, first, last, after)) => {
            (first..=last).map(|number| format!("{before}{number}{after}")).collect()
        }
        None => vec![action.to_owned()],
    }
}

fn duration(word: &str) -> Duration {
    if let Some(ms) = word.strip_suffix("ms") {
        return Duration::from_millis(ms.parse().expect("milliseconds"));
    }
    let seconds = word.strip_suffix('s').expect("5s or 5ms");
    Duration::from_secs(seconds.parse().expect("seconds"))
}
