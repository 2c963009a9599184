//! What is allocated: nothing per message once a connection is warm, and little for a connection that is idle.

use core::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Content, Method, Properties};
use warrener_connection::testing::{Pair, START};
use warrener_connection::{ClientConfig, Connection, Event, ServerConfig};

const ONE: ChannelId = ChannelId::new(1);

/// An open connection, and one buffer that both ways use in turn.
struct World {
    client: Connection,
    server: Connection,
    wire: BytesMut,
}

impl World {
    fn new() -> Self {
        let mut pair = Pair::established();
        pair.open_channel(1);
        let (client, server) = (pair.client.connection, pair.server.connection);
        Self { client, server, wire: BytesMut::with_capacity(256 * 1024) }
    }

    /// A message to the server, one back, and an ack.
    fn turn(&mut self, content: &Content) {
        self.client.publish(ONE, basic::PublishRef::default(), content).unwrap();
        let told = carry(&mut self.client, &mut self.server, &mut self.wire);
        let received = match told {
            Some(Event::Content(_, Method::BasicPublish(publish), content)) => {
                drop(publish);
                content
            }
            other => panic!("{other:?}"),
        };
        let deliver = basic::DeliverRef { delivery_tag: 7, ..Default::default() };
        self.server.outbound().deliver(ONE, deliver, &received).unwrap();
        drop(received);
        let told = carry(&mut self.server, &mut self.client, &mut self.wire);
        let Some(Event::Content(_, Method::BasicDeliver(deliver), _)) = &told else {
            panic!("{told:?}")
        };
        let ack = basic::Ack { delivery_tag: deliver.delivery_tag(), multiple: false };
        self.client.send(ONE, &ack.into()).unwrap();
        drop(told);
        let told = carry(&mut self.client, &mut self.server, &mut self.wire);
        assert!(matches!(told, Some(Event::Method(_, Method::BasicAck(_)))));
    }
}

fn carry(from: &mut Connection, to: &mut Connection, wire: &mut BytesMut) -> Option<Event> {
    let outgoing = from.outgoing();
    while outgoing.has_remaining() {
        let len = outgoing.chunk().len();
        wire.extend_from_slice(outgoing.chunk());
        outgoing.advance(len);
    }
    to.handle_bytes(START, wire).unwrap();
    let event = to.poll_event();
    assert_eq!(to.poll_event(), None);
    event
}

#[test]
fn a_warm_connection_allocates_nothing_per_message() {
    for len in [0, 100, 1_000, 10_000, 100_000] {
        let mut world = World::new();
        let content = Content::new(Properties::default(), Bytes::from(vec![7; len]));
        for _ in 0..100 {
            world.turn(&content);
        }
        let counted = allocation_counter::measure(|| {
            for _ in 0..100 {
                world.turn(&content);
            }
        });
        assert_eq!((counted.count_total, counted.bytes_total), (0, 0), "{len} octets");
    }
}

#[test]
fn ten_thousand_idle_server_connections_cost_less_than_four_kibibytes_each() {
    const CONNECTIONS: usize = 10_000;
    let mut idle = Vec::with_capacity(CONNECTIONS);
    let counted = allocation_counter::measure(|| {
        for _ in 0..CONNECTIONS {
            idle.push(idle_server());
        }
    });
    let bytes = usize::try_from(counted.bytes_current).unwrap() / CONNECTIONS;
    let each = bytes + size_of::<Connection>();
    assert!(each <= 1024, "{each} octets each, {bytes} of them allocated");
    // The eight octets are the last heartbeat's.
    assert!(idle.iter_mut().all(|connection| connection.outgoing().capacity() <= 8));
}

/// A server's connection that was busy once: two channels are open, messages went both ways, and then nothing
/// happened for a minute.
fn idle_server() -> Connection {
    let mut pair = Pair::established_with(ClientConfig::default(), ServerConfig::new());
    pair.open_channel(1);
    pair.open_channel(2);
    let content = Content::new(Properties::default(), Bytes::from(vec![7; 5_000]));
    for _ in 0..10 {
        pair.client.connection.publish(ONE, basic::PublishRef::default(), &content).unwrap();
        let out = pair.server.connection.outbound();
        out.deliver(ONE, basic::DeliverRef::default(), &content).unwrap();
    }
    pair.drive();
    assert_eq!((pair.server.events().len(), pair.client.events().len()), (10, 10));
    pair.advance(Duration::from_secs(70));
    pair.server.connection
}
