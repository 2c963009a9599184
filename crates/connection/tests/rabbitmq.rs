//! The client role against a real RabbitMQ, and both roles' manners beside RabbitMQ's.
//!
//! `WARRENER_TEST_RABBITMQ_URI` names a broker; without it, one is started when `rabbitmq-server` is installed.

mod rabbitmq {
    pub(crate) mod broker;
    pub(crate) mod wire;
}

use bytes::Bytes;
use rabbitmq::broker::broker;
use rabbitmq::wire::Wire;
use warrener_codec::method::{basic, channel, confirm, exchange, queue};
use warrener_codec::{ChannelId, Content, Frame, Header, Method, Properties, ShortStr};
use warrener_connection::testing::Peer;
use warrener_connection::{Close, Event, Initiator, ServerConfig, Tune};

const ONE: ChannelId = ChannelId::new(1);

fn short(text: &'static str) -> ShortStr {
    ShortStr::from_static(text)
}

fn message(len: usize) -> Content {
    let properties = Properties::builder().content_type("text/plain").delivery_mode(1).build();
    Content::new(properties.expect("short"), vec![7; len])
}

#[test]
fn a_client_talks_to_rabbitmq() {
    let Some(uri) = broker("a_client_talks_to_rabbitmq") else { return };
    let mut wire = Wire::connect(&uri);
    wire.open_channel(1);
    wire.send(ONE, confirm::Select::default());
    assert_eq!(wire.next(), Event::Method(ONE, Method::ConfirmSelectOk));
    wire.send(ONE, queue::Declare { exclusive: true, ..Default::default() });
    let name = match wire.next() {
        Event::Method(ONE, Method::QueueDeclareOk(declared)) => declared.queue,
        other => panic!("{other:?}"),
    };
    let frame_max = wire.connection.tune().frame_max as usize;
    let sizes = [0, 1, frame_max - 9, frame_max - 8, frame_max - 7, 300_000];
    for (index, len) in sizes.into_iter().enumerate() {
        let publish = basic::PublishRef { routing_key: name.as_short_ref(), ..Default::default() };
        wire.publish(ONE, publish, &message(len));
        let ack = basic::Ack { delivery_tag: index as u64 + 1, multiple: false };
        assert_eq!(wire.next(), Event::Method(ONE, ack.into()), "{len} octets");
    }
    wire.send(ONE, basic::Get { queue: name.clone(), no_ack: true, ..Default::default() });
    let got = wire.next();
    assert!(
        matches!(&got, Event::Content(ONE, Method::BasicGetOk(_), content) if *content == message(0))
    );
    wire.send(ONE, basic::Consume { queue: name, ..Default::default() });
    assert!(matches!(wire.next(), Event::Method(ONE, Method::BasicConsumeOk(_))));
    for len in &sizes[1..] {
        let delivered = wire.next();
        let Event::Content(ONE, Method::BasicDeliver(deliver), content) = &delivered else {
            panic!("{delivered:?}")
        };
        assert_eq!(*content, message(*len));
        let ack = basic::Ack { delivery_tag: deliver.delivery_tag(), multiple: false };
        wire.send(ONE, ack);
    }
    wire.close();
}

#[test]
fn what_cannot_be_routed_comes_back() {
    let Some(uri) = broker("what_cannot_be_routed_comes_back") else { return };
    let mut wire = Wire::connect(&uri);
    wire.open_channel(1);
    let nowhere = short("nowhere");
    let publish = basic::PublishRef {
        routing_key: nowhere.as_short_ref(),
        mandatory: true,
        ..Default::default()
    };
    wire.publish(ONE, publish, &message(10));
    let returned = wire.next();
    let Event::Content(ONE, Method::BasicReturn(back), content) = &returned else {
        panic!("{returned:?}")
    };
    assert_eq!((back.reply_code().number(), *content == message(10)), (312, true));
    wire.close();
}

#[test]
fn a_channel_that_rabbitmq_closes_can_be_opened_again() {
    let Some(uri) = broker("a_channel_that_rabbitmq_closes_can_be_opened_again") else { return };
    let mut wire = Wire::connect(&uri);
    for _ in 0..3 {
        wire.open_channel(1);
        let queue = short("there is no such queue");
        wire.send(ONE, queue::Declare { queue, passive: true, ..Default::default() });
        let told = wire.next();
        let Event::ChannelClosed(ONE, close) = &told else { panic!("{told:?}") };
        assert_eq!((close.by, close.code.number()), (Initiator::Peer, 404));
        assert_eq!((close.class_id, close.method_id), (50, 10));
        wire.send(ONE, Method::ChannelCloseOk);
    }
    // And one that we close, while deliveries may be on their way.
    wire.open_channel(1);
    wire.connection.close_channel(ONE, &Close::goodbye()).expect("an open channel");
    let told = wire.next();
    assert!(matches!(&told, Event::ChannelClosed(ONE, close) if close.by == Initiator::Local));
    wire.open_channel(1);
    wire.close();
}

#[test]
fn amqplain_works_and_a_wrong_password_is_said() {
    let Some(mut uri) = broker("amqplain_works_and_a_wrong_password_is_said") else { return };
    uri.auth_mechanisms = vec!["amqplain".to_owned()];
    Wire::connect(&uri).close();
    uri.password = "wrong".to_owned();
    let refused = Wire::try_connect(&uri).expect_err("a wrong password");
    assert_eq!(
        refused.text,
        "ACCESS_REFUSED - Login was refused using authentication mechanism AMQPLAIN. For details see the broker logfile."
    );
    uri.auth_mechanisms.clear();
    uri.password = "guest".to_owned();
    uri.vhost = "there is no such vhost".to_owned();
    let refused = Wire::try_connect(&uri).expect_err("no such virtual host");
    assert_eq!(refused.text, "NOT_ALLOWED - vhost there is no such vhost not found");
    assert_eq!((refused.class_id, refused.method_id), (10, 40));
}

/// What a client may do wrong once channel 1 is open.
fn sins() -> Vec<(&'static str, Vec<u8>)> {
    let framed = sins_in_frames().into_iter().map(|(sin, frames)| {
        let mut octets = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut octets));
        (sin, octets)
    });
    let in_octets = [
        ("a wrong frame end", b"\x01\0\x01\0\0\0\x04\0\x32\0\x1e\xcd".to_vec()),
        ("an unknown frame type", b"\x04\0\x01\0\0\0\x02ab\xce".to_vec()),
        ("a heartbeat on channel 1", b"\x08\0\x01\0\0\0\0\xce".to_vec()),
        ("arguments cut short", b"\x01\0\x01\0\0\0\x05\0\x3c\0\x50\x01\xce".to_vec()),
        ("a frame too large", b"\x03\0\x01\0\x02\0\x01".to_vec()),
    ];
    framed.chain(in_octets).collect()
}

fn sins_in_frames() -> Vec<(&'static str, Vec<Frame>)> {
    let method = |channel: u16, method: Method| Frame::Method(ChannelId::new(channel), method);
    let publish = || method(1, basic::PublishRef::default().into());
    let header = |size| Frame::Header(ONE, Header::new(size, Properties::default()));
    let body = |len| Frame::Body(ONE, Bytes::from(vec![0; len]));
    let ack = || method(1, basic::Ack { delivery_tag: 1, multiple: false }.into());
    vec![
        ("a second channel.open", vec![method(1, Method::ChannelOpen)]),
        ("a channel that is not open", vec![method(9, queue::Declare::default().into())]),
        (
            "content on a channel that is not open",
            vec![Frame::Header(ChannelId::new(9), Header::default())],
        ),
        ("a header without a method", vec![header(1)]),
        ("a body without a method", vec![body(3)]),
        ("a body without a header", vec![publish(), body(1)]),
        ("a method instead of a header", vec![publish(), ack()]),
        ("a header instead of a body", vec![publish(), header(1), header(1)]),
        ("a method instead of a body", vec![publish(), header(1), ack()]),
        (
            "a header of another class",
            vec![publish(), Frame::Header(ONE, Header { class_id: 50, ..Header::default() })],
        ),
        ("a channel's method on channel 0", vec![method(0, queue::Declare::default().into())]),
        (
            "tune-ok once more",
            vec![method(0, warrener_codec::method::connection::TuneOk::default().into())],
        ),
        ("a server's method", vec![method(1, queue::DeclareOk::default().into())]),
        ("an exchange's declare-ok", vec![method(1, Method::ExchangeDeclareOk)]),
        ("open-ok from a client", vec![method(1, Method::ChannelOpenOk)]),
        ("a body longer than announced", vec![publish(), header(1), body(2)]),
        ("a body larger than anybody takes", vec![publish(), header(536_870_913)]),
        (
            "a body on channel 0",
            vec![Frame::Body(ChannelId::CONNECTION, Bytes::from_static(b"abc"))],
        ),
    ]
}

/// RabbitMQ before 4.3 takes no notice of these.
const NEWER: &[&str] = &["a body longer than announced", "a body larger than anybody takes"];

#[test]
fn broken_rules_are_answered_as_rabbitmq_answers_them() {
    let Some(uri) = broker("broken_rules_are_answered_as_rabbitmq_answers_them") else { return };
    let is_older = Wire::connect(&uri).version < (4, 3);
    let mut differences = Vec::new();
    for (sin, octets) in sins() {
        if is_older && NEWER.contains(&sin) {
            continue;
        }
        let theirs = rabbitmqs_answer(&uri, &octets);
        let ours = our_answer(&octets);
        if theirs != ours {
            differences.push(format!("{sin}:\n  RabbitMQ {theirs:?}\n  ours     {ours:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Code, text, class and method of connection.close. Octets that are quoted are left out: RabbitMQ shows them as text
/// where they look like it, and we show none of channel 0.
fn answer(close: &Close) -> (u16, String, u16, u16) {
    let text = close.text.to_string();
    let (before, _) = text.split_once("<<").unwrap_or((&text, ""));
    (close.code.number(), before.to_owned(), close.class_id, close.method_id)
}

fn rabbitmqs_answer(uri: &warrener_connection::Uri, octets: &[u8]) -> (u16, String, u16, u16) {
    let mut wire = Wire::connect(uri);
    wire.open_channel(1);
    wire.write_octets(octets);
    match wire.next() {
        Event::Closed(close) => answer(&close),
        Event::ChannelClosed(_, close) => panic!("only the channel: {close}"),
        other => panic!("{other:?}"),
    }
}

fn our_answer(octets: &[u8]) -> (u16, String, u16, u16) {
    let mut peer = Peer::of_open_server(ServerConfig::new(), Tune::DEFAULT);
    peer.open_channel(1);
    peer.send_bytes(octets);
    let told = peer.events();
    match told.last() {
        Some(Event::Closed(close)) => answer(close),
        other => panic!("{other:?}"),
    }
}

#[test]
fn channel_flow_and_passive_declares_are_answered() {
    let Some(uri) = broker("channel_flow_and_passive_declares_are_answered") else { return };
    let mut wire = Wire::connect(&uri);
    wire.open_channel(1);
    wire.send(ONE, channel::Flow { active: true });
    let flow_ok = channel::FlowOk { active: true };
    assert_eq!(wire.next(), Event::Method(ONE, flow_ok.into()));
    let exchange = short("amq.direct");
    wire.send(ONE, exchange::Declare { exchange, passive: true, ..Default::default() });
    assert_eq!(wire.next(), Event::Method(ONE, Method::ExchangeDeclareOk));
    wire.close();
}
