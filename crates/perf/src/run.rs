//! One run: threads are started, watched, and stopped.

use core::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Scope};

use warrener_codec::method::basic;
use warrener_codec::{ShortStr, Table, Value};
use warrener_connection::Uri;

use crate::clock::Clock;
use crate::consumer::{Consumer, Habits};
use crate::error::PerfError;
use crate::link::{CHANNEL, Link};
use crate::options::Scenario;
use crate::outcome::{Outcome, Phase, Sample};
use crate::producer::{Producer, Stage};
use crate::tally::{Signals, Tally};
use crate::topology::{self, Topology};
use crate::watch::Watch;

/// Runs `scenario` against the broker at `uri`. With `pid` the broker's process is watched, too; `progress` is told a line a
/// second.
///
/// # Errors
///
/// When the broker cannot be reached, refuses, or goes away; when options contradict each other.
pub fn run(
    uri: &str,
    pid: Option<u32>,
    scenario: &Scenario,
    progress: &mut dyn FnMut(&str),
) -> Result<Outcome, PerfError> {
    scenario.check()?;
    let uri: Uri = uri.parse()?;
    let clock = Clock::start();
    let topology = Topology::new(scenario)?;
    let (mut control, introduced) = Link::connect(&uri, clock)?;
    topology.declare(&mut control)?;
    let crew = Crew::new(scenario);
    let phases = thread::scope(|scope| {
        let (tell, failures) = channel();
        let hall =
            Hall { scope, uri: &uri, clock, scenario, topology: &topology, crew: &crew, tell };
        let outcome = conduct(&hall, &failures, pid, progress);
        crew.signals.stop_producers.store(true, Relaxed);
        crew.signals.stop.store(true, Relaxed);
        outcome
    });
    if !scenario.keep {
        topology.delete(&mut control)?;
    }
    control.close();
    let (phases, samples) = phases?;
    Ok(Outcome { broker: name(&introduced), scenario: scenario.to_string(), phases, samples })
}

/// The threads' counters.
pub(crate) struct Crew {
    pub(crate) producers: Vec<Tally>,
    pub(crate) consumers: Vec<Tally>,
    pub(crate) signals: Signals,
}

impl Crew {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let tallies = |count| (0..count).map(|_| Tally::new()).collect();
        Self {
            producers: tallies(scenario.producers),
            consumers: tallies(scenario.consumers),
            signals: Signals::default(),
        }
    }
}

/// What is needed to start a thread. Each tells once, when it ends, how it ended.
struct Hall<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    uri: &'env Uri,
    clock: Clock,
    scenario: &'env Scenario,
    topology: &'env Topology,
    crew: &'env Crew,
    tell: Sender<Ended>,
}

/// A thread ended.
pub(crate) struct Ended {
    pub(crate) was_producer: bool,
    pub(crate) outcome: Result<(), PerfError>,
}

type Measured = (Vec<Phase>, Vec<Sample>);

fn conduct(
    hall: &Hall<'_, '_>,
    failures: &Receiver<Ended>,
    pid: Option<u32>,
    progress: &mut dyn FnMut(&str),
) -> Result<Measured, PerfError> {
    let scenario = hall.scenario;
    let mut watch = Watch::new(hall.clock, hall.crew, failures, pid, progress);
    if scenario.backlog {
        let begun = watch.begin();
        hall.produce()?;
        watch.until_published("fill", begun)?;
        let filled = watch.begin();
        hall.consume()?;
        watch.until_consumed("drain", filled, hall.topology.copies)?;
    } else {
        let from = scenario.count.map(|_| watch.begin());
        hall.consume()?;
        hall.produce()?;
        match from {
            Some(from) => watch.until_consumed("run", from, hall.topology.copies)?,
            None => watch.for_a_time(scenario.warm_up, scenario.time)?,
        }
    }
    Ok(watch.finish())
}

impl<'scope> Hall<'scope, '_> {
    fn consume(&self) -> Result<(), PerfError> {
        let scenario = self.scenario;
        for (at, tally) in self.crew.consumers.iter().enumerate() {
            let (mut link, _) = Link::connect(self.uri, self.clock)?;
            let queues = self.topology.share(at, scenario.consumers);
            topology::consume(&mut link, &queues, scenario)?;
            let ack_every = (!scenario.auto_ack).then_some(scenario.multi_ack.max(1));
            let habits = Habits { ack_every, answers: scenario.request_reply };
            let (clock, signals) = (self.clock, &self.crew.signals);
            let consumer = Consumer { link, clock, tally, signals, habits };
            self.start(false, move || consumer.run());
        }
        Ok(())
    }

    fn produce(&self) -> Result<(), PerfError> {
        let scenario = self.scenario;
        let mut links = Vec::new();
        for _ in &self.crew.producers {
            let (mut link, _) = Link::connect(self.uri, self.clock)?;
            if scenario.request_reply {
                let queue = ShortStr::from_static(topology::REPLY_TO);
                let consume =
                    basic::Consume { queue, no_ack: true, no_wait: true, ..Default::default() };
                link.machine.send(CHANNEL, &consume.into())?;
            } else if scenario.confirm.is_some() {
                link.ask(&warrener_codec::method::confirm::Select::default().into())?;
            }
            links.push(link);
        }
        let start = self.clock.nanos();
        for ((at, tally), link) in self.crew.producers.iter().enumerate().zip(links) {
            let stage = Stage { clock: self.clock, scenario, topology: self.topology, start };
            let producer = Producer::new(stage, at, link, tally, &self.crew.signals)?;
            self.start(true, move || producer.run());
        }
        Ok(())
    }

    fn start(
        &self,
        was_producer: bool,
        work: impl FnOnce() -> Result<(), PerfError> + Send + 'scope,
    ) {
        let tell = self.tell.clone();
        self.scope.spawn(move || {
            let outcome = work();
            // Nobody listens any more when another thread has failed before.
            let _ = tell.send(Ended { was_producer, outcome });
        });
    }
}

fn name(introduced: &Table) -> String {
    let text = |name| match introduced.get(name) {
        Some(Value::LongStr(octets)) => String::from_utf8_lossy(octets).into_owned(),
        _ => String::new(),
    };
    // Some say that they are RabbitMQ, for the sake of clients that know nothing else, and what they are elsewhere.
    match text("warrener_version") {
        ours if !ours.is_empty() => format!("Warrener {ours}"),
        _ => format!("{} {}", text("product"), text("version")).trim().to_owned(),
    }
}
