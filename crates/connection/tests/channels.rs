//! Channels: open, close, close races, number reuse, flow, and what may not come on them.

use warrener_codec::method::{basic, channel, exchange, queue};
use warrener_codec::{ChannelId, Content, Frame, Header, Method, Properties};
use warrener_connection::testing::{Pair, Peer};
use warrener_connection::{
    ClientConfig, Close, Event, Initiator, Misuse, ReplyCode, ServerConfig, Tune, Violation,
};

const ONE: ChannelId = ChannelId::new(1);

fn server() -> Peer {
    let mut peer = Peer::of_open_server(ServerConfig::new(), Tune::DEFAULT);
    peer.open_channel(1);
    peer
}

fn declare(name: &str) -> Method {
    queue::Declare { queue: name.try_into().unwrap(), ..queue::Declare::default() }.into()
}

fn not_found() -> Close {
    Close::new(ReplyCode::NOT_FOUND, "no queue 'q' in vhost '/'").blaming(Some((50, 10)))
}

fn channel_close() -> channel::Close {
    channel::Close { reply_code: ReplyCode(200), ..channel::Close::default() }
}

fn publish(content: &Content) -> Vec<Frame> {
    let publish = basic::PublishRef { exchange: "x".try_into().unwrap(), ..Default::default() };
    let mut frames = vec![Frame::Method(ONE, publish.into())];
    frames.push(Frame::Header(ONE, content.header()));
    frames.extend(content.body.chunks(4000).map(|piece| Frame::Body(ONE, piece)));
    frames
}

#[test]
fn a_channel_carries_methods_both_ways_once_it_is_open() {
    let mut pair = Pair::established();
    let one = pair.open_channel(1);
    pair.client.connection.send(one, &declare("q")).unwrap();
    pair.drive();
    assert_eq!(pair.server.events(), [Event::Method(one, declare("q"))]);
    let ok: Method =
        queue::DeclareOk { queue: "q".try_into().unwrap(), ..Default::default() }.into();
    pair.server.connection.send(one, &ok).unwrap();
    pair.drive();
    assert_eq!(pair.client.events(), [Event::Method(one, ok)]);
}

#[test]
fn a_client_may_go_on_before_open_ok_comes() {
    let mut pair = Pair::established();
    pair.client.connection.send(ONE, &Method::ChannelOpen).unwrap();
    pair.client.connection.send(ONE, &declare("q")).unwrap();
    pair.drive();
    assert_eq!(pair.server.events(), [Event::ChannelOpened(ONE), Event::Method(ONE, declare("q"))]);
}

#[test]
fn the_peer_closes_a_channel_and_its_number_is_free_after_close_ok() {
    let mut pair = Pair::established();
    let one = pair.open_channel(1);
    pair.client.close_channel(one, &Close::goodbye());
    assert_eq!(pair.client.connection.send(one, &declare("q")), Err(Misuse::ChannelNotOpen(one)));
    assert_eq!(
        pair.client.connection.send(one, &Method::ChannelOpen),
        Err(Misuse::ChannelOpen(one))
    );
    pair.drive();
    let told = pair.server.events();
    let [Event::ChannelClosed(_, close)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((close.by, close.text.as_str()), (Initiator::Peer, Ok("Goodbye")));
    // What the host says before close-ok gets out first, and does not surprise the client.
    pair.server
        .connection
        .send(one, &basic::Ack { delivery_tag: 1, multiple: false }.into())
        .unwrap();
    pair.server.connection.send(one, &Method::ChannelCloseOk).unwrap();
    pair.drive();
    let told = pair.client.events();
    let [Event::ChannelClosed(_, close)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(close.by, Initiator::Local);
    assert_eq!(pair.open_channel(1), one);
}

#[test]
fn what_comes_on_a_channel_we_closed_is_dropped() {
    let mut peer = server();
    peer.connection.close_channel(ONE, &not_found()).unwrap();
    match peer.expect_method(1) {
        Method::ChannelClose(close) => {
            assert_eq!(close.reply_text, "NOT_FOUND - no queue 'q' in vhost '/'");
            assert_eq!((close.reply_code.number(), close.class_id, close.method_id), (404, 50, 10));
        }
        other => panic!("{other:?}"),
    }
    peer.send_method(1, declare("q"));
    for frame in publish(&Content::new(Properties::default(), vec![7; 10])) {
        peer.send(&frame);
    }
    peer.send_method(1, exchange::Delete::default());
    assert_eq!(peer.events(), []);
    peer.send_method(1, Method::ChannelCloseOk);
    let told = peer.events();
    assert!(
        matches!(&told[..], [Event::ChannelClosed(ONE, close)] if close.by == Initiator::Local)
    );
    peer.expect_silence();
    peer.open_channel(1);
}

#[test]
fn content_cut_short_by_our_close_is_dropped() {
    let mut peer = server();
    let frames = publish(&Content::new(Properties::default(), vec![7; 9000]));
    for frame in &frames[..3] {
        peer.send(frame);
    }
    peer.connection.close_channel(ONE, &not_found()).unwrap();
    peer.expect_method(1);
    // The client sees the close in the middle of its body, and stops.
    peer.send_method(1, Method::ChannelCloseOk);
    assert!(matches!(peer.events()[..], [Event::ChannelClosed(ONE, _)]));
    peer.open_channel(1);
    for frame in publish(&Content::new(Properties::default(), vec![8])) {
        peer.send(&frame);
    }
    assert!(
        matches!(&peer.events()[..], [Event::Content(ONE, _, content)] if content.body.len() == 1)
    );
}

#[test]
fn both_sides_may_close_a_channel_at_once() {
    let mut peer = server();
    peer.connection.close_channel(ONE, &not_found()).unwrap();
    peer.expect_method(1);
    peer.send_method(1, channel_close());
    let told = peer.events();
    assert!(
        matches!(&told[..], [Event::ChannelClosed(ONE, close)] if close.by == Initiator::Local),
        "{told:?}"
    );
    assert_eq!(peer.expect_method(1), Method::ChannelCloseOk);
    peer.send_method(1, Method::ChannelCloseOk);
    assert_eq!(peer.events(), []);
    peer.open_channel(1);
    assert!(peer.connection.is_open());
}

#[test]
fn both_machines_agree_when_both_close_at_once() {
    let mut pair = Pair::established();
    let one = pair.open_channel(1);
    pair.client.close_channel(one, &Close::goodbye());
    pair.server.close_channel(one, &not_found());
    pair.drive();
    for _ in 0..2 {
        for side in [&mut pair.client, &mut pair.server] {
            for event in side.events() {
                assert!(matches!(&event, Event::ChannelClosed(..)), "{event:?}");
            }
        }
        pair.drive();
    }
    pair.open_channel(1);
}

#[test]
fn methods_on_a_channel_that_is_not_open_end_the_connection() {
    let mut peer = server();
    peer.send_method(2, declare("q"));
    peer.expect_close(504, "CHANNEL_ERROR - expected 'channel.open'", (50, 10));
    let mut peer = server();
    peer.send(&Frame::Header(ChannelId::new(2), Header::default()));
    let text = "UNEXPECTED_FRAME - expected method frame, got non method frame instead";
    peer.expect_close(505, text, (0, 0));
    let mut peer = server();
    peer.send_method(1, channel_close());
    peer.send_method(1, declare("q"));
    peer.expect_close(504, "CHANNEL_ERROR - expected 'channel.open'", (50, 10));
}

#[test]
fn a_second_channel_open_ends_the_connection() {
    let mut peer = server();
    peer.send_method(1, Method::ChannelOpen);
    peer.expect_close(504, "CHANNEL_ERROR - second 'channel.open' seen", (20, 10));
}

#[test]
fn methods_that_only_a_server_sends_are_not_taken_from_a_client() {
    let mut peer = server();
    peer.send_method(1, queue::DeclareOk::default());
    peer.expect_close(503, "COMMAND_INVALID - unimplemented method", (50, 11));
    let mut peer = server();
    peer.send_method(1, warrener_codec::method::connection::TuneOk::default());
    peer.expect_close(503, "COMMAND_INVALID - unimplemented method", (10, 31));
}

#[test]
fn methods_that_only_a_client_sends_are_not_taken_from_a_server() {
    let mut peer = Peer::of_open_client(ClientConfig::default());
    peer.connection.send(ONE, &Method::ChannelOpen).unwrap();
    peer.expect_method(1);
    peer.send_method(1, Method::ChannelOpenOk);
    peer.send_method(1, declare("q"));
    peer.expect_close(503, "COMMAND_INVALID - unimplemented method", (50, 10));
}

#[test]
fn channel_methods_on_channel_zero_name_the_state() {
    let mut peer = server();
    peer.send_method(0, declare("q"));
    peer.expect_close(
        504,
        "CHANNEL_ERROR - unexpected method in connection state running",
        (50, 10),
    );
    let mut peer = server();
    peer.send_method(0, warrener_codec::method::connection::TuneOk::default());
    peer.expect_close(
        504,
        "CHANNEL_ERROR - unexpected method in connection state running",
        (10, 31),
    );
}

#[test]
fn a_close_ok_that_nobody_asked_for_ends_the_connection() {
    let mut peer = server();
    peer.send_method(1, Method::ChannelCloseOk);
    let told = peer.events();
    assert!(matches!(&told[..], [Event::Closed(close)] if close.by == Initiator::Library));
    peer.expect_close(504, "CHANNEL_ERROR - unexpected 'channel.close-ok'", (20, 41));
    let error = peer.connection.error().expect("a violation").clone();
    assert_eq!(error, Violation::Unsolicited(Method::ChannelCloseOk.id()).into());
    assert_eq!(peer.try_send_bytes(b""), Err(error));
}

#[test]
fn an_open_ok_that_nobody_asked_for_ends_the_connection() {
    let mut peer = Peer::of_open_client(ClientConfig::default());
    peer.send_method(7, Method::ChannelOpenOk);
    assert!(matches!(peer.events()[..], [Event::Closed(_)]));
    peer.expect_close(504, "CHANNEL_ERROR - unexpected 'channel.open-ok'", (20, 11));
}

#[test]
fn a_server_may_not_speak_on_a_channel_it_has_not_confirmed() {
    let mut peer = Peer::of_open_client(ClientConfig::default());
    peer.connection.send(ONE, &Method::ChannelOpen).unwrap();
    peer.expect_method(1);
    peer.send_method(1, basic::Ack { delivery_tag: 1, multiple: false });
    peer.expect_close(504, "CHANNEL_ERROR - expected 'channel.open-ok'", (60, 80));
}

#[test]
fn the_negotiated_number_of_channels_is_the_limit() {
    let tune = Tune { channel_max: 2, ..Tune::DEFAULT };
    let mut peer = Peer::of_open_server(ServerConfig::new(), tune);
    peer.open_channel(1);
    peer.open_channel(2);
    peer.send_method(3, Method::ChannelOpen);
    peer.expect_close(
        530,
        "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)",
        (0, 0),
    );
    let mut config = ClientConfig::default();
    config.channel_max = 2;
    let mut client = Peer::of_open_client(config);
    let three = ChannelId::new(3);
    assert_eq!(
        client.connection.send(three, &Method::ChannelOpen),
        Err(Misuse::ChannelNumber(three))
    );
}

#[test]
fn flow_goes_both_ways() {
    let mut pair = Pair::established();
    let one = pair.open_channel(1);
    for active in [false, true] {
        let flow: Method = channel::Flow { active }.into();
        let ok: Method = channel::FlowOk { active }.into();
        pair.client.connection.send(one, &flow).unwrap();
        pair.server.connection.send(one, &flow).unwrap();
        pair.drive();
        assert_eq!(pair.client.events(), [Event::Method(one, flow.clone())]);
        assert_eq!(pair.server.events(), [Event::Method(one, flow)]);
        pair.client.connection.send(one, &ok).unwrap();
        pair.server.connection.send(one, &ok).unwrap();
        pair.drive();
        assert_eq!(pair.client.events(), [Event::Method(one, ok.clone())]);
        assert_eq!(pair.server.events(), [Event::Method(one, ok)]);
    }
}

#[test]
fn a_number_is_reused_many_times() {
    let mut pair = Pair::established();
    for round in 0..20 {
        let one = pair.open_channel(1);
        let (closer, other) = if round % 2 == 0 {
            (&mut pair.client, &mut pair.server)
        } else {
            (&mut pair.server, &mut pair.client)
        };
        closer.close_channel(one, &not_found());
        let _ = other;
        pair.drive();
        for side in [&mut pair.client, &mut pair.server] {
            if matches!(&side.events()[..], [Event::ChannelClosed(_, close)] if close.by == Initiator::Peer)
            {
                side.connection.send(one, &Method::ChannelCloseOk).unwrap();
            }
        }
        pair.drive();
        for side in [&mut pair.client, &mut pair.server] {
            side.events();
        }
    }
}

#[test]
fn the_host_is_told_what_it_cannot_do() {
    let mut pair = Pair::established();
    let one = pair.open_channel(1);
    let two = ChannelId::new(2);
    let content = Content::default();
    let client = &mut pair.client.connection;
    let publish: Method = basic::PublishRef::default().into();
    let deliver: Method = basic::DeliverRef::default().into();
    assert_eq!(client.send(two, &declare("q")), Err(Misuse::ChannelNotOpen(two)));
    assert_eq!(client.send(one, &publish), Err(Misuse::Content(publish.id())));
    assert_eq!(
        client.send_content(one, &declare("q"), &content),
        Err(Misuse::Content(declare("q").id()))
    );
    assert_eq!(client.send_content(one, &deliver, &content), Err(Misuse::Method(deliver.id())));
    assert_eq!(client.send_content(two, &publish, &content), Err(Misuse::ChannelNotOpen(two)));
    let open_ok = Method::ChannelOpenOk;
    assert_eq!(client.send(two, &open_ok), Err(Misuse::Method(open_ok.id())));
    let close = Method::ConnectionCloseOk;
    assert_eq!(client.send(ChannelId::CONNECTION, &close), Err(Misuse::Method(close.id())));
    assert_eq!(client.send(one, &close), Err(Misuse::Method(close.id())));
    assert_eq!(
        client.send(ChannelId::CONNECTION, &declare("q")),
        Err(Misuse::Method(declare("q").id()))
    );
    assert_eq!(client.close_channel(two, &not_found()), Err(Misuse::ChannelNotOpen(two)));
    assert!(client.outgoing().is_empty(), "nothing of it was queued");
    assert!(pair.server.connection.publish(one, basic::PublishRef::default(), &content).is_err());
}
