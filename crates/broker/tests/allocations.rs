//! How often the allocator is asked for each message, once everything is warm.

use allocation_counter::{AllocationInfo, measure};
use warrener_broker::{Effect, Input};
use warrener_codec::method::basic::{Ack, Publish, PublishRef};
use warrener_codec::{ChannelId, Content, Method, Properties, ShortRef};

use crate::script::World;

/// What a publisher and a consumer share, and the memory for effects.
struct Turn {
    world: World,
    effects: Vec<Effect>,
    publish: Publish,
    content: Content,
    tag: u64,
}

const CHANNEL: ChannelId = ChannelId::new(1);

impl Turn {
    fn new(script: &str, exchange: &str) -> Self {
        let mut world = World::new();
        world.run(script);
        let publish = Publish::from(PublishRef {
            exchange: ShortRef::try_from(exchange).expect("short"),
            routing_key: ShortRef::try_from("q").expect("short"),
            ..PublishRef::default()
        });
        let properties = Properties::builder().content_type("text/plain").build().expect("short");
        let content = Content::new(properties, vec![7; 100]);
        Self { world, effects: Vec::with_capacity(64), publish, content, tag: 0 }
    }

    fn handle(&mut self, input: Input) {
        self.world.broker.handle(self.world.now(), input, &mut self.effects);
        self.effects.clear();
    }

    fn publish(&mut self) {
        let (publish, content) = (self.publish.clone(), self.content.clone());
        self.handle(Input::Publish(World::connection(1), CHANNEL, publish, content));
    }

    fn ack(&mut self) {
        self.tag += 1;
        let ack = Ack { delivery_tag: self.tag, multiple: false };
        self.handle(Input::Method(World::connection(1), CHANNEL, Method::BasicAck(ack)));
    }

    /// What a hundred messages cost, after a hundred.
    fn measured(mut self, one: impl Fn(&mut Self)) -> AllocationInfo {
        (0..100).for_each(|_| one(&mut self));
        measure(|| (0..100).for_each(|_| one(&mut self)))
    }
}

const READY: &str = "1 connect\n1.1 open\n1.1 queue.declare q\n1.1 queue.bind q amq.topic #";

#[test]
fn a_message_delivered_at_once_allocates_nothing() {
    for exchange in ["", "amq.topic"] {
        let consumer = format!("{READY}\n1.1 consume q c no-ack");
        let cost = Turn::new(&consumer, exchange).measured(Turn::publish);
        assert_eq!(cost.count_total, 0, "without acknowledgement, through '{exchange}'");

        let consumer = format!("{READY}\n1.1 confirm.select\n1.1 consume q c");
        let cost = Turn::new(&consumer, exchange).measured(|turn| {
            turn.publish();
            turn.ack();
        });
        assert_eq!(cost.count_total, 0, "with confirm and acknowledgement, through '{exchange}'");
    }
}

#[test]
fn a_message_that_waits_allocates_once() {
    let mut turn = Turn::new(READY, "");
    (0..4096).for_each(|_| turn.publish());
    turn.world.run("1.1 queue.purge q");
    let cost = measure(|| (0..1000).for_each(|_| turn.publish()));
    // The queue's own line grows a little now and then.
    assert!((1000..1100).contains(&cost.count_total), "{} for 1000", cost.count_total);
}
