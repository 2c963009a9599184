//! One thread carries messages from a publisher's octets to a consumer's, through endpoint, broker, queue and log, without
//! sockets or clocks: the same instructions every time, so that they can be counted.
//!
//! `benches/counts/run` counts those of `counted_part` with valgrind.

use bytes::{Buf, BufMut, BytesMut};
use warrener_broker::{Config, ConnectionId, PasswordHash, Seed, User};
use warrener_codec::method::{basic, confirm, exchange, queue};
use warrener_codec::{ChannelId, Content, Method, Properties, ShortRef, ShortStr, Table};
use warrener_connection::{ClientConfig, Connection, Event, Inbound, ServerConfig};
use warrener_endpoint::{Answer, Endpoint};
use warrener_node::{Connections, Node};
use warrener_store::{Lane, Log, MemoryLog, Work};
use warrener_time::Time;

const NOW: Time = Time::from_secs(1_000);
const CHANNEL: ChannelId = ChannelId::new(1);
const QUEUE: ShortStr = ShortStr::from_static("q");
/// Messages that one read brings.
const BATCH: usize = 50;
/// Batches that warm everything up, and batches that are counted.
const WARM: usize = 20;
const COUNTED: usize = 200;

/// A load: what the queue is reached by, and what is asked for.
struct Load {
    name: &'static str,
    exchange: &'static str,
    queues: usize,
    bytes: usize,
    persistent: bool,
    acks: bool,
}

const LOADS: [Load; 6] = [
    Load { name: "transient", exchange: "", queues: 1, bytes: 16, persistent: false, acks: false },
    Load {
        name: "transient_acks",
        exchange: "",
        queues: 1,
        bytes: 1_024,
        persistent: false,
        acks: true,
    },
    Load { name: "large", exchange: "", queues: 1, bytes: 65_536, persistent: false, acks: false },
    Load {
        name: "confirms_acks",
        exchange: "",
        queues: 1,
        bytes: 1_024,
        persistent: true,
        acks: true,
    },
    Load {
        name: "fanout_10",
        exchange: "fanout",
        queues: 10,
        bytes: 16,
        persistent: false,
        acks: false,
    },
    Load { name: "topic", exchange: "topic", queues: 1, bytes: 16, persistent: false, acks: false },
];

fn main() {
    let asked = std::env::args().nth(1);
    for load in LOADS.iter().filter(|load| asked.as_deref().is_none_or(|asked| asked == load.name))
    {
        let mut world = World::new(load);
        for _ in 0..WARM {
            world.carry_batch(load);
        }
        let before = world.received;
        counted_part(&mut world, load);
        assert_eq!(world.received - before, COUNTED * BATCH * load.queues, "{}", load.name);
    }
}

/// What is counted.
#[inline(never)]
fn counted_part(world: &mut World, load: &Load) {
    for _ in 0..COUNTED {
        world.carry_batch(load);
    }
}

/// One side of a stream each.
struct Peer {
    id: ConnectionId,
    client: Connection,
    inbound: Option<Box<Inbound>>,
    input: BytesMut,
}

struct World {
    node: Node<MemoryLog>,
    endpoints: Endpoints,
    publisher: Peer,
    consumer: Peer,
    /// A batch of publishes as octets.
    template: Vec<u8>,
    events: Vec<Event>,
    received: usize,
    delivery_tag: u64,
}

struct Endpoints([Endpoint; 2]);

impl Connections for Endpoints {
    fn with<R>(&mut self, id: ConnectionId, then: impl FnOnce(&mut Endpoint) -> R) -> Option<R> {
        self.0.get_mut(id.0 as usize).map(then)
    }
}

impl World {
    fn new(load: &Load) -> Self {
        let mut config = Config::new(Seed::from(1));
        let guest = ShortStr::from_static("guest");
        let vhost = ShortStr::from_static("/");
        config.users = vec![User::with_full_access(guest, PasswordHash::default(), vhost)];
        config.limits.outbound_high_bytes = u64::MAX;
        let endpoint =
            |id| Endpoint::new(ConnectionId(id), ShortStr::EMPTY, ServerConfig::default(), NOW);
        let peer = |id| Peer {
            id: ConnectionId(id),
            client: Connection::client(ClientConfig::default(), NOW),
            inbound: None,
            input: BytesMut::new(),
        };
        let mut world = Self {
            node: Node::open(config, MemoryLog::new(), NOW),
            endpoints: Endpoints([endpoint(0), endpoint(1)]),
            publisher: peer(0),
            consumer: peer(1),
            template: Vec::new(),
            events: Vec::new(),
            received: 0,
            delivery_tag: 0,
        };
        world.work();
        world.open();
        world.prepare(load);
        world
    }

    /// Both log in and open their channel.
    fn open(&mut self) {
        for _ in 0..10 {
            self.talk();
        }
        for peer in [&mut self.publisher, &mut self.consumer] {
            peer.client.send(CHANNEL, &Method::ChannelOpen).expect("connected");
        }
        self.talk();
    }

    fn prepare(&mut self, load: &Load) {
        let exchange = ShortStr::from_static(if load.exchange.is_empty() { "" } else { "x" });
        if !load.exchange.is_empty() {
            let kind = ShortStr::from_static(load.exchange);
            let exchange = exchange.clone();
            self.ask(exchange::Declare { exchange, kind, ..Default::default() }.into());
        }
        for at in 0..load.queues {
            let queue = if at == 0 { QUEUE } else { ShortStr::truncated(&format!("q{at}")) };
            let declare =
                queue::Declare { queue: queue.clone(), durable: true, ..Default::default() };
            self.ask(declare.into());
            if !load.exchange.is_empty() {
                let bind = queue::Bind {
                    queue: queue.clone(),
                    exchange: exchange.clone(),
                    routing_key: ShortStr::from_static("q"),
                    arguments: Table::default(),
                    ..Default::default()
                };
                self.ask(bind.into());
            }
            let consume = basic::Consume { queue, no_ack: !load.acks, ..Default::default() };
            self.consumer.client.send(CHANNEL, &consume.into()).expect("open");
            self.talk();
        }
        if load.persistent {
            self.ask(confirm::Select::default().into());
        }
        let mode = if load.persistent { 2 } else { 1 };
        let properties = Properties::builder().delivery_mode(mode).build().expect("short");
        let content = Content::new(properties, vec![7; load.bytes]);
        for _ in 0..BATCH {
            let publish = basic::PublishRef {
                exchange: exchange.as_short_ref(),
                routing_key: ShortRef::new(b"q").expect("short"),
                ..Default::default()
            };
            self.publisher.client.outbound().publish(CHANNEL, publish, &content).expect("open");
        }
        let outgoing = self.publisher.client.outgoing();
        self.template = outgoing.copy_to_bytes(outgoing.remaining()).to_vec();
    }

    fn ask(&mut self, method: Method) {
        self.publisher.client.send(CHANNEL, &method).expect("open");
        for _ in 0..3 {
            self.talk();
        }
    }

    /// A batch comes in one read, is routed, stored, delivered, and acknowledged one by one.
    fn carry_batch(&mut self, load: &Load) {
        self.publisher.input.extend_from_slice(&self.template);
        self.serve(true);
        self.work();
        let delivered = BATCH * load.queues;
        self.received += self.hear(delivered);
        if load.acks {
            for _ in 0..delivered {
                self.delivery_tag += 1;
                let ack = basic::Ack { delivery_tag: self.delivery_tag, multiple: false };
                self.consumer.client.send(CHANNEL, &ack.into()).expect("open");
            }
            self.consumer.input.put(self.consumer.client.outgoing());
            self.serve(false);
            self.work();
        }
    }

    /// What the consumer's octets say: so many deliveries, so many octets of them; they are not taken apart.
    fn hear(&mut self, delivered: usize) -> usize {
        let outgoing = self.endpoints.0[1].outgoing().remaining();
        self.endpoints.0[1].advance(outgoing);
        let confirms = self.endpoints.0[0].outgoing().remaining();
        self.endpoints.0[0].advance(confirms);
        for at in 0..2 {
            if let Some(input) = self.endpoints.0[at].drained() {
                self.node.handle_input(NOW, input, &mut self.endpoints);
            }
        }
        if outgoing > 0 { delivered } else { 0 }
    }

    /// Everything both have to say to each other, taken apart on both sides.
    fn talk(&mut self) {
        for publisher in [true, false] {
            let peer = if publisher { &mut self.publisher } else { &mut self.consumer };
            peer.input.put(peer.client.outgoing());
            self.serve(publisher);
            self.work();
            let peer = if publisher { &mut self.publisher } else { &mut self.consumer };
            let endpoint = &mut self.endpoints.0[peer.id.0 as usize];
            let mut octets = BytesMut::new();
            for slice in endpoint.outgoing().slices() {
                octets.put_slice(slice);
            }
            endpoint.advance(octets.len());
            peer.client.handle_bytes(NOW, &mut octets).expect("our own words");
            while peer.client.poll_event().is_some() {}
        }
    }

    fn serve(&mut self, publisher: bool) {
        let peer = if publisher { &mut self.publisher } else { &mut self.consumer };
        let id = peer.id;
        loop {
            let endpoint = &mut self.endpoints.0[id.0 as usize];
            if peer.inbound.is_none() {
                if let Some(_question) = endpoint.poll_question() {
                    let user = ShortStr::from_static("guest");
                    endpoint.answer(NOW, Answer::Accept { user }).expect("it waits");
                }
                peer.inbound = endpoint.split();
            }
            let event = match &mut peer.inbound {
                Some(inbound) => {
                    while let Some(event) = inbound.poll_event(NOW, &mut peer.input) {
                        self.events.push(event);
                    }
                    None
                }
                None => endpoint.poll_event(NOW, &mut peer.input),
            };
            self.events.extend(event);
            if self.events.is_empty() {
                return;
            }
            self.node.handle_events(NOW, id, &mut self.events, &mut self.endpoints);
        }
    }

    fn work(&mut self) {
        loop {
            let mut any = false;
            for lane in Lane::ALL {
                while let Some(work) = self.node.poll_work(lane) {
                    let done = <<MemoryLog as Log>::Work as Work>::run(work);
                    self.node.handle_done(NOW, done, &mut self.endpoints);
                    any = true;
                }
            }
            while self.node.poll_notice().is_some() {}
            if !any {
                return;
            }
        }
    }
}
