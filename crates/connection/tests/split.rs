//! The two halves of an open connection, each on its own.

use core::time::Duration;

use bytes::{Buf, BytesMut};
use warrener_codec::method::{basic, channel, connection};
use warrener_codec::{ChannelId, Content, Frame, Method, Properties};
use warrener_connection::testing::{Pair, START};
use warrener_connection::{
    ClientConfig, Close, ConnectionError, Event, Inbound, Initiator, Outbound, ReplyCode,
    ServerConfig, Timer, Violation,
};
use warrener_time::Time;

const ONE: ChannelId = ChannelId::new(1);
const NOW: Time = START;

/// A server's halves with channel 1 open on both sides, and a peer's octets.
struct Server {
    inbound: Inbound,
    outbound: Outbound,
    input: BytesMut,
}

impl Server {
    fn new() -> Self {
        let mut pair = Pair::established();
        pair.open_channel(1);
        let (inbound, outbound) = pair.server.connection.split().expect("an open connection");
        Self { inbound, outbound, input: BytesMut::new() }
    }

    fn hear(&mut self, channel: u16, method: impl Into<Method>) {
        method.into().encode(ChannelId::new(channel), &mut self.input);
    }

    fn next(&mut self) -> Option<Event> {
        self.inbound.poll_event(NOW, &mut self.input)
    }

    /// What was said, as frames.
    fn said(&mut self) -> Vec<Frame> {
        let outgoing = self.outbound.outgoing();
        let mut octets = BytesMut::from(&outgoing.copy_to_bytes(outgoing.remaining())[..]);
        let mut decoder = warrener_codec::Decoder::new(warrener_codec::Limits::default());
        core::iter::from_fn(|| decoder.decode(&mut octets).expect("frames")).collect()
    }
}

fn by(event: Option<Event>) -> Option<Initiator> {
    match event? {
        Event::ChannelClosed(_, close) | Event::Closed(close) => Some(close.by),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_connection_splits_when_it_is_open_and_not_before() {
    let pair = Pair::new(ClientConfig::default(), ServerConfig::new());
    assert!(pair.client.connection.split().is_err());
    assert!(Pair::established().client.connection.split().is_ok());
}

#[test]
fn events_not_yet_polled_go_with_the_inbound_half() {
    let mut pair = Pair::established();
    pair.client.connection.send(ONE, &Method::ChannelOpen).unwrap();
    pair.client.connection.send(ONE, &Method::TxSelect).unwrap();
    pair.drive();
    let (mut inbound, _) = pair.server.connection.split().expect("an open connection");
    let mut input = BytesMut::new();
    Method::TxCommit.encode(ONE, &mut input);
    let told: Vec<Event> = core::iter::from_fn(|| inbound.poll_event(NOW, &mut input)).collect();
    assert_eq!(
        told,
        [
            Event::ChannelOpened(ONE),
            Event::Method(ONE, Method::TxSelect),
            Event::Method(ONE, Method::TxCommit)
        ]
    );
}

#[test]
fn one_half_parses_while_the_other_encodes_in_another_thread() {
    let Server { mut inbound, mut outbound, mut input } = Server::new();
    let content = Content::new(Properties::default(), vec![1; 100]);
    for _ in 0..1_000 {
        basic::PublishRef::default().encode(ONE, &mut input);
        content.encode(ONE, 0, &mut input);
    }
    std::thread::scope(|threads| {
        let parsing = threads
            .spawn(move || core::iter::from_fn(|| inbound.poll_event(NOW, &mut input)).count());
        let encoding = threads.spawn(move || {
            for delivery_tag in 1..=1_000 {
                let deliver = basic::DeliverRef { delivery_tag, ..Default::default() };
                outbound.deliver(ONE, deliver, &content).unwrap();
            }
            outbound.outgoing().len()
        });
        assert_eq!(parsing.join().unwrap(), 1_000);
        assert!(encoding.join().unwrap() > 100_000);
    });
}

/// The inbound half never hears of our close, and the event comes late: a host that admits events loses nothing.
#[test]
fn our_close_of_a_channel_needs_no_word_to_the_inbound_half() {
    let mut server = Server::new();
    server.hear(1, Method::TxSelect);
    let parsed_before = server.next().unwrap();
    let close = Close::new(ReplyCode::PRECONDITION_FAILED, "unknown delivery tag 1");
    server.outbound.close_channel(ONE, &close).unwrap();
    assert_eq!(server.outbound.admit(NOW, parsed_before), None);
    server.hear(1, Method::TxCommit);
    server.hear(1, Method::ChannelCloseOk);
    server.hear(1, Method::ChannelOpen);
    let admitted: Vec<Event> =
        core::iter::from_fn(|| server.inbound.poll_event(NOW, &mut server.input))
            .filter_map(|event| server.outbound.admit(NOW, event))
            .collect();
    assert!(
        matches!(&admitted[..], [Event::ChannelClosed(ONE, _), Event::ChannelOpened(ONE)]),
        "{admitted:?}"
    );
}

/// A broker keeps the state of channels itself, and shows nothing to the outbound half.
#[test]
fn a_broker_needs_no_admission() {
    let mut server = Server::new();
    // Its turn closes the channel, while the client's own close is on its way: it answers what it sees.
    server.outbound.close_channel(ONE, &Close::goodbye()).unwrap();
    server.hear(1, channel::Close::default());
    assert_eq!(by(server.next()), Some(Initiator::Peer));
    server.outbound.send(ONE, &Method::ChannelCloseOk).unwrap();
    server.hear(1, Method::ChannelCloseOk);
    assert_eq!(server.next(), None);
    // The number is free, though nobody told the outbound half.
    server.hear(1, Method::ChannelOpen);
    assert_eq!(server.next(), Some(Event::ChannelOpened(ONE)));
    server.outbound.send(ONE, &Method::ChannelOpenOk).unwrap();
    // And once more, without a crossing.
    server.outbound.close_channel(ONE, &Close::goodbye()).unwrap();
    server.hear(1, Method::ChannelCloseOk);
    assert_eq!(by(server.next()), Some(Initiator::Local));
    server.hear(1, Method::ChannelOpen);
    assert_eq!(server.next(), Some(Event::ChannelOpened(ONE)));
    server.outbound.send(ONE, &Method::ChannelOpenOk).unwrap();
    server.outbound.send(ONE, &Method::TxSelectOk).unwrap();
    assert_eq!(server.said().len(), 6);
}

/// A client that does not wait for close-ok before it opens the number again is served in order.
#[test]
fn a_number_reopened_early_is_served_in_order() {
    let mut server = Server::new();
    server.hear(1, channel::Close::default());
    server.hear(1, Method::ChannelOpen);
    let told = [server.next().unwrap(), server.next().unwrap()];
    for event in told {
        match server.outbound.admit(NOW, event).unwrap() {
            Event::ChannelClosed(..) => server.outbound.send(ONE, &Method::ChannelCloseOk).unwrap(),
            _ => server.outbound.send(ONE, &Method::ChannelOpenOk).unwrap(),
        }
    }
    assert_eq!(
        server.said(),
        [Frame::Method(ONE, Method::ChannelCloseOk), Frame::Method(ONE, Method::ChannelOpenOk)]
    );
}

#[test]
fn a_broken_rule_reaches_the_outbound_half_with_its_event() {
    let mut server = Server::new();
    server.hear(1, Method::ChannelOpen);
    let event = server.next().unwrap();
    assert_eq!(
        server.inbound.error(),
        Some(&Violation::SecondOpen(Method::ChannelOpen.id()).into())
    );
    // What the broker said before its turn came to this event still goes out before the close.
    server.outbound.send(ONE, &Method::TxSelectOk).unwrap();
    assert_eq!(by(server.outbound.admit(NOW, event)), Some(Initiator::Library));
    let said = server.said();
    let [first, Frame::Method(_, Method::ConnectionClose(close))] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!(*first, Frame::Method(ONE, Method::TxSelectOk));
    assert_eq!(close.reply_text, "CHANNEL_ERROR - second 'channel.open' seen");
    assert_eq!(server.outbound.poll_timeout().unwrap().1, Timer::CloseOk);
    // close-ok reaches the inbound half, which is how the host knows that it may drop the stream.
    server.hear(1, Method::TxSelect);
    server.hear(0, Method::ConnectionCloseOk);
    assert_eq!(server.next(), None);
    assert!(server.inbound.is_finished());
}

#[test]
fn a_rule_that_takes_both_halves_is_found_by_admission() {
    let mut server = Server::new();
    server.hear(1, Method::ChannelCloseOk);
    let event = server.next().unwrap();
    let told = server.outbound.admit(NOW, event);
    assert_eq!(by(told), Some(Initiator::Library));
    let unsolicited = Violation::Unsolicited(Method::ChannelCloseOk.id());
    assert_eq!(server.outbound.error(), Some(&ConnectionError::from(unsolicited)));
    server.hear(1, Method::TxSelect);
    server.hear(0, Method::ConnectionCloseOk);
    while let Some(event) = server.next() {
        assert_eq!(server.outbound.admit(NOW, event), None);
    }
    assert!(server.inbound.is_finished());
}

#[test]
fn the_peers_close_is_answered_when_the_host_says_so() {
    let mut server = Server::new();
    server.hear(0, connection::Close::default());
    let event = server.next().unwrap();
    assert!(server.inbound.is_finished() && server.inbound.has_peer_closed());
    assert_eq!(by(server.outbound.admit(NOW, event)), Some(Initiator::Peer));
    assert!(!server.outbound.is_finished());
    server.outbound.finish_close();
    assert_eq!(server.said(), [Frame::Method(ChannelId::CONNECTION, Method::ConnectionCloseOk)]);
    assert!(server.outbound.is_finished());
}

#[test]
fn our_close_is_answered_through_the_inbound_half() {
    let mut server = Server::new();
    let shutdown = Close::new(ReplyCode::CONNECTION_FORCED, "shutdown");
    server.outbound.close(NOW, shutdown.clone());
    server.hear(1, Method::TxSelect);
    server.hear(0, Method::ConnectionCloseOk);
    let told: Vec<Event> =
        core::iter::from_fn(|| server.inbound.poll_event(NOW, &mut server.input))
            .filter_map(|event| server.outbound.admit(NOW, event))
            .collect();
    assert_eq!(told, [Event::Closed(shutdown)]);
    assert!(server.outbound.is_finished() && server.inbound.is_finished());
}

#[test]
fn each_half_has_its_own_timers() {
    let mut server = Server::new();
    assert_eq!(server.inbound.poll_timeout().unwrap().1, Timer::HeartbeatReceive);
    assert_eq!(server.outbound.poll_timeout().unwrap().1, Timer::HeartbeatSend);
    let later = NOW + Duration::from_secs(151);
    let event = server.inbound.handle_timeout(later).expect("silence");
    assert_eq!(by(server.outbound.admit(later, event)), Some(Initiator::Library));
    assert!(server.outbound.is_finished());
    assert!(server.said().is_empty());
}
