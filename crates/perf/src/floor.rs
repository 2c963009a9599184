//! The floor of this machine: the same producers, but what they send goes through a [relay](crate::relay()) to ends that parse
//! it, count it and confirm it. What a broker loses against this is its own.

use core::sync::atomic::Ordering::Relaxed;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use bytes::{BufMut, BytesMut};
use warrener_codec::Method;
use warrener_codec::method::basic;
use warrener_connection::{ClientConfig, Connection, Decision, Event, Misuse, ServerConfig};

use crate::clock::Clock;
use crate::error::PerfError;
use crate::link::{CHANNEL, Link};
use crate::options::Scenario;
use crate::outcome::{Outcome, Phase, Sample};
use crate::payload::stamp;
use crate::producer::{Producer, Stage};
use crate::run::{Crew, Ended};
use crate::tally::{Signals, Tally, add};
use crate::topology::Topology;
use crate::watch::Watch;

/// Runs `scenario` through a relay with each of these buffer sizes; the best is returned. `program` is this program, which is
/// also the relay.
///
/// # Errors
///
/// When the relay cannot be started.
pub fn floor(
    program: &Path,
    buffers: &[usize],
    scenario: &Scenario,
    progress: &mut dyn FnMut(&str),
) -> Result<Outcome, PerfError> {
    scenario.check()?;
    if scenario.producers == 0 || scenario.request_reply || scenario.backlog {
        return Err(PerfError::options("a relay only forwards what producers publish, at once"));
    }
    let mut best: Option<Outcome> = None;
    for buffer in buffers {
        let relay = Relay::start(program, *buffer)?;
        let (phases, samples) = through(&relay, scenario, progress)?;
        let broker = format!("relay ({} KiB)", buffer / 1024);
        let outcome = Outcome { broker, scenario: scenario.to_string(), phases, samples };
        let rate = |outcome: &Outcome| outcome.last().map_or(0.0, Phase::rate);
        if best.as_ref().is_none_or(|best| rate(&outcome) > rate(best)) {
            best = Some(outcome);
        }
    }
    best.ok_or_else(|| PerfError::options("no buffer size to try"))
}

/// A relay in a process of its own, which ends with this.
struct Relay {
    process: Child,
    port: u16,
}

impl Relay {
    fn start(program: &Path, buffer: usize) -> Result<Self, PerfError> {
        let mut process = Command::new(program)
            .args(["relay", "--buffer", &buffer.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| PerfError::file(program, error))?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(PerfError::Socket)?;
        }
        let port =
            line.trim().parse().map_err(|_| PerfError::options("the relay does not start"))?;
        Ok(Self { process, port })
    }

    fn connect(&self) -> Result<TcpStream, PerfError> {
        TcpStream::connect(("127.0.0.1", self.port)).map_err(PerfError::Connect)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn through(
    relay: &Relay,
    scenario: &Scenario,
    progress: &mut dyn FnMut(&str),
) -> Result<(Vec<Phase>, Vec<Sample>), PerfError> {
    let clock = Clock::start();
    let topology = Topology::new(scenario)?;
    let crew = Crew::new(&Scenario { consumers: scenario.producers, ..scenario.clone() });
    let confirms = scenario.confirm.is_some();
    let mut ends = Vec::new();
    for _ in 0..scenario.producers {
        let (client, server) = opened(clock)?;
        let first = Link::over(relay.connect()?, client, clock)?;
        ends.push((first, Link::over(relay.connect()?, server, clock)?));
    }
    thread::scope(|scope| {
        let (tell, ended) = channel();
        let mut watch = Watch::new(clock, &crew, &ended, Some(relay.process.id()), progress);
        let from = scenario.count.map(|_| watch.begin());
        let stage = Stage { clock, scenario, topology: &topology, start: clock.nanos() };
        for (at, (first, second)) in ends.into_iter().enumerate() {
            let signals = &crew.signals;
            let producer = Producer::new(stage, at, first, &crew.producers[at], signals)?;
            let receiver =
                Receiver { link: second, clock, tally: &crew.consumers[at], signals, confirms };
            let (producing, receiving) = (tell.clone(), tell.clone());
            // Nobody listens any more when another thread has failed before.
            scope.spawn(move || {
                producing.send(Ended { was_producer: true, outcome: producer.run() })
            });
            scope.spawn(move || {
                receiving.send(Ended { was_producer: false, outcome: receiver.run() })
            });
        }
        let watched = match from {
            Some(from) => watch.until_consumed("run", from, 1),
            None => watch.for_a_time(scenario.warm_up, scenario.time),
        };
        crew.signals.stop_producers.store(true, Relaxed);
        crew.signals.stop.store(true, Relaxed);
        watched.map(|()| watch.finish())
    })
}

/// A client and a server that have agreed already, with the channel open.
fn opened(clock: Clock) -> Result<(Connection, Connection), PerfError> {
    let now = clock.time();
    let mut config = ClientConfig::default();
    config.heartbeat_s = Some(0);
    let mut client = Connection::client(config, now);
    let mut server = Connection::server(ServerConfig::new(), now);
    let (mut to_server, mut to_client) = (BytesMut::new(), BytesMut::new());
    let mut is_open = false;
    while !is_open {
        to_server.put(client.outgoing());
        // What is wrong comes as an event, too; between these two nothing is.
        let _ = server.handle_bytes(now, &mut to_server);
        while let Some(event) = server.poll_event() {
            match event {
                Event::Authenticate(_) | Event::Open { .. } => {
                    server.decide(now, Decision::Accept)?
                }
                Event::ChannelOpened(channel) => server.send(channel, &Method::ChannelOpenOk)?,
                _ => {}
            }
        }
        to_client.put(server.outgoing());
        let _ = client.handle_bytes(now, &mut to_client);
        while let Some(event) = client.poll_event() {
            match event {
                Event::Ready(_) => client.send(CHANNEL, &Method::ChannelOpen)?,
                Event::ChannelOpened(_) => {
                    client.send(
                        CHANNEL,
                        &warrener_codec::method::confirm::Select::default().into(),
                    )?;
                    is_open = true;
                }
                _ => {}
            }
        }
    }
    settle_confirms(&mut client, &mut server, clock)?;
    Ok((client, server))
}

/// The machines keep the rules: a server confirms only on a channel that asked for it.
fn settle_confirms(
    client: &mut Connection,
    server: &mut Connection,
    clock: Clock,
) -> Result<(), Misuse> {
    let mut octets = BytesMut::new();
    octets.put(client.outgoing());
    let _ = server.handle_bytes(clock.time(), &mut octets);
    while server.poll_event().is_some() {}
    server.send(CHANNEL, &Method::ConfirmSelectOk)?;
    octets.put(server.outgoing());
    let _ = client.handle_bytes(clock.time(), &mut octets);
    while client.poll_event().is_some() {}
    Ok(())
}

/// The end that parses what comes.
struct Receiver<'a> {
    link: Link,
    clock: Clock,
    tally: &'a Tally,
    signals: &'a Signals,
    confirms: bool,
}

impl Receiver<'_> {
    fn run(mut self) -> Result<(), PerfError> {
        let mut received = 0_u64;
        while !self.signals.stop.load(Relaxed) {
            let before = received;
            let any = match self.read(&mut received) {
                // The producer has said goodbye.
                Err(PerfError::Closed(_)) => {
                    self.link.machine.finish_close();
                    self.link.flush()?;
                    return Ok(());
                }
                read => read?,
            };
            if self.confirms && received > before {
                let ack = basic::Ack { delivery_tag: received, multiple: true };
                self.link.machine.send(CHANNEL, &ack.into())?;
            }
            if !self.link.flush()? || !any {
                self.link.wait(None)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, received: &mut u64) -> Result<bool, PerfError> {
        let (clock, tally, link) = (self.clock, self.tally, &mut self.link);
        let measuring = self.signals.measuring.load(Relaxed);
        let mut outcome = Ok(false);
        tally.record(|latencies| {
            outcome = link.receive(|_, event| {
                if let Event::Content(_, Method::BasicPublish(_), content) = event {
                    if measuring && let Some(left) = stamp(&content.body) {
                        latencies.delivered(clock.nanos().saturating_sub(left));
                    }
                    *received += 1;
                    add(&tally.consumed, 1);
                    add(&tally.octets, content.body.len() as u64);
                }
                Ok(())
            });
        });
        outcome
    }
}
