//! A run: clients that publish, consume, break and come back as chance has it, on a server that is killed, loses its
//! power and finds its disk full.

mod architect;
mod consumer;
mod drain;
mod faults;
mod hermit;
mod operator;
mod options;
mod plan;
mod publisher;
mod record;
mod session;
mod topology;

use core::cell::RefCell;
use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;
use std::rc::Rc;

use crate::history::{Happened, Moment, Story};
use crate::{Random, World};

use architect::Architect;
use consumer::Consumer;
use faults::Faults;
use hermit::Hermit;
use operator::Operator;
use publisher::Publisher;
use record::Record;
use session::Session;

pub use options::Options;
pub use topology::{QueueDesign, Topology};

/// Runs to the end, and gives what happened.
#[must_use]
pub fn run(options: &Options) -> Story {
    let mut random = Random::new(options.seed);
    let topology = Topology::drawn(options, &mut random);
    let moments: Rc<RefCell<Vec<Moment>>> = Rc::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut run = Run::new(options, topology.clone(), random, Rc::clone(&moments));
        for _ in 0..options.steps {
            run.step();
        }
        run.drain();
    }));
    let mut moments = moments.take();
    if let Err(cause) = outcome {
        let text = cause.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
        let what = Happened::Panicked(text.unwrap_or("without words").into());
        let at = moments.last().map_or(crate::world::BEGINNING, |moment| moment.at);
        moments.push(Moment { at, what });
    }
    Story { options: options.clone(), topology, moments }
}

struct Run<'a> {
    options: &'a Options,
    topology: Topology,
    random: Random,
    world: World,
    record: Record,
    faults: Faults,
    /// Declares the topology after each start.
    opener: Option<Session>,
    /// The topology has been declared once: what is durable of it stays.
    declared: bool,
    /// Clients may come.
    open: bool,
    publishers: Vec<Publisher>,
    consumers: Vec<Consumer>,
    hermits: Vec<Hermit>,
    architects: Vec<Architect>,
    operator: Operator,
    /// The operator has taken back everything.
    retired: bool,
}

impl<'a> Run<'a> {
    fn new(
        options: &'a Options,
        topology: Topology,
        mut random: Random,
        moments: Rc<RefCell<Vec<Moment>>>,
    ) -> Self {
        let world = World::in_weather(random.bits(), options.weather());
        // The world came up with its defaults; what it writes from now on is written as the run says.
        world.set_disk_delay(Duration::from_micros(options.disk_delay_max_us));
        let segment_bytes = u32::try_from(options.segment_bytes).unwrap_or(u32::MAX);
        world.set_log(|log| {
            log.segment_bytes = segment_bytes;
            log.batch_bytes = segment_bytes / 4;
            log.fragment_bytes = u32::try_from(options.fragment_bytes()).unwrap_or(u32::MAX);
            log.unsynced_bytes = u64::from(segment_bytes / 4);
            log.reserve_bytes = u64::from(segment_bytes / 2);
        });
        world.restart();
        let record =
            Record::new(world.clone(), moments, topology.queues.len(), options.body_bytes_max);
        Self {
            options,
            topology,
            random,
            world,
            record,
            faults: Faults::default(),
            opener: None,
            declared: false,
            open: false,
            publishers: Vec::new(),
            consumers: Vec::new(),
            hermits: Vec::new(),
            architects: Vec::new(),
            operator: Operator::default(),
            retired: false,
        }
    }

    fn step(&mut self) {
        self.befall();
        self.tend_server();
        self.tend_clients();
        if self.open {
            self.act();
        }
        let moment = if self.random.chance(2) {
            Duration::from_millis(self.random.below(4_000))
        } else {
            Duration::from_micros(self.random.below(20_000))
        };
        self.world.advance(moment);
        self.listen();
        if self.random.chance(5) {
            self.look();
        }
    }

    /// One client does something.
    fn act(&mut self) {
        let Self { topology, random, record, publishers, consumers, hermits, architects, .. } =
            self;
        let all = 2 * publishers.len() + consumers.len() + hermits.len() + architects.len();
        let mut index = random.index(all);
        if index < 2 * publishers.len() {
            let publisher = &mut publishers[index / 2];
            if publisher.session.is_open() {
                publisher.act(topology, random, record);
            }
            return;
        }
        index -= 2 * publishers.len();
        if let Some(consumer) = consumers.get_mut(index) {
            if consumer.session.is_open() {
                consumer.act(random, record);
            }
            return;
        }
        index -= consumers.len();
        if let Some(hermit) = hermits.get_mut(index) {
            if hermit.session.is_open() {
                hermit.act(random, record);
            }
            return;
        }
        if let Some(architect) = architects.get_mut(index - hermits.len())
            && architect.session.is_open()
        {
            architect.act(random, record);
        }
    }

    /// As many clients as there should be, in place of those that are gone.
    fn tend_clients(&mut self) {
        let Self { options, topology, random, record, publishers, consumers, .. } = self;
        let Self { hermits, architects, .. } = self;
        publishers.retain(|publisher| !publisher.session.is_over());
        consumers.retain(|consumer| !consumer.session.is_over());
        hermits.retain(|hermit| !hermit.session.is_over());
        architects.retain(|architect| !architect.session.is_over());
        if !self.open {
            return;
        }
        if (publishers.len() as u64) < options.publishers {
            publishers.extend(Publisher::dial(random, record));
        }
        if (consumers.len() as u64) < options.consumers {
            consumers.extend(Consumer::dial(topology, random, record));
        }
        if (hermits.len() as u64) < options.hermits {
            hermits.extend(Hermit::dial(random, record));
        }
        if (architects.len() as u64) < options.architects {
            architects.extend(Architect::dial(record));
        }
    }

    /// Notes what the clients have heard.
    fn listen(&mut self) {
        for publisher in &mut self.publishers {
            publisher.listen(&self.record);
        }
        for consumer in &mut self.consumers {
            consumer.listen(&self.record);
        }
        for hermit in &mut self.hermits {
            hermit.listen(&self.record);
        }
        for architect in &mut self.architects {
            architect.listen(&self.record);
        }
        self.operator.listen(&self.record);
        self.open_up();
    }

    /// Declares what is to be there, and lets clients in when it is.
    fn open_up(&mut self) {
        let Some(opener) = &mut self.opener else { return };
        if opener.progress(&self.record) {
            let count = self.topology.declare(&opener.channel, self.declared);
            opener.expect_setup(count);
        }
        opener.answers(&self.record);
        if opener.is_open() && opener.waits_for().is_none() {
            opener.say_goodbye();
            self.opener = None;
            self.declared = true;
            self.open = true;
        } else if opener.is_over() {
            self.opener = None;
        }
    }

    /// How much is in the queues.
    fn look(&self) {
        if !self.world.is_listening() {
            return;
        }
        for queue in self.topology.ids() {
            let counts = self.world.view(|view| view.queue("/", &topology::name(queue)));
            if let Some(counts) = counts {
                let (ready, unacked) = (counts.ready, counts.unacked);
                self.record.note(Happened::Looked { queue, ready, unacked });
            }
        }
    }
}
